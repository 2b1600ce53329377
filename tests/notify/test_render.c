/* SPDX-License-Identifier: MIT */
/* test_render.c - how messages read, byte for byte; and that nothing in an event changes what they are. */
#include "render.h"
#include "told.h"

#include "unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static struct told told;

static const char *const everywhere[] = { "rule.all", "> to alerts, hook, cloud, bits",
                                          "rule.own", "weir.> to alerts, hook, cloud, bits", NULL };

static const weir_trace trace = {
	{ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 }, { 17, 18, 19, 20, 21, 22, 23, 24 }, 1,
};

static int
clear(void **state)
{
	(void)state;
	told_clear(&told);
	return 0;
}

static void
check_body(uint32_t i, const char *expected)
{
	assert_true(i < told.count);
	assert_string_equal(told.each[i].body, expected);
	assert_int_equal(told.each[i].body_size, strlen(expected));
}

/* -- what becomes of an event ----------------------------------------------- */

static void
test_json(void **state)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	static const char data[] = "{ \"total\": 19.90, \"id\": 18446744073709551615, \"who\": \"J\\u00f6rg\" }";
	struct wi_rules *rules = told_rules(everywhere);

	(void)state;
	attributes.flags = WEIR_ATTRIBUTE_KEY;
	attributes.key = UINT64_MAX;
	attributes.trace = &trace;
	told_publish(&told, rules, "order.after.create", &attributes, data, sizeof data - 1, 7);
	assert_int_equal(told.count, 4);
	assert_int_equal(told.result, 4);
	assert_string_equal(told.each[0].id, "shop1-7");
	assert_string_equal(told.each[3].id, "shop1-7-3");
	assert_string_equal(told.each[0].channel, "alerts");
	assert_string_equal(told.each[0].topic, "order.after.create");
	assert_string_equal(told.each[0].group, "order.after.create");
	assert_string_equal(told.each[1].group, "");
	assert_true(told.each[0].time == TOLD_TIME);
	assert_string_equal(told.each[0].brief,
	                    "2026-11-26T07:00:00.250000000Z total: 19.90, id: 18446744073709551615, who: J\xc3\xb6rg");
	assert_string_equal(told.each[0].headers, "Content-Type: application/json\n");
	check_body(0, "{\"text\":\"*order.after.create*\\ntotal: 19.90, id: 18446744073709551615, who: "
	              "J\xc3\xb6rg\\n2026-11-26T07:00:00.250000000Z\"}");
	assert_string_equal(told.each[1].headers, "Content-Type: application/json\n");
	check_body(1, "{\"id\":\"shop1-7-1\",\"type\":\"order.after.create\",\"timestamp\":"
	              "\"2026-11-26T07:00:00.250000000Z\",\"source\":\"/weir/shop\",\"traceparent\":"
	              "\"00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01\",\"data\":{\"total\":19.90,"
	              "\"id\":18446744073709551615,\"who\":\"J\\u00f6rg\"}}");
	assert_string_equal(told.each[2].headers, "Content-Type: application/cloudevents+json\n");
	check_body(2, "{\"specversion\":\"1.0\",\"id\":\"shop1-7-2\",\"source\":\"/weir/shop\",\"type\":"
	              "\"com.example.order.after.create\",\"time\":\"2026-11-26T07:00:00.250000000Z\","
	              "\"partitionkey\":\"18446744073709551615\",\"traceparent\":"
	              "\"00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01\",\"datacontenttype\":"
	              "\"application/json\",\"data\":{\"total\":19.90,\"id\":18446744073709551615,\"who\":"
	              "\"J\\u00f6rg\"}}");
	assert_string_equal(told.each[3].headers,
	                    "Content-Type: application/json\n"
	                    "ce-specversion: 1.0\n"
	                    "ce-id: shop1-7-3\n"
	                    "ce-source: /weir/shop\n"
	                    "ce-type: com.example.order.after.create\n"
	                    "ce-time: 2026-11-26T07:00:00.250000000Z\n"
	                    "ce-partitionkey: 18446744073709551615\n"
	                    "ce-traceparent: 00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01\n"
	                    "traceparent: 00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01\n");
	check_body(3, "{\"total\":19.90,\"id\":18446744073709551615,\"who\":\"J\\u00f6rg\"}");
	wi_rules_free(rules);
}

static void
test_envelope(void **state)
{
	struct wi_rules *rules = told_rules(everywhere);
	unsigned char bytes[1000];
	uint32_t size = told_envelope(bytes, weir_json("{\"total\":1200,\"lines\":[1],\"currency\":\"EUR\"}"),
	                              weir_text(""), 51, "card declined", "shop", "4711");

	(void)state;
	told_publish(&told, rules, "payment.failed.charge", NULL, bytes, size, 7);
	check_body(0, "{\"text\":\"*payment.failed.charge*: card declined (code 51)\\ntotal: 1200, currency: EUR"
	              "\\nby shop, for 4711\\n2026-11-26T07:00:00.250000000Z\"}");
	assert_string_equal(told.each[0].brief, "2026-11-26T07:00:00.250000000Z card declined (code 51); "
	                                        "total: 1200, currency: EUR");
	check_body(3, "{\"version\":1,\"phase\":\"failed\",\"id\":\"0100000000000000\",\"time\":"
	              "\"2026-11-26T07:00:00.250000000Z\",\"actor\":\"shop\",\"user_id\":\"4711\",\"data_type\":"
	              "\"json\",\"data\":{\"total\":1200,\"lines\":[1],\"currency\":\"EUR\"},\"error\":{\"code\":51,"
	              "\"text\":\"card declined\"}}");
	assert_non_null(strstr(told.each[1].body, ",\"data\":{\"version\":1,"));
	told_clear(&told);
	size = told_envelope(bytes, weir_bytes("\x01\x02", 2), weir_text(""), 0, "", "", "");
	told_publish(&told, rules, "file.after.store", NULL, bytes, size, 7);
	check_body(0, "{\"text\":\"*file.after.store*\\n(96 bytes)\\n2026-11-26T07:00:00.250000000Z\"}");
	wi_rules_free(rules);
}

static void
test_text_and_bytes(void **state)
{
	struct wi_rules *rules = told_rules(everywhere);

	(void)state;
	told_json(&told, rules, "note.after.add", "caf\xc3\xa9 \"x\" <b>");
	check_body(0, "{\"text\":\"*note.after.add*\\ncaf\xc3\xa9 \\\"x\\\" &lt;b&gt;\\n"
	              "2026-11-26T07:00:00.250000000Z\"}");
	assert_non_null(strstr(told.each[1].body, ",\"data\":\"caf\xc3\xa9 \\\"x\\\" <b>\"}"));
	assert_non_null(strstr(told.each[2].body, "\"datacontenttype\":\"text/plain; charset=utf-8\","
	                                          "\"data\":\"caf\xc3\xa9 \\\"x\\\" <b>\"}"));
	assert_non_null(strstr(told.each[3].headers, "Content-Type: text/plain; charset=utf-8\n"));
	check_body(3, "caf\xc3\xa9 \"x\" <b>");
	told_clear(&told);
	told_publish(&told, rules, "note.after.add", NULL, "\xff\x00\x01", 3, 7);
	check_body(0, "{\"text\":\"*note.after.add*\\n(3 bytes)\\n2026-11-26T07:00:00.250000000Z\"}");
	assert_non_null(strstr(told.each[1].body, ",\"data_base64\":\"/wAB\"}"));
	assert_non_null(strstr(told.each[2].body, "\"datacontenttype\":\"application/octet-stream\","
	                                          "\"data_base64\":\"/wAB\"}"));
	assert_non_null(strstr(told.each[3].headers, "Content-Type: application/octet-stream\n"));
	assert_int_equal(told.each[3].body_size, 3);
	assert_memory_equal(told.each[3].body, "\xff\x00\x01", 3);
	told_clear(&told);
	told_json(&told, rules, "note.after.add", "");
	check_body(0, "{\"text\":\"*note.after.add*\\n2026-11-26T07:00:00.250000000Z\"}");
	assert_null(strstr(told.each[1].body, "data"));
	assert_null(strstr(told.each[2].body, "data"));
	assert_null(strstr(told.each[3].headers, "Content-Type"));
	assert_int_equal(told.each[3].body_size, 0);
	wi_rules_free(rules);
}

/* What weir itself says. */
static void
test_own(void **state)
{
	static const char *const settings[] = { "rule.own", "weir.> with count over 1 to alerts, bits", NULL };
	struct { weir_event event; weir_failure failure; char payload[13]; } __attribute__((aligned(16))) failed = {
		.event = { .size = sizeof failed - sizeof failed.event - 3, .time = TOLD_TIME },
		.failure = { sizeof failed.failure, 5, 3, 17, 42, 9, 2, 13, 13 }, .payload = "{\"total\": 12}",
	};
	struct { weir_event event; weir_gap gap; } __attribute__((aligned(16))) gap = {
		.event = { .size = sizeof gap.gap }, .gap = { sizeof gap.gap, 2, 10, 19 },
	};
	struct wi_rules *rules = told_rules(settings);

	(void)state;
	assert_int_equal(sizeof failed.failure + 13, failed.event.size);
	assert_int_equal(wi_rules_apply(rules, 0, &failed.event, "weir.failed.deliver", 1, told_put, &told), 2);
	check_body(0, "{\"text\":\"*weir.failed.deliver*: code 5\\ncount: 42, subscription: 3, source: 2, "
	              "sequence: 17, payload_size: 13\\n2026-11-26T07:00:00.250000000Z\"}");
	check_body(1, "{\"code\":5,\"count\":42,\"subscription\":3,\"source\":2,\"sequence\":17,"
	              "\"payload_size\":13,\"payload\":{\"total\":12}}");
	told_clear(&told);
	failed.failure.payload_copied = 12;
	failed.failure.code = WEIR_CODE_UNWOUND;
	assert_int_equal(wi_rules_apply(rules, 0, &failed.event, "weir.failed.deliver", 1, told_put, &told), 2);
	check_body(1, "{\"code\":-1996488705,\"count\":42,\"error\":\"the handler's thread was ended in it\","
	              "\"subscription\":3,\"source\":2,\"sequence\":17,\"payload_size\":13}");
	told_clear(&told);
	assert_int_equal(wi_rules_apply(rules, 0, &gap.event, "weir.gap", 1, told_put, &told), 2);
	check_body(0, "{\"text\":\"*weir.gap*\\nsource: 2, sequence_first: 10, sequence_last: 19, count: 10\"}");
	/* One that is not what it should be. */
	failed.failure.payload_copied = 14;
	assert_int_equal(wi_rules_apply(rules, 0, &failed.event, "weir.failed.deliver", 1, told_put, &told), 0);
	failed.event.size = 20;
	assert_int_equal(wi_rules_apply(rules, 0, &failed.event, "weir.failed.deliver", 1, told_put, &told), 0);
	gap.event.size = 20;
	assert_int_equal(wi_rules_apply(rules, 0, &gap.event, "weir.gap", 1, told_put, &told), 0);
	wi_rules_free(rules);
}

static const char *
name_of(void *context, weir_topic topic)
{
	(void)context;
	return topic.id == 9 ? "order.after.create" : NULL;
}

static void
test_own_topic(void **state)
{
	struct { weir_event event; weir_failure failure; } __attribute__((aligned(16))) failed = {
		.event = { .size = sizeof failed.failure }, .failure = { sizeof failed.failure, 5, 3, 17, 1, 9, 2, 0, 0 },
	};
	struct wi_rules_source source = told_source;
	char problem[WI_NOTIFY_PROBLEM_SIZE];
	struct wi_rules *rules;

	(void)state;
	source.topic_name = name_of;
	assert_true(wi_rules_create(&rules));
	assert_true(wi_rules_take(rules, "rule.own", "weir.failed.deliver with data.topic is order.after.create to bits",
	                          problem));
	assert_true(wi_rules_end(rules, told_channels, 4, &source, problem));
	assert_int_equal(wi_rules_apply(rules, 0, &failed.event, "weir.failed.deliver", 1, told_put, &told), 1);
	check_body(0, "{\"code\":5,\"count\":1,\"topic\":\"order.after.create\",\"subscription\":3,\"source\":2,"
	              "\"sequence\":17,\"payload_size\":0}");
	wi_rules_free(rules);
}

/* -- what events cannot do -------------------------------------------------- */

static json_t *
parse(uint32_t i)
{
	json_error_t error;
	json_t *value = json_loadb(told.each[i].body, told.each[i].body_size,
	                           JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

	if (!value)
		fail_msg("%s: %s", error.text, (const char *)told.each[i].body);
	return value;
}

static const char hostile[] =
	"{\"a\":\"\\r\\nX-Evil: 1\\u0000\",\"<!channel>\":\"<!here> & <http://x|y>\",\"b\":\"\\\"},{\\\"text\\\":\\\"\","
	"\"error\":\"line\\nline\\u001b[31m\",\"code\":\"<@U1>\"}";

static void
check_slack(uint32_t i)
{
	json_t *value = parse(i);
	const char *text = json_string_value(json_object_get(value, "text"));

	assert_int_equal(json_object_size(value), 1);
	assert_non_null(text);
	assert_null(strpbrk(text, "<>\r\033"));
	assert_non_null(strstr(text, "&lt;!here&gt; &amp; &lt;http://x|y&gt;"));
	json_decref(value);
}

static void
test_hostile_values(void **state)
{
	struct wi_rules *rules = told_rules(everywhere);

	(void)state;
	told_json(&told, rules, "order.failed.create", hostile);
	check_slack(0);
	assert_string_equal(told.each[0].brief, "2026-11-26T07:00:00.250000000Z line line [31m (code <@U1>); "
	                    "a:   X-Evil: 1 , <!channel>: <!here> & <http://x|y>, b: \"},{\"text\":\"");
	for (uint32_t i = 1; i < 3; i++)
		json_decref(parse(i));
	wi_rules_free(rules);
}

/* No header but ours, whatever the topic and the source are. */
static void
test_headers(void **state)
{
	struct { weir_event event; } __attribute__((aligned(16))) event = { { .time = TOLD_TIME } };
	struct wi_rules_source source = told_source;
	struct wi_rules *rules = told_rules(everywhere);
	char problem[WI_NOTIFY_PROBLEM_SIZE];

	(void)state;
	assert_int_equal(wi_rules_apply(rules, 0, &event.event, "a.b\r\nX-Evil: 1\"%\xc3\xa9", 1, told_put, &told), 4);
	assert_string_equal(told.each[3].headers,
	                    "ce-specversion: 1.0\n"
	                    "ce-id: shop1-1-3\n"
	                    "ce-source: /weir/shop\n"
	                    "ce-type: com.example.a.b%0D%0AX-Evil:%201%22%25%C3%A9\n"
	                    "ce-time: 2026-11-26T07:00:00.250000000Z\n");
	for (uint32_t i = 0; i < 3; i++)
		assert_null(strpbrk(told.each[i].body, "\r\n"));
	source.source = "/weir/\r\nX-Evil: 1";
	assert_false(wi_rules_end(rules, told_channels, 4, &source, problem));
	source = told_source;
	source.type_prefix = "a\n";
	assert_false(wi_rules_end(rules, told_channels, 4, &source, problem));
	source = told_source;
	strcpy(source.instance, "a.b");
	assert_false(wi_rules_end(rules, told_channels, 4, &source, problem));
	wi_rules_free(rules);
}

/* -- too long --------------------------------------------------------------- */

static void
test_long(void **state)
{
	struct wi_rules *rules = told_rules(everywhere);
	size_t size = 200 << 10;
	char *data = malloc(size + 1);
	json_t *value;

	(void)state;
	assert_non_null(data);
	memset(data, '<', size);
	memcpy(data, "{\"a\":\"", 6);
	memcpy(data + size - 2, "\"}", 3);
	told_json(&told, rules, "order.failed.create", data);
	check_body(1, "{\"id\":\"shop1-7-1\",\"type\":\"order.failed.create\",\"timestamp\":"
	              "\"2026-11-26T07:00:00.250000000Z\",\"source\":\"/weir/shop\",\"truncated\":true}");
	check_body(2, "{\"specversion\":\"1.0\",\"id\":\"shop1-7-2\",\"source\":\"/weir/shop\",\"type\":"
	              "\"com.example.order.failed.create\",\"time\":\"2026-11-26T07:00:00.250000000Z\","
	              "\"weirtruncated\":true}");
	assert_non_null(strstr(told.each[3].headers, "ce-weirtruncated: true\n"));
	assert_null(strstr(told.each[3].headers, "Content-Type"));
	assert_int_equal(told.each[3].body_size, 0);
	value = parse(0);
	assert_non_null(strstr(told.each[0].body, "a: &lt;"));
	assert_non_null(strstr(told.each[0].body, "&lt;...\\n"));
	json_decref(value);
	wi_rules_free(rules);
	free(data);
}

/* At the limit of Slack's text: a character, and an entity, are there whole or not at all. */
static void
test_cut(void **state)
{
	static const char *const inside[] = { "\xc3\xa9", "&" }, *const shown[] = { "\xc3\xa9", "&amp;" };
	char bytes[6001], buffer[40000];

	(void)state;
	for (int i = 0; i < 2; i++)
		for (size_t most = 3; most < 60; most++) {
			size_t width = i ? 5 : 1, whole = (most - 3) / width;
			struct wi_json_out out = { buffer, sizeof buffer - 1, 0 };
			struct wi_text_out text;
			char expected[400] = "\"";

			*bytes = '\0';
			for (int k = 0; k < 60; k++)
				strcat(bytes, inside[i]);
			wi_text_begin(&text, &out, WI_TEXT_JSON | WI_TEXT_SLACK, most);
			wi_text_put_plain(&text, bytes);
			wi_text_end(&text);
			buffer[out.used] = '\0';
			for (size_t k = 0; k < whole; k++)
				strcat(expected, shown[i]);
			strcat(expected, "...\"");
			assert_string_equal(buffer, expected);
		}
}

/* -- digests ---------------------------------------------------------------- */

static void
test_digest(void **state)
{
	struct wi_rules *rules = told_rules(everywhere);
	const struct wi_message *messages[6];
	struct told digest = { .count = 0 };
	char json[40];

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		weir_attributes attributes = WEIR_ATTRIBUTES_INIT;

		attributes.flags = WEIR_ATTRIBUTE_TIME;
		attributes.time = TOLD_TIME + (i * 59500000000 / 5);
		snprintf(json, sizeof json, "{\"code\":%u,\"error\":\"<no>\"}", i);
		told_publish(&told, rules, "payment.failed.charge", &attributes, json, (uint32_t)strlen(json), i + 1);
	}
	for (uint32_t i = 0; i < 6; i++)
		messages[i] = &told.each[4 * i];
	for (int i = 0; i < 4; i++)
		assert_int_equal(wi_rules_digest(rules, &told_channels[i], messages, 6, 36, told_put, &digest), 1);
	assert_string_equal(digest.each[0].body,
	                    "{\"text\":\"*payment.failed.charge*: 42 times in 60 s\\n"
	                    "- 2026-11-26T07:00:00.250000000Z &lt;no&gt; (code 0)\\n"
	                    "- 2026-11-26T07:00:12.150000000Z &lt;no&gt; (code 1)\\n"
	                    "- 2026-11-26T07:00:24.050000000Z &lt;no&gt; (code 2)\\n"
	                    "- 2026-11-26T07:00:35.950000000Z &lt;no&gt; (code 3)\\n"
	                    "- 2026-11-26T07:00:47.850000000Z &lt;no&gt; (code 4)\\n"
	                    "... and 37 more\"}");
	assert_string_equal(digest.each[0].id, "shop1-1-d");
	assert_string_equal(digest.each[0].group, "");
	assert_string_equal(digest.each[0].channel, "alerts");
	assert_string_equal(digest.each[0].headers, "Content-Type: application/json\n");
	assert_non_null(strstr(digest.each[1].body,
	                       "{\"id\":\"shop1-1-d\",\"type\":\"weir.digest\",\"timestamp\":"
	                       "\"2026-11-26T07:00:59.750000000Z\",\"source\":\"/weir/shop\",\"data\":"
	                       "{\"topic\":\"payment.failed.charge\",\"count\":42,\"seconds\":60,\"first\":"
	                       "\"2026-11-26T07:00:00.250000000Z\",\"last\":\"2026-11-26T07:00:59.750000000Z\","
	                       "\"messages\":[\"2026-11-26T07:00:00.250000000Z <no> (code 0)\","));
	assert_non_null(strstr(digest.each[2].body,
	                       "\"type\":\"com.example.weir.digest\",\"time\":\"2026-11-26T07:00:59.750000000Z\","
	                       "\"subject\":\"payment.failed.charge\",\"datacontenttype\":\"application/json\","
	                       "\"data\":{\"topic\":"));
	assert_string_equal(digest.each[3].headers,
	                    "Content-Type: application/json\n"
	                    "ce-specversion: 1.0\n"
	                    "ce-id: shop1-1-d\n"
	                    "ce-source: /weir/shop\n"
	                    "ce-type: com.example.weir.digest\n"
	                    "ce-time: 2026-11-26T07:00:59.750000000Z\n"
	                    "ce-subject: payment.failed.charge\n");
	told_clear(&digest);
	wi_rules_free(rules);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_json, clear),
		cmocka_unit_test_teardown(test_envelope, clear),
		cmocka_unit_test_teardown(test_text_and_bytes, clear),
		cmocka_unit_test_teardown(test_own, clear),
		cmocka_unit_test_teardown(test_own_topic, clear),
		cmocka_unit_test_teardown(test_hostile_values, clear),
		cmocka_unit_test_teardown(test_headers, clear),
		cmocka_unit_test_teardown(test_long, clear),
		cmocka_unit_test_teardown(test_cut, clear),
		cmocka_unit_test_teardown(test_digest, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
