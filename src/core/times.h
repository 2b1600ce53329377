/* SPDX-License-Identifier: MIT */
/*
 * times.h - a histogram of sampled times: one thread writes, anybody reads (buckets: <weir/counters.h>).
 *
 * Who takes a sample says how many events have passed by then, so that a sample stands for all
 * since the one before: bursts, of which few are measured, weigh as much as they should.
 */
#ifndef WI_CORE_TIMES_H
#define WI_CORE_TIMES_H

#include <weir/counters.h>

struct wi_times {
	uint64_t samples, sum_ns, max_ns;
	uint64_t passed;                /* events at the last sample */
	uint64_t count[WEIR_COUNTERS_BUCKET_COUNT];
};

/* passed: events so far, this one included. */
void wi_times_record(struct wi_times *times, uint64_t ns, uint64_t passed);

/* Adds to an entry of the counters file. */
void wi_times_sum(const struct wi_times *times, weir_counters_times *sum);

#endif
