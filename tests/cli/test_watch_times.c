/* SPDX-License-Identifier: MIT */
/* test_watch_times.c - percentiles of histograms whose buckets are those of <weir/counters.h>. */
#include "watch/times.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

enum { LAST = WEIR_COUNTERS_BUCKET_COUNT - 1 };

/* So many of a time, as the bus would count them. */
static void
add(weir_counters_times *times, uint64_t ns, uint64_t count)
{
	times->samples++;
	times->sum_ns += ns * count;
	times->max_ns = ns > times->max_ns ? ns : times->max_ns;
	times->count[weir_counters_bucket(ns)] += count;
}

static void
test_buckets(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < LAST; i++) {
		uint64_t least = weir_counters_bucket_least(i),
			 end = weir_counters_bucket_least(i + 1);

		assert_true(least < end);
		assert_int_equal(weir_counters_bucket(least), i);
		assert_int_equal(weir_counters_bucket(end - 1), i);
	}
	assert_int_equal(weir_counters_bucket(UINT64_MAX), LAST);
	assert_int_equal(weir_counters_bucket(0), 0);
	assert_int_equal(weir_counters_bucket(7), 7);
}

static void
test_nothing(void **state)
{
	weir_counters_times times = {.samples = 7, .max_ns = 9, .sum_ns = 8};
	struct wi_times_summary summary = wi_times_summarize(&times);

	(void)state;
	assert_false(summary.known);
	assert_int_equal(summary.samples, 0);
	assert_int_equal(summary.p99_ns, 0);
}

static void
test_percentiles(void **state)
{
	weir_counters_times times = {.kind = 0};
	struct wi_times_summary summary;

	(void)state;
	/* 99 of 4 ns, one of 1 ms: exactly 99 in a hundred do not exceed 4 ns. */
	add(&times, 4, 99);
	add(&times, 1000000, 1);
	summary = wi_times_summarize(&times);
	assert_true(summary.known);
	assert_int_equal(summary.samples, 2);
	assert_int_equal(summary.sum_ns, 99 * 4 + 1000000);
	assert_int_equal(summary.p50_ns, 4);
	assert_int_equal(summary.p99_ns, 4);
	assert_int_equal(summary.max_ns, 1000000);
	/* 98 of 99: not any more. The middle of [917504, 1048576) is 983040. */
	add(&times, 1000000, 1);
	assert_int_equal(wi_times_summarize(&times).p99_ns, 983040);
	/* 98 of 99 are fewer than 99 in a hundred. */
	times = (weir_counters_times){.kind = 0};
	add(&times, 3, 98);
	add(&times, 1000000, 1);
	assert_int_equal(wi_times_summarize(&times).p99_ns, 983040);
	/* Half of them: the lower of two. */
	times = (weir_counters_times){.kind = 0};
	add(&times, 3, 5);
	add(&times, 1000, 5);
	assert_int_equal(wi_times_summarize(&times).p50_ns, 3);
	add(&times, 1000, 1);
	assert_int_equal(wi_times_summarize(&times).p50_ns, 960);
}

/* Not above the greatest; where a bucket has no end, the greatest. */
static void
test_greatest(void **state)
{
	weir_counters_times times = {.kind = 0};

	(void)state;
	add(&times, 900, 10);
	assert_int_equal(wi_times_summarize(&times).p50_ns, 900);
	add(&times, UINT64_C(60000000000), 1000);
	assert_int_equal(wi_times_summarize(&times).p50_ns, UINT64_C(60000000000));
}

static void
test_difference(void **state)
{
	weir_counters_times before = {.kind = 1, .subscription = 5}, now, since;

	(void)state;
	add(&before, 5000000, 100);
	now = before;
	add(&now, 2000, 10);
	wi_times_since(&since, &now, &before);
	assert_int_equal(since.samples, 1);
	assert_int_equal(since.sum_ns, 20000);
	assert_int_equal(since.count[weir_counters_bucket(2000)], 10);
	assert_int_equal(since.count[weir_counters_bucket(5000000)], 0);
	/* The greatest is older: as much is known as where the bucket ends. */
	assert_int_equal(since.max_ns, 2047);
	assert_int_equal(since.subscription, 5);
	/* A new greatest is exact, also in the bucket of the old one. */
	add(&now, 5000001, 1);
	wi_times_since(&since, &now, &before);
	assert_int_equal(since.max_ns, 5000001);
	/* One as great as the greatest: not above it. */
	now = before;
	add(&now, 4900000, 1);
	wi_times_since(&since, &now, &before);
	assert_int_equal(since.max_ns, 5000000);
	/* Nothing came. */
	wi_times_since(&since, &before, &before);
	assert_false(wi_times_summarize(&since).known);
	assert_int_equal(since.max_ns, 0);
	/* No look before. */
	wi_times_since(&since, &now, NULL);
	assert_memory_equal(&since, &now, sizeof(now));
	/* In the last bucket the greatest is all that is known. */
	before = (weir_counters_times){.kind = 1};
	add(&before, UINT64_C(9000000000), 1);
	now = before;
	add(&now, UINT64_C(8000000000), 1);
	wi_times_since(&since, &now, &before);
	assert_int_equal(since.max_ns, UINT64_C(9000000000));
}

/* Whatever is less than before: it began again, and is taken whole. */
static void
test_back(void **state)
{
	weir_counters_times before = {.kind = 1}, now, since;

	(void)state;
	for (int i = 0; i < 4; i++) {
		before = (weir_counters_times){.kind = 1};
		add(&before, 1000, 50);
		now = before;
		add(&now, 1000000, 50);
		if (i == 0)
			now.samples = 0;
		else if (i == 1)
			now.sum_ns = 1;
		else if (i == 2)
			now.max_ns = 1;
		else
			now.count[weir_counters_bucket(1000)] = 49;
		wi_times_since(&since, &now, &before);
		assert_memory_equal(&since, &now, sizeof(now));
	}
}

/* Sums that overflow stand still at the most. */
static void
test_absurd(void **state)
{
	weir_counters_times times;
	struct wi_times_summary summary;

	(void)state;
	memset(&times, 0xff, sizeof(times));
	summary = wi_times_summarize(&times);
	assert_true(summary.known);
	assert_int_equal(summary.p50_ns, 0);
	assert_int_equal(summary.p99_ns, 0);
	assert_int_equal(summary.max_ns, UINT64_MAX);
	memset(&times, 0, sizeof(times));
	times.count[LAST] = UINT64_MAX;
	times.max_ns = 3;
	assert_int_equal(wi_times_summarize(&times).p99_ns, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),     cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_percentiles), cmocka_unit_test(test_greatest),
		cmocka_unit_test(test_difference),  cmocka_unit_test(test_back),
		cmocka_unit_test(test_absurd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
