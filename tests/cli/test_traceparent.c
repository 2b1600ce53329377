/* SPDX-License-Identifier: MIT */
/* test_traceparent.c - the valid forms, and each way in which one can be invalid. */
#include "text/traceparent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN  "b7ad6b7169203331"

static bool
accepts(const char *text)
{
	weir_trace trace;

	return wi_traceparent_parse(text, strlen(text), &trace);
}

static void
test_parts(void **state)
{
	static const char text[] = "00-" TRACE "-" SPAN "-01";
	static const uint8_t span[] = {0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31};
	char again[WI_TRACEPARENT_SIZE];
	weir_trace trace;

	(void)state;
	assert_true(wi_traceparent_parse(text, strlen(text), &trace));
	assert_int_equal(trace.trace_id[0], 0x0a);
	assert_int_equal(trace.trace_id[15], 0x9c);
	assert_memory_equal(trace.span_id, span, sizeof(span));
	assert_int_equal(trace.flags, 1);
	wi_traceparent_format(&trace, again);
	assert_string_equal(again, text);
}

static void
test_later_versions(void **state)
{
	(void)state;
	assert_true(accepts("01-" TRACE "-" SPAN "-00"));
	assert_true(accepts("cc-" TRACE "-" SPAN "-00-what-comes-later"));
	assert_false(accepts("cc-" TRACE "-" SPAN "-00what"));
	assert_false(accepts("00-" TRACE "-" SPAN "-00-what"));
}

static void
test_refused(void **state)
{
	(void)state;
	assert_false(accepts(""));
	assert_false(accepts("00"));
	assert_false(accepts("ff-" TRACE "-" SPAN "-01"));
	assert_false(accepts("00-00000000000000000000000000000000-" SPAN "-01"));
	assert_false(accepts("00-" TRACE "-0000000000000000-01"));
	assert_false(accepts("00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01"));
	assert_false(accepts("0g-" TRACE "-" SPAN "-01"));
	assert_false(accepts("00-" TRACE "-" SPAN "-0g"));
	assert_false(accepts("00-" TRACE "-" SPAN "-0"));
	assert_false(accepts("00_" TRACE "-" SPAN "-01"));
	assert_false(accepts("00-" TRACE "_" SPAN "-01"));
	assert_false(accepts("00-" TRACE "-" SPAN "_01"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_later_versions),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
