/* SPDX-License-Identifier: MIT */
/* test_publish.c - publishing: what arrives, what is refused, what is counted. */
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "core/bus.h"
#include "core/record.h"

enum { RING = 4096, PAYLOAD_MAX = RING / 4, SEEN_MAX = 4096 };

static uint64_t
now_real(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * UNIT_SECOND + (uint64_t)now.tv_nsec;
}

/* -- what a handler saw ----------------------------------------------------- */

struct seen {
	weir_topic topic;
	uint32_t size, source, hops;
	uint64_t time, key, sequence;
	weir_trace trace;
	weir_origin origin;
	bool has_key, has_trace, replayed;
	unsigned char first, last;
};

static struct seen seen[SEEN_MAX];
static uint64_t seen_count, broken_count;

/* A payload is made of one byte, counted up. */
static void
fill(void *data, uint32_t size, unsigned seed)
{
	for (uint32_t i = 0; i < size; i++)
		((unsigned char *)data)[i] = (unsigned char)(seed + i);
}

static int
see(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const unsigned char *bytes = weir_event_data(event);
	struct seen *it = &seen[seen_count % SEEN_MAX];

	(void)context;
	*it = (struct seen){.topic = weir_event_topic(event),
			    .size = event->size,
			    .time = event->time,
			    .source = delivery->source,
			    .sequence = delivery->sequence,
			    .hops = weir_event_hops(event),
			    .replayed = weir_event_replayed(event)};
	it->has_key = weir_event_key(event, &it->key);
	if (weir_event_trace(event)) {
		it->has_trace = true;
		it->trace = *weir_event_trace(event);
	}
	if (weir_event_origin(event))
		it->origin = *weir_event_origin(event);
	if (event->size)
		it->first = bytes[0], it->last = bytes[event->size - 1];
	for (uint32_t i = 0; i < event->size; i++)
		if (bytes[i] != (unsigned char)(bytes[0] + i))
			broken_count++;
	if ((uintptr_t)bytes % 16)
		broken_count++;
	__atomic_store_n(&seen_count, seen_count + 1, __ATOMIC_RELEASE);
	return 0;
}

struct fixture {
	weir_bus *bus;
	weir_producer *producer;
	weir_topic topic;
	weir_subscription subscription;
};

static void
open_with(struct fixture *fixture, const weir_bus_options *options, const weir_pool_options *pool)
{
	seen_count = broken_count = 0;
	fixture->bus = unit_open(options, pool);
	fixture->topic = unit_topic(fixture->bus, "order.after.create");
	fixture->producer = unit_producer(fixture->bus);
	fixture->subscription = unit_subscribe(fixture->bus, "order.>", see, NULL);
}

static struct fixture
open_fixture(void)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	struct fixture fixture;

	options.ring_size = RING;
	open_with(&fixture, &options, NULL);
	return fixture;
}

/* With `attempts` calls made on its producer. */
static void
close_fixture(struct fixture *fixture, uint64_t attempts)
{
	uint64_t all;

	assert_ok(weir_bus_flush(fixture->bus, UNIT_PATIENCE));
	assert_int_equal(unit_producer_counts(fixture->producer).attempted, attempts);
	unit_assert_balanced(fixture->bus);
	all = unit_all_producer_counts(fixture->bus).attempted;
	assert_true(all >= attempts);
	weir_producer_close(fixture->producer);
	assert_int_equal(unit_all_producer_counts(fixture->bus).attempted, all);
	assert_int_equal(broken_count, 0);
	unit_close(fixture->bus);
}

static void
flush(const struct fixture *fixture)
{
	assert_ok(weir_bus_flush(fixture->bus, UNIT_PATIENCE));
}

/* -- what arrives ----------------------------------------------------------- */

static void
test_every_size(void **state)
{
	struct fixture f = open_fixture();
	unsigned char data[PAYLOAD_MAX];

	(void)state;
	assert_int_equal(weir_producer_payload_size_max(f.producer), PAYLOAD_MAX);
	for (uint32_t size = 0; size <= PAYLOAD_MAX; size++) {
		fill(data, size, size);
		assert_ok(weir_publish_wait(f.producer, f.topic, NULL, data, size, UNIT_PATIENCE));
	}
	flush(&f);
	assert_int_equal(seen_count, PAYLOAD_MAX + 1);
	for (uint32_t size = 0; size <= PAYLOAD_MAX; size++) {
		const struct seen *it = &seen[size];

		assert_int_equal(it->size, size);
		assert_int_equal(it->topic.id, f.topic.id);
		assert_int_equal(it->sequence, size + 1);
		assert_int_equal(it->source, seen[0].source);
		assert_int_equal(it->hops, 0);
		assert_false(it->has_key || it->has_trace || it->replayed);
		if (size) {
			assert_int_equal(it->first, (unsigned char)size);
			assert_int_equal(it->last, (unsigned char)(2 * size - 1));
		}
	}
	close_fixture(&f, PAYLOAD_MAX + 1);
}

static const weir_trace some_trace = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
				      {21, 22, 23, 24, 25, 26, 27, 28},
				      1};

static const weir_origin some_origin = {{31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46},
					 0x8877665544332211};

static weir_attributes
attributes_of(unsigned kind)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;

	attributes.flags = kind & 7;
	attributes.key = 0x1122334455667788;
	attributes.time = 1234567890123456789;
	attributes.trace = kind & 8 ? &some_trace : NULL;
	attributes.hops = kind & 16 ? 5 : 0;
	attributes.origin = kind & 32 ? &some_origin : NULL;
	return attributes;
}

static void
expect_attributes(const struct seen *it, unsigned kind)
{
	assert_int_equal(it->has_key, (kind & WEIR_ATTRIBUTE_KEY) != 0);
	if (it->has_key)
		assert_true(it->key == 0x1122334455667788);
	if (kind & WEIR_ATTRIBUTE_TIME)
		assert_true(it->time == 1234567890123456789);
	else
		assert_true(it->time > UNIT_SECOND && it->time != 1234567890123456789);
	assert_int_equal(it->replayed, (kind & WEIR_ATTRIBUTE_REPLAYED) != 0);
	assert_memory_equal(&it->origin,
			    kind & 32 && it->replayed ? &some_origin : &(weir_origin){.number = 0},
			    sizeof it->origin);
	assert_int_equal(it->has_trace, (kind & 8) != 0);
	if (it->has_trace)
		assert_memory_equal(&it->trace, &some_trace, sizeof some_trace);
	assert_int_equal(it->hops, kind & 16 ? 5 : 0);
}

/* Every set of attributes, through publish_with, publish_wait and reserve, with several sizes. */
static void
test_attributes(void **state)
{
	static const uint32_t sizes[] = {0, 1, 7, 8, 9, 16, 100, PAYLOAD_MAX};
	weir_subscription_options replayed = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct fixture f = open_fixture();
	unsigned char data[PAYLOAD_MAX];
	weir_subscription subscription;
	uint64_t attempts = 0;

	(void)state;
	replayed.flags = WEIR_SUBSCRIPTION_REPLAYED;
	assert_ok(weir_unsubscribe(f.bus, f.subscription));
	assert_ok(weir_subscribe(f.bus, "order.>", see, NULL, &replayed, &subscription));
	for (unsigned kind = 0; kind < 64; kind++)
		for (size_t s = 0; s < WI_COUNT(sizes); s++) {
			weir_attributes attributes = attributes_of(kind);
			void *place = NULL;

			seen_count = 0;
			fill(data, sizes[s], kind);
			assert_ok(weir_publish_with(f.producer, f.topic, &attributes, data,
						    sizes[s]));
			assert_ok(weir_publish_wait(f.producer, f.topic, &attributes, data,
						    sizes[s], 0));
			flush(&f);
			assert_ok(weir_reserve(f.producer, f.topic, &attributes, sizes[s], &place));
			assert_int_equal((uintptr_t)place % 16, 0);
			fill(place, sizes[s], kind);
			assert_ok(weir_commit(f.producer));
			attempts += 3;
			flush(&f);
			assert_int_equal(seen_count, 3);
			for (int i = 0; i < 3; i++) {
				assert_int_equal(seen[i].size, sizes[s]);
				expect_attributes(&seen[i], kind);
			}
		}
	close_fixture(&f, attempts);
}

/* An attributes struct of a later version, with nothing in it that we do not know. */
static void
test_larger_attributes(void **state)
{
	struct {
		weir_attributes known;
		uint64_t later;
	} larger = {.later = 0};
	struct fixture f = open_fixture();

	(void)state;
	larger.known = attributes_of(WEIR_ATTRIBUTE_KEY);
	larger.known.size = sizeof larger;
	assert_ok(weir_publish_with(f.producer, f.topic, &larger.known, NULL, 0));
	flush(&f);
	assert_true(seen[0].has_key);
	close_fixture(&f, 1);
}

/* Who does not want replayed events is not due them. */
static void
test_replayed(void **state)
{
	weir_attributes attributes = attributes_of(WEIR_ATTRIBUTE_REPLAYED);
	struct fixture f = open_fixture();

	(void)state;
	assert_ok(weir_publish_with(f.producer, f.topic, &attributes, NULL, 0));
	assert_ok(weir_publish(f.producer, f.topic, NULL, 0));
	flush(&f);
	assert_int_equal(seen_count, 1);
	assert_false(seen[0].replayed);
	assert_int_equal(seen[0].sequence, 2);
	assert_int_equal(unit_subscription_counts(f.bus, f.subscription).due, 1);
	assert_int_equal(unit_pool_counts(f.bus).routed, 2);
	close_fixture(&f, 2);
}

static int
see_and_publish(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_topic *onward = context;

	see(event, delivery, NULL);
	return weir_publish(delivery->producer, *onward, "\1", 1);
}

/* What a handler publishes about a replayed event is replayed, from nowhere; about the next one it is not. */
static void
test_replayed_onward(void **state)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_attributes attributes = attributes_of(WEIR_ATTRIBUTE_REPLAYED | 32);
	weir_subscription first, second, live;
	struct fixture f = open_fixture();
	weir_topic onward;

	(void)state;
	options.flags = WEIR_SUBSCRIPTION_REPLAYED;
	assert_ok(weir_unsubscribe(f.bus, f.subscription));
	assert_ok(weir_topic_open(f.bus, "onward.after.update", &onward));
	assert_ok(weir_subscribe(f.bus, "order.>", see_and_publish, &onward, &options, &first));
	assert_ok(weir_subscribe(f.bus, "onward.>", see, NULL, &options, &second));
	assert_ok(weir_subscribe(f.bus, "onward.>", see, NULL, NULL, &live));
	assert_ok(weir_publish_with(f.producer, f.topic, &attributes, NULL, 0));
	flush(&f);
	flush(&f);
	assert_int_equal(seen_count, 2);
	assert_true(seen[0].replayed && seen[1].replayed);
	assert_memory_equal(&seen[1].origin, &(weir_origin){.number = 0}, sizeof seen[1].origin);
	assert_int_equal(seen[1].hops, 1);
	assert_ok(weir_publish(f.producer, f.topic, NULL, 0));
	flush(&f);
	flush(&f);
	assert_int_equal(seen_count, 5);
	for (int i = 2; i < 5; i++)
		assert_false(seen[i].replayed);
	assert_int_equal(unit_subscription_counts(f.bus, live).due, 1);
	close_fixture(&f, 2);
}

/* A program that knows no origins has attributes that end before it. */
static void
test_smaller_attributes(void **state)
{
	weir_attributes attributes = attributes_of(WEIR_ATTRIBUTE_REPLAYED);
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct fixture f = open_fixture();
	weir_subscription subscription;

	(void)state;
	options.flags = WEIR_SUBSCRIPTION_REPLAYED;
	assert_ok(weir_subscribe(f.bus, "order.>", see, NULL, &options, &subscription));
	attributes.size = offsetof(weir_attributes, origin);
	attributes.origin = (const weir_origin *)1;
	assert_ok(weir_publish_with(f.producer, f.topic, &attributes, NULL, 0));
	attributes.size--;
	assert_int_equal(weir_publish_with(f.producer, f.topic, &attributes, NULL, 0), WEIR_EINVAL);
	flush(&f);
	assert_int_equal(seen_count, 1);
	expect_attributes(&seen[0], WEIR_ATTRIBUTE_REPLAYED);
	close_fixture(&f, 2);
}

/* -- reserve, trim, commit, abort ------------------------------------------- */

static void
reserve_filled(const struct fixture *f, uint32_t size, unsigned seed)
{
	void *place = NULL;

	assert_ok(weir_reserve(f->producer, f->topic, NULL, size, &place));
	assert_int_equal((uintptr_t)place % 16, 0);
	fill(place, size, seed);
}

static void
test_several_to_a_commit(void **state)
{
	struct fixture f = open_fixture();

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		reserve_filled(&f, i * 3, i);
	flush(&f); /* an open reservation holds up nothing */
	assert_int_equal(seen_count, 0);
	assert_int_equal(unit_producer_counts(f.producer).attempted, 0);
	assert_ok(weir_commit(f.producer));
	flush(&f);
	assert_int_equal(seen_count, 10);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(seen[i].size, i * 3);
		assert_int_equal(seen[i].sequence, i + 1);
		if (i)
			assert_int_equal(seen[i].first, i);
	}
	assert_int_equal(unit_producer_counts(f.producer).committed, 10);
	assert_ok(weir_commit(f.producer)); /* none is open */
	close_fixture(&f, 10);
}

static void
test_abort(void **state)
{
	struct fixture f = open_fixture();

	(void)state;
	weir_abort(f.producer);
	for (int i = 0; i < 3; i++)
		reserve_filled(&f, 50, 1);
	weir_abort(f.producer);
	assert_int_equal(unit_producer_counts(f.producer).aborted, 3);
	assert_ok(weir_commit(f.producer));
	assert_ok(weir_publish(f.producer, f.topic, "x", 1));
	flush(&f);
	assert_int_equal(seen_count, 1);
	assert_int_equal(seen[0].sequence, 1); /* of what was committed */
	close_fixture(&f, 4);
}

static void
test_trim(void **state)
{
	struct fixture f = open_fixture();
	weir_attributes attributes = attributes_of(WEIR_ATTRIBUTE_KEY | 8);
	unsigned char *place = NULL;

	(void)state;
	weir_trim(f.producer, 0); /* nothing is open */
	for (uint32_t from = 0; from <= 64; from++)
		for (uint32_t to = 0; to <= from + 1; to++) {
			seen_count = 0;
			reserve_filled(&f, 5, 9);
			assert_ok(weir_reserve(f.producer, f.topic, from % 2 ? &attributes : NULL,
					       from, (void **)&place));
			fill(place, from, 3);
			weir_trim(f.producer, to + (from - to) / 2);
			weir_trim(f.producer, to);
			reserve_filled(&f, 1, 7);
			assert_ok(weir_commit(f.producer));
			flush(&f);
			assert_int_equal(seen_count, 3);
			assert_int_equal(seen[0].size, 5);
			assert_int_equal(seen[1].size, to < from ? to : from);
			assert_int_equal(seen[1].has_key, from % 2);
			assert_int_equal(seen[1].has_trace, from % 2);
			if (from % 2) {
				assert_true(seen[1].key == 0x1122334455667788);
				assert_memory_equal(&seen[1].trace, &some_trace, sizeof some_trace);
			}
			assert_int_equal(seen[2].first, 7);
		}
	close_fixture(&f, unit_producer_counts(f.producer).committed);
}

/* What trim gives back is there for the next; a refused reserve leaves the open ones. */
static void
test_trim_makes_room(void **state)
{
	struct fixture f = open_fixture();
	void *place, *again = &f;

	(void)state;
	for (int i = 0; i < 3; i++)
		reserve_filled(&f, PAYLOAD_MAX - 16, (unsigned)i);
	reserve_filled(&f, PAYLOAD_MAX - 32, 3);
	assert_status(WEIR_EFULL, weir_reserve(f.producer, f.topic, NULL, 16, &again));
	assert_ptr_equal(again, &f);
	assert_ok(weir_reserve(f.producer, f.topic, NULL, 0, &place));
	assert_status(WEIR_EFULL, weir_reserve(f.producer, f.topic, NULL, 0, &again));
	assert_ok(weir_commit(f.producer));
	flush(&f);
	assert_int_equal(seen_count, 5);
	for (int i = 0; i < 3; i++)
		reserve_filled(&f, PAYLOAD_MAX - 16, (unsigned)i);
	reserve_filled(&f, PAYLOAD_MAX - 16, 3);
	weir_trim(f.producer, 16);
	for (int i = 0; i < (PAYLOAD_MAX - 32) / 16; i++)
		assert_ok(weir_reserve(f.producer, f.topic, NULL, 0, &place));
	assert_status(WEIR_EFULL, weir_reserve(f.producer, f.topic, NULL, 0, &again));
	weir_abort(f.producer);
	close_fixture(&f, 5 + 2 + 4 + (PAYLOAD_MAX - 32) / 16 + 1);
}

/* -- what is refused -------------------------------------------------------- */

static void
test_bad_topics(void **state)
{
	struct fixture f = open_fixture();
	const uint32_t bad[] = {0,
				1,
				2,
				f.topic.id + 1,
				WEIR_TOPIC_MASK_,
				WEIR_TOPIC_MASK_ + 1 + f.topic.id,
				UINT32_MAX};
	void *place = &f;

	(void)state;
	for (size_t i = 0; i < WI_COUNT(bad); i++) {
		weir_topic topic = {bad[i]};

		assert_status(WEIR_EINVAL, weir_publish(f.producer, topic, "x", 1));
		assert_status(WEIR_EINVAL, weir_publish_with(f.producer, topic, NULL, "x", 1));
		assert_status(WEIR_EINVAL,
			      weir_publish_wait(f.producer, topic, NULL, "x", 1, UNIT_PATIENCE));
		assert_status(WEIR_EINVAL, weir_reserve(f.producer, topic, NULL, 1, &place));
	}
	assert_ptr_equal(place, &f);
	assert_int_equal(unit_producer_counts(f.producer).refused_invalid, 4 * WI_COUNT(bad));
	/* One that is made later is known at once. */
	assert_ok(weir_publish(f.producer, unit_topic(f.bus, "order.later"), "x", 1));
	close_fixture(&f, 4 * WI_COUNT(bad) + 1);
}

static void
test_bad_attributes(void **state)
{
	struct fixture f = open_fixture();
	weir_attributes bad[4];
	void *place = &f;

	(void)state;
	for (size_t i = 0; i < WI_COUNT(bad); i++)
		bad[i] = attributes_of(0);
	bad[0].size = offsetof(weir_attributes, origin) - 1;
	bad[1].flags = 8;
	bad[2].flags = 0x80000001;
	bad[3].hops = 32;
	for (size_t i = 0; i < WI_COUNT(bad); i++) {
		assert_status(WEIR_EINVAL, weir_publish_with(f.producer, f.topic, &bad[i], "x", 1));
		assert_status(WEIR_EINVAL,
			      weir_publish_wait(f.producer, f.topic, &bad[i], "x", 1, 0));
		assert_status(WEIR_EINVAL, weir_reserve(f.producer, f.topic, &bad[i], 1, &place));
	}
	assert_ptr_equal(place, &f);
	assert_int_equal(unit_producer_counts(f.producer).refused_invalid, 12);
	close_fixture(&f, 12);
}

static void
test_bad_pointers(void **state)
{
	struct fixture f = open_fixture();
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;
	void *place = &f;

	(void)state;
	assert_status(WEIR_EINVAL, weir_publish(NULL, f.topic, "x", 1));
	assert_status(WEIR_EINVAL, weir_publish_with(NULL, f.topic, NULL, "x", 1));
	assert_status(WEIR_EINVAL, weir_publish_wait(NULL, f.topic, NULL, "x", 1, 0));
	assert_status(WEIR_EINVAL, weir_reserve(NULL, f.topic, NULL, 1, &place));
	assert_status(WEIR_EINVAL, weir_commit(NULL));
	weir_abort(NULL);
	weir_trim(NULL, 1);
	weir_producer_close(NULL);
	assert_int_equal(weir_producer_payload_size_max(NULL), 0);
	assert_status(WEIR_EINVAL, weir_producer_get_counts(NULL, &counts));
	assert_status(WEIR_EINVAL, weir_producer_get_counts(f.producer, NULL));
	counts.size = sizeof counts.size - 1;
	assert_status(WEIR_EINVAL, weir_producer_get_counts(f.producer, &counts));

	assert_status(WEIR_EINVAL, weir_publish(f.producer, f.topic, NULL, 1));
	assert_status(WEIR_EINVAL, weir_publish_with(f.producer, f.topic, NULL, NULL, 1));
	assert_status(WEIR_EINVAL, weir_publish_wait(f.producer, f.topic, NULL, NULL, 1, 0));
	assert_status(WEIR_EINVAL, weir_reserve(f.producer, f.topic, NULL, 1, NULL));
	assert_ok(weir_publish(f.producer, f.topic, NULL, 0));
	assert_ptr_equal(place, &f);
	assert_int_equal(unit_producer_counts(f.producer).refused_invalid, 4);
	close_fixture(&f, 5);
}

static void
test_too_big(void **state)
{
	static const uint32_t sizes[] = {
		PAYLOAD_MAX + 1, RING,           1u << 31,  UINT32_MAX - 16,
		UINT32_MAX - 15, UINT32_MAX - 1, UINT32_MAX};
	struct fixture f = open_fixture();
	unsigned char data[PAYLOAD_MAX] = {0};
	weir_attributes attributes = attributes_of(WEIR_ATTRIBUTE_KEY | 8);
	void *place = &f;

	(void)state;
	for (size_t i = 0; i < WI_COUNT(sizes); i++) {
		assert_status(WEIR_ETOOBIG, weir_publish(f.producer, f.topic, data, sizes[i]));
		assert_status(WEIR_ETOOBIG,
			      weir_publish_with(f.producer, f.topic, &attributes, data, sizes[i]));
		assert_status(WEIR_ETOOBIG, weir_publish_wait(f.producer, f.topic, NULL, data,
							      sizes[i], UNIT_PATIENCE));
		assert_status(WEIR_ETOOBIG,
			      weir_reserve(f.producer, f.topic, NULL, sizes[i], &place));
	}
	assert_ptr_equal(place, &f);
	assert_int_equal(unit_producer_counts(f.producer).refused_size, 4 * WI_COUNT(sizes));
	close_fixture(&f, 4 * WI_COUNT(sizes));
}

/* Hops that a bridge brings along. */
static void
test_hops_given(void **state)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	struct fixture f;
	void *place;

	(void)state;
	options.hop_count_max = 3;
	open_with(&f, &options, NULL);
	attributes.hops = 3;
	assert_ok(weir_publish_with(f.producer, f.topic, &attributes, NULL, 0));
	attributes.hops = 4;
	assert_status(WEIR_ELOOP, weir_publish_with(f.producer, f.topic, &attributes, NULL, 0));
	assert_status(WEIR_ELOOP,
		      weir_publish_wait(f.producer, f.topic, &attributes, NULL, 0, UNIT_PATIENCE));
	attributes.hops = 31;
	assert_status(WEIR_ELOOP, weir_reserve(f.producer, f.topic, &attributes, 0, &place));
	assert_int_equal(unit_producer_counts(f.producer).refused_hops, 3);
	flush(&f);
	assert_int_equal(seen_count, 1);
	assert_int_equal(seen[0].hops, 3);
	close_fixture(&f, 4);
}

/* -- a full ring ------------------------------------------------------------ */

struct full {
	struct fixture f;
	struct unit_gate gate;
	uint64_t attempts;
};

/* The dispatcher is in the first event; the ring takes what it can and no more. */
static void
fill_ring(struct full *full)
{
	weir_subscription stopper;

	full->f = open_fixture();
	unit_gate_init(&full->gate);
	stopper = unit_subscribe(full->f.bus, "stop", unit_gate_handler, &full->gate);
	assert_ok(weir_publish(full->f.producer, unit_topic(full->f.bus, "stop"), NULL, 0));
	unit_gate_wait(&full->gate);
	for (int i = 1; i < RING / 16; i++)
		assert_ok(weir_publish(full->f.producer, full->f.topic, NULL, 0));
	full->attempts = RING / 16;
	(void)stopper;
}

static void
test_full(void **state)
{
	weir_attributes attributes = attributes_of(WEIR_ATTRIBUTE_KEY);
	struct full full;
	void *place = &full;

	(void)state;
	fill_ring(&full);
	for (int i = 0; i < 3; i++) {
		assert_status(WEIR_EFULL, weir_publish(full.f.producer, full.f.topic, NULL, 0));
		assert_status(WEIR_EFULL, weir_publish_with(full.f.producer, full.f.topic,
							    &attributes, "x", 1));
		assert_status(WEIR_EFULL,
			      weir_reserve(full.f.producer, full.f.topic, NULL, 0, &place));
	}
	assert_ptr_equal(place, &full);
	assert_ok(weir_commit(full.f.producer));
	assert_int_equal(unit_producer_counts(full.f.producer).refused_full, 9);
	unit_gate_pass(&full.gate, 1);
	flush(&full.f);
	assert_int_equal(seen_count, RING / 16 - 1);
	assert_ok(weir_publish(full.f.producer, full.f.topic, NULL, 0));
	close_fixture(&full.f, full.attempts + 10);
}

static void
test_wait_in_vain(void **state)
{
	struct full full;
	uint64_t before;

	(void)state;
	fill_ring(&full);
	before = unit_now();
	assert_status(WEIR_ETIMEDOUT,
		      weir_publish_wait(full.f.producer, full.f.topic, NULL, NULL, 0, 0));
	assert_status(WEIR_ETIMEDOUT,
		      weir_publish_wait(full.f.producer, full.f.topic, NULL, NULL, 0, 10000000));
	assert_true(unit_now() - before >= 10000000);
	assert_int_equal(unit_producer_counts(full.f.producer).refused_full, 2);
	unit_gate_pass(&full.gate, 1);
	close_fixture(&full.f, full.attempts + 2);
}

static void *
pass_later(void *argument)
{
	nanosleep(&(struct timespec){0, 5000000}, NULL);
	unit_gate_pass(argument, 1);
	return NULL;
}

static void
test_wait_for_room(void **state)
{
	struct full full;
	pthread_t thread;

	(void)state;
	fill_ring(&full);
	assert_int_equal(pthread_create(&thread, NULL, pass_later, &full.gate), 0);
	assert_ok(weir_publish_wait(full.f.producer, full.f.topic, NULL, "x", 1, WEIR_FOREVER));
	pthread_join(thread, NULL);
	flush(&full.f);
	assert_int_equal(seen_count, RING / 16);
	assert_int_equal(seen[seen_count - 1].first, 'x');
	assert_int_equal(unit_producer_counts(full.f.producer).refused_full, 0);
	close_fixture(&full.f, full.attempts + 1);
}

/* -- in mid-publish --------------------------------------------------------- */

/*
 * A call that reads from a page which may not be read is interrupted by SIGSEGV, always in the
 * middle; the handler makes every other call there is, and then lets the page be read.
 */
enum {
	INNER_PUBLISH,
	INNER_WITH,
	INNER_WAIT,
	INNER_RESERVE,
	INNER_RESERVE_WITH,
	INNER_COMMIT,
	INNER_ABORT,
	INNER_TRIM,
	INNERS
};

static struct {
	struct fixture *f;
	unsigned char *page;
	unsigned inner;
	weir_status status;
	void *place;
} nested;

static weir_status
call_inner(const struct fixture *f)
{
	weir_attributes attributes = attributes_of(WEIR_ATTRIBUTE_KEY);

	switch (nested.inner) {
	case INNER_PUBLISH:
		return weir_publish(f->producer, f->topic, "x", 1);
	case INNER_WITH:
		return weir_publish_with(f->producer, f->topic, &attributes, "x", 1);
	case INNER_WAIT:
		return weir_publish_wait(f->producer, f->topic, NULL, "x", 1, UNIT_PATIENCE);
	case INNER_RESERVE:
		return weir_reserve(f->producer, f->topic, NULL, 1, &nested.place);
	case INNER_RESERVE_WITH:
		return weir_reserve(f->producer, f->topic, &attributes, 1, &nested.place);
	case INNER_COMMIT:
		return weir_commit(f->producer);
	case INNER_ABORT:
		weir_abort(f->producer);
		return WEIR_EBUSY;
	default:
		weir_trim(f->producer, 0);
		return WEIR_EBUSY;
	}
}

static void
on_fault(int number)
{
	(void)number;
	nested.status = call_inner(nested.f);
	mprotect(nested.page, 4096, PROT_READ | PROT_WRITE);
}

static weir_status
call_outer(const struct fixture *f, unsigned outer)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	void *place;

	mprotect(nested.page, 4096, PROT_NONE);
	attributes.trace = (const weir_trace *)nested.page;
	switch (outer) {
	case 0:
		return weir_publish(f->producer, f->topic, nested.page, 100);
	case 1:
		return weir_publish_with(f->producer, f->topic, NULL, nested.page, 100);
	case 2:
		return weir_publish_wait(f->producer, f->topic, NULL, nested.page, 100,
					 UNIT_PATIENCE);
	default:
		return weir_reserve(f->producer, f->topic, &attributes, 0, &place);
	}
}

static void
test_busy_inside(void **state)
{
	struct sigaction action = {.sa_handler = on_fault}, before;
	struct fixture f = open_fixture();
	uint64_t attempts = 0, busy = 0;

	(void)state;
	nested.f = &f;
	nested.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fill(nested.page, 100, 1);
	sigaction(SIGSEGV, &action, &before);
	for (unsigned outer = 0; outer < 5; outer++)
		for (nested.inner = 0; nested.inner < INNERS; nested.inner++) {
			nested.status = WEIR_OK;
			nested.place = &nested;
			if (outer == 4)
				reserve_filled(&f, 30, 2), attempts++;
			assert_ok(call_outer(&f, outer));
			attempts++;
			assert_int_equal(nested.status, WEIR_EBUSY);
			assert_ptr_equal(nested.place, &nested);
			if (nested.inner < INNER_COMMIT)
				attempts++, busy++;
			assert_ok(weir_commit(f.producer));
			flush(&f);
		}
	sigaction(SIGSEGV, &before, NULL);
	munmap(nested.page, 4096);
	assert_int_equal(unit_producer_counts(f.producer).refused_busy, busy);
	assert_int_equal(unit_producer_counts(f.producer).committed, attempts - busy);
	close_fixture(&f, attempts);
}

/* While reservations are open only reserving goes on. */
static void
test_busy_open(void **state)
{
	struct fixture f = open_fixture();

	(void)state;
	reserve_filled(&f, 10, 1);
	nested.f = &f;
	for (nested.inner = INNER_PUBLISH; nested.inner <= INNER_WAIT; nested.inner++)
		assert_status(WEIR_EBUSY, call_inner(&f));
	for (; nested.inner <= INNER_RESERVE_WITH; nested.inner++) {
		assert_ok(call_inner(&f));
		weir_trim(f.producer, 0);
	}
	assert_status(WEIR_EBUSY, weir_publish(f.producer, f.topic, NULL, 0));
	assert_ok(weir_commit(f.producer));
	assert_ok(weir_publish(f.producer, f.topic, NULL, 0));
	reserve_filled(&f, 10, 1);
	weir_abort(f.producer);
	assert_ok(weir_publish(f.producer, f.topic, NULL, 0));
	flush(&f);
	assert_int_equal(seen_count, 5);
	assert_int_equal(unit_producer_counts(f.producer).refused_busy, 4);
	close_fixture(&f, 10);
}

/* -- signals ---------------------------------------------------------------- */

/* A thread and its signal handlers share a producer: a call is done whole, or refused as busy. */
static struct {
	struct fixture f;
	volatile uint64_t attempts, done;
} signalled;

static void
publish_in_signal(int number)
{
	unsigned char data[40];
	weir_status status;

	(void)number;
	fill(data, sizeof data, 100);
	status = weir_publish(signalled.f.producer, signalled.f.topic, data, sizeof data);
	signalled.attempts = signalled.attempts + 1;
	signalled.done = signalled.done + (status == WEIR_OK);
	if (status != WEIR_OK && status != WEIR_EBUSY && status != WEIR_EFULL)
		_exit(99);
}

/* Asserts nothing while signals come. How many calls ended as none should. */
static uint64_t
publish_between_signals(uint64_t *attempts, uint64_t *done)
{
	unsigned char data[48];
	uint64_t end = unit_now() + UNIT_SECOND / 2, wrong = 0;
	void *place = NULL;

	for (uint64_t i = 0; i % 64 || unit_now() < end; i++) {
		weir_status status;

		*attempts += 1;
		fill(data, sizeof data, (unsigned)i);
		if (i % 2 == 0) {
			status = weir_publish(signalled.f.producer, signalled.f.topic, data,
					      sizeof data);
		} else {
			status = weir_reserve(signalled.f.producer, signalled.f.topic, NULL, 48,
					      &place);
			if (status == WEIR_OK) {
				memcpy(place, data, 48);
				wrong += weir_commit(signalled.f.producer) != WEIR_OK;
			}
		}
		wrong += status != WEIR_OK && status != WEIR_EFULL;
		*done += status == WEIR_OK;
	}
	return wrong;
}

static void
test_signals(void **state)
{
	struct sigaction action = {.sa_handler = publish_in_signal, .sa_flags = SA_RESTART}, before;
	struct itimerval often = {{0, 15}, {0, 15}}, never = {{0, 0}, {0, 0}};
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	uint64_t attempts = 0, done = 0, wrong;
	weir_producer_counts counts;

	(void)state;
	open_with(&signalled.f, &options, NULL);
	signalled.attempts = signalled.done = 0;
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &often, NULL);
	wrong = publish_between_signals(&attempts, &done);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	flush(&signalled.f);
	counts = unit_producer_counts(signalled.f.producer);
	print_message("# %lu signals, %lu refused as busy\n", (unsigned long)signalled.attempts,
		      (unsigned long)counts.refused_busy);
	assert_int_equal(wrong, 0);
	assert_int_equal(counts.committed, done + signalled.done);
	assert_int_equal(seen_count, counts.committed);
	assert_int_equal(seen[(seen_count - 1) % SEEN_MAX].sequence, seen_count);
	close_fixture(&signalled.f, attempts + signalled.attempts);
}

/* -- clocks and fences ------------------------------------------------------ */

static void
test_clock_tick(void **state)
{
	struct fixture f = open_fixture();

	(void)state;
	for (int i = 0; i < 20; i++) {
		uint64_t before = now_real();

		assert_ok(weir_publish(f.producer, f.topic, NULL, 0));
		flush(&f);
		/* The tick may be old by as long as a dispatcher was not asked. */
		assert_true(seen[i].time + UNIT_SECOND / 2 > before);
		assert_true(seen[i].time <= now_real());
		nanosleep(&(struct timespec){0, 300000}, NULL);
	}
	close_fixture(&f, 20);
}

/* Not by all dispatchers being asleep, nor by all of them being in a long handler. */
static void
test_clock_tick_stands_still(void **state)
{
	struct full full;
	uint64_t before;

	(void)state;
	full.f = open_fixture();
	unit_gate_init(&full.gate);
	unit_subscribe(full.f.bus, "stop", unit_gate_handler, &full.gate);
	nanosleep(&(struct timespec){0, 20000000}, NULL);
	before = now_real();
	assert_ok(weir_publish(full.f.producer, full.f.topic, NULL, 0));
	flush(&full.f);
	assert_true(seen[0].time + UNIT_SECOND / 100 > before);
	assert_ok(weir_publish(full.f.producer, unit_topic(full.f.bus, "stop"), NULL, 0));
	unit_gate_wait(&full.gate);
	nanosleep(&(struct timespec){1, 250000000}, NULL);
	before = now_real();
	assert_ok(weir_publish(full.f.producer, full.f.topic, NULL, 0));
	unit_gate_pass(&full.gate, 1);
	flush(&full.f);
	assert_true(seen[1].time + UNIT_SECOND / 10 > before);
	close_fixture(&full.f, 3);
}

static void
test_clock_precise(void **state)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_attributes attributes = attributes_of(WEIR_ATTRIBUTE_KEY);
	struct fixture f;
	void *place;

	(void)state;
	options.clock = WEIR_CLOCK_PRECISE;
	open_with(&f, &options, NULL);
	for (int i = 0; i < 30; i++) {
		uint64_t before = now_real(), after;

		if (i % 3 == 0)
			assert_ok(weir_publish(f.producer, f.topic, NULL, 0));
		else if (i % 3 == 1)
			assert_ok(weir_publish_with(f.producer, f.topic, &attributes, NULL, 0));
		else
			assert_ok(weir_reserve(f.producer, f.topic, NULL, 0, &place));
		after = now_real();
		assert_ok(weir_commit(f.producer));
		flush(&f);
		assert_true(before <= seen[i].time && seen[i].time <= after);
	}
	close_fixture(&f, 30);
}

static void
test_clock_none(void **state)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_attributes attributes = attributes_of(WEIR_ATTRIBUTE_TIME);
	struct fixture f;

	(void)state;
	options.clock = WEIR_CLOCK_NONE;
	open_with(&f, &options, NULL);
	assert_ok(weir_publish(f.producer, f.topic, NULL, 0));
	assert_ok(weir_publish_with(f.producer, f.topic, &attributes, NULL, 0));
	reserve_filled(&f, 1, 1);
	assert_ok(weir_commit(f.producer));
	flush(&f);
	assert_int_equal(seen[0].time, 0);
	assert_true(seen[1].time == 1234567890123456789);
	assert_int_equal(seen[2].time, 0);
	close_fixture(&f, 3);
}

static void
test_publisher_fences(void **state)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	unsigned char large[RING] = {0};
	struct fixture f;
	uint64_t attempts = 0;

	(void)state;
	options.fence = WEIR_FENCE_PUBLISHER;
	options.ring_size = RING;
	pool.wait = WEIR_WAIT_PARK;
	open_with(&f, &options, &pool);
	for (int i = 0; i < 100; i++) {
		nanosleep(&(struct timespec){0, i % 10 == 0 ? 2000000 : 1000}, NULL);
		assert_ok(weir_publish(f.producer, f.topic, "abc", 3));
		reserve_filled(&f, 20, 1);
		reserve_filled(&f, 20, 1);
		assert_ok(weir_commit(f.producer));
		attempts += 3;
		flush(&f);
		assert_int_equal(seen_count, attempts);
	}
	for (int i = 0; i < 2000; i++)
		assert_ok(weir_publish_wait(f.producer, f.topic, NULL, "abcdefghijklmnopq", 17,
					    UNIT_PATIENCE));
	flush(&f);      /* room for one more */
	assert_status(WEIR_ETOOBIG, weir_publish(f.producer, f.topic, large, RING));
	reserve_filled(&f, 1, 1);
	assert_status(WEIR_EBUSY, weir_publish(f.producer, f.topic, NULL, 0));
	weir_abort(f.producer);
	close_fixture(&f, attempts + 2003);
}

/* -- after the end ---------------------------------------------------------- */

static void
expect_closed(const struct fixture *f)
{
	weir_attributes attributes = attributes_of(WEIR_ATTRIBUTE_KEY);
	void *place = &place;

	assert_status(WEIR_ECLOSED, weir_publish(f->producer, f->topic, "x", 1));
	assert_status(WEIR_ECLOSED, weir_publish_with(f->producer, f->topic, &attributes, "x", 1));
	assert_status(WEIR_ECLOSED,
		      weir_publish_wait(f->producer, f->topic, NULL, "x", 1, UNIT_PATIENCE));
	assert_status(WEIR_ECLOSED, weir_reserve(f->producer, f->topic, NULL, 1, &place));
	assert_ptr_equal(place, &place);
	assert_status(WEIR_ECLOSED, weir_commit(f->producer));
	weir_abort(f->producer);
	weir_trim(f->producer, 0);
}

static void
test_closed(void **state)
{
	struct fixture f = open_fixture();

	(void)state;
	assert_ok(weir_publish(f.producer, f.topic, "x", 1));
	unit_close(f.bus);
	expect_closed(&f);
	assert_int_equal(weir_producer_payload_size_max(f.producer), PAYLOAD_MAX);
	assert_int_equal(unit_producer_counts(f.producer).attempted, 5);
	assert_int_equal(unit_producer_counts(f.producer).refused_closed, 4);
	weir_producer_close(f.producer);
}

/* It holds up nothing, its memory stays, and committing says that nothing was published. */
static void
test_closed_with_reservations(void **state)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	unsigned char *place = NULL, *other = NULL;

	(void)state;
	for (int committed_before = 0; committed_before < 2; committed_before++)
		for (int ending = 0; ending < 3; ending++) {
			struct fixture f = open_fixture();
			uint64_t attempts = (uint64_t)committed_before + (ending < 2 ? 2 : 2) + 4;

			if (committed_before)
				assert_ok(weir_publish(f.producer, f.topic, "x", 1));
			assert_ok(weir_reserve(f.producer, f.topic, NULL, PAYLOAD_MAX,
					       (void **)&place));
			assert_ok(weir_reserve(f.producer, f.topic, NULL, 100, (void **)&other));
			memset(place, 1, PAYLOAD_MAX);
			assert_ok(weir_bus_close(f.bus, UNIT_PATIENCE, &report));
			assert_int_equal(report.undelivered, 0);
			assert_int_equal(seen_count, committed_before);
			memset(place, 2, PAYLOAD_MAX);
			memset(other, 3, 100);
			assert_status(WEIR_EBUSY, weir_publish(f.producer, f.topic, "x", 1));
			weir_trim(f.producer, 1);
			if (ending == 0)
				assert_status(WEIR_ECLOSED, weir_commit(f.producer));
			else if (ending == 1)
				weir_abort(f.producer);
			if (ending < 2) {
				weir_producer_counts counts = unit_producer_counts(f.producer);

				assert_int_equal(counts.refused_closed, ending == 0 ? 2 : 0);
				assert_int_equal(counts.aborted, ending == 1 ? 2 : 0);
				assert_int_equal(counts.refused_busy, 1);
				expect_closed(&f);
				counts = unit_producer_counts(f.producer);
				assert_int_equal(counts.attempted, attempts + 1);
			}
			weir_producer_close(f.producer);
		}
}

/* -- a disabled bus --------------------------------------------------------- */

static void
test_disabled(void **state)
{
	struct fixture f = open_fixture();
	unsigned char data[RING] = {0};
	void *place = &f;

	(void)state;
	weir_bus_enable(f.bus, 0);
	weir_bus_enable(f.bus, 0);
	assert_ok(weir_publish(f.producer, f.topic, "x", 1));
	assert_ok(weir_publish_with(f.producer, f.topic, NULL, "x", 1));
	assert_ok(weir_publish_wait(f.producer, f.topic, NULL, "x", 1, 0));
	reserve_filled(&f, 100, 1);
	reserve_filled(&f, 100, 1);
	assert_status(WEIR_EBUSY, weir_publish(f.producer, f.topic, "x", 1));
	weir_trim(f.producer, 50);
	assert_ok(weir_commit(f.producer));
	assert_int_equal(unit_producer_counts(f.producer).discarded, 5);
	reserve_filled(&f, 100, 1);
	weir_abort(f.producer);
	assert_int_equal(unit_producer_counts(f.producer).aborted, 1);
	/* Arguments are checked as ever. */
	assert_status(WEIR_EINVAL, weir_publish(f.producer, (weir_topic){0}, "x", 1));
	assert_status(WEIR_EINVAL, weir_publish(f.producer, f.topic, NULL, 1));
	assert_status(WEIR_ETOOBIG, weir_publish(f.producer, f.topic, data, PAYLOAD_MAX + 1));
	assert_status(WEIR_ETOOBIG,
		      weir_reserve(f.producer, f.topic, NULL, PAYLOAD_MAX + 1, &place));
	assert_ptr_equal(place, &f);
	weir_bus_enable(f.bus, 1);
	weir_bus_enable(f.bus, 1);
	flush(&f);
	assert_int_equal(seen_count, 0);
	assert_ok(weir_publish(f.producer, f.topic, "x", 1));
	flush(&f);
	assert_int_equal(seen_count, 1);
	assert_int_equal(seen[0].sequence, 1);
	weir_bus_enable(NULL, 1);
	close_fixture(&f, 12);
}

/* The very first thing that a producer does. */
static void
test_disabled_from_the_first(void **state)
{
	struct fixture f = open_fixture();

	(void)state;
	weir_bus_enable(f.bus, 0);
	reserve_filled(&f, 10, 1);
	assert_ok(weir_commit(f.producer));
	assert_int_equal(unit_producer_counts(f.producer).discarded, 1);
	assert_ok(weir_publish(f.producer, f.topic, "x", 1));
	weir_bus_enable(f.bus, 1);
	assert_ok(weir_publish(f.producer, f.topic, "x", 1));
	flush(&f);
	assert_int_equal(seen_count, 1);
	close_fixture(&f, 3);
}

static void
test_disabled_and_closed(void **state)
{
	struct fixture f = open_fixture();

	(void)state;
	weir_bus_enable(f.bus, 0);
	reserve_filled(&f, 10, 1);
	unit_close(f.bus);
	assert_status(WEIR_ECLOSED, weir_commit(f.producer));
	assert_int_equal(unit_producer_counts(f.producer).refused_closed, 1);
	expect_closed(&f);
	weir_producer_close(f.producer);
}

/* Opened while it is disabled. */
static void
test_producer_of_a_disabled_bus(void **state)
{
	struct fixture f = open_fixture();
	weir_producer *late;

	(void)state;
	weir_bus_enable(f.bus, 0);
	late = unit_producer(f.bus);
	assert_ok(weir_publish(late, f.topic, "x", 1));
	assert_int_equal(unit_producer_counts(late).discarded, 1);
	weir_bus_enable(f.bus, 1);
	assert_ok(weir_publish(late, f.topic, "x", 1));
	flush(&f);
	assert_int_equal(seen_count, 1);
	weir_producer_close(late);
	assert_int_equal(unit_all_producer_counts(f.bus).attempted, 2);
	unit_close(f.bus);
	weir_producer_close(f.producer);
}

static void
test_disabled_with_a_full_ring(void **state)
{
	struct full full;
	uint64_t reserved = 0;
	weir_status status;
	void *place;

	(void)state;
	fill_ring(&full);
	weir_bus_enable(full.f.bus, 0);
	assert_ok(weir_publish(full.f.producer, full.f.topic, "x", 1));
	assert_ok(weir_publish_wait(full.f.producer, full.f.topic, NULL, "x", 1, 0));
	/* What one commit can hold has room beside the ring. */
	while ((status = weir_reserve(full.f.producer, full.f.topic, NULL, 0, &place)) == WEIR_OK)
		reserved++;
	assert_int_equal(status, WEIR_EFULL);
	assert_true(reserved >= RING / 16);
	assert_ok(weir_commit(full.f.producer));
	assert_int_equal(unit_producer_counts(full.f.producer).discarded, reserved + 2);
	weir_bus_enable(full.f.bus, 1);
	assert_status(WEIR_EFULL, weir_publish(full.f.producer, full.f.topic, "x", 1));
	unit_gate_pass(&full.gate, 1);
	close_fixture(&full.f, full.attempts + reserved + 4);
}

/* Reserved before or while it is disabled, decided while it is, or after; with events before. */
static void
test_reservations_across(void **state)
{
	enum { EARLY = 1, DURING = 2, DECIDED_DURING = 4, ABORTED = 8, USED = 16, ALL = 32 };

	(void)state;
	for (unsigned kind = 0; kind < ALL; kind++) {
		struct fixture f = open_fixture();
		uint64_t open = (kind & EARLY ? 1 : 0) + (kind & DURING ? 2 : 0),
			 used = kind & USED ? 1 : 0;
		weir_producer_counts counts;
		bool lost;

		if (kind & USED)
			assert_ok(weir_publish(f.producer, f.topic, "x", 1));
		if (kind & EARLY)
			reserve_filled(&f, 30, 1);
		weir_bus_enable(f.bus, 0);
		if (kind & DURING) {
			reserve_filled(&f, 40, 2);
			reserve_filled(&f, 40, 3);
		}
		if (!(kind & DECIDED_DURING))
			weir_bus_enable(f.bus, 1);
		if (kind & ABORTED)
			weir_abort(f.producer);
		else
			assert_ok(weir_commit(f.producer));
		weir_bus_enable(f.bus, 1);
		counts = unit_producer_counts(f.producer);
		lost = kind & DECIDED_DURING || kind & DURING;
		assert_int_equal(counts.aborted, kind & ABORTED ? open : 0);
		assert_int_equal(counts.discarded, !(kind & ABORTED) && lost ? open : 0);
		assert_int_equal(counts.committed, used + (!(kind & ABORTED) && !lost ? open : 0));
		assert_ok(weir_publish(f.producer, f.topic, "x", 1));
		flush(&f);
		assert_int_equal(seen_count, counts.committed + 1);
		close_fixture(&f, used + open + 1);
	}
}

/* -- in a handler ----------------------------------------------------------- */

static struct {
	weir_topic onward;
	weir_status statuses[8];
	uint64_t took, published;
	weir_producer *own;
} inner;

static int
fill_own_ring(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint64_t before;

	(void)event, (void)context;
	while (weir_publish(delivery->producer, inner.onward, NULL, 0) == WEIR_OK)
		inner.published++;
	before = unit_now();
	inner.statuses[0] =
		weir_publish_wait(delivery->producer, inner.onward, NULL, NULL, 0, WEIR_FOREVER);
	inner.took = unit_now() - before;
	inner.own = delivery->producer;
	return 0;
}

static void
test_wait_in_a_handler(void **state)
{
	struct fixture f = open_fixture();

	(void)state;
	memset(&inner, 0, sizeof inner);
	inner.onward = unit_topic(f.bus, "nobody");
	unit_subscribe(f.bus, "start", fill_own_ring, NULL);
	assert_ok(weir_publish(f.producer, unit_topic(f.bus, "start"), NULL, 0));
	flush(&f);
	assert_int_equal(inner.statuses[0], WEIR_EFULL);
	assert_true(inner.took < UNIT_SECOND);
	/* An eighth is kept for failure events. */
	assert_int_equal(inner.published, (RING - RING / 8) / 16);
	assert_int_equal(unit_producer_counts(inner.own).refused_full, 2);
	unit_assert_balanced(f.bus);
	weir_producer_close(f.producer);
	unit_close(f.bus);
}

static int
leave_reservation(const weir_event *event, const weir_delivery *delivery, void *context)
{
	void *place;

	(void)event, (void)context;
	for (int i = 0; i < 3; i++)
		inner.statuses[i] =
			weir_reserve(delivery->producer, inner.onward, NULL, 10, &place);
	inner.own = delivery->producer;
	return 0;
}

static void
test_reservation_left_by_a_handler(void **state)
{
	struct fixture f = open_fixture();

	(void)state;
	memset(&inner, 0, sizeof inner);
	inner.onward = unit_topic(f.bus, "nobody");
	unit_subscribe(f.bus, "start", leave_reservation, NULL);
	for (int i = 0; i < 2; i++)
		assert_ok(weir_publish(f.producer, unit_topic(f.bus, "start"), NULL, 0));
	flush(&f);
	for (int i = 0; i < 3; i++)
		assert_int_equal(inner.statuses[i], WEIR_OK);
	assert_int_equal(unit_producer_counts(inner.own).aborted, 6);
	assert_int_equal(unit_producer_counts(inner.own).attempted, 6);
	weir_producer_close(f.producer);
	unit_close(f.bus);
}

/* Onward events carry on hops and, unless another is given, the trace. */
static int
publish_onward(const weir_event *event, const weir_delivery *delivery, void *context)
{
	weir_attributes none = WEIR_ATTRIBUTES_INIT, fewer = WEIR_ATTRIBUTES_INIT,
			more = WEIR_ATTRIBUTES_INIT;
	void *place;

	(void)event, (void)context;
	none.flags = WEIR_ATTRIBUTE_KEY;
	none.key = 5;
	fewer.hops = 1;
	more.hops = 9;
	inner.statuses[0] = weir_publish(delivery->producer, inner.onward, NULL, 0);
	inner.statuses[1] = weir_publish_with(delivery->producer, inner.onward, &none, NULL, 0);
	inner.statuses[2] = weir_publish_with(delivery->producer, inner.onward, &fewer, NULL, 0);
	inner.statuses[3] = weir_publish_with(delivery->producer, inner.onward, &more, NULL, 0);
	inner.statuses[4] = weir_reserve(delivery->producer, inner.onward, NULL, 0, &place);
	inner.statuses[5] = weir_commit(delivery->producer);
	return 0;
}

static void
publish_from_handler(struct fixture *f, const weir_trace *trace)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;

	seen_count = 0;
	memset(&inner, 0, sizeof inner);
	inner.onward = unit_topic(f->bus, "order.onward");
	unit_subscribe(f->bus, "start", publish_onward, NULL);
	attributes.hops = 4;
	attributes.trace = trace;
	assert_ok(
		weir_publish_with(f->producer, unit_topic(f->bus, "start"), &attributes, NULL, 0));
	flush(f);
	for (int i = 0; i < 6; i++)
		assert_int_equal(inner.statuses[i], WEIR_OK);
	assert_int_equal(seen_count, 5);
}

static void
test_hops_inherited(void **state)
{
	static const uint32_t hops[] = {5, 5, 5, 9, 5};
	struct fixture f = open_fixture();

	(void)state;
	publish_from_handler(&f, NULL);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(seen[i].hops, hops[i]);
		assert_false(seen[i].has_trace);
	}
	/* What the thread publishes next on its own begins anew. */
	assert_ok(weir_publish(f.producer, f.topic, NULL, 0));
	flush(&f);
	assert_int_equal(seen[5].hops, 0);
	close_fixture(&f, 2);
}

static void
test_trace_inherited(void **state)
{
	struct fixture f = open_fixture();

	(void)state;
	publish_from_handler(&f, &some_trace);
	for (int i = 0; i < 5; i++) {
		assert_true(seen[i].has_trace);
		assert_memory_equal(&seen[i].trace, &some_trace, sizeof some_trace);
	}
	close_fixture(&f, 1);
}

/* -- far along -------------------------------------------------------------- */

/* A ring that has been in use for long: positions on both sides of 2^32 and of 2^63. */
static void
begin_far(const struct fixture *f, uint64_t position)
{
	struct wi_producer *producer = (struct wi_producer *)f->producer;
	struct wi_ring *ring = producer->lane->ring;

	producer->first_position = position;
	producer->hot.limit = producer->room = 0;
	wi_store_relaxed(&ring->cursor[0].position, position);
	wi_store_relaxed(&producer->lane->lease[0].position, position);
	wi_store_release(&ring->tail.position, position);
}

static void
test_far_positions(void **state)
{
	static const uint64_t positions[] = {1ull << 32, 1ull << 63};
	unsigned char data[PAYLOAD_MAX];

	(void)state;
	for (size_t p = 0; p < WI_COUNT(positions); p++) {
		struct fixture f = open_fixture();

		begin_far(&f, positions[p] - 3 * RING);
		for (uint32_t i = 0; i < 1000; i++) {
			uint32_t size = i * 37 % 200;

			fill(data, size, i);
			assert_ok(weir_publish_wait(f.producer, f.topic, NULL, data, size,
						    UNIT_PATIENCE));
			if (i % 3 == 0) {
				reserve_filled(&f, 20, i);
				reserve_filled(&f, 0, i);
				assert_ok(weir_commit(f.producer));
			}
			if (i % 10 == 0)
				flush(&f);
		}
		flush(&f);
		assert_int_equal(seen_count, 1000 + 2 * 334);
		assert_true(((struct wi_producer *)f.producer)->lane->ring->tail.position >
			    positions[p]);
		close_fixture(&f, seen_count);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_size),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_larger_attributes),
		cmocka_unit_test(test_replayed),
		cmocka_unit_test(test_replayed_onward),
		cmocka_unit_test(test_smaller_attributes),
		cmocka_unit_test(test_several_to_a_commit),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_trim_makes_room),
		cmocka_unit_test(test_bad_topics),
		cmocka_unit_test(test_bad_attributes),
		cmocka_unit_test(test_bad_pointers),
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_hops_given),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_wait_in_vain),
		cmocka_unit_test(test_wait_for_room),
		cmocka_unit_test(test_busy_inside),
		cmocka_unit_test(test_busy_open),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_clock_tick),
		cmocka_unit_test(test_clock_tick_stands_still),
		cmocka_unit_test(test_clock_precise),
		cmocka_unit_test(test_clock_none),
		cmocka_unit_test(test_publisher_fences),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_closed_with_reservations),
		cmocka_unit_test(test_disabled),
		cmocka_unit_test(test_disabled_from_the_first),
		cmocka_unit_test(test_disabled_and_closed),
		cmocka_unit_test(test_producer_of_a_disabled_bus),
		cmocka_unit_test(test_disabled_with_a_full_ring),
		cmocka_unit_test(test_reservations_across),
		cmocka_unit_test(test_wait_in_a_handler),
		cmocka_unit_test(test_reservation_left_by_a_handler),
		cmocka_unit_test(test_hops_inherited),
		cmocka_unit_test(test_trace_inherited),
		cmocka_unit_test(test_far_positions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
