/* SPDX-License-Identifier: MIT */
/* test_key.c - WEIR_ORDER_KEY: a key's events one at a time and in order, others in parallel. */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "core/bus.h"
#include "unit.h"

enum { KEYS = 32, PRODUCERS = 3 };

static weir_pool *
open_keyed(weir_bus *bus, uint32_t dispatcher_count, weir_wait wait)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_pool *pool;

	options.order = WEIR_ORDER_KEY;
	options.dispatcher_count = dispatcher_count;
	options.wait = wait;
	assert_ok(weir_pool_open(bus, &options, &pool));
	return pool;
}

static void
publish_keyed(weir_producer *producer, weir_topic topic, uint64_t key, uint64_t number)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;

	attributes.flags = WEIR_ATTRIBUTE_KEY;
	attributes.key = key;
	assert_ok(weir_publish_wait(producer, topic, &attributes, &number, sizeof number, UNIT_PATIENCE));
}

/* -- one at a time, in order ------------------------------------------------ */

struct keys {
	uint32_t inside[KEYS];
	uint64_t last[KEYS][PRODUCERS];         /* number of the producer's last event with the key */
	uint64_t wrong, handled, keyless;
	uint32_t first_source;
};

static int
check_key(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct keys *keys = context;
	uint32_t producer = delivery->source - keys->first_source;
	uint64_t key, number;

	memcpy(&number, weir_event_data(event), sizeof number);
	__atomic_add_fetch(&keys->handled, 1, __ATOMIC_RELAXED);
	if (!weir_event_key(event, &key)) {
		__atomic_add_fetch(&keys->keyless, 1, __ATOMIC_RELAXED);
		return 0;
	}
	if (__atomic_exchange_n(&keys->inside[key], 1, __ATOMIC_ACQUIRE))
		__atomic_add_fetch(&keys->wrong, 1, __ATOMIC_RELAXED);
	if (number <= keys->last[key][producer])
		__atomic_add_fetch(&keys->wrong, 1, __ATOMIC_RELAXED);
	keys->last[key][producer] = number;
	for (int i = 0; i < 50; i++)
		__asm__ volatile("" ::: "memory");
	__atomic_store_n(&keys->inside[key], 0, __ATOMIC_RELEASE);
	return 0;
}

struct keyed_producer {
	weir_producer *producer;
	weir_topic topic;
	uint64_t count;
	struct unit_random random;
};

static void *
run_keyed_producer(void *argument)
{
	struct keyed_producer *own = argument;

	for (uint64_t number = 1; number <= own->count; number++)
		if (unit_random_below(&own->random, 8) == 0)
			assert_ok(weir_publish_wait(own->producer, own->topic, NULL, &number, sizeof number,
						    UNIT_PATIENCE));
		else
			publish_keyed(own->producer, own->topic, unit_random_below(&own->random, KEYS), number);
	return NULL;
}

/* Source numbers go up by one for each producer that is opened. */
static int
note_source(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event;
	__atomic_store_n((uint32_t *)context, delivery->source, __ATOMIC_RELAXED);
	return 0;
}

static void
check_keys_with(uint32_t dispatcher_count, weir_wait wait)
{
	enum { COUNT = 20000 };
	weir_bus *bus = unit_open_ring(16384);
	weir_pool *pool = open_keyed(bus, dispatcher_count, wait);
	struct keyed_producer own[PRODUCERS];
	pthread_t thread[PRODUCERS];
	struct keys keys = { .wrong = 0 };
	weir_subscription probe = unit_subscribe(bus, "probe", note_source, &keys.first_source);
	struct unit_random random = unit_random_init();

	for (int i = 0; i < PRODUCERS; i++)
		own[i] = (struct keyed_producer){ .producer = unit_producer(bus), .topic = unit_topic(bus, "a"),
			                          .count = COUNT, .random = { unit_random(&random) } };
	assert_ok(weir_publish(own[0].producer, unit_topic(bus, "probe"), NULL, 0));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_ok(weir_unsubscribe_wait(bus, probe, UNIT_PATIENCE));
	unit_subscribe_in(bus, pool, "a", check_key, &keys);
	for (int i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, run_keyed_producer, &own[i]), 0);
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(thread[i], NULL);
	assert_ok(weir_pool_flush(pool, UNIT_PATIENCE));
	assert_int_equal(keys.wrong, 0);
	assert_int_equal(keys.handled, PRODUCERS * COUNT);
	assert_in_range(keys.keyless, 1, PRODUCERS * COUNT / 4);
	assert_int_equal(unit_counts_of_pool(pool).routed, PRODUCERS * COUNT);
	assert_int_equal(unit_counts_of_pool(pool).unrouted, 1);
	assert_int_equal(unit_counts_of_pool(pool).late_wakes, 0);
	for (int i = 0; i < PRODUCERS; i++)
		weir_producer_close(own[i].producer);
	unit_close(bus);
}

static void
test_keys_in_order(void **state)
{
	(void)state;
	check_keys_with(1, WEIR_WAIT_ADAPTIVE);
	check_keys_with(2, WEIR_WAIT_ADAPTIVE);
	check_keys_with(3, WEIR_WAIT_PARK);
	check_keys_with(4, WEIR_WAIT_POLL);
}

/* -- in parallel ------------------------------------------------------------ */

/* Two calls that are inside at one time let each other go. */
static int
meet(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint64_t *inside = context, end = unit_now() + UNIT_PATIENCE;

	(void)event, (void)delivery;
	__atomic_add_fetch(inside, 1, __ATOMIC_RELAXED);
	while (unit_load(inside) < 2)
		if (unit_now() > end)
			return 1;
	return 0;
}

/* Two keys of different dispatchers; one of the keys is 0. */
static uint64_t
key_of_another(const struct wi_pool *pool)
{
	struct {
		weir_event event;
		uint64_t key;
	} keyed = { .event.topic_flags = WEIR_KEY_ };
	uint32_t owner = wi_pool_owner(pool, &keyed.event, 1);

	do
		keyed.key++;
	while (wi_pool_owner(pool, &keyed.event, 1) == owner);
	return keyed.key;
}

static void
test_keys_in_parallel(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	weir_pool *pool = open_keyed(bus, 2, WEIR_WAIT_PARK);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	weir_subscription subscription;
	uint64_t inside = 0;

	(void)state;
	subscription = unit_subscribe_in(bus, pool, "a", meet, &inside);
	publish_keyed(producer, topic, 0, 1);
	publish_keyed(producer, topic, key_of_another((struct wi_pool *)pool), 2);
	assert_ok(weir_pool_flush(pool, 2 * UNIT_PATIENCE));
	assert_int_equal(unit_subscription_counts(bus, subscription).ok, 2);
	/* And without a key. */
	__atomic_store_n(&inside, 0, __ATOMIC_RELAXED);
	assert_ok(weir_publish(producer, topic, NULL, 0));
	assert_ok(weir_publish(producer, topic, NULL, 0));
	assert_ok(weir_pool_flush(pool, 2 * UNIT_PATIENCE));
	assert_int_equal(unit_subscription_counts(bus, subscription).ok, 4);
	weir_producer_close(producer);
	unit_close(bus);
}

/* Keys that count up, and multiples of powers of two, go to all. */
static void
test_keys_spread(void **state)
{
	enum { COUNT = 4096, DISPATCHERS = 4 };
	struct wi_pool pool = { .dispatcher_count = DISPATCHERS };
	struct {
		weir_event event;
		uint64_t key;
	} keyed = { .event.topic_flags = WEIR_KEY_ };

	(void)state;
	for (uint64_t step = 1; step <= 1ull << 40; step *= 16) {
		uint32_t count[DISPATCHERS] = { 0 };

		for (uint64_t i = 0; i < COUNT; i++) {
			keyed.key = i * step;
			count[wi_pool_owner(&pool, &keyed.event, 1)]++;
		}
		for (int i = 0; i < DISPATCHERS; i++)
			assert_in_range(count[i], COUNT / DISPATCHERS / 2, COUNT / DISPATCHERS * 2);
	}
}

/* -- waking, waiting -------------------------------------------------------- */

/* Each dispatcher sleeps on its own; whoever an event is for has to be woken. */
static void
test_each_is_woken(void **state)
{
	enum { DISPATCHERS = 4, EVENTS = 12 };
	weir_bus *bus = unit_open(NULL, NULL);
	weir_pool *pool = open_keyed(bus, DISPATCHERS, WEIR_WAIT_PARK);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	uint64_t count = 0, slowest = 0;

	(void)state;
	unit_subscribe_in(bus, pool, "a", unit_count, &count);
	for (uint64_t i = 1; i <= EVENTS; i++) {
		uint64_t begun;

		/* All of them asleep, and not for a moment only. */
		usleep(60000);
		begun = unit_now();
		assert_ok(weir_publish(producer, topic, NULL, 0));
		unit_wait_for(&count, i);
		slowest = unit_now() - begun > slowest ? unit_now() - begun : slowest;
	}
	assert_in_range(slowest, 0, UNIT_SECOND / 4);
	assert_int_equal(unit_counts_of_pool(pool).late_wakes, 0);
	weir_producer_close(producer);
	unit_close(bus);
}

struct behind {
	uint64_t *in_front, wrong, count;
};

static int
count_slowly(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint64_t end = unit_now() + 20000;

	(void)event, (void)delivery;
	while (unit_now() < end)
		;
	__atomic_add_fetch((uint64_t *)context, 1, __ATOMIC_RELEASE);
	return 0;
}

/* All events up to this one are through the pool in front. */
static int
check_behind(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct behind *behind = context;

	(void)event;
	behind->count++;
	behind->wrong += __atomic_load_n(behind->in_front, __ATOMIC_ACQUIRE) < delivery->sequence;
	return 0;
}

static void
test_behind_a_keyed_pool(void **state)
{
	enum { EVENTS = 3000 };
	weir_bus *bus = unit_open(NULL, NULL);
	weir_pool *pool = open_keyed(bus, 3, WEIR_WAIT_ADAPTIVE), *back;
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	uint64_t count = 0;
	struct behind behind = { .in_front = &count };

	(void)state;
	options.after = &pool;
	options.after_count = 1;
	assert_ok(weir_pool_open(bus, &options, &back));
	unit_subscribe_in(bus, pool, "a", count_slowly, &count);
	unit_subscribe_in(bus, back, "a", check_behind, &behind);
	for (uint64_t i = 1; i <= EVENTS; i++)
		publish_keyed(producer, topic, i, i);
	assert_ok(weir_pool_flush(back, UNIT_PATIENCE));
	assert_int_equal(count, EVENTS);
	assert_int_equal(behind.count, EVENTS);
	assert_int_equal(behind.wrong, 0);
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- a ring's cursors ------------------------------------------------------- */

/* A dispatcher that is stuck holds every ring, and flush waits for it. */
static void
test_slowest_holds(void **state)
{
	weir_bus *bus = unit_open_ring(4096);
	weir_pool *pool = open_keyed(bus, 2, WEIR_WAIT_ADAPTIVE);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a"), other = unit_topic(bus, "b");
	uint64_t count = 0, sent = 0;
	struct unit_gate gate;

	(void)state;
	unit_gate_init(&gate);
	unit_subscribe_in(bus, pool, "a", unit_gate_handler, &gate);
	unit_subscribe_in(bus, pool, "b", unit_count, &count);
	assert_ok(weir_publish(producer, topic, NULL, 0));
	unit_gate_wait(&gate);
	while (weir_publish(producer, other, NULL, 0) == WEIR_OK)
		sent++;
	assert_in_range(sent, 4096 / 16 - 2, 4096 / 16 - 1);
	unit_wait_for(&count, sent / 2);
	assert_status(WEIR_ETIMEDOUT, weir_pool_flush(pool, UNIT_SECOND / 100));
	unit_gate_pass(&gate, 1);
	assert_ok(weir_pool_flush(pool, UNIT_PATIENCE));
	assert_int_equal(count, sent);
	weir_producer_close(producer);
	unit_close(bus);
}

static void
test_limits(void **state)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_bus_options bus_options = WEIR_BUS_OPTIONS_INIT;
	weir_bus *bus;
	weir_pool *pool, *more;

	(void)state;
	options.order = WEIR_ORDER_KEY;
	options.dispatcher_count = 17;
	bus_options.stats_dir = "";
	assert_status(WEIR_EINVAL, weir_bus_open(&bus_options, &options, &bus));
	options.dispatcher_count = 16;
	bus = unit_open(NULL, &options);
	assert_status(WEIR_ELIMIT, weir_pool_open(bus, NULL, &pool));
	unit_close(bus);
	bus = unit_open(NULL, NULL);
	assert_status(WEIR_ELIMIT, weir_pool_open(bus, &options, &pool));
	options.dispatcher_count = 8;
	for (int i = 0; i < 20; i++) {
		assert_ok(weir_pool_open(bus, &options, &pool));
		assert_status(WEIR_ELIMIT, weir_pool_open(bus, &options, &more));
		assert_ok(weir_pool_close(pool, UNIT_PATIENCE, NULL));
	}
	options.behind = WEIR_BEHIND_SKIP;
	assert_status(WEIR_EINVAL, weir_pool_open(bus, &options, &pool));
	unit_close(bus);
}

/* -- opened while producers run --------------------------------------------- */

struct numbers {
	uint64_t first, last, count, sum;
};

static int
add_number(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct numbers *numbers = context;      /* of the dispatcher's thread: no key, so of all */
	uint64_t number, least;

	(void)delivery;
	memcpy(&number, weir_event_data(event), sizeof number);
	__atomic_add_fetch(&numbers->count, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&numbers->sum, number, __ATOMIC_RELAXED);
	least = unit_load(&numbers->first);
	while (number < least &&
	       !__atomic_compare_exchange_n(&numbers->first, &least, number, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	least = unit_load(&numbers->last);
	while (number > least &&
	       !__atomic_compare_exchange_n(&numbers->last, &least, number, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return 0;
}

struct runner {
	weir_producer *producer;
	weir_topic topic;
	uint32_t stop;
};

static void *
run_numbers(void *argument)
{
	struct runner *runner = argument;
	uint64_t number = 1;

	while (!__atomic_load_n(&runner->stop, __ATOMIC_RELAXED))
		if (weir_publish(runner->producer, runner->topic, &number, sizeof number) == WEIR_OK)
			number++;
	return NULL;
}

/* All cursors begin at one place: from there each event comes once. */
static void
test_open_while_a_producer_runs(void **state)
{
	enum { ROUNDS = 100 };
	weir_bus *bus = unit_open_ring(4096);
	struct runner runner = { .producer = unit_producer(bus), .topic = unit_topic(bus, "a") };
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, run_numbers, &runner), 0);
	for (int round = 0; round < ROUNDS; round++) {
		struct numbers numbers = { .first = UINT64_MAX };
		weir_pool *pool = open_keyed(bus, 3, WEIR_WAIT_ADAPTIVE);

		unit_subscribe_in(bus, pool, "a", add_number, &numbers);
		unit_wait_for(&numbers.count, 100);
		assert_ok(weir_pool_close(pool, UNIT_PATIENCE, NULL));
		/* The last ones may be missing at the end: others were skipped as unsubscribed. */
		assert_in_range(numbers.count, 100, numbers.last - numbers.first + 1);
	}
	__atomic_store_n(&runner.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	weir_producer_close(runner.producer);
	unit_close(bus);
}

/*
 * The bound of a pool behind is the least of the cursors in front, while they move: one that is
 * read twice, first to compare and then to use, may be beyond another by then.
 */
static void
test_least_is_read_once(void **state)
{
	uint64_t cursor = 90;

	(void)state;
	assert_int_equal(WI_MIN((uint64_t)100, cursor += 5), 95);
	assert_int_equal(WI_MAX((uint64_t)90, cursor += 5), 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_in_order),
		cmocka_unit_test(test_keys_in_parallel),
		cmocka_unit_test(test_keys_spread),
		cmocka_unit_test(test_each_is_woken),
		cmocka_unit_test(test_behind_a_keyed_pool),
		cmocka_unit_test(test_least_is_read_once),
		cmocka_unit_test(test_slowest_holds),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_open_while_a_producer_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
