/* SPDX-License-Identifier: MIT */
/* test_rules.c - settings that are refused, which rule makes which messages, and what happens without memory. */
#include "told.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct told told;

static int
clear(void **state)
{
	(void)state;
	told_clear(&told);
	told.refuse_at = 0;
	return 0;
}

/* -- settings --------------------------------------------------------------- */

static void
test_refused(void **state)
{
	static const struct { const char *key, *value, *problem; } refused[] = {
		{ "rule.big", "order.after.create with total beyond 1000 to hook",
		  "rule.big: 'order.after.create with total beyond 1000 to hook': 'beyond' is no comparison (over, "
		  "under, at least, at most, is, is not, contains, exists, missing)" },
		{ "rule.a", "", "rule.a: '': '' is no pattern of topics" },
		{ "rule.a", "a..b to hook", "rule.a: 'a..b to hook': 'a..b' is no pattern of topics" },
		{ "rule.a", ">.a to hook", "rule.a: '>.a to hook': '>.a' is no pattern of topics" },
		{ "rule.a", "\"a\" to hook", "rule.a: '\"a\" to hook': '\"a\"' is no pattern of topics" },
		{ "rule.a", "a", "rule.a: 'a': 'to' and a channel are missing at the end" },
		{ "rule.a", "a too hook", "rule.a: 'a too hook': 'too' stands where 'with' or 'to' should" },
		{ "rule.a", "a with b is c d to hook",
		  "rule.a: 'a with b is c d to hook': 'd' stands where 'and', 'or' or 'to' should" },
		{ "rule.a", "a with b is c", "rule.a: 'a with b is c': 'to' and a channel are missing at the end" },
		{ "rule.a", "a with to hook", "rule.a: 'a with to hook': 'hook' is no comparison (over, under, at least, "
		  "at most, is, is not, contains, exists, missing)" },
		{ "rule.a", "a to", "rule.a: 'a to': a channel is missing at the end" },
		{ "rule.a", "a to hook,", "rule.a: 'a to hook,': a channel is missing at the end" },
		{ "rule.a", "a to #", "rule.a: 'a to #': '#' is no name of a channel (a-z, 0-9, _ and -, at most 40)" },
		{ "rule.a", "a to Hook",
		  "rule.a: 'a to Hook': 'Hook' is no name of a channel (a-z, 0-9, _ and -, at most 40)" },
		{ "rule.a", "a to hook cloud",
		  "rule.a: 'a to hook cloud': 'cloud' stands where a comma or the end should" },
		{ "rule.a", "a to hook, #hook", "rule.a: 'a to hook, #hook': channel 'hook' is named twice" },
		{ "rule.a", "a to billing", "rule.a: 'a to billing': there is no channel.billing" },
		{ "rule.", "a to hook", "rule.: a name has a-z, 0-9, _ and -, at most 40" },
		{ "rule.A", "a to hook", "rule.A: a name has a-z, 0-9, _ and -, at most 40" },
		{ "rules.a", "a to hook", "'rules.a' is neither rule.NAME nor template.NAME" },
		{ "rule", "a to hook", "'rule' is neither rule.NAME nor template.NAME" },
		{ "template.a", "/nowhere/a.json", "template.a: /nowhere/a.json: No such file or directory" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		const char *settings[] = { refused[i].key, refused[i].value, NULL };

		assert_string_equal(told_problem(settings), refused[i].problem);
	}
}

static void
test_refused_together(void **state)
{
	const char *twice[] = { "rule.a", "a to hook", "rule.a", "b to hook", NULL };
	char *directory = unit_make_directory(), file[300];
	const char *nobodys[] = { "template.b", file, "rule.a", "a to hook", NULL };
	FILE *stream;

	(void)state;
	assert_string_equal(told_problem(twice), "rule.a is there twice");
	snprintf(file, sizeof file, "%s/b.json", directory);
	stream = fopen(file, "w");
	assert_true(stream && fputs("[]", stream) >= 0 && fclose(stream) == 0);
	assert_string_equal(told_problem(nobodys), "template.b: there is neither a rule.b nor a channel.b");
	unit_remove_directory(directory);
}

/* A value of a setting may be long; what is said of it is not. */
static void
test_long_problems(void **state)
{
	char value[70000];
	const char *settings[] = { "rule.a", value, NULL };

	(void)state;
	memset(value, 'x', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	assert_true(strlen(told_problem(settings)) < 300);
	memcpy(value, "a with b is ", 12);
	assert_true(strlen(told_problem(settings)) < 300);
}

/* -- which messages --------------------------------------------------------- */

static void
test_words(void **state)
{
	static const char *const settings[] = {
		"rule.first", "  order.*.create\twith status is \"to us, or and\"  to  #hook ,cloud,  #bits  ",
		"rule.second", "order.> with to is to or with is with to alerts",
		"rule.third", "> to hook", NULL,
	};
	struct wi_rules *rules = told_rules(settings);

	(void)state;
	assert_string_equal(wi_rules_pattern(rules, 0), "order.*.create");
	assert_string_equal(wi_rules_pattern(rules, 2), ">");
	assert_null(wi_rules_pattern(rules, 3));
	told_json(&told, rules, "order.after.create", "{\"status\":\"to us, or and\"}");
	assert_int_equal(told.count, 4);
	assert_string_equal(told.each[1].channel, "cloud");
	told_clear(&told);
	told_json(&told, rules, "order.after.create", "{\"to\":\"to\"}");
	assert_int_equal(told.count, 2);
	assert_string_equal(told.each[0].channel, "alerts");
	told_clear(&told);
	told_json(&told, rules, "a", "");
	assert_int_equal(told.count, 1);
	wi_rules_free(rules);
}

/* What is replayed was told of when it was new, and what handlers publish about it is replayed, too. */
static void
test_replayed(void **state)
{
	static const char *const settings[] = { "rule.all", "> to alerts, hook", NULL };
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	struct wi_rules *rules = told_rules(settings);

	(void)state;
	attributes.flags = WEIR_ATTRIBUTE_REPLAYED;
	told_publish(&told, rules, "order.after.create", &attributes, "{}", 2, 7);
	assert_int_equal(told.result, 0);
	assert_int_equal(told.count, 0);
	told_json(&told, rules, "order.after.create", "{}");
	assert_int_equal(told.result, 2);
	wi_rules_free(rules);
}

static void
test_put_fails(void **state)
{
	static const char *const settings[] = { "rule.all", "> to alerts, hook, cloud", NULL };
	struct wi_rules *rules = told_rules(settings);

	(void)state;
	told.refuse_at = 2;
	told_json(&told, rules, "order.after.create", "{}");
	assert_int_equal(told.result, -1);
	assert_int_equal(told.count, 2);
	wi_rules_free(rules);
}

static void
test_condition_fails(void **state)
{
	static const char *const settings[] = { "rule.all", "> with total over 5 to alerts", NULL };
	struct wi_rules *rules = told_rules(settings);

	(void)state;
	told_json(&told, rules, "order.after.create", "{\"total\":5}");
	assert_int_equal(told.result, 0);
	told_json(&told, rules, "order.after.create", "{\"total\":6}");
	assert_int_equal(told.result, 1);
	wi_rules_free(rules);
}

/* The longest ids that there are: no two are the same. */
static void
test_ids(void **state)
{
	struct wi_rules_source source = { .source = "/", .instance = "0123456789abcdef0123456789abcdef" };
	struct { weir_event event; } __attribute__((aligned(16))) event = { { .time = TOLD_TIME } };
	struct wi_channel channels[16];
	char value[200] = "> to c0", name[8], problem[WI_NOTIFY_PROBLEM_SIZE];
	const struct wi_message *message = told.each;
	struct wi_rules *rules;

	(void)state;
	for (int i = 0; i < 16; i++) {
		channels[i] = told_channels[1];
		sprintf(channels[i].name, "c%d", i);
		sprintf(name, ",c%d", i);
		if (i)
			strcat(value, name);
	}
	assert_true(wi_rules_create(&rules));
	assert_true(wi_rules_take(rules, "rule.a", value, problem));
	assert_true(wi_rules_end(rules, channels, 16, &source, problem));
	assert_int_equal(wi_rules_apply(rules, 0, &event.event, "a", UINT64_MAX, told_put, &told), 16);
	assert_string_equal(told.each[0].id, "0123456789abcdef0123456789abcdef-18446744073709551615");
	assert_string_equal(told.each[15].id, "0123456789abcdef0123456789abcdef-18446744073709551615-15");
	assert_int_equal(wi_rules_digest(rules, &channels[15], &message, 1, 1, told_put, &told), 1);
	assert_string_equal(told.each[16].id, "0123456789abcdef0123456789abcdef-18446744073709551615-d");
	wi_rules_free(rules);
}

/* -- no memory -------------------------------------------------------------- */

static unsigned fail_at;        /* the allocation that fails, from 1; 0: none */
static unsigned allocations;
static int live;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *pointer);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *pointer);

static void *
counted(void *pointer)
{
	live += pointer != NULL;
	return pointer;
}

static bool
fails(void)
{
	return ++allocations == fail_at;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : counted(__real_malloc(size));
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : counted(__real_calloc(count, size));
}

void *
__wrap_realloc(void *pointer, size_t size)
{
	if (fails())
		return NULL;
	return pointer ? __real_realloc(pointer, size) : counted(__real_realloc(NULL, size));
}

char *
__wrap_strdup(const char *text)
{
	return fails() ? NULL : counted(__real_strdup(text));
}

void
__wrap_free(void *pointer)
{
	live -= pointer != NULL;
	__real_free(pointer);
}

static int
count_message(void *context, const struct wi_message *message)
{
	(void)message;
	++*(unsigned *)context;
	return 0;
}

/* Whether all went well; else it was refused for want of memory, and nothing more was. */
static bool
go_through(const char *file, const weir_event *event)
{
	char problem[WI_NOTIFY_PROBLEM_SIZE] = "";
	struct wi_message first = { .id = "shop1-7", .topic = "a", .brief = "b", .time = TOLD_TIME };
	const struct wi_message *message = &first;
	struct wi_rules *rules;
	unsigned messages = 0;
	int result = -1;

	if (!wi_rules_create(&rules))
		return false;
	if (!wi_rules_take(rules, "template.a", file, problem) ||
	    !wi_rules_take(rules, "rule.a", "a with data.total over 5 and data.name is \"x\" to hook, alerts", problem) ||
	    !wi_rules_end(rules, told_channels, 4, &told_source, problem)) {
		if (!strstr(problem, "out of memory"))
			fail_msg("%s", problem);
	} else {
		result = wi_rules_apply(rules, 0, event, "a", 7, count_message, &messages);
		if (result != 2 || messages != 2)
			assert_true(result == -1 && messages == 0);
		else
			result = wi_rules_digest(rules, &told_channels[0], &message, 1, 1, count_message, &messages);
		assert_true(result == -1 || messages == 3);
	}
	wi_rules_free(rules);
	return result == 1;
}

static void
test_no_memory(void **state)
{
	struct { weir_event event; char bytes[32]; } __attribute__((aligned(16))) event = {
		{ .size = 22, .time = TOLD_TIME }, "{\"total\":6,\"name\":\"x\"}",
	};
	char *directory = unit_make_directory(), file[300];
	unsigned refused = 0;
	FILE *stream;
	bool done;

	(void)state;
	event.event.size = (uint32_t)strlen(event.bytes);
	snprintf(file, sizeof file, "%s/a.json", directory);
	stream = fopen(file, "w");
	assert_true(stream && fputs("{\"text\":\"{{name}}\"}", stream) >= 0 && fclose(stream) == 0);
	do {
		int before = live;

		allocations = 0;
		fail_at = refused + 1;
		done = go_through(file, &event.event);
		fail_at = 0;
		assert_int_equal(live, before);
		refused += !done;
	} while (!done);
	assert_true(refused >= 10);
	unit_remove_directory(directory);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_refused_together),
		cmocka_unit_test(test_long_problems),
		cmocka_unit_test_teardown(test_words, clear),
		cmocka_unit_test_teardown(test_replayed, clear),
		cmocka_unit_test_teardown(test_put_fails, clear),
		cmocka_unit_test_teardown(test_condition_fails, clear),
		cmocka_unit_test_teardown(test_ids, clear),
		cmocka_unit_test_teardown(test_no_memory, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
