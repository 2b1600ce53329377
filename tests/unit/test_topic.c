/* SPDX-License-Identifier: MIT */
/* test_topic.c - numbers for names: unseen until shown, dropped without trace, stable for ever. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/topic.h"

static void
init(struct wi_topics *topics, uint32_t count_max)
{
	*topics = (struct wi_topics){.count = 0};
	assert_ok(wi_topics_init(topics, count_max));
}

static uint32_t
add(struct wi_topics *topics, const char *name)
{
	uint32_t id = 0;

	assert_ok(wi_topics_add(topics, name, &id));
	wi_topics_show(topics, id);
	return id;
}

static void
test_own(void **state)
{
	struct wi_topics topics;

	(void)state;
	init(&topics, 10);
	assert_int_equal(topics.count, 2);
	assert_int_equal(wi_topics_find(&topics, "weir.failed.deliver"), WI_TOPIC_FAILED);
	assert_int_equal(wi_topics_find(&topics, "weir.gap"), WI_TOPIC_GAP);
	assert_string_equal(wi_topics_name(&topics, WI_TOPIC_FAILED), "weir.failed.deliver");
	assert_string_equal(wi_topics_name(&topics, WI_TOPIC_GAP), "weir.gap");
	assert_null(wi_topics_name(&topics, 0));
	assert_null(wi_topics_name(&topics, 3));
	assert_null(wi_topics_name(&topics, UINT32_MAX));
	wi_topics_fini(&topics);
}

static void
test_unseen_until_shown(void **state)
{
	struct wi_topics topics;
	uint32_t id = 0, again = 0;

	(void)state;
	init(&topics, 10);
	assert_ok(wi_topics_add(&topics, "a.b", &id));
	assert_int_equal(id, WEIR_TOPIC_FIRST_);
	assert_int_equal(wi_topics_find(&topics, "a.b"), 0);
	assert_null(wi_topics_name(&topics, id));
	wi_topics_show(&topics, id);
	assert_int_equal(wi_topics_find(&topics, "a.b"), id);
	assert_string_equal(wi_topics_name(&topics, id), "a.b");
	assert_int_equal(wi_topics_find(&topics, "a"), 0);
	assert_int_equal(wi_topics_find(&topics, "a.b.c"), 0);

	assert_ok(wi_topics_add(&topics, "c.d", &id));
	wi_topics_drop(&topics, id);
	assert_int_equal(wi_topics_find(&topics, "c.d"), 0);
	assert_ok(wi_topics_add(&topics, "e.f", &again));
	assert_int_equal(again, id);
	wi_topics_show(&topics, again);
	assert_string_equal(wi_topics_name(&topics, again), "e.f");
	assert_int_equal(wi_topics_find(&topics, "c.d"), 0);
	assert_int_equal(add(&topics, "c.d"), again + 1);
	wi_topics_fini(&topics);
}

static void
test_limit(void **state)
{
	struct wi_topics topics;
	uint32_t id = 77;

	(void)state;
	init(&topics, 3);
	add(&topics, "a");
	add(&topics, "b");
	add(&topics, "c");
	assert_status(WEIR_ELIMIT, wi_topics_add(&topics, "d", &id));
	assert_int_equal(id, 77);
	assert_int_equal(wi_topics_find(&topics, "d"), 0);
	assert_int_equal(wi_topics_find(&topics, "c"), 5);
	wi_topics_fini(&topics);
	init(&topics, UINT32_MAX);
	assert_int_equal(topics.count_max, WI_TOPIC_ID_MAX);
	wi_topics_fini(&topics);
}

/* Longest names fill blocks soon; pointers to names stay. */
static void
test_many(void **state)
{
	enum { COUNT = 5000 };
	static const char *names[COUNT];
	struct wi_topics topics;
	char text[256];

	(void)state;
	init(&topics, COUNT);
	for (int i = 0; i < COUNT; i++) {
		int size = snprintf(text, sizeof text, "many.%d.", i);

		if (i % 3 == 0)
			memset(text + size, 'x', 255 - (size_t)size), text[255] = '\0';
		else
			strcat(text, "y");
		assert_int_equal(add(&topics, text), WEIR_TOPIC_FIRST_ + (uint32_t)i);
		names[i] = wi_topics_name(&topics, WEIR_TOPIC_FIRST_ + (uint32_t)i);
		assert_string_equal(names[i], text);
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		assert_ptr_equal(wi_topics_name(&topics, WEIR_TOPIC_FIRST_ + i), names[i]);
		assert_int_equal(wi_topics_find(&topics, names[i]), WEIR_TOPIC_FIRST_ + i);
	}
	wi_topics_fini(&topics);
}

static void
test_init_without_memory(void **state)
{
	struct wi_topics topics, zero;
	uint64_t number = 0;
	weir_status status;

	(void)state;
	memset(&zero, 0, sizeof zero);
	do {
		topics = (struct wi_topics){.count = 0};
		wi_memory_fail_at(++number, false);
		status = wi_topics_init(&topics, 10);
		wi_memory_fail_at(0, false);
		if (status != WEIR_OK) {
			assert_int_equal(status, WEIR_ENOMEM);
			assert_memory_equal(&topics, &zero, sizeof topics);
		}
	} while (status != WEIR_OK);
	assert_in_range(number, 4, 20);
	wi_topics_fini(&topics);
}

/* Across growths of the set, of blocks and of the index: a failed add leaves nothing. */
static void
add_until_it_works(struct wi_topics *topics, const char *text)
{
	uint32_t id = 0, count = topics->count;
	uint64_t number = 0;
	weir_status status;

	do {
		wi_memory_fail_at(++number, false);
		status = wi_topics_add(topics, text, &id);
		wi_memory_fail_at(0, false);
		if (status != WEIR_OK) {
			assert_int_equal(status, WEIR_ENOMEM);
			assert_int_equal(id, 0);
			assert_int_equal(topics->count, count);
			assert_int_equal(wi_topics_find(topics, text), 0);
		}
	} while (status != WEIR_OK);
	wi_topics_show(topics, id);
	assert_int_equal(id, count + 1);
}

static void
run_without_memory(void)
{
	struct wi_topics topics;
	char text[256];

	init(&topics, 5000);
	for (int i = 0; i < 3000; i++) {
		snprintf(text, sizeof text, "n.%0*d", 1 + i % 250, i);
		add_until_it_works(&topics, text);
	}
	for (int i = 0; i < 3000; i++) {
		snprintf(text, sizeof text, "n.%0*d", 1 + i % 250, i);
		assert_int_equal(wi_topics_find(&topics, text), WEIR_TOPIC_FIRST_ + (uint32_t)i);
	}
	wi_topics_fini(&topics);
}

static void
test_add_without_memory(void **state)
{
	size_t before = 0;

	(void)state;
	for (int round = 0; round < 6; round++) {
		run_without_memory();
		if (round == 2)
			before = unit_memory_in_use();
	}
	assert_true(unit_memory_in_use() <= before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_unseen_until_shown),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_init_without_memory),
		cmocka_unit_test(test_add_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
