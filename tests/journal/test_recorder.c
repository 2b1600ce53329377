/* SPDX-License-Identifier: MIT */
/* The journal on a bus: what is recorded, once each, in order; what is not; its life. */
#include "unit.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/journal.h>

#include "look.h"

struct fixture {
	char *directory, path[512], said[600];
	weir_journal_options options;
	weir_journal *journal;
	weir_bus *bus;
	weir_pool *pool;
	weir_producer *producer;
};

static void
say(void *context, int level, const char *id, const char *text)
{
	struct fixture *fixture = context;

	(void)level;
	snprintf(fixture->said, sizeof fixture->said, "%s: %s", id, text);
}

static int
set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;

	fixture->directory = unit_make_directory();
	snprintf(fixture->path, sizeof fixture->path, "%s/audit.db", fixture->directory);
	fixture->bus = unit_open(NULL, NULL);
	pool.name = "journal";
	assert_ok(weir_pool_open(fixture->bus, &pool, &fixture->pool));
	fixture->producer = unit_producer(fixture->bus);
	fixture->options = (weir_journal_options)WEIR_JOURNAL_OPTIONS_INIT;
	fixture->options.path = fixture->path;
	fixture->options.pool = fixture->pool;
	fixture->options.log = say;
	fixture->options.log_context = fixture;
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	weir_producer_close(fixture->producer);
	unit_close(fixture->bus);
	unit_remove_directory(fixture->directory);
	free(fixture);
	return 0;
}

static void
open_journal(struct fixture *fixture)
{
	assert_ok(weir_journal_open(fixture->bus, &fixture->options, &fixture->journal));
}

static void
close_journal(struct fixture *fixture)
{
	assert_ok(weir_journal_close(fixture->journal, UNIT_PATIENCE));
}

static void
publish(struct fixture *fixture, const char *topic, uint32_t count)
{
	weir_topic number = unit_topic(fixture->bus, topic);

	for (uint32_t i = 0; i < count; i++)
		assert_ok(weir_publish_wait(fixture->producer, number, NULL, &i, sizeof i,
		                            UNIT_PATIENCE));
}

static weir_journal_counts
counts_of(struct fixture *fixture)
{
	weir_journal_counts counts = WEIR_JOURNAL_COUNTS_INIT;

	assert_ok(weir_journal_get_counts(fixture->journal, &counts));
	return counts;
}

static struct look
look_at(struct fixture *fixture, void (*visit)(void *context, const struct wi_row *row), void *context)
{
	struct look look = look_at_journal(fixture->path, visit, context);

	assert_true(look_is_good(&look));
	return look;
}

/* -- what is recorded ------------------------------------------------------- */

struct order {
	uint64_t sequence, events;
	char topics[4096];
};

static void
check_order(void *context, const struct wi_row *row)
{
	struct order *order = context;

	if (row->kind != WI_ROW_EVENT)
		return;
	assert_true(row->sequence > order->sequence);
	order->sequence = row->sequence;
	order->events++;
	if (strlen(order->topics) + row->topic_size + 2 < sizeof order->topics)
		strcat(strcat(order->topics, row->topic), " ");
}

static void
test_records(void **state)
{
	struct fixture *fixture = *state;
	struct order order = { 0 };
	struct look look;

	open_journal(fixture);
	publish(fixture, "order.after.create", 5000);
	assert_ok(weir_pool_flush(fixture->pool, UNIT_PATIENCE));
	/* Recorded when the flush is through, not only when it is closed. */
	look = look_at(fixture, check_order, &order);
	assert_int_equal(look.events, 5000);
	assert_int_equal(order.sequence, 5000);
	assert_int_equal(look.opened, 1);
	assert_int_equal(look.closed, 0);
	assert_int_equal(counts_of(fixture).events, 5000);
	assert_int_equal(counts_of(fixture).rows, 5001);
	assert_int_equal(counts_of(fixture).dropped, 0);
	assert_true(counts_of(fixture).commits < 2500);
	close_journal(fixture);
	look = look_at(fixture, NULL, NULL);
	assert_int_equal(look.events, 5000);
	assert_int_equal(look.closed, 1);
}

static void
test_selects(void **state)
{
	static const char *const topics[] = { "order.*.create", "order.>", "weir.failed.>" };
	struct fixture *fixture = *state;
	struct order order = { 0 };

	fixture->options.topics = topics;
	fixture->options.topic_count = 3;
	open_journal(fixture);
	publish(fixture, "order.after.create", 1);      /* two patterns, one row */
	publish(fixture, "user.after.create", 1);
	publish(fixture, "order.after.delete", 1);
	publish(fixture, "order", 1);
	publish(fixture, "order.failed.create", 1);
	close_journal(fixture);
	assert_int_equal(look_at(fixture, check_order, &order).events, 3);
	assert_string_equal(order.topics, "order.after.create order.after.delete order.failed.create ");
}

static int
return_42(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	return 42;
}

static void
test_own_topics(void **state)
{
	static const char *const topics[] = { "weir.failed.>" };
	struct fixture *fixture = *state;
	weir_subscription subscription = unit_subscribe(fixture->bus, "order.>", return_42, NULL);
	struct look look;

	fixture->options.topics = topics;
	fixture->options.topic_count = 1;
	open_journal(fixture);
	publish(fixture, "order.after.create", 1);
	assert_ok(weir_bus_flush(fixture->bus, UNIT_PATIENCE));
	close_journal(fixture);
	look = look_at(fixture, NULL, NULL);
	assert_int_equal(look.events, 1);
	assert_ok(weir_unsubscribe_wait(fixture->bus, subscription, UNIT_PATIENCE));
}

static void
keep_last(void *context, const struct wi_row *row)
{
	if (row->kind == WI_ROW_EVENT)
		*(struct wi_row *)context = *row;
}

static void
test_attributes(void **state)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_trace trace = { { 1, 2, 3 }, { 4, 5, 6 }, 1 };
	struct fixture *fixture = *state;
	weir_topic topic = unit_topic(fixture->bus, "order.after.create");
	struct wi_row row = { 0 };

	open_journal(fixture);
	attributes.flags = WEIR_ATTRIBUTE_KEY | WEIR_ATTRIBUTE_TIME;
	attributes.key = UINT64_MAX;
	attributes.time = UINT64_MAX - 1;
	attributes.trace = &trace;
	assert_ok(weir_publish_with(fixture->producer, topic, &attributes, "x", 1));
	attributes.flags |= WEIR_ATTRIBUTE_REPLAYED;
	assert_ok(weir_publish_with(fixture->producer, topic, &attributes, "y", 1));
	close_journal(fixture);
	assert_int_equal(look_at(fixture, keep_last, &row).events, 1);
	assert_true(row.has_key && row.key == UINT64_MAX && row.time == UINT64_MAX - 1);
	assert_true(row.has_trace && memcmp(row.trace, trace.trace_id, 16) == 0 &&
	            memcmp(row.trace + 16, trace.span_id, 8) == 0 && row.trace[24] == 1);
	assert_int_equal(row.size, 1);
}

/* Every dispatcher's batches, and those of several producers. */
static void
test_many_dispatchers(void **state)
{
	struct fixture *fixture = *state;
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_producer *producers[4];
	weir_topic topic = unit_topic(fixture->bus, "a.b.c");
	weir_pool *pool;

	options.dispatcher_count = 3;
	assert_ok(weir_pool_open(fixture->bus, &options, &pool));
	fixture->options.pool = pool;
	open_journal(fixture);
	for (int i = 0; i < 4; i++)
		producers[i] = unit_producer(fixture->bus);
	for (int i = 0; i < 20000; i++)
		assert_ok(weir_publish_wait(producers[i % 4], topic, NULL, &i, sizeof i,
		                            UNIT_PATIENCE));
	close_journal(fixture);
	for (int i = 0; i < 4; i++)
		weir_producer_close(producers[i]);
	assert_int_equal(look_at(fixture, NULL, NULL).events, 20000);
}

static void
collect(void *context, const struct wi_row *row)
{
	char *text = context;

	if (row->kind == WI_ROW_GAP)
		snprintf(text, 400, "%.*s", (int)row->size, (const char *)row->payload);
}

/* A pool that skips tells what, and the journal records that. */
static void
test_gaps_of_the_pool(void **state)
{
	struct fixture *fixture = *state;
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_topic topic = unit_topic(fixture->bus, "a.b.c");
	unsigned long long source, first, last, count;
	struct unit_gate gate;
	weir_subscription subscription;
	char text[400] = "", payload[4000] = "";
	struct look look;
	weir_pool *pool;

	options.behind = WEIR_BEHIND_SKIP;
	assert_ok(weir_pool_open(fixture->bus, &options, &pool));
	fixture->options.pool = pool;
	open_journal(fixture);
	unit_gate_init(&gate);
	subscription = unit_subscribe_in(fixture->bus, pool, "stop", unit_gate_handler, &gate);
	publish(fixture, "stop", 1);
	unit_gate_wait(&gate);
	for (int i = 0; i < 200; i++)
		assert_ok(weir_publish_wait(fixture->producer, topic, NULL, payload, sizeof payload,
		                            UNIT_PATIENCE));
	unit_gate_pass(&gate, 1);
	close_journal(fixture);
	look = look_at(fixture, collect, text);
	assert_true(look.gaps > 0);
	assert_int_equal(sscanf(text, "{\"source\":%llu,\"first\":%llu,\"last\":%llu,\"count\":%llu",
	                        &source, &first, &last, &count), 4);
	assert_true(count == last - first + 1 && strstr(text, "too far behind"));
	if (look.gaps == 1)
		assert_int_equal(look.events + count, 201);
	assert_ok(weir_unsubscribe_wait(fixture->bus, subscription, UNIT_PATIENCE));
}

/* -- life ------------------------------------------------------------------- */

static void
test_refusals(void **state)
{
	static const char *const topics[] = { "order.>.x" };
	struct fixture *fixture = *state;
	weir_journal *second = NULL;

	open_journal(fixture);
	assert_status(WEIR_EBUSY, weir_journal_open(fixture->bus, &fixture->options, &second));
	assert_non_null(strstr(fixture->said, "writes this journal"));
	close_journal(fixture);
	fixture->options.topics = topics;
	fixture->options.topic_count = 1;
	assert_status(WEIR_EINVAL, weir_journal_open(fixture->bus, &fixture->options, &second));
	fixture->options.topic_count = 0;
	fixture->options.path = "/nonexistent/audit.db";
	assert_status(WEIR_EIO, weir_journal_open(fixture->bus, &fixture->options, &second));
	assert_non_null(strstr(fixture->said, "/nonexistent/audit.db"));
	fixture->options.path = NULL;
	assert_status(WEIR_EINVAL, weir_journal_open(fixture->bus, &fixture->options, &second));
	assert_null(second);
}

static int
close_in_child(void *context)
{
	struct fixture *fixture = context;
	weir_journal_counts counts = WEIR_JOURNAL_COUNTS_INIT;

	child_expect(weir_journal_get_counts(fixture->journal, &counts) == WEIR_EFORKED);
	child_expect(weir_journal_close(fixture->journal, WEIR_FOREVER) == WEIR_EFORKED);
	return 0;
}

static void
test_fork(void **state)
{
	struct fixture *fixture = *state;

	open_journal(fixture);
	publish(fixture, "a", 10);
	assert_int_equal(unit_in_child(close_in_child, fixture), 0);
	publish(fixture, "a", 10);
	close_journal(fixture);
	assert_int_equal(look_at(fixture, NULL, NULL).events, 20);
}

static int
close_in_handler(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct fixture *fixture = context;

	(void)event, (void)delivery;
	return weir_journal_close(fixture->journal, WEIR_FOREVER) == WEIR_EDEADLK ? 0 : 1;
}

static void
test_close_in_a_handler(void **state)
{
	struct fixture *fixture = *state;
	weir_subscription subscription;

	open_journal(fixture);
	subscription = unit_subscribe(fixture->bus, "a", close_in_handler, fixture);
	publish(fixture, "a", 1);
	assert_ok(weir_bus_flush(fixture->bus, UNIT_PATIENCE));
	assert_int_equal(unit_subscription_counts(fixture->bus, subscription).ok, 1);
	assert_ok(weir_unsubscribe_wait(fixture->bus, subscription, UNIT_PATIENCE));
	close_journal(fixture);
	assert_int_equal(look_at(fixture, NULL, NULL).events, 1);
}

/* Nothing is left behind, however often. */
static void
test_again_and_again(void **state)
{
	struct fixture *fixture = *state;
	unsigned files = unit_count_files();

	for (int i = 0; i < 20; i++) {
		open_journal(fixture);
		publish(fixture, "a.b", 10);
		close_journal(fixture);
	}
	assert_int_equal(unit_count_files(), files);
	assert_int_equal(look_at(fixture, NULL, NULL).events, 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(test_records), T(test_selects), T(test_own_topics), T(test_attributes),
		T(test_many_dispatchers), T(test_gaps_of_the_pool), T(test_refusals), T(test_fork),
		T(test_close_in_a_handler), T(test_again_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
