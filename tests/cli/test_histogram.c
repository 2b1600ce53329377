/* SPDX-License-Identifier: MIT */
/* test_histogram.c - buckets, and percentiles beside those of the sorted values. */
#include "histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct histogram *
make(void)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));

	assert_non_null(histogram);
	return histogram;
}

/* Every bucket begins where the one before ends, and is never wider than a thousandth. */
static void
test_buckets(void **state)
{
	uint64_t next = 0;

	(void)state;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t lowest = histogram_lowest(i), highest = histogram_highest(i);

		assert_int_equal(lowest, next);
		assert_true(highest >= lowest && (highest - lowest) * 1000 <= lowest);
		assert_int_equal(histogram_bucket(lowest), i);
		assert_int_equal(histogram_bucket(highest), i);
		next = highest + 1;
	}
	assert_true(next > HISTOGRAM_MAX);
}

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static int
compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static void
check_percentile(const struct histogram *histogram, const uint64_t *sorted, uint64_t count,
		 uint64_t ten_thousandths)
{
	uint64_t place = (count * ten_thousandths + 9999) / 10000,
		 exact = sorted[place ? place - 1 : 0];
	uint64_t value = histogram_percentile(histogram, (double)ten_thousandths / 100);

	assert_true(value >= exact);
	assert_true((value - exact) * 1000 <= exact);
}

/* From nanoseconds to minutes, as often small as large. */
static void
test_percentiles(void **state)
{
	enum { COUNT = 100000 };
	static const uint64_t at[] = {0, 1, 100, 2500, 5000, 7500, 9000, 9900, 9990, 9999, 10000};
	uint64_t *values = calloc(COUNT, sizeof(*values)), seed = 88172645463325252u;
	struct histogram *histogram = make();

	(void)state;
	assert_non_null(values);
	for (int i = 0; i < COUNT; i++) {
		values[i] = next_random(&seed) >> (24 + next_random(&seed) % 40);
		histogram_record(histogram, values[i]);
	}
	qsort(values, COUNT, sizeof(*values), compare);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		check_percentile(histogram, values, COUNT, at[i]);
	assert_int_equal(histogram->total, COUNT);
	assert_int_equal(histogram->max, values[COUNT - 1]);
	assert_int_equal(histogram_percentile(histogram, 100), values[COUNT - 1]);
	free(histogram);
	free(values);
}

/* 1 to 1000 once each: 99.9 % of them are at most 999, whatever floating point says. */
static void
test_exact(void **state)
{
	struct histogram *histogram = make();

	(void)state;
	assert_int_equal(histogram_percentile(histogram, 50), 0);
	for (uint64_t i = 1; i <= 1000; i++)
		histogram_record(histogram, i);
	assert_int_equal(histogram_percentile(histogram, 0), 1);
	for (int percent = 1; percent <= 100; percent++)
		assert_int_equal(histogram_percentile(histogram, percent), 10 * percent);
	assert_int_equal(histogram_percentile(histogram, 99.9), 999);
	assert_int_equal(histogram_percentile(histogram, 99.99), 1000);
	assert_true(histogram_mean(histogram) == 500.5);
	assert_true(histogram_deviation(histogram) > 288.67 &&
		    histogram_deviation(histogram) < 288.68);
	free(histogram);
}

static void
test_beyond(void **state)
{
	struct histogram *histogram = make();

	(void)state;
	histogram_record(histogram, 0);
	histogram_record(histogram, HISTOGRAM_MAX);
	assert_int_equal(histogram->beyond, 0);
	histogram_record(histogram, UINT64_MAX);
	assert_int_equal(histogram->beyond, 1);
	assert_int_equal(histogram->total, 3);
	assert_true(histogram->max == UINT64_MAX);
	assert_int_equal(histogram_percentile(histogram, 30), 0);
	free(histogram);
}

static void
test_merge(void **state)
{
	struct histogram *both = make(), *low = make(), *high = make();
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t value = next_random(&seed) >> 30;

		histogram_record(both, value);
		histogram_record(value % 2 ? low : high, value);
	}
	histogram_merge(low, high);
	assert_memory_equal(low, both, sizeof(*both));
	free(both);
	free(low);
	free(high);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_beyond),
		cmocka_unit_test(test_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
