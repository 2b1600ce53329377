/* SPDX-License-Identifier: MIT */
/* source.c - a producer of the test, which keeps books of its own. */
#include <sched.h>
#include <stdlib.h>

#include "stress.h"

enum { GROUP_MAX = 6 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct source *sources;

struct source *
source_begin(weir_producer *producer)
{
	struct source *source = calloc(1, sizeof *source);

	CHECK(source, "no memory");
	source->producer = producer;
	source->id = (uint32_t)add(&stress.sources, 1) + 1;
	source->size_max = weir_producer_payload_size_max(producer);
	source->chance = chance_begin(source->id);
	source->buffer = malloc(source->size_max + 1);
	CHECK(source->buffer, "no memory");
	pthread_mutex_lock(&lock);
	source->next = sources;
	sources = source;
	pthread_mutex_unlock(&lock);
	return source;
}

/* Mostly small ones, some that take a good part of the ring. */
static uint32_t
random_size(struct source *source)
{
	uint32_t least = sizeof(struct payload), size = least;

	if (chance_one_in(&source->chance, 512))
		return source->size_max;
	size += chance_below(&source->chance, chance_one_in(&source->chance, 16) ? 1024 : 64);
	return size < source->size_max ? size : source->size_max;
}

static struct payload
next_payload(struct source *source, weir_topic topic, uint64_t ahead)
{
	struct payload head = { .number = source->number + 1 + ahead, .id = source->id,
	                        .size = random_size(source), .topic = topic.id };

	head.trace_number = head.number;
	head.trace_id = head.id;
	if (source->cause && source->cause->attributes & PAYLOAD_TRACE) {
		head.attributes = PAYLOAD_TRACE;
		head.trace_number = source->cause->trace_number;
		head.trace_id = source->cause->trace_id;
	}
	return head;
}

static void
accepted(struct source *source, uint64_t count)
{
	source->number += count;
	source->ledger.committed += count;
	source->refusals = 0;
	set(&source->shown, source->number);
}

/* Somebody else must run before there is room. */
static void
back_off(struct source *source)
{
	if (chance_one_in(&source->chance, 8))
		sleep_ns(20 * MICROSECOND);
	else
		sched_yield();
}

/*
 * A pool that skips refuses nobody: without one that holds there is room for a publisher that has
 * nothing reserved. For once there may be none, when the pool has just moved on itself; then there
 * is.
 */
static void
refused(struct source *source, uint64_t holders_before)
{
	enum { IN_A_ROW_MAX = 3 };
	bool explained = stress.settings.mode != MODE_SKIP || get(&stress.holders) ||
	                 holders_before != get(&stress.holders_come);

	source->ledger.refused_full++;
	source->refusals = explained ? 0 : source->refusals + 1;
	add(&stress.refusals, !explained);
	CHECK(source->refusals <= IN_A_ROW_MAX, "refused, and no pool holds");
}

/* -- copied ----------------------------------------------------------------- */

weir_status
source_publish_one(struct source *source, weir_topic topic)
{
	struct payload head = next_payload(source, topic, 0);
	uint64_t holders = get(&stress.holders_come);
	weir_status status;

	payload_fill(source->buffer, &head);
	status = weir_publish(source->producer, topic, source->buffer, head.size);
	if (status == WEIR_OK)
		accepted(source, 1);
	else if (status == WEIR_EFULL)
		refused(source, holders);
	else if (status == WEIR_ELOOP)
		source->ledger.refused_hops++;
	else
		CHECK_OK(status);
	return status;
}

uint64_t
source_publish_surely(struct source *source, weir_topic topic)
{
	struct payload head = next_payload(source, topic, 0);
	weir_status status;

	payload_fill(source->buffer, &head);
	do {
		uint64_t holders = get(&stress.holders_come);

		status = weir_publish_wait(source->producer, topic, NULL, source->buffer, head.size,
		                           5 * MILLISECOND);
		CHECK(status == WEIR_OK || status == WEIR_ETIMEDOUT, "%s",
		      weir_status_text(status));
		if (status == WEIR_ETIMEDOUT)
			refused(source, holders);
	} while (status != WEIR_OK);
	accepted(source, 1);
	return source->number;
}

/* -- several at once -------------------------------------------------------- */

enum { MANY_MAX = 160, MANY_BYTES = 16 << 10 };

/* From some hundred bytes to more than are written past the caches. */
static void
publish_many(struct source *source, weir_topic topic)
{
	uint32_t wanted = 1 + chance_below(&source->chance, MANY_MAX), count = 0, used = 0;
	static __thread _Alignas(16) unsigned char bytes[MANY_BYTES];
	uint64_t holders = get(&stress.holders_come);
	weir_item items[MANY_MAX];
	weir_status status;

	while (count < wanted) {
		struct payload head = next_payload(source, topic, count);

		if (head.size > MANY_BYTES - used || used + head.size > source->size_max)
			break;
		payload_fill(bytes + used, &head);
		items[count++] = (weir_item){ topic, head.size, bytes + used };
		used += (head.size + 7) & ~7u;
	}
	status = weir_publish_many(source->producer, items, count);
	if (status == WEIR_OK) {
		accepted(source, count);
		return;
	}
	CHECK_STATUS(WEIR_EFULL, status);
	source->ledger.refused_full += count - 1;
	refused(source, holders);
	back_off(source);
}

/* -- with attributes -------------------------------------------------------- */

static void
publish_with(struct source *source, weir_topic topic)
{
	struct payload head = next_payload(source, topic, 0);
	uint64_t holders = get(&stress.holders_come);
	weir_attributes attributes;
	weir_trace trace;
	weir_status status;

	head.attributes = chance_below(&source->chance, 8);
	attributes = payload_attributes(&head, &trace);
	payload_fill(source->buffer, &head);
	status = weir_publish_with(source->producer, topic, &attributes, source->buffer, head.size);
	if (status == WEIR_OK) {
		accepted(source, 1);
		return;
	}
	CHECK_STATUS(WEIR_EFULL, status);
	refused(source, holders);
	back_off(source);
}

/* -- in place --------------------------------------------------------------- */

/* False: no room. */
static bool
reserve(struct source *source, weir_topic topic, uint32_t ahead, bool last)
{
	struct payload head = next_payload(source, topic, ahead);
	uint32_t more = last ? chance_below(&source->chance, 64) : 0;
	uint64_t holders = get(&stress.holders_come);
	weir_attributes attributes;
	weir_trace trace;
	weir_status status;
	void *data = &head;

	if (head.size + more > source->size_max)
		more = source->size_max - head.size;
	/* A trace that is passed on comes without being asked for. */
	if (!source->cause)
		head.attributes =
		        chance_one_in(&source->chance, 4) ? chance_below(&source->chance, 8) : 0;
	attributes = payload_attributes(&head, &trace);
	status = weir_reserve(source->producer, topic,
	                      head.attributes && !source->cause ? &attributes : NULL,
	                      head.size + more, &data);
	if (status == WEIR_EFULL) {
		CHECK(data == &head, "a refused reserve touched ret_data");
		/* Those that are open may be all that there is room for. */
		if (ahead)
			source->ledger.refused_full++;
		else
			refused(source, holders);
		return false;
	}
	CHECK_OK(status);
	CHECK(((uintptr_t)data & 15) == 0, "data at %p", data);
	payload_fill(data, &head);
	weir_trim(source->producer, head.size);
	return true;
}

static void
try_to_publish_amid(struct source *source, weir_topic topic)
{
	CHECK_STATUS(WEIR_EBUSY, weir_publish(source->producer, topic, "x", 1));
	CHECK_STATUS(WEIR_EBUSY, weir_publish_with(source->producer, topic, NULL, "x", 1));
	CHECK_STATUS(WEIR_EBUSY, weir_publish_wait(source->producer, topic, NULL, "x", 1, SECOND));
	CHECK_STATUS(WEIR_EBUSY, weir_publish_many(source->producer, (const weir_item[2]){ { topic, 1, "x" },
	                                           { topic, 1, "x" } }, 2));
	source->ledger.refused_busy += 5;
}

static void
publish_in_place(struct source *source, weir_topic topic)
{
	uint32_t wanted = 1 + chance_below(&source->chance, GROUP_MAX), count = 0;

	while (count < wanted && reserve(source, topic, count, count + 1 == wanted))
		count++;
	if (!count) {
		back_off(source);
		return;
	}
	if (chance_one_in(&source->chance, 32))
		try_to_publish_amid(source, topic);
	if (chance_one_in(&source->chance, 64))
		sched_yield();
	if (chance_one_in(&source->chance, 16)) {
		weir_abort(source->producer);
		source->ledger.aborted += count;
		return;
	}
	CHECK_OK(weir_commit(source->producer));
	accepted(source, count);
}

void
source_leave_open(struct source *source, weir_topic topic)
{
	uint32_t count = 0;

	while (count < GROUP_MAX && reserve(source, topic, count, true))
		count++;
	source->ledger.aborted += count;
}

/* -- all -------------------------------------------------------------------- */

void
source_publish_badly(struct source *source, weir_topic topic)
{
	static const weir_topic none = { 0 }, own = { 1 }, unknown = { 0xffffff };
	static const weir_topic wild = { UINT32_MAX };
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	void *data = NULL;

	CHECK_STATUS(WEIR_ETOOBIG, weir_publish(source->producer, topic, source->buffer,
	                                        source->size_max + 1));
	CHECK_STATUS(WEIR_ETOOBIG, weir_reserve(source->producer, topic, NULL, UINT32_MAX, &data));
	source->ledger.refused_size += 2;
	CHECK_STATUS(WEIR_EINVAL, weir_publish(source->producer, none, "x", 1));
	CHECK_STATUS(WEIR_EINVAL, weir_publish(source->producer, own, "x", 1));
	CHECK_STATUS(WEIR_EINVAL, weir_publish(source->producer, unknown, "x", 1));
	CHECK_STATUS(WEIR_EINVAL, weir_reserve(source->producer, wild, NULL, 1, &data));
	CHECK_STATUS(WEIR_EINVAL, weir_publish(source->producer, topic, NULL, 1));
	attributes.flags = 0x80;
	CHECK_STATUS(WEIR_EINVAL, weir_publish_with(source->producer, topic, &attributes, "x", 1));
	source->ledger.refused_invalid += 6;
	CHECK(!data, "a refused reserve touched ret_data");
	CHECK_OK(weir_commit(source->producer));
}

void
source_publish(struct source *source, weir_topic topic)
{
	if (chance_one_in(&source->chance, 256))
		source_publish_badly(source, topic);
	switch (stress.settings.style) {
	case STYLE_COPY:
		if (chance_one_in(&source->chance, 64))
			source_publish_surely(source, topic);
		else if (!source->cause && chance_one_in(&source->chance, 16))
			publish_many(source, topic);
		else if (source_publish_one(source, topic) != WEIR_OK)
			back_off(source);
		break;
	case STYLE_IN_PLACE:
		publish_in_place(source, topic);
		break;
	case STYLE_ATTRIBUTES:
		publish_with(source, topic);
		break;
	}
}

static void
check_same(const weir_producer_counts *ours, const weir_producer_counts *theirs)
{
#define SAME(what)                                                                               \
	CHECK(ours->what == theirs->what, #what ": ours %llu, the engine's %llu",                \
	      (ull)ours->what, (ull)theirs->what)
	SAME(refused_full);
	SAME(refused_size);
	SAME(refused_busy);
	SAME(refused_hops);
	SAME(refused_closed);
	SAME(refused_invalid);
	SAME(aborted);
#undef SAME
	CHECK(theirs->discarded == 0 || stress.settings.toggle, "discarded");
	CHECK(ours->committed == theirs->committed + theirs->discarded,
	      "accepted: ours %llu, the engine's %llu + %llu", (ull)ours->committed,
	      (ull)theirs->committed, (ull)theirs->discarded);
}

void
source_check(const struct source *source)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;

	CHECK_OK(weir_producer_get_counts(source->producer, &counts));
	check_same(&source->ledger, &counts);
}

void
source_end(struct source *source)
{
	free(source->buffer);
	source->buffer = NULL;
	source->producer = NULL;
}

/*
 * Failure events are the dispatchers' own: what they committed, and what had no room. Each tells of
 * one failure at least, and only for want of room may one be untold. How many were skipped is not
 * known.
 */
static void
take_failures(weir_producer_counts *theirs, const weir_producer_counts *ours)
{
	struct failures failures = handlers_failures();
	uint64_t refused = theirs->refused_full - ours->refused_full;
	bool skips = stress.settings.mode == MODE_SKIP;
	uint64_t events = skips ? theirs->committed + theirs->discarded - ours->committed
	                        : failures.events;

	CHECK(theirs->refused_full >= ours->refused_full,
	      "refused_full: ours %llu, the engine's %llu", (ull)ours->refused_full,
	      (ull)theirs->refused_full);
	CHECK(failures.told == failures.all || (failures.told < failures.all && (refused || skips)),
	      "failures %llu, told of %llu, no room for %llu", (ull)failures.all,
	      (ull)failures.told, (ull)refused);
	CHECK(failures.events <= events && events + refused <= failures.all,
	      "failures %llu, events %llu, handled %llu, no room for %llu", (ull)failures.all,
	      (ull)events, (ull)failures.events, (ull)refused);
	theirs->committed -= events;
	theirs->refused_full -= refused;
	theirs->attempted -= events + refused;
}

void
source_check_all(const weir_producer_counts *counts)
{
	weir_producer_counts sum = WEIR_PRODUCER_COUNTS_INIT, theirs = *counts;

	pthread_mutex_lock(&lock);
	for (struct source *source = sources; source; source = source->next) {
		const weir_producer_counts *own = &source->ledger;

		sum.committed += own->committed, sum.aborted += own->aborted;
		sum.refused_full += own->refused_full, sum.refused_size += own->refused_size;
		sum.refused_busy += own->refused_busy, sum.refused_hops += own->refused_hops;
		sum.refused_invalid += own->refused_invalid;
	}
	pthread_mutex_unlock(&lock);
	take_failures(&theirs, &sum);
	check_same(&sum, &theirs);
	sum.attempted = sum.committed + sum.aborted + sum.refused_full + sum.refused_size +
	                sum.refused_busy + sum.refused_hops + sum.refused_invalid;
	CHECK(sum.attempted == theirs.attempted, "attempted: ours %llu, the engine's %llu",
	      (ull)sum.attempted, (ull)theirs.attempted);
}
