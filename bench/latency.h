/* SPDX-License-Identifier: MIT */
/*
 * latency.h - one-way latency: from before weir_reserve() to inside the handler, the ring idle.
 *
 * The producer waits 2 to 5 microseconds between events, so that the dispatcher,
 * which spins, has nothing else to do. The handler answers by a store at once and
 * the producer, which spins on it, takes the time there and back by its own clock:
 * two fences and a second clock inside the handler would add 50 ns to 65, and the way
 * back is what yardstick_line_ns() measures. What a reading of the clock costs is
 * taken off as well.
 */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

struct latency;

struct latency *latency_open(void);     /* NULL after a message */

/* n samples in nanoseconds, sorted. line_ns: of a cache line, for the way back. */
bool latency_run(struct latency *latency, double line_ns, double *samples, uint32_t n);

bool latency_close(struct latency *latency);

#endif
