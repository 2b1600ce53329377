/* SPDX-License-Identifier: MIT */
/* test_template.c - files with {{PATH}} in them: what is wrong with some, and what becomes of the others. */
#include "template.h"
#include "told.h"

#include "unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct told told;
static char *directory, file[300];

static int
begin(void **state)
{
	(void)state;
	directory = unit_make_directory();
	snprintf(file, sizeof file, "%s/template.json", directory);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	unit_remove_directory(directory);
	told_clear(&told);
	return 0;
}

static void
write_file(const char *text)
{
	FILE *stream = fopen(file, "w");

	assert_non_null(stream);
	assert_true(fputs(text, stream) >= 0 && fclose(stream) == 0);
}

/* The body that `channel` gets with this template, of the event. */
static const char *
body_of(const char *template, const char *channel, const char *json)
{
	char rule[100];
	const char *settings[] = { "template.all", file, "rule.all", rule, NULL };
	struct wi_rules *rules;

	told_clear(&told);
	write_file(template);
	snprintf(rule, sizeof rule, "> to %s", channel);
	rules = told_rules(settings);
	told_json(&told, rules, "order.after.create", json);
	wi_rules_free(rules);
	assert_int_equal(told.result, 1);
	assert_int_equal(told.each[0].body_size, strlen(told.each[0].body));
	return told.each[0].body;
}

static const char order[] = "{\"total\":19.90,\"big\":18446744073709551615,\"who\":\"\\\"J\\\" \\u00f6\\n<b>&\","
			    "\"paid\":true,\"none\":null,\"lines\":[{\"n\":1},\"<x>\"],\"id\":5}";

static void
test_values(void **state)
{
	(void)state;
	assert_string_equal(body_of("{\n \"{{topic}}\": \"{{topic}}\", \"n\": [ 1.50, true, null ],\n"
	                            " \"total\": \"{{data.total}}\", \"big\": \"{{ big }}\", \"lines\": \"{{lines}}\",\n"
	                            " \"who\": \"{{who}}\", \"paid\": \"{{paid}}\", \"none\": \"{{none}}\",\n"
	                            " \"gone\": \"{{nobody}}\", \"text\": \"{{who}}: {{total}} {{lines}} ({{nobody}}, "
	                            "{{none}}) \\u007b{\\\"x\\\"}\"\n}", "hook", order),
	                    "{\"{{topic}}\":\"order.after.create\",\"n\":[1.50,true,null],"
	                    "\"total\":19.90,\"big\":18446744073709551615,\"lines\":[{\"n\":1},\"<x>\"],"
	                    "\"who\":\"\\\"J\\\" \\u00f6\\n<b>&\",\"paid\":true,\"none\":null,"
	                    "\"gone\":null,\"text\":\"\\\"J\\\" \xc3\xb6\\n<b>&: 19.90 [{\\\"n\\\":1},\\\"<x>\\\"] (-, null) "
	                    "{{\\\"x\\\"}\"}");
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(body_of("[\"{{id}}\",\"{{data.id}}\",\"{{rule}}\",\"{{channel}}\",\"{{instance}}\","
	                            "\"{{source}}\",\"{{time}}\",\"{{traceparent}}\",\"{{key}}\",\"{{lines.0.n}}\"]",
	                            "hook", order),
	                    "[\"shop1-7\",5,\"all\",\"hook\",\"shop1\",\"/weir/shop\","
	                    "\"2026-11-26T07:00:00.250000000Z\",null,null,1]");
	/* Two in a string are no value. */
	assert_string_equal(body_of("[\"{{total}}{{total}}\",\" {{total}}\",\"{{total}} \"]", "hook", order),
	                    "[\"19.9019.90\",\" 19.90\",\"19.90 \"]");
}

/* For Slack everything is text, and an event's < and & are not Slack's; the template's own are. */
static void
test_slack(void **state)
{
	(void)state;
	assert_string_equal(body_of("{\"text\":\"<!here> {{who}} {{lines}}\",\"blocks\":[\"{{lines}}\",\"{{total}}\","
	                            "\"{{nobody}}\"]}", "alerts", order),
	                    "{\"text\":\"<!here> \\\"J\\\" \xc3\xb6\\n&lt;b&gt;&amp; [{\\\"n\\\":1},"
	                    "\\\"&lt;x&gt;\\\"]\",\"blocks\":[\"[{\\\"n\\\":1},\\\"&lt;x&gt;\\\"]\",\"19.90\",\"-\"]}");
	assert_string_equal(body_of("{\"text\":\"{{c}}\"}", "alerts", "{\"c\":\"a\\u0000\\r\\u001b\\u007f\\tb\"}"),
	                    "{\"text\":\"a    \\tb\"}");
}

/* For cloud events it is the data. */
static void
test_cloud(void **state)
{
	(void)state;
	assert_non_null(strstr(body_of("{\"n\":\"{{total}}\"}", "cloud", order),
	                       "\"datacontenttype\":\"application/json\",\"data\":{\"n\":19.90}}"));
	assert_string_equal(body_of("{\"n\":\"{{total}}\"}", "bits", order), "{\"n\":19.90}");
	assert_non_null(strstr(told.each[0].headers, "Content-Type: application/json\n"));
	assert_string_equal(body_of("{\"n\":\"{{total}}\"}", "bits", "\xff"), "{\"n\":null}");
	assert_string_equal(body_of("{\"n\":\"{{data}}\"}", "bits", "\xff"), "{\"n\":\"/w==\"}");
	assert_non_null(strstr(told.each[0].headers, "Content-Type: application/json\n"));
}

/* Nothing that an event says ends its string: any bytes give the same members. */
static void
test_injection(void **state)
{
	const char *const names[] = { "template.all", file, "rule.all", "> to hook", NULL };
	static const char bytes[] = "\"\\{}[],:<>&\n\001\x7f{{topic}} /u";
	struct { weir_event event; char json[300]; } __attribute__((aligned(16))) event = { { 0 }, "{\"v\":" };
	struct unit_random random = unit_random_init();
	char *json = event.json, text[100];
	struct wi_rules *rules;
	json_t *value, *string;

	(void)state;
	write_file("{\"a\":\"{{v}}\",\"b\":\"x{{v}}\",\"c\":\"{{data}}.\"}");
	rules = told_rules(names);
	for (int round = 0; round < 20000; round++) {
		size_t size = 1 + unit_random_below(&random, 30);
		struct wi_json_out out = { json, sizeof event.json - 1, 5 };

		for (size_t i = 0; i < size; i++)
			text[i] = bytes[unit_random_below(&random, sizeof bytes - 1)];
		text[size] = '\0';
		wi_json_out_string(&out, text, size);
		wi_json_out_raw(&out, "}", 1);
		json[out.used] = '\0';
		event.event.size = (uint32_t)out.used;
		told_clear(&told);
		assert_int_equal(wi_rules_apply(rules, 0, &event.event, "a", 1, told_put, &told), 1);
		value = json_loads(told.each[0].body, 0, NULL);
		assert_int_equal(json_object_size(value), 3);
		assert_string_equal(json_string_value(json_object_get(value, "a")), text);
		assert_string_equal(json_string_value(json_object_get(value, "b")) + 1, text);
		string = json_object_get(value, "c");
		assert_memory_equal(json_string_value(string), json, out.used);
		json_decref(value);
	}
	wi_rules_free(rules);
}

/* However long values are, a body is JSON and fits. */
static void
test_long(void **state)
{
	size_t size = 300 << 10;
	char *json = malloc(size + 1), *template = malloc(WI_TEMPLATE_SIZE_MAX + 1);
	json_t *value;

	(void)state;
	assert_true(json && template);
	memset(json, '&', size);
	memcpy(json, "{\"a\":\"", 6);
	memcpy(json + size - 2, "\"}", 3);
	value = json_loads(body_of("{\"text\":\"{{a}}\",\"b\":\"{{a}}\"}", "alerts", json), 0, NULL);
	assert_int_equal(json_string_length(json_object_get(value, "text")), 2997 / 5 * 5 + 3);
	json_decref(value);
	value = json_loads(body_of("{\"a\":\"{{a}}\",\"b\":\"{{data}}\"}", "hook", json), 0, NULL);
	assert_int_equal(json_string_length(json_object_get(value, "a")), 4096 + 3);
	assert_memory_equal(json_string_value(json_object_get(value, "b")), "{\"a\":\"&&&", 9);
	json_decref(value);
	/* Control characters take six bytes each: nothing of them fits any more. */
	memset(json + 6, '\x7f', size - 8);
	for (size_t at = 6; at + 6 <= size - 2; at += 6)
		memcpy(json + at, "\\u0001", 6);
	strcpy(template, "[");
	for (int i = 0; i < WI_TEMPLATE_PLACEHOLDERS_MAX; i++)
		strcat(template, "\"{{a}}\",");
	strcat(template, "1]");
	value = json_loads(body_of(template, "hook", json), 0, NULL);
	assert_int_equal(json_array_size(value), WI_TEMPLATE_PLACEHOLDERS_MAX + 1);
	assert_string_equal(json_string_value(json_array_get(value, 0)), "...");
	json_decref(value);
	free(template);
	free(json);
}

static void
test_refused(void **state)
{
	static const struct { const char *text, *problem; } refused[] = {
		{ "", "line 1: '[' or '{' expected near end of file" },
		{ "{\n\n \"a\": x }", "line 3: invalid token near 'x'" },
		{ "{\"a\": 1}\n\n]", "line 3: end of file expected near ']'" },
		{ "{\"a\": 1,\n \"a\": 2}", "line 2: duplicate object key near '\"a\"'" },
		{ "{\"a\": 1,\n \"b\": \"x {{topic} y\"}", "line 2: '{{topic} y' is no {{PATH}}" },
		{ "{\"a\":\n\n \"{{}}\"}", "line 3: '{{}}' is no {{PATH}}" },
		{ "[\"{{a b}}\"]", "line 1: '{{a b}}' is no {{PATH}}" },
		{ "[\"{{a..b}}\"]", "line 1: '{{a..b}}' is no {{PATH}}" },
		{ "[\"{{a}} {{\\\"}}\"]", "line 1: '{{\\\"}}' is no {{PATH}}" },
		{ "[\"{{#if a}}\"]", NULL },
	};
	char expected[500];

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		const char *settings[] = { "template.all", file, "rule.all", "> to hook", NULL };

		write_file(refused[i].text);
		snprintf(expected, sizeof expected, "template.all: %s: %s", file,
		         refused[i].problem ? refused[i].problem : "line 1: '{{#if a}}' is no {{PATH}}");
		assert_string_equal(told_problem(settings), expected);
	}
}

static void
test_refused_files(void **state)
{
	const char *settings[] = { "template.all", file, "rule.all", "> to hook", NULL };
	char expected[500], *text = malloc(WI_TEMPLATE_SIZE_MAX + 2);

	(void)state;
	snprintf(expected, sizeof expected, "template.all: %s: No such file or directory", file);
	assert_string_equal(told_problem(settings), expected);
	memset(text, ' ', WI_TEMPLATE_SIZE_MAX + 1);
	memcpy(text, "[]", 2);
	text[WI_TEMPLATE_SIZE_MAX + 1] = '\0';
	write_file(text);
	snprintf(expected, sizeof expected, "template.all: %s: longer than 32 KiB", file);
	assert_string_equal(told_problem(settings), expected);
	text[WI_TEMPLATE_SIZE_MAX] = '\0';
	write_file(text);
	assert_string_equal(told_problem(settings), "");
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	write_file(text);
	snprintf(expected, sizeof expected, "template.all: %s: more than 64 levels", file);
	assert_string_equal(told_problem(settings), expected);
	strcpy(text, "[");
	for (int i = 0; i <= WI_TEMPLATE_PLACEHOLDERS_MAX; i++)
		strcat(text, "\"{{a}}\",");
	strcat(text, "1]");
	write_file(text);
	snprintf(expected, sizeof expected, "template.all: %s: more than 256 placeholders", file);
	assert_string_equal(told_problem(settings), expected);
	settings[1] = directory;
	snprintf(expected, sizeof expected, "template.all: %s: Is a directory", directory);
	assert_string_equal(told_problem(settings), expected);
	free(text);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_values, begin, end),
		cmocka_unit_test_setup_teardown(test_names, begin, end),
		cmocka_unit_test_setup_teardown(test_slack, begin, end),
		cmocka_unit_test_setup_teardown(test_cloud, begin, end),
		cmocka_unit_test_setup_teardown(test_injection, begin, end),
		cmocka_unit_test_setup_teardown(test_long, begin, end),
		cmocka_unit_test_setup_teardown(test_refused, begin, end),
		cmocka_unit_test_setup_teardown(test_refused_files, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
