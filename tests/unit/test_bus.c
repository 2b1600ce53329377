/* SPDX-License-Identifier: MIT */
/* test_bus.c - a bus from open to close: options, flush, producers of all kinds, topics, forks. */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/memory.h"

static void
nap(uint64_t ns)
{
	nanosleep(&(struct timespec){(time_t)(ns / UNIT_SECOND), (long)(ns % UNIT_SECOND)}, NULL);
}

static uint64_t quiet_log_count;

static void
count_log(void *context, int level, const char *id, const char *text)
{
	(void)context, (void)level, (void)id, (void)text;
	__atomic_fetch_add(&quiet_log_count, 1, __ATOMIC_SEQ_CST);
}

/* -- options ---------------------------------------------------------------- */

static weir_bus_options
small_bus(void)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;

	options.ring_size = 4096;
	options.producer_count_max = 8;
	options.stats_dir = "";
	options.log = count_log;
	return options;
}

static void
expect_refused(const weir_bus_options *options, const weir_pool_options *pool)
{
	weir_bus *bus = (weir_bus *)&bus;

	assert_status(WEIR_EINVAL, weir_bus_open(options, pool, &bus));
	assert_ptr_equal(bus, &bus);
}

#define REFUSED_BUS(member, value)                                                                 \
	do {                                                                                       \
		weir_bus_options options_ = small_bus();                                           \
		options_.member = value;                                                           \
		expect_refused(&options_, NULL);                                                   \
	} while (0)

#define REFUSED_POOL(member, value)                                                                \
	do {                                                                                       \
		weir_bus_options options_ = small_bus();                                           \
		weir_pool_options pool_ = WEIR_POOL_OPTIONS_INIT;                                  \
		pool_.member = value;                                                              \
		expect_refused(&options_, &pool_);                                                 \
	} while (0)

static void
test_bad_options(void **state)
{
	weir_bus_options options = small_bus();
	weir_bus *bus = NULL;

	(void)state;
	REFUSED_BUS(size, 0);
	REFUSED_BUS(size, sizeof(size_t) - 1);
	REFUSED_BUS(ring_size, 1);
	REFUSED_BUS(ring_size, 2048);
	REFUSED_BUS(ring_size, 4095);
	REFUSED_BUS(ring_size, 4097);
	REFUSED_BUS(ring_size, 3 << 20);
	REFUSED_BUS(ring_size, 1u << 31);
	REFUSED_BUS(ring_size, UINT32_MAX);
	REFUSED_BUS(topic_count_max, 1u << 24);
	REFUSED_BUS(topic_count_max, UINT32_MAX);
	REFUSED_BUS(producer_count_max, UINT32_MAX);
	REFUSED_BUS(hop_count_max, 32);
	REFUSED_BUS(hop_count_max, UINT32_MAX);
	REFUSED_BUS(clock, (weir_clock)3);
	REFUSED_BUS(clock, (weir_clock)-1);
	REFUSED_BUS(fence, (weir_fence)2);
	REFUSED_BUS(fence, (weir_fence)-1);
	assert_status(WEIR_EINVAL, weir_bus_open(&options, NULL, NULL));
	assert_status(WEIR_EINVAL, weir_bus_open_(0, &options, NULL, &bus));
	assert_status(WEIR_EINVAL, weir_bus_open_(WEIR_ABI_ + 1, &options, NULL, &bus));
	assert_null(bus);
}

static void
test_bad_pool_options(void **state)
{
	(void)state;
	REFUSED_POOL(size, 0);
	REFUSED_POOL(size, 7);
	REFUSED_POOL(dispatcher_count, 1u << 20);
	REFUSED_POOL(dispatcher_count, UINT32_MAX - 1);
	REFUSED_POOL(order, (weir_order)2);
	REFUSED_POOL(order, (weir_order)-1);
	REFUSED_POOL(behind, (weir_behind)2);
	REFUSED_POOL(behind, (weir_behind)-1);
	REFUSED_POOL(wait, (weir_wait)5);
	REFUSED_POOL(wait, (weir_wait)-1);
	REFUSED_POOL(cpus, "");
	REFUSED_POOL(cpus, "x");
	REFUSED_POOL(cpus, "1-");
	REFUSED_POOL(cpus, "3-1");
	REFUSED_POOL(cpus, "0,1024");
	REFUSED_POOL(after_count, 1);
}

/* Structs of earlier and later versions. */
static void
test_sizes_of_options(void **state)
{
	struct {
		weir_bus_options known;
		unsigned char later[24];
	} larger;
	weir_bus *bus = NULL;

	(void)state;
	memset(&larger, 0, sizeof larger);
	larger.known = small_bus();
	larger.known.size = sizeof larger;
	assert_ok(weir_bus_open(&larger.known, NULL, &bus));
	assert_ok(weir_bus_close(bus, UNIT_PATIENCE, NULL));
	for (size_t i = 0; i < sizeof larger.later; i++) {
		larger.later[i] = 1;
		expect_refused(&larger.known, NULL);
		larger.later[i] = 0;
	}
	/* What lies beyond the size is not looked at. */
	larger.known.size = offsetof(weir_bus_options, hop_count_max);
	larger.known.hop_count_max = 1000;
	larger.known.clock = (weir_clock)99;
	larger.known.stats_dir = (const char *)1;
	larger.known.log = NULL;
	setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
	assert_ok(weir_bus_open(&larger.known, NULL, &bus));
	assert_ok(weir_bus_close(bus, UNIT_PATIENCE, NULL));
}

/* The most and the least of everything. */
static void
test_extreme_options(void **state)
{
	weir_bus_options options = small_bus();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_producer *producer = NULL;
	char name[200];
	weir_bus *bus;

	(void)state;
	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = '\0';
	options.name = name;
	options.producer_count_max = 1;
	options.topic_count_max = (1u << 24) - 1;
	options.hop_count_max = 31;
	pool.name = name;
	pool.dispatcher_count = 20;
	pool.batch_count_max = 1;
	pool.batch_ns_max = 1;
	pool.spin_ns = 1;
	bus = unit_open(&options, &pool);
	producer = unit_producer(bus);
	for (int i = 0; i < 100; i++)
		assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
	weir_producer_close(producer);
	unit_close(bus);
	unit_close(unit_open(NULL, NULL));
}

/* -- what is left behind ---------------------------------------------------- */

struct usage {
	unsigned files, threads, mappings;
};

static struct usage
usage(void)
{
	return (struct usage){unit_count_files(), unit_count_threads(), unit_count_mappings()};
}

/* Mappings that AddressSanitizer makes as it goes: it keeps for a while what was freed. */
#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZER_MAPPINGS = 64 };
#else
enum { SANITIZER_MAPPINGS = 0 };
#endif

/* A thread that was joined may be listed for a moment more. */
static void
expect_usage(struct usage before, unsigned slack)
{
	struct usage now = usage();

	for (int i = 0; i < 1000 && now.threads != before.threads; i++) {
		nap(1000000);
		now = usage();
	}
	assert_int_equal(now.files, before.files);
	assert_int_equal(now.threads, before.threads);
	assert_in_range(now.mappings, 0, before.mappings + slack + SANITIZER_MAPPINGS);
}

static void
use_once(uint32_t dispatchers)
{
	weir_bus_options options = small_bus();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_producer *producer[3], *late;
	weir_subscription subscription;
	uint64_t count = 0;
	weir_bus *bus;

	pool.dispatcher_count = dispatchers;
	bus = unit_open(&options, &pool);
	for (int i = 0; i < 3; i++)
		producer[i] = unit_producer(bus);
	subscription = unit_subscribe(bus, "a.*", unit_count, &count);
	unit_subscribe(bus, ">", unit_count, &count);
	assert_ok(weir_publish(producer[0], unit_topic(bus, "a.b"), NULL, 0));
	weir_producer_close(producer[1]);
	late = unit_producer(bus);
	assert_ok(weir_unsubscribe_wait(bus, subscription, UNIT_PATIENCE));
	unit_close(bus);
	weir_producer_close(late);
	weir_producer_close(producer[0]);
	weir_producer_close(producer[2]);
	assert_in_range(count, 1, 2);
}

static void
test_nothing_left(void **state)
{
	struct usage before;
	size_t memory = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		use_once(1 + i % 3);
	before = usage();
	for (int i = 0; i < 150; i++) {
		use_once(1 + i % 3);
		if (i == 75)
			memory = unit_memory_in_use();
	}
	expect_usage(before, 8);
	assert_true(unit_memory_in_use() < memory + 75 * 16);
}

/* Closed while the bus is still busy with freeing what a subscription used. */
static void
test_no_leak_after_unsubscribe(void **state)
{
	size_t memory = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		weir_bus_options options = small_bus();
		weir_subscription subscription[5];
		weir_producer *producer;
		uint64_t count = 0;
		weir_bus *bus = unit_open(&options, NULL);

		producer = unit_producer(bus);
		for (int s = 0; s < 5; s++)
			subscription[s] =
				unit_subscribe(bus, s % 2 ? "a.b" : ">", unit_count, &count);
		/* A dispatcher has just used the table that is about to be replaced. */
		assert_ok(weir_publish(producer, unit_topic(bus, "a.b"), NULL, 0));
		unit_wait_for(&count, 5);
		weir_producer_close(producer);
		for (int s = 0; s < 5; s++)
			assert_ok(
				s == 4 ? weir_unsubscribe_wait(bus, subscription[s], UNIT_PATIENCE)
				       : weir_unsubscribe(bus, subscription[s]));
		assert_ok(weir_bus_close(bus, UNIT_PATIENCE, NULL));
		if (i == 20)
			memory = unit_memory_in_use();
	}
	assert_true(unit_memory_in_use() < memory + 80 * 16);
}

/* Each allocation, mapping and thread in turn: refused, or done without what it was for. */
static void
test_open_without_memory(void **state)
{
	struct usage before;
	unsigned refused = 0;

	(void)state;
	use_once(2);
	before = usage();
	for (uint64_t number = 1; number <= 60; number++) {
		weir_bus_options options = small_bus();
		weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
		weir_bus *bus = (weir_bus *)&bus;
		char *directory = unit_make_directory();
		weir_status status;

		options.stats_dir = directory;
		pool.dispatcher_count = 2;
		wi_memory_fail_at(number, false);
		status = weir_bus_open(&options, &pool, &bus);
		wi_memory_fail_at(0, false);
		if (status == WEIR_OK) {
			unit_close(bus);
		} else {
			assert_int_equal(status, WEIR_ENOMEM);
			assert_ptr_equal(bus, &bus);
			refused++;
		}
		assert_int_equal(rmdir(directory), 0); /* no counters file is left */
		free(directory);
	}
	assert_in_range(refused, 15, 50);
	expect_usage(before, 8);
}

static void
test_producer_without_memory(void **state)
{
	weir_bus_options options = small_bus();
	weir_bus *bus = unit_open(&options, NULL);
	weir_producer *producer = (weir_producer *)&producer;
	weir_status status = WEIR_ENOMEM;
	uint64_t count = 0;

	(void)state;
	unit_subscribe(bus, "a", unit_count, &count);
	for (uint64_t number = 1; status == WEIR_ENOMEM; number++) {
		wi_memory_fail_at(number, false);
		status = weir_producer_open(bus, NULL, &producer);
		wi_memory_fail_at(0, false);
		assert_true(status == WEIR_OK || producer == (weir_producer *)&producer);
		assert_in_range(number, 1, 10);
	}
	assert_ok(status);
	assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
	weir_producer_close(producer);
	status = WEIR_ENOMEM;
	/* A ring of another size, in the place of the old one or beside it. */
	for (uint64_t number = 1; status == WEIR_ENOMEM; number++) {
		weir_producer_options other = WEIR_PRODUCER_OPTIONS_INIT;

		other.ring_size = 65536;
		wi_memory_fail_at(number, false);
		status = weir_producer_open(bus, &other, &producer);
		wi_memory_fail_at(0, false);
	}
	assert_ok(status);
	assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
	weir_producer_close(producer);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(count, 2);
	unit_close(bus);
}

/* -- flush ------------------------------------------------------------------ */

static struct {
	weir_topic topic;
	uint64_t calls, refused, hops_max;
	unsigned width;
} chain;

/* Each event causes `width` more. */
static int
cause_more(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)context;
	__atomic_fetch_add(&chain.calls, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < chain.width; i++) {
		weir_status status = weir_publish(delivery->producer, chain.topic, NULL, 0);

		if (status == WEIR_ELOOP)
			__atomic_fetch_add(&chain.refused, 1, __ATOMIC_SEQ_CST);
		else if (status != WEIR_OK)
			return (int)status;
	}
	if (weir_event_hops(event) > unit_load(&chain.hops_max))
		__atomic_store_n(&chain.hops_max, weir_event_hops(event), __ATOMIC_SEQ_CST);
	return 0;
}

static void
run_chain(uint32_t hop_count_max, unsigned width, uint32_t dispatchers)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	uint32_t most = hop_count_max ? hop_count_max : 16;
	uint64_t calls = 0, last = 1;
	weir_producer *producer;
	weir_bus *bus;

	options.hop_count_max = hop_count_max;
	pool.dispatcher_count = dispatchers;
	bus = unit_open(&options, &pool);
	producer = unit_producer(bus);
	memset(&chain, 0, sizeof chain);
	chain.topic = unit_topic(bus, "chain");
	chain.width = width;
	unit_subscribe(bus, "chain", cause_more, NULL);
	for (uint32_t hop = 0; hop <= most; hop++, last *= width)
		calls += last;
	for (uint64_t round = 1; round <= 5; round++) {
		assert_ok(weir_publish(producer, chain.topic, NULL, 0));
		assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
		assert_int_equal(chain.calls, round * calls);
		assert_int_equal(chain.refused, round * last);
		assert_int_equal(chain.hops_max, most);
		assert_int_equal(unit_all_producer_counts(bus).refused_hops, chain.refused);
		assert_int_equal(unit_all_subscription_counts(bus).failed, 0);
		unit_assert_balanced(bus);
	}
	weir_producer_close(producer);
	unit_close(bus);
}

static void
test_flush_onward(void **state)
{
	(void)state;
	run_chain(0, 1, 1);
	run_chain(1, 1, 1);
	run_chain(31, 1, 1);
	run_chain(31, 1, 3);
	run_chain(9, 2, 1);
	run_chain(9, 2, 2);
}

static void
test_flush_in_vain(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	weir_producer *producer = unit_producer(bus);
	struct unit_gate gate;
	uint64_t before;

	(void)state;
	unit_gate_init(&gate);
	unit_subscribe(bus, "a", unit_gate_handler, &gate);
	assert_ok(weir_bus_flush(bus, 0));
	assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
	unit_gate_wait(&gate);
	before = unit_now();
	assert_status(WEIR_ETIMEDOUT, weir_bus_flush(bus, 0));
	assert_status(WEIR_ETIMEDOUT, weir_bus_flush(bus, 5000000));
	assert_status(WEIR_ETIMEDOUT, weir_pool_flush(weir_bus_default_pool(bus), 5000000));
	assert_true(unit_now() - before >= 10000000);
	unit_gate_pass(&gate, 1);
	assert_ok(weir_bus_flush(bus, WEIR_FOREVER));
	assert_status(WEIR_EINVAL, weir_bus_flush(NULL, 0));
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- close ------------------------------------------------------------------ */

struct onward {
	weir_topic topic;
	uint64_t count;
};

static int
publish_on(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct onward *onward = context;

	(void)event;
	onward->count++;
	nap(20000);
	return weir_publish(delivery->producer, onward->topic, NULL, 0);
}

static void
test_close_delivers(void **state)
{
	enum { STAGES = 5, EVENTS = 50 };
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;

	(void)state;
	for (int round = 0; round < 3; round++) {
		weir_bus *bus = unit_open(NULL, NULL);
		weir_producer *producer = unit_producer(bus);
		struct onward onward[STAGES] = {{.count = 0}};
		uint64_t last = 0;
		char name[8];

		for (int i = 0; i < STAGES; i++) {
			snprintf(name, sizeof name, "s%d", i);
			unit_subscribe(bus, name, publish_on, &onward[i]);
			snprintf(name, sizeof name, "s%d", i + 1);
			onward[i].topic = unit_topic(bus, name);
		}
		unit_subscribe(bus, name, unit_count, &last);
		for (int i = 0; i < EVENTS; i++)
			assert_ok(weir_publish(producer, unit_topic(bus, "s0"), NULL, 0));
		assert_ok(weir_bus_close(bus, UNIT_PATIENCE, &report));
		for (int i = 0; i < STAGES; i++)
			assert_int_equal(onward[i].count, EVENTS);
		assert_int_equal(last, EVENTS);
		assert_int_equal(report.undelivered, 0);
		assert_in_range(report.delivered, (STAGES - 1) * EVENTS, (STAGES + 1) * EVENTS);
		weir_producer_close(producer);
	}
}

static void
test_close_report(void **state)
{
	weir_close_report report = {.size = 7, .delivered = 77};
	weir_bus *bus = unit_open(NULL, NULL);

	(void)state;
	assert_status(WEIR_EINVAL, weir_bus_close(NULL, 0, NULL));
	assert_status(WEIR_EINVAL, weir_bus_close(bus, 0, &report));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	report.size = offsetof(weir_close_report, undelivered);
	report.undelivered = 99;
	assert_ok(weir_bus_close(bus, UNIT_PATIENCE, &report));
	assert_int_equal(report.delivered, 0);
	assert_int_equal(report.undelivered, 99);
}

struct racer {
	pthread_t thread;
	weir_bus *bus;
	weir_topic topic;
	pthread_barrier_t *ready;
	uint64_t done, wrong;
	unsigned kind;
};

/* Until it is refused. */
static void *
race(void *argument)
{
	struct racer *racer = argument;
	weir_producer *producer = NULL;
	weir_status status = WEIR_OK;
	void *place;

	racer->wrong += weir_producer_open(racer->bus, NULL, &producer) != WEIR_OK;
	pthread_barrier_wait(racer->ready); /* the bus may be gone at any time from here on */
	while (status == WEIR_OK || status == WEIR_EFULL) {
		if (racer->kind % 2) {
			status = weir_publish(producer, racer->topic, NULL, 0);
		} else {
			status = weir_reserve(producer, racer->topic, NULL, 40, &place);
			if (status == WEIR_OK)
				status = weir_commit(producer);
		}
		racer->done += status == WEIR_OK;
	}
	racer->wrong += status != WEIR_ECLOSED;
	weir_producer_close(producer);
	return NULL;
}

/* What was accepted while close began is delivered, to the last. */
static void
test_close_while_publishing(void **state)
{
	(void)state;
	for (int round = 0; round < 40; round++) {
		weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
		weir_close_report report = WEIR_CLOSE_REPORT_INIT;
		pthread_barrier_t ready;
		struct racer racer[2];
		uint64_t count = 0;
		weir_bus *bus;

		options.fence = round % 4 == 3 ? WEIR_FENCE_PUBLISHER : WEIR_FENCE_AUTO;
		options.ring_size = 16384;
		bus = unit_open(&options, NULL);
		unit_subscribe(bus, "a", unit_count, &count);
		pthread_barrier_init(&ready, NULL, 3);
		for (unsigned i = 0; i < 2; i++) {
			racer[i] = (struct racer){.bus = bus,
						  .topic = unit_topic(bus, "a"),
						  .kind = i,
						  .ready = &ready};
			assert_int_equal(pthread_create(&racer[i].thread, NULL, race, &racer[i]),
					 0);
		}
		pthread_barrier_wait(&ready);
		nap((uint64_t)round * 20000);
		assert_ok(weir_bus_close(bus, UNIT_PATIENCE, &report));
		for (int i = 0; i < 2; i++) {
			pthread_join(racer[i].thread, NULL);
			assert_int_equal(racer[i].wrong, 0);
		}
		assert_int_equal(report.undelivered, 0);
		assert_int_equal(count, racer[0].done + racer[1].done);
		pthread_barrier_destroy(&ready);
	}
}

/* What may still be called while it closes. */
static struct {
	struct unit_gate gate;
	weir_status status[6];
	uint64_t count;
} closing;

static int
try_while_closing(const weir_event *event, const weir_delivery *delivery, void *context)
{
	weir_topic topic = weir_event_topic(event);
	weir_producer *producer = NULL;
	weir_subscription subscription;

	unit_gate_handler(event, delivery, &closing.gate);
	closing.status[0] =
		weir_subscribe(delivery->bus, "a", unit_count, context, NULL, &subscription);
	closing.status[1] = weir_producer_open(delivery->bus, NULL, &producer);
	closing.status[2] = weir_publish(delivery->producer, topic, NULL, 0);
	closing.status[3] = weir_unsubscribe(delivery->bus, delivery->subscription);
	closing.status[4] = weir_bus_flush(delivery->bus, 0);
	closing.status[5] = weir_bus_close(delivery->bus, 0, NULL);
	return 0;
}

static void *
close_bus(void *bus)
{
	return weir_bus_close(bus, UNIT_PATIENCE, NULL) == WEIR_OK ? NULL : bus;
}

static void
test_calls_while_closing(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	weir_producer *producer = unit_producer(bus);
	weir_topic topic = unit_topic(bus, "a");
	pthread_t thread;
	void *failed;

	(void)state;
	unit_gate_init(&closing.gate);
	unit_subscribe(bus, "a", try_while_closing, &closing.count);
	assert_ok(weir_publish(producer, topic, NULL, 0));
	unit_gate_wait(&closing.gate);
	assert_int_equal(pthread_create(&thread, NULL, close_bus, bus), 0);
	while (weir_publish(producer, topic, NULL, 0) != WEIR_ECLOSED)
		;
	unit_gate_pass(&closing.gate, 1 << 20);
	pthread_join(thread, &failed);
	assert_null(failed);
	assert_int_equal(closing.status[0], WEIR_ECLOSED);
	assert_int_equal(closing.status[1], WEIR_ECLOSED);
	assert_int_equal(closing.status[2], WEIR_OK); /* onward events are delivered to the end */
	assert_int_equal(closing.status[3], WEIR_OK);
	assert_int_equal(closing.status[4], WEIR_EDEADLK);
	assert_int_equal(closing.status[5], WEIR_EDEADLK);
	weir_producer_close(producer);
}

static void
note_release(void *context)
{
	__atomic_fetch_add((uint64_t *)context, 1, __ATOMIC_SEQ_CST);
}

/* In a child, which may leak what a stuck handler uses. */
static int
close_with_a_stuck_handler(void *context)
{
	weir_subscription_options with_release = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_bus_options options = small_bus();
	static uint64_t released[2];
	static struct unit_gate gate;
	unsigned threads = unit_count_threads(); /* one, and what a sanitizer needs */
	weir_topic topic = {0};
	weir_producer *producer;
	weir_subscription ids[2];
	uint64_t before;
	weir_bus *bus;

	(void)context;
	child_expect(weir_bus_open(&options, NULL, &bus) == WEIR_OK);
	child_expect(weir_producer_open(bus, NULL, &producer) == WEIR_OK);
	unit_gate_init(&gate);
	with_release.released = note_release;
	child_expect(weir_subscribe(bus, "a", unit_gate_handler, &gate, NULL, &ids[0]) == WEIR_OK);
	child_expect(weir_subscribe(bus, "b", unit_count, &released[1], &with_release, &ids[1]) ==
		     WEIR_OK);
	child_expect(weir_topic_find(bus, "a", &topic) == WEIR_OK);
	for (int i = 0; i < 3; i++)
		child_expect(weir_publish(producer, topic, NULL, 0) == WEIR_OK);
	unit_gate_wait(&gate);
	before = unit_now();
	child_expect(weir_bus_close(bus, 30000000, &report) == WEIR_ETIMEDOUT);
	child_expect(unit_now() - before >= 30000000);
	child_expect(unit_now() - before < UNIT_SECOND);
	child_expect(report.undelivered == 3);
	child_expect(report.delivered == 0);
	child_expect(unit_load(&released[1]) == 1);
	child_expect(unit_load(&quiet_log_count) >= 1);
	child_expect(weir_publish(producer, topic, NULL, 0) == WEIR_ECLOSED);
	weir_producer_close(producer);
	/* It returns after all, into memory that is still there. */
	unit_gate_pass(&gate, 3);
	for (int i = 0; i < 2000 && unit_count_threads() > threads; i++)
		nap(1000000);
	child_expect(unit_count_threads() == threads);
	return 0;
}

static void
test_close_with_a_stuck_handler(void **state)
{
	(void)state;
	assert_int_equal(unit_in_child(close_with_a_stuck_handler, NULL), 0);
}

/* -- in a handler nobody waits ---------------------------------------------- */

static struct {
	weir_bus *outer;
	weir_subscription subscription;
	uint64_t tried, wrong;
	uint64_t where[16];
} waits;

enum {
	IN_HANDLER,
	IN_BATCH_END,
	IN_RELEASED,
	IN_TOPIC_VISIT,
	IN_POOL_VISIT,
	IN_SUBSCRIPTION_VISIT,
	IN_LOG,
	IN_THREAD_BEGIN,
	IN_THREAD_END,
	PLACES
};

static void
try_to_wait(int place)
{
	weir_status status[] = {
		weir_bus_flush(waits.outer, 0),
		weir_bus_close(waits.outer, 0, NULL),
		weir_pool_flush(weir_bus_default_pool(waits.outer), 0),
		weir_unsubscribe_wait(waits.outer, waits.subscription, 0),
	};

	for (size_t i = 0; i < WI_COUNT(status); i++)
		if (status[i] != WEIR_EDEADLK)
			__atomic_fetch_add(&waits.wrong, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&waits.where[place], 1, __ATOMIC_SEQ_CST);
}

static int
wait_in_handler(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	try_to_wait(IN_HANDLER);
	return 0;
}

static int
wait_in_batch_end(const weir_delivery *delivery, void *context)
{
	(void)delivery, (void)context;
	try_to_wait(IN_BATCH_END);
	return 0;
}

static void
wait_in_released(void *context)
{
	(void)context;
	try_to_wait(IN_RELEASED);
}

static int
wait_in_topic_visit(void *context, weir_topic topic)
{
	(void)context, (void)topic;
	try_to_wait(IN_TOPIC_VISIT);
	return 1;
}

static int
wait_in_pool_visit(void *context, weir_pool *pool, const char *name)
{
	(void)context, (void)pool, (void)name;
	try_to_wait(IN_POOL_VISIT);
	return 1;
}

static int
wait_in_subscription_visit(void *context, weir_subscription subscription, const char *name,
			   const char *pattern, weir_pool *pool)
{
	(void)context, (void)subscription, (void)name, (void)pattern, (void)pool;
	try_to_wait(IN_SUBSCRIPTION_VISIT);
	return 1;
}

static void
wait_in_log(void *context, int level, const char *id, const char *text)
{
	(void)context, (void)level, (void)id, (void)text;
	try_to_wait(IN_LOG);
}

static void
wait_in_thread_begin(void *context, uint32_t dispatcher)
{
	(void)context, (void)dispatcher;
	try_to_wait(IN_THREAD_BEGIN);
}

static void
wait_in_thread_end(void *context, uint32_t dispatcher)
{
	(void)context, (void)dispatcher;
	try_to_wait(IN_THREAD_END);
}

static void
test_nobody_waits_in_a_handler(void **state)
{
	weir_subscription_options subscription_options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_subscription subscription;
	weir_producer *producer;
	uint64_t count = 0;
	weir_bus *bus;

	(void)state;
	memset(&waits, 0, sizeof waits);
	waits.outer = unit_open(NULL, NULL);
	waits.subscription = unit_subscribe(waits.outer, "a", unit_count, &count);
	options.log = wait_in_log;
	options.stats_dir = "/nowhere/at/all"; /* which is logged */
	pool.thread_begin = wait_in_thread_begin;
	pool.thread_end = wait_in_thread_end;
	bus = unit_open(&options, &pool);
	producer = unit_producer(bus);
	subscription_options.batch_end = wait_in_batch_end;
	subscription_options.released = wait_in_released;
	assert_ok(weir_subscribe(bus, "a", wait_in_handler, NULL, &subscription_options,
				 &subscription));
	assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	weir_bus_each_topic(bus, wait_in_topic_visit, NULL);
	weir_bus_each_pool(bus, wait_in_pool_visit, NULL);
	weir_bus_each_subscription(bus, wait_in_subscription_visit, NULL);
	/* Outside again. */
	assert_ok(weir_bus_flush(waits.outer, UNIT_PATIENCE));
	assert_ok(weir_unsubscribe_wait(bus, subscription, UNIT_PATIENCE));
	weir_producer_close(producer);
	unit_close(bus);
	for (int i = 0; i < PLACES; i++)
		if (waits.where[i] == 0)
			fail_msg("never tried in place %d", i);
	assert_int_equal(waits.wrong, 0);
	/* And none of them did anything. */
	producer = unit_producer(waits.outer);
	assert_ok(weir_publish(producer, unit_topic(waits.outer, "a"), NULL, 0));
	assert_ok(weir_bus_flush(waits.outer, UNIT_PATIENCE));
	assert_int_equal(count, 1);
	weir_producer_close(producer);
	unit_close(waits.outer);
}

/* -- looking ---------------------------------------------------------------- */

struct look {
	weir_bus *bus;
	char text[256];
	unsigned count, stop_after;
	uint64_t wrong;
};

static int
list_topic(void *context, weir_topic topic)
{
	struct look *look = context;

	strcat(look->text, weir_topic_name(look->bus, topic));
	strcat(look->text, " ");
	return ++look->count == look->stop_after;
}

static int
list_pool(void *context, weir_pool *pool, const char *name)
{
	struct look *look = context;

	strcat(look->text, name);
	look->wrong += pool != weir_bus_default_pool(look->bus);
	return 0;
}

static int
list_subscription(void *context, weir_subscription subscription, const char *name,
		  const char *pattern, weir_pool *pool)
{
	struct look *look = context;

	look->wrong += subscription.id == 0 || pool != weir_bus_default_pool(look->bus);
	look->count++;
	snprintf(look->text + strlen(look->text), sizeof look->text - strlen(look->text), "%s=%s ",
		 name, pattern);
	return look->count == look->stop_after;
}

static void
test_each(void **state)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct look look = {.count = 0};
	weir_subscription subscription;
	uint64_t count = 0;

	(void)state;
	look.bus = unit_open(NULL, NULL);
	unit_topic(look.bus, "b");
	unit_topic(look.bus, "a.b");
	weir_bus_each_topic(look.bus, list_topic, &look);
	assert_string_equal(look.text, "weir.failed.deliver weir.gap b a.b ");
	look = (struct look){.bus = look.bus, .stop_after = 3};
	weir_bus_each_topic(look.bus, list_topic, &look);
	assert_int_equal(look.count, 3);
	look = (struct look){.bus = look.bus};
	weir_bus_each_pool(look.bus, list_pool, &look);
	assert_string_equal(look.text, "default");

	options.name = "mine";
	assert_ok(weir_subscribe(look.bus, "a.*", unit_count, &count, &options, &subscription));
	look = (struct look){.bus = look.bus};
	weir_bus_each_subscription(look.bus, list_subscription, &look);
	assert_string_equal(look.text, "mine=a.* ");
	assert_int_equal(look.wrong, 0);
	unit_subscribe(look.bus, "a.b", unit_count, &count);
	look = (struct look){.bus = look.bus};
	weir_bus_each_subscription(look.bus, list_subscription, &look);
	assert_non_null(strstr(look.text, "a.b=a.b "));
	assert_int_equal(look.count, 2);
	assert_ok(weir_unsubscribe_wait(look.bus, subscription, UNIT_PATIENCE));
	look = (struct look){.bus = look.bus, .stop_after = 1};
	weir_bus_each_subscription(look.bus, list_subscription, &look);
	assert_string_equal(look.text, "a.b=a.b ");
	weir_bus_each_topic(NULL, list_topic, &look);
	weir_bus_each_topic(look.bus, NULL, &look);
	weir_bus_each_pool(look.bus, NULL, &look);
	weir_bus_each_subscription(look.bus, NULL, &look);
	unit_close(look.bus);
}

static int
read_subscription(void *context, weir_subscription subscription, const char *name,
		  const char *pattern, weir_pool *pool)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;
	weir_pool_counts pools = WEIR_POOL_COUNTS_INIT;
	weir_bus_counts all = WEIR_BUS_COUNTS_INIT;
	struct look *look = context;
	weir_topic topic;

	(void)name;
	look->wrong += weir_subscription_get_counts(look->bus, subscription, &counts) != WEIR_OK;
	look->wrong += weir_pool_get_counts(pool, &pools) != WEIR_OK;
	look->wrong += weir_bus_get_counts(look->bus, &all, NULL, NULL, NULL) != WEIR_OK;
	look->wrong += weir_topic_find(look->bus, pattern, &topic) != WEIR_OK;
	look->count++;
	return 0;
}

/* In a child: what a visit may do is to read, and reading may not wait for the visit to end. */
static int
read_in_a_visit(void *context)
{
	struct look look = {.count = 0};
	weir_bus_options options = small_bus();
	weir_subscription subscription;
	uint64_t count = 0;

	(void)context;
	child_expect(weir_bus_open(&options, NULL, &look.bus) == WEIR_OK);
	child_expect(weir_subscribe(look.bus, "a", unit_count, &count, NULL, &subscription) ==
		     WEIR_OK);
	child_expect(weir_subscribe(look.bus, "b", unit_count, &count, NULL, &subscription) ==
		     WEIR_OK);
	alarm(3);
	weir_bus_each_subscription(look.bus, read_subscription, &look);
	child_expect(look.count == 2);
	child_expect(look.wrong == 0);
	child_expect(weir_bus_close(look.bus, UNIT_PATIENCE, NULL) == WEIR_OK);
	return 0;
}

static void
test_read_in_a_visit(void **state)
{
	(void)state;
	assert_int_equal(unit_in_child(read_in_a_visit, NULL), 0);
}

/* Outputs of other versions, and those that nobody wants. */
static void
test_counts(void **state)
{
	struct {
		weir_producer_counts known;
		uint64_t later;
	} larger;
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;
	weir_bus *bus = unit_open(NULL, NULL);
	weir_producer *producer = unit_producer(bus);

	(void)state;
	assert_ok(weir_publish(producer, unit_topic(bus, "a"), "123456789", 9));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_ok(weir_bus_get_counts(bus, NULL, NULL, NULL, NULL));
	assert_status(WEIR_EINVAL, weir_bus_get_counts(NULL, &counts, NULL, NULL, NULL));
	memset(&larger, 0x55, sizeof larger);
	larger.known.size = sizeof larger;
	assert_ok(weir_producer_get_counts(producer, &larger.known));
	assert_int_equal(larger.known.attempted, 1);
	assert_int_equal(larger.known.bytes, 32);
	assert_true(larger.later == 0x5555555555555555);
	memset(&larger, 0x55, sizeof larger);
	larger.known.size = offsetof(weir_producer_counts, bytes);
	assert_ok(weir_bus_get_counts(bus, &counts, &larger.known, NULL, NULL));
	assert_int_equal(larger.known.committed, 1);
	assert_true(larger.known.bytes == 0x5555555555555555);
	counts.size = 7;
	assert_status(WEIR_EINVAL, weir_bus_get_counts(bus, &counts, NULL, NULL, NULL));
	weir_producer_close(producer);
	unit_close(bus);
}

static void
test_texts(void **state)
{
	(void)state;
	assert_string_equal(weir_version(), "0.1.0");
	for (int status = 0; status >= -13; status--) {
		assert_non_null(weir_status_text((weir_status)status));
		for (int other = 0; other > status; other--)
			assert_string_not_equal(weir_status_text((weir_status)status),
						weir_status_text((weir_status)other));
	}
	assert_string_equal(weir_status_text((weir_status)1), "unknown status");
	assert_string_equal(weir_status_text((weir_status)-14), "unknown status");
	assert_string_equal(weir_status_text((weir_status)INT32_MIN), "unknown status");
}

/* -- topics ----------------------------------------------------------------- */

static void
test_topics(void **state)
{
	static const char *const bad[] = {
		"",    ".",   "a.",  ".a",   "a..b",         "*",     "a.*",        ">",
		"a.>", "a b", "a\n", "\xff", "weir.nothing", "weir.", "weir.failed"};
	weir_bus *bus = unit_open(NULL, NULL);
	weir_topic topic = {77}, again;
	char name[300];

	(void)state;
	for (size_t i = 0; i < WI_COUNT(bad); i++) {
		assert_status(WEIR_EINVAL, weir_topic_open(bus, bad[i], &topic));
		assert_true(weir_topic_find(bus, bad[i], &topic) ==
			    (strncmp(bad[i], "weir.", 5) == 0 && bad[i][5] ? WEIR_ENOENT
									   : WEIR_EINVAL));
	}
	memset(name, 'a', sizeof name);
	name[256] = '\0';
	assert_status(WEIR_EINVAL, weir_topic_open(bus, name, &topic));
	assert_status(WEIR_EINVAL, weir_topic_open(NULL, "a", &topic));
	assert_status(WEIR_EINVAL, weir_topic_open(bus, NULL, &topic));
	assert_status(WEIR_EINVAL, weir_topic_open(bus, "a", NULL));
	assert_status(WEIR_EINVAL, weir_topic_find(NULL, "a", &topic));
	assert_status(WEIR_EINVAL, weir_topic_find(bus, NULL, &topic));
	assert_status(WEIR_EINVAL, weir_topic_find(bus, "a", NULL));
	assert_status(WEIR_ENOENT, weir_topic_find(bus, "a", &topic));
	assert_int_equal(topic.id, 77);
	name[255] = '\0';
	topic = unit_topic(bus, name);
	assert_string_equal(weir_topic_name(bus, topic), name);
	assert_ok(weir_topic_open(bus, name, &again));
	assert_int_equal(again.id, topic.id);
	assert_ok(weir_topic_find(bus, name, &again));
	assert_int_equal(again.id, topic.id);
	/* Its own can be opened, "weir" is nobody's. */
	topic = unit_topic(bus, "weir.gap");
	assert_string_equal(weir_topic_name(bus, topic), "weir.gap");
	unit_topic(bus, "weir");
	unit_topic(bus, "weird.gap");
	assert_null(weir_topic_name(bus, (weir_topic){0}));
	assert_null(weir_topic_name(bus, (weir_topic){99}));
	assert_null(weir_topic_name(bus, (weir_topic){UINT32_MAX}));
	assert_null(weir_topic_name(NULL, topic));
	unit_close(bus);
}

static void
test_topic_limit(void **state)
{
	weir_bus_options options = small_bus();
	weir_topic topic = {77};
	weir_subscription subscription = {88};
	uint64_t count = 0;
	weir_bus *bus;

	(void)state;
	options.topic_count_max = 3;
	bus = unit_open(&options, NULL);
	unit_topic(bus, "a");
	unit_topic(bus, "b");
	unit_subscribe(bus, "c", unit_count, &count);
	assert_status(WEIR_ELIMIT, weir_topic_open(bus, "d", &topic));
	assert_status(WEIR_ELIMIT,
		      weir_subscribe(bus, "d", unit_count, &count, NULL, &subscription));
	assert_int_equal(topic.id, 77);
	assert_int_equal(subscription.id, 88);
	unit_topic(bus, "a");
	unit_topic(bus, "weir.gap");
	unit_subscribe(bus, "d.*", unit_count, &count);
	unit_close(bus);
}

static void
test_topics_without_memory(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	weir_producer *producer = unit_producer(bus);
	uint64_t count = 0;

	(void)state;
	unit_subscribe(bus, ">", unit_count, &count);
	for (int i = 0; i < 1100; i++) {
		weir_status status = WEIR_ENOMEM;
		weir_topic topic = {77};
		char name[32];

		snprintf(name, sizeof name, "topic.%d", i);
		for (uint64_t number = 1; status == WEIR_ENOMEM; number++) {
			wi_memory_fail_at(number, false);
			status = weir_topic_open(bus, name, &topic);
			wi_memory_fail_at(0, false);
			assert_true(status == WEIR_OK || topic.id == 77);
			if (status != WEIR_OK)
				assert_status(WEIR_ENOENT, weir_topic_find(bus, name, &topic));
		}
		assert_ok(status);
		assert_int_equal(topic.id, 3 + i);
		assert_ok(weir_publish_wait(producer, topic, NULL, NULL, 0, UNIT_PATIENCE));
	}
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(count, 1100);
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- producers -------------------------------------------------------------- */

static struct {
	uint64_t sequence, count;
	uint32_t source;
} delivered;

static int
note_delivery(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)context;
	delivered.sequence = delivery->sequence;
	delivered.source = delivery->source;
	delivered.count++;
	return 0;
}

/* A ring that is used again belongs to another producer: another source, which counts from 1. */
static void
test_producer_reuse(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	weir_topic topic = unit_topic(bus, "a");
	uint32_t sources[20];

	(void)state;
	delivered.count = 0;
	unit_subscribe(bus, "a", note_delivery, NULL);
	for (uint32_t i = 0; i < 20; i++) {
		weir_producer_options options = WEIR_PRODUCER_OPTIONS_INIT;
		weir_producer *producer = NULL;

		options.ring_size = i % 3 == 2 ? 8192 : 0;
		assert_ok(weir_producer_open(bus, &options, &producer));
		assert_int_equal(unit_producer_counts(producer).attempted, 0);
		assert_int_equal(weir_producer_payload_size_max(producer),
				 (i % 3 == 2 ? 8192 : 262144) / 4);
		for (uint32_t n = 1; n <= i; n++) {
			assert_ok(weir_publish(producer, topic, NULL, 0));
			assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
			assert_int_equal(delivered.sequence, n);
		}
		sources[i] = delivered.source;
		for (uint32_t earlier = 1; earlier < i; earlier++)
			assert_int_not_equal(sources[earlier], sources[i]);
		assert_int_equal(unit_producer_counts(producer).attempted, i);
		assert_int_equal(unit_producer_counts(producer).bytes, 16 * i);
		weir_producer_close(producer);
		unit_assert_balanced(bus);
	}
	assert_int_equal(delivered.count, 190);
	assert_int_equal(unit_all_producer_counts(bus).committed, 190);
	unit_close(bus);
}

/* What a closed producer committed is still delivered, also when its place is wanted at once. */
static void
test_close_with_events(void **state)
{
	weir_bus_options options = small_bus();
	uint64_t count = 0;
	weir_bus *bus;

	(void)state;
	options.producer_count_max = 4;
	bus = unit_open(&options, NULL);
	unit_subscribe(bus, "a", unit_count, &count);
	for (int i = 0; i < 500; i++) {
		weir_producer *producer = NULL;
		weir_status status;

		while ((status = weir_producer_open(bus, NULL, &producer)) == WEIR_ELIMIT)
			nap(10000);
		assert_ok(status);
		for (int n = 0; n < 10; n++)
			assert_ok(weir_publish(producer, unit_topic(bus, "a"), "abcdefgh", 8));
		weir_producer_close(producer);
	}
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(count, 5000);
	unit_close(bus);
}

static void
test_producer_limit(void **state)
{
	weir_bus_options options = small_bus();
	weir_producer *producer[3], *another = (weir_producer *)&another, *own;
	weir_bus *bus;

	(void)state;
	options.producer_count_max = 3;
	bus = unit_open(&options, NULL);
	for (int i = 0; i < 3; i++)
		producer[i] = unit_producer(bus);
	assert_status(WEIR_ELIMIT, weir_producer_open(bus, NULL, &another));
	assert_status(WEIR_ELIMIT, weir_thread_get_producer(bus, &another));
	assert_ptr_equal(another, &another);
	weir_producer_close(producer[1]);
	assert_ok(weir_thread_get_producer(bus, &own));
	assert_status(WEIR_ELIMIT, weir_producer_open(bus, NULL, &another));
	weir_producer_close(producer[0]);
	weir_producer_close(producer[2]);
	unit_close(bus);
}

static void
test_producer_sizes(void **state)
{
	static const uint32_t bad[] = {1, 2048, 4095, 4097, 12288, 1u << 31, UINT32_MAX};
	weir_producer *producer = (weir_producer *)&producer;
	weir_producer_options options = WEIR_PRODUCER_OPTIONS_INIT;
	weir_bus *bus = unit_open(NULL, NULL);

	(void)state;
	for (size_t i = 0; i < WI_COUNT(bad); i++) {
		options.ring_size = bad[i];
		assert_status(WEIR_EINVAL, weir_producer_open(bus, &options, &producer));
	}
	options.ring_size = 0;
	options.size = 7;
	assert_status(WEIR_EINVAL, weir_producer_open(bus, &options, &producer));
	assert_status(WEIR_EINVAL, weir_producer_open(NULL, NULL, &producer));
	assert_status(WEIR_EINVAL, weir_producer_open(bus, NULL, NULL));
	assert_status(WEIR_EINVAL, weir_thread_get_producer(NULL, &producer));
	assert_status(WEIR_EINVAL, weir_thread_get_producer(bus, NULL));
	assert_ptr_equal(producer, &producer);
	options.size = sizeof options;
	for (uint32_t size = 4096; size <= 1u << 20; size *= 2) {
		options.ring_size = size;
		assert_ok(weir_producer_open(bus, &options, &producer));
		assert_int_equal(weir_producer_payload_size_max(producer), size / 4);
		assert_ok(weir_publish(producer, unit_topic(bus, "a"), "x", 1));
		weir_producer_close(producer);
	}
	unit_close(bus);
}

/* One place for producers, and many sizes of ring in turn. */
static void
test_producer_many_sizes(void **state)
{
	weir_bus_options options = small_bus();
	uint64_t count = 0;
	weir_bus *bus;

	(void)state;
	options.producer_count_max = 1;
	bus = unit_open(&options, NULL);
	unit_subscribe(bus, "a", unit_count, &count);
	for (uint32_t i = 0; i < 24; i++) {
		weir_producer_options producer_options = WEIR_PRODUCER_OPTIONS_INIT;
		weir_producer *producer = NULL;

		producer_options.ring_size = 4096u << (i % 8);
		assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
		assert_ok(weir_producer_open(bus, &producer_options, &producer));
		for (int n = 0; n < 10; n++)
			assert_ok(weir_publish(producer, unit_topic(bus, "a"), "abcdefgh", 8));
		weir_producer_close(producer);
	}
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(count, 240);
	unit_close(bus);
}

/* -- a thread's own --------------------------------------------------------- */

struct own {
	weir_bus *bus, *other;
	weir_producer *first;
	uint64_t wrong;
};

static void *
use_own(void *argument)
{
	struct own *own = argument;
	weir_producer *again = NULL, *others = NULL;
	weir_topic topic = {3};
	void *place;

	own->wrong += weir_thread_get_producer(own->bus, &own->first) != WEIR_OK;
	own->wrong += weir_thread_get_producer(own->other, &others) != WEIR_OK;
	own->wrong += weir_thread_get_producer(own->bus, &again) != WEIR_OK;
	own->wrong += again != own->first || others == own->first;
	own->wrong += weir_publish(own->first, topic, "x", 1) != WEIR_OK;
	own->wrong += weir_publish(others, topic, "x", 1) != WEIR_OK;
	weir_producer_close(own->first); /* is not closed by hand */
	own->wrong += weir_publish(own->first, topic, "x", 1) != WEIR_OK;
	own->wrong += weir_reserve(own->first, topic, NULL, 10, &place) != WEIR_OK;
	own->wrong += weir_reserve(own->first, topic, NULL, 10, &place) != WEIR_OK;
	return NULL;
}

static void
run_thread(void *(*run)(void *), void *argument)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run, argument), 0);
	pthread_join(thread, NULL);
}

static void
test_thread_producer(void **state)
{
	weir_bus_options options = small_bus();
	struct own own = {.wrong = 0};
	uint64_t count = 0;

	(void)state;
	options.producer_count_max = 1;
	own.bus = unit_open(&options, NULL);
	own.other = unit_open(NULL, NULL);
	unit_topic(own.bus, "a");
	unit_topic(own.other, "a");
	unit_subscribe(own.bus, "a", unit_count, &count);
	/* There is one place, which each thread gives back when it ends. */
	for (unsigned i = 1; i <= 20; i++) {
		weir_producer_counts counts;

		run_thread(use_own, &own);
		assert_int_equal(own.wrong, 0);
		assert_ok(weir_bus_flush(own.bus, UNIT_PATIENCE));
		counts = unit_all_producer_counts(own.bus);
		assert_int_equal(counts.committed, 2 * i);
		assert_int_equal(counts.aborted, 2 * i);
		assert_int_equal(counts.attempted, 4 * i);
		assert_int_equal(count, 2 * i);
		unit_assert_balanced(own.bus);
	}
	assert_int_equal(unit_all_producer_counts(own.other).committed, 20);
	unit_close(own.other);
	unit_close(own.bus);
}

static struct {
	weir_producer *got;
	bool same;
	weir_status status;
} handled;

static int
get_own_in_handler(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)context;
	handled.status = weir_thread_get_producer(delivery->bus, &handled.got);
	handled.same = handled.got == delivery->producer;
	weir_producer_close(delivery->producer); /* is not closed by hand either */
	return weir_publish(delivery->producer, (weir_topic){4}, NULL, 0);
}

static void
test_thread_producer_in_a_handler(void **state)
{
	weir_bus *bus = unit_open(NULL, NULL);
	weir_producer *producer = unit_producer(bus);
	uint64_t count = 0;

	(void)state;
	unit_topic(bus, "a");
	unit_topic(bus, "b");
	unit_subscribe(bus, "a", get_own_in_handler, NULL);
	unit_subscribe(bus, "b", unit_count, &count);
	assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(handled.status, WEIR_OK);
	assert_true(handled.same);
	assert_int_equal(count, 1);
	weir_producer_close(producer);
	unit_close(bus);
}

struct outlived {
	weir_bus *bus;
	sem_t got, closed;
	uint64_t wrong;
};

static void *
outlive_bus(void *argument)
{
	struct outlived *outlived = argument;
	weir_producer *producer = NULL;

	outlived->wrong += weir_thread_get_producer(outlived->bus, &producer) != WEIR_OK;
	outlived->wrong += weir_publish(producer, (weir_topic){3}, NULL, 0) != WEIR_OK;
	sem_post(&outlived->got);
	sem_wait(&outlived->closed);
	outlived->wrong += weir_publish(producer, (weir_topic){3}, NULL, 0) != WEIR_ECLOSED;
	return NULL;
}

static void
test_thread_outlives_bus(void **state)
{
	struct outlived outlived = {.wrong = 0};
	pthread_t thread;

	(void)state;
	sem_init(&outlived.got, 0, 0);
	sem_init(&outlived.closed, 0, 0);
	outlived.bus = unit_open(NULL, NULL);
	unit_topic(outlived.bus, "a");
	assert_int_equal(pthread_create(&thread, NULL, outlive_bus, &outlived), 0);
	sem_wait(&outlived.got);
	unit_close(outlived.bus);
	sem_post(&outlived.closed);
	pthread_join(thread, NULL);
	assert_int_equal(outlived.wrong, 0);
}

/* -- forks ------------------------------------------------------------------ */

struct forked {
	weir_bus *bus;
	weir_pool *pool;
	weir_producer *producer, *reserved, *own;
	weir_topic topic;
	weir_subscription subscription;
	uint64_t count;
	void *place;
};

static int
never_visit_topic(void *context, weir_topic topic)
{
	(void)topic;
	++*(int *)context;
	return 0;
}

static int
never_visit_pool(void *context, weir_pool *pool, const char *name)
{
	(void)pool, (void)name;
	++*(int *)context;
	return 0;
}

static int
never_visit_subscription(void *context, weir_subscription subscription, const char *name,
			 const char *pattern, weir_pool *pool)
{
	(void)subscription, (void)name, (void)pattern, (void)pool;
	++*(int *)context;
	return 0;
}

static int
publish_in_child(struct forked *forked, weir_producer *producer)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;
	void *place = NULL;

	for (int i = 0; i < 2; i++) {
		child_expect(weir_publish(producer, forked->topic, "x", 1) == WEIR_EFORKED);
		child_expect(weir_publish(producer, (weir_topic){0}, NULL, 7) == WEIR_EFORKED);
		child_expect(weir_publish_with(producer, forked->topic, &attributes, "x", 1) ==
			     WEIR_EFORKED);
		child_expect(weir_publish_wait(producer, forked->topic, NULL, "x", 1,
					       UNIT_PATIENCE) == WEIR_EFORKED);
		child_expect(weir_reserve(producer, forked->topic, NULL, 1, &place) ==
			     WEIR_EFORKED);
		child_expect(weir_reserve(producer, forked->topic, &attributes, 1, &place) ==
			     WEIR_EFORKED);
		child_expect(weir_commit(producer) == WEIR_EFORKED);
		weir_trim(producer, 0);
		weir_abort(producer);
	}
	child_expect(place == NULL);
	child_expect(weir_producer_get_counts(producer, &counts) == WEIR_EFORKED);
	child_expect(counts.attempted == 0);
	weir_producer_payload_size_max(producer);
	weir_producer_close(producer);
	return 0;
}

static int
use_in_child(void *context)
{
	weir_subscription_counts subscription_counts = WEIR_SUBSCRIPTION_COUNTS_INIT;
	weir_pool_counts pool_counts = WEIR_POOL_COUNTS_INIT;
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;
	struct forked *forked = context;
	weir_subscription subscription;
	weir_producer *producer = NULL;
	weir_topic topic = {0};
	int visits = 0;

	child_expect(publish_in_child(forked, forked->producer) == 0);
	child_expect(publish_in_child(forked, forked->reserved) == 0);
	child_expect(publish_in_child(forked, forked->own) == 0);
	child_expect(weir_bus_flush(forked->bus, UNIT_PATIENCE) == WEIR_EFORKED);
	child_expect(weir_bus_close(forked->bus, UNIT_PATIENCE, NULL) == WEIR_EFORKED);
	child_expect(weir_pool_flush(forked->pool, UNIT_PATIENCE) == WEIR_EFORKED);
	child_expect(weir_pool_get_counts(forked->pool, &pool_counts) == WEIR_EFORKED);
	child_expect(weir_topic_open(forked->bus, "new", &topic) == WEIR_EFORKED);
	child_expect(weir_topic_find(forked->bus, "a", &topic) == WEIR_EFORKED);
	child_expect(weir_subscribe(forked->bus, "a", unit_count, NULL, NULL, &subscription) ==
		     WEIR_EFORKED);
	child_expect(weir_unsubscribe(forked->bus, forked->subscription) == WEIR_EFORKED);
	child_expect(weir_unsubscribe_wait(forked->bus, forked->subscription, UNIT_PATIENCE) ==
		     WEIR_EFORKED);
	child_expect(weir_subscription_pause(forked->bus, forked->subscription, 1) == WEIR_EFORKED);
	child_expect(weir_subscription_get_counts(forked->bus, forked->subscription,
						  &subscription_counts) == WEIR_EFORKED);
	child_expect(weir_producer_open(forked->bus, NULL, &producer) == WEIR_EFORKED);
	child_expect(weir_thread_get_producer(forked->bus, &producer) == WEIR_EFORKED);
	child_expect(weir_bus_get_counts(forked->bus, &counts, NULL, NULL, NULL) == WEIR_EFORKED);
	weir_bus_enable(forked->bus, 0);
	weir_bus_each_topic(forked->bus, never_visit_topic, &visits);
	weir_bus_each_pool(forked->bus, never_visit_pool, &visits);
	weir_bus_each_subscription(forked->bus, never_visit_subscription, &visits);
	child_expect(visits == 0);
	child_expect(topic.id == 0);
	child_expect(producer == NULL);
	return 0;
}

static void
open_forked(struct forked *forked)
{
	*forked = (struct forked){.count = 0};
	forked->bus = unit_open(NULL, NULL);
	forked->pool = weir_bus_default_pool(forked->bus);
	forked->producer = unit_producer(forked->bus);
	forked->reserved = unit_producer(forked->bus);
	forked->topic = unit_topic(forked->bus, "a");
	forked->subscription = unit_subscribe(forked->bus, "a", unit_count, &forked->count);
	assert_ok(weir_thread_get_producer(forked->bus, &forked->own));
	assert_ok(weir_publish(forked->producer, forked->topic, "x", 1));
	assert_ok(weir_publish(forked->own, forked->topic, "x", 1));
	assert_ok(weir_reserve(forked->reserved, forked->topic, NULL, 100, &forked->place));
}

static void
close_forked(struct forked *forked)
{
	memset(forked->place, 1, 100);
	assert_ok(weir_commit(forked->reserved));
	assert_ok(weir_publish(forked->producer, forked->topic, "x", 1));
	assert_ok(weir_publish(forked->own, forked->topic, "x", 1));
	assert_ok(weir_bus_flush(forked->bus, UNIT_PATIENCE));
	assert_int_equal(forked->count, 5);
	assert_int_equal(unit_all_producer_counts(forked->bus).attempted, 5);
	weir_producer_close(forked->producer);
	weir_producer_close(forked->reserved);
	unit_close(forked->bus);
}

static void
test_fork(void **state)
{
	struct forked forked;

	(void)state;
	open_forked(&forked);
	assert_int_equal(unit_in_child(use_in_child, &forked), 0);
	assert_int_equal(unit_in_child(use_in_child, &forked), 0);
	close_forked(&forked);
}

/* If the parent had one at the fork; else a child may, as other tests here do. */
static int
open_in_child(void *context)
{
	weir_bus_options options = small_bus();
	weir_bus *bus = NULL;

	(void)context;
	child_expect(weir_bus_open(&options, NULL, &bus) == WEIR_EFORKED);
	child_expect(bus == NULL);
	return 0;
}

static void
test_bus_in_a_child(void **state)
{
	struct forked forked;

	(void)state;
	open_forked(&forked);
	for (int i = 0; i < 5; i++)
		assert_int_equal(unit_in_child(open_in_child, NULL), 0);
	close_forked(&forked);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_bad_pool_options),
		cmocka_unit_test(test_sizes_of_options),
		cmocka_unit_test(test_extreme_options),
		cmocka_unit_test(test_nothing_left),
		cmocka_unit_test(test_no_leak_after_unsubscribe),
		cmocka_unit_test(test_open_without_memory),
		cmocka_unit_test(test_producer_without_memory),
		cmocka_unit_test(test_flush_onward),
		cmocka_unit_test(test_flush_in_vain),
		cmocka_unit_test(test_close_delivers),
		cmocka_unit_test(test_close_report),
		cmocka_unit_test(test_close_while_publishing),
		cmocka_unit_test(test_calls_while_closing),
		cmocka_unit_test(test_close_with_a_stuck_handler),
		cmocka_unit_test(test_nobody_waits_in_a_handler),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_read_in_a_visit),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_topics),
		cmocka_unit_test(test_topic_limit),
		cmocka_unit_test(test_topics_without_memory),
		cmocka_unit_test(test_producer_reuse),
		cmocka_unit_test(test_close_with_events),
		cmocka_unit_test(test_producer_limit),
		cmocka_unit_test(test_producer_sizes),
		cmocka_unit_test(test_producer_many_sizes),
		cmocka_unit_test(test_thread_producer),
		cmocka_unit_test(test_thread_producer_in_a_handler),
		cmocka_unit_test(test_thread_outlives_bus),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_bus_in_a_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
