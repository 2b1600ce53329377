/* SPDX-License-Identifier: MIT */
/* times.c - see times.h. */
#include "core/times.h"

#include "base/atomic.h"
#include "base/compiler.h"

void
wi_times_record(struct wi_times *times, uint64_t ns, uint64_t passed)
{
	uint64_t weight = passed - times->passed;

	times->passed = passed;
	wi_add_own(&times->samples, 1);
	wi_add_own(&times->sum_ns, ns * weight);
	if (ns > times->max_ns)
		wi_store_relaxed(&times->max_ns, ns);
	wi_add_own(&times->count[weir_counters_bucket(ns)], weight);
}

void
wi_times_sum(const struct wi_times *times, weir_counters_times *sum)
{
	sum->samples += wi_load_relaxed(&times->samples);
	sum->sum_ns += wi_load_relaxed(&times->sum_ns);
	sum->max_ns = WI_MAX(sum->max_ns, wi_load_relaxed(&times->max_ns));
	for (uint32_t i = 0; i < WEIR_COUNTERS_BUCKET_COUNT; i++)
		sum->count[i] += wi_load_relaxed(&times->count[i]);
}
