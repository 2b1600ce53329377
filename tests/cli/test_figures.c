/* SPDX-License-Identifier: MIT */
/* test_figures.c - separators and units, above all where one unit gives way to the next. */
#include "figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
test_count(void **state)
{
	(void)state;
	assert_string_equal(wi_figures_count(0).text, "0");
	assert_string_equal(wi_figures_count(999).text, "999");
	assert_string_equal(wi_figures_count(1000).text, "1,000");
	assert_string_equal(wi_figures_count(123456).text, "123,456");
	assert_string_equal(wi_figures_count(1234567).text, "1,234,567");
	assert_string_equal(wi_figures_count(UINT64_MAX).text, "18,446,744,073,709,551,615");
}

static void
test_units(void **state)
{
	(void)state;
	assert_string_equal(wi_figures_bytes(0).text, "0 B");
	assert_string_equal(wi_figures_bytes(12).text, "12 B");
	assert_string_equal(wi_figures_bytes(999).text, "999 B");
	assert_string_equal(wi_figures_bytes(1000).text, "1.00 kB");
	assert_string_equal(wi_figures_bytes(9994).text, "9.99 kB");
	assert_string_equal(wi_figures_bytes(9996).text, "10.0 kB");
	assert_string_equal(wi_figures_bytes(99960).text, "100 kB");
	assert_string_equal(wi_figures_bytes(999499).text, "999 kB");
	assert_string_equal(wi_figures_bytes(999500).text, "1.00 MB");
	assert_string_equal(wi_figures_time(0).text, "0 ns");
	assert_string_equal(wi_figures_nanoseconds(12.345).text, "12.3 ns");
	assert_string_equal(wi_figures_nanoseconds(0.5).text, "0.50 ns");
	assert_string_equal(wi_figures_time(1234).text, "1.23 us");
	assert_string_equal(wi_figures_time(1234000000).text, "1.23 s");
	assert_string_equal(wi_figures_time(UINT64_C(12345000000000)).text, "12345 s");
}

static void
test_rate(void **state)
{
	(void)state;
	assert_string_equal(wi_figures_rate(0, 0).text, "0");
	assert_string_equal(wi_figures_rate(7, 0).text, "0");
	assert_string_equal(wi_figures_rate(5, 1000).text, "5.00 M");
	assert_string_equal(wi_figures_rate(350, 1000).text, "350 M");
	assert_string_equal(wi_figures_rate(1, UINT64_C(10000000000)).text, "0.10");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
