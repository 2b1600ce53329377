/* SPDX-License-Identifier: MIT */
/* probe.h - what the kernel's calls cost here that weir makes, and how still a processor is. */
#ifndef MEASURE_PROBE_H
#define MEASURE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"

/* A membarrier while another thread runs on `other`: median in ns; below 0: it is refused. */
double probe_fence_ns(int own, int other);

/* A system call that does nothing, median of batches in ns. */
double probe_syscall_ns(void);

struct probe_wake {
	double call_ns;                 /* the waker's futex call, median */
	double p50_ns, p99_ns;          /* from before that call until the woken thread runs */
};

/* A thread on `other` sleeps, one on `own` wakes it, again and again. False: errno. */
bool probe_wake(int own, int other, struct probe_wake *ret_wake);

/*
 * Read the clock on that processor for so long; what lies between two readings. False: errno.
 * The calling thread stays there.
 */
bool probe_gaps(int cpu, uint64_t ns, struct histogram *gaps);

#endif
