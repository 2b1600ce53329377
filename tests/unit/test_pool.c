/* SPDX-License-Identifier: MIT */
/* test_pool.c - dispatchers: one or many, how they wait, what they take over, where they run. */
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/cpus.h"

static void
nap(uint64_t ns)
{
	nanosleep(&(struct timespec){(time_t)(ns / UNIT_SECOND), (long)(ns % UNIT_SECOND)}, NULL);
}

/* -- order ------------------------------------------------------------------ */

enum { PRODUCERS = 3, EVENTS = 8000, SOURCES_MAX = 64 };

static uint64_t last_sequence[SOURCES_MAX], disorder, handled, at_once[SOURCES_MAX];

/* One dispatcher at a time in a source, in its order, without a gap. */
static int
check_order(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint64_t number;

	(void)context;
	memcpy(&number, weir_event_data(event), sizeof number);
	if (delivery->source >= SOURCES_MAX ||
	    __atomic_fetch_add(&at_once[delivery->source], 1, __ATOMIC_SEQ_CST) != 0 ||
	    delivery->sequence != last_sequence[delivery->source] + 1 ||
	    number != delivery->sequence) {
		__atomic_fetch_add(&disorder, 1, __ATOMIC_SEQ_CST);
		return 1;
	}
	last_sequence[delivery->source]++;
	__atomic_fetch_sub(&at_once[delivery->source], 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&handled, 1, __ATOMIC_SEQ_CST);
	return 0;
}

struct publisher {
	pthread_t thread;
	weir_bus *bus;
	weir_topic topic;
	uint64_t failed;
};

static void *
publish_many(void *argument)
{
	struct publisher *publisher = argument;
	weir_producer *producer = NULL;

	publisher->failed += weir_producer_open(publisher->bus, NULL, &producer) != WEIR_OK;
	for (uint64_t i = 1; i <= EVENTS; i++) {
		publisher->failed += weir_publish_wait(producer, publisher->topic, NULL, &i,
						       sizeof i, UNIT_PATIENCE) != WEIR_OK;
		if (i % 2000 == 0)
			nap(1500000);
	}
	weir_producer_close(producer);
	return NULL;
}

static void
run_order(weir_wait wait, uint32_t dispatchers)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	struct publisher publishers[PRODUCERS];
	weir_bus *bus;

	options.ring_size = 16384;
	pool.wait = wait;
	pool.dispatcher_count = dispatchers;
	bus = unit_open(&options, &pool);
	disorder = handled = 0;
	memset(last_sequence, 0, sizeof last_sequence);
	memset(at_once, 0, sizeof at_once);
	unit_subscribe(bus, "a", check_order, NULL);
	for (int i = 0; i < PRODUCERS; i++) {
		publishers[i] = (struct publisher){.bus = bus, .topic = unit_topic(bus, "a")};
		assert_int_equal(
			pthread_create(&publishers[i].thread, NULL, publish_many, &publishers[i]),
			0);
	}
	for (int i = 0; i < PRODUCERS; i++) {
		pthread_join(publishers[i].thread, NULL);
		assert_int_equal(publishers[i].failed, 0);
	}
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(disorder, 0);
	assert_int_equal(handled, PRODUCERS * EVENTS);
	assert_int_equal(unit_pool_counts(bus).routed, PRODUCERS * EVENTS);
	if (wait == WEIR_WAIT_SPIN)
		assert_int_equal(unit_pool_counts(bus).parks, 0);
	unit_close(bus);
}

static void
test_order_adaptive(void **state)
{
	(void)state;
	run_order(WEIR_WAIT_ADAPTIVE, 1);
	run_order(WEIR_WAIT_ADAPTIVE, 2);
	run_order(WEIR_WAIT_ADAPTIVE, 5);
}

static void
test_order_park(void **state)
{
	(void)state;
	run_order(WEIR_WAIT_PARK, 1);
	run_order(WEIR_WAIT_PARK, 2);
	run_order(WEIR_WAIT_PARK, 5);
}

static void
test_order_spin(void **state)
{
	(void)state;
	run_order(WEIR_WAIT_SPIN, 1);
	run_order(WEIR_WAIT_SPIN, 2);
}

/* -- a stuck neighbour ------------------------------------------------------ */

/* One dispatcher does not return; the other takes over all rings but the one that it is in. */
static void
test_takes_over(void **state)
{
	enum { RINGS = 6 };
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_producer *producer[RINGS];
	struct unit_gate gate;
	uint64_t count = 0;
	weir_topic topic;
	weir_bus *bus;

	(void)state;
	for (int wait = 0; wait < 2; wait++) {
		pool.dispatcher_count = 2;
		pool.wait = wait ? WEIR_WAIT_PARK : WEIR_WAIT_ADAPTIVE;
		bus = unit_open(NULL, &pool);
		unit_gate_init(&gate);
		count = 0;
		topic = unit_topic(bus, "a");
		unit_subscribe(bus, "a", unit_count, &count);
		unit_subscribe(bus, "stop", unit_gate_handler, &gate);
		for (int i = 0; i < RINGS; i++)
			producer[i] = unit_producer(bus);
		for (int round = 0; round < 10; round++)
			for (int i = 0; i < RINGS; i++)
				assert_ok(weir_publish(producer[i], topic, NULL, 0));
		unit_wait_for(&count, 10 * RINGS);
		assert_ok(weir_publish(producer[0], unit_topic(bus, "stop"), NULL, 0));
		unit_gate_wait(&gate);
		for (unsigned round = 1; round <= 20; round++) {
			for (int i = 1; i < RINGS; i++)
				assert_ok(weir_publish(producer[i], topic, NULL, 0));
			unit_wait_for(&count, 10 * RINGS + round * (RINGS - 1));
		}
		assert_status(WEIR_ETIMEDOUT, weir_bus_flush(bus, 0));
		unit_gate_pass(&gate, 1);
		for (int i = 0; i < RINGS; i++)
			weir_producer_close(producer[i]);
		unit_close(bus);
	}
}

/* All sleep long; the one that is woken gets stuck, and has woken another before. */
static void
test_takes_over_from_sleep(void **state)
{
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_producer *first, *second;
	struct unit_gate gate;
	uint64_t count = 0;
	weir_topic stop, topic;
	weir_bus *bus;

	(void)state;
	pool.dispatcher_count = 3;
	pool.wait = WEIR_WAIT_PARK;
	bus = unit_open(NULL, &pool);
	first = unit_producer(bus);
	second = unit_producer(bus);
	stop = unit_topic(bus, "stop");
	topic = unit_topic(bus, "a");
	unit_gate_init(&gate);
	unit_subscribe(bus, "stop", unit_gate_handler, &gate);
	unit_subscribe(bus, "a", unit_count, &count);
	for (unsigned round = 1; round <= 5; round++) {
		uint64_t before;

		nap(30000000);
		assert_ok(weir_publish(first, stop, NULL, 0));
		unit_gate_wait(&gate);
		before = unit_now();
		assert_ok(weir_publish(second, topic, NULL, 0));
		unit_wait_for(&count, round);
		assert_true(unit_now() - before < 250000000);
		unit_gate_pass(&gate, 1);
		assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	}
	weir_producer_close(first);
	weir_producer_close(second);
	unit_close(bus);
}

/* -- sleeping and waking ---------------------------------------------------- */

static void
test_parks_and_wakes(void **state)
{
	(void)state;
	for (uint32_t dispatchers = 1; dispatchers <= 3; dispatchers++) {
		weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
		weir_producer *producer;
		weir_pool_counts counts;
		uint64_t count = 0;
		weir_topic topic;
		weir_bus *bus;

		pool.wait = WEIR_WAIT_PARK;
		pool.dispatcher_count = dispatchers;
		bus = unit_open(NULL, &pool);
		producer = unit_producer(bus);
		topic = unit_topic(bus, "a");
		unit_subscribe(bus, "a", unit_count, &count);
		for (uint64_t i = 1; i <= 30; i++) {
			uint64_t before;

			nap(4000000);
			before = unit_now();
			assert_ok(weir_publish(producer, topic, NULL, 0));
			unit_wait_for(&count, i);
			/* Long before anybody would look by himself. */
			assert_true(unit_now() - before < 400000000);
		}
		counts = unit_pool_counts(bus);
		/* How many depends on who else wants the processors. */
		assert_true(counts.parks >= 1);
		assert_true(counts.wakes >= 1);
		assert_int_equal(counts.late_wakes, 0);
		weir_producer_close(producer);
		unit_close(bus);
	}
}

/* -- batches ---------------------------------------------------------------- */

struct batches {
	uint64_t calls, ends;
	uint64_t calls_in_batch, calls_in_batch_max;
};

static int
slow(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct batches *batches = context;

	(void)event, (void)delivery;
	nap(500000);
	batches->calls++;
	if (++batches->calls_in_batch > batches->calls_in_batch_max)
		batches->calls_in_batch_max = batches->calls_in_batch;
	return 0;
}

static int
end_batch(const weir_delivery *delivery, void *context)
{
	struct batches *batches = context;

	(void)delivery;
	batches->ends++;
	batches->calls_in_batch = 0;
	return 0;
}

/* A batch ends by time, so that a slow handler does not keep the ring's room for long. */
static void
test_batch_by_time(void **state)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	struct batches batches = {.calls = 0};
	weir_subscription subscription;
	weir_producer *producer;
	weir_topic topic;
	weir_bus *bus;

	(void)state;
	pool.batch_ns_max = 2000000;
	bus = unit_open(NULL, &pool);
	producer = unit_producer(bus);
	topic = unit_topic(bus, "a");
	options.batch_end = end_batch;
	assert_ok(weir_subscribe(bus, "a", slow, &batches, &options, &subscription));
	for (int i = 0; i < 60; i++)
		assert_ok(weir_publish(producer, topic, NULL, 0));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(batches.calls, 60);
	assert_true(batches.ends >= 60 / 8);
	assert_true(batches.calls_in_batch_max <= 10);
	weir_producer_close(producer);
	unit_close(bus);
}

/* A batch takes at most a quarter of the ring, so that a full ring is not held for all of it. */
static void
test_batch_by_bytes(void **state)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_bus_options bus_options = WEIR_BUS_OPTIONS_INIT;
	struct batches batches = {.calls = 0};
	weir_subscription subscription;
	weir_producer *producer;
	struct unit_gate gate;
	weir_topic topic;
	weir_bus *bus;

	(void)state;
	bus_options.ring_size = 4096;
	bus = unit_open(&bus_options, NULL);
	producer = unit_producer(bus);
	topic = unit_topic(bus, "a");
	options.batch_end = end_batch;
	unit_gate_init(&gate);
	unit_subscribe(bus, "stop", unit_gate_handler, &gate);
	assert_ok(weir_subscribe(bus, "a", unit_count, &batches.calls, &options, &subscription));
	assert_ok(weir_publish(producer, unit_topic(bus, "stop"), NULL, 0));
	unit_gate_wait(&gate);
	for (int i = 1; i < 256; i++)
		assert_ok(weir_publish(producer, topic, NULL, 0));
	unit_gate_pass(&gate, 1);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(batches.calls, 255);
	assert_in_range(batches.ends, 4, 5);
	weir_producer_close(producer);
	unit_close(bus);
}

struct slow {
	struct unit_gate gate;
	uint64_t calls;
};

static int
stop_at_the_thirtieth(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct slow *slow = context;

	return ++slow->calls == 30 ? unit_gate_handler(event, delivery, &slow->gate) : 0;
}

static int
succeed(const weir_delivery *delivery, void *context)
{
	(void)delivery, (void)context;
	return 0;
}

/* Within a batch the ring's room comes back bit by bit, but not before a batch_end that is owed. */
static void
test_room_within_a_batch(void **state)
{
	(void)state;
	for (int owed = 0; owed < 2; owed++) {
		weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
		weir_bus_options bus_options = WEIR_BUS_OPTIONS_INIT;
		struct slow slow = {.calls = 0};
		weir_subscription subscription;
		weir_producer *producer;
		weir_topic topic;
		weir_bus *bus;
		void *place;

		bus_options.ring_size = 4096;
		bus = unit_open(&bus_options, NULL);
		producer = unit_producer(bus);
		topic = unit_topic(bus, "a");
		unit_gate_init(&slow.gate);
		options.batch_end = owed ? succeed : NULL;
		assert_ok(weir_subscribe(bus, "a", stop_at_the_thirtieth, &slow, &options,
					 &subscription));
		/* A full ring at once. */
		for (int i = 0; i < 256; i++)
			assert_ok(weir_reserve(producer, topic, NULL, 0, &place));
		assert_ok(weir_commit(producer));
		unit_gate_wait(&slow.gate);
		assert_status(owed ? WEIR_EFULL : WEIR_OK, weir_publish(producer, topic, NULL, 0));
		unit_gate_pass(&slow.gate, 1);
		assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
		assert_ok(weir_publish(producer, topic, NULL, 0));
		weir_producer_close(producer);
		unit_close(bus);
	}
}

/* -- threads ---------------------------------------------------------------- */

struct hooks {
	uint64_t begun, ended, wrong;
	bool here[8];
};

static __thread int hooked_as = -1;

static void
begin_thread(void *context, uint32_t dispatcher)
{
	struct hooks *hooks = context;

	if (dispatcher >= 8 || hooks->here[dispatcher] || hooked_as != -1)
		__atomic_fetch_add(&hooks->wrong, 1, __ATOMIC_SEQ_CST);
	hooked_as = (int)dispatcher;
	hooks->here[dispatcher] = true;
	__atomic_fetch_add(&hooks->begun, 1, __ATOMIC_SEQ_CST);
}

static void
end_thread(void *context, uint32_t dispatcher)
{
	struct hooks *hooks = context;

	if (hooked_as != (int)dispatcher)
		__atomic_fetch_add(&hooks->wrong, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&hooks->ended, 1, __ATOMIC_SEQ_CST);
}

static int
check_hook(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct hooks *hooks = context;
	char name[32], expected[32];

	(void)event, (void)delivery;
	snprintf(expected, sizeof expected, "weir:mine/%d", hooked_as);
	pthread_getname_np(pthread_self(), name, sizeof name);
	if (hooked_as == -1 || strcmp(name, expected) != 0)
		__atomic_fetch_add(&hooks->wrong, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static void
test_thread_hooks(void **state)
{
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	struct hooks hooks = {.begun = 0};
	weir_producer *producer;
	weir_bus *bus;

	(void)state;
	pool.name = "mine";
	pool.dispatcher_count = 3;
	pool.thread_begin = begin_thread;
	pool.thread_end = end_thread;
	pool.thread_context = &hooks;
	bus = unit_open(NULL, &pool);
	producer = unit_producer(bus);
	unit_subscribe(bus, "a", check_hook, &hooks);
	unit_wait_for(&hooks.begun, 3);
	for (int i = 0; i < 100; i++)
		assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(hooks.ended, 0);
	weir_producer_close(producer);
	unit_close(bus);
	assert_int_equal(hooks.begun, 3);
	assert_int_equal(hooks.ended, 3);
	assert_int_equal(hooks.wrong, 0);
}

struct told {
	char id[8][32];
	int level[8];
	uint64_t count;
};

static void
listen(void *context, int level, const char *id, const char *text)
{
	struct told *told = context;
	uint64_t i = __atomic_fetch_add(&told->count, 1, __ATOMIC_SEQ_CST);

	(void)text;
	if (i < 8) {
		snprintf(told->id[i], sizeof told->id[i], "%s", id);
		told->level[i] = level;
	}
}

static int
note_affinity(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	sched_getaffinity(0, sizeof(cpu_set_t), context);
	return 0;
}

/* A pool that names its processors runs there; if it may not, elsewhere, and the log says so. */
static void
test_pinning(void **state)
{
	(void)state;
	for (int refused = 0; refused < 2; refused++) {
		weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
		weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
		struct told told = {.count = 0};
		cpu_set_t all, seen;
		weir_producer *producer;
		char cpus[16] = "1023";
		weir_bus *bus;
		int cpu = 0;

		sched_getaffinity(0, sizeof all, &all);
		if (refused && CPU_ISSET(1023, &all))
			continue;
		while (!refused && !CPU_ISSET((size_t)cpu, &all))
			cpu++;
		if (!refused)
			snprintf(cpus, sizeof cpus, "%d", cpu);
		options.log = listen;
		options.log_context = &told;
		pool.cpus = cpus;
		bus = unit_open(&options, &pool);
		memset(cpus, 'x', sizeof cpus - 1);
		producer = unit_producer(bus);
		unit_subscribe(bus, "a", note_affinity, &seen);
		assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
		assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
		if (refused) {
			assert_true(CPU_EQUAL(&seen, &all));
			assert_int_equal(told.count, 1);
			assert_string_equal(told.id[0], "WEIR-PIN-REFUSED");
			assert_int_equal(told.level[0], 4);
		} else {
			assert_int_equal(CPU_COUNT(&seen), 1);
			assert_true(CPU_ISSET((size_t)cpu, &seen));
			assert_int_equal(told.count, 0);
		}
		weir_producer_close(producer);
		unit_close(bus);
	}
}

static void
note_share(void *context, uint32_t dispatcher)
{
	cpu_set_t *seen = context;

	sched_getaffinity(0, sizeof *seen, &seen[dispatcher]);
}

/* Two dispatchers on two processors have one each, unless that one is not for this process. */
static void
test_pinned_apart(void **state)
{
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	cpu_set_t all, seen[2];
	int cpus[2], count = 0;
	char list[32];

	(void)state;
	sched_getaffinity(0, sizeof all, &all);
	for (int cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++)
		if (CPU_ISSET((size_t)cpu, &all))
			cpus[count++] = cpu;
	if (count < 2)
		skip();
	pool.dispatcher_count = 2;
	pool.thread_begin = note_share;
	pool.thread_context = seen;
	pool.cpus = list;
	snprintf(list, sizeof list, "%d,%d", cpus[0], cpus[1]);
	unit_close(unit_open(NULL, &pool));
	for (int i = 0; i < 2; i++)
		assert_true(CPU_COUNT(&seen[i]) == 1 && CPU_ISSET((size_t)cpus[i], &seen[i]));
	if (CPU_ISSET(1023, &all))
		return;
	snprintf(list, sizeof list, "%d,1023", cpus[0]);
	unit_close(unit_open(NULL, &pool));
	for (int i = 0; i < 2; i++)
		assert_true(CPU_COUNT(&seen[i]) == 1 && CPU_ISSET((size_t)cpus[0], &seen[i]));
}

/* Spinning on all processors is done as told, and said. */
static void
test_unwise_spinning(void **state)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	struct told told = {.count = 0};

	(void)state;
	options.log = listen;
	options.log_context = &told;
	pool.wait = WEIR_WAIT_SPIN;
	pool.dispatcher_count = wi_cpus_allowed();
	unit_close(unit_open(&options, &pool));
	assert_int_equal(told.count, 1);
	assert_string_equal(told.id[0], "WEIR-SPIN");
	assert_int_equal(told.level[0], 4);
}

/* -- bad input -------------------------------------------------------------- */

static void
test_bad_input(void **state)
{
	weir_pool_counts counts = WEIR_POOL_COUNTS_INIT;
	weir_bus *bus = unit_open(NULL, NULL);
	weir_pool *pool = weir_bus_default_pool(bus);

	(void)state;
	assert_non_null(pool);
	assert_null(weir_bus_default_pool(NULL));
	assert_status(WEIR_EINVAL, weir_pool_flush(NULL, 0));
	assert_ok(weir_pool_flush(pool, UNIT_PATIENCE));
	assert_status(WEIR_EINVAL, weir_pool_get_counts(NULL, &counts));
	assert_status(WEIR_EINVAL, weir_pool_get_counts(pool, NULL));
	counts.size = 7;
	assert_status(WEIR_EINVAL, weir_pool_get_counts(pool, &counts));
	unit_close(bus);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_adaptive),
		cmocka_unit_test(test_order_park),
		cmocka_unit_test(test_order_spin),
		cmocka_unit_test(test_takes_over),
		cmocka_unit_test(test_takes_over_from_sleep),
		cmocka_unit_test(test_parks_and_wakes),
		cmocka_unit_test(test_batch_by_time),
		cmocka_unit_test(test_batch_by_bytes),
		cmocka_unit_test(test_room_within_a_batch),
		cmocka_unit_test(test_thread_hooks),
		cmocka_unit_test(test_pinning),
		cmocka_unit_test(test_pinned_apart),
		cmocka_unit_test(test_unwise_spinning),
		cmocka_unit_test(test_bad_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
