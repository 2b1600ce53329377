/* SPDX-License-Identifier: MIT */
/* test_manual.c - pools without a thread: polled, waited for, pumped by flush and close. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "core/bus.h"
#include "core/manual.h"
#include "unit.h"

static weir_bus *
open_manual_for(uint64_t batch_ns_max, uint32_t ring_size)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;

	options.ring_size = ring_size;
	options.stats_dir = "";
	pool.dispatcher_count = WEIR_MANUAL;
	pool.batch_ns_max = batch_ns_max;
	return unit_open(&options, &pool);
}

/* Only counts end a batch, on the slowest machine too. */
static weir_bus *
open_manual(uint32_t ring_size)
{
	return open_manual_for(UNIT_PATIENCE, ring_size);
}

static weir_pool *
open_pool(weir_bus *bus, uint32_t dispatchers, weir_pool *after)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_pool *const front = after;
	weir_pool *pool;

	options.dispatcher_count = dispatchers;
	options.batch_ns_max = UNIT_PATIENCE;
	options.after = &front;
	options.after_count = after ? 1 : 0;
	assert_ok(weir_pool_open(bus, &options, &pool));
	return pool;
}

static void
publish(weir_producer *producer, weir_topic topic, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_ok(weir_publish(producer, topic, "event", 5));
}

/* -- polling ---------------------------------------------------------------- */

static void
test_poll_counts(void **state)
{
	weir_bus *bus = open_manual(0);
	unsigned threads = unit_count_threads();        /* this one, the keeper, a sanitizer's */
	weir_pool *pool = weir_bus_default_pool(bus), *second = open_pool(bus, WEIR_MANUAL, NULL);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	uint64_t count = 0;

	(void)state;
	unit_assert_threads(threads);
	assert_ok(weir_pool_close(second, UNIT_PATIENCE, NULL));
	unit_subscribe(bus, "a", unit_count, &count);
	assert_int_equal(weir_pool_poll(pool, 10), 0);
	publish(producer, topic, 10);
	usleep(2000);
	assert_int_equal(count, 0);
	assert_int_equal(weir_pool_poll(pool, 0), 0);
	assert_int_equal(weir_pool_poll(pool, 3), 3);
	assert_int_equal(count, 3);
	assert_int_equal(weir_pool_poll(pool, 100), 7);
	assert_int_equal(weir_pool_poll(pool, 100), 0);
	assert_int_equal(count, 10);
	weir_producer_close(producer);
	unit_close(bus);
}

struct batches { uint64_t events, ended; };

static int
count_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	((struct batches *)context)->events++;
	return 0;
}

static int
count_batch(const weir_delivery *delivery, void *context)
{
	(void)delivery;
	((struct batches *)context)->ended++;
	return 0;
}

/* However many events there are, one batch of one ring; and batch_end has run. */
static void
test_poll_is_one_batch(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_subscription_options wanted = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_producer *producer = unit_producer(bus), *second = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	struct batches batches = { 0 };
	weir_subscription subscription;

	(void)state;
	options.dispatcher_count = WEIR_MANUAL;
	options.batch_count_max = 8;
	options.batch_ns_max = UNIT_PATIENCE;
	assert_ok(weir_pool_open(bus, &options, &wanted.pool));
	wanted.batch_end = count_batch;
	assert_ok(weir_subscribe(bus, "a", count_event, &batches, &wanted, &subscription));
	publish(producer, topic, 20);
	publish(second, topic, 3);
	for (uint64_t polls = 1, all = 0; all < 23; polls++) {
		uint32_t events = weir_pool_poll(wanted.pool, 100);

		assert_in_range(events, 1, 8);
		assert_int_equal(batches.ended, polls);
		all += events;
		assert_int_equal(batches.events, all);
	}
	assert_int_equal(unit_counts_of_pool(wanted.pool).batches, 4);
	assert_int_equal(weir_pool_poll(wanted.pool, 100), 0);
	weir_producer_close(producer);
	weir_producer_close(second);
	unit_close(bus);
}

static void
test_refusals(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	weir_pool *pool = weir_bus_default_pool(bus), *manual = open_pool(bus, WEIR_MANUAL, NULL);
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	int fd = -2;

	(void)state;
	assert_int_equal(weir_pool_poll(NULL, 1), 0);
	assert_int_equal(weir_pool_poll(pool, 1), 0);
	assert_status(WEIR_EINVAL, weir_pool_get_fd(NULL, &fd));
	assert_status(WEIR_EINVAL, weir_pool_get_fd(manual, NULL));
	assert_status(WEIR_EINVAL, weir_pool_get_fd(pool, &fd));
	options.dispatcher_count = WEIR_MANUAL - 1;
	assert_status(WEIR_EINVAL, weir_pool_open(bus, &options, &pool));
	assert_int_equal(fd, -2);
	unit_close(bus);
}

static void
count_hook(void *context, uint32_t dispatcher)
{
	(void)dispatcher;
	++*(uint64_t *)context;
}

/* What speaks of threads. */
static void
test_ignored_options(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_producer *producer = unit_producer(bus);
	uint64_t called = 0;
	weir_pool *pool;

	(void)state;
	options.dispatcher_count = WEIR_MANUAL;
	options.wait = WEIR_WAIT_SPIN;
	options.spin_ns = options.sleep_ns = 1;
	options.cpus = "0";
	options.thread_begin = options.thread_end = count_hook;
	options.thread_context = &called;
	assert_ok(weir_pool_open(bus, &options, &pool));
	publish(producer, unit_topic(bus, "a"), 1);
	assert_int_equal(weir_pool_poll(pool, 2), 1);
	weir_producer_close(producer);
	unit_close(bus);
	assert_int_equal(called, 0);
}

/* -- in a handler ----------------------------------------------------------- */

struct inside { weir_bus *bus; weir_pool *pool; weir_topic topic; uint64_t wrong, calls; };

static int
look_around(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct inside *inside = context;
	weir_producer *producer;
	void *data;
	int fd;

	inside->calls++;
	inside->wrong += weir_pool_poll(inside->pool, 1) != 0;
	inside->wrong += weir_bus_flush(inside->bus, 0) != WEIR_EDEADLK;
	inside->wrong += weir_pool_flush(inside->pool, 0) != WEIR_EDEADLK;
	inside->wrong += weir_bus_close(inside->bus, 0, NULL) != WEIR_EDEADLK;
	inside->wrong += weir_unsubscribe_wait(inside->bus, delivery->subscription, 0) !=
	                 WEIR_EDEADLK;
	inside->wrong += weir_thread_get_producer(inside->bus, &producer) != WEIR_OK;
	inside->wrong += producer != delivery->producer;
	inside->wrong += weir_pool_get_fd(inside->pool, &fd) != WEIR_OK;
	if (weir_event_hops(event) == 0)
		inside->wrong += weir_publish(producer, inside->topic, NULL, 0) != WEIR_OK;
	else
		inside->wrong += weir_reserve(producer, inside->topic, NULL, 8, &data) != WEIR_OK;
	return 0;
}

static void
test_inside_and_after(void **state)
{
	weir_bus *bus = open_manual(0);
	struct inside inside = { .bus = bus, .pool = weir_bus_default_pool(bus) };
	weir_producer *own, *again, *producer = unit_producer(bus);

	(void)state;
	inside.topic = unit_topic(bus, "a");
	assert_ok(weir_thread_get_producer(bus, &own));
	unit_subscribe(bus, "a", look_around, &inside);
	publish(producer, inside.topic, 1);
	assert_int_equal(weir_pool_poll(inside.pool, 10), 1);
	assert_int_equal(weir_pool_poll(inside.pool, 10), 1);   /* what the handler published */
	assert_int_equal(weir_pool_poll(inside.pool, 10), 0);
	assert_int_equal(inside.calls, 2);
	assert_int_equal(inside.wrong, 0);
	assert_ok(weir_thread_get_producer(bus, &again));
	assert_ptr_equal(own, again);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	weir_producer_close(producer);
	unit_close(bus);
}

/* A handler that polls the pool of another bus is in a handler all the same. */
static int
poll_other(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	return (int)weir_pool_poll(context, 10);
}

static void
test_inside_another_bus(void **state)
{
	weir_bus *bus = open_manual(0), *other = open_manual(0);
	weir_producer *producer = unit_producer(bus), *second = unit_producer(other);

	(void)state;
	publish(second, unit_topic(other, "a"), 1);
	unit_subscribe(bus, "a", poll_other, weir_bus_default_pool(other));
	publish(producer, unit_topic(bus, "a"), 1);
	assert_int_equal(weir_pool_poll(weir_bus_default_pool(bus), 10), 1);
	assert_int_equal(unit_all_subscription_counts(bus).ok, 1);
	weir_producer_close(producer);
	weir_producer_close(second);
	unit_close(bus);
	unit_close(other);
}

static int
publish_and_wait(const weir_event *event, const weir_delivery *delivery, void *context)
{
	weir_topic topic = weir_event_topic(event);
	weir_status *status = context;

	while ((*status = weir_publish(delivery->producer, topic, NULL, 0)) == WEIR_OK)
		;
	*status = weir_publish_wait(delivery->producer, topic, NULL, NULL, 0, UNIT_PATIENCE);
	return 0;
}

static void
test_publish_wait(void **state)
{
	weir_bus *bus = open_manual(4096);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	weir_status status = WEIR_OK;
	weir_subscription subscription;

	(void)state;
	while (weir_publish(producer, topic, NULL, 0) == WEIR_OK)
		;
	/* This is the thread that would have to make the room. */
	assert_status(WEIR_ETIMEDOUT, weir_publish_wait(producer, topic, NULL, NULL, 0, 2000000));
	subscription = unit_subscribe(bus, "a", publish_and_wait, &status);
	assert_int_equal(weir_pool_poll(weir_bus_default_pool(bus), 1), 1);
	assert_int_equal(status, WEIR_EFULL);
	assert_ok(weir_unsubscribe_wait(bus, subscription, UNIT_PATIENCE));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_ok(weir_publish_wait(producer, topic, NULL, NULL, 0, 0));
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- two threads ------------------------------------------------------------ */

struct poller {
	weir_bus *bus;
	weir_pool *pool;
	uint32_t count;
	weir_status status;
};

static void *
run_poll(void *argument)
{
	struct poller *poller = argument;

	poller->count = weir_pool_poll(poller->pool, 1);
	return NULL;
}

static pthread_t
start(void *(*run)(void *), void *argument)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run, argument), 0);
	return thread;
}

/* Nobody else polls meanwhile; flush waits for it, as long as it may. */
static void
test_another_is_in_it(void **state)
{
	weir_bus *bus = open_manual(0);
	struct poller poller = { .bus = bus, .pool = weir_bus_default_pool(bus) };
	weir_producer *producer = unit_producer(bus);
	struct unit_gate gate;
	pthread_t thread;
	uint64_t before;

	(void)state;
	unit_gate_init(&gate);
	unit_subscribe(bus, "a", unit_gate_handler, &gate);
	publish(producer, unit_topic(bus, "a"), 2);
	thread = start(run_poll, &poller);
	unit_gate_wait(&gate);
	assert_int_equal(weir_pool_poll(poller.pool, 10), 0);
	before = unit_now();
	assert_status(WEIR_ETIMEDOUT, weir_bus_flush(bus, 20000000));
	assert_in_range(unit_now() - before, 20000000, UNIT_SECOND);
	unit_gate_pass(&gate, 2);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	pthread_join(thread, NULL);
	assert_int_equal(poller.count, 1);
	weir_producer_close(producer);
	unit_close(bus);
}

struct turns { weir_pool *pool; uint64_t plain, done; };

static int
count_plainly(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	((struct turns *)context)->plain++;
	return 0;
}

static void *
run_turns(void *argument)
{
	struct turns *turns = argument;

	while (!__atomic_load_n(&turns->done, __ATOMIC_RELAXED))
		weir_pool_poll(turns->pool, 7);
	return NULL;
}

/* Each sees what the other did: in plain memory, which ThreadSanitizer watches. */
static void
test_threads_take_turns(void **state)
{
	enum { EVENTS = 20000 };
	weir_bus *bus = open_manual(0);
	struct turns turns = { .pool = weir_bus_default_pool(bus) };
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	pthread_t thread[2];

	(void)state;
	unit_subscribe(bus, "a", count_plainly, &turns);
	for (int i = 0; i < 2; i++)
		thread[i] = start(run_turns, &turns);
	for (int i = 0; i < EVENTS; i++)
		assert_ok(weir_publish_wait(producer, topic, NULL, NULL, 0, UNIT_PATIENCE));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	__atomic_store_n(&turns.done, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(turns.plain, EVENTS);
	weir_producer_close(producer);
	unit_close(bus);
}

static void *
run_gone(void *argument)
{
	struct poller *poller = argument;
	uint32_t count;

	while ((count = weir_pool_poll(poller->pool, 3)))
		poller->count += count;
	return NULL;
}

/* Threads that polled and are gone leave nothing behind: a grace period waits for none of them. */
static void
test_pollers_come_and_go(void **state)
{
	weir_bus *bus = open_manual(0);
	struct poller poller = { .bus = bus, .pool = weir_bus_default_pool(bus) };
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	uint64_t count = 0;

	(void)state;
	for (int i = 0; i < 50; i++) {
		weir_subscription subscription = unit_subscribe(bus, "a", unit_count, &count);

		publish(producer, topic, 10);
		pthread_join(start(run_gone, &poller), NULL);
		assert_ok(weir_unsubscribe_wait(bus, subscription, UNIT_PATIENCE));
	}
	assert_int_equal(poller.count, 500);
	assert_int_equal(count, 500);
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- the descriptor --------------------------------------------------------- */

static bool
is_readable(int fd)
{
	struct pollfd wanted = { .fd = fd, .events = POLLIN };

	return poll(&wanted, 1, 0) == 1;
}

/* Does somebody make it so? Without a limit, a wake-up that is lost hangs the test. */
static bool
wait_readable(int fd)
{
	struct pollfd wanted = { .fd = fd, .events = POLLIN };

	return poll(&wanted, 1, (int)(UNIT_PATIENCE / 1000000)) == 1;
}

static void
test_descriptor(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_pool *pool = weir_bus_default_pool(bus);
	weir_producer *producer = unit_producer(bus), *second = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	int fd = -1, same = -1;

	(void)state;
	assert_ok(weir_pool_get_fd(pool, &fd));
	assert_ok(weir_pool_get_fd(pool, &same));
	assert_int_equal(fd, same);
	assert_false(is_readable(fd));
	publish(producer, topic, 1);
	assert_true(is_readable(fd));
	publish(producer, topic, 4);
	assert_true(is_readable(fd));
	assert_int_equal(weir_pool_poll(pool, 2), 2);
	assert_true(is_readable(fd));
	assert_int_equal(weir_pool_poll(pool, 3), 3);
	assert_true(is_readable(fd));                   /* there might be more */
	assert_int_equal(weir_pool_poll(pool, 3), 0);
	assert_false(is_readable(fd));
	assert_int_equal(weir_pool_poll(pool, 3), 0);   /* armed already */
	assert_false(is_readable(fd));
	for (int i = 0; i < 3; i++) {
		publish(producer, topic, 2);
		publish(second, topic, 2);
		assert_true(is_readable(fd));
		assert_int_equal(weir_pool_poll(pool, 3), 2);
		assert_true(is_readable(fd));           /* fewer, but another ring has some */
		assert_int_equal(weir_pool_poll(pool, 3), 2);
		assert_false(is_readable(fd));
	}
	weir_producer_close(producer);
	weir_producer_close(second);
	unit_close(bus);
	assert_int_equal(fcntl(fd, F_GETFD), -1);       /* closed with the pool */
}

/* What was there before the descriptor, and what a handler publishes. */
static void
test_descriptor_made_late(void **state)
{
	weir_bus *bus = open_manual(0);
	struct inside inside = { .bus = bus, .pool = weir_bus_default_pool(bus) };
	weir_producer *producer = unit_producer(bus);
	int fd;

	(void)state;
	inside.topic = unit_topic(bus, "a");
	unit_subscribe(bus, "a", look_around, &inside);
	publish(producer, inside.topic, 1);
	assert_ok(weir_pool_get_fd(inside.pool, &fd));
	assert_true(is_readable(fd));
	assert_int_equal(weir_pool_poll(inside.pool, 10), 1);
	assert_true(is_readable(fd));
	assert_int_equal(weir_pool_poll(inside.pool, 10), 1);
	assert_false(is_readable(fd));
	assert_int_equal(inside.wrong, 0);
	weir_producer_close(producer);
	unit_close(bus);
}

/* Waiting for events and polling once for each time that it is readable, with several rings. */
static void
test_descriptor_loop(void **state)
{
	enum { PRODUCERS = 5 };
	weir_bus *bus = open_manual(0);
	weir_pool *pool = weir_bus_default_pool(bus);
	weir_producer *producer[PRODUCERS];
	weir_topic topic = unit_topic(bus, "a");
	uint64_t count = 0, all = 0;
	int fd;

	(void)state;
	unit_subscribe(bus, "a", unit_count, &count);
	assert_ok(weir_pool_get_fd(pool, &fd));
	for (int i = 0; i < PRODUCERS; i++)
		producer[i] = unit_producer(bus);
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < PRODUCERS; i++) {
			publish(producer[i], topic, (round + i) % 4);
			all += (round + i) % 4;
		}
		while (is_readable(fd))
			weir_pool_poll(pool, 3);
		assert_int_equal(count, all);
	}
	for (int i = 0; i < PRODUCERS; i++)
		weir_producer_close(producer[i]);
	unit_close(bus);
}

/* Each publish writes at most once, and not at all while it is readable. */
static void
test_descriptor_is_written_once(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_pool *pool = weir_bus_default_pool(bus);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	uint64_t count = 0;
	int fd;

	(void)state;
	assert_ok(weir_pool_get_fd(pool, &fd));
	publish(producer, topic, 100);
	assert_int_equal(read(fd, &count, sizeof count), (ssize_t)sizeof count);
	assert_int_equal(count, 1);
	assert_int_equal(weir_pool_poll(pool, 1000), 100);
	assert_false(is_readable(fd));
	weir_producer_close(producer);
	unit_close(bus);
}

/* Beside pools with threads that park, and behind them. */
static void
test_descriptor_behind(void **state)
{
	weir_pool_options park = WEIR_POOL_OPTIONS_INIT;
	weir_bus *bus;
	weir_producer *producer;
	weir_pool *pool;
	weir_topic topic;
	struct unit_gate gate;
	uint64_t count = 0;
	int fd;

	(void)state;
	park.wait = WEIR_WAIT_PARK;
	bus = unit_open(NULL, &park);
	producer = unit_producer(bus);
	topic = unit_topic(bus, "a");
	unit_gate_init(&gate);
	unit_subscribe(bus, "a", unit_gate_handler, &gate);
	pool = open_pool(bus, WEIR_MANUAL, weir_bus_default_pool(bus));
	unit_subscribe_in(bus, pool, "a", unit_count, &count);
	assert_ok(weir_pool_get_fd(pool, &fd));
	for (uint64_t i = 1; i <= 200; i++) {
		publish(producer, topic, 1);
		unit_gate_wait(&gate);
		/* The publish has woken it; it is not its turn yet. */
		assert_int_equal(weir_pool_poll(pool, 10), 0);
		unit_gate_pass(&gate, 1);
		while (count < i) {
			assert_true(wait_readable(fd));
			weir_pool_poll(pool, 10);
		}
	}
	weir_producer_close(producer);
	unit_close(bus);        /* late wakes: 0 */
}

/* A manual pool in front lets those behind it go on, and wakes them. */
static void
test_in_front(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_pool *front = weir_bus_default_pool(bus), *middle = open_pool(bus, 0, front);
	weir_pool *last = open_pool(bus, WEIR_MANUAL, middle);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	uint64_t count = 0, begun = unit_now();
	int fd;

	(void)state;
	unit_subscribe_in(bus, last, "a", unit_count, &count);
	assert_ok(weir_pool_get_fd(last, &fd));
	for (uint64_t i = 1; i <= 200; i++) {
		publish(producer, topic, 1);
		assert_int_equal(weir_pool_poll(last, 10), 0);
		if (i % 8 == 0)
			usleep(1000);   /* the middle one parks */
		assert_int_equal(weir_pool_poll(front, 10), 1);
		while (count < i) {
			assert_true(wait_readable(fd));
			weir_pool_poll(last, 10);
		}
	}
	assert_in_range(unit_now() - begun, 0, 5 * UNIT_SECOND);
	weir_producer_close(producer);
	unit_close(bus);
}

static void
test_descriptor_refused(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_pool *pool = weir_bus_default_pool(bus);
	weir_producer *producer = unit_producer(bus);
	unsigned files = unit_count_files();
	struct rlimit before, none;
	int fd = -2;

	(void)state;
	wi_memory_fail_at(1, false);
	assert_status(WEIR_EIO, weir_pool_get_fd(pool, &fd));
	wi_memory_fail_at(0, false);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_status(WEIR_EIO, weir_pool_get_fd(pool, &fd));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(fd, -2);
	assert_int_equal(unit_count_files(), files);
	publish(producer, unit_topic(bus, "a"), 1);
	assert_int_equal(weir_pool_poll(pool, 10), 1);
	assert_ok(weir_pool_get_fd(pool, &fd));
	assert_int_equal(unit_count_files(), files + 1);
	weir_producer_close(producer);
	unit_close(bus);
}

/* Membarrier fails by now: readable for good, since publishers may not see that we wait. */
static void
test_descriptor_without_fence(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_pool *pool = weir_bus_default_pool(bus);
	int fd;

	(void)state;
	if (bus->wake.publisher_fences)
		skip();
	assert_ok(weir_pool_get_fd(pool, &fd));
	bus->wake.heavy_fence_failed = true;
	assert_false(is_readable(fd));
	wi_wake_descriptor(&bus->wake, 0);
	assert_true(is_readable(fd));
	assert_int_equal(weir_pool_poll(pool, 10), 0);
	assert_true(is_readable(fd));
	bus->wake.heavy_fence_failed = false;
	assert_int_equal(weir_pool_poll(pool, 10), 0);
	assert_false(is_readable(fd));
	unit_close(bus);
}

/* A pool's number and its descriptor are used again; a late writer goes to neither. */
static void
test_descriptors_come_and_go(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	unsigned files = unit_count_files();
	int fd;

	(void)state;
	for (int i = 0; i < 100; i++) {
		weir_pool *pool = open_pool(bus, WEIR_MANUAL, NULL);

		assert_ok(weir_pool_get_fd(pool, &fd));
		publish(producer, topic, (unsigned)i % 2);
		assert_int_equal(is_readable(fd), i % 2);
		assert_ok(weir_pool_close(pool, UNIT_PATIENCE, NULL));
		assert_int_equal(unit_count_files(), files);
		assert_int_equal(bus->wake.armed, 0);
	}
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- pumping ---------------------------------------------------------------- */

static int
publish_onward(const weir_event *event, const weir_delivery *delivery, void *context)
{
	++*(uint64_t *)context;
	if (weir_event_hops(event) < 3)
		return weir_publish(delivery->producer, weir_event_topic(event), NULL, 0);
	return 0;
}

static void
test_flush_pumps(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	uint64_t count = 0;

	(void)state;
	unit_subscribe(bus, "a", publish_onward, &count);
	publish(producer, topic, 1);
	assert_ok(weir_bus_flush(bus, 0));
	assert_int_equal(count, 4);
	publish(producer, topic, 5000);
	assert_ok(weir_pool_flush(weir_bus_default_pool(bus), UNIT_PATIENCE));
	assert_int_equal(count, 4 * 5001);
	unit_assert_balanced(bus);
	weir_producer_close(producer);
	unit_close(bus);
}

static int
be_slow(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	usleep(5000);
	return 0;
}

/* A deadline ends a flush whose own thread has the work, after a batch. */
static void
test_flush_in_time(void **state)
{
	weir_bus *bus = open_manual_for(1000000, 0);
	weir_producer *producer = unit_producer(bus);
	uint64_t before = unit_now();

	(void)state;
	unit_subscribe(bus, "a", be_slow, NULL);
	publish(producer, unit_topic(bus, "a"), 100);
	assert_status(WEIR_ETIMEDOUT, weir_bus_flush(bus, 20000000));
	assert_in_range(unit_now() - before, 20000000, 400000000);
	weir_producer_close(producer);
	assert_status(WEIR_ETIMEDOUT, weir_bus_close(bus, 20000000, NULL));
}

/* manual, threads, manual, threads, manual: each behind the one before. */
static void
test_flush_pumps_a_chain(void **state)
{
	enum { POOLS = 5 };
	weir_bus *bus = open_manual(0);
	weir_pool *pool[POOLS] = { weir_bus_default_pool(bus) };
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	uint64_t count[POOLS] = { 0 };

	(void)state;
	for (int i = 1; i < POOLS; i++)
		pool[i] = open_pool(bus, i % 2 ? 2 : WEIR_MANUAL, pool[i - 1]);
	for (int i = 0; i < POOLS; i++)
		unit_subscribe_in(bus, pool[i], "a", unit_count, &count[i]);
	for (uint64_t round = 1; round <= 20; round++) {
		publish(producer, topic, 100);
		assert_ok(weir_pool_flush(pool[round % POOLS], UNIT_PATIENCE));
		for (uint64_t i = 0; i <= round % POOLS; i++)
			assert_int_equal(count[i], 100 * round);
		if (round % POOLS < 2)
			assert_int_equal(count[4], count[4] / 100 * 100);
		assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
		assert_int_equal(count[POOLS - 1], 100 * round);
	}
	publish(producer, topic, 10);
	for (int i = POOLS - 1; i > 0; i--)
		assert_ok(weir_pool_close(pool[i], UNIT_PATIENCE, NULL));
	assert_int_equal(count[POOLS - 1], 2010);
	weir_producer_close(producer);
	unit_close(bus);
}

/* With WEIR_ORDER_KEY it is the owner of every key, and of what has none. */
static void
test_by_keys(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	uint64_t count = 0;
	weir_pool *pool;
	int fd;

	(void)state;
	options.dispatcher_count = WEIR_MANUAL;
	options.order = WEIR_ORDER_KEY;
	options.batch_ns_max = UNIT_PATIENCE;
	assert_ok(weir_pool_open(bus, &options, &pool));
	unit_subscribe_in(bus, pool, "a", unit_count, &count);
	assert_ok(weir_pool_get_fd(pool, &fd));
	attributes.flags = WEIR_ATTRIBUTE_KEY;
	for (attributes.key = 0; attributes.key < 50; attributes.key++) {
		assert_ok(weir_publish_with(producer, topic, &attributes, NULL, 0));
		publish(producer, topic, 1);
	}
	assert_true(is_readable(fd));
	assert_int_equal(weir_pool_poll(pool, 10), 10);
	assert_int_equal(weir_pool_poll(pool, 1000), 90);
	assert_int_equal(count, 100);
	assert_false(is_readable(fd));
	weir_producer_close(producer);
	unit_close(bus);
}

/* Only what it needs: a flush of one pool leaves the others to those who poll them. */
static void
test_pool_flush_leaves_others(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_pool *pool = open_pool(bus, WEIR_MANUAL, NULL);
	weir_producer *producer = unit_producer(bus);
	uint64_t first = 0, second = 0;

	(void)state;
	unit_subscribe(bus, "a", unit_count, &first);
	unit_subscribe_in(bus, pool, "a", unit_count, &second);
	publish(producer, unit_topic(bus, "a"), 10);
	assert_ok(weir_pool_flush(pool, UNIT_PATIENCE));
	assert_int_equal(first, 0);
	assert_int_equal(second, 10);
	weir_producer_close(producer);
	unit_close(bus);
}

static void
test_close_pumps(void **state)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_bus *bus = open_manual(0);
	weir_pool *pool = open_pool(bus, WEIR_MANUAL, weir_bus_default_pool(bus));
	weir_producer *producer = unit_producer(bus);
	uint64_t first = 0, second = 0;

	(void)state;
	unit_subscribe(bus, "a", unit_count, &first);
	unit_subscribe_in(bus, pool, "a", unit_count, &second);
	publish(producer, unit_topic(bus, "a"), 3000);
	weir_producer_close(producer);
	assert_ok(weir_bus_close(bus, UNIT_PATIENCE, &report));
	assert_int_equal(first, 3000);
	assert_int_equal(second, 3000);
	assert_int_equal(report.delivered, 3000);
	assert_int_equal(report.undelivered, 0);
}

/* Another thread's handler does not return in time. */
static void
test_close_while_polled(void **state)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_bus *bus = open_manual(0);
	struct poller poller = { .pool = open_pool(bus, WEIR_MANUAL, NULL) };
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	struct unit_gate gate;
	pthread_t thread;
	int fd;

	(void)state;
	unit_gate_init(&gate);
	assert_ok(weir_pool_get_fd(poller.pool, &fd));
	unit_subscribe_in(bus, poller.pool, "a", unit_gate_handler, &gate);
	publish(producer, topic, 2);
	thread = start(run_poll, &poller);
	unit_gate_wait(&gate);
	assert_status(WEIR_ETIMEDOUT, weir_pool_close(poller.pool, 1000000, &report));
	assert_int_equal(report.undelivered, 2);
	publish(producer, topic, 10);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	unit_gate_pass(&gate, 1);
	pthread_join(thread, NULL);
	publish(producer, topic, 10);
	weir_producer_close(producer);
	assert_ok(weir_bus_close(bus, UNIT_PATIENCE, NULL));
}

/* -- released --------------------------------------------------------------- */

struct guest { pthread_t thread; uint64_t released, handled; };

static int
serve(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	((struct guest *)context)->handled++;
	return 0;
}

static void
note_release(void *context)
{
	struct guest *guest = context;

	guest->thread = pthread_self();
	__atomic_fetch_add(&guest->released, 1, __ATOMIC_SEQ_CST);
}

static weir_subscription
invite(weir_bus *bus, weir_pool *pool, struct guest *guest)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;

	options.pool = pool;
	options.released = note_release;
	assert_ok(weir_subscribe(bus, "a", serve, guest, &options, &subscription));
	return subscription;
}

static void
assert_released_here(const struct guest *guest)
{
	assert_int_equal(guest->released, 1);
	assert_true(pthread_equal(guest->thread, pthread_self()));
}

static void
test_released_in_poll(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_pool *pool = weir_bus_default_pool(bus);
	struct guest guest = { 0 };
	uint64_t deadline = unit_now() + UNIT_PATIENCE;
	int fd;

	(void)state;
	assert_ok(weir_pool_get_fd(pool, &fd));
	assert_ok(weir_unsubscribe(bus, invite(bus, pool, &guest)));
	assert_true(wait_readable(fd));
	assert_int_equal(unit_load(&guest.released), 0);        /* not by the keeper */
	assert_int_equal(weir_pool_poll(pool, 10), 0);
	assert_released_here(&guest);
	assert_false(is_readable(fd));
	guest.released = 0;
	assert_ok(weir_unsubscribe(bus, invite(bus, pool, &guest)));
	while (!guest.released && unit_now() < deadline)        /* also without waiting for it */
		weir_pool_poll(pool, 1);
	assert_released_here(&guest);
	unit_close(bus);
}

static void
test_released_in_unsubscribe_wait(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_pool *pool = weir_bus_default_pool(bus), *other = open_pool(bus, WEIR_MANUAL, NULL);
	weir_producer *producer = unit_producer(bus);
	struct guest guest = { 0 }, second = { 0 }, third = { 0 };
	weir_subscription subscription = invite(bus, pool, &guest);
	weir_subscription later = invite(bus, other, &second);

	(void)state;
	publish(producer, unit_topic(bus, "a"), 1);
	assert_int_equal(weir_pool_poll(pool, 10), 1);
	assert_ok(weir_unsubscribe(bus, later));
	assert_ok(weir_unsubscribe(bus, invite(bus, pool, &third)));
	assert_ok(weir_unsubscribe_wait(bus, subscription, UNIT_PATIENCE));
	assert_released_here(&guest);
	assert_int_equal(second.released, 0);   /* that is for who polls, or waits for it */
	assert_int_equal(third.released, 0);
	assert_status(WEIR_ENOENT, weir_unsubscribe_wait(bus, subscription, 0));
	assert_ok(weir_unsubscribe_wait(bus, later, UNIT_PATIENCE));
	assert_released_here(&second);
	weir_producer_close(producer);
	unit_close(bus);
	assert_released_here(&third);
}

/* With a handler of the pool in its way, and with its own. */
static void
test_unsubscribe_wait_while_polled(void **state)
{
	weir_bus *bus = open_manual(0);
	struct poller poller = { .pool = weir_bus_default_pool(bus) };
	weir_producer *producer = unit_producer(bus);
	struct unit_gate gate;
	struct guest guest = { 0 };
	weir_subscription stuck, other;
	pthread_t thread;

	(void)state;
	unit_gate_init(&gate);
	stuck = unit_subscribe(bus, "a", unit_gate_handler, &gate);
	other = invite(bus, poller.pool, &guest);
	publish(producer, unit_topic(bus, "a"), 1);
	thread = start(run_poll, &poller);
	unit_gate_wait(&gate);
	assert_ok(weir_unsubscribe_wait(bus, other, UNIT_PATIENCE));
	assert_released_here(&guest);
	assert_status(WEIR_ETIMEDOUT, weir_unsubscribe_wait(bus, stuck, 20000000));
	unit_gate_pass(&gate, 1);
	assert_ok(weir_unsubscribe_wait(bus, stuck, UNIT_PATIENCE));
	pthread_join(thread, NULL);
	weir_producer_close(producer);
	unit_close(bus);
}

static void
test_released_in_flush_and_close(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_pool *pool = open_pool(bus, WEIR_MANUAL, NULL);
	weir_producer *producer = unit_producer(bus);
	struct guest guest[4] = { { 0 } };
	struct wi_pool *inside = (struct wi_pool *)weir_bus_default_pool(bus);

	(void)state;
	assert_ok(weir_unsubscribe(bus, invite(bus, NULL, &guest[0])));
	invite(bus, NULL, &guest[1]);
	invite(bus, pool, &guest[2]);
	assert_ok(weir_unsubscribe(bus, invite(bus, pool, &guest[3])));
	while (!wi_load_relaxed(&inside->quiet))
		usleep(100);
	publish(producer, unit_topic(bus, "a"), 1);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_released_here(&guest[0]);
	assert_ok(weir_pool_close(pool, UNIT_PATIENCE, NULL));
	assert_released_here(&guest[2]);
	assert_released_here(&guest[3]);
	weir_producer_close(producer);
	unit_close(bus);
	assert_released_here(&guest[1]);
}

/* Memory of what is subscribed and unsubscribed is not held by a pool that nobody polls. */
static void
test_unpolled_holds_nothing(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_producer *producer = unit_producer(bus);
	uint64_t count = 0;
	size_t before = 0;

	(void)state;
	unit_subscribe(bus, "a", unit_count, &count);
	publish(producer, unit_topic(bus, "a"), 1);
	assert_int_equal(weir_pool_poll(weir_bus_default_pool(bus), 10), 1);
	for (int i = 0; i < 200; i++) {
		assert_ok(weir_unsubscribe_wait(bus, unit_subscribe(bus, "*.b", unit_count, &count),
		                                UNIT_PATIENCE));
		if (i == 99)
			before = unit_memory_in_use();
	}
	assert_in_range(unit_memory_in_use(), 0, before + 65536);
	assert_int_equal(((struct wi_pool *)weir_bus_default_pool(bus))->dispatcher->pinned, 0);
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- clock, failures, what is seen from outside ------------------------------ */

struct times { uint64_t last, wrong, count; };

static int
note_time(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct times *times = context;

	(void)delivery;
	times->wrong += times->count && event->time < times->last + 2000000;
	times->last = event->time;
	times->count++;
	return 0;
}

/* Nobody ticks: each event has the time of its own publish. */
static void
test_clock(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	struct times times = { 0 };

	(void)state;
	unit_subscribe(bus, "a", note_time, &times);
	for (int i = 0; i < 10; i++) {
		publish(producer, topic, 1);
		usleep(2100);
		if (i % 2)
			assert_in_range(weir_pool_poll(weir_bus_default_pool(bus), 10), 2, 2);
	}
	assert_int_equal(times.count, 10);
	assert_int_equal(times.wrong, 0);
	assert_int_equal(bus->wake.tick, WEIR_CLOCK_READ_);
	weir_producer_close(producer);
	unit_close(bus);
}

static int
fail_always(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	return 7;
}

static void
test_failures_are_told(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_producer *producer = unit_producer(bus);
	weir_subscription subscription = unit_subscribe(bus, "a", fail_always, NULL);
	uint64_t told = 0;

	(void)state;
	unit_subscribe(bus, "weir.failed.deliver", unit_count, &told);
	publish(producer, unit_topic(bus, "a"), 3);
	assert_int_equal(weir_pool_poll(weir_bus_default_pool(bus), 10), 3);
	assert_int_equal(weir_pool_poll(weir_bus_default_pool(bus), 10), 1);
	assert_int_equal(told, 1);
	assert_int_equal(unit_subscription_counts(bus, subscription).failed, 3);
	weir_producer_close(producer);
	unit_close(bus);
}

static void
count_stuck(void *context, int level, const char *id, const char *text)
{
	(void)level;
	if (strcmp(id, "WEIR-STUCK") == 0 && strstr(text, "pool manual") &&
	    !strstr(text, "thread 0:"))
		__atomic_fetch_add((uint64_t *)context, 1, __ATOMIC_SEQ_CST);
}

static int
wait_until_told(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	unit_wait_for(context, 1);
	return 0;
}

static void
test_stuck(void **state)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_producer *producer;
	uint64_t told = 0;
	weir_bus *bus;

	(void)state;
	options.stats_dir = "";
	options.log = count_stuck;
	options.log_context = &told;
	pool.name = "manual";
	pool.dispatcher_count = WEIR_MANUAL;
	pool.stuck_after_ns = 20000000;
	bus = unit_open(&options, &pool);
	producer = unit_producer(bus);
	unit_subscribe(bus, "a", wait_until_told, &told);
	publish(producer, unit_topic(bus, "a"), 1);
	assert_int_equal(weir_pool_poll(weir_bus_default_pool(bus), 10), 1);
	assert_int_equal(unit_counts_of_pool(weir_bus_default_pool(bus)).stuck, 1);
	weir_producer_close(producer);
	unit_close(bus);
}

static int
poll_in_child(void *context)
{
	struct poller *poller = context;
	int fd = -2;

	child_expect(weir_pool_poll(poller->pool, 10) == 0);
	child_expect(weir_pool_get_fd(poller->pool, &fd) == WEIR_EFORKED);
	child_expect(fd == -2);
	child_expect(weir_bus_flush(poller->bus, 0) == WEIR_EFORKED);
	return 0;
}

static void
test_fork(void **state)
{
	weir_bus *bus = open_manual(0);
	struct poller poller = { .bus = bus, .pool = weir_bus_default_pool(bus) };
	weir_producer *producer = unit_producer(bus);
	int fd;

	(void)state;
	publish(producer, unit_topic(bus, "a"), 1);
	assert_int_equal(unit_in_child(poll_in_child, &poller), 0);
	assert_ok(weir_pool_get_fd(poller.pool, &fd));
	assert_int_equal(unit_in_child(poll_in_child, &poller), 0);
	assert_true(is_readable(fd));
	assert_int_equal(weir_pool_poll(poller.pool, 10), 1);
	weir_producer_close(producer);
	unit_close(bus);
}

/* The n-th request of an opening fails: it says so, and leaves nothing. */
static void
test_open_without_memory(void **state)
{
	weir_bus *bus = open_manual(0);
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	unsigned refused = 0;

	(void)state;
	options.dispatcher_count = WEIR_MANUAL;
	for (uint64_t number = 1; number <= 20; number++) {
		weir_pool *pool;
		weir_status status;

		wi_memory_fail_at(number, true);
		status = weir_pool_open(bus, &options, &pool);
		wi_memory_fail_at(0, false);
		if (status == WEIR_OK) {
			assert_ok(weir_pool_close(pool, UNIT_PATIENCE, NULL));
			continue;
		}
		assert_status(WEIR_ENOMEM, status);
		refused++;
	}
	assert_in_range(refused, 5, 19);
	unit_close(bus);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_poll_counts),
		cmocka_unit_test(test_poll_is_one_batch),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_ignored_options),
		cmocka_unit_test(test_inside_and_after),
		cmocka_unit_test(test_inside_another_bus),
		cmocka_unit_test(test_publish_wait),
		cmocka_unit_test(test_another_is_in_it),
		cmocka_unit_test(test_threads_take_turns),
		cmocka_unit_test(test_pollers_come_and_go),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_descriptor_made_late),
		cmocka_unit_test(test_descriptor_loop),
		cmocka_unit_test(test_descriptor_is_written_once),
		cmocka_unit_test(test_descriptor_behind),
		cmocka_unit_test(test_in_front),
		cmocka_unit_test(test_descriptor_refused),
		cmocka_unit_test(test_descriptor_without_fence),
		cmocka_unit_test(test_descriptors_come_and_go),
		cmocka_unit_test(test_flush_pumps),
		cmocka_unit_test(test_flush_in_time),
		cmocka_unit_test(test_flush_pumps_a_chain),
		cmocka_unit_test(test_by_keys),
		cmocka_unit_test(test_pool_flush_leaves_others),
		cmocka_unit_test(test_close_pumps),
		cmocka_unit_test(test_close_while_polled),
		cmocka_unit_test(test_released_in_poll),
		cmocka_unit_test(test_released_in_unsubscribe_wait),
		cmocka_unit_test(test_unsubscribe_wait_while_polled),
		cmocka_unit_test(test_released_in_flush_and_close),
		cmocka_unit_test(test_unpolled_holds_nothing),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_failures_are_told),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_open_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
