/* SPDX-License-Identifier: MIT */
/* test_route.c - tables after random changes against a naive model; versions; failed changes. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "core/pattern.h"
#include "core/route.h"

enum { SUBSCRIPTIONS_MAX = 64 };

/* What the engine knows, and nothing more clever than lists. */
struct world {
	struct wi_topics topics;
	struct wi_routes routes;
	struct wi_subscription *live[SUBSCRIPTIONS_MAX];
	uint32_t live_count;
	struct wi_subscription *first; /* the pool's list, newest first */
	uint64_t serial;
};

static void
world_init(struct world *world, uint32_t filler_count)
{
	char name[32];
	uint32_t id;

	memset(world, 0, sizeof *world);
	assert_ok(wi_topics_init(&world->topics, 100000));
	assert_ok(wi_routes_init(&world->routes));
	for (uint32_t i = 0; i < filler_count; i++) {
		snprintf(name, sizeof name, "filler.%u", i);
		assert_ok(wi_topics_add(&world->topics, name, &id));
		wi_topics_show(&world->topics, id);
	}
}

static void
link_list(struct world *world)
{
	world->first = NULL;
	for (uint32_t i = 0; i < world->live_count; i++) {
		world->live[i]->next = world->first;
		world->first = world->live[i];
	}
}

static void
free_retired(struct world *world)
{
	struct wi_part *part = world->routes.retired, *next;

	for (; part; part = next) {
		next = part->next;
		wi_memory_give(part);
	}
	world->routes.retired = NULL;
}

static void
world_fini(struct world *world)
{
	for (uint32_t i = 0; i < world->live_count; i++)
		wi_subscription_destroy(world->live[i]);
	wi_routes_fini(&world->routes);
	wi_topics_fini(&world->topics);
}

/* -- the model -------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct wi_subscription *x = *(struct wi_subscription *const *)a;
	const struct wi_subscription *y = *(struct wi_subscription *const *)b;

	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	return x->serial < y->serial ? -1 : 1;
}

static uint32_t
expected_list(const struct world *world, const char *name, struct wi_subscription **list)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < world->live_count; i++)
		if (wi_pattern_matches(world->live[i]->pattern, name))
			list[count++] = world->live[i];
	qsort(list, count, sizeof *list, compare);
	return count;
}

static void
check_topic(const struct world *world, uint32_t topic)
{
	struct wi_subscription *expected[SUBSCRIPTIONS_MAX];
	const struct wi_list *list = wi_table_find(world->routes.table, topic);
	uint32_t count = expected_list(world, wi_topics_name(&world->topics, topic), expected);
	const struct wi_chunk *chunk = wi_table_chunk(world->routes.table, topic);

	if (chunk)
		assert_ptr_equal(wi_chunk_single(chunk, topic), count == 1 ? expected[0] : NULL);
	assert_int_equal(list ? list->count : 0, count);
	if (count)
		assert_memory_equal(list->subscription, expected, count * sizeof *expected);
}

/*
 * Entries that name a list, or (once for each list) what the lists say of that. Lists met are
 * marked by touched_next, which means something only within a change.
 */
static uint64_t
count_entries(const struct wi_table *table, int by_lists)
{
	uint64_t count = 0;

	for (uint32_t c = 0; c < table->chunk_count; c++)
		for (int i = 0; table->chunk[c] && i < WI_CHUNK_COUNT; i++) {
			struct wi_list *list = table->chunk[c]->list[i];

			if (!list)
				continue;
			assert_true(list->references > 0);
			assert_true(list->part.birth <= table->part.birth);
			if (!by_lists)
				count++;
			else if (list->touched_next != list)
				count += list->references;
			if (by_lists)
				list->touched_next = list;
		}
	return count;
}

/* Each list says how many entries of the table name it. */
static void
check_references(const struct world *world)
{
	const struct wi_table *table = world->routes.table;

	for (uint32_t c = 0; c < table->chunk_count; c++)
		for (int i = 0; table->chunk[c] && i < WI_CHUNK_COUNT; i++)
			if (table->chunk[c]->list[i])
				table->chunk[c]->list[i]->touched_next = NULL;
	assert_int_equal(count_entries(table, 1), count_entries(table, 0));
}

static void
check(const struct world *world)
{
	for (uint32_t topic = 1; topic <= world->topics.count; topic++)
		check_topic(world, topic);
	assert_null(wi_table_find(world->routes.table, world->topics.count + 1));
	assert_null(wi_table_find(world->routes.table, WI_TOPIC_ID_MAX));
	assert_null(wi_table_find(world->routes.table, UINT32_MAX));
	check_references(world);
}

/* -- an older version stays as it was --------------------------------------- */

struct copy {
	struct wi_table *table;
	uint32_t count;
	struct wi_list **list;
	uint32_t *list_count;
};

static struct copy
copy_table(const struct world *world)
{
	struct copy copy = {world->routes.table, world->topics.count, NULL, NULL};

	copy.list = calloc(copy.count + 1, sizeof *copy.list);
	copy.list_count = calloc(copy.count + 1, sizeof *copy.list_count);
	for (uint32_t topic = 1; topic <= copy.count; topic++) {
		copy.list[topic] = wi_table_find(copy.table, topic);
		copy.list_count[topic] = copy.list[topic] ? copy.list[topic]->count : 0;
	}
	return copy;
}

static void
check_copy(const struct copy *copy)
{
	for (uint32_t topic = 1; topic <= copy->count; topic++) {
		assert_ptr_equal(wi_table_find(copy->table, topic), copy->list[topic]);
		if (copy->list[topic])
			assert_int_equal(copy->list[topic]->count, copy->list_count[topic]);
	}
}

static void
free_copy(struct copy *copy)
{
	free(copy->list);
	free(copy->list_count);
}

static bool
reachable(const struct wi_table *table, const void *part)
{
	if (part == table)
		return true;
	for (uint32_t c = 0; c < table->chunk_count; c++) {
		if (part == table->chunk[c])
			return true;
		for (int i = 0; table->chunk[c] && i < WI_CHUNK_COUNT; i++)
			if (part == table->chunk[c]->list[i])
				return true;
	}
	return false;
}

/* What is retired died with this version and is in it no more. */
static void
check_retired(const struct world *world, const struct wi_part *before)
{
	for (const struct wi_part *part = world->routes.retired; part != before;
	     part = part->next) {
		assert_true(part->birth < part->death);
		assert_int_equal(part->death, world->routes.table->part.birth);
		assert_false(reachable(world->routes.table, part));
	}
}

/* -- changes ---------------------------------------------------------------- */

static struct wi_subscription *
make_subscription(struct world *world, const char *pattern, int32_t priority)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct wi_subscription *subscription =
		wi_subscription_create(NULL, (uint32_t)world->serial, 1);

	options.priority = priority;
	assert_true(wi_subscription_init(subscription, pattern, unit_count, NULL, &options,
					 ++world->serial));
	return subscription;
}

/* Fails each allocation in turn; whatever fails leaves all as it was. */
#define UNTIL_IT_WORKS(world, call)                                                                \
	do {                                                                                       \
		struct copy copy_ = copy_table(world);                                             \
		struct wi_part *retired_ = (world)->routes.retired;                                \
		uint64_t number_ = 0;                                                              \
		weir_status status_;                                                               \
		for (;;) {                                                                         \
			wi_memory_fail_at(++number_, false);                                       \
			status_ = (call);                                                          \
			wi_memory_fail_at(0, false);                                               \
			if (status_ == WEIR_OK)                                                    \
				break;                                                             \
			assert_int_equal(status_, WEIR_ENOMEM);                                    \
			assert_ptr_equal((world)->routes.table, copy_.table);                      \
			assert_ptr_equal((world)->routes.retired, retired_);                       \
			check_copy(&copy_);                                                        \
			check_references(world);                                                   \
		}                                                                                  \
		check_copy(&copy_);                                                                \
		check_retired(world, retired_);                                                    \
		free_copy(&copy_);                                                                 \
	} while (0)

static struct wi_subscription *
insert(struct world *world, const char *pattern, int32_t priority)
{
	struct wi_subscription *subscription = make_subscription(world, pattern, priority);

	if (wi_pattern_exact(pattern))
		subscription->topic = wi_topics_find(&world->topics, pattern);
	UNTIL_IT_WORKS(world, wi_routes_insert(&world->routes, subscription, &world->topics));
	assert_int_equal(subscription->birth, world->routes.table->part.birth);
	world->live[world->live_count++] = subscription;
	link_list(world);
	return subscription;
}

static void
remove_at(struct world *world, uint32_t index)
{
	struct wi_subscription *subscription = world->live[index];

	UNTIL_IT_WORKS(world, wi_routes_remove(&world->routes, subscription));
	assert_int_equal(subscription->death, world->routes.table->part.birth);
	world->live[index] = world->live[--world->live_count];
	link_list(world);
	free_retired(world);
	wi_subscription_destroy(subscription);
}

static weir_status
try_topic(struct world *world, const char *name, uint32_t *ret_id)
{
	weir_status status = wi_topics_add(&world->topics, name, ret_id);

	if (status != WEIR_OK)
		return status;
	status = wi_routes_topic_added(&world->routes, *ret_id, name, world->first);
	if (status != WEIR_OK)
		wi_topics_drop(&world->topics, *ret_id);
	return status;
}

static uint32_t
add_topic(struct world *world, const char *name)
{
	struct copy copy = copy_table(world);
	uint64_t number = 0;
	weir_status status;
	uint32_t id = 0;

	do {
		wi_memory_fail_at(++number, false);
		status = try_topic(world, name, &id);
		wi_memory_fail_at(0, false);
		check_copy(&copy);
		check_references(world);
	} while (status == WEIR_ENOMEM);
	assert_int_equal(status, WEIR_OK);
	wi_topics_show(&world->topics, id);
	free_copy(&copy);
	free_retired(world);
	return id;
}

/* -- tests ------------------------------------------------------------------ */

static void
test_empty(void **state)
{
	struct world world;

	(void)state;
	world_init(&world, 0);
	check(&world);
	world_fini(&world);
	wi_memory_fail_at(1, false);
	assert_status(WEIR_ENOMEM, wi_routes_init(&world.routes));
}

static void
test_order(void **state)
{
	struct world world;

	(void)state;
	world_init(&world, 2);
	insert(&world, "filler.0", 0);
	insert(&world, "filler.*", 5);
	insert(&world, ">", 0);
	insert(&world, "filler.0", 5);
	insert(&world, "filler.0", -1);
	check(&world);
	assert_int_equal(wi_table_find(world.routes.table, 3)->count, 5);
	assert_int_equal(wi_table_find(world.routes.table, 4)->count, 2);
	assert_null(wi_table_find(world.routes.table, WI_TOPIC_FAILED));
	while (world.live_count) {
		remove_at(&world, 0);
		check(&world);
	}
	world_fini(&world);
}

static void
test_own_topics(void **state)
{
	struct world world;

	(void)state;
	world_init(&world, 1);
	insert(&world, ">", 0);
	insert(&world, "*.gap", 0);
	assert_null(wi_table_find(world.routes.table, WI_TOPIC_GAP));
	insert(&world, "weir.>", 0);
	insert(&world, "weir.gap", 0);
	check(&world);
	assert_int_equal(wi_table_find(world.routes.table, WI_TOPIC_GAP)->count, 2);
	assert_int_equal(wi_table_find(world.routes.table, WI_TOPIC_FAILED)->count, 1);
	world_fini(&world);
}

/* Topics with the same subscriptions share a list, made before them or after. */
static void
test_sharing(void **state)
{
	struct world world;
	struct wi_list *list;
	unsigned lists = 0;

	(void)state;
	world_init(&world, 3000);
	insert(&world, "filler.>", 0);
	list = wi_table_find(world.routes.table, 3);
	for (uint32_t topic = 3; topic <= world.topics.count; topic++)
		assert_ptr_equal(wi_table_find(world.routes.table, topic), list);
	assert_int_equal(list->references, 3000);

	insert(&world, "filler.*", 1);
	insert(&world, "other.>", 0);
	list = wi_table_find(world.routes.table, 3);
	for (uint32_t topic = 4; topic <= world.topics.count; topic++)
		assert_ptr_equal(wi_table_find(world.routes.table, topic), list);
	assert_int_equal(list->references, 3000);
	free_retired(&world);

	/* A table that grows is a version of its own, and what comes after it a list of its own. */
	for (int i = 0; i < 1500; i++) {
		char name[32];
		struct wi_list *before = list;
		uint32_t topic;

		snprintf(name, sizeof name, "other.%d", i);
		topic = add_topic(&world, name);
		list = wi_table_find(world.routes.table, topic);
		lists += list != before;
		/* What comes between has lists of its own and does not disturb. */
		snprintf(name, sizeof name, "nobody.%d", i);
		add_topic(&world, name);
	}
	assert_in_range(lists, 1, 2);
	check(&world);
	remove_at(&world, 0);
	check(&world);
	world_fini(&world);
}

/* An exact subscription copies the table, one chunk and one list, whatever the number of topics. */
static void
test_cost_of_exact(void **state)
{
	struct world world;
	unsigned retired = 0;

	(void)state;
	world_init(&world, 20000);
	insert(&world, ">", 0);
	free_retired(&world);
	insert(&world, "filler.9999", 0);
	for (struct wi_part *part = world.routes.retired; part; part = part->next)
		retired++;
	assert_int_equal(retired,
			 2); /* the old table and the old chunk; the old list is still used */
	world_fini(&world);
}

static void
test_dropped_topic(void **state)
{
	struct world world;
	uint32_t id;

	(void)state;
	world_init(&world, 0);
	insert(&world, "a.*", 0);
	add_topic(&world, "a.a");
	assert_ok(try_topic(&world, "a.b", &id));
	wi_routes_topic_dropped(&world.routes, id);
	wi_topics_drop(&world.topics, id);
	check(&world);
	/* A list of its own, which is nobody's when the topic is dropped. */
	insert(&world, "b.*", 0);
	assert_ok(try_topic(&world, "b.b", &id));
	wi_routes_topic_dropped(&world.routes, id);
	wi_topics_drop(&world.topics, id);
	assert_ok(try_topic(&world, "c.c", &id));
	wi_routes_topic_dropped(&world.routes, id);
	wi_topics_drop(&world.topics, id);
	check(&world);
	add_topic(&world, "b.b");
	check(&world);
	world_fini(&world);
}

static void
random_name(struct unit_random *random, bool pattern, char *name)
{
	static const char *const tokens[] = {"a", "b", "c"};
	uint32_t count = 1 + unit_random_below(random, 4);

	*name = '\0';
	for (uint32_t i = 0; i < count; i++) {
		uint32_t choice = unit_random_below(random, 8);

		strcat(name, i ? "." : "");
		strcat(name, pattern && choice < 2 ? "*"
			     : pattern && choice == 2 && i == count - 1
				     ? ">"
				     : tokens[unit_random_below(random, 3)]);
	}
}

static void
random_insert(struct world *world, struct unit_random *random)
{
	char pattern[32];

	random_name(random, true, pattern);
	if (wi_pattern_exact(pattern) && !wi_topics_find(&world->topics, pattern))
		add_topic(world, pattern);
	insert(world, pattern, (int32_t)unit_random_below(random, 3) - 1);
	free_retired(world);
}

static void
random_change(struct world *world, struct unit_random *random)
{
	uint32_t choice = unit_random_below(random, 10);
	char name[32];

	random_name(random, false, name);
	if (choice < 4 && world->live_count < SUBSCRIPTIONS_MAX)
		random_insert(world, random);
	else if (choice < 7 && world->live_count)
		remove_at(world, unit_random_below(random, world->live_count));
	else if (!wi_topics_find(&world->topics, name))
		add_topic(world, name);
}

/* Topics lie on both sides of the border between two chunks. */
static void
test_against_naive(void **state)
{
	struct unit_random random = unit_random_init();
	struct world world;

	(void)state;
	world_init(&world, 980);
	for (int i = 0; i < 600; i++) {
		random_change(&world, &random);
		check(&world);
	}
	while (world.live_count) {
		remove_at(&world, unit_random_below(&random, world.live_count));
		check(&world);
	}
	world_fini(&world);
}

/* Everything that is made is given back, also by changes that failed half-way. */
static void
test_no_leak(void **state)
{
	size_t before = 0;

	(void)state;
	for (int round = 0; round < 8; round++) {
		struct unit_random random = {42};
		struct world world;

		world_init(&world, 1000);
		for (int i = 0; i < 60; i++)
			random_change(&world, &random);
		world_fini(&world);
		if (round == 3)
			before = unit_memory_in_use();
	}
	assert_true(unit_memory_in_use() <= before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),         cmocka_unit_test(test_order),
		cmocka_unit_test(test_own_topics),    cmocka_unit_test(test_sharing),
		cmocka_unit_test(test_cost_of_exact), cmocka_unit_test(test_dropped_topic),
		cmocka_unit_test(test_against_naive), cmocka_unit_test(test_no_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
