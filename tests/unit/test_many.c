/* SPDX-License-Identifier: MIT */
/* test_many.c - several events at once: all arrive as they are, in order, or none does. */
#include "unit.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"

enum { RING = 1 << 16, PAYLOAD_MAX = RING / 4, ITEMS_MAX = 4096, BYTES = 4 * RING };

struct seen {
	uint32_t topic, size, hops;
	uint64_t time, sequence;
	bool traced;
};

static struct seen seen[ITEMS_MAX];
static uint64_t seen_count, broken_count;
static unsigned char bytes[BYTES];

/* Byte i of an event of that size. */
static unsigned char
byte_of(uint32_t size, uint32_t i)
{
	return (unsigned char)(size * 31 + i * 7 + (i >> 8));
}

static int
see(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const unsigned char *data = weir_event_data(event);

	(void)context;
	seen[seen_count++ % ITEMS_MAX] = (struct seen){
		weir_event_topic(event).id, event->size, weir_event_hops(event), event->time,
		delivery->sequence, weir_event_trace(event) != NULL,
	};
	for (uint32_t i = 0; i < event->size; i++)
		broken_count += data[i] != byte_of(event->size, i);
	broken_count += (uintptr_t)data % 16 != 0;
	return 0;
}

struct fixture {
	weir_bus *bus;
	weir_producer *producer;
	weir_topic topics[2];
};

static struct fixture
open_fixture(void)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	struct fixture f;

	seen_count = broken_count = 0;
	options.ring_size = RING;
	f.bus = unit_open(&options, NULL);
	f.topics[0] = unit_topic(f.bus, "order.after.create");
	f.topics[1] = unit_topic(f.bus, "order.failed.create");
	f.producer = unit_producer(f.bus);
	unit_subscribe(f.bus, "order.>", see, NULL);
	return f;
}

static void
close_fixture(struct fixture *f, uint64_t attempted)
{
	assert_ok(weir_bus_flush(f->bus, UNIT_PATIENCE));
	assert_int_equal(unit_producer_counts(f->producer).attempted, attempted);
	assert_int_equal(broken_count, 0);
	unit_assert_balanced(f->bus);
	weir_producer_close(f->producer);
	unit_close(f->bus);
}

/* Sizes from `least` on, each `step` more; at odd addresses. */
static void
make_items(const struct fixture *f, weir_item *items, uint32_t count, uint32_t least, uint32_t step)
{
	uint32_t used = 1;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t size = least + i * step;

		assert_true(used + size <= BYTES);
		for (uint32_t b = 0; b < size; b++)
			bytes[used + b] = byte_of(size, b);
		items[i] = (weir_item){ f->topics[i % 2], size, size ? bytes + used : NULL };
		used += size;
	}
}

/* -- what arrives ----------------------------------------------------------- */

static void
expect(const struct fixture *f, uint32_t count, uint32_t least, uint32_t step, uint64_t before)
{
	assert_int_equal(seen_count, count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(seen[i].topic, f->topics[i % 2].id);
		assert_int_equal(seen[i].size, least + i * step);
		assert_int_equal(seen[i].sequence, before + i + 1);
		assert_int_equal(seen[i].hops, 0);
		assert_false(seen[i].traced);
		assert_true(seen[i].time == seen[0].time && seen[i].time > UNIT_SECOND);
	}
}

/* Some small enough for plain stores, most written past the caches; all over the ring's end, too. */
static void
test_sizes(void **state)
{
	static const struct { uint32_t count, least, step; } runs[] = {
		{ 1, 0, 0 }, { 1, 48, 0 }, { 3, 0, 1 }, { 64, 0, 1 }, { 100, 0, 1 }, { 200, 17, 1 },
		{ 256, 48, 0 }, { 300, 33, 0 }, { 1, PAYLOAD_MAX, 0 }, { 2, PAYLOAD_MAX - 100, 1 },
		{ 3, 12000, 2000 }, { ITEMS_MAX, 0, 0 }, { 1000, 45, 0 },
	};
	struct fixture f = open_fixture();
	static weir_item items[ITEMS_MAX];
	uint64_t attempted = 0;

	(void)state;
	for (int round = 0; round < 20; round++)
		for (size_t r = 0; r < WI_COUNT(runs); r++) {
			seen_count = 0;
			make_items(&f, items, runs[r].count, runs[r].least, runs[r].step);
			assert_ok(weir_publish_many(f.producer, items, runs[r].count));
			assert_ok(weir_bus_flush(f.bus, UNIT_PATIENCE));
			expect(&f, runs[r].count, runs[r].least, runs[r].step, attempted);
			attempted += runs[r].count;
		}
	close_fixture(&f, attempted);
}

/* First some that are empty; of the others some of a size that follow each other, and some alone. */
static void
make_mixed(const struct fixture *f, weir_item *items, uint32_t count, uint32_t empty)
{
	static const uint32_t sizes[] = { 8, 48, 48, 47, 47, 47, 16, 300, 300, 17, 0 };
	uint32_t used = 1;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t size = i < empty ? 0 : sizes[(i - empty) % WI_COUNT(sizes)];

		for (uint32_t b = 0; b < size; b++)
			bytes[used + b] = byte_of(size, b);
		items[i] = (weir_item){ f->topics[i % 2], size, size ? bytes + used : NULL };
		used += size;
	}
}

static void
test_mixed(void **state)
{
	struct fixture f = open_fixture();
	static weir_item items[350];
	uint64_t attempted = 0;

	(void)state;
	for (uint32_t count = 1; count <= WI_COUNT(items); count++) {
		seen_count = 0;
		make_mixed(&f, items, count, count % 7);
		assert_ok(weir_publish_many(f.producer, items, count));
		assert_ok(weir_bus_flush(f.bus, UNIT_PATIENCE));
		assert_int_equal(seen_count, count);
		for (uint32_t i = 0; i < count; i++)
			assert_true(seen[i].size == items[i].size && seen[i].topic == items[i].topic.id);
		attempted += count;
	}
	close_fixture(&f, attempted);
}

/* Nobody sees the first before the last: with all of it in the ring, or nothing. */
static void
test_all_at_once(void **state)
{
	struct fixture f = open_fixture();
	weir_item items[300];
	weir_producer_counts counts;

	(void)state;
	make_items(&f, items, 300, 48, 0);
	for (int round = 0; round < 200; round++) {
		assert_ok(weir_publish_many(f.producer, items, 300));
		counts = unit_producer_counts(f.producer);
		assert_int_equal(counts.committed % 300, 0);
		assert_ok(weir_bus_flush(f.bus, UNIT_PATIENCE));
	}
	assert_int_equal(seen_count, 200 * 300);
	close_fixture(&f, 200 * 300);
}

/* -- the tail comes last ---------------------------------------------------- */

enum { BATCH = 255, WORDS = 4 };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { BATCHES = 20000 };
#else
enum { BATCHES = 400000 };
#endif

struct order { uint64_t next, wrong; };

static int
check_order(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const uint64_t *words = weir_event_data(event);
	struct order *order = context;

	(void)delivery;
	order->wrong += words[0] != order->next || words[WORDS - 1] != order->next;
	order->next++;
	return 0;
}

/* This thread on the first processor that it may use, the others on the second, if there is one. */
static void
part(char ret_second[16], cpu_set_t *ret_before)
{
	cpu_set_t first;
	int cpu = 0;

	assert_int_equal(sched_getaffinity(0, sizeof *ret_before, ret_before), 0);
	*ret_second = '\0';
	if (CPU_COUNT(ret_before) < 2)
		return;
	while (!CPU_ISSET(cpu, ret_before))
		cpu++;
	CPU_ZERO(&first);
	CPU_SET(cpu, &first);
	assert_int_equal(sched_setaffinity(0, sizeof first, &first), 0);
	do
		cpu++;
	while (!CPU_ISSET(cpu, ret_before));
	snprintf(ret_second, 16, "%d", cpu);
}

/*
 * What is written past the caches is ordered by a fence alone: without it a dispatcher on another
 * processor sees the tail before the last records, whose line is not full.
 */
static void
test_tail_last(void **state)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	static uint64_t words[BATCH][WORDS];
	cpu_set_t before;
	char second[16];
	struct order order = { 0, 0 };
	weir_item items[BATCH];
	weir_producer *producer;
	weir_topic topic;
	weir_status status;
	weir_bus *bus;

	(void)state;
	options.ring_size = 1 << 18;
	part(second, &before);
	pool.wait = *second ? WEIR_WAIT_SPIN : WEIR_WAIT_YIELD;
	pool.cpus = *second ? second : NULL;
	bus = unit_open(&options, &pool);
	topic = unit_topic(bus, "order.after.create");
	producer = unit_producer(bus);
	unit_subscribe(bus, "order.>", check_order, &order);
	for (uint64_t n = 0; n < BATCHES * (uint64_t)BATCH; n += BATCH) {
		for (uint32_t i = 0; i < BATCH; i++) {
			for (uint32_t w = 0; w < WORDS; w++)
				words[i][w] = n + i;
			items[i] = (weir_item){ topic, sizeof words[i], words[i] };
		}
		while ((status = weir_publish_many(producer, items, BATCH)) == WEIR_EFULL)
			;
		assert_ok(status);
	}
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(order.next, BATCHES * (uint64_t)BATCH);
	assert_int_equal(order.wrong, 0);
	unit_assert_balanced(bus);
	weir_producer_close(producer);
	unit_close(bus);
	assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

/* -- what is inherited ------------------------------------------------------ */

static int
publish_on(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct fixture *f = context;
	weir_item items[300];

	(void)event;
	make_items(f, items, 300, 48, 0);
	return weir_publish_many(delivery->producer, items, 300) != WEIR_OK;
}

static void
test_inherited(void **state)
{
	static const weir_trace trace = { { 1, 2 }, { 3 }, 1 };
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	struct fixture f = open_fixture();

	(void)state;
	unit_subscribe(f.bus, "begin.after.create", publish_on, &f);
	attributes.trace = &trace;
	for (int traced = 0; traced < 2; traced++) {
		seen_count = 0;
		assert_ok(weir_publish_with(f.producer, unit_topic(f.bus, "begin.after.create"),
		                            traced ? &attributes : NULL, NULL, 0));
		assert_ok(weir_bus_flush(f.bus, UNIT_PATIENCE));
		assert_int_equal(seen_count, 300);
		for (int i = 0; i < 300; i++) {
			assert_int_equal(seen[i].hops, 1);
			assert_int_equal(seen[i].traced, traced);
		}
	}
	close_fixture(&f, 2);
}

static int
go_round(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_item items[2] = { { weir_event_topic(event), 0, NULL }, { weir_event_topic(event), 0, NULL } };

	(void)context;
	return weir_publish_many(delivery->producer, items, 2) != WEIR_OK;
}

/* Each generation twice as many, until there may be no more. */
static void
test_hops(void **state)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_producer *producer;
	weir_bus *bus;

	(void)state;
	options.hop_count_max = 3;
	bus = unit_open(&options, NULL);
	producer = unit_producer(bus);
	unit_subscribe(bus, "loop", go_round, NULL);
	assert_ok(weir_publish(producer, unit_topic(bus, "loop"), NULL, 0));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(unit_all_producer_counts(bus).refused_hops, 16);
	unit_assert_balanced(bus);
	weir_producer_close(producer);
	unit_close(bus);
}

/* -- what is refused -------------------------------------------------------- */

#define refused(f, status_, field, count_)                                                                  \
	do {                                                                                                \
		uint64_t before_ = unit_producer_counts((f)->producer).field;                               \
		assert_status(status_, weir_publish_many((f)->producer, items, count_));                    \
		assert_int_equal(unit_producer_counts((f)->producer).field, before_ + (count_));            \
	} while (0)

static void
test_refused(void **state)
{
	struct fixture f = open_fixture();
	static weir_item items[300];
	void *place;

	(void)state;
	make_items(&f, items, 300, 48, 0);
	assert_status(WEIR_EINVAL, weir_publish_many(NULL, items, 3));
	assert_status(WEIR_EINVAL, weir_publish_many(NULL, items, 0));
	assert_ok(weir_publish_many(f.producer, items, 0));
	assert_ok(weir_publish_many(f.producer, NULL, 0));
	assert_status(WEIR_EINVAL, weir_publish_many(f.producer, NULL, 7));
	assert_int_equal(unit_producer_counts(f.producer).refused_invalid, 7);
	/* Wherever it stands, also where there is known to be room, and no other look at it. */
	assert_ok(weir_publish_many(f.producer, items, 300));
	assert_ok(weir_bus_flush(f.bus, UNIT_PATIENCE));
	for (int i = 0; i < 300; i += i == 0 ? 150 : 149) {
		weir_item good = items[i];

		items[i].topic.id = 0;
		refused(&f, WEIR_EINVAL, refused_invalid, 300);
		items[i].topic.id = 1;
		refused(&f, WEIR_EINVAL, refused_invalid, 300);
		items[i] = (weir_item){ good.topic, 1, NULL };
		refused(&f, WEIR_EINVAL, refused_invalid, 300);
		items[i] = (weir_item){ good.topic, PAYLOAD_MAX + 1, bytes };
		refused(&f, WEIR_ETOOBIG, refused_size, 300);
		items[i] = good;
	}
	/* Each would fit, all never. */
	for (int i = 0; i < 5; i++)
		items[i] = (weir_item){ f.topics[0], PAYLOAD_MAX, bytes };
	refused(&f, WEIR_ETOOBIG, refused_size, 5);
	make_items(&f, items, 300, 48, 0);
	assert_ok(weir_reserve(f.producer, f.topics[0], NULL, 0, &place));
	refused(&f, WEIR_EBUSY, refused_busy, 300);
	assert_ok(weir_commit(f.producer));
	assert_ok(weir_bus_flush(f.bus, UNIT_PATIENCE));
	assert_int_equal(seen_count, 300 + 1);
	close_fixture(&f, 7 + 300 + 12 * 300 + 5 + 300 + 1);
}

static void
test_full(void **state)
{
	struct fixture f = open_fixture();
	struct unit_gate gate;
	weir_item items[300];
	uint64_t fitted = 0;

	(void)state;
	unit_gate_init(&gate);
	unit_subscribe(f.bus, "stop", unit_gate_handler, &gate);
	assert_ok(weir_publish(f.producer, unit_topic(f.bus, "stop"), NULL, 0));
	unit_gate_wait(&gate);
	make_items(&f, items, 300, 48, 0);
	while (weir_publish_many(f.producer, items, 300) == WEIR_OK)
		fitted += 300;
	assert_true(fitted >= 600 && fitted * 64 <= RING);
	assert_int_equal(unit_producer_counts(f.producer).refused_full, 300);
	refused(&f, WEIR_EFULL, refused_full, 300);
	/* Fewer may still fit. */
	assert_ok(weir_publish_many(f.producer, items, 1));
	/* The first of them would; whichever does not, nothing is written behind the limit. */
	for (uint32_t empty = 1; empty <= 70; empty++) {
		make_mixed(&f, items, 300, empty);
		refused(&f, WEIR_EFULL, refused_full, 300);
	}
	unit_gate_pass(&gate, 1);
	assert_ok(weir_bus_flush(f.bus, UNIT_PATIENCE));
	assert_int_equal(seen_count, fitted + 1);
	make_items(&f, items, 300, 48, 0);
	assert_ok(weir_publish_many(f.producer, items, 300));
	close_fixture(&f, 1 + fitted + 600 + 1 + 70 * 300 + 300);
}

static void
test_disabled_and_closed(void **state)
{
	struct fixture f = open_fixture();
	weir_item items[300];

	(void)state;
	make_items(&f, items, 300, 48, 0);
	weir_bus_enable(f.bus, 0);
	refused(&f, WEIR_OK, discarded, 300);
	items[7].topic.id = 0;
	refused(&f, WEIR_EINVAL, refused_invalid, 300);
	items[7].topic = f.topics[1];
	weir_bus_enable(f.bus, 1);
	assert_ok(weir_publish_many(f.producer, items, 300));
	unit_close(f.bus);
	assert_int_equal(seen_count, 300);
	refused(&f, WEIR_ECLOSED, refused_closed, 300);
	weir_producer_close(f.producer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_tail_last),
		cmocka_unit_test(test_inherited),
		cmocka_unit_test(test_hops),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_disabled_and_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
