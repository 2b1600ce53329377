/* SPDX-License-Identifier: MIT */
/*
 * test_skip.c - WEIR_BEHIND_SKIP: who is too far behind is moved on, holds nobody, and is told what
 * it missed.
 */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "core/bus.h"
#include "unit.h"

enum { SOURCES = 64 };

static weir_pool *
open_skipping(weir_bus *bus, uint32_t dispatcher_count)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_pool *pool;

	options.behind = WEIR_BEHIND_SKIP;
	options.dispatcher_count = dispatcher_count;
	assert_ok(weir_pool_open(bus, &options, &pool));
	return pool;
}

/* -- who sees what ---------------------------------------------------------- */

/* Each number of each source once, in order: handled, or in a gap. */
struct ledger {
	uint64_t last[SOURCES];
	uint64_t handled, gaps, skipped, wrong;
	uint64_t pause_ns;
	struct unit_gate *gate;         /* for events of topic "gate" */
	weir_topic gated;
};

static void
ledger_note(struct ledger *ledger, uint32_t source, uint64_t first, uint64_t last)
{
	__atomic_add_fetch(&ledger->wrong, first != ledger->last[source % SOURCES] + 1 || last < first,
			   __ATOMIC_RELAXED);
	ledger->last[source % SOURCES] = last;
}

static uint64_t
checksum(uint64_t number, uint64_t word)
{
	return (number * 31 + word) * 0x9e3779b97f4a7c15u;
}

/* The payload: how many words follow, the number, the words. */
static int
ledger_handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct ledger *ledger = context;
	const uint64_t *words = weir_event_data(event);
	uint64_t end = unit_now() + ledger->pause_ns;

	if (ledger->gate && weir_event_topic(event).id == ledger->gated.id)
		unit_gate_handler(event, delivery, ledger->gate);
	else
		for (uint32_t i = 1; i < event->size / 8; i++)
			__atomic_add_fetch(&ledger->wrong, words[i] != checksum(words[0], i), __ATOMIC_RELAXED);
	if (event->size)
		__atomic_add_fetch(&ledger->wrong, words[0] != delivery->sequence, __ATOMIC_RELAXED);
	ledger_note(ledger, delivery->source, delivery->sequence, delivery->sequence);
	__atomic_add_fetch(&ledger->handled, 1, __ATOMIC_RELAXED);
	while (ledger->pause_ns && unit_now() < end)
		;
	return 0;
}

static int
ledger_gap(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct ledger *ledger = context;
	const weir_gap *gap = weir_event_data(event);

	__atomic_add_fetch(&ledger->wrong,
			   gap->size != sizeof *gap || event->size != sizeof *gap ||
				   gap->source != delivery->source ||
				   gap->sequence_last != delivery->sequence,
			   __ATOMIC_RELAXED);
	ledger_note(ledger, gap->source, gap->sequence_first, gap->sequence_last);
	__atomic_add_fetch(&ledger->gaps, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&ledger->skipped, gap->sequence_last - gap->sequence_first + 1, __ATOMIC_RELAXED);
	return 0;
}

static void
ledger_subscribe(struct ledger *ledger, weir_bus *bus, weir_pool *pool)
{
	unit_subscribe_in(bus, pool, ">", ledger_handle, ledger);
	unit_subscribe_in(bus, pool, "weir.gap", ledger_gap, ledger);
}

/* Everything that was sent is in the books of the pool, once. */
static void
ledger_assert(const struct ledger *ledger, const weir_pool *pool, uint64_t sent)
{
	weir_pool_counts counts = unit_counts_of_pool(pool);

	assert_int_equal(ledger->wrong, 0);
	assert_int_equal(ledger->handled + ledger->skipped, sent);
	assert_int_equal(counts.skipped_behind, ledger->skipped);
	assert_int_equal(counts.seen, sent);
	assert_int_equal(counts.routed, ledger->handled);
}

/* Through the first pool, which holds; then it is the other pool's room that counts. */
static void
publish_past(weir_bus *bus, weir_producer *producer, weir_topic topic, const void *data, uint32_t size)
{
	while (weir_publish(producer, topic, data, size) == WEIR_EFULL)
		assert_ok(weir_pool_flush(weir_bus_default_pool(bus), UNIT_PATIENCE));
}

/* -- a handler that does not come back -------------------------------------- */

struct stuck {
	weir_bus *bus;
	weir_pool *pool;
	weir_producer *producer;
	weir_topic topic, gated;
	struct unit_gate gate;
	struct ledger ledger;
	uint64_t held, sent;
};

/* Leaves a lane whose next producer does not begin at the lane's first event. */
static void
use_a_lane(weir_bus *bus)
{
	weir_producer *producer = unit_producer(bus);

	for (int i = 0; i < 3; i++)
		assert_ok(weir_publish(producer, unit_topic(bus, "before"), NULL, 0));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	weir_producer_close(producer);
}

/* A handler of a pool that skips is inside; a pool that holds counts. */
static void
begin_stuck(struct stuck *stuck)
{
	*stuck = (struct stuck){ .bus = unit_open_ring(4096) };
	use_a_lane(stuck->bus);
	stuck->pool = open_skipping(stuck->bus, 1);
	stuck->producer = unit_producer(stuck->bus);
	stuck->topic = unit_topic(stuck->bus, "a");
	stuck->gated = unit_topic(stuck->bus, "gate");
	unit_gate_init(&stuck->gate);
	stuck->ledger.gate = &stuck->gate;
	stuck->ledger.gated = stuck->gated;
	unit_subscribe(stuck->bus, ">", unit_count, &stuck->held);
	ledger_subscribe(&stuck->ledger, stuck->bus, stuck->pool);
	assert_ok(weir_publish(stuck->producer, stuck->gated, NULL, 0));
	stuck->sent = 1;
	unit_gate_wait(&stuck->gate);
}

static void
end_stuck(struct stuck *stuck)
{
	assert_ok(weir_bus_flush(stuck->bus, UNIT_PATIENCE));
	ledger_assert(&stuck->ledger, stuck->pool, stuck->sent);
	assert_int_equal(stuck->held, stuck->sent);
	weir_producer_close(stuck->producer);
	unit_close(stuck->bus);
}

static void
test_stuck_holds_nobody(void **state)
{
	struct stuck stuck;

	(void)state;
	begin_stuck(&stuck);
	while (stuck.sent < 2000) {
		uint64_t number = ++stuck.sent;

		publish_past(stuck.bus, stuck.producer, stuck.topic, &number, sizeof number);
	}
	assert_int_equal(unit_load(&stuck.ledger.handled), 0);
	/* Who flushes waits for the handler. */
	assert_status(WEIR_ETIMEDOUT, weir_pool_flush(stuck.pool, UNIT_SECOND / 100));
	unit_gate_pass(&stuck.gate, 1);
	/* No further event is needed for the gap to be told. */
	assert_ok(weir_pool_flush(stuck.pool, UNIT_PATIENCE));
	assert_in_range(stuck.ledger.gaps, 1, 3);
	assert_in_range(stuck.ledger.skipped, 1000, 2000);
	end_stuck(&stuck);
}

/* The event that a handler has begun is not skipped, and nothing is where the pool is in time. */
static void
test_no_gap_without_need(void **state)
{
	struct stuck stuck;

	(void)state;
	begin_stuck(&stuck);
	while (stuck.sent < 80) {
		uint64_t number = ++stuck.sent;

		publish_past(stuck.bus, stuck.producer, stuck.topic, &number, sizeof number);
	}
	unit_gate_pass(&stuck.gate, 1);
	assert_ok(weir_bus_flush(stuck.bus, UNIT_PATIENCE));
	assert_int_equal(stuck.ledger.gaps, 0);
	end_stuck(&stuck);
}

/*
 * Reservations take more of the ring than is free beside a pool that is less than three quarters
 * behind.
 */
static void
test_room_for_reservations(void **state)
{
	enum { SIZE = 496, COUNT = 6 };         /* 3072 of 4096 bytes */
	struct stuck stuck;
	uint64_t *data = NULL;

	(void)state;
	begin_stuck(&stuck);
	while (stuck.sent < 40) {
		uint64_t number = ++stuck.sent;

		publish_past(stuck.bus, stuck.producer, stuck.topic, &number, sizeof number);
	}
	assert_ok(weir_pool_flush(weir_bus_default_pool(stuck.bus), UNIT_PATIENCE));
	for (int i = 0; i < COUNT; i++) {
		assert_ok(weir_reserve(stuck.producer, stuck.topic, NULL, SIZE, (void **)&data));
		data[0] = ++stuck.sent;
		for (uint64_t w = 1; w < SIZE / 8; w++)
			data[w] = checksum(data[0], w);
	}
	assert_ok(weir_commit(stuck.producer));
	unit_gate_pass(&stuck.gate, 1);
	assert_ok(weir_bus_flush(stuck.bus, UNIT_PATIENCE));
	assert_int_equal(stuck.ledger.gaps, 1);
	end_stuck(&stuck);
}

/* A pool that holds is full: nobody is moved for that. */
static void
test_holding_pools_decide(void **state)
{
	weir_bus *bus = unit_open_ring(4096);
	weir_pool *pool = open_skipping(bus, 1);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	struct ledger ledger = { .wrong = 0 };
	struct unit_gate gate;
	uint64_t sent = 0;

	(void)state;
	unit_gate_init(&gate);
	unit_subscribe(bus, "a", unit_gate_handler, &gate);
	ledger_subscribe(&ledger, bus, pool);
	while (weir_publish(producer, topic, NULL, 0) == WEIR_OK)
		sent++;
	assert_ok(weir_pool_flush(pool, UNIT_PATIENCE));
	assert_int_equal(ledger.handled, sent);
	assert_status(WEIR_EFULL, weir_publish(producer, topic, NULL, 0));
	unit_gate_pass(&gate, (unsigned)sent);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	ledger_assert(&ledger, pool, sent);
	assert_int_equal(ledger.gaps, 0);
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- more than one ---------------------------------------------------------- */

struct runner {
	weir_bus *bus;
	weir_producer *producer;
	weir_topic topic;
	uint64_t count;
	struct unit_random random;
};

static void *
run_publisher(void *argument)
{
	enum { WORDS = 64 };
	struct runner *runner = argument;
	uint64_t words[WORDS];

	for (uint64_t number = 1; number <= runner->count; number++) {
		uint32_t count = 1 + unit_random_below(&runner->random, WORDS - 1);

		words[0] = number;
		for (uint32_t i = 1; i < count; i++)
			words[i] = checksum(number, i);
		publish_past(runner->bus, runner->producer, runner->topic, words, count * 8);
	}
	return NULL;
}

/* Copies are whole, whatever the producers write over meanwhile; each number once. */
static void
check_copies(uint32_t dispatcher_count, uint64_t pause_ns, bool alone)
{
	enum { PRODUCERS = 2, COUNT = 30000 };
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_bus_options bus_options = WEIR_BUS_OPTIONS_INIT;
	weir_bus *bus;
	struct unit_random random = unit_random_init();
	struct ledger ledger = { .pause_ns = pause_ns };
	struct runner runner[PRODUCERS];
	pthread_t thread[PRODUCERS];
	weir_pool *pool;

	bus_options.ring_size = 8192;
	options.behind = alone ? WEIR_BEHIND_SKIP : WEIR_BEHIND_HOLD;
	options.dispatcher_count = alone ? dispatcher_count : 1;
	bus = unit_open(&bus_options, &options);
	pool = alone ? weir_bus_default_pool(bus) : open_skipping(bus, dispatcher_count);
	ledger_subscribe(&ledger, bus, pool);
	for (int i = 0; i < PRODUCERS; i++) {
		runner[i] = (struct runner){ .bus = bus, .producer = unit_producer(bus),
			                     .topic = unit_topic(bus, "a"), .count = COUNT,
			                     .random = { unit_random(&random) } };
		assert_int_equal(pthread_create(&thread[i], NULL, run_publisher, &runner[i]), 0);
	}
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(thread[i], NULL);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	ledger_assert(&ledger, pool, PRODUCERS * COUNT);
	assert_in_range(ledger.gaps, 1, PRODUCERS * COUNT);
	for (int i = 0; i < PRODUCERS; i++)
		weir_producer_close(runner[i].producer);
	unit_close(bus);
}

static void
test_copies_are_whole(void **state)
{
	(void)state;
	check_copies(1, 0, true);
	check_copies(1, 2000, false);
	check_copies(3, 20000, false);
	check_copies(2, 5000, true);
}

/* -- what comes with a batch ------------------------------------------------ */

struct failures {
	uint64_t count, wrong;
};

/* Few of them, so that others are copied after one that failed. */
static int
fail_some(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint64_t *failed = context;

	(void)event;
	if (delivery->sequence % 40)
		return 0;
	(*failed)++;
	return 7;
}

static int
check_failure(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct failures *failures = context;
	const weir_failure *failure = weir_event_data(event);
	uint64_t number;

	(void)delivery;
	memcpy(&number, (const char *)failure + failure->size, sizeof number);
	failures->count += failure->count;
	failures->wrong += failure->code != 7 || failure->payload_copied != 8 || number != failure->sequence;
	return 0;
}

/* A failure is told from the copy, while that is still there. */
static void
test_failures(void **state)
{
	enum { COUNT = 5000 };
	weir_bus *bus = unit_open_ring(4096);
	weir_pool *pool = open_skipping(bus, 1);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	struct failures failures = { .count = 0 };
	uint64_t failed = 0;

	(void)state;
	unit_subscribe_in(bus, pool, "a", fail_some, &failed);
	unit_subscribe(bus, "weir.failed.deliver", check_failure, &failures);
	for (uint64_t i = 1; i <= COUNT; i++)
		publish_past(bus, producer, topic, &i, sizeof i);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(failures.wrong, 0);
	assert_int_equal(failures.count, failed);
	assert_in_range(failed, 1, COUNT);
	weir_producer_close(producer);
	unit_close(bus);
}

static int
end_slowly(const weir_delivery *delivery, void *context)
{
	(void)delivery;
	usleep(20000);
	__atomic_add_fetch((uint64_t *)context, 1, __ATOMIC_RELAXED);
	return 0;
}

static int
do_nothing(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	return 0;
}

/* What was copied holds no room while batch_end runs, and flush waits for it. */
static void
test_batch_end(void **state)
{
	weir_bus *bus = unit_open_ring(4096);
	weir_pool *pool = open_skipping(bus, 1);
	weir_producer *producer = unit_producer(bus);
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;
	uint64_t ended = 0;

	(void)state;
	options.pool = pool;
	options.batch_end = end_slowly;
	assert_ok(weir_subscribe(bus, "a", do_nothing, &ended, &options, &subscription));
	assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
	assert_ok(weir_pool_flush(pool, UNIT_PATIENCE));
	assert_int_equal(ended, 1);
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- coming and going ------------------------------------------------------- */

/* A lane whose gap is not told yet is no other producer's. */
static void
test_lane_is_kept(void **state)
{
	struct stuck stuck;
	weir_producer *next;
	uint64_t one = 1;
	void *data;

	(void)state;
	begin_stuck(&stuck);
	while (stuck.sent < 1000) {
		uint64_t number = ++stuck.sent;

		publish_past(stuck.bus, stuck.producer, stuck.topic, &number, sizeof number);
	}
	assert_ok(weir_pool_flush(weir_bus_default_pool(stuck.bus), UNIT_PATIENCE));
	/* It is moved to the tail, and stays there: what it was moved for is not committed. */
	while (weir_reserve(stuck.producer, stuck.topic, NULL, 1000, &data) == WEIR_OK)
		;
	weir_abort(stuck.producer);
	weir_producer_close(stuck.producer);
	next = unit_producer(stuck.bus);
	publish_past(stuck.bus, next, stuck.topic, &one, sizeof one);
	stuck.sent++;
	unit_gate_pass(&stuck.gate, 1);
	assert_ok(weir_bus_flush(stuck.bus, UNIT_PATIENCE));
	stuck.producer = next;
	end_stuck(&stuck);
}

/* Opened and closed while a producer runs; a handler is inside when it is closed. */
static void
test_open_and_close(void **state)
{
	enum { ROUNDS = 60, COUNT = 60000 };
	weir_bus *bus = unit_open_ring(4096);
	struct runner runner = { .bus = bus, .producer = unit_producer(bus), .topic = unit_topic(bus, "a"),
		                 .count = COUNT, .random = unit_random_init() };
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, run_publisher, &runner), 0);
	for (int round = 0; round < ROUNDS; round++) {
		weir_pool *pool = open_skipping(bus, 1 + round % 3);
		uint64_t count = 0;

		unit_subscribe_in(bus, pool, "a", unit_count, &count);
		usleep(500);
		assert_ok(weir_pool_close(pool, UNIT_PATIENCE, NULL));
	}
	pthread_join(thread, NULL);
	weir_producer_close(runner.producer);
	unit_close(bus);
}

/* A pool that skips, behind one that holds, may be moved beyond what that one is through with. */
static void
test_behind_a_pool(void **state)
{
	weir_bus *bus = unit_open_ring(4096);
	weir_pool *const front = weir_bus_default_pool(bus);
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_producer *producer = unit_producer(bus);
	struct ledger ledger = { .wrong = 0 };
	struct runner runner = { .bus = bus, .producer = producer, .topic = unit_topic(bus, "a"), .count = 20000,
		                 .random = unit_random_init() };
	uint64_t count = 0;
	weir_pool *pool;

	(void)state;
	options.behind = WEIR_BEHIND_SKIP;
	options.after = &front;
	options.after_count = 1;
	assert_ok(weir_pool_open(bus, &options, &pool));
	unit_subscribe(bus, "a", unit_count, &count);
	ledger_subscribe(&ledger, bus, pool);
	run_publisher(&runner);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	ledger_assert(&ledger, pool, runner.count);
	weir_producer_close(producer);
	unit_close(bus);
}

static void
test_refusals(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	weir_pool *skipping = open_skipping(bus, 1), *pool;
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;

	(void)state;
	options.after = &skipping;
	options.after_count = 1;
	assert_status(WEIR_EINVAL, weir_pool_open(bus, &options, &pool));
	options.after_count = 0;
	options.behind = (weir_behind)(WEIR_BEHIND_SKIP + 1);
	assert_status(WEIR_EINVAL, weir_pool_open(bus, &options, &pool));
	options.behind = WEIR_BEHIND_SKIP;
	options.order = WEIR_ORDER_KEY;
	assert_status(WEIR_EINVAL, weir_pool_open(bus, &options, &pool));
	unit_close(bus);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stuck_holds_nobody),
		cmocka_unit_test(test_no_gap_without_need),
		cmocka_unit_test(test_room_for_reservations),
		cmocka_unit_test(test_holding_pools_decide),
		cmocka_unit_test(test_copies_are_whole),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_batch_end),
		cmocka_unit_test(test_lane_is_kept),
		cmocka_unit_test(test_open_and_close),
		cmocka_unit_test(test_behind_a_pool),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
