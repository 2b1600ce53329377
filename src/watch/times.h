/* SPDX-License-Identifier: MIT */
/* times.h - percentiles of the sampled times in a counters file. */
#ifndef WI_WATCH_TIMES_H
#define WI_WATCH_TIMES_H

#include <stdbool.h>

#include <weir/counters.h>

struct wi_times_summary {
	bool known; /* something was measured; all is 0 otherwise */
	uint64_t samples, sum_ns;
	uint64_t p50_ns, p99_ns, max_ns;
};

/*
 * What was counted between two looks at the same histogram; before: NULL, all of it. One in which
 * anything is less than before began again, and is taken whole.
 *
 * ret->max_ns is exact if the greatest time came between the looks; otherwise it is where the
 * highest bucket with a count ends.
 */
void wi_times_since(weir_counters_times *ret, const weir_counters_times *now,
		    const weir_counters_times *before);

/*
 * Percentiles are the middles of their buckets (an eighth off at most), and never above the
 * greatest time; in the last bucket, which has no end, they are the greatest time.
 */
struct wi_times_summary wi_times_summarize(const weir_counters_times *times);

#endif
