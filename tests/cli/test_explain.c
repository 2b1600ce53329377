/* SPDX-License-Identifier: MIT */
/*
 * test_explain.c - what weir explain says beside what the engine does. Buses with pools at random,
 * behind each other and side by side, whose handlers have priorities and wildcards, are paused, in
 * quarantine and gone: the JSON made of the live counters file names those who are then called, in
 * the order in which they are.
 *
 * WEIR_SEED=N: the same again.
 */
#include "explain.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/weir.h>

enum { BUSES = 4, PHASES = 8, CHANGES = 8, POOLS = 6, HANDLERS = 32, CALLS = 4096 };

#define SECOND UINT64_C(1000000000)
#define FAILED "weir.failed.deliver"
#define GAP    "weir.gap"

struct pool {
	weir_pool *pool;        /* NULL: closed */
	char name[16];
	bool after[POOLS];
	bool holds;
};

struct handler {
	char name[16], pattern[32];
	weir_subscription id;   /* 0: none */
	int pool, priority;
	int fails;              /* atomic: 0, or its code */
	uint64_t failed;        /* under the lock of `calls` */
	int last;
	bool quarantines, replayed;
};

static struct rig {
	char directory[40], path[512];
	weir_bus *bus;
	weir_producer *producer;
	struct pool pools[POOLS];
	struct handler handlers[HANDLERS];
	struct wi_snapshot *snapshot;
} rig;

static struct {
	pthread_mutex_t lock;
	size_t count;
	struct {
		const struct handler *handler;
		weir_topic topic;
	} each[CALLS];
} calls = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* -- chance ------------------------------------------------------------------ */

static uint64_t seed;

static uint64_t
next_random(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 16) % below;
}

static void
begin_chance(void)
{
	const char *given = getenv("WEIR_SEED");

	seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2 + 1;
	print_message("WEIR_SEED=%llu\n", (unsigned long long)seed);
}

/* -- a bus ------------------------------------------------------------------- */

static int
note(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct handler *handler = context;
	int code = __atomic_load_n(&handler->fails, __ATOMIC_RELAXED);

	(void)delivery;
	pthread_mutex_lock(&calls.lock);
	if (calls.count < CALLS) {
		calls.each[calls.count].handler = handler;
		calls.each[calls.count++].topic = weir_event_topic(event);
	}
	if (code != 0) {
		handler->failed++;
		handler->last = code;
	}
	pthread_mutex_unlock(&calls.lock);
	return code;
}

static weir_topic
topic_of(const char *name)
{
	weir_topic topic;

	assert_int_equal(weir_topic_open(rig.bus, name, &topic), WEIR_OK);
	return topic;
}

static void
publish(const char *name)
{
	assert_int_equal(weir_publish_wait(rig.producer, topic_of(name), NULL, "", 0, 10 * SECOND),
			 WEIR_OK);
	assert_int_equal(weir_bus_flush(rig.bus, 20 * SECOND), WEIR_OK);
}

static void
find_file(void)
{
	DIR *stream = opendir(rig.directory);
	struct dirent *entry;

	assert_non_null(stream);
	while ((entry = readdir(stream)) != NULL)
		if (entry->d_name[0] != '.')
			snprintf(rig.path, sizeof(rig.path), "%s/%s", rig.directory, entry->d_name);
	closedir(stream);
}

static void
open_rig(void)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;

	rig = (struct rig){.directory = "/tmp/weir-explain-XXXXXX"};
	assert_non_null(mkdtemp(rig.directory));
	options.stats_dir = rig.directory;
	options.name = "explained";
	options.producer_count_max = 8;
	options.ring_size = 16384;
	assert_int_equal(weir_bus_open(&options, NULL, &rig.bus), WEIR_OK);
	assert_int_equal(weir_producer_open(rig.bus, NULL, &rig.producer), WEIR_OK);
	rig.pools[0] = (struct pool){weir_bus_default_pool(rig.bus), "default", {false}, true};
	find_file();
}

static void
close_rig(void)
{
	wi_snapshot_free(rig.snapshot);
	rig.snapshot = NULL;
	weir_producer_close(rig.producer);
	assert_int_equal(weir_bus_close(rig.bus, 20 * SECOND, NULL), WEIR_OK);
	assert_int_equal(rmdir(rig.directory), 0);
}

static void
open_pool(int number, weir_pool_options options)
{
	struct pool *pool = &rig.pools[number];
	weir_pool *after[POOLS];

	pool->holds = options.behind == WEIR_BEHIND_HOLD;
	snprintf(pool->name, sizeof(pool->name), "p%d", number);
	options.name = pool->name;
	options.after = after;
	for (int i = 0; i < POOLS; i++)
		if (pool->after[i])
			after[options.after_count++] = rig.pools[i].pool;
	assert_int_equal(weir_pool_open(rig.bus, &options, &pool->pool), WEIR_OK);
}

static void
subscribe(struct handler *handler, int pool, const char *pattern, int priority)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;

	*handler = (struct handler){.pool = pool, .priority = priority, .quarantines = next_random(2),
		.replayed = next_random(2)};
	snprintf(handler->name, sizeof(handler->name), "h%d", (int)(handler - rig.handlers));
	snprintf(handler->pattern, sizeof(handler->pattern), "%s", pattern);
	options.name = handler->name;
	options.pool = rig.pools[pool].pool;
	options.priority = priority;
	options.flags = handler->replayed ? WEIR_SUBSCRIPTION_REPLAYED : 0;
	options.quarantine_failure_count = handler->quarantines;
	options.quarantine_ns = 3600 * SECOND;
	assert_int_equal(weir_subscribe(rig.bus, pattern, note, handler, &options, &handler->id),
			 WEIR_OK);
}

static weir_subscription_state
state_of(const struct handler *handler)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;

	assert_int_equal(weir_subscription_get_counts(rig.bus, handler->id, &counts), WEIR_OK);
	return counts.state;
}

/* -- the file ---------------------------------------------------------------- */

static struct wi_snapshot *
take_snapshot(void)
{
	char problem[WI_LOOK_PROBLEM_SIZE];
	const char *reason;
	struct wi_look look;
	int fd = wi_look_open(rig.path, &reason);

	assert_true(fd >= 0);
	assert_true(wi_look_take(&look, fd, problem));
	close(fd);
	return wi_snapshot_make(&look, NULL, 0, true);
}

static const struct wi_shown_handler *
shown(const struct wi_snapshot *snapshot, const struct handler *handler)
{
	for (uint32_t i = 0; i < snapshot->handler_count; i++)
		if (snapshot->handlers[i].now.id == handler->id.id)
			return &snapshot->handlers[i];
	return NULL;
}

/* Whether it shows what is now: beside that, only those that have ended. */
static bool
is_now(const struct wi_snapshot *snapshot)
{
	uint32_t pools = 0, active = 0, now = 0;

	for (int i = 0; i < POOLS; i++)
		pools += rig.pools[i].pool != NULL;
	for (int i = 0; i < HANDLERS; i++) {
		const struct handler *handler = &rig.handlers[i];
		const struct wi_shown_handler *one;

		if (handler->id.id == 0)
			continue;
		one = shown(snapshot, handler);
		if (one == NULL || one->now.state != state_of(handler) ||
		    one->now.failed != handler->failed)
			return false;
		now++;
	}
	for (uint32_t i = 0; i < snapshot->handler_count; i++)
		active += snapshot->handlers[i].now.state != WEIR_SUBSCRIPTION_ENDING;
	return pools == snapshot->pool_count && active == now;
}

/* The bus writes more often while events flow. */
static void
await_file(void)
{
	wi_snapshot_free(rig.snapshot);
	rig.snapshot = take_snapshot();
	for (int i = 0; i < 2000 && !is_now(rig.snapshot); i++) {
		wi_snapshot_free(rig.snapshot);
		publish("tick");
		nanosleep(&(struct timespec){0, 5000000}, NULL);
		rig.snapshot = take_snapshot();
	}
	assert_true(is_now(rig.snapshot));
}

/* -- what is said, and what is done ------------------------------------------ */

static json_t *
explain(const char *topic)
{
	struct wi_explain explained;
	json_error_t error;
	char *text = NULL;
	json_t *object;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	assert_true(wi_explain_make(&explained, topic, rig.snapshot));
	wi_explain_json(&explained, stream);
	wi_explain_fini(&explained);
	fclose(stream);
	object = json_loads(text, 0, &error);
	assert_non_null(object);
	free(text);
	return object;
}

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	return text;
}

static int
pool_named(const char *name)
{
	for (int i = 0; i < POOLS; i++)
		if (rig.pools[i].pool != NULL && strcmp(rig.pools[i].name, name) == 0)
			return i;
	fail_msg("there is no pool %s", name);
	return -1;
}

/* The next call in the pool from `from` on, of the topic; CALLS: none. */
static size_t
next_call(weir_topic topic, int pool, size_t from)
{
	for (; from < calls.count; from++)
		if (calls.each[from].topic.id == topic.id && calls.each[from].handler->pool == pool)
			return from;
	return CALLS;
}

static size_t
last_call(weir_topic topic, int pool)
{
	size_t last = CALLS;

	for (size_t at = next_call(topic, pool, 0); at < CALLS; at = next_call(topic, pool, at + 1))
		last = at;
	return last;
}

static void
expect_figures(const json_t *one, const struct handler *handler)
{
	assert_string_equal(text_of(one, "pattern"), handler->pattern);
	assert_int_equal(json_integer_value(json_object_get(one, "priority")), handler->priority);
	assert_int_equal(json_integer_value(json_object_get(one, "failed")), handler->failed);
	assert_int_equal(json_integer_value(json_object_get(one, "last_code")), handler->last);
	assert_int_equal(json_is_true(json_object_get(one, "replayed")), handler->replayed);
}

/* One pool's handlers, against its calls. How many were called. */
static size_t
expect_handlers(const char *name, weir_topic topic, const json_t *pool, int number)
{
	const json_t *handlers = json_object_get(pool, "handlers");
	json_int_t place = 0;
	size_t at = 0;

	for (size_t i = 0; i < json_array_size(handlers); i++) {
		const json_t *one = json_array_get(handlers, i);
		const json_t *said = json_object_get(one, "place");

		if (json_is_null(said)) {
			assert_string_not_equal(text_of(one, "state"), "active");
			/* Of one that has ended, another may have the name. */
			if (strcmp(text_of(one, "state"), "ending") != 0)
				expect_figures(one, &rig.handlers[atoi(text_of(one, "name") + 1)]);
			continue;
		}
		assert_int_equal(json_integer_value(said), ++place);
		at = next_call(topic, number, at);
		if (at == CALLS)
			fail_msg("%s: %s in %s is said to get it, and was not called", name,
				 text_of(one, "name"), rig.pools[number].name);
		assert_string_equal(text_of(one, "name"), calls.each[at].handler->name);
		expect_figures(one, calls.each[at].handler);
		at++;
	}
	at = next_call(topic, number, at);
	if (at < CALLS)
		fail_msg("%s: %s in %s was called, and is not said to get it", name,
			 calls.each[at].handler->name, rig.pools[number].name);
	return (size_t)place;
}

/* What it is after is said, stands before it, and was through with the event. */
static void
expect_after(weir_topic topic, const json_t *pool, int number, const bool *before)
{
	const json_t *after = json_object_get(pool, "after");
	size_t count = 0;

	for (int i = 0; i < POOLS; i++) {
		bool said = false;

		for (size_t a = 0; a < json_array_size(after); a++)
			said = said || strcmp(json_string_value(json_array_get(after, a)),
					      rig.pools[i].name) == 0;
		assert_int_equal(said, rig.pools[number].after[i]);
		if (!said)
			continue;
		count++;
		assert_true(before[i]);
		if (next_call(topic, number, 0) < CALLS && last_call(topic, i) < CALLS)
			assert_true(last_call(topic, i) < next_call(topic, number, 0));
	}
	assert_int_equal(count, json_array_size(after));
}

/* After the event was published. */
static size_t
expect_as_called(const char *name)
{
	json_t *object = explain(name);
	const json_t *pools = json_object_get(object, "pools");
	weir_topic topic = topic_of(name);
	bool before[POOLS] = {false};
	size_t called = 0;

	for (size_t i = 0; i < json_array_size(pools); i++) {
		const json_t *pool = json_array_get(pools, i);
		int number = pool_named(text_of(pool, "name"));

		assert_false(before[number]);
		called += expect_handlers(name, topic, pool, number);
		expect_after(topic, pool, number, before);
		before[number] = true;
	}
	for (int i = 0; i < POOLS; i++)
		assert_int_equal(before[i], rig.pools[i].pool != NULL);
	assert_int_equal(json_integer_value(json_object_get(object, "getting")), called);
	json_decref(object);
	return called;
}

static size_t
publish_and_expect(const char *name)
{
	calls.count = 0;
	publish(name);
	return expect_as_called(name);
}

/* -- at random --------------------------------------------------------------- */

static const char *const words[] = {"a", "b", "c", "*"};

static void
random_name(char *name, size_t size, bool wild)
{
	size_t count = 1 + next_random(3), used = 0;

	for (size_t i = 0; i < count; i++) {
		const char *word = words[next_random(wild ? 4 : 3)];

		if (wild && i + 1 == count && next_random(3) == 0)
			word = ">";
		used += (size_t)snprintf(name + used, size - used, "%s%s", i > 0 ? "." : "", word);
	}
}

static void
open_random_pool(void)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	int number = 1;

	while (number < POOLS && rig.pools[number].pool != NULL)
		number++;
	if (number == POOLS)
		return;
	rig.pools[number] = (struct pool){.holds = true};
	for (int i = 0; i < POOLS; i++)
		rig.pools[number].after[i] =
			rig.pools[i].pool != NULL && rig.pools[i].holds && next_random(3) == 0;
	options.dispatcher_count = (uint32_t)next_random(3);
	if (next_random(3) == 0)
		options.order = WEIR_ORDER_KEY;
	else if (next_random(3) == 0)
		options.behind = WEIR_BEHIND_SKIP;
	options.wait = (weir_wait)(next_random(2) ? WEIR_WAIT_PARK : WEIR_WAIT_ADAPTIVE);
	open_pool(number, options);
}

static void
close_random_pool(void)
{
	int number = 1 + (int)next_random(POOLS - 1);

	for (int i = 0; i < POOLS; i++)
		if (rig.pools[i].pool != NULL && rig.pools[i].after[number])
			return;
	if (rig.pools[number].pool == NULL)
		return;
	assert_int_equal(weir_pool_close(rig.pools[number].pool, 20 * SECOND, NULL), WEIR_OK);
	rig.pools[number] = (struct pool){.pool = NULL};
	for (int i = 0; i < HANDLERS; i++)
		if (rig.handlers[i].pool == number)
			rig.handlers[i].id.id = 0;
}

static void
subscribe_at_random(struct handler *handler)
{
	int pool = (int)next_random(POOLS);
	char pattern[32];

	random_name(pattern, sizeof(pattern), true);
	if (next_random(6) == 0)
		strcpy(pattern, next_random(2) ? "weir.>" : FAILED);
	if (rig.pools[pool].pool != NULL)
		subscribe(handler, pool, pattern, (int)next_random(5) - 2);
}

/* At an event, which may bring it into quarantine. */
static void
fail_at_one(struct handler *handler)
{
	char name[32];

	if (strncmp(handler->pattern, "weir.", 5) == 0 ||
	    state_of(handler) != WEIR_SUBSCRIPTION_ACTIVE)
		return;
	snprintf(name, sizeof(name), "%s", handler->pattern);
	for (char *at = name; *at != '\0'; at++)
		*at = *at == '*' || *at == '>' ? 'a' : *at;
	__atomic_store_n(&handler->fails, (int)next_random(5) - 6, __ATOMIC_RELAXED);
	publish(name);
	__atomic_store_n(&handler->fails, 0, __ATOMIC_RELAXED);
	assert_int_equal(state_of(handler), handler->quarantines ? WEIR_SUBSCRIPTION_QUARANTINED
								  : WEIR_SUBSCRIPTION_ACTIVE);
}

static void
change_at_random(void)
{
	struct handler *handler = &rig.handlers[next_random(HANDLERS)];

	if (handler->id.id == 0) {
		subscribe_at_random(handler);
		return;
	}
	switch (next_random(6)) {
	case 0:
		assert_int_equal(weir_unsubscribe_wait(rig.bus, handler->id, 20 * SECOND), WEIR_OK);
		handler->id.id = 0;
		break;
	case 1:
	case 2:
		fail_at_one(handler);
		break;
	default:
		assert_int_equal(weir_subscription_pause(rig.bus, handler->id,
							 next_random(2) == 0), WEIR_OK);
	}
}

/* One handler of h0's own topic fails: just one event tells of it. */
static size_t
expect_failed(void)
{
	struct handler *handler = &rig.handlers[0];

	calls.count = 0;
	__atomic_store_n(&handler->fails, 1, __ATOMIC_RELAXED);
	publish("poison");
	__atomic_store_n(&handler->fails, 0, __ATOMIC_RELAXED);
	return expect_as_called(FAILED);
}

static void
expect_all_topics(size_t *called)
{
	static const char *const tails[] = {"", "a", "b", "c", "d"};
	char name[16];

	for (int a = 1; a < 4; a++)
		for (int b = 0; b < 5; b++)
			for (int c = 0; c < (b > 0 ? 5 : 1); c++) {
				snprintf(name, sizeof(name), "%s%s%s%s%s", tails[a],
					 b > 0 ? "." : "", tails[b], c > 0 ? "." : "", tails[c]);
				*called += publish_and_expect(name);
			}
}

static void
test_as_the_engine(void **state)
{
	size_t called = 0, failed = 0;

	(void)state;
	begin_chance();
	for (int bus = 0; bus < BUSES; bus++) {
		open_rig();
		for (int phase = 0; phase < PHASES; phase++) {
			for (int i = 0; i < CHANGES; i++)
				change_at_random();
			if (next_random(3) > 0)
				open_random_pool();
			else
				close_random_pool();
			await_file();
			expect_all_topics(&called);
			/* What it changes, only its own handler in quarantine, comes last. */
			if (rig.handlers[0].id.id != 0)
				assert_int_equal(weir_unsubscribe_wait(rig.bus, rig.handlers[0].id,
								       20 * SECOND), WEIR_OK);
			subscribe(&rig.handlers[0], 0, "poison", 0);
			await_file();
			failed += expect_failed();
		}
		close_rig();
	}
	print_message("%zu calls, %zu of them of " FAILED "\n", called + failed, failed);
	assert_true(called > 1000 && failed > 0);
}

/* -- shapes ------------------------------------------------------------------ */

/* A diamond behind the default pool; beside it one that is alone, opened in between. */
static void
test_shape(void **state)
{
	static const char *const wanted[] = {"default", "p1", "p3", "p4", "p5", "p2"};
	static const uint32_t depths[] = {0, 1, 1, 2, 3, 0};
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	struct wi_explain explained;

	(void)state;
	open_rig();
	rig.pools[1].after[0] = true;
	open_pool(1, options);
	open_pool(2, options);
	rig.pools[3].after[0] = true;
	open_pool(3, options);
	rig.pools[4].after[1] = rig.pools[4].after[3] = true;
	open_pool(4, options);
	rig.pools[5].after[0] = rig.pools[5].after[4] = true;
	open_pool(5, options);
	for (int i = 0; i < POOLS; i++)
		subscribe(&rig.handlers[i], i, ">", 0);
	await_file();
	assert_true(wi_explain_make(&explained, "a", rig.snapshot));
	assert_int_equal(explained.pool_count, POOLS);
	for (int i = 0; i < POOLS; i++) {
		assert_string_equal(explained.pools[i].shown->name, wanted[i]);
		assert_int_equal(explained.pools[i].depth, depths[i]);
	}
	wi_explain_fini(&explained);
	assert_int_equal(publish_and_expect("a"), POOLS);
	close_rig();
}

/* -- gaps -------------------------------------------------------------------- */

static int let_go; /* atomic */

static int
hold(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	while (!__atomic_load_n(&let_go, __ATOMIC_ACQUIRE))
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	return 0;
}

/* Two pools skip, of which one has to; a third holds, and none is told but the one. */
static void
test_gap(void **state)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_subscription_options slow = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription id;
	weir_topic topic;
	json_t *object;

	(void)state;
	open_rig();
	options.behind = WEIR_BEHIND_SKIP;
	open_pool(1, options);
	options.behind = WEIR_BEHIND_HOLD;
	open_pool(2, options);
	subscribe(&rig.handlers[1], 1, GAP, 0);
	subscribe(&rig.handlers[2], 1, "weir.>", 1);
	subscribe(&rig.handlers[3], 1, ">", 2);
	subscribe(&rig.handlers[4], 2, GAP, 0);
	subscribe(&rig.handlers[5], 0, "weir.>", 0);
	slow.pool = rig.pools[1].pool;
	assert_int_equal(weir_subscribe(rig.bus, "slow", hold, NULL, &slow, &id), WEIR_OK);
	calls.count = 0;
	topic = topic_of("slow");
	for (int i = 0; i < 4000; i++)
		assert_int_equal(weir_publish_wait(rig.producer, topic, NULL, "12345678", 8,
						   20 * SECOND), WEIR_OK);
	__atomic_store_n(&let_go, 1, __ATOMIC_RELEASE);
	assert_int_equal(weir_bus_flush(rig.bus, 20 * SECOND), WEIR_OK);
	assert_int_equal(weir_unsubscribe_wait(rig.bus, id, 20 * SECOND), WEIR_OK);
	await_file();
	object = explain(GAP);
	assert_int_equal(json_integer_value(json_object_get(object, "getting")), 2);
	assert_int_equal(json_integer_value(json_object_get(object, "matching")), 4);
	json_decref(object);
	topic = topic_of(GAP);
	assert_true(next_call(topic, 1, 0) < CALLS);
	assert_int_equal(next_call(topic, 0, 0), CALLS);
	assert_int_equal(next_call(topic, 2, 0), CALLS);
	/* There may have been several gaps: h2 was called before h1 of each. */
	for (size_t at = next_call(topic, 1, 0), i = 0; at < CALLS;
	     at = next_call(topic, 1, at + 1), i++)
		assert_string_equal(calls.each[at].handler->name, i % 2 ? "h1" : "h2");
	close_rig();
}

/* -- files that no bus has written ------------------------------------------- */

enum { MADE_POOLS = 4, MADE_HANDLERS = 6 };

static weir_counters_pool made_pools[MADE_POOLS];
static weir_counters_subscription made_handlers[MADE_HANDLERS];

static struct wi_snapshot *
make(void)
{
	struct wi_look look = {.torn = false};

	look.header.section[WEIR_COUNTERS_POOLS].count = MADE_POOLS;
	look.header.section[WEIR_COUNTERS_SUBSCRIPTIONS].count = MADE_HANDLERS;
	look.header.section[WEIR_COUNTERS_SUBSCRIPTIONS].left_out = 7;
	look.pools = malloc(sizeof(made_pools));
	look.subscriptions = malloc(sizeof(made_handlers));
	assert_true(look.pools != NULL && look.subscriptions != NULL);
	memcpy(look.pools, made_pools, sizeof(made_pools));
	memcpy(look.subscriptions, made_handlers, sizeof(made_handlers));
	return wi_snapshot_make(&look, NULL, 0, true);
}

/* The text for people, which is the caller's. */
static char *
told(const char *topic, struct wi_snapshot *snapshot)
{
	struct wi_explain explained;
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_true(stream != NULL && wi_explain_make(&explained, topic, snapshot));
	wi_explain_text(&explained, stream);
	wi_explain_fini(&explained);
	fclose(stream);
	wi_snapshot_free(snapshot);
	return text;
}

static void
expect_told(const char *topic, const char *wanted)
{
	char *text = told(topic, make());

	assert_string_equal(text, wanted);
	free(text);
}

static void
make_ordinary(void)
{
	static const char *const names[] = {"first", "left", "right", "last"};
	static const struct {
		const char *name, *pattern;
		uint32_t pool, state;
		int32_t priority, code;
		uint64_t serial, failed;
	} handlers[] = {
		{"journal", "order.>", 0, WEIR_SUBSCRIPTION_ACTIVE, 0, 0, 9, 0},
		{"gr\xc3\xbc\xc3\x9f", "order.*.create", 1, WEIR_SUBSCRIPTION_QUARANTINED, 5, -2, 1, 1234},
		{"order.after.create", "order.after.create", 1, WEIR_SUBSCRIPTION_ACTIVE, 0, 113, 3, 29},
		{"late", "order.>", 1, WEIR_SUBSCRIPTION_ACTIVE, 0, 0, 4, 0},
		{"early", "order.>", 1, WEIR_SUBSCRIPTION_PAUSED, 0, 0, 2, 0},
		{"gone", ">", 3, WEIR_SUBSCRIPTION_ENDING, 0, 0, 5, 0}};

	memset(made_pools, 0, sizeof(made_pools));
	memset(made_handlers, 0, sizeof(made_handlers));
	for (int i = 0; i < MADE_POOLS; i++) {
		strcpy(made_pools[i].name, names[i]);
		made_pools[i].dispatcher_count = 1 + i % 2;
	}
	made_pools[1].after = made_pools[2].after = 1;
	made_pools[3].after = 6;
	made_pools[2].behind = WEIR_BEHIND_SKIP;
	made_pools[1].order = WEIR_ORDER_KEY;
	made_pools[1].wait = WEIR_WAIT_PARK;
	made_pools[3].waiting = 1234567;
	for (int i = 0; i < MADE_HANDLERS; i++) {
		strcpy(made_handlers[i].name, handlers[i].name);
		strcpy(made_handlers[i].pattern, handlers[i].pattern);
		made_handlers[i].id = (uint64_t)i + 1;
		made_handlers[i].pool = handlers[i].pool;
		made_handlers[i].state = handlers[i].state;
		made_handlers[i].priority = handlers[i].priority;
		made_handlers[i].serial = handlers[i].serial;
		made_handlers[i].failed = handlers[i].failed;
		made_handlers[i].last_code = handlers[i].code;
	}
	made_handlers[2].failed_batches = 1;
}

static void
test_text(void **state)
{
	(void)state;
	make_ordinary();
	expect_told("order.after.create",
		"order.after.create: 3 of 6 subscriptions get it\n"
		"bus , pid 0\n"
		"7 more subscriptions had no room in the counters file\n"
		"\n"
		"first: 1 dispatcher, order=producer, behind=hold, wait=adaptive\n"
		"    1  journal               order.>         active\n"
		"  left (after first): 2 dispatchers, order=key, behind=hold, wait=park\n"
		"      -  gr\xc3\xbc\xc3\x9f                order.*.create  quarantined  priority 5, 1,234 failed, last with -2\n"
		"      -  early               order.>         paused\n"
		"      1  order.after.create                  active       30 failed, last with 113\n"
		"      2  late                order.>         active\n"
		"  right (after first): 1 dispatcher, order=producer, behind=skip, wait=adaptive\n"
		"      -  nobody\n"
		"    last (after left + right): 2 dispatchers, order=producer, behind=hold, wait=adaptive\n"
		"      waiting: 1,234,567\n"
		"        -  gone              >               ending\n"
		"\n"
		"A pool that is after others gets the event once they are through with it;\n"
		"all others run side by side.\n"
		"One with behind=skip may miss it, if it is too far behind.\n"
		"In a pool the handlers are called in this order, one after the other.\n"
		"In quarantine: passed over until its time is up, when an event tries it.\n"
		"Replayed events reach only those with \"also replayed ones\".\n");
	made_pools[1].after = made_pools[2].after = made_pools[3].after = 0;
	made_pools[2].behind = WEIR_BEHIND_HOLD;
	made_handlers[0].state = WEIR_SUBSCRIPTION_PAUSED;
	expect_told("order",
		"order: nobody gets it: 1 of 6 subscriptions matches, none takes it\n"
		"bus , pid 0\n"
		"7 more subscriptions had no room in the counters file\n"
		"\n"
		"first: 1 dispatcher, order=producer, behind=hold, wait=adaptive\n"
		"    -  nobody\n"
		"left: 2 dispatchers, order=key, behind=hold, wait=park\n"
		"    -  nobody\n"
		"right: 1 dispatcher, order=producer, behind=hold, wait=adaptive\n"
		"    -  nobody\n"
		"last: 2 dispatchers, order=producer, behind=hold, wait=adaptive\n"
		"  waiting: 1,234,567\n"
		"    -  gone  >  ending\n"
		"\n"
		"The pools run side by side.\n"
		"In a pool the handlers are called in this order, one after the other.\n"
		"Replayed events reach only those with \"also replayed ones\".\n");
}

static void
test_near(void **state)
{
	(void)state;
	make_ordinary();
	strcpy(made_handlers[0].pattern, "Order.before.*");
	strcpy(made_handlers[3].pattern, "mail.*.create.x");
	strcpy(made_handlers[4].pattern, "*.b.c.d");
	made_handlers[5] = made_handlers[2];
	expect_told("order.after",
		"order.after: nobody gets it: 6 subscriptions, none matches\n"
		"bus , pid 0\n"
		"7 more subscriptions had no room in the counters file\n"
		"\n"
		"near it:\n"
		"  order.after.create  in pool left\n"
		"  order.*.create      in pool left: gr\xc3\xbc\xc3\x9f\n"
		"  Order.before.*      in pool first: journal\n");
}

/* Who is after himself, in no pool, or of no known state, gets nothing and does no harm. */
static void
test_damaged(void **state)
{
	(void)state;
	make_ordinary();
	made_pools[0].after = 1u << 3 | 1u << 31;
	made_pools[2].after = 1u << 2;
	made_pools[2].order = made_pools[2].behind = made_pools[2].wait = UINT32_MAX;
	for (int i = 0; i < MADE_HANDLERS; i++)
		strcpy(made_handlers[i].pattern, ">");
	made_handlers[0].pool = MADE_POOLS;
	made_handlers[2].state = 4;
	strcpy(made_handlers[3].pattern, ">.");
	memset(made_handlers[4].pattern, 'a', sizeof(made_handlers[4].pattern));
	made_handlers[5].name[0] = '\0';
	made_handlers[5].state = WEIR_SUBSCRIPTION_ACTIVE;
	expect_told("a",
		"a: 1 of 6 subscriptions gets it\n"
		"bus , pid 0\n"
		"7 more subscriptions had no room in the counters file\n"
		"\n"
		"first (after last, in a circle): 1 dispatcher, order=producer, behind=hold, wait=adaptive\n"
		"    -  nobody\n"
		"left (after first, in a circle): 2 dispatchers, order=key, behind=hold, wait=park\n"
		"    -  gr\xc3\xbc\xc3\x9f                >  quarantined  priority 5, 1,234 failed, last with -2\n"
		"    -  order.after.create  >  unknown      30 failed, last with 113\n"
		"right (after right, in a circle): 1 dispatcher, order=unknown, behind=unknown, wait=unknown\n"
		"    -  nobody\n"
		"last (after left + right, in a circle): 2 dispatchers, order=producer, behind=hold, wait=adaptive\n"
		"  waiting: 1,234,567\n"
		"    1  >                      active\n"
		"\n"
		"A pool that is after others gets the event once they are through with it;\n"
		"all others run side by side.\n"
		"In a pool the handlers are called in this order, one after the other.\n"
		"In quarantine: passed over until its time is up, when an event tries it.\n"
		"Replayed events reach only those with \"also replayed ones\".\n");
}

static void
test_topics(void **state)
{
	static const char *const good[] = {"a", "order.after.create", "A-Z_09.x", FAILED, GAP, "weir", "weird.x"};
	static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "a b", "a*", "a.>.b", "\xc3\xbc", "weir.",
					  "weir.x", "weir.gap.x"};
	char name[258];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_null(wi_explain_problem(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(strstr(wi_explain_problem(bad[i]), "is not allowed: "));
	assert_non_null(strstr(wi_explain_problem("a.*"), "is a pattern"));
	assert_non_null(strstr(wi_explain_problem(">"), "is a pattern"));
	memset(name, 'a', 256);
	name[256] = '\0';
	assert_non_null(wi_explain_problem(name));
	assert_null(wi_explain_problem(name + 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_topics),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_as_the_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
