/* SPDX-License-Identifier: MIT */
/* test_envelope.c - the bytes of envelopes, good and bad, and what they look like as JSON. */
#include "seen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static struct seen_bus bus;

static int
open_bus(void **state)
{
	(void)state;
	seen_open(&bus);
	return 0;
}

static int
close_bus(void **state)
{
	(void)state;
	weir_trace_set(NULL);
	seen_close(&bus);
	return 0;
}

/* Where an envelope ends: behind its last part. */
static size_t
end_of(const struct seen *seen)
{
	const weir_envelope *envelope = &seen->envelope;
	size_t size = 80 + ((envelope->data.size + 15) & ~15u) + ((envelope->result.size + 15) & ~15u);
	uint32_t texts[] = {envelope->error_size, envelope->actor_size, envelope->user_id_size};

	for (int i = 0; i < 3; i++)
		size += texts[i] ? (texts[i] + 8) & ~7u : 0;
	return size;
}

/* A copy that ends where its memory does, for AddressSanitizer. */
static unsigned char *
copy_of(const void *bytes, size_t size)
{
	unsigned char *copy = malloc(size ? size : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	return copy;
}

/* -- layout ----------------------------------------------------------------- */

/* docs/api/envelope.md, byte for byte. */
static void
test_layout(void **state)
{
	static const weir_trace trace = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
					 {0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18},
					 1};
	static const unsigned char tail[] = "dat\0\0\0\0\0\0\0\0\0\0\0\0\0"
					    "oops\0\0\0\0"
					    "eightby!\0\0\0\0\0\0\0\0"
					    "me\0\0\0\0\0";
	weir_call_options options = seen_options(WEIR_CREATE);
	weir_call call;
	unsigned char expected[80] = {0x95, 'W', 'E', 'V', 1, 3, 80, 0};
	uint64_t id, time;

	(void)state;
	weir_trace_set(&trace);
	options.data = weir_text("dat");
	options.actor = "eightby!";
	options.user_id = "me";
	assert_ok(weir_call_begin(&call, bus.service, &options));
	id = weir_call_id(&call);
	assert_ok(weir_call_fail(&call, -2, "oops"));
	seen_expect(&bus, 2);
	time = bus.seen[1].time;
	for (int i = 0; i < 8; i++) {
		expected[8 + i] = (unsigned char)(id >> 8 * i);
		expected[24 + i] = (unsigned char)(time >> 8 * i);
	}
	memcpy(expected + 16, trace.span_id, 8);
	memcpy(expected + 32, trace.trace_id, 16);
	expected[48] = 1;
	expected[49] = WEIR_CONTENT_TEXT;
	memcpy(expected + 52, "\xfe\xff\xff\xff", 4);
	expected[56] = 3;
	expected[64] = 4;
	expected[68] = 8;
	expected[72] = 2;
	assert_memory_equal(bus.seen[1].bytes, expected, sizeof expected);
	assert_int_equal(sizeof tail, 48);
	assert_memory_equal(bus.seen[1].bytes + 80, tail, sizeof tail);
	assert_int_equal(end_of(&bus.seen[1]), 128);
}

/* Each size, with no byte of the ring's earlier contents between the parts. */
static void
test_sizes(void **state)
{
	char text[200];

	(void)state;
	for (uint32_t size = 0; size < 190; size++) {
		weir_call_options options = seen_options(WEIR_CREATE);
		weir_call call;
		const struct seen *it = &bus.seen[1];
		size_t end;

		for (uint32_t i = 0; i < size; i++)
			text[i] = (char)('!' + (i + size) % 90);
		text[size] = '\0';
		options.data = weir_bytes(text, size);
		options.actor = text + size / 2;
		options.user_id = text + size / 3;
		assert_ok(weir_call_begin(&call, bus.service, &options));
		if (size % 2)
			assert_ok(weir_call_succeed(&call, weir_text(text + size / 5)));
		else
			assert_ok(weir_call_fail(&call, 1, text));
		seen_expect(&bus, 2);
		assert_int_equal(it->envelope.data.size, size);
		assert_memory_equal(it->envelope.data.bytes, text, size);
		assert_int_equal(((uintptr_t)it->envelope.data.bytes - (uintptr_t)it->bytes) % 16, 0);
		assert_int_equal(((uintptr_t)it->envelope.result.bytes - (uintptr_t)it->bytes) % 16, 0);
		assert_string_equal(it->envelope.actor, options.actor);
		assert_string_equal(it->envelope.user_id, options.user_id);
		assert_string_equal(it->envelope.error, size % 2 ? "" : text);
		if (size % 2)
			assert_memory_equal(it->envelope.result.bytes, text + size / 5,
					    it->envelope.result.size);
		end = end_of(it);
		for (size_t i = 80; i < end; i++)
			assert_true(it->bytes[i] == 0 || it->bytes[i] >= '!');
		for (size_t i = size; i % 16; i++)
			assert_int_equal(it->bytes[80 + i], 0);
	}
}

/* What a later version may do: longer headers, parts behind the known ones. */
static void
test_versions(void **state)
{
	weir_call_options options = seen_options(WEIR_CREATE);
	weir_call call;
	weir_envelope envelope = WEIR_ENVELOPE_INIT;
	unsigned char later[1024] = {0};
	size_t end;

	(void)state;
	options.data = weir_text("data");
	options.actor = "actor";
	assert_ok(weir_call_begin(&call, bus.service, &options));
	assert_ok(weir_call_end(&call));
	seen_expect(&bus, 2);
	end = end_of(&bus.seen[0]);
	memcpy(later, bus.seen[0].bytes, 80);
	memcpy(later + 112, bus.seen[0].bytes + 80, end - 80);
	later[6] = 112;
	assert_ok(weir_envelope_open(later, end + 32 + 100, &envelope));
	assert_string_equal(envelope.actor, "actor");
	assert_memory_equal(envelope.data.bytes, "data", 4);
	later[6] = 113;
	assert_status(WEIR_ENOENT, weir_envelope_open(later, sizeof later, &envelope));
	later[6] = 64;
	assert_status(WEIR_ENOENT, weir_envelope_open(later, sizeof later, &envelope));
	later[6] = 112;
	later[4] = 2;
	assert_status(WEIR_ENOENT, weir_envelope_open(later, sizeof later, &envelope));
	later[4] = 1;
	later[5] = 4;
	assert_status(WEIR_ENOENT, weir_envelope_open(later, sizeof later, &envelope));

	/* An older program's struct: as far as it goes. */
	envelope.size = offsetof(weir_envelope, id);
	envelope.id = 5;
	assert_ok(weir_envelope_open(bus.seen[0].bytes, end, &envelope));
	assert_int_equal(envelope.phase, WEIR_PHASE_BEFORE);
	assert_int_equal(envelope.id, 5);
	envelope.size = 1;
	assert_status(WEIR_EINVAL, weir_envelope_open(bus.seen[0].bytes, end, &envelope));
	assert_status(WEIR_EINVAL, weir_envelope_open(NULL, 0, &envelope));
	assert_status(WEIR_EINVAL, weir_envelope_open(later, 1, NULL));
}

/* -- bad bytes -------------------------------------------------------------- */

/* Reads all that it says there is; the JSON is JSON, and fits where it said. */
static void
use(const weir_envelope *envelope)
{
	unsigned sum = 0;
	const weir_content *contents[] = {&envelope->data, &envelope->result};
	char small[40], *text;
	size_t need;

	for (int i = 0; i < 2; i++)
		for (uint32_t j = 0; j < contents[i]->size; j++)
			sum += ((const unsigned char *)contents[i]->bytes)[j];
	__asm__ volatile ("" : : "r"(sum));
	assert_int_equal(envelope->error[envelope->error_size], 0);
	assert_int_equal(envelope->actor[envelope->actor_size], 0);
	assert_int_equal(envelope->user_id[envelope->user_id_size], 0);
	need = weir_envelope_json(envelope, NULL, 0);
	text = malloc(need + 1);
	assert_non_null(text);
	assert_int_equal(weir_envelope_json(envelope, text, need + 1), need);
	assert_int_equal(strlen(text), need);
	assert_int_equal(weir_envelope_json(envelope, small, sizeof small), need);
	assert_int_equal(strlen(small), sizeof small - 1);
	assert_memory_equal(small, text, sizeof small - 1);
	free(text);
}

static void
try_bytes(const void *bytes, size_t size, int expected)
{
	unsigned char *copy = copy_of(bytes, size);
	weir_envelope envelope = WEIR_ENVELOPE_INIT;
	weir_status status = weir_envelope_open(copy, size, &envelope);

	if (status == WEIR_OK)
		use(&envelope);
	else
		assert_int_equal(status, WEIR_ENOENT);
	if (expected >= 0)
		assert_int_equal(status == WEIR_OK, expected);
	free(copy);
}

static void
make_samples(void)
{
	weir_call_options options = seen_options(WEIR_CREATE);
	weir_call call;

	options.data = weir_json("{\"a\": [1, {\"b\": \"\\u00e9\\ud83d\\ude00 x\"}], \"c\": -1.5e-3, \"d\": null}");
	options.actor = "somebody";
	options.user_id = "0815";
	assert_ok(weir_call_begin(&call, bus.service, &options));
	assert_ok(weir_call_fail(&call, 5, "gr\xc3\xb6\xc3\x9f" "er"));
	assert_ok(weir_call_begin(&call, bus.service, &options));
	assert_ok(weir_call_succeed(&call, weir_text("fine \xe2\x82\xac")));
	seen_expect(&bus, 4);
}

static void
test_truncated(void **state)
{
	(void)state;
	make_samples();
	for (int i = 0; i < 4; i++)
		for (size_t size = 0; size <= end_of(&bus.seen[i]); size++)
			try_bytes(bus.seen[i].bytes, size, size == end_of(&bus.seen[i]));
}

static void
test_mutated(void **state)
{
	enum { ROUNDS = 20000 };
	struct unit_random random = unit_random_init();
	unsigned char bytes[SEEN_BYTES_MAX];

	(void)state;
	make_samples();
	for (int round = 0; round < ROUNDS; round++) {
		const struct seen *sample = &bus.seen[unit_random_below(&random, 4)];
		uint32_t size = (uint32_t)end_of(sample), changes = 1 + unit_random_below(&random, 8);

		memcpy(bytes, sample->bytes, size);
		while (changes--) {
			/* Every other one where sizes are. */
			uint32_t at = unit_random_below(&random, 2) ? unit_random_below(&random, size)
								    : 48 + unit_random_below(&random, 32);

			bytes[at] = unit_random_below(&random, 2)
					    ? (unsigned char)unit_random(&random)
					    : bytes[at] ^ (unsigned char)(1 << unit_random_below(&random, 8));
		}
		if (unit_random_below(&random, 4) == 0)
			size = unit_random_below(&random, size + 1);
		try_bytes(bytes, size, -1);
	}
}

/* -- JSON ------------------------------------------------------------------- */

static weir_envelope
sample(void)
{
	weir_envelope envelope = WEIR_ENVELOPE_INIT;

	envelope.version = 1;
	envelope.phase = WEIR_PHASE_BEFORE;
	envelope.id = 0x0807060504030201;
	envelope.error = envelope.actor = envelope.user_id = "";
	return envelope;
}

#define HEAD(phase) "{\"version\":1,\"phase\":\"" phase "\",\"id\":\"0102030405060708\""

static void
expect_json(const weir_envelope *envelope, const char *expected)
{
	char text[4096];
	json_error_t error;
	json_t *value;
	size_t size = weir_envelope_json(envelope, text, sizeof text);

	assert_string_equal(text, expected);
	assert_int_equal(size, strlen(expected));
	value = json_loads(text, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
	if (!value)
		fail_msg("%s: %s", error.text, text);
	json_decref(value);
}

static void
test_json(void **state)
{
	weir_envelope envelope = sample();

	(void)state;
	expect_json(&envelope, HEAD("before") "}");
	envelope.phase = WEIR_PHASE_FAILED;
	envelope.code = INT32_MIN;
	expect_json(&envelope, HEAD("failed") ",\"error\":{\"code\":-2147483648}}");
	envelope.code = 5;
	envelope.error = "no \"stock\"\n\x01\x7f";
	envelope.error_size = (uint32_t)strlen(envelope.error);
	envelope.actor = "a\\b";
	envelope.actor_size = 3;
	envelope.user_id = "\xc3\xa9\xff\xe2\x82";
	envelope.user_id_size = 5;
	envelope.parent = 1;
	envelope.time = 1234567890000000001;
	envelope.traced = 1;
	envelope.trace = (weir_trace){{0xab, 0xcd}, {1, 2, 3, 4, 5, 6, 7, 8}, 1};
	expect_json(&envelope,
		    HEAD("failed") ",\"parent\":\"0100000000000000\""
				   ",\"time\":\"2009-02-13T23:31:30.000000001Z\""
				   ",\"trace\":\"00-abcd0000000000000000000000000000-0102030405060708-01\""
				   ",\"actor\":\"a\\\\b\",\"user_id\":\"\xc3\xa9\\ufffd\\ufffd\\ufffd\""
				   ",\"error\":{\"code\":5,\"text\":\"no \\\"stock\\\"\\n\\u0001\x7f\"}}");
}

static void
expect_data(weir_content data, const char *expected)
{
	weir_envelope envelope = sample();
	char text[1024];

	envelope.data = data;
	snprintf(text, sizeof text, HEAD("before") ",\"data_type\":%s}", expected);
	expect_json(&envelope, text);
}

static void
test_json_content(void **state)
{
	/* Too long, halves of pairs, beyond the last, cut. */
	static const char *const bad[] = {
		"\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\x80", "\xe2\x82", "\xe2\x82x", "\xf0\x90\x80",
	};

	(void)state;
	expect_data(weir_json(" { \"a\" : [ 1 , -0.10 , 1E+2 , true , false , null ] , \"b\" : { } } \n"),
		    "\"json\",\"data\":{\"a\":[1,-0.10,1E+2,true,false,null],\"b\":{}}");
	expect_data(weir_json("\" a \\n \\ud83d\\ude00 \xc3\xa9 \""),
		    "\"json\",\"data\":\" a \\n \\ud83d\\ude00 \xc3\xa9 \"");
	expect_data(weir_json("12345678901234567890123"), "\"json\",\"data\":12345678901234567890123");
	expect_data(weir_text("two\nlines"), "\"text\",\"data\":\"two\\nlines\"");
	expect_data(weir_text("\xff\xfe"), "\"bytes\",\"data\":\"//4=\"");
	expect_data(weir_bytes("a", 1), "\"bytes\",\"data\":\"YQ==\"");
	expect_data(weir_bytes("ab", 2), "\"bytes\",\"data\":\"YWI=\"");
	expect_data(weir_bytes("abc", 3), "\"bytes\",\"data\":\"YWJj\"");
	expect_data((weir_content){"abc", 3, 77}, "\"bytes\",\"data\":\"YWJj\"");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		weir_envelope envelope = sample();
		char text[256];

		envelope.data = weir_text(bad[i]);
		weir_envelope_json(&envelope, text, sizeof text);
		assert_non_null(strstr(text, "\"data_type\":\"bytes\""));
	}
	expect_data(weir_text("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\xed\x9f\xbf\xe0\xa0\x80\xc2\x80"),
		    "\"text\",\"data\":\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\xed\x9f\xbf\xe0\xa0\x80\xc2\x80\"");
	expect_data(weir_json("\"\xff\""), "\"bytes\",\"data\":\"Iv8i\"");
}

/* Says that it is JSON, and is not: shown as text. The other library agrees. */
static void
test_not_json(void **state)
{
	static const char *const bad[] = {
		"{",       "}",        "[1,]",     "[1 2]",   "{\"a\"}",    "{\"a\":}",  "{a:1}",
		"01",      "1.",       ".5",       "-",       "1e",         "+1",        "tru",
		"nulll",   "\"",       "\"\\x\"",  "\"\t\"",  "\"\\u12g4\"", "\"\\ud800\"",
		"[1]x",    "\"\\udc00\"", "\"\\ud800\\u0041\"", "{\"a\":1,}", " ",  "'a'", "[1]]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		weir_envelope envelope = sample();
		char text[512];
		json_t *value = json_loads(bad[i], JSON_DECODE_ANY, NULL);

		assert_null(value);
		envelope.data = weir_json(bad[i]);
		weir_envelope_json(&envelope, text, sizeof text);
		if (!strstr(text, "\"data_type\":\"text\""))
			fail_msg("%s was taken for JSON", bad[i]);
	}
}

static void
test_json_depth(void **state)
{
	weir_envelope envelope = sample();
	char deep[200] = "", text[1024];

	(void)state;
	for (int depth = 64; depth <= 65; depth++) {
		memset(deep, '[', (size_t)depth);
		memset(deep + depth, ']', (size_t)depth);
		deep[2 * depth] = '\0';
		envelope.data = weir_json(deep);
		weir_envelope_json(&envelope, text, sizeof text);
		assert_int_equal(strstr(text, "\"data_type\":\"json\"") != NULL, depth == 64);
	}
}

/* As snprintf() does, at every size. */
static void
test_json_room(void **state)
{
	weir_envelope envelope = sample();
	char whole[512], part[512];
	size_t need;

	(void)state;
	envelope.data = weir_json("[1, 2, {\"a\": \"b\"}, x]");
	envelope.result = weir_json("{\"c\": [true]}");
	envelope.phase = WEIR_PHASE_AFTER;
	need = weir_envelope_json(&envelope, whole, sizeof whole);
	for (size_t size = 1; size <= need + 1; size++) {
		memset(part, '#', sizeof part);
		assert_int_equal(weir_envelope_json(&envelope, part, size), need);
		assert_int_equal(strlen(part), size - 1);
		assert_memory_equal(part, whole, size - 1);
		assert_int_equal(part[size], '#');
	}
}

/* What an operation published, through the JSON library. */
static void
test_json_of_events(void **state)
{
	(void)state;
	make_samples();
	for (int i = 0; i < 4; i++) {
		char text[2048];
		json_t *value;

		weir_envelope_json(&bus.seen[i].envelope, text, sizeof text);
		assert_null(strchr(text, '\n'));
		value = json_loads(text, 0, NULL);
		assert_non_null(value);
		assert_string_equal(json_string_value(json_object_get(value, "actor")), "somebody");
		assert_string_equal(
			json_string_value(json_object_get(
				json_array_get(json_object_get(json_object_get(value, "data"), "a"), 1),
				"b")),
			"\xc3\xa9\xf0\x9f\x98\x80 x");
		json_decref(value);
	}
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, open_bus, close_bus)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_layout),
		EACH(test_sizes),
		EACH(test_versions),
		EACH(test_truncated),
		EACH(test_mutated),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_content),
		cmocka_unit_test(test_not_json),
		cmocka_unit_test(test_json_depth),
		cmocka_unit_test(test_json_room),
		EACH(test_json_of_events),
	};

	return seen_run(tests);
}
