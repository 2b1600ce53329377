/* SPDX-License-Identifier: MIT */
/* test_condition.c - which events conditions hold for; what is wrong with those that are none. */
#include "condition.h"
#include "told.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

static const char order[] =
	"{ \"total\": 1200.50, \"status\": \"paid\", \"count\": 9007199254740993, \"price\": \"19.90\",\n"
	"  \"customer\": { \"country\": \"DE\", \"name\": \"J\\u00f6rg \\\"J\\\"\", \"vip\": true, \"note\": null },\n"
	"  \"items\": [ { \"sku\": \"a1\", \"n\": 2 }, { \"sku\": \"b2\" } ], \"tags\": [ \"new\", 7, false ],\n"
	"  \"to\\u0074als\": 3, \"twice\": 1, \"twice\": 2, \"0\": \"zero\", \"huge\": 18446744073709551616,\n"
	"  \"tiny\": 1e-400, \"big\": 1e400, \"minus\": -5, \"code\": 12 }";

/* -- holds ------------------------------------------------------------------ */

static weir_event *
make_event(const void *data, size_t size)
{
	weir_event *event = aligned_alloc(16, 16 + (size + 15) / 16 * 16);

	assert_non_null(event);
	*event = (weir_event){ .size = (uint32_t)size, .time = TOLD_TIME };
	memcpy(event + 1, data, size);
	return event;
}

static bool
holds(const char *text, const void *data, size_t size)
{
	weir_event *event = make_event(data, size);
	struct wi_condition condition;
	struct wi_payload payload;
	char problem[300] = "";
	const char *at = text;
	bool held;

	if (!wi_condition_parse(&condition, &at, problem, sizeof problem) || *at)
		fail_msg("%s: %s%s", text, problem, at);
	assert_true(wi_payload_open(&payload, event, "order.after.create", NULL));
	held = wi_condition_holds(&condition, &payload);
	wi_payload_close(&payload);
	wi_condition_fini(&condition);
	free(event);
	return held;
}

struct expected {
	const char *condition;
	bool held;
};

static void
check_all(const struct expected *expected, size_t count, const void *data, size_t size)
{
	for (size_t i = 0; i < count; i++)
		if (holds(expected[i].condition, data, size) != expected[i].held)
			fail_msg("%s: %s", expected[i].condition, expected[i].held ? "holds not" : "holds");
}

#define CHECK_ALL(expected, data, size) check_all(expected, sizeof expected / sizeof *expected, data, size)

static void
test_operators(void **state)
{
	static const struct expected expected[] = {
		{ "total over 1000", true }, { "total over 1200.5", false }, { "total over 1200.49", true },
		{ "total under 1200.51", true }, { "total under 1200.5", false },
		{ "total at least 1200.5", true }, { "total at least 1200.51", false },
		{ "total at most 1200.500", true }, { "total at most 1200.4", false },
		{ "minus under -4", true }, { "minus under -5", false }, { "minus over -5.1", true },
		{ "minus over 0", false }, { "minus is -5", true }, { "minus is 5", false },
		{ "status is paid", true }, { "status is \"paid\"", true }, { "status is open", false },
		{ "status is pai", false }, { "status is paidd", false },
		{ "status is not paid", false }, { "status is not open", true },
		{ "status contains ai", true }, { "status contains paid", true }, { "status contains AI", false },
		{ "tags contains new", true }, { "tags contains 7", true }, { "tags contains \"7\"", false },
		{ "tags contains false", true }, { "tags contains ne", false },
		{ "customer exists", true }, { "nobody exists", false }, { "customer.note exists", false },
		{ "customer missing", false }, { "nobody missing", true }, { "customer.note missing", true },
		{ "customer.note is null", true }, { "customer.vip is true", true },
		{ "customer.vip is false", false }, { "customer.vip is \"true\"", false },
		{ "total is 1200.5", true }, { "total is 12005e-1", true }, { "total is \"1200.5\"", false },
		{ "total is not 1200.5", false }, { "total is not 5", true },
		{ "customer is DE", false }, { "customer is not DE", true },
		/* Text with a number in it. */
		{ "price over 19", true }, { "price over 19.9", false }, { "price is 19.90", true },
		{ "price is 19.9", false }, { "status over 0", false }, { "status under 0", false },
		/* What is not there. */
		{ "nobody over 0", false }, { "nobody under 0", false }, { "nobody is x", false },
		{ "nobody is not x", false }, { "nobody contains x", false }, { "nobody at most 0", false },
		{ "customer over 0", false }, { "customer.vip over 0", false },
	};

	(void)state;
	CHECK_ALL(expected, order, sizeof order - 1);
}

/* A double has no 2^53 + 1. */
static void
test_numbers(void **state)
{
	static const struct expected expected[] = {
		{ "count over 9007199254740992", true }, { "count is 9007199254740992", false },
		{ "count is 9007199254740993", true }, { "count is 9007199254740993.0", true },
		{ "count under 9007199254740994", true }, { "count over 9007199254740993", false },
		{ "count at most 9007199254740992.999", false },
		{ "huge over 18446744073709551615", true }, { "huge is 18446744073709551616", true },
		{ "huge under 18446744073709551617", true },
		{ "big over 1e399", true }, { "big under 1e401", true }, { "big is 10e399", true },
		{ "tiny over 0", true }, { "tiny under 1e-399", true }, { "tiny is 0.1e-399", true },
		{ "total under 1e99999999999999999999", true }, { "total over 1e-99999999999999999999", true },
		{ "total under 1e18446744073709551617", true }, { "total over 1e-18446744073709551617", true },
		{ "minus over -1e99999999999999999999", true }, { "minus is -0.5e1", true },
		{ "minus is -0", false }, { "code over 0.000", true }, { "code is 0.0012e4", true },
	};

	(void)state;
	CHECK_ALL(expected, order, sizeof order - 1);
	assert_true(holds("data is 0", "-0.00e5", 7));
	assert_true(holds("data at least 0.1", "0.10000000000000001", 19));
	assert_false(holds("data is 0.1", "0.10000000000000001", 19));
}

static void
test_paths(void **state)
{
	static const struct expected expected[] = {
		{ "customer.country is DE", true }, { "data.customer.country is DE", true },
		{ "customer.country.code is DE", false }, { "customer.name is \"J\xc3\xb6rg \\\"J\\\"\"", true },
		{ "customer.name contains \xc3\xb6", true }, { "customer.name contains \"\\u00f6r\"", true },
		{ "items.0.sku is a1", true }, { "items.1.sku is b2", true }, { "items.2.sku exists", false },
		{ "items.-1.sku exists", false }, { "items.4294967296.sku exists", false },
		{ "items.0.n is 2", true }, { "items.1.n exists", false }, { "0 is zero", true },
		{ "totals is 3", true }, { "twice is 2", true }, { "twice is 1", false },
		{ "topic is order.after.create", true }, { "time contains 2026-11-26", true },
		{ "code is 12", true }, { "result exists", false },
	};

	(void)state;
	CHECK_ALL(expected, order, sizeof order - 1);
}

static void
test_joined(void **state)
{
	static const struct expected expected[] = {
		{ "total over 1 and status is paid", true }, { "total over 1 and status is open", false },
		{ "total under 1 and status is paid", false }, { "total under 1 or status is paid", true },
		{ "total over 1 or status is open", true }, { "total under 1 or status is open", false },
		/* `and` binds more. */
		{ "total over 1 or status is paid and minus over 0", true },
		{ "minus over 0 and status is paid or total over 1", true },
		{ "minus over 0 and status is paid or total under 1", false },
	};

	(void)state;
	CHECK_ALL(expected, order, sizeof order - 1);
}

static void
test_envelope(void **state)
{
	static const struct expected expected[] = {
		{ "total over 1000", true }, { "data.total over 1000", true }, { "number is 42", true },
		{ "result.number is 42", true }, { "code is 51", true }, { "data.code is 7", true },
		{ "code is 7", false }, { "error contains declined", true }, { "error is declined", false },
		{ "actor is shop", true }, { "user_id is 4711", true }, { "user_id over 4710", true },
		{ "phase is failed", true }, { "operation is 0100000000000000", true },
		{ "total is 5", false }, { "result.total is 5", true },
	};
	unsigned char bytes[1000];
	uint32_t size;

	(void)state;
	size = told_envelope(bytes, weir_json("{\"total\":1200,\"code\":7}"),
	                     weir_json("{\"number\":42,\"total\":5}"), 51, "card declined", "shop", "4711");
	CHECK_ALL(expected, bytes, size);
	/* Bytes and text have no members; who did it is known all the same. */
	size = told_envelope(bytes, weir_bytes("\x01\x02", 2), weir_text("fine"), 0, "", "shop", "");
	assert_true(holds("actor is shop", bytes, size));
	assert_true(holds("result is fine", bytes, size));
	assert_false(holds("total exists", bytes, size));
	assert_true(holds("code missing and error missing and user_id missing", bytes, size));
}

/* What is no JSON: nothing holds, and nothing fails. */
static void
test_no_json(void **state)
{
	static const char *const conditions[] = {
		"total over 0", "total missing", "data exists", "topic is order.after.create", "data is not x",
	};
	static const struct { const char *bytes; size_t size; } payloads[] = {
		{ "", 0 }, { "paid", 4 }, { "{\"total\":5", 10 }, { "{\"total\":5}\0", 12 }, { "\xff\xfe", 2 },
		{ "{\"total\":5,\"name\":\"\xff\"}", 22 }, { "\x95WEV", 4 }, { "\"\\ud800\"", 8 },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 66 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
		for (size_t k = 0; k < sizeof conditions / sizeof *conditions; k++)
			if (holds(conditions[k], payloads[i].bytes, payloads[i].size))
				fail_msg("payload %zu: %s", i, conditions[k]);
}

/* Deep, long: bounded. */
static void
test_hostile(void **state)
{
	size_t size = 4 << 20;
	char *bytes = malloc(size);

	(void)state;
	assert_non_null(bytes);
	memset(bytes, '[', size);
	assert_false(holds("data exists", bytes, size));
	for (int depth = 63; depth <= 65; depth++) {
		memset(bytes, '[', (size_t)depth);
		memset(bytes + depth, ']', (size_t)depth);
		assert_int_equal(holds("data exists", bytes, 2 * (size_t)depth), depth <= 64);
	}
	memset(bytes, '7', size);
	assert_true(holds("data over 7e4194302", bytes, size));
	memset(bytes, '"', size);
	memset(bytes + 1, 'a', size - 2);
	assert_true(holds("data contains aaaa", bytes, size));
	assert_false(holds("data contains b", bytes, size));
	free(bytes);
}

/* -- refused ---------------------------------------------------------------- */

static void
test_refused(void **state)
{
	static const struct { const char *condition, *problem; } refused[] = {
		{ "", "a path is missing at the end" },
		{ "total", "a comparison is missing at the end" },
		{ "total beyond 1000", "'beyond' is no comparison (over, under, at least, at most, is, is not, "
		  "contains, exists, missing)" },
		{ "total at 5", "'at' is no comparison (over, under, at least, at most, is, is not, contains, "
		  "exists, missing)" },
		{ "total \"over\" 5", "'\"over\"' is no comparison (over, under, at least, at most, is, is not, "
		  "contains, exists, missing)" },
		{ "total over", "a value is missing at the end" },
		{ "total is ,", "a value is missing before ','" },
		{ "total over much", "much is no number" },
		{ "total over \"5\"", "\"5\" is no number" },
		{ "total over 0x10", "0x10 is no number" },
		{ "total over +5", "+5 is no number" },
		{ "total over 5.", "5. is no number" },
		{ "total over 1e", "1e is no number" },
		{ "total over inf", "inf is no number" },
		{ "status is \"paid", "\"paid is no text in quotes, as JSON writes it" },
		{ "status is \"\\x\"", "\"\\x\" is no text in quotes, as JSON writes it" },
		{ "a..b is 1", "'a..b' is no path (words with dots between them)" },
		{ ".a is 1", "'.a' is no path (words with dots between them)" },
		{ "a. is 1", "'a.' is no path (words with dots between them)" },
		{ "{a} is 1", "'{a}' is no path (words with dots between them)" },
		{ "\"a\" is 1", "'\"a\"' is no path (words with dots between them)" },
		{ "a is 1 and", "a path is missing at the end" },
		{ "a is 1 or b", "a comparison is missing at the end" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		const char *at = refused[i].condition;
		struct wi_condition condition;
		char problem[300] = "";

		if (wi_condition_parse(&condition, &at, problem, sizeof problem))
			fail_msg("taken: %s", refused[i].condition);
		assert_string_equal(problem, refused[i].problem);
		wi_condition_fini(&condition);
	}
}

static void
test_too_many(void **state)
{
	char text[40 * 12] = "a is 1", problem[300];
	struct wi_condition condition;
	const char *at = text;

	(void)state;
	for (int i = 1; i < 32; i++)
		strcat(text, " or a is 1");
	assert_true(wi_condition_parse(&condition, &at, problem, sizeof problem));
	wi_condition_fini(&condition);
	strcat(text, " or a is 1");
	at = text;
	assert_false(wi_condition_parse(&condition, &at, problem, sizeof problem));
	assert_string_equal(problem, "there are more than 32 comparisons");
	wi_condition_fini(&condition);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operators), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_paths), cmocka_unit_test(test_joined),
		cmocka_unit_test(test_envelope), cmocka_unit_test(test_no_json),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
