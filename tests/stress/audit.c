/* SPDX-License-Identifier: MIT */
/*
 * audit.c - what a pool is owed, event by event, in whatever order it promises.
 *
 * What the engine orders (a lease, a cursor, the events of one key) is plain memory here, one word
 * for each event source or key: that is a part of the test, which ThreadSanitizer judges. What it
 * does not order is relaxed, so that this makes no order either.
 */
#include <stdlib.h>
#include <string.h>

#include "stress.h"

#define load(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define count(p, v) __atomic_fetch_add(p, v, __ATOMIC_RELAXED)

/* Of one event source. */
struct track {
	uint64_t sequence, number;      /* of the last one; with MODE_KEY not used */
	uint32_t id;                    /* who publishes through it */
	/* MODE_KEY: how many, and the sum of what mix() makes of their sequences. */
	uint64_t events, sum;
	uint64_t expected_events, expected_sum;
	uint64_t keyed[AUDIT_KEYS];     /* the last of each key */
};

static __thread uint32_t holding;       /* a key, and one; 0: none */

/* `through` stays: of the same event source what comes later has a higher number. */
void
audit_begin(struct audit *audit, enum mode mode, uint32_t sources, const struct audit *front)
{
	struct track *track = audit->track ? audit->track : calloc(sources, sizeof *track);
	uint64_t (*through)[AUDIT_WINDOW] =
	        audit->through ? audit->through : calloc(AUDIT_SOURCES, sizeof *through);

	CHECK(track && through, "no memory");
	if (audit->track)
		memset(track, 0, sources * sizeof *track);
	*audit = (struct audit){ .mode = mode, .sources = sources, .front = front, .track = track,
	                         .through = through };
}

/* NULL: one of those that a guest does not follow. */
static struct track *
track_of(struct audit *audit, uint32_t source)
{
	uint32_t highest = load(&audit->highest);

	CHECK(source < SOURCE_MAX, "source %u", source);
	if (source >= audit->sources)
		return NULL;
	while (source > highest &&
	       !__atomic_compare_exchange_n(&audit->highest, &highest, source, 0, __ATOMIC_RELAXED,
	                                    __ATOMIC_RELAXED))
		;
	return &audit->track[source];
}

/* One that came meanwhile begins with the first event of its own; before that it may miss some. */
static bool
has_begun(const struct audit *audit, const struct track *track)
{
	return audit->sources == SOURCE_MAX || track->sequence;
}

static void
take_sequence(const struct audit *audit, struct track *track, const weir_delivery *delivery)
{
	uint64_t sequence = delivery->sequence;

	if (audit->mode == MODE_KEY) {
		count(&track->events, 1);
		count(&track->sum, mix(sequence));
		return;
	}
	CHECK(!has_begun(audit, track) || sequence == track->sequence + 1,
	      "source %u: sequence %llu after %llu", delivery->source, (ull)sequence,
	      (ull)track->sequence);
	track->sequence = sequence;
}

/* -- keys ------------------------------------------------------------------- */

/* No other thread is at an event of this key, whichever producer it comes from. */
static void
hold_key(struct audit *audit, const weir_event *event)
{
	uint64_t key;

	if (audit->mode != MODE_KEY || !weir_event_key(event, &key))
		return;
	CHECK(key < AUDIT_KEYS, "key %llu", (ull)key);
	holding = (uint32_t)key + 1;
	CHECK(!load(&audit->key[key].held), "key %llu on two threads at once", (ull)key);
	store(&audit->key[key].held, 1);
	audit->key[key].events++;
}

static void
let_key(struct audit *audit, struct track *track, const weir_delivery *delivery)
{
	uint64_t *last;

	if (!holding)
		return;
	if (track) {
		last = &track->keyed[holding - 1];
		CHECK(delivery->sequence > *last, "source %u, key %u: sequence %llu after %llu",
		      delivery->source, holding - 1, (ull)delivery->sequence, (ull)*last);
		*last = delivery->sequence;
	}
	store(&audit->key[holding - 1].held, 0);
	holding = 0;
}

/* -- events ----------------------------------------------------------------- */

static void
check_number(const struct audit *audit, struct track *track, const struct payload *payload,
             const weir_delivery *delivery)
{
	uint32_t id = load(&track->id);
	/* While the bus is disabled numbers pass that no event has; when they are skipped, too. */
	bool may_jump = stress.settings.toggle || audit->mode == MODE_SKIP ||
	                !has_begun(audit, track);

	CHECK(id == 0 || id == payload->id, "source %u: id %u after %u", delivery->source,
	      payload->id, id);
	if (id == 0)
		store(&track->id, payload->id);
	/* Failures take sequences of the dispatchers' producers, and have no number. */
	CHECK(stress.settings.toggle || payload->number <= delivery->sequence,
	      "id %u: number %llu has sequence %llu", payload->id, (ull)payload->number,
	      (ull)delivery->sequence);
	if (audit->mode == MODE_KEY)
		return;
	CHECK(payload->number == track->number + 1 || (may_jump && payload->number > track->number),
	      "id %u: number %llu after %llu", payload->id, (ull)payload->number,
	      (ull)track->number);
	track->number = payload->number;
}

/*
 * The pool in front is through with it: what it wrote of the event is there, and stays as long as
 * the event.
 */
static void
check_front(const struct audit *audit, const weir_delivery *delivery)
{
	const uint64_t *word;
	uint64_t through;

	if (!audit->front)
		return;
	word = &audit->front->through[delivery->source][delivery->sequence % AUDIT_WINDOW];
	/* A copy may be handled when the room of the event has been used again. */
	through = audit->mode == MODE_SKIP ? load(word) : *word;
	CHECK(through >= delivery->sequence,
	      "source %u: sequence %llu in a pool of mode %d before one of mode %d, which is at %llu",
	      delivery->source, (ull)delivery->sequence, (int)audit->mode,
	      (int)audit->front->mode, (ull)through);
}

const struct payload *
audit_event(struct audit *audit, const weir_event *event, const weir_delivery *delivery)
{
	struct track *track = track_of(audit, delivery->source);
	const struct payload *payload;

	hold_key(audit, event);
	payload = payload_verify(event);
	CHECK(payload->id < SOURCE_MAX, "id %u", payload->id);
	if (track) {
		check_number(audit, track, payload, delivery);
		take_sequence(audit, track, delivery);
	}
	let_key(audit, track, delivery);
	if (delivery->source < AUDIT_SOURCES) {
		check_front(audit, delivery);
		store(&audit->through[delivery->source][delivery->sequence % AUDIT_WINDOW],
		      delivery->sequence);
	}
	return payload;
}

static uint32_t
take_gap(struct audit *audit, struct track *track, const weir_event *event,
         const weir_delivery *delivery)
{
	const weir_gap *gap = weir_event_data(event);

	CHECK(audit->mode == MODE_SKIP, "a gap in a pool that does not skip");
	CHECK(event->size == sizeof *gap && gap->size == sizeof *gap, "a gap of %u bytes", event->size);
	CHECK(gap->source == delivery->source && gap->sequence_last == delivery->sequence &&
	              gap->sequence_first <= gap->sequence_last,
	      "source %u: a gap from %llu to %llu at %u, %llu", gap->source,
	      (ull)gap->sequence_first, (ull)gap->sequence_last, delivery->source,
	      (ull)delivery->sequence);
	add(&audit->gaps, 1);
	add(&audit->skipped, gap->sequence_last - gap->sequence_first + 1);
	if (!track || !has_begun(audit, track))
		return 0;
	CHECK(gap->sequence_first == track->sequence + 1, "source %u: a gap from %llu to %llu after %llu",
	      delivery->source, (ull)gap->sequence_first, (ull)gap->sequence_last,
	      (ull)track->sequence);
	track->sequence = gap->sequence_last;
	return track->id;
}

uint32_t
audit_own_event(struct audit *audit, const weir_event *event, const weir_delivery *delivery)
{
	struct track *track = track_of(audit, delivery->source);

	if (weir_event_topic(event).id == stress.topic_gap.id)
		return take_gap(audit, track, event, delivery);
	if (track && has_begun(audit, track))
		take_sequence(audit, track, delivery);
	return 0;
}

/* -- at rest ---------------------------------------------------------------- */

/* Each of the first so many sequences was there once, if the sums are the same. */
static void
check_sum(struct track *track, uint32_t source)
{
	uint64_t events = load(&track->events);

	while (track->expected_events < events)
		track->expected_sum += mix(++track->expected_events);
	CHECK(load(&track->sum) == track->expected_sum,
	      "source %u: %llu events, but not each one once", source, (ull)events);
}

uint64_t
audit_check(struct audit *audit)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i <= load(&audit->highest); i++) {
		if (audit->mode == MODE_KEY)
			check_sum(&audit->track[i], i);
		sum += audit->mode == MODE_KEY ? load(&audit->track[i].events)
		                               : audit->track[i].sequence;
	}
	return sum;
}
