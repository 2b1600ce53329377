/* SPDX-License-Identifier: MIT */
/* test_event_line.c - what each member may hold, what arrives, and what is said of the rest. */
#include "event_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "key_hash.h"

static struct wi_event_line_parser parser;

static int
set_up(void **state)
{
	(void)state;
	wi_event_line_init(&parser);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	wi_event_line_fini(&parser);
	return 0;
}

/* From a block of exactly that size, so that a sanitizer sees any read beyond it. */
static bool
parse(const char *text, size_t size, struct wi_event_line *ret_line)
{
	char *copy = malloc(size > 0 ? size : 1);
	bool parsed;

	assert_non_null(copy);
	memcpy(copy, text, size);
	parsed = wi_event_line_parse(&parser, copy, size, ret_line);
	free(copy);
	return parsed;
}

static struct wi_event_line
good(const char *text)
{
	struct wi_event_line line;

	if (!parse(text, strlen(text), &line))
		fail_msg("%s: %s", text, parser.error);
	return line;
}

static void
bad_bytes(const char *text, size_t size, const char *reason)
{
	struct wi_event_line line;

	if (parse(text, size, &line))
		fail_msg("accepted: %s", text);
	if (strstr(parser.error, reason) == NULL)
		fail_msg("%s: '%s' does not say '%s'", text, parser.error, reason);
}

static void
bad(const char *text, const char *reason)
{
	bad_bytes(text, strlen(text), reason);
}

static void
expect_data(const char *text, const char *data)
{
	struct wi_event_line line = good(text);

	assert_int_equal(line.data_size, strlen(data));
	assert_memory_equal(line.data, data, line.data_size);
}

static void
test_all_members(void **state)
{
	struct wi_event_line line = good(
		" { \"data\" : { \"a\" : [ 1 , \" x \" ] } , \"topic\" : \"a.b\",\"key\":7, "
		"\"time\":1.5,"
		"\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\" } ");

	(void)state;
	assert_string_equal(line.topic, "a.b");
	assert_int_equal(line.topic_size, 3);
	assert_int_equal(line.flags, WI_EVENT_LINE_KEY | WI_EVENT_LINE_TIME | WI_EVENT_LINE_TRACE);
	assert_int_equal(line.key, 7);
	assert_int_equal(line.time, 1500000000);
	assert_int_equal(line.trace.trace_id[0], 0x0a);
	assert_int_equal(line.data_size, strlen("{\"a\":[1,\" x \"]}"));
	assert_memory_equal(line.data, "{\"a\":[1,\" x \"]}", line.data_size);
}

static void
test_topic_alone(void **state)
{
	struct wi_event_line line = good("{\"topic\":\"a\"}");

	(void)state;
	assert_string_equal(line.topic, "a");
	assert_int_equal(line.flags, 0);
	assert_int_equal(line.data_size, 0);
}

static void
test_null_is_absent(void **state)
{
	struct wi_event_line line = good(
		"{\"topic\":\"a\",\"key\":null,\"time\":null,\"traceparent\":null,\"data\":null}");

	(void)state;
	assert_int_equal(line.flags, 0);
	assert_int_equal(line.data_size, 4);
	bad("{\"topic\":null}", "there is no \"topic\"");
}

static void
test_unknown_members(void **state)
{
	(void)state;
	expect_data("{\"x\":[{\"data\":1}],\"topic\":\"a\",\"y\":\"\\\"data\\\":2\",\"data\":3,"
		    "\"z\":4}",
		    "3");
}

/* The name may be written with escapes; which member is which must not depend on it. */
static void
test_escaped_name(void **state)
{
	(void)state;
	expect_data("{\"d\\u0061t\\u0061\":1,\"topic\":\"\\u0061\"}", "1");
}

static void
test_data_as_written(void **state)
{
	(void)state;
	expect_data("{\"topic\":\"a\",\"data\":0.1}", "0.1");
	expect_data("{\"topic\":\"a\",\"data\":1.0E+2 }", "1.0E+2");
	expect_data("{\"topic\":\"a\",\"data\":123456789012345678901234567890}",
		    "123456789012345678901234567890");
	expect_data("{\"topic\":\"a\",\"data\":\"\\u00e9\\\\\\\" \\u0000\"}",
		    "\"\\u00e9\\\\\\\" \\u0000\"");
	expect_data("{\"topic\":\"a\",\"data\":[ true , false , null , { } , [ ] ]}",
		    "[true,false,null,{},[]]");
	expect_data("{\"topic\":\"a\",\"data\":\"}]\"}", "\"}]\"");
	expect_data("{\"topic\":\"a\",\"data\":\"\xc3\xa9\"}", "\"\xc3\xa9\"");
}

static void
test_key(void **state)
{
	(void)state;
	assert_true(good("{\"topic\":\"a\",\"key\":0}").key == 0);
	assert_true(good("{\"topic\":\"a\",\"key\":18446744073709551615}").key == UINT64_MAX);
	assert_true(good("{\"topic\":\"a\",\"key\":9007199254740993}").key ==
		    UINT64_C(9007199254740993));
	assert_true(good("{\"topic\":\"a\",\"key\":\"order\"}").key ==
		    wi_key_hash_bytes("order", 5));
	assert_true(good("{\"topic\":\"a\",\"key\":\"\\u006frder\"}").key ==
		    wi_key_hash_bytes("order", 5));
	/* XXH3_64bits of nothing, as published with the algorithm. */
	assert_true(good("{\"topic\":\"a\",\"key\":\"\"}").key == UINT64_C(0x2d06800538d394c2));
	bad("{\"topic\":\"a\",\"key\":18446744073709551616}", "\"key\"");
	bad("{\"topic\":\"a\",\"key\":-1}", "\"key\"");
	bad("{\"topic\":\"a\",\"key\":1.0}", "\"key\"");
	bad("{\"topic\":\"a\",\"key\":1e3}", "\"key\"");
	bad("{\"topic\":\"a\",\"key\":true}", "\"key\"");
	bad("{\"topic\":\"a\",\"key\":[1]}", "\"key\"");
}

static void
test_time(void **state)
{
	(void)state;
	assert_true(good("{\"topic\":\"a\",\"time\":1233878804.123456789}").time ==
		    UINT64_C(1233878804123456789));
	assert_true(good("{\"topic\":\"a\",\"time\":\"2009-02-06T00:06:44Z\"}").time ==
		    UINT64_C(1233878804000000000));
	bad("{\"topic\":\"a\",\"time\":-1}", "\"time\"");
	bad("{\"topic\":\"a\",\"time\":1e12}", "\"time\"");
	bad("{\"topic\":\"a\",\"time\":\"yesterday\"}", "\"time\"");
	bad("{\"topic\":\"a\",\"time\":\"1233878804\"}", "\"time\"");
	bad("{\"topic\":\"a\",\"time\":{}}", "\"time\"");
}

static void
test_traceparent(void **state)
{
	(void)state;
	bad("{\"topic\":\"a\",\"traceparent\":1}", "\"traceparent\"");
	bad("{\"topic\":\"a\",\"traceparent\":\"\"}", "\"traceparent\"");
	bad("{\"topic\":\"a\",\"traceparent\":"
	    "\"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\"}",
	    "\"traceparent\"");
}

static void
test_not_events(void **state)
{
	(void)state;
	bad("", "not JSON");
	bad("x", "not JSON");
	bad("[1]", "not a JSON object");
	bad("{}", "there is no \"topic\"");
	bad("{\"topic\":1}", "\"topic\" is not a string");
	bad("{\"topic\":\"a\\u0000b\"}", "NUL");
	bad("{\"topic\":\"a\"", "not JSON at column");
	bad("{\"topic\":\"a\"} {}", "not JSON at column");
	bad("{\"topic\":\"a\",}", "not JSON at column");
	bad("{'topic':'a'}", "not JSON at column");
	bad("{\"topic\":\"a\",\"topic\":\"b\"}", "duplicate");
	bad("{\"topic\":\"a\",\"data\":{\"x\":1,\"x\":2}}", "duplicate");
	bad("{\"topic\":\"a\",\"data\":1e999}", "real number overflow");
}

static void
test_hostile_bytes(void **state)
{
	static const char nul[] = "{\"topic\":\"a\0b\"}", raw[] = "{\"topic\":\"a\xff\"}";

	(void)state;
	bad_bytes(nul, sizeof(nul) - 1, "NUL byte at column 12");
	bad_bytes(raw, sizeof(raw) - 1, "decode");
	bad("{\"topic\":\"\xed\xa0\x80\"}", "decode"); /* a lone surrogate */
	bad("{\"topic\":\"\\ud800\"}", "not JSON");
	bad("{\"topic\":\"\xc0\xaf\"}", "decode"); /* overlong */
	bad("\033[2J\x9b", "not JSON");
	for (const char *at = parser.error; *at != '\0'; at++)
		assert_in_range(*at, ' ', '~');
}

static void
test_depth(void **state)
{
	enum { DEPTH = 100000 };
	char *text = malloc(2 * DEPTH + 64);
	size_t size = (size_t)sprintf(text, "{\"topic\":\"a\",\"data\":");
	struct wi_event_line line;

	(void)state;
	memset(text + size, '[', DEPTH);
	memset(text + size + DEPTH, ']', DEPTH);
	strcpy(text + size + 2 * DEPTH, "}");
	bad(text, "depth");
	/* As deep as the parser allows: fine. */
	memset(text + size, '[', 1000);
	memset(text + size + 1000, ']', 1000);
	strcpy(text + size + 2000, "}");
	assert_true(parse(text, strlen(text), &line));
	assert_int_equal(line.data_size, 2000);
	free(text);
}

/* Every prefix of a line, and the line with every byte changed: no crash, no read beyond. */
static void
test_mutations(void **state)
{
	static const char text[] = "{\"topic\":\"a.b\",\"key\":\"k\\\"\",\"time\":1.5e1,\"data\":{"
				   "\"x\":[1,\"\\\\\"]}}";
	struct wi_event_line line;
	char copy[sizeof(text)];

	(void)state;
	for (size_t size = 0; size < sizeof(text) - 1; size++)
		assert_false(parse(text, size, &line));
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (int byte = 0; byte < 256; byte++) {
			memcpy(copy, text, sizeof(text));
			copy[i] = (char)byte;
			parse(copy, sizeof(text) - 1, &line);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_members),
		cmocka_unit_test(test_topic_alone),
		cmocka_unit_test(test_null_is_absent),
		cmocka_unit_test(test_unknown_members),
		cmocka_unit_test(test_escaped_name),
		cmocka_unit_test(test_data_as_written),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_traceparent),
		cmocka_unit_test(test_not_events),
		cmocka_unit_test(test_hostile_bytes),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
