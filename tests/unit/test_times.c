/* SPDX-License-Identifier: MIT */
/* test_times.c - histograms of sampled times: buckets, weights, and what dispatchers put in them. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "core/bus.h"
#include "core/subscription.h"
#include "unit.h"

#define MILLISECOND 1000000ull

static void
nap(uint64_t ns)
{
	nanosleep(&(struct timespec){(time_t)(ns / UNIT_SECOND), (long)(ns % UNIT_SECOND)}, NULL);
}

/* -- buckets ---------------------------------------------------------------- */

static void
check_bucket(uint64_t ns)
{
	uint32_t bucket = weir_counters_bucket(ns);
	uint64_t least = weir_counters_bucket_least(bucket);

	assert_true(bucket < WEIR_COUNTERS_BUCKET_COUNT);
	assert_true(least <= ns);
	if (bucket == WEIR_COUNTERS_BUCKET_COUNT - 1)
		return;
	assert_true(ns < weir_counters_bucket_least(bucket + 1));
	assert_true(weir_counters_bucket_least(bucket + 1) - least <= (ns < 8 ? 1 : least / 4));
}

static void
test_buckets(void **state)
{
	struct unit_random random = unit_random_init();

	(void)state;
	for (uint64_t ns = 0; ns < 100000; ns++)
		check_bucket(ns);
	for (int i = 0; i < 100000; i++)
		check_bucket(unit_random(&random) >> unit_random_below(&random, 64));
	check_bucket(UINT64_MAX);
	for (uint32_t i = 0; i < WEIR_COUNTERS_BUCKET_COUNT; i++)
		assert_int_equal(weir_counters_bucket(weir_counters_bucket_least(i)), i);
	assert_int_equal(weir_counters_bucket_least(WEIR_COUNTERS_BUCKET_COUNT - 1), 7ull << 30);
}

/* A sample stands for what has passed since the one before. */
static void
test_weights(void **state)
{
	struct wi_times times = {0};
	weir_counters_times sum = {0};

	(void)state;
	wi_times_record(&times, 100, 1);
	wi_times_record(&times, 1000, 101);
	wi_times_record(&times, 100, 103);
	wi_times_sum(&times, &sum);
	assert_int_equal(sum.samples, 3);
	assert_int_equal(sum.sum_ns, 100 + 100 * 1000 + 2 * 100);
	assert_int_equal(sum.max_ns, 1000);
	assert_int_equal(sum.count[weir_counters_bucket(100)], 3);
	assert_int_equal(sum.count[weir_counters_bucket(1000)], 100);
	wi_times_sum(&times, &sum);
	assert_int_equal(sum.samples, 6);
	assert_int_equal(sum.max_ns, 1000);
	assert_int_equal(sum.count[weir_counters_bucket(1000)], 200);
}

/* -- what a bus puts in ----------------------------------------------------- */

static weir_counters_times
times_of(weir_bus *bus, weir_subscription id)
{
	const struct wi_subscription *subscription =
		wi_registry_get(&((struct weir_bus *)bus)->registry, (uint32_t)id.id);
	weir_counters_times sum = {0};

	for (uint32_t i = 0; i < subscription->tally_count; i++)
		wi_times_sum(&subscription->tally[i].times, &sum);
	return sum;
}

static weir_counters_times
waits_of(weir_bus *bus)
{
	const struct wi_pool *pool = ((struct weir_bus *)bus)->pool;
	weir_counters_times sum = {0};

	for (uint32_t i = 0; i < pool->dispatcher_count; i++)
		wi_times_sum(&pool->dispatcher[i].waited, &sum);
	return sum;
}

static uint64_t
total_of(const weir_counters_times *times)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < WEIR_COUNTERS_BUCKET_COUNT; i++)
		total += times->count[i];
	return total;
}

/* In [from, to): that many percent of them. */
static double
share_of(const weir_counters_times *times, uint64_t from, uint64_t to)
{
	uint64_t within = 0;

	for (uint32_t i = weir_counters_bucket(from); i < weir_counters_bucket(to); i++)
		within += times->count[i];
	return 100. * (double)within / (double)total_of(times);
}

static int
take_2ms(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	nap(2 * MILLISECOND);
	return 0;
}

static weir_bus *
open_sampling(uint64_t sample_ns, uint32_t dispatchers, weir_order order, weir_behind behind)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_bus_options bus_options = WEIR_BUS_OPTIONS_INIT;

	options.sample_ns = sample_ns;
	options.dispatcher_count = dispatchers;
	options.order = order;
	options.behind = behind;
	return unit_open(&bus_options, &options);
}

/* Each of a few slow events is measured, and what is beside the slow handler is not blamed for it. */
static void
check_slow(uint32_t dispatchers, weir_order order, weir_behind behind)
{
	weir_bus *bus = open_sampling(0, dispatchers, order, behind);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	weir_subscription first, slow, last;
	weir_counters_times times;
	uint64_t count = 0;

	first = unit_subscribe(bus, "a", unit_count, &count);
	slow = unit_subscribe(bus, "*", take_2ms, NULL);
	last = unit_subscribe(bus, ">", unit_count, &count);
	for (int i = 0; i < 50; i++)
		assert_ok(weir_publish(producer, topic, NULL, 0));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	times = times_of(bus, slow);
	/* By key, a dispatcher that has passed over others' events looks at the clock less often. */
	assert_true(times.samples >= (order == WEIR_ORDER_KEY ? 1 : 10) && times.samples <= 50);
	assert_true(total_of(&times) <= 50 && total_of(&times) >= times.samples);
	assert_true(times.max_ns >= 2 * MILLISECOND);
	assert_int_equal((int)share_of(&times, 1792 * 1024, UINT64_MAX), 100);
	assert_true(times.sum_ns >= 2 * MILLISECOND * total_of(&times));
	times = times_of(bus, first);
	assert_true(share_of(&times, 0, MILLISECOND) > 80);
	times = times_of(bus, last);
	assert_true(share_of(&times, 0, MILLISECOND) > 80);
	times = waits_of(bus);
	assert_true(times.samples >= (order == WEIR_ORDER_KEY ? 1 : 10));
	if (dispatchers == 1) /* the last one has waited for 49 of 2 ms, */
		assert_true(times.max_ns >= 60 * MILLISECOND);
	assert_true(times.max_ns < 20 * UNIT_SECOND); /*   and all of them not since 1970 */
	unit_close(bus);
}

static void
test_slow(void **state)
{
	(void)state;
	check_slow(1, WEIR_ORDER_PRODUCER, WEIR_BEHIND_HOLD);
	check_slow(2, WEIR_ORDER_KEY, WEIR_BEHIND_HOLD);
	check_slow(1, WEIR_ORDER_PRODUCER, WEIR_BEHIND_SKIP);
}

/* Of very many few are measured, and these stand for nearly all. */
static void
test_many(void **state)
{
	enum { COUNT = 1000000 };
	weir_bus *bus = open_sampling(0, 1, WEIR_ORDER_PRODUCER, WEIR_BEHIND_HOLD);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	weir_counters_times times;
	weir_subscription fast;
	uint64_t count = 0;

	(void)state;
	fast = unit_subscribe(bus, "a", unit_count, &count);
	for (int i = 0; i < COUNT; i++)
		assert_ok(weir_publish_wait(producer, topic, NULL, NULL, 0, UNIT_PATIENCE));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	times = times_of(bus, fast);
	assert_true(times.samples > 50 && times.samples < COUNT / 20);
	assert_true(total_of(&times) <= COUNT && total_of(&times) > COUNT / 2);
	assert_true(share_of(&times, 0, 100000) > 90);
	times = waits_of(bus);
	assert_true(total_of(&times) <= COUNT && total_of(&times) > COUNT / 2);
	unit_close(bus);
}

/* Of those that come one by one, one in 16, and one more each millisecond. */
static void
test_one_by_one(void **state)
{
	enum { COUNT = 3200 };
	weir_bus *bus = open_sampling(1, 1, WEIR_ORDER_PRODUCER, WEIR_BEHIND_HOLD);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	uint64_t count = 0, others = 0, began = unit_now();
	weir_subscription counting, paused;
	weir_counters_times times;

	(void)state;
	counting = unit_subscribe(bus, "a", unit_count, &count);
	paused = unit_subscribe(bus, "a", unit_count, &others);
	assert_ok(weir_subscription_pause(bus, paused, 1));
	for (uint64_t i = 1; i <= COUNT; i++) {
		assert_ok(weir_publish(producer, topic, NULL, 0));
		while (unit_load(&count) < i)
			;
	}
	times = times_of(bus, counting);
	assert_true(times.samples > 10);
	assert_true(times.samples <= COUNT / 16 + (unit_now() - began) / MILLISECOND + 2);
	times = times_of(bus, paused);
	assert_int_equal(times.samples, 0); /* it was not called */
	unit_close(bus);
}

static void
test_never(void **state)
{
	weir_bus *bus = open_sampling(WEIR_FOREVER, 1, WEIR_ORDER_PRODUCER, WEIR_BEHIND_HOLD);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	weir_counters_times times;
	weir_subscription slow;

	(void)state;
	slow = unit_subscribe(bus, "a", take_2ms, NULL);
	for (int i = 0; i < 40; i++)
		assert_ok(weir_publish(producer, topic, NULL, 0));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	times = times_of(bus, slow);
	assert_int_equal(times.samples, 0);
	times = waits_of(bus);
	assert_int_equal(times.samples, 0);
	unit_close(bus);
}

static int
take_20ms(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	nap(20 * MILLISECOND);
	return 0;
}

/* A sampled event, too, goes only to who takes replayed ones. */
static void
test_replayed(void **state)
{
	weir_bus *bus = open_sampling(1, 1, WEIR_ORDER_PRODUCER, WEIR_BEHIND_HOLD);
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	weir_subscription subscription;
	uint64_t live = 0, all = 0;

	(void)state;
	options.flags = WEIR_SUBSCRIPTION_REPLAYED;
	unit_subscribe(bus, "a", unit_count, &live);
	assert_ok(weir_subscribe(bus, "a", unit_count, &all, &options, &subscription));
	attributes.flags = WEIR_ATTRIBUTE_REPLAYED;
	for (int i = 0; i < 50; i++) {
		assert_ok(weir_publish_with(producer, topic, i % 2 ? &attributes : NULL, NULL, 0));
		nap(1100000);
	}
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_true(times_of(bus, subscription).samples > 25);
	/* Their times are those of then: no wait. */
	assert_true(waits_of(bus).samples <= 25);
	assert_int_equal(live, 25);
	assert_int_equal(all, 50);
	unit_close(bus);
}

/* The time until a poll. */
static void
test_waiting(void **state)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_counters_times times;
	weir_producer *producer;
	weir_topic topic;
	weir_bus *bus;
	uint64_t count = 0;

	(void)state;
	options.dispatcher_count = WEIR_MANUAL;
	bus = unit_open(NULL, &options);
	producer = unit_producer(bus);
	topic = unit_topic(bus, "a");
	unit_subscribe(bus, "a", unit_count, &count);
	for (int i = 0; i < 5; i++) {
		assert_ok(weir_publish(producer, topic, NULL, 0));
		nap(20 * MILLISECOND);
		while (weir_pool_poll(weir_bus_default_pool(bus), 10))
			;
	}
	times = waits_of(bus);
	assert_int_equal(times.samples, 5);
	assert_int_equal((int)share_of(&times, 19 * MILLISECOND, UINT64_MAX), 100);
	assert_true(times.max_ns >= 20 * MILLISECOND && times.max_ns < 10 * UNIT_SECOND);
	/* The handler's own time is none of it. */
	unit_subscribe(bus, "slow", take_20ms, NULL);
	for (int i = 0; i < 10; i++) {
		assert_ok(weir_publish(producer, unit_topic(bus, "slow"), NULL, 0));
		while (weir_pool_poll(weir_bus_default_pool(bus), 10))
			;
	}
	times = waits_of(bus);
	assert_true(times.samples >= 8);
	assert_true(((struct weir_bus *)bus)->pool->dispatcher->busy_ns >= 200 * MILLISECOND);
	assert_true(share_of(&times, 0, 15 * MILLISECOND) > 50);
	unit_close(bus);
}

/* -- a sampled call that does not come back --------------------------------- */

static int
leave(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	pthread_exit(NULL);
}

/* Nobody else misses the event, and the dispatcher goes on. */
static void
check_leaving(weir_behind behind)
{
	weir_bus *bus = open_sampling(1, 1, WEIR_ORDER_PRODUCER, behind);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	uint64_t before = 0, after = 0;
	weir_subscription leaves;

	unit_subscribe(bus, "a", unit_count, &before);
	leaves = unit_subscribe(bus, "a", leave, NULL);
	unit_subscribe(bus, "a", unit_count, &after);
	for (int i = 0; i < 40; i++) {
		assert_ok(weir_publish(producer, topic, NULL, 0));
		assert_ok(weir_publish(producer, topic, NULL, 0));
		assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	}
	assert_int_equal(before, 80);
	assert_int_equal(after, 80);
	assert_int_equal(unit_subscription_counts(bus, leaves).failed, 80);
	assert_int_equal(times_of(bus, leaves).samples, 0);
	unit_close(bus);
}

static void
test_leaving(void **state)
{
	(void)state;
	check_leaving(WEIR_BEHIND_HOLD);
	check_leaving(WEIR_BEHIND_SKIP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_one_by_one),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_replayed),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_leaving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
