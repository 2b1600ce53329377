/* SPDX-License-Identifier: MIT */
/* test_timestamp.c - exact to the nanosecond, and nothing that is no time gets through. */
#include "text/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
expect_seconds(const char *text, uint64_t expected)
{
	uint64_t ns = 0;

	assert_true(wi_timestamp_from_seconds(text, strlen(text), &ns));
	assert_int_equal(ns, expected);
}

static void
test_seconds(void **state)
{
	(void)state;
	expect_seconds("0", 0);
	expect_seconds("1233878804", UINT64_C(1233878804000000000));
	expect_seconds("1233878804.123456789", UINT64_C(1233878804123456789));
	expect_seconds("1.9999999999", UINT64_C(1999999999));
	expect_seconds("0.5", UINT64_C(500000000));
	expect_seconds("1.5e3", UINT64_C(1500000000000));
	expect_seconds("15E+2", UINT64_C(1500000000000));
	expect_seconds("1233878804e-3", UINT64_C(1233878804000000));
	expect_seconds("1e-9", 1);
	expect_seconds("1e-10", 0);
	expect_seconds("0e999999999999", 0);
	expect_seconds("18446744073.709551615", UINT64_MAX);
}

static void
test_seconds_out_of_range(void **state)
{
	static const char *const texts[] = {"-1",
					    "-0.5",
					    "18446744073.709551616",
					    "1e300",
					    "99999999999999999999",
					    "1e999999999999",
					    ""};
	uint64_t ns = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(wi_timestamp_from_seconds(texts[i], strlen(texts[i]), &ns));
	assert_int_equal(ns, 7);
}

static void
expect_rfc3339(const char *text, uint64_t expected)
{
	uint64_t ns = 0;

	assert_true(wi_timestamp_from_rfc3339(text, strlen(text), &ns));
	assert_int_equal(ns, expected);
}

static void
test_rfc3339(void **state)
{
	(void)state;
	expect_rfc3339("1970-01-01T00:00:00Z", 0);
	expect_rfc3339("2009-02-06T00:06:44Z", UINT64_C(1233878804000000000));
	expect_rfc3339("2009-02-06t00:06:44z", UINT64_C(1233878804000000000));
	expect_rfc3339("2009-02-06 01:36:44.25+01:30", UINT64_C(1233878804250000000));
	expect_rfc3339("2009-02-05T19:06:44-05:00", UINT64_C(1233878804000000000));
	expect_rfc3339("2009-02-06T00:06:44.1234567899Z", UINT64_C(1233878804123456789));
	expect_rfc3339("2024-02-29T00:00:00Z", UINT64_C(1709164800000000000));
	expect_rfc3339("2000-02-29T00:00:00Z", UINT64_C(951782400000000000));
	expect_rfc3339("2016-12-31T23:59:60Z", UINT64_C(1483228800000000000));
	expect_rfc3339("2554-07-21T23:34:33.709551615Z", UINT64_MAX);
}

static void
test_rfc3339_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"2009",
		"2009-02-06",
		"2009-02-06T00:06Z",
		"2009-02-06T00:06:44",
		"2009-02-06T00:06:44+0100",
		"2009-02-06T00:06:44.Z",
		"2009-02-06T00:06:44Z ",
		" 2009-02-06T00:06:44Z",
		"2009-13-06T00:06:44Z",
		"2009-00-06T00:06:44Z",
		"2009-02-29T00:06:44Z",
		"2100-02-29T00:06:44Z",
		"2009-02-00T00:06:44Z",
		"2009-02-06T24:06:44Z",
		"2009-02-06T00:60:44Z",
		"2009-02-06T00:06:61Z",
		"2009-02-06T00:06:44+24:00",
		"2009-02-06T00:06:44+00:60",
		"2009-2-6T0:6:44Z",
		"1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00+00:01",
		"2554-07-21T23:34:33.709551616Z",
		"9999-12-31T23:59:59Z",
		"-009-02-06T00:06:44Z",
		"2009-02-06T00:06:44,5Z",
	};
	uint64_t ns = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (wi_timestamp_from_rfc3339(texts[i], strlen(texts[i]), &ns))
			fail_msg("accepted: %s", texts[i]);
	assert_false(wi_timestamp_from_rfc3339("2009-02-06T00:06:44\0", 20, &ns));
	assert_int_equal(ns, 7);
}

static void
test_format(void **state)
{
	static const uint64_t times[] = {0, 1, UINT64_C(1233878804000000000),
					 UINT64_C(1233878804120000000), UINT64_MAX};
	char text[WI_TIMESTAMP_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		wi_timestamp_format(times[i], text);
		expect_rfc3339(text, times[i]);
	}
	wi_timestamp_format(UINT64_C(1233878804120000000), text);
	assert_string_equal(text, "2009-02-06T00:06:44.120000000Z");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seconds), cmocka_unit_test(test_seconds_out_of_range),
		cmocka_unit_test(test_rfc3339), cmocka_unit_test(test_rfc3339_refused),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
