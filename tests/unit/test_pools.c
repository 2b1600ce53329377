/* SPDX-License-Identifier: MIT */
/*
 * test_pools.c - several pools on a bus: what each sees, who is behind whom, opening and closing.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "core/bus.h"
#include "unit.h"

static void
publish(weir_producer *producer, weir_topic topic, uint64_t number)
{
	assert_ok(weir_publish_wait(producer, topic, NULL, &number, sizeof number, UNIT_PATIENCE));
}

static weir_pool *
open_pool(weir_bus *bus, const char *name)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_pool *pool;

	options.name = name;
	assert_ok(weir_pool_open(bus, &options, &pool));
	return pool;
}

static weir_pool *
open_pool_after(weir_bus *bus, const char *name, weir_pool *const *after, uint32_t count)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_pool *pool;

	options.name = name;
	options.after = after;
	options.after_count = count;
	assert_ok(weir_pool_open(bus, &options, &pool));
	return pool;
}

/* -- what each sees --------------------------------------------------------- */

static void
test_each_sees_all(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a.b");
	uint64_t first = 0, second = 0;
	weir_pool *pool;

	(void)state;
	unit_subscribe(bus, ">", unit_count, &first);
	for (uint64_t i = 0; i < 10; i++)
		publish(producer, topic, i);
	pool = open_pool(bus, "second");
	unit_subscribe_in(bus, pool, "a.*", unit_count, &second);
	for (uint64_t i = 0; i < 1000; i++)
		publish(producer, topic, i);
	publish(producer, unit_topic(bus, "b"), 0);
	assert_ok(weir_pool_flush(pool, UNIT_PATIENCE));
	assert_int_equal(second, 1000);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(first, 1011);
	assert_int_equal(unit_counts_of_pool(pool).seen, 1001);
	assert_int_equal(unit_counts_of_pool(pool).unrouted, 1);
	assert_int_equal(unit_pool_counts(bus).seen, 1011);
	weir_producer_close(producer);
	unit_close(bus);
}

/* A slow pool fills the ring; until then the other one is not held up. */
static void
test_slow_one_does_not_delay(void **state)
{
	weir_bus *bus = unit_open_ring(4096);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	weir_pool *pool = open_pool(bus, NULL);
	struct unit_gate gate;
	uint64_t count = 0, sent = 0;

	(void)state;
	unit_gate_init(&gate);
	unit_subscribe(bus, "a", unit_count, &count);
	unit_subscribe_in(bus, pool, "a", unit_gate_handler, &gate);
	while (weir_publish(producer, topic, NULL, 0) == WEIR_OK)
		sent++;
	assert_in_range(sent, 4096 / 16 - 2, 4096 / 16);
	unit_wait_for(&count, sent);
	assert_status(WEIR_ETIMEDOUT, weir_bus_flush(bus, 1000000));
	unit_gate_pass(&gate, (unsigned)sent);
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- while producers run ---------------------------------------------------- */

struct runner {
	weir_bus *bus;
	weir_topic topic;
	uint32_t stop;
	uint64_t sent;
};

static void *
run_publisher(void *argument)
{
	struct runner *runner = argument;
	weir_producer_options options = WEIR_PRODUCER_OPTIONS_INIT;
	weir_producer *producer;
	uint64_t number = 1;

	options.ring_size = 4096;
	if (weir_producer_open(runner->bus, &options, &producer) != WEIR_OK)
		return NULL;
	while (!__atomic_load_n(&runner->stop, __ATOMIC_RELAXED))
		if (weir_publish(producer, runner->topic, &number, sizeof number) == WEIR_OK)
			number++;
	runner->sent = number - 1;
	weir_producer_close(producer);
	return NULL;
}

/* Without a gap, and numbered as the producer numbered them. */
struct follower {
	uint64_t last[8], wrong, count;
};

static int
follow(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct follower *follower = context;
	uint64_t number;

	memcpy(&number, weir_event_data(event), sizeof number);
	follower->wrong += number != delivery->sequence;
	follower->wrong += follower->last[delivery->source % 8] &&
	                   number != follower->last[delivery->source % 8] + 1;
	follower->last[delivery->source % 8] = number;
	__atomic_store_n(&follower->count, follower->count + 1, __ATOMIC_RELAXED);
	return 0;
}

static void
test_open_while_producers_run(void **state)
{
	enum { ROUNDS = 150, PRODUCERS = 2 };
	weir_bus *bus = unit_open(NULL, NULL);
	weir_topic topic = unit_topic(bus, "a");
	struct runner runner[PRODUCERS];
	pthread_t thread[PRODUCERS];
	uint64_t count = 0, sent = 0;

	(void)state;
	unit_subscribe(bus, "a", unit_count, &count);
	for (int i = 0; i < PRODUCERS; i++) {
		runner[i] = (struct runner){ .bus = bus, .topic = topic };
		assert_int_equal(pthread_create(&thread[i], NULL, run_publisher, &runner[i]), 0);
	}
	for (int round = 0; round < ROUNDS; round++) {
		weir_pool *const first = weir_bus_default_pool(bus);
		struct follower follower = { .wrong = 0 };
		weir_pool *pool = round % 2 ? open_pool_after(bus, "guest", &first, 1) : open_pool(bus, "guest");

		unit_subscribe_in(bus, pool, "a", follow, &follower);
		if (round % 3)
			unit_wait_for(&follower.count, 100);
		assert_ok(weir_pool_close(pool, UNIT_PATIENCE, NULL));
		assert_int_equal(follower.wrong, 0);
	}
	for (int i = 0; i < PRODUCERS; i++) {
		__atomic_store_n(&runner[i].stop, 1, __ATOMIC_RELAXED);
		pthread_join(thread[i], NULL);
		sent += runner[i].sent;
	}
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(count, sent);
	unit_close(bus);
}

static void *
run_opener(void *argument)
{
	struct runner *runner = argument;
	weir_pool *pool = open_pool(runner->bus, "guest");

	__atomic_store_n(&runner->sent, 1, __ATOMIC_SEQ_CST);
	assert_ok(weir_pool_close(pool, UNIT_PATIENCE, NULL));
	return NULL;
}

/* Between its two stores a producer has counted an event that is not shown yet. */
static void
test_open_while_one_is_inside(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	struct runner runner = { .bus = bus };
	weir_producer *producer = unit_producer(bus);
	struct weir_tail_ *tail = producer->tail;
	pthread_t thread;

	(void)state;
	publish(producer, unit_topic(bus, "a"), 1);
	__atomic_store_n(&tail->open.state, WEIR_INSIDE_, __ATOMIC_SEQ_CST);
	__atomic_store_n(&tail->count, tail->count + 1, __ATOMIC_SEQ_CST);
	assert_int_equal(pthread_create(&thread, NULL, run_opener, &runner), 0);
	usleep(50000);
	assert_int_equal(unit_load(&runner.sent), 0);
	__atomic_store_n(&tail->count, tail->count - 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&tail->open.state, 0, __ATOMIC_SEQ_CST);
	unit_wait_for(&runner.sent, 1);
	pthread_join(thread, NULL);
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- one behind another ----------------------------------------------------- */

static struct {
	uint64_t written, safe;         /* by the journal's handler, and by its batch_end */
	uint64_t left, right;           /* by the two in the middle */
	uint64_t last, early;
} chain;

static uint64_t
number_of(const weir_event *event)
{
	uint64_t number;

	memcpy(&number, weir_event_data(event), sizeof number);
	return number;
}

static int
write_down(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)delivery, (void)context;
	chain.written = number_of(event);
	return 0;
}

static int
make_safe(const weir_delivery *delivery, void *context)
{
	(void)delivery, (void)context;
	__atomic_store_n(&chain.safe, chain.written, __ATOMIC_RELEASE);
	return 0;
}

static int
check_safe(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint64_t number = number_of(event);

	(void)delivery;
	if (number > __atomic_load_n(&chain.safe, __ATOMIC_ACQUIRE))
		__atomic_fetch_add(&chain.early, 1, __ATOMIC_RELAXED);
	__atomic_store_n((uint64_t *)context, number, __ATOMIC_RELEASE);
	return 0;
}

static int
check_both(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint64_t number = number_of(event);

	(void)delivery, (void)context;
	if (number > __atomic_load_n(&chain.left, __ATOMIC_ACQUIRE) ||
	    number > __atomic_load_n(&chain.right, __ATOMIC_ACQUIRE))
		__atomic_fetch_add(&chain.early, 1, __ATOMIC_RELAXED);
	chain.last = number;
	return 0;
}

/* journal -> left and right -> last; each wait in turn behind the journal. */
static void
run_diamond(weir_wait wait, uint64_t events)
{
	weir_subscription_options with_end = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_bus *bus = unit_open_ring(16384);
	weir_pool *const journal = weir_bus_default_pool(bus);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	weir_pool *middle[2], *last;
	weir_subscription subscription;

	memset(&chain, 0, sizeof chain);
	options.wait = wait;
	options.after = &journal;
	options.after_count = 1;
	assert_ok(weir_pool_open(bus, &options, &middle[0]));
	assert_ok(weir_pool_open(bus, &options, &middle[1]));
	options.after = middle;
	options.after_count = 2;
	assert_ok(weir_pool_open(bus, &options, &last));
	with_end.batch_end = make_safe;
	assert_ok(weir_subscribe(bus, "a", write_down, NULL, &with_end, &subscription));
	unit_subscribe_in(bus, middle[0], "a", check_safe, &chain.left);
	unit_subscribe_in(bus, middle[1], "a", check_safe, &chain.right);
	unit_subscribe_in(bus, last, "a", check_both, NULL);
	for (uint64_t i = 1; i <= events; i++)
		publish(producer, topic, i);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(chain.last, events);
	assert_int_equal(chain.early, 0);
	assert_status(WEIR_EINVAL, weir_pool_close(middle[0], UNIT_PATIENCE, NULL));    /* followed */
	assert_ok(weir_pool_close(last, UNIT_PATIENCE, NULL));
	assert_ok(weir_pool_close(middle[0], UNIT_PATIENCE, NULL));
	weir_producer_close(producer);
	unit_close(bus);
}

static void
test_diamond(void **state)
{
	static const weir_wait waits[] = { WEIR_WAIT_ADAPTIVE, WEIR_WAIT_SPIN, WEIR_WAIT_YIELD,
	                                   WEIR_WAIT_POLL, WEIR_WAIT_PARK };

	(void)state;
	for (size_t i = 0; i < WI_COUNT(waits); i++)
		run_diamond(waits[i], waits[i] == WEIR_WAIT_SPIN ? 300 : 20000);
}

static int
take_a_while(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	usleep(3000);
	return 0;
}

/* Whoever fell asleep again behind another is woken by it, not found after half a second. */
static void
test_wakes_those_behind(void **state)
{
	weir_pool_options park = WEIR_POOL_OPTIONS_INIT;
	weir_bus *bus;
	weir_producer *producer;
	weir_topic topic;
	uint64_t count = 0, begun = unit_now();
	weir_pool *last;

	(void)state;
	park.wait = WEIR_WAIT_PARK;
	bus = unit_open(NULL, &park);
	unit_subscribe(bus, "a", take_a_while, NULL);
	producer = unit_producer(bus);
	topic = unit_topic(bus, "a");
	last = weir_bus_default_pool(bus);
	for (int i = 0; i < 3; i++) {
		weir_pool *const before = last;

		park.after = &before;
		park.after_count = 1;
		assert_ok(weir_pool_open(bus, &park, &last));
	}
	unit_subscribe_in(bus, last, "a", unit_count, &count);
	for (uint64_t i = 1; i <= 100; i++) {
		publish(producer, topic, i);
		unit_wait_for(&count, i);
	}
	assert_in_range(unit_now() - begun, 0, 3 * UNIT_SECOND);
	weir_producer_close(producer);
	unit_close(bus);        /* late wakes: 0 */
}

/* -- closing ---------------------------------------------------------------- */

static void
count_released(void *context)
{
	__atomic_fetch_add((uint64_t *)context, 1, __ATOMIC_SEQ_CST);
}

static void
test_close_ends_subscriptions(void **state)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;
	weir_bus *bus = unit_open(NULL, NULL);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	uint64_t count = 0;
	weir_subscription subscription;

	(void)state;
	options.released = count_released;
	for (uint64_t round = 1; round <= 20; round++) {
		uint64_t handled = 0;

		options.pool = open_pool(bus, "guest");
		assert_ok(weir_subscribe(bus, "a", unit_count, &handled, &options, &subscription));
		for (uint64_t i = 0; i < 100; i++)
			publish(producer, topic, i);
		/* What is released counts its own context up. */
		assert_ok(weir_pool_close(options.pool, UNIT_PATIENCE, &report));
		assert_int_equal(handled, 101);
		assert_int_equal(report.undelivered, 0);
		assert_status(WEIR_ENOENT, weir_subscription_get_counts(bus, subscription, &counts));
		count += 100;
	}
	assert_int_equal(unit_all_subscription_counts(bus).ok, count);
	weir_producer_close(producer);
	unit_close(bus);
}

static void *
run_flush(void *argument)
{
	struct runner *runner = argument;

	runner->sent = (uint64_t)weir_bus_flush(runner->bus, UNIT_PATIENCE) + 1;
	return NULL;
}

/* It waits for the pool in front, and what is behind is closed before that lets it go on. */
static void
test_close_while_another_flushes(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	weir_producer *producer = unit_producer(bus);
	struct runner runner = { .bus = bus };
	weir_pool *const front = weir_bus_default_pool(bus);
	weir_pool *pool = open_pool_after(bus, "behind", &front, 1);
	struct unit_gate gate;
	pthread_t thread;

	(void)state;
	unit_gate_init(&gate);
	unit_subscribe(bus, "a", unit_gate_handler, &gate);
	publish(producer, unit_topic(bus, "a"), 1);
	unit_gate_wait(&gate);
	assert_int_equal(pthread_create(&thread, NULL, run_flush, &runner), 0);
	usleep(20000);
	assert_status(WEIR_ETIMEDOUT, weir_pool_close(pool, 1000000, NULL));
	unit_gate_pass(&gate, 1);
	pthread_join(thread, NULL);
	assert_int_equal(runner.sent, WEIR_OK + 1);
	weir_producer_close(producer);
	unit_close(bus);
}

static int
close_from_handler(const weir_event *event, const weir_delivery *delivery, void *context)
{
	weir_pool *pool = *(weir_pool **)context, *other;

	(void)event;
	if (weir_pool_close(pool, 0, NULL) != WEIR_EDEADLK ||
	    weir_pool_open(delivery->bus, NULL, &other) != WEIR_EDEADLK)
		return 1;
	return 0;
}

static void
test_refusals(void **state)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_subscription_options wanted = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_bus *bus = unit_open(NULL, NULL), *other = unit_open(NULL, NULL);
	weir_producer *producer = unit_producer(bus);
	weir_pool *foreign = weir_bus_default_pool(other), *pool, *pools[16], *same;
	weir_subscription subscription;

	(void)state;
	assert_status(WEIR_EINVAL, weir_pool_open(NULL, NULL, &pool));
	assert_status(WEIR_EINVAL, weir_pool_open(bus, NULL, NULL));
	assert_status(WEIR_EINVAL, weir_pool_close(NULL, 0, NULL));
	assert_status(WEIR_EINVAL, weir_pool_close(weir_bus_default_pool(bus), 0, NULL));
	options.name = "default";
	assert_status(WEIR_EINVAL, weir_pool_open(bus, &options, &pool));
	options.name = NULL;
	options.after_count = 1;
	assert_status(WEIR_EINVAL, weir_pool_open(bus, &options, &pool));
	options.after = &foreign;
	assert_status(WEIR_EINVAL, weir_pool_open(bus, &options, &pool));
	options.after_count = 0;
	options.order = (weir_order)(WEIR_ORDER_KEY + 1);
	assert_status(WEIR_EINVAL, weir_pool_open(bus, &options, &pool));
	wanted.pool = foreign;
	assert_status(WEIR_EINVAL, weir_subscribe(bus, "a", unit_count, NULL, &wanted, &subscription));
	for (int i = 0; i < 15; i++)
		assert_ok(weir_pool_open(bus, NULL, &pools[i]));
	assert_status(WEIR_ELIMIT, weir_pool_open(bus, NULL, &pool));
	same = pools[7];
	subscription = unit_subscribe_in(bus, pools[6], "a", close_from_handler, &same);
	publish(producer, unit_topic(bus, "a"), 1);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(unit_subscription_counts(bus, subscription).ok, 1);
	assert_ok(weir_pool_close(pools[7], UNIT_PATIENCE, NULL));
	assert_ok(weir_pool_open(bus, NULL, &pool));
	weir_producer_close(producer);
	unit_close(other);
	unit_close(bus);
}

/* The pool is gone; the ring goes on, and the handler's event stays as it was until it returns. */
static void
test_close_with_a_stuck_handler(void **state)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_bus *bus = unit_open_ring(4096);
	weir_producer *producer = unit_producer(bus), *second = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a"), private = unit_topic(bus, "b");
	weir_pool *pool = open_pool(bus, "stuck");
	struct unit_gate gate;
	uint64_t count = 0;

	(void)state;
	unit_gate_init(&gate);
	unit_subscribe(bus, ">", unit_count, &count);
	unit_subscribe_in(bus, pool, "a", unit_gate_handler, &gate);
	publish(producer, topic, 1);
	unit_gate_wait(&gate);
	publish(producer, topic, 2);
	assert_status(WEIR_ETIMEDOUT, weir_pool_close(pool, 1000000, &report));
	assert_int_equal(report.undelivered, 2);
	for (uint64_t i = 0; i < 5000; i++)
		publish(second, private, i);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	unit_gate_pass(&gate, 2);
	for (uint64_t i = 0; i < 5000; i++)
		publish(producer, private, i);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(count, 10002);
	open_pool(bus, "stuck");
	weir_producer_close(producer);
	weir_producer_close(second);
	assert_ok(weir_bus_close(bus, UNIT_PATIENCE, NULL));
}

static int
sleep_a_moment(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event;
	(void)delivery;
	usleep(2000);
	__atomic_add_fetch((uint64_t *)context, 1, __ATOMIC_RELAXED);
	return 0;
}

/* What was delivered while the pool stopped is not reported as undelivered. */
static void
test_close_report_of_a_slow_pool(void **state)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_bus *bus = unit_open(NULL, NULL);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	weir_pool *pool = open_pool(bus, "slow");
	uint64_t handled = 0, before;

	(void)state;
	unit_subscribe_in(bus, pool, "a", sleep_a_moment, &handled);
	for (uint64_t i = 0; i < 1000; i++)
		publish(producer, topic, i);
	unit_wait_for(&handled, 1);
	before = unit_load(&handled);
	assert_status(WEIR_ETIMEDOUT, weir_pool_close(pool, 5000000, &report));
	assert_int_equal(report.undelivered, 1000 - handled);
	assert_in_range(report.delivered, handled - before - 1, handled - before + 1);
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- rest ------------------------------------------------------------------- */

/* Who is woken wakes the others once; they wake nobody, or all would keep each other awake. */
static void
test_idle_stays_asleep(void **state)
{
	enum { POOLS = 4, DISPATCHERS = 1 + POOLS * 3, HALF_SECONDS = 2 };
	weir_bus *bus = unit_open(NULL, NULL);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	uint64_t count = 0, parks;
	weir_pool *pool;

	(void)state;
	options.dispatcher_count = 3;
	for (int i = 0; i < POOLS; i++) {
		options.wait = i % 2 ? WEIR_WAIT_PARK : WEIR_WAIT_ADAPTIVE;
		options.order = i < POOLS / 2 ? WEIR_ORDER_KEY : WEIR_ORDER_PRODUCER;
		assert_ok(weir_pool_open(bus, &options, &pool));
		unit_subscribe_in(bus, pool, "a", unit_count, &count);
	}
	for (uint64_t i = 0; i < 20; i++) {
		publish(producer, topic, i);
		usleep(2000);
	}
	unit_wait_for(&count, 20 * POOLS);
	usleep(100000);
	parks = unit_pool_counts(bus).parks;
	usleep(HALF_SECONDS * 500000);
	/*
	 * Each looks by itself every half a second, and some of them nap and park anew in between.
	 */
	assert_in_range(unit_pool_counts(bus).parks - parks, 0, 10 * DISPATCHERS * HALF_SECONDS);
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- without memory --------------------------------------------------------- */

static void
test_open_without_memory(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	weir_producer *producer = unit_producer(bus);
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_topic topic = unit_topic(bus, "a");
	unsigned refused = 0, threads;
	uint64_t count = 0;

	(void)state;
	options.dispatcher_count = 2;
	unit_subscribe(bus, "a", unit_count, &count);
	threads = unit_count_threads();
	for (uint64_t number = 1; number <= 40; number++) {
		weir_pool *pool = (weir_pool *)&pool;
		weir_status status;

		wi_memory_fail_at(number, number % 2);
		status = weir_pool_open(bus, &options, &pool);
		wi_memory_fail_at(0, false);
		publish(producer, topic, number);
		if (status == WEIR_OK) {
			assert_ok(weir_pool_close(pool, UNIT_PATIENCE, NULL));
		} else {
			assert_status(WEIR_ENOMEM, status);
			assert_ptr_equal(pool, &pool);
			refused++;
		}
		unit_assert_threads(threads);
	}
	assert_in_range(refused, 8, 39);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(count, 40);
	weir_producer_close(producer);
	unit_close(bus);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_sees_all),
		cmocka_unit_test(test_slow_one_does_not_delay),
		cmocka_unit_test(test_open_while_producers_run),
		cmocka_unit_test(test_open_while_one_is_inside),
		cmocka_unit_test(test_diamond),
		cmocka_unit_test(test_wakes_those_behind),
		cmocka_unit_test(test_close_ends_subscriptions),
		cmocka_unit_test(test_close_while_another_flushes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_close_with_a_stuck_handler),
		cmocka_unit_test(test_close_report_of_a_slow_pool),
		cmocka_unit_test(test_idle_stays_asleep),
		cmocka_unit_test(test_open_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
