/* SPDX-License-Identifier: MIT */
/* test_quantity.c - numbers of the command line. */
#include "quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
test_count(void **state)
{
	uint64_t value = 0;

	(void)state;
	assert_true(wi_quantity_count("12", 1, 12, &value));
	assert_int_equal(value, 12);
	assert_true(wi_quantity_count("18446744073709551615", 0, UINT64_MAX, &value));
	assert_true(value == UINT64_MAX);
	assert_false(wi_quantity_count("18446744073709551616", 0, UINT64_MAX, &value));
	assert_false(wi_quantity_count("13", 1, 12, &value));
	assert_false(wi_quantity_count("0", 1, 12, &value));
	assert_false(wi_quantity_count("", 0, 12, &value));
	assert_false(wi_quantity_count("-1", 0, UINT64_MAX, &value));
	assert_false(wi_quantity_count("+1", 0, 12, &value));
	assert_false(wi_quantity_count(" 1", 0, 12, &value));
	assert_false(wi_quantity_count("1k", 0, 12, &value));
	assert_true(value == UINT64_MAX);
}

static void
test_bytes(void **state)
{
	uint64_t value = 0;

	(void)state;
	assert_true(wi_quantity_bytes("4k", UINT64_MAX, &value));
	assert_int_equal(value, 4096);
	assert_true(wi_quantity_bytes("3M", UINT64_MAX, &value));
	assert_int_equal(value, 3 << 20);
	assert_true(wi_quantity_bytes("1g", 1 << 30, &value));
	assert_int_equal(value, 1 << 30);
	assert_false(wi_quantity_bytes("2g", 1 << 30, &value));
	assert_false(wi_quantity_bytes("99999999999999999g", UINT64_MAX, &value));
	assert_false(wi_quantity_bytes("4kk", UINT64_MAX, &value));
	assert_false(wi_quantity_bytes("k", UINT64_MAX, &value));
}

static void
test_duration(void **state)
{
	uint64_t value = 0;

	(void)state;
	assert_true(wi_quantity_duration("250", UINT64_MAX, &value));
	assert_int_equal(value, 250);
	assert_true(wi_quantity_duration("250ns", UINT64_MAX, &value));
	assert_int_equal(value, 250);
	assert_true(wi_quantity_duration("3us", UINT64_MAX, &value));
	assert_int_equal(value, 3000);
	assert_true(wi_quantity_duration("3ms", UINT64_MAX, &value));
	assert_int_equal(value, 3000000);
	assert_true(wi_quantity_duration("2s", UINT64_MAX, &value));
	assert_int_equal(value, 2000000000);
	assert_false(wi_quantity_duration("2s", 1999999999, &value));
	assert_false(wi_quantity_duration("2 s", UINT64_MAX, &value));
	assert_true(wi_quantity_duration("2min", UINT64_MAX, &value));
	assert_int_equal(value, 120000000000);
	assert_true(wi_quantity_duration("2h", UINT64_MAX, &value));
	assert_int_equal(value, 7200000000000);
	assert_true(wi_quantity_duration("2d", UINT64_MAX, &value));
	assert_int_equal(value, 172800000000000);
	assert_false(wi_quantity_duration("300000d", UINT64_MAX, &value));
	assert_false(wi_quantity_duration("2w", UINT64_MAX, &value));
	assert_false(wi_quantity_duration("1.5s", UINT64_MAX, &value));
}

static void
test_rate(void **state)
{
	uint64_t value = 0;

	(void)state;
	assert_true(wi_quantity_rate("250", UINT64_MAX, &value));
	assert_int_equal(value, 250);
	assert_true(wi_quantity_rate("100k", UINT64_MAX, &value));
	assert_int_equal(value, 100000);
	assert_true(wi_quantity_rate("2M", 2000000, &value));
	assert_int_equal(value, 2000000);
	assert_false(wi_quantity_rate("3M", 2000000, &value));
	assert_false(wi_quantity_rate("1g", UINT64_MAX, &value));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_duration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
