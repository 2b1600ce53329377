/* SPDX-License-Identifier: MIT */
/* times.c - see times.h. */
#include "watch/times.h"

#include <stddef.h>

enum { LAST = WEIR_COUNTERS_BUCKET_COUNT - 1 };

static bool
began_again(const weir_counters_times *now, const weir_counters_times *before)
{
	if (now->samples < before->samples || now->sum_ns < before->sum_ns ||
	    now->max_ns < before->max_ns)
		return true;
	for (int i = 0; i <= LAST; i++)
		if (now->count[i] < before->count[i])
			return true;
	return false;
}

void
wi_times_since(weir_counters_times *ret, const weir_counters_times *now,
	       const weir_counters_times *before)
{
	uint64_t highest = 0;

	*ret = *now;
	if (before == NULL || began_again(now, before))
		return;
	ret->samples -= before->samples;
	ret->sum_ns -= before->sum_ns;
	for (uint32_t i = 0; i <= LAST; i++) {
		ret->count[i] -= before->count[i];
		if (ret->count[i] > 0)
			highest = i < LAST ? weir_counters_bucket_least(i + 1) - 1 : UINT64_MAX;
	}
	if (now->max_ns == before->max_ns && highest < now->max_ns)
		ret->max_ns = highest;
}

static uint64_t
add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t
middle_of(uint32_t bucket, uint64_t max_ns)
{
	uint64_t least = weir_counters_bucket_least(bucket), middle;

	if (bucket == LAST)
		return max_ns;
	middle = least + (weir_counters_bucket_least(bucket + 1) - least) / 2;
	return middle < max_ns ? middle : max_ns;
}

/* The least time that at least so many in a hundred do not exceed. */
static uint64_t
percentile(const weir_counters_times *times, uint64_t total, uint64_t percent)
{
	uint64_t wanted = total / 100 * percent + (total % 100 * percent + 99) / 100, seen = 0;

	for (uint32_t i = 0; i < LAST; i++) {
		seen = add(seen, times->count[i]);
		if (seen >= wanted)
			return middle_of(i, times->max_ns);
	}
	return middle_of(LAST, times->max_ns);
}

struct wi_times_summary
wi_times_summarize(const weir_counters_times *times)
{
	struct wi_times_summary summary = {.known = false};
	uint64_t total = 0;

	for (int i = 0; i <= LAST; i++)
		total = add(total, times->count[i]);
	if (total == 0)
		return summary;
	return (struct wi_times_summary){.known = true,
					 .samples = times->samples,
					 .sum_ns = times->sum_ns,
					 .p50_ns = percentile(times, total, 50),
					 .p99_ns = percentile(times, total, 99),
					 .max_ns = times->max_ns};
}
