/* SPDX-License-Identifier: MIT */
/* test_subscribe.c - subscriptions from their beginning to their end. */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "core/bus.h"

struct fixture {
	weir_bus *bus;
	weir_producer *producer;
	weir_topic topic; /* "a.b" */
};

static struct fixture
open_with(const weir_pool_options *pool)
{
	struct fixture fixture;

	fixture.bus = unit_open(NULL, pool);
	fixture.producer = unit_producer(fixture.bus);
	fixture.topic = unit_topic(fixture.bus, "a.b");
	return fixture;
}

static struct fixture
open_fixture(void)
{
	return open_with(NULL);
}

static void
close_fixture(struct fixture *fixture)
{
	weir_producer_close(fixture->producer);
	unit_close(fixture->bus);
}

static void
publish(const struct fixture *fixture, weir_topic topic, unsigned count)
{
	while (count--)
		assert_ok(weir_publish_wait(fixture->producer, topic, NULL, "x", 1, UNIT_PATIENCE));
}

static void
flush(const struct fixture *fixture)
{
	assert_ok(weir_bus_flush(fixture->bus, UNIT_PATIENCE));
}

static void
publish_and_flush(const struct fixture *fixture, unsigned count)
{
	publish(fixture, fixture->topic, count);
	flush(fixture);
}

/* It may have ended just before, on the bus's thread. */
static void
wait_until_ended(const struct fixture *f, weir_subscription subscription)
{
	weir_status status = weir_unsubscribe_wait(f->bus, subscription, UNIT_PATIENCE);

	assert_true(status == WEIR_OK || status == WEIR_ENOENT);
}

static weir_subscription
subscribe_with(const struct fixture *fixture, const char *pattern, weir_handler_fn handler,
	       void *context, const weir_subscription_options *options)
{
	weir_subscription subscription = {0};

	assert_ok(weir_subscribe(fixture->bus, pattern, handler, context, options, &subscription));
	assert_true(subscription.id != 0);
	return subscription;
}

/* -- what is refused -------------------------------------------------------- */

static void
test_bad_input(void **state)
{
	static const char *const patterns[] = {"",    ".",  "a.",  ".a",    "a..b",
					       "a b", "**", ">.a", "a.>.b", "\xc3\xa4"};
	struct fixture f = open_fixture();
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription = {77};
	weir_bus *other = unit_open(NULL, NULL);
	uint64_t count = 0;
	char large[300];

	(void)state;
	assert_status(WEIR_EINVAL,
		      weir_subscribe(NULL, "a", unit_count, &count, NULL, &subscription));
	assert_status(WEIR_EINVAL,
		      weir_subscribe(f.bus, NULL, unit_count, &count, NULL, &subscription));
	assert_status(WEIR_EINVAL, weir_subscribe(f.bus, "a", NULL, &count, NULL, &subscription));
	assert_status(WEIR_EINVAL, weir_subscribe(f.bus, "a", unit_count, &count, NULL, NULL));
	for (size_t i = 0; i < WI_COUNT(patterns); i++)
		assert_status(WEIR_EINVAL, weir_subscribe(f.bus, patterns[i], unit_count, &count,
							  NULL, &subscription));
	memset(large, 'a', sizeof large);
	large[256] = '\0';
	assert_status(WEIR_EINVAL,
		      weir_subscribe(f.bus, large, unit_count, &count, NULL, &subscription));
	options.flags = 2;
	assert_status(WEIR_EINVAL,
		      weir_subscribe(f.bus, "a", unit_count, &count, &options, &subscription));
	options = (weir_subscription_options)WEIR_SUBSCRIPTION_OPTIONS_INIT;
	options.size = sizeof options.size - 1;
	assert_status(WEIR_EINVAL,
		      weir_subscribe(f.bus, "a", unit_count, &count, &options, &subscription));
	options = (weir_subscription_options)WEIR_SUBSCRIPTION_OPTIONS_INIT;
	options.pool = weir_bus_default_pool(other);
	assert_status(WEIR_EINVAL,
		      weir_subscribe(f.bus, "a", unit_count, &count, &options, &subscription));
	assert_int_equal(subscription.id, 77);
	options.pool = weir_bus_default_pool(f.bus);
	large[255] = '\0';
	assert_ok(weir_subscribe(f.bus, large, unit_count, &count, &options, &subscription));
	unit_close(other);
	close_fixture(&f);
}

static void
test_stale_ids(void **state)
{
	struct fixture f = open_fixture();
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;
	uint64_t count = 0;
	weir_subscription first = unit_subscribe(f.bus, "a.b", unit_count, &count);
	const weir_subscription bad[] = {{0},
					 {1},
					 {first.id + 1},
					 {first.id + (1ull << 32)},
					 {(uint32_t)first.id},
					 {UINT64_MAX},
					 {1ull << 32 | 77}};

	(void)state;
	counts.due = 55;
	for (size_t i = 0; i < WI_COUNT(bad); i++) {
		assert_status(WEIR_ENOENT, weir_unsubscribe(f.bus, bad[i]));
		assert_status(WEIR_ENOENT, weir_unsubscribe_wait(f.bus, bad[i], UNIT_PATIENCE));
		assert_status(WEIR_ENOENT, weir_subscription_pause(f.bus, bad[i], 1));
		assert_status(WEIR_ENOENT, weir_subscription_get_counts(f.bus, bad[i], &counts));
	}
	assert_int_equal(counts.due, 55);
	assert_status(WEIR_EINVAL, weir_unsubscribe(NULL, first));
	assert_status(WEIR_EINVAL, weir_unsubscribe_wait(NULL, first, 0));
	assert_status(WEIR_EINVAL, weir_subscription_pause(NULL, first, 1));
	assert_status(WEIR_EINVAL, weir_subscription_get_counts(NULL, first, &counts));
	assert_status(WEIR_EINVAL, weir_subscription_get_counts(f.bus, first, NULL));
	publish_and_flush(&f, 1);
	assert_int_equal(count, 1);
	close_fixture(&f);
}

/* An id that is used again in part is not the old one. */
static void
test_ids_are_not_used_again(void **state)
{
	struct fixture f = open_fixture();
	uint64_t count = 0;
	weir_subscription old = unit_subscribe(f.bus, "a.b", unit_count, &count), next = old;

	(void)state;
	for (int i = 0; i < 100; i++) {
		weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;

		assert_ok(weir_unsubscribe_wait(f.bus, next, UNIT_PATIENCE));
		next = unit_subscribe(f.bus, "a.b", unit_count, &count);
		assert_true(next.id != old.id);
		assert_status(WEIR_ENOENT, weir_unsubscribe(f.bus, old));
		assert_status(WEIR_ENOENT, weir_subscription_pause(f.bus, old, 1));
		assert_status(WEIR_ENOENT, weir_subscription_get_counts(f.bus, old, &counts));
		publish_and_flush(&f, 1);
	}
	assert_int_equal(count, 100);
	assert_int_equal(unit_all_subscription_counts(f.bus).ok, 100);
	close_fixture(&f);
}

static weir_status
subscribe_without_memory(struct fixture *f, const char *pattern, uint64_t number, uint64_t *count,
			 weir_subscription *subscription)
{
	weir_status status;

	wi_memory_fail_at(number, false);
	status = weir_subscribe(f->bus, pattern, unit_count, count, NULL, subscription);
	wi_memory_fail_at(0, false);
	return status;
}

/* Each allocation in turn: refused, and nothing else happened. */
static void
test_without_memory(void **state)
{
	static const char *const patterns[] = {"a.b", "new.topic", "a.*", ">"};

	(void)state;
	for (size_t p = 0; p < WI_COUNT(patterns); p++) {
		struct fixture f = open_fixture();
		weir_subscription subscription = {77};
		uint64_t number = 0, count = 0;

		while (subscribe_without_memory(&f, patterns[p], ++number, &count, &subscription) ==
		       WEIR_ENOMEM) {
			assert_int_equal(subscription.id, 77);
			publish_and_flush(&f, 1);
			assert_int_equal(count, 0);
		}
		assert_in_range(number, 4, 20);
		assert_true(subscription.id != 77);
		publish(&f, unit_topic(f.bus, patterns[p][0] == 'n' ? "new.topic" : "a.b"), 3);
		flush(&f);
		assert_int_equal(count, 3);
		assert_ok(weir_unsubscribe_wait(f.bus, subscription, UNIT_PATIENCE));
		close_fixture(&f);
	}
}

/* A failed removal is tried again; the handler is not called meanwhile. */
static void
test_unsubscribe_without_memory(void **state)
{
	struct fixture f = open_fixture();
	uint64_t count = 0;
	weir_subscription subscription = unit_subscribe(f.bus, "a.*", unit_count, &count);

	(void)state;
	wi_memory_fail_at(1, true);
	assert_ok(weir_unsubscribe(f.bus, subscription));
	assert_status(WEIR_ETIMEDOUT, weir_unsubscribe_wait(f.bus, subscription, 5000000));
	publish_and_flush(&f, 3);
	assert_int_equal(count, 0);
	wi_memory_fail_at(0, false);
	wait_until_ended(&f, subscription);
	assert_int_equal(unit_all_subscription_counts(f.bus).skipped_unsubscribed, 3);
	close_fixture(&f);
}

/* -- order and matching ----------------------------------------------------- */

static char order[64];

static int
write_letter(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	strcat(order, context);
	return 0;
}

static void
test_priorities(void **state)
{
	static const struct {
		const char *letter, *pattern;
		int32_t priority;
	} all[] = {
		{"d", "a.b", 0}, {"a", "a.*", INT32_MAX}, {"e", ">", 0},   {"g", "a.>", -1},
		{"b", "*.b", 5}, {"h", "a.b", INT32_MIN}, {"c", "a.b", 5}, {"f", "*.*", 0},
	};
	struct fixture f = open_fixture();
	weir_subscription subscription[WI_COUNT(all)];

	(void)state;
	for (size_t i = 0; i < WI_COUNT(all); i++) {
		weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;

		options.priority = all[i].priority;
		subscription[i] = subscribe_with(&f, all[i].pattern, write_letter,
						 (void *)all[i].letter, &options);
	}
	order[0] = '\0';
	publish_and_flush(&f, 2);
	assert_string_equal(order, "abcdefghabcdefgh");
	for (size_t i = 0; i < WI_COUNT(all); i += 2)
		assert_ok(weir_unsubscribe_wait(f.bus, subscription[i], UNIT_PATIENCE));
	order[0] = '\0';
	publish_and_flush(&f, 1);
	assert_string_equal(order, "afgh");
	close_fixture(&f);
}

/* Subscriptions that were made before, or by an exact pattern, know a topic that is made later. */
static void
test_later_topics(void **state)
{
	struct fixture f = open_fixture();
	uint64_t all = 0, two = 0, exact = 0, none = 0;

	(void)state;
	unit_subscribe(f.bus, ">", unit_count, &all);
	unit_subscribe(f.bus, "later.*", unit_count, &two);
	unit_subscribe(f.bus, "later.7", unit_count, &exact);
	unit_subscribe(f.bus, "later.*.x", unit_count, &none);
	for (int i = 0; i < 2000; i++) {
		char name[32];

		snprintf(name, sizeof name, "later.%d", i);
		publish(&f, unit_topic(f.bus, name), 1);
	}
	flush(&f);
	assert_int_equal(all, 2000);
	assert_int_equal(two, 2000);
	assert_int_equal(exact, 1);
	assert_int_equal(none, 0);
	close_fixture(&f);
}

/* Nobody can publish the bus's own topics, so the table is asked. */
static uint32_t
routes_of(const struct fixture *f, uint32_t topic)
{
	const struct wi_list *list = wi_table_find(f->bus->pool->routes.table, topic);

	return list ? list->count : 0;
}

static void
test_own_topics(void **state)
{
	struct fixture f = open_fixture();
	uint64_t count = 0;
	weir_topic topic;

	(void)state;
	unit_subscribe(f.bus, ">", unit_count, &count);
	unit_subscribe(f.bus, "*.>", unit_count, &count);
	unit_subscribe(f.bus, "*.gap", unit_count, &count);
	unit_subscribe(f.bus, "*.failed.>", unit_count, &count);
	assert_int_equal(routes_of(&f, WI_TOPIC_FAILED), 0);
	assert_int_equal(routes_of(&f, WI_TOPIC_GAP), 0);
	unit_subscribe(f.bus, "weir.>", unit_count, &count);
	unit_subscribe(f.bus, "weir.*", unit_count, &count);
	unit_subscribe(f.bus, "weir.failed.deliver", unit_count, &count);
	assert_int_equal(routes_of(&f, WI_TOPIC_FAILED), 2);
	assert_int_equal(routes_of(&f, WI_TOPIC_GAP), 2);
	/* One that does not exist may be subscribed to, but is not made by that. */
	unit_subscribe(f.bus, "weir.nothing", unit_count, &count);
	assert_status(WEIR_ENOENT, weir_topic_find(f.bus, "weir.nothing", &topic));
	publish_and_flush(&f, 1);
	assert_int_equal(count, 2);
	close_fixture(&f);
}

/* -- batches that are known beforehand -------------------------------------- */

/* While the dispatcher is held in a handler, what is published gathers for its next batches. */
struct held {
	struct unit_gate gate;
	weir_topic topic;
};

static void
hold(const struct fixture *f, struct held *held)
{
	unit_gate_init(&held->gate);
	held->topic = unit_topic(f->bus, "hold");
	unit_subscribe(f->bus, "hold", unit_gate_handler, &held->gate);
	publish(f, held->topic, 1);
	unit_gate_wait(&held->gate);
}

static void
let_go(const struct fixture *f, struct held *held)
{
	unit_gate_pass(&held->gate, 1);
	flush(f);
}

/*
 * A dispatcher that is held uses its old table for the rest of its batch. What ended meanwhile
 * must not come back there as the next subscription.
 */
static void
test_old_table(void **state)
{
	struct fixture f = open_fixture();
	struct unit_gate gate;
	uint64_t ended = 0, next = 0;
	weir_subscription subscription;
	weir_topic stop = unit_topic(f.bus, "stop");
	void *place;

	(void)state;
	unit_gate_init(&gate);
	unit_subscribe(f.bus, "stop", unit_gate_handler, &gate);
	subscription = unit_subscribe(f.bus, "a.b", unit_count, &ended);
	/* One commit: one batch. */
	assert_ok(weir_reserve(f.producer, stop, NULL, 0, &place));
	for (int i = 0; i < 10; i++)
		assert_ok(weir_reserve(f.producer, f.topic, NULL, 0, &place));
	assert_ok(weir_commit(f.producer));
	unit_gate_wait(&gate);
	assert_ok(weir_unsubscribe_wait(f.bus, subscription, UNIT_PATIENCE));
	for (int i = 0; i < 5; i++)
		unit_subscribe(f.bus, "c.d", unit_count, &next);
	unit_gate_pass(&gate, 1);
	flush(&f);
	assert_int_equal(ended, 0);
	assert_int_equal(next, 0);
	close_fixture(&f);
}

/* -- from handlers ---------------------------------------------------------- */

struct inner {
	weir_subscription self, other;
	weir_status status[6];
	weir_topic topic;
	uint64_t calls, others;
	weir_subscription_counts counts;
};

static int
subscribe_once(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct inner *inner = context;
	weir_topic made;

	(void)event;
	if (inner->calls++)
		return 0;
	inner->status[0] = weir_subscribe(delivery->bus, "onward.exact", unit_count, &inner->others,
					  NULL, &inner->other);
	inner->status[1] = weir_subscribe(delivery->bus, "onward.*", unit_count, &inner->others,
					  NULL, &inner->other);
	inner->status[2] = weir_topic_find(delivery->bus, "onward.exact", &inner->topic);
	inner->status[3] = weir_publish(delivery->producer, inner->topic, NULL, 0);
	inner->status[4] = weir_topic_open(delivery->bus, "onward.made", &made);
	inner->status[5] = weir_publish(delivery->producer, made, NULL, 0);
	return 0;
}

static void
test_subscribe_in_a_handler(void **state)
{
	struct fixture f = open_fixture();
	struct inner inner = {.calls = 0};

	(void)state;
	unit_subscribe(f.bus, "a.b", subscribe_once, &inner);
	publish_and_flush(&f, 1);
	for (int i = 0; i < 6; i++)
		assert_int_equal(inner.status[i], WEIR_OK);
	assert_int_equal(inner.others, 3);
	publish(&f, inner.topic, 1);
	flush(&f);
	assert_int_equal(inner.others, 5);
	close_fixture(&f);
}

static int
unsubscribe_self(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct inner *inner = context;

	(void)event;
	inner->calls++;
	inner->status[0] =
		weir_unsubscribe_wait(delivery->bus, delivery->subscription, UNIT_PATIENCE);
	inner->status[1] = weir_unsubscribe(delivery->bus, delivery->subscription);
	inner->status[2] = weir_unsubscribe(delivery->bus, delivery->subscription);
	return 0;
}

static void
test_unsubscribe_itself(void **state)
{
	struct fixture f = open_fixture();
	struct inner inner = {.calls = 0};
	struct held held;

	(void)state;
	hold(&f, &held);
	inner.self = unit_subscribe(f.bus, "a.*", unsubscribe_self, &inner);
	publish(&f, f.topic, 10);
	let_go(&f, &held);
	assert_int_equal(inner.status[0], WEIR_EDEADLK);
	assert_int_equal(inner.status[1], WEIR_OK);
	assert_int_equal(inner.status[2], WEIR_OK);
	assert_int_equal(inner.calls, 1);
	/* The other nine were due in the same batch. */
	assert_int_equal(unit_all_subscription_counts(f.bus).skipped_unsubscribed, 9);
	publish_and_flush(&f, 10);
	assert_int_equal(inner.calls, 1);
	close_fixture(&f);
}

static int
unsubscribe_other(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct inner *inner = context;

	(void)event;
	if (inner->calls++ == 0)
		inner->status[0] = weir_unsubscribe(delivery->bus, inner->other);
	return 0;
}

/* Of one event: the handler that comes after is not called any more, one that came before was. */
static void
test_unsubscribe_another(void **state)
{
	(void)state;
	for (int before = 0; before < 2; before++) {
		weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
		struct fixture f = open_fixture();
		struct inner inner = {.calls = 0};
		struct held held;

		options.priority = before ? 1 : -1;
		hold(&f, &held);
		inner.self = unit_subscribe(f.bus, "a.b", unsubscribe_other, &inner);
		inner.other = subscribe_with(&f, "a.b", unit_count, &inner.others, &options);
		publish(&f, f.topic, 5);
		let_go(&f, &held);
		assert_int_equal(inner.status[0], WEIR_OK);
		assert_int_equal(inner.calls, 5);
		assert_int_equal(inner.others, before);
		close_fixture(&f);
	}
}

static int
look_at_itself(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct inner *inner = context;

	(void)event;
	inner->counts = (weir_subscription_counts)WEIR_SUBSCRIPTION_COUNTS_INIT;
	inner->status[0] =
		weir_subscription_get_counts(delivery->bus, delivery->subscription, &inner->counts);
	inner->status[1] = weir_subscription_pause(delivery->bus, delivery->subscription, 1);
	return 0;
}

static void
test_look_in_a_handler(void **state)
{
	struct fixture f = open_fixture();
	struct inner inner = {.calls = 0};

	(void)state;
	inner.self = unit_subscribe(f.bus, "a.b", look_at_itself, &inner);
	publish_and_flush(&f, 1);
	assert_int_equal(inner.status[0], WEIR_OK);
	assert_int_equal(inner.status[1], WEIR_OK);
	assert_int_equal(inner.counts.due, 1);
	assert_int_equal(inner.counts.running, 1);
	assert_int_equal(inner.counts.ok, 0);
	publish_and_flush(&f, 2);
	assert_int_equal(unit_subscription_counts(f.bus, inner.self).skipped_paused, 2);
	assert_int_equal(unit_subscription_counts(f.bus, inner.self).ok, 1);
	close_fixture(&f);
}

/* -- pause and counts ------------------------------------------------------- */

static void
test_pause(void **state)
{
	struct fixture f = open_fixture();
	weir_subscription_counts counts;
	uint64_t count = 0, other = 0;
	weir_subscription subscription = unit_subscribe(f.bus, "a.b", unit_count, &count);

	(void)state;
	unit_subscribe(f.bus, "a.b", unit_count, &other);
	publish_and_flush(&f, 2);
	assert_ok(weir_subscription_pause(f.bus, subscription, 1));
	assert_ok(weir_subscription_pause(f.bus, subscription, 5));
	assert_int_equal(unit_subscription_counts(f.bus, subscription).state,
			 WEIR_SUBSCRIPTION_PAUSED);
	publish_and_flush(&f, 3);
	assert_ok(weir_subscription_pause(f.bus, subscription, 0));
	assert_ok(weir_subscription_pause(f.bus, subscription, 0));
	publish_and_flush(&f, 4);
	counts = unit_subscription_counts(f.bus, subscription);
	assert_int_equal(counts.state, WEIR_SUBSCRIPTION_ACTIVE);
	assert_int_equal(count, 6);
	assert_int_equal(other, 9);
	assert_int_equal(counts.due, 9);
	assert_int_equal(counts.ok, 6);
	assert_int_equal(counts.skipped_paused, 3);
	assert_int_equal(counts.running, 0);
	assert_int_equal(counts.skipped_unsubscribed + counts.skipped_quarantine, 0);
	close_fixture(&f);
}

/* Paused, then ended: what comes is skipped because it has ended. */
static void
test_pause_and_end(void **state)
{
	struct fixture f = open_fixture();
	weir_subscription_counts counts;
	uint64_t count = 0;
	weir_subscription subscription = unit_subscribe(f.bus, "a.b", unit_count, &count);

	(void)state;
	assert_ok(weir_subscription_pause(f.bus, subscription, 1));
	publish_and_flush(&f, 1);
	assert_ok(weir_unsubscribe_wait(f.bus, subscription, UNIT_PATIENCE));
	publish_and_flush(&f, 1);
	counts = unit_all_subscription_counts(f.bus);
	assert_int_equal(counts.skipped_paused, 1);
	assert_int_equal(counts.due, counts.skipped_paused + counts.skipped_unsubscribed);
	assert_int_equal(count, 0);
	close_fixture(&f);
}

static int
fail_with(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)delivery;
	*(uint64_t *)context += 1;
	return *(const unsigned char *)weir_event_data(event);
}

/* A failure is one event's and one subscription's. */
static void
test_failures(void **state)
{
	static const unsigned char codes[] = {0, 3, 0, 3, 9, 3, 0};
	struct fixture f = open_fixture();
	weir_subscription_counts counts;
	uint64_t calls = 0, others = 0;
	weir_subscription subscription = unit_subscribe(f.bus, "a.b", fail_with, &calls);

	(void)state;
	unit_subscribe(f.bus, "a.b", unit_count, &others);
	for (size_t i = 0; i < WI_COUNT(codes); i++)
		assert_ok(weir_publish(f.producer, f.topic, &codes[i], 1));
	flush(&f);
	counts = unit_subscription_counts(f.bus, subscription);
	assert_int_equal(calls, WI_COUNT(codes));
	assert_int_equal(others, WI_COUNT(codes));
	assert_int_equal(counts.ok, 3);
	assert_int_equal(counts.failed, 4);
	assert_int_equal(counts.failure_code[0], 3);
	assert_int_equal(counts.failure_count[0], 3);
	assert_int_equal(counts.failure_code[1], 9);
	assert_int_equal(counts.failure_count[1], 1);
	/* Still there when the subscription is not. */
	assert_ok(weir_unsubscribe_wait(f.bus, subscription, UNIT_PATIENCE));
	counts = unit_all_subscription_counts(f.bus);
	assert_int_equal(counts.failed, 4);
	assert_int_equal(counts.ok, 3 + WI_COUNT(codes));
	assert_int_equal(counts.failure_count[0], 3);
	close_fixture(&f);
}

/* -- the end of a subscription ---------------------------------------------- */

struct ending {
	struct unit_gate gate;
	pthread_t handled_on, released_on;
	uint64_t calls, batch_ends, released, batch_ends_at_release;
	int batch_end_code;
	weir_subscription batch_end_of;
	uint64_t calls_at_batch_end[16];
};

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct ending *ending = context;

	(void)event, (void)delivery;
	ending->handled_on = pthread_self();
	ending->calls++;
	return 0;
}

static int
handle_held(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct ending *ending = context;

	handle(event, delivery, context);
	return unit_gate_handler(event, delivery, &ending->gate);
}

static int
end_batch(const weir_delivery *delivery, void *context)
{
	struct ending *ending = context;

	ending->batch_end_of = delivery->subscription;
	ending->calls_at_batch_end[ending->batch_ends++ % 16] = ending->calls;
	return ending->batch_end_code;
}

static void
release(void *context)
{
	struct ending *ending = context;

	ending->released_on = pthread_self();
	ending->batch_ends_at_release = ending->batch_ends;
	__atomic_fetch_add(&ending->released, 1, __ATOMIC_SEQ_CST);
}

static weir_subscription_options
options_of(bool batched)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;

	options.batch_end = batched ? end_batch : NULL;
	options.released = release;
	return options;
}

static void
test_released(void **state)
{
	weir_subscription_options options = options_of(false);
	struct fixture f = open_fixture();
	struct ending ending = {.calls = 0};
	weir_subscription subscription = subscribe_with(&f, "a.b", handle, &ending, &options);

	(void)state;
	publish_and_flush(&f, 1);
	assert_int_equal(ending.released, 0);
	assert_ok(weir_unsubscribe(f.bus, subscription));
	unit_wait_for(&ending.released, 1);
	assert_false(pthread_equal(ending.released_on, ending.handled_on));
	assert_false(pthread_equal(ending.released_on, pthread_self()));
	publish_and_flush(&f, 5);
	close_fixture(&f);
	assert_int_equal(ending.released, 1);
	assert_int_equal(ending.calls, 1);
}

/* Released on return from the wait; also when another has begun the end. */
static void
test_wait(void **state)
{
	weir_subscription_options options = options_of(false);
	struct fixture f = open_fixture();

	(void)state;
	for (int i = 0; i < 50; i++) {
		struct ending ending = {.calls = 0};
		weir_subscription subscription =
			subscribe_with(&f, "a.*", handle, &ending, &options);

		publish_and_flush(&f, 1);
		if (i % 2)
			assert_ok(weir_unsubscribe(f.bus, subscription));
		if (i % 2 == 0 || !unit_load(&ending.released))
			weir_unsubscribe_wait(f.bus, subscription, UNIT_PATIENCE);
		unit_wait_for(&ending.released, 1);
		assert_int_equal(ending.released, 1);
		assert_status(WEIR_ENOENT,
			      weir_unsubscribe_wait(f.bus, subscription, UNIT_PATIENCE));
		assert_status(WEIR_ENOENT, weir_unsubscribe(f.bus, subscription));
		publish_and_flush(&f, 1);
		assert_int_equal(ending.calls, 1);
	}
	close_fixture(&f);
}

static void *
pass_later(void *argument)
{
	nanosleep(&(struct timespec){0, 5000000}, NULL);
	unit_gate_pass(argument, 1);
	return NULL;
}

static void
test_stuck(void **state)
{
	weir_subscription_options options = options_of(false);
	struct fixture f = open_fixture();
	struct ending ending = {.calls = 0};
	weir_subscription subscription;
	weir_subscription_counts counts;
	pthread_t thread;
	uint64_t before;

	(void)state;
	unit_gate_init(&ending.gate);
	subscription = subscribe_with(&f, "a.b", handle_held, &ending, &options);
	publish(&f, f.topic, 3);
	unit_gate_wait(&ending.gate);
	before = unit_now();
	assert_status(WEIR_ETIMEDOUT, weir_unsubscribe_wait(f.bus, subscription, 0));
	assert_status(WEIR_ETIMEDOUT, weir_unsubscribe_wait(f.bus, subscription, 5000000));
	assert_true(unit_now() - before >= 5000000);
	counts = unit_subscription_counts(f.bus, subscription);
	assert_int_equal(counts.state, WEIR_SUBSCRIPTION_ENDING);
	assert_int_equal(counts.running, 1);
	assert_int_equal(ending.released, 0);
	assert_ok(weir_subscription_pause(f.bus, subscription, 1));
	assert_int_equal(unit_subscription_counts(f.bus, subscription).state,
			 WEIR_SUBSCRIPTION_ENDING);
	assert_int_equal(pthread_create(&thread, NULL, pass_later, &ending.gate), 0);
	wait_until_ended(&f, subscription);
	pthread_join(thread, NULL);
	assert_int_equal(ending.released, 1);
	assert_status(WEIR_ENOENT, weir_unsubscribe_wait(f.bus, subscription, UNIT_PATIENCE));
	flush(&f);
	assert_int_equal(ending.calls, 1);
	assert_int_equal(unit_all_subscription_counts(f.bus).skipped_paused, 0);
	close_fixture(&f);
	assert_int_equal(ending.released, 1);
}

/* The stuck one is called before or after it for the same event, on the same thread. */
static void
test_another_is_stuck(void **state)
{
	(void)state;
	for (int32_t priority = -1; priority <= 1; priority += 2) {
		weir_subscription_options options = options_of(false);
		struct fixture f = open_fixture();
		struct ending stuck = {.calls = 0}, ending = {.calls = 0};
		weir_subscription subscription;

		unit_gate_init(&stuck.gate);
		unit_subscribe(f.bus, "a.b", handle_held, &stuck);
		options.priority = priority;
		subscription = subscribe_with(&f, "a.b", handle, &ending, &options);
		publish(&f, f.topic, 1);
		unit_gate_wait(&stuck.gate);
		assert_int_equal(ending.calls, priority > 0);
		assert_ok(weir_unsubscribe_wait(f.bus, subscription, UNIT_PATIENCE));
		assert_int_equal(ending.released, 1);
		assert_int_equal(stuck.calls, 1);
		unit_gate_pass(&stuck.gate, 1);
		flush(&f);
		assert_int_equal(ending.calls, priority > 0);
		close_fixture(&f);
	}
}

/* Its handler is done, its batch_end is not: that is waited for, and comes before `released`. */
static void
test_owed_batch_end(void **state)
{
	weir_subscription_options options = options_of(true);
	struct fixture f = open_fixture();
	struct ending stuck = {.calls = 0}, ending = {.calls = 0};
	weir_subscription subscription;

	(void)state;
	unit_gate_init(&stuck.gate);
	options.priority = 1;
	subscription = subscribe_with(&f, "a.b", handle, &ending, &options);
	unit_subscribe(f.bus, "a.b", handle_held, &stuck);
	publish(&f, f.topic, 1);
	unit_gate_wait(&stuck.gate);
	assert_int_equal(ending.calls, 1);
	assert_status(WEIR_ETIMEDOUT, weir_unsubscribe_wait(f.bus, subscription, 5000000));
	assert_int_equal(ending.batch_ends, 0);
	unit_gate_pass(&stuck.gate, 1);
	wait_until_ended(&f, subscription);
	assert_int_equal(ending.batch_ends, 1);
	assert_int_equal(ending.batch_ends_at_release, 1);
	assert_true(ending.batch_end_of.id == subscription.id);
	close_fixture(&f);
}

/* Those that are there at the end are released by it, on the bus's own thread. */
static void
test_released_by_close(void **state)
{
	weir_subscription_options options = options_of(true);
	struct fixture f = open_fixture();
	struct ending ending[3] = {{.calls = 0}};

	(void)state;
	for (int i = 0; i < 3; i++)
		subscribe_with(&f, i == 1 ? "a.>" : "a.b", handle, &ending[i], &options);
	publish(&f, f.topic, 10);
	weir_producer_close(f.producer);
	assert_ok(weir_bus_close(f.bus, UNIT_PATIENCE, NULL));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ending[i].calls, 10);
		assert_int_equal(ending[i].released, 1);
		assert_true(ending[i].batch_ends >= 1);
		assert_int_equal(ending[i].batch_ends_at_release, ending[i].batch_ends);
	}
	for (int i = 0; i < 3; i++)
		assert_false(pthread_equal(ending[i].released_on, pthread_self()));
}

/* -- batch_end -------------------------------------------------------------- */

static void
test_batch_end(void **state)
{
	weir_subscription_options options = options_of(true);
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	struct ending ending = {.calls = 0};
	struct fixture f;
	weir_subscription subscription;
	struct held held;

	(void)state;
	pool.batch_count_max = 4;
	pool.batch_ns_max = UNIT_PATIENCE;
	f = open_with(&pool);
	hold(&f, &held);
	subscription = subscribe_with(&f, "a.b", handle, &ending, &options);
	publish(&f, f.topic, 10);
	let_go(&f, &held);
	/* Four, four, two. */
	assert_int_equal(ending.calls, 10);
	assert_int_equal(ending.batch_ends, 3);
	assert_int_equal(ending.calls_at_batch_end[0], 4);
	assert_int_equal(ending.calls_at_batch_end[1], 8);
	assert_int_equal(ending.calls_at_batch_end[2], 10);
	assert_true(ending.batch_end_of.id == subscription.id);
	/* A batch that did not reach it is none of its own. */
	publish(&f, unit_topic(f.bus, "a.other"), 10);
	flush(&f);
	assert_int_equal(ending.batch_ends, 3);
	/* Neither is one in which it is paused. */
	assert_ok(weir_subscription_pause(f.bus, subscription, 1));
	publish_and_flush(&f, 3);
	assert_int_equal(ending.batch_ends, 3);
	close_fixture(&f);
}

/* Whoever waits for the events waits for their batch_end. */
static void
test_batch_end_before_flush(void **state)
{
	weir_subscription_options options = options_of(true);
	struct fixture f = open_fixture();
	struct ending ending = {.calls = 0};

	(void)state;
	subscribe_with(&f, "a.b", handle, &ending, &options);
	for (unsigned i = 1; i <= 300; i++) {
		publish_and_flush(&f, i % 7 + 1);
		assert_true(ending.batch_ends >= i);
		assert_int_equal(ending.calls_at_batch_end[(ending.batch_ends - 1) % 16],
				 ending.calls);
	}
	close_fixture(&f);
}

static void
test_failing_batch_end(void **state)
{
	weir_subscription_options options = options_of(true);
	struct fixture f = open_fixture();
	struct ending ending = {.batch_end_code = 7};
	weir_subscription subscription;
	weir_subscription_counts counts;

	(void)state;
	subscription = subscribe_with(&f, "a.b", handle, &ending, &options);
	for (int i = 0; i < 3; i++)
		publish_and_flush(&f, 1);
	ending.batch_end_code = 0;
	publish_and_flush(&f, 1);
	counts = unit_subscription_counts(f.bus, subscription);
	assert_int_equal(counts.failed_batches, 3);
	assert_int_equal(counts.due, 4);
	assert_int_equal(counts.ok + counts.failed, 4);
	/* "one failure under that code" */
	assert_int_equal(counts.failure_code[0], 7);
	assert_int_equal(counts.failure_count[0], 3);
	close_fixture(&f);
}

static int
count_inner(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	((struct inner *)context)->calls++;
	return 0;
}

static int
publish_at_batch_end(const weir_delivery *delivery, void *context)
{
	struct inner *inner = context;
	void *place;

	inner->status[0] = weir_publish(delivery->producer, inner->topic, NULL, 0);
	inner->status[1] = weir_reserve(delivery->producer, inner->topic, NULL, 5, &place);
	return 0;
}

/* What it publishes is onward, and covered by flush; what it leaves open is aborted. */
static void
test_publish_in_batch_end(void **state)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct fixture f = open_fixture();
	struct inner inner = {.calls = 0};
	uint64_t count = 0;

	(void)state;
	inner.topic = unit_topic(f.bus, "onward");
	options.batch_end = publish_at_batch_end;
	subscribe_with(&f, "a.b", count_inner, &inner, &options);
	unit_subscribe(f.bus, "onward", unit_count, &count);
	for (unsigned i = 1; i <= 20; i++) {
		publish_and_flush(&f, 1);
		assert_int_equal(count, i);
	}
	assert_int_equal(inner.status[0], WEIR_OK);
	assert_int_equal(inner.status[1], WEIR_OK);
	assert_int_equal(unit_all_producer_counts(f.bus).aborted, 20);
	close_fixture(&f);
}

/* Two that end their batches; each its own. */
static void
test_several_batch_ends(void **state)
{
	weir_subscription_options options = options_of(true);
	struct fixture f = open_fixture();
	struct ending ending[2] = {{.calls = 0}};
	weir_subscription subscription[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		subscription[i] =
			subscribe_with(&f, i ? "a.*" : "a.b", handle, &ending[i], &options);
	publish_and_flush(&f, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ending[i].batch_ends, 1);
		assert_true(ending[i].batch_end_of.id == subscription[i].id);
	}
	close_fixture(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_input),
		cmocka_unit_test(test_stale_ids),
		cmocka_unit_test(test_ids_are_not_used_again),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_unsubscribe_without_memory),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_later_topics),
		cmocka_unit_test(test_own_topics),
		cmocka_unit_test(test_old_table),
		cmocka_unit_test(test_subscribe_in_a_handler),
		cmocka_unit_test(test_unsubscribe_itself),
		cmocka_unit_test(test_unsubscribe_another),
		cmocka_unit_test(test_look_in_a_handler),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_pause_and_end),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_released),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_another_is_stuck),
		cmocka_unit_test(test_owed_batch_end),
		cmocka_unit_test(test_released_by_close),
		cmocka_unit_test(test_batch_end),
		cmocka_unit_test(test_batch_end_before_flush),
		cmocka_unit_test(test_failing_batch_end),
		cmocka_unit_test(test_publish_in_batch_end),
		cmocka_unit_test(test_several_batch_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
