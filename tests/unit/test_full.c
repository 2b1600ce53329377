/* SPDX-License-Identifier: MIT */
/* test_full.c - for how long rings are full, and of whose making. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/bus.h"
#include "core/full.h"
#include "unit.h"

#define MILLISECOND 1000000ull

static void
nap(uint64_t ns)
{
	nanosleep(&(struct timespec){(time_t)(ns / UNIT_SECOND), (long)(ns % UNIT_SECOND)}, NULL);
}

/* -- the account ------------------------------------------------------------ */

/* Only the time between two refusals with no publish in between counts. */
static void
test_time(void **state)
{
	struct wi_full full = {0};
	uint64_t before = unit_now(), passed;

	(void)state;
	assert_false(wi_full_now(&full, 0));
	assert_true(wi_full_refused(&full, 7));
	assert_int_equal(full.count, 1);
	assert_int_equal(full.ns, 0);
	assert_true(wi_full_now(&full, 7));
	assert_false(wi_full_now(&full, 8));
	nap(3 * MILLISECOND);
	assert_true(wi_full_refused(&full, 7)); /* the last look was longer ago than 100 us */
	passed = unit_now() - before;
	assert_int_equal(full.count, 1);
	assert_true(full.ns >= 3 * MILLISECOND && full.ns <= passed);
	assert_int_equal(full.owing, full.ns);
	nap(3 * MILLISECOND);
	passed = full.ns;
	assert_true(wi_full_refused(&full, 8));
	assert_int_equal(full.count, 2);
	assert_int_equal(full.ns, passed);
}

static void
test_looks(void **state)
{
	struct wi_full full = {0};
	uint64_t began = unit_now();
	unsigned looks = 0;

	(void)state;
	while (unit_now() - began < 20 * MILLISECOND)
		looks += wi_full_refused(&full, 0);
	assert_true(looks > 1 && looks <= 201);
}

static void
test_parts(void **state)
{
	struct wi_full full = {0};

	(void)state;
	for (uint64_t i = 0; i < 2 * WEIR_COUNTERS_BLAME_COUNT; i++)
		wi_full_blame(&full, 1, i, 10 + i);
	wi_full_blame(&full, 1, 0, 5);
	wi_full_blame(&full, 2, 1, 1000); /* no room: in none */
	for (uint64_t i = 0; i < WEIR_COUNTERS_BLAME_COUNT; i++) {
		assert_int_equal(full.part[i].pool, 1);
		assert_int_equal(full.part[i].subscription, i);
		assert_int_equal(full.part[i].ns, 10 + i + (i ? 0 : 5));
	}
}

/* -- of a bus --------------------------------------------------------------- */

enum { PAYLOAD = 100 };

static const struct wi_full *
full_of(weir_producer *producer)
{
	return &((struct wi_producer *)producer)->lane->full;
}

static uint64_t
serial_of(const weir_pool *pool)
{
	return ((const struct wi_pool *)pool)->serial;
}

/* Publishes until it is refused, and then on and on, until it was full for so long. */
static void
press(weir_producer *producer, weir_topic topic, uint64_t ns)
{
	unsigned char payload[PAYLOAD] = {0};

	while (weir_publish(producer, topic, payload, sizeof payload) == WEIR_OK)
		;
	while (full_of(producer)->ns < ns)
		assert_status(WEIR_EFULL, weir_publish(producer, topic, payload, sizeof payload));
}

/* Most of it is this one's; at first its thread may not have had a processor. */
static void
assert_blamed(weir_producer *producer, const weir_pool *pool, uint64_t subscription)
{
	const struct wi_full *full = full_of(producer);

	for (int i = 0; i < WEIR_COUNTERS_BLAME_COUNT; i++)
		if (full->part[i].pool == serial_of(pool) &&
		    full->part[i].subscription == subscription) {
			assert_true(full->part[i].ns <= full->ns);
			assert_true((double)full->part[i].ns > .7 * (double)full->ns);
			return;
		}
	fail_msg("it is not blamed at all");
}

/* The handler that has the ring in hand, and not the one that its neighbour is in. */
static void
test_holder(void **state)
{
	weir_bus_options bus_options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_producer *producer, *other;
	weir_subscription holds;
	struct unit_gate gate, other_gate;
	weir_topic topic, other_topic;
	weir_bus *bus;

	(void)state;
	options.dispatcher_count = 2;
	bus_options.ring_size = 4096;
	bus = unit_open(&bus_options, &options);
	producer = unit_producer(bus);
	other = unit_producer(bus);
	topic = unit_topic(bus, "a");
	other_topic = unit_topic(bus, "other");
	unit_gate_init(&gate);
	unit_gate_init(&other_gate);
	holds = unit_subscribe(bus, "a", unit_gate_handler, &gate);
	unit_subscribe(bus, "other", unit_gate_handler, &other_gate);
	assert_ok(weir_publish(other, other_topic, NULL, 0));
	unit_gate_wait(&other_gate);
	assert_ok(weir_publish(producer, topic, NULL, 0));
	unit_gate_wait(&gate);
	press(producer, topic, 100 * MILLISECOND);
	assert_int_equal(full_of(producer)->count, 1);
	assert_blamed(producer, weir_bus_default_pool(bus), holds.id);
	assert_int_equal(full_of(producer)->in_pool, serial_of(weir_bus_default_pool(bus)));
	assert_int_equal(full_of(producer)->in_count, 2);
	assert_true(full_of(producer)->in[0] == holds.id || full_of(producer)->in[1] == holds.id);
	assert_true(full_of(producer)->in[0] != full_of(producer)->in[1]);
	assert_int_equal(full_of(other)->count, 0);
	unit_gate_pass(&gate, 1000);
	unit_gate_pass(&other_gate, 1);
	unit_close(bus);
}

/* Three pools, of which the one in front is slow: who waits for it is not to blame. */
static void
test_pipeline(void **state)
{
	weir_bus *bus = unit_open_ring(4096);
	weir_pool *front, *middle, *last, *beside, *gone;
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_producer *producer;
	weir_subscription slow;
	struct unit_gate gate;
	uint64_t count = 0;
	weir_topic topic;

	(void)state;
	/* So that those behind come first where somebody looks for the slowest. */
	assert_ok(weir_pool_open(bus, &options, &gone));
	options.name = "front";
	assert_ok(weir_pool_open(bus, &options, &front));
	assert_ok(weir_pool_close(gone, UNIT_PATIENCE, NULL));
	options.name = "middle";
	options.after = &front;
	options.after_count = 1;
	assert_ok(weir_pool_open(bus, &options, &middle));
	options.name = "last";
	options.after = &middle;
	assert_ok(weir_pool_open(bus, &options, &last));
	options = (weir_pool_options)WEIR_POOL_OPTIONS_INIT;
	assert_ok(weir_pool_open(bus, &options, &beside));
	unit_gate_init(&gate);
	slow = unit_subscribe_in(bus, front, "a", unit_gate_handler, &gate);
	unit_subscribe_in(bus, middle, "a", unit_count, &count);
	unit_subscribe_in(bus, last, "a", unit_count, &count);
	unit_subscribe_in(bus, beside, "a", unit_count, &count);
	producer = unit_producer(bus);
	topic = unit_topic(bus, "a");
	press(producer, topic, 100 * MILLISECOND);
	assert_blamed(producer, front, slow.id);
	unit_gate_pass(&gate, 1000);
	unit_close(bus);
}

/* With a cursor for each dispatcher, the one whose cursor it is. */
static void
test_key(void **state)
{
	weir_bus_options bus_options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_producer *producer;
	weir_subscription slow;
	struct unit_gate gate;
	uint64_t count = 0;
	weir_topic topic;
	weir_bus *bus;

	(void)state;
	bus_options.ring_size = 4096;
	options.dispatcher_count = 3;
	options.order = WEIR_ORDER_KEY;
	bus = unit_open(&bus_options, &options);
	unit_gate_init(&gate);
	slow = unit_subscribe(bus, "slow", unit_gate_handler, &gate);
	unit_subscribe(bus, "a", unit_count, &count);
	producer = unit_producer(bus);
	topic = unit_topic(bus, "a");
	attributes.flags = WEIR_ATTRIBUTE_KEY;
	assert_ok(weir_publish_with(producer, unit_topic(bus, "slow"), &attributes, NULL, 0));
	unit_gate_wait(&gate);
	press(producer, topic, 100 * MILLISECOND);
	assert_blamed(producer, weir_bus_default_pool(bus), slow.id);
	unit_gate_pass(&gate, 1);
	unit_close(bus);
}

/* Nobody polls: no handler's making. */
static void
test_nobody(void **state)
{
	weir_bus_options bus_options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_producer *producer;
	uint64_t count = 0;
	weir_bus *bus;

	(void)state;
	bus_options.ring_size = 4096;
	options.dispatcher_count = WEIR_MANUAL;
	bus = unit_open(&bus_options, &options);
	unit_subscribe(bus, "a", unit_count, &count);
	producer = unit_producer(bus);
	/* It has been in one before. */
	assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
	assert_int_equal(weir_pool_poll(weir_bus_default_pool(bus), 10), 1);
	press(producer, unit_topic(bus, "a"), 5 * MILLISECOND);
	assert_blamed(producer, weir_bus_default_pool(bus), 0);
	while (weir_pool_poll(weir_bus_default_pool(bus), 1000))
		;
	unit_close(bus);
}

/* The next producer begins with a clean account. */
static void
test_reopened(void **state)
{
	weir_bus *bus = unit_open_ring(4096);
	weir_producer *producer = unit_producer(bus);
	struct unit_gate gate;
	const struct wi_lane *lane;

	(void)state;
	unit_gate_init(&gate);
	unit_subscribe(bus, "a", unit_gate_handler, &gate);
	press(producer, unit_topic(bus, "a"), MILLISECOND);
	lane = ((struct wi_producer *)producer)->lane;
	assert_true(lane->full.ns > 0);
	unit_gate_pass(&gate, 1000);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_true(lane->lease[0].most > 2048 || lane->lease[1].most > 2048);
	weir_producer_close(producer);
	producer = unit_producer(bus);
	assert_ptr_equal(((struct wi_producer *)producer)->lane, lane);
	assert_int_equal(lane->full.ns, 0);
	assert_int_equal(lane->full.count, 0);
	assert_int_equal(lane->lease[0].most | lane->lease[1].most, 0);
	unit_close(bus);
}

/* -- pools that come and go meanwhile --------------------------------------- */

struct presser {
	weir_producer *producer;
	weir_topic topic;
	uint64_t stop, refused;
};

static void *
press_on(void *argument)
{
	struct presser *presser = argument;
	unsigned char payload[PAYLOAD] = {0};

	while (!unit_load(&presser->stop))
		if (weir_publish(presser->producer, presser->topic, payload, sizeof payload) == WEIR_EFULL) {
			/* Looks as often as can be. */
			((struct wi_producer *)presser->producer)->lane->full.looked = 0;
			__atomic_add_fetch(&presser->refused, 1, __ATOMIC_RELAXED);
		}
	return NULL;
}

static int
take_100us(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	nap(100000);
	return 0;
}

static void
test_churn(void **state)
{
	enum { CYCLES = 150 };
	weir_bus *bus = unit_open_ring(4096);
	struct presser presser = {.producer = unit_producer(bus), .topic = unit_topic(bus, "a")};
	size_t memory = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, press_on, &presser), 0);
	for (int i = 0; i < CYCLES; i++) {
		weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
		uint64_t refused = unit_load(&presser.refused);
		weir_pool *pool;

		options.dispatcher_count = 1 + (uint32_t)i % 2;
		assert_ok(weir_pool_open(bus, &options, &pool));
		unit_subscribe_in(bus, pool, "a", take_100us, NULL);
		unit_wait_for(&presser.refused, refused + 2);
		assert_ok(weir_pool_close(pool, UNIT_PATIENCE, NULL));
		if (i == CYCLES / 2)
			memory = unit_memory_in_use();
	}
	/* The memory that stays is used again. */
	assert_true(unit_memory_in_use() < memory + 20000);
	__atomic_store_n(&presser.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(full_of(presser.producer)->ns > 0);
	unit_close(bus);
}

/* -- the message ------------------------------------------------------------ */

static char told[512];
static uint64_t told_count;

static void
hear(void *context, int level, const char *id, const char *text)
{
	(void)context;
	if (strcmp(id, "WEIR-FULL") != 0)
		return;
	assert_int_equal(level, 4);
	snprintf(told, sizeof told, "%s", text);
	__atomic_add_fetch(&told_count, 1, __ATOMIC_RELEASE);
}

static void
test_message(void **state)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_producer_options producer_options = WEIR_PRODUCER_OPTIONS_INIT;
	weir_producer *producer;
	struct unit_gate gate;
	double full = 0, window = 0, share = 0;
	char name[64] = "", pool[64] = "";
	weir_bus *bus;

	(void)state;
	options.ring_size = 4096;
	options.log = hear;
	bus = unit_open(&options, NULL);
	unit_gate_init(&gate);
	unit_subscribe(bus, "a", unit_gate_handler, &gate);
	producer_options.name = "orders";
	assert_ok(weir_producer_open(bus, &producer_options, &producer));
	press(producer, unit_topic(bus, "a"), 1500 * MILLISECOND);
	unit_wait_for(&told_count, 1);
	assert_int_equal(sscanf(told, "ring %*u orders was full for %lf s of the last %lf s, %lf %% of it in \"%63[^\"]\" of pool %63s",
				&full, &window, &share, name, pool),
			 5);
	assert_true(full >= 1 && full <= 1.6 && window >= full - .1 && window < 10.5);
	assert_true(share > 70 && share <= 100);
	assert_string_equal(name, "a");
	assert_string_equal(pool, "default");
	/* Once in ten seconds. */
	press(producer, unit_topic(bus, "a"), full_of(producer)->ns + 1300 * MILLISECOND);
	assert_int_equal(told_count, 1);
	unit_gate_pass(&gate, 1000);
	unit_close(bus);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_looks),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_holder),
		cmocka_unit_test(test_pipeline),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_reopened),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
