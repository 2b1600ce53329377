/* SPDX-License-Identifier: MIT */
/* line.h - what a cache line takes from one processor to another. */
#ifndef MEASURE_LINE_H
#define MEASURE_LINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A thread on the second processor, the caller on the first. False: errno. */
bool line_start(int from, int to, pthread_t *ret_thread, void *(*body)(void *), void *argument);

/*
 * Half of a trip there and back, in nanoseconds, the mean of `trips`, or of those that were made
 * until `deadline` (machine_ns(); 0: none). One at a time in the process; the calling thread is
 * on the first processor from then on. Below 0: errno; ETIMEDOUT: not even one.
 */
double line_ns(int from, int to, uint32_t trips, uint64_t deadline);

#endif
