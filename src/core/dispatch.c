/* SPDX-License-Identifier: MIT */
/* dispatch.c - see dispatch.h. */
#define _LGPL_SOURCE
#include "core/dispatch.h"

#include <stdio.h>
#include <string.h>
#include <urcu/urcu-mb.h>

#include "base/clock.h"
#include "base/fence.h"
#include "base/probe.h"
#include "core/failure.h"
#include "core/publish.h"
#include "core/record.h"

enum {
	CURSOR_STEPS = 64,              /* a cursor moves at least this often in a ring's length */
	BATCH_FRACTION = 4,             /* a batch takes at most this part of a ring */
	CHECK_COUNT_MAX = 256,          /* events between two looks at the clock */
	QUIET_COUNT_MAX = 256,          /* looks in vain before a busy lane counts as idle */
	IDLE_LOOKS = 4,                 /* idle lanes looked at in a pass, */
	IDLE_LOOKS_LOADED = 32,         /*   and after a pass that was long anyway */
	LOADED_COUNT = 256,
	WATCHED_LANES_MAX = 4,
	WATCH_LOOKS = 32,
	SCOUT_CHUNKS = 64,              /* a table so large does not stay in a processor's own cache */
	SAMPLE_PASSES = 16,             /* walks to each that is sampled, */
};
#define TICK_NS (10 * WI_MICROSECOND)
#define SAMPLE_RARE_NS WI_MILLISECOND           /*   unless they are as rare as this */

/* -- the table -------------------------------------------------------------- */

/*
 * E9: inside the read side only the pointer is loaded and the version noted. The
 * reclaimer's grace period is over only when the note is visible. A table that is
 * still the current one needs neither: it was pinned before.
 */
static void
pin_table(struct wi_dispatcher *dispatcher)
{
	struct wi_table **current = &dispatcher->pool->routes.table;

	if (WI_LIKELY(wi_load_acquire(current) == dispatcher->table))   /* E9 */
		return;
	if (WI_UNLIKELY(dispatcher->pool->manual)) {
		/* Any thread may poll, and liburcu knows none of them. */
		wi_store_relaxed(&dispatcher->pinned, WI_PINNED_ALL);
		wi_fence_full();
		dispatcher->table = wi_load_acquire(current);           /* E9 */
		wi_store_release(&dispatcher->pinned, dispatcher->table->part.birth);
		return;
	}
	urcu_mb_read_lock();
	dispatcher->table = wi_load_acquire(current);                   /* E9 */
	wi_store_release(&dispatcher->pinned, dispatcher->table->part.birth);
	urcu_mb_read_unlock();
}

void
wi_dispatch_unpin(struct wi_dispatcher *dispatcher)
{
	dispatcher->table = NULL;
	wi_store_release(&dispatcher->pinned, 0u);      /* E9 */
}

/* -- calling handlers ------------------------------------------------------- */

static WI_COLD void
owe_batch_end(struct wi_dispatcher *dispatcher, struct wi_tally *tally)
{
	if (tally->owed)
		return;
	tally->ok_before = tally->ok;
	tally->owed_next = dispatcher->owed;
	dispatcher->owed = tally;
	wi_store_release(&tally->owed, 1u);     /* E7: while `in` still names the subscription */
}

static __attribute__((noinline)) void
abort_reservations(struct wi_dispatcher *dispatcher)
{
	if (wi_producer_in_child(dispatcher->producer))
		wi_dispatcher_leave_child();
	weir_abort(&dispatcher->producer->hot);
}

static inline __attribute__((always_inline)) int
call(struct wi_dispatcher *dispatcher, struct wi_subscription *subscription, struct wi_tally *tally,
     const weir_event *event, bool trial)
{
	uint64_t open;
	int code;

	wi_count_own(&tally->begun);
	wi_store_relaxed(&dispatcher->delivery.subscription.id, subscription->id);
	code = subscription->handler(event, &dispatcher->delivery, subscription->context);
	open = wi_load_relaxed(&dispatcher->producer_tail->open.state);
	if (WI_LIKELY(code == 0) && WI_LIKELY(open == 0)) {
		wi_count_own(&tally->ok);
		return 0;
	}
	if (WI_UNLIKELY(open))
		abort_reservations(dispatcher);
	if (code == 0)
		wi_count_own(&tally->ok);
	else if (!wi_failure_again(dispatcher, tally, event, code))
		wi_failure_of_call(dispatcher, tally, event, code, trial);
	return code;
}

/* With a batch_end, success is that of an event of the batch and of batch_end. */
static WI_COLD void
call_batch_end(struct wi_dispatcher *dispatcher, struct wi_tally *tally)
{
	struct wi_subscription *subscription = tally->subscription;
	int code;

	wi_store_release(&dispatcher->in, subscription);                    /* E7 */
	wi_store_relaxed(&dispatcher->delivery.subscription.id, subscription->id);
	tally->ending = true;
	code = subscription->batch_end(&dispatcher->delivery, subscription->context);
	tally->ending = false;
	if (code != 0)
		wi_failure_of_batch(dispatcher, tally, code, tally->trial);
	else if (tally->ok != tally->ok_before)
		wi_subscription_succeeded(subscription, tally->trial);
	if (wi_load_relaxed(&dispatcher->producer_tail->open.state))
		abort_reservations(dispatcher);
	wi_store_release(&tally->owed, 0u);     /* E7 */
}

static WI_COLD void
end_batches(struct wi_dispatcher *dispatcher)
{
	while (dispatcher->owed) {
		struct wi_tally *tally = dispatcher->owed;

		dispatcher->owed = tally->owed_next;
		call_batch_end(dispatcher, tally);
	}
}

/* The trial of a quarantined handler: one event, which is a batch of its own. */
static WI_COLD void
make_trial(struct wi_dispatcher *dispatcher, struct wi_tally *tally, const weir_event *event)
{
	struct wi_subscription *subscription = tally->subscription;
	bool batched = subscription->batch_end != NULL;
	uint64_t quarantines = tally->quarantines;

	if (batched) {
		tally->ok_before = tally->ok;
		wi_store_release(&tally->owed, 1u);     /* E7 */
	}
	WI_PROBE_QUARANTINE_TRIAL(subscription->id, subscription->name);
	tally->trial = true;
	tally->trial = call(dispatcher, subscription, tally, event, true) == 0;
	if (batched)
		call_batch_end(dispatcher, tally);
	else if (tally->trial)
		wi_subscription_succeeded(subscription, true);
	tally->trial = false;
	if (tally->quarantines == quarantines)
		WI_PROBE_QUARANTINE_END(subscription->id, subscription->name);
}

/* Quarantined, and its time is not over: inline, since there may be many of them. */
static inline __attribute__((always_inline)) bool
skip_quarantined(const struct wi_dispatcher *dispatcher, const struct wi_subscription *subscription,
                 struct wi_tally *tally, uint32_t state)
{
	const uint32_t skipped = WI_SUBSCRIPTION_QUARANTINED | WI_SUBSCRIPTION_PAUSED |
	                         WI_SUBSCRIPTION_ENDING;

	if (WI_UNLIKELY((state & skipped) != WI_SUBSCRIPTION_QUARANTINED ||
	                dispatcher->now >= wi_load_relaxed(&subscription->quarantine_until)))
		return false;
	wi_count_own(&tally->skipped_quarantine);
	return true;
}

/* The time is over. No trial beside a batch of the time before, whose batch_end is owed. */
static WI_COLD void
deliver_quarantined(struct wi_dispatcher *dispatcher, struct wi_tally *tally,
                    const weir_event *event)
{
	if (!tally->owed && wi_subscription_try(tally->subscription, dispatcher->now)) {
		make_trial(dispatcher, tally, event);
		return;
	}
	wi_add_own(&tally->skipped_quarantine, 1);
}

/* The state is not plain. */
static __attribute__((noinline)) void
deliver_by_state(struct wi_dispatcher *dispatcher, struct wi_tally *tally, const weir_event *event,
                 uint32_t state)
{
	struct wi_subscription *subscription = tally->subscription;
	int code;

	if (state & (WI_SUBSCRIPTION_ENDING | WI_SUBSCRIPTION_PAUSED)) {
		wi_add_own(state & WI_SUBSCRIPTION_ENDING ? &tally->skipped_unsubscribed
		                                          : &tally->skipped_paused, 1);
		return;
	}
	if (state & WI_SUBSCRIPTION_QUARANTINED) {
		deliver_quarantined(dispatcher, tally, event);
		return;
	}
	if (state & WI_SUBSCRIPTION_BATCHED)
		owe_batch_end(dispatcher, tally);
	code = call(dispatcher, subscription, tally, event, false);
	if (code == 0 && state & WI_SUBSCRIPTION_STREAK && !(state & WI_SUBSCRIPTION_BATCHED))
		wi_subscription_succeeded(subscription, false);
}

static inline __attribute__((always_inline)) void
deliver(struct wi_dispatcher *dispatcher, struct wi_subscription *subscription, const weir_event *event)
{
	struct wi_tally *tally = (void *)((char *)subscription + dispatcher->tally_offset);
	uint32_t state;

	wi_store_release(&dispatcher->in, subscription);        /* E7 */
	wi_fence_local();
	state = wi_subscription_state(subscription);
	if (WI_LIKELY(state == 0))
		call(dispatcher, subscription, tally, event, false);
	else if (WI_UNLIKELY(!skip_quarantined(dispatcher, subscription, tally, state)))
		deliver_by_state(dispatcher, tally, event, state);
}

/* From the list's i-th on. */
static inline __attribute__((always_inline)) void
deliver_to_some(struct wi_dispatcher *dispatcher, const struct wi_list *list, uint32_t i,
                const weir_event *event)
{
	for (; i < list->count; i++) {
		struct wi_subscription *subscription = list->subscription[i];

		if (!weir_event_replayed(event) ||
		    wi_subscription_state(subscription) & WI_SUBSCRIPTION_REPLAYED)
			deliver(dispatcher, subscription, event);
	}
}

/* Several subscriptions, none, or an event that only some are due. */
static __attribute__((noinline)) void
deliver_to_list(struct wi_dispatcher *dispatcher, const struct wi_list *list, const weir_event *event)
{
	if (list)
		deliver_to_some(dispatcher, list, 0, event);
	else
		wi_add_own(&dispatcher->unrouted, 1);
}

/*
 * The event carries other things than the one before it: how long its extensions are, and what its
 * handlers' events inherit: hops, and a trace. Every event with a trace and every replayed one, which
 * not all are due, comes here.
 */
static WI_COLD void
change_flags(struct wi_dispatcher *dispatcher, const weir_event *event)
{
	const weir_trace *trace = weir_event_trace(event);

	dispatcher->flags = trace || weir_event_replayed(event) ? UINT32_MAX
	                                                        : event->topic_flags >> WEIR_HOPS_SHIFT_;
	dispatcher->overhead = (uint32_t)wi_record_overhead(event->topic_flags);
	wi_publish_inherit(dispatcher->producer, weir_event_hops(event) + 1, trace,
	                   weir_event_replayed(event));
}

/* -- a batch ---------------------------------------------------------------- */

/* The walk is through with everything below `position`; delivery.sequence is that of its last event. */
static inline __attribute__((always_inline)) void
end_walk(struct wi_dispatcher *dispatcher, struct wi_batch *batch, uint64_t position, uint64_t others)
{
	uint64_t count = dispatcher->delivery.sequence - batch->sequence;

	wi_add_own(&dispatcher->routed, count - others - (dispatcher->unrouted - batch->unrouted));
	batch->left -= (uint32_t)count;
	batch->sequence += count;
	batch->position = position;
}

static inline const unsigned char *
in_ring(const struct wi_batch *batch)
{
	return wi_ring_bytes(batch->ring) + (batch->position & (batch->ring->size - 1));
}

/*
 * Asks for the routes of all events of a walk. Within the walk itself a few events' instructions fill
 * what a processor can look ahead over: with a million topics, each look-up waited for memory nearly
 * alone.
 */
static __attribute__((noinline)) void
scout(const struct wi_table *table, const unsigned char *record, const unsigned char *stop)
{
	do {
		const weir_event *event = (const weir_event *)record;

		wi_table_prefetch(table, event->topic_flags & WEIR_TOPIC_MASK_);
		record += wi_record_length(event);
	} while (record < stop);
}

/*
 * Topics of one chunk whose events carry the same things have all these bits of topic_flags in common;
 * so one comparison says that chunk and flags are those of the event before. An event of a walk's
 * first place, or whose topic has no chunk, differs.
 */
#define PLACE_MASK (~(uint32_t)(WI_CHUNK_COUNT - 1))
#define PLACE_NONE 1u

/*
 * The events that begin in [position, end), which lie in one piece from `first` on. This loop is
 * what bounds a dispatcher that is behind: nothing in it that can be known before.
 * keyed: WEIR_ORDER_KEY, so only those that are this dispatcher's.
 */
static inline __attribute__((always_inline)) void
walk_some(struct wi_dispatcher *dispatcher, const unsigned char *first, uint64_t end, bool keyed)
{
	const struct wi_table *table = dispatcher->table;
	struct wi_batch *batch = &dispatcher->batch;
	const unsigned char *next = first, *stop = first + (end - batch->position);
	const struct wi_chunk *chunk = NULL;
	uint32_t place = PLACE_NONE;
	uint64_t others = 0;

	batch->first = first;
	batch->end = end;
	batch->unrouted = dispatcher->unrouted;
	dispatcher->delivery.sequence = batch->sequence;
	if (WI_UNLIKELY(table->chunk_count >= SCOUT_CHUNKS))
		scout(table, first, stop);
	do {
		const weir_event *event = (const weir_event *)next;
		uint32_t topic_flags = event->topic_flags;
		struct wi_subscription *single;

		wi_count_own(&dispatcher->delivery.sequence);
		if (keyed && wi_pool_owner(dispatcher->pool, event, dispatcher->delivery.sequence) !=
		             dispatcher->index) {
			next += wi_record_length(event);
			others++;
			continue;
		}
		if (WI_UNLIKELY((topic_flags & PLACE_MASK) != place)) {
			if (topic_flags >> WEIR_HOPS_SHIFT_ != dispatcher->flags)
				change_flags(dispatcher, event);
			place = PLACE_NONE;
			chunk = wi_table_chunk(table, topic_flags & WEIR_TOPIC_MASK_);
			if (topic_flags & WEIR_REPLAYED_ || !chunk) {
				next += wi_record_length(event);
				deliver_to_list(dispatcher, chunk ? wi_chunk_list(chunk, topic_flags) : NULL, event);
				continue;
			}
			if (dispatcher->flags == topic_flags >> WEIR_HOPS_SHIFT_)
				place = topic_flags & PLACE_MASK;
		}
		next += wi_record_round(event->size, dispatcher->overhead);
		WI_COMPUTE_HERE(next);
		if (WI_LIKELY((single = wi_chunk_single(chunk, topic_flags)) != NULL))
			deliver(dispatcher, single, event);
		else
			deliver_to_list(dispatcher, wi_chunk_list(chunk, topic_flags), event);
	} while (next < stop);
	end_walk(dispatcher, batch, batch->position + (uint64_t)(next - batch->first), others);
}

static __attribute__((noinline)) void
walk(struct wi_dispatcher *dispatcher, const unsigned char *first, uint64_t end)
{
	walk_some(dispatcher, first, end, false);
}

static __attribute__((noinline)) void
walk_keyed(struct wi_dispatcher *dispatcher, const unsigned char *first, uint64_t end)
{
	walk_some(dispatcher, first, end, true);
}

/* -- sampling times --------------------------------------------------------- */

/*
 * Two conditions, since a look at the clock takes some 20 ns: events that come one by one are not
 * to wait for it, most of them, and those that come fast are not to pay for it.
 */
static bool
may_sample(struct wi_dispatcher *dispatcher)
{
	if (++dispatcher->sample_passes >= SAMPLE_PASSES)
		return true;
	return dispatcher->now - dispatcher->sampled >= SAMPLE_RARE_NS;
}

/* Marsaglia's xorshift. */
static uint32_t
draw(struct wi_dispatcher *dispatcher)
{
	uint32_t x = dispatcher->random ? dispatcher->random : dispatcher->index + 1;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return dispatcher->random = x;
}

/* When the last call has ended; *clocks: how often the clock was read. */
static uint64_t
deliver_timed(struct wi_dispatcher *dispatcher, const struct wi_list *list, const weir_event *event,
              uint64_t began, uint32_t *clocks)
{
	for (uint32_t i = 0; i < list->count; i++) {
		struct wi_subscription *subscription = list->subscription[i];
		struct wi_tally *tally = &subscription->tally[dispatcher->index];
		uint64_t begun = tally->begun, now;

		if (weir_event_replayed(event) &&
		    !(wi_subscription_state(subscription) & WI_SUBSCRIPTION_REPLAYED))
			continue;
		deliver(dispatcher, subscription, event);
		if (tally->begun == begun)
			continue;
		now = wi_clock_monotonic();
		wi_times_record(&tally->times, now - began, tally->begun);
		WI_PROBE_HANDLER_SAMPLED(subscription->id, subscription->name, now - began);
		began = now;
		++*clocks;
	}
	return began;
}

static void
sample_event(struct wi_dispatcher *dispatcher, const weir_event *event)
{
	const struct wi_list *list = wi_table_find(dispatcher->table, event->topic_flags & WEIR_TOPIC_MASK_);
	uint64_t began, ended, time = event->time;
	uint32_t clocks = 2;

	if (!list) {
		wi_add_own(&dispatcher->unrouted, 1);
		return;
	}
	began = wi_clock_monotonic();
	ended = deliver_timed(dispatcher, list, event, began, &clocks);
	/* What is replayed is as old as it is. */
	if (time && !weir_event_replayed(event)) {
		uint64_t called = wi_clock_realtime() - (ended - began);

		/* The clock may have been set back. */
		wi_times_record(&dispatcher->waited, called > time ? called - time : 0, dispatcher->routed + 1);
		clocks++;
	}
	dispatcher->sampled = ended;
	dispatcher->sample_passes = 0;
	dispatcher->sample_at = ended + dispatcher->pool->sample_ns * (clocks / 4 + 1);
}

/* The first event, with the clock in the hand. */
static void
walk_one(struct wi_dispatcher *dispatcher, const unsigned char *first, uint64_t end, bool keyed)
{
	const weir_event *event = (const weir_event *)first;
	struct wi_batch *batch = &dispatcher->batch;
	uint64_t position = batch->position + wi_record_length(event);
	bool other;

	batch->first = first;
	batch->end = end;
	batch->unrouted = dispatcher->unrouted;
	dispatcher->delivery.sequence = batch->sequence + 1;
	other = keyed && wi_pool_owner(dispatcher->pool, event, dispatcher->delivery.sequence) != dispatcher->index;
	if (!other) {
		if (event->topic_flags >> WEIR_HOPS_SHIFT_ != dispatcher->flags)
			change_flags(dispatcher, event);
		sample_event(dispatcher, event);
	}
	end_walk(dispatcher, batch, position, other);
}

/*
 * A walk in which one event is sampled: the one at a place by chance, since the first of many has
 * waited longest. Of a copy the first: who takes over from one that was unwound goes on to the end
 * of the walk, and nothing else knows what was copied.
 */
static __attribute__((noinline)) void
walk_sampled(struct wi_dispatcher *dispatcher, const unsigned char *first, uint64_t end, bool keyed)
{
	void (*plain)(struct wi_dispatcher *, const unsigned char *, uint64_t) = keyed ? walk_keyed : walk;
	struct wi_batch *batch = &dispatcher->batch;
	uint64_t start = batch->position, until = start;

	/* Up to here without: one record less than the place by chance, in which another begins. */
	if (!dispatcher->copy) {
		uint64_t length = wi_record_length((const weir_event *)first);
		uint64_t place = (draw(dispatcher) * (end - start)) >> 32;

		until += place < length ? 0 : place - length + 1;
	}
	if (until > start)
		plain(dispatcher, first, until);
	if (batch->position < end)
		walk_one(dispatcher, first + (batch->position - start), end, keyed);
	if (batch->position < end)
		plain(dispatcher, first + (batch->position - start), end);
}

static inline bool
is_due(struct wi_dispatcher *dispatcher)
{
	return WI_UNLIKELY(dispatcher->now >= dispatcher->sample_at) && may_sample(dispatcher);
}

/* -- where the producer may move the cursor: WEIR_BEHIND_SKIP ---------------- */

/*
 * Copies whole records, from the batch's position to `end` or to where the last one ends, which is
 * returned. It may be nonsense: a producer that has moved the cursor writes over them. Each word is
 * read once, and no length leads out of what is mapped; the race is meant, so ThreadSanitizer does
 * not look.
 */
static __attribute__((noinline, no_sanitize("thread"))) uint64_t
copy_out(const struct wi_dispatcher *dispatcher, const struct wi_batch *batch, uint64_t end)
{
	uint64_t longest = wi_record_need(wi_ring_payload_max(batch->ring->size), WI_RECORD_LONGEST);
	uint64_t most = batch->bound - batch->position, wanted = end - batch->position, done = 0;
	const volatile uint64_t *from = (const volatile uint64_t *)in_ring(batch);
	uint64_t *to = (uint64_t *)dispatcher->copy;

	do {
		weir_event event;
		uint64_t word = from[done / sizeof word], next;

		memcpy(&event, &word, sizeof word);
		next = done + WI_MIN(wi_record_length(&event), longest);
		next = WI_MIN(next, most);
		to[done / sizeof word] = word;
		for (uint64_t i = done / sizeof word + 1; i < next / sizeof word; i++)
			to[i] = from[i];
		done = next;
	} while (done < wanted);
	return batch->position + done;
}

/*
 * One swap says that nothing of the copy was overwritten, since the producer moves the cursor
 * before it overwrites, and gives the room back (E2, E11).
 */
static bool
take_copy(struct wi_dispatcher *dispatcher, struct wi_batch *batch, uint64_t end, uint64_t *ret_end)
{
	struct wi_cursor *cursor = &batch->ring->cursor[dispatcher->cursor];
	uint64_t position = wi_load_acquire(&cursor->position);

	if (position != batch->position)
		return false;
	*ret_end = copy_out(dispatcher, batch, end);
	return wi_cas(&cursor->position, &position, *ret_end);
}

/*
 * The sequence at the place that the producer has moved the cursor to. False: it has moved it again
 * since (E11).
 */
static bool
find_note(const struct wi_cursor *cursor, uint64_t position, uint64_t *ret_sequence)
{
	for (size_t i = 0; i < WI_COUNT(cursor->skip); i++) {
		*ret_sequence = wi_load_acquire(&cursor->skip[i].sequence);
		if (wi_load_relaxed(&cursor->skip[i].position) == position)
			return true;
	}
	return false;
}

static void
tell_gap(struct wi_dispatcher *dispatcher, uint64_t first, uint64_t last)
{
	struct wi_list *list = wi_table_find(dispatcher->table, WI_TOPIC_GAP);
	struct {
		_Alignas(WI_RECORD_ALIGN) weir_event event;
		weir_gap gap;
	} told = {
		.event = { .size = sizeof told.gap, .topic_flags = WI_TOPIC_GAP,
		           .time = wi_publish_time(dispatcher->producer) },
		.gap = { .size = sizeof told.gap, .source = dispatcher->delivery.source,
		         .sequence_first = first, .sequence_last = last },
	};

	if (!list)
		return;
	if (dispatcher->flags != 0)
		change_flags(dispatcher, &told.event);
	dispatcher->delivery.sequence = last;
	deliver_to_list(dispatcher, list, &told.event);
}

static void
skip_to_cursor(struct wi_dispatcher *dispatcher, struct wi_batch *batch)
{
	const struct wi_cursor *cursor = &batch->ring->cursor[dispatcher->cursor];
	uint64_t sequence, before = batch->sequence;

	do
		batch->position = wi_load_acquire(&cursor->position);
	while (!find_note(cursor, batch->position, &sequence));
	batch->sequence = sequence - wi_load_relaxed(&batch->lane->first_sequence);
	batch->left--;
	wi_add_own(&dispatcher->skipped_behind, batch->sequence - before);
	WI_PROBE_SKIP(dispatcher->pool->name, dispatcher->delivery.source, before + 1, batch->sequence);
	tell_gap(dispatcher, before + 1, batch->sequence);
}

static __attribute__((noinline)) void
walk_copy(struct wi_dispatcher *dispatcher, struct wi_batch *batch, uint64_t end)
{
	uint64_t taken;

	if (!take_copy(dispatcher, batch, end, &taken))
		skip_to_cursor(dispatcher, batch);
	else if (is_due(dispatcher))
		walk_sampled(dispatcher, dispatcher->copy, taken, false);
	else
		walk(dispatcher, dispatcher->copy, taken);
}

/* -- how far ---------------------------------------------------------------- */

/*
 * Where the next walk ends: a part of the ring on, so that the cursor moves; where the buffer
 * starts over; and before more events can have passed than are left or may go by
 * without a look at the clock, none being smaller than a header.
 */
static uint64_t
walk_end(const struct wi_dispatcher *dispatcher, const struct wi_batch *batch, uint64_t furthest)
{
	uint64_t size = batch->ring->size, position = batch->position;
	uint64_t end = WI_MIN(furthest, position + size / CURSOR_STEPS);

	end = WI_MIN(end, (position | (size - 1)) + 1);
	end = WI_MIN(end, position + (uint64_t)WI_RECORD_HEADER * batch->left);
	return WI_MIN(end, position + (uint64_t)WI_RECORD_HEADER * dispatcher->check_count);
}

static void
move_cursor(const struct wi_dispatcher *dispatcher, const struct wi_batch *batch)
{
	const struct wi_pool *pool = dispatcher->pool;
	struct wi_cursor *cursor = &batch->ring->cursor[dispatcher->cursor];

	wi_store_release(&cursor->done, batch->position);                                   /* E2 */
	if (WI_UNLIKELY(pool->behind == WEIR_BEHIND_SKIP))
		return;                 /* what was copied needs no room: take_copy() has moved it */
	wi_store_release(&cursor->position, batch->position);                               /* E2; E10 */
	if (WI_LIKELY(!wi_load_relaxed(&pool->followers)))
		return;
	/* A publisher to those behind: E3. */
	if (pool->wake->publisher_fences)
		wi_fence_full();
	wi_fence_local();
	if (wi_load_relaxed(&pool->wake->parked) & 1)
		wi_wake_one(pool->wake);
}

static bool
begin_batch(struct wi_dispatcher *dispatcher, struct wi_lane *lane, struct wi_ring *ring, uint64_t tail,
            struct wi_batch *batch)
{
	struct wi_pool *pool = dispatcher->pool;
	struct wi_lease *lease = &lane->lease[dispatcher->cursor];

	/* Somebody else may have been here since the tail was loaded. */
	if (tail <= lease->position)
		return false;
	batch->lane = lane;
	batch->ring = ring;
	batch->bound = tail;
	batch->start = batch->position = lease->position;
	batch->left = dispatcher->batch_count_max;
	batch->sequence = lease->sequence - wi_load_relaxed(&lane->first_sequence);
	if (WI_UNLIKELY(tail - lease->position > lease->most))
		wi_store_relaxed(&lease->most, tail - lease->position);
	wi_store_relaxed(&dispatcher->boundary, dispatcher->boundary + 1);
	if (WI_UNLIKELY(pool->wake->publisher_fences || wi_load_relaxed(&pool->wake->heavy_fence_failed)))
		wi_fence_full();        /* E7: who waits for us waits for the end of a batch */
	pin_table(dispatcher);                                                              /* E9 */
	dispatcher->delivery.source = wi_load_relaxed(&lane->source);
	if (WI_UNLIKELY(lease->last_holder != dispatcher->index + 1)) {
		if (lease->last_holder)
			wi_add_own(&dispatcher->steals, 1);
		wi_store_relaxed(&lease->last_holder, dispatcher->index + 1);
	}
	return true;
}

/* The lane is for others now, too. */
static void
end_batch(struct wi_dispatcher *dispatcher, struct wi_batch *batch)
{
	struct wi_lane *lane = batch->lane;
	struct wi_lease *lease = &lane->lease[dispatcher->cursor];

	if (WI_UNLIKELY(dispatcher->owed != NULL))
		end_batches(dispatcher);
	if (WI_UNLIKELY(dispatcher->gathered != NULL))
		wi_failure_tell(dispatcher);
	if (WI_UNLIKELY(dispatcher->flags == UINT32_MAX))
		wi_publish_inherit(dispatcher->producer, 1, NULL, false);      /* the trace's event goes */
	wi_store_release(&dispatcher->in, NULL);                                            /* E7 */
	lease->position = batch->position;
	wi_store_relaxed(&lease->sequence, wi_load_relaxed(&lane->first_sequence) + batch->sequence);
	wi_add_own(&dispatcher->batches, 1);
	move_cursor(dispatcher, batch);
	wi_store_release(&dispatcher->boundary, dispatcher->boundary + 1);
	dispatcher->seen[lane->index] = batch->position;
	batch->lane = NULL;
	wi_lease_give(lease);                                                               /* E6 */
}

/* Looks at the clock, and sets how many events may pass until the next look. */
static bool
time_is_over(struct wi_dispatcher *dispatcher, uint64_t began, uint32_t count)
{
	uint64_t before = dispatcher->now, each;

	wi_dispatch_clock(dispatcher);
	each = (dispatcher->now - before) / count;
	dispatcher->check_count = each < 1 ? CHECK_COUNT_MAX
	        : (uint32_t)WI_MIN(dispatcher->pool->batch_ns_max / 16 / each + 1, (uint64_t)CHECK_COUNT_MAX);
	return dispatcher->now - began >= dispatcher->pool->batch_ns_max;
}

/*
 * One batch of one lane, if there is anything. How many events. The tail is asked for once: each
 * time takes its line away from the producer.
 */
static uint32_t
drain(struct wi_dispatcher *dispatcher, struct wi_lane *lane)
{
	struct wi_ring *ring = wi_load_acquire(&lane->ring);                                /* E8 */
	struct wi_pool *pool = dispatcher->pool;
	uint64_t tail = wi_pool_bound(pool, ring);                                  /* E1; E10 */
	struct wi_lease *lease = &lane->lease[dispatcher->cursor];
	struct wi_batch *batch = &dispatcher->batch;
	uint64_t began = dispatcher->now, furthest;
	uint32_t checked, count;

	if (tail == dispatcher->seen[lane->index])
		return 0;
	if (!wi_lease_take(lease, dispatcher->index + 1))                                   /* E6 */
		return 0;
	if (!begin_batch(dispatcher, lane, ring, tail, batch)) {
		dispatcher->seen[lane->index] = lease->position;
		wi_lease_give(lease);
		return 0;
	}
	WI_PROBE_DISPATCH_BEGIN(pool->name, dispatcher->index, dispatcher->delivery.source);
	furthest = WI_MIN(tail, batch->start + ring->size / BATCH_FRACTION);
	checked = batch->left;
	for (;;) {
		uint64_t end = walk_end(dispatcher, batch, furthest);

		if (WI_UNLIKELY(pool->behind == WEIR_BEHIND_SKIP))
			walk_copy(dispatcher, batch, end);
		else if (is_due(dispatcher))
			walk_sampled(dispatcher, in_ring(batch), end, pool->order == WEIR_ORDER_KEY);
		else if (WI_LIKELY(pool->order == WEIR_ORDER_PRODUCER))
			walk(dispatcher, in_ring(batch), end);
		else
			walk_keyed(dispatcher, in_ring(batch), end);
		if (batch->position >= furthest || !batch->left || wi_load_relaxed(&pool->stop))
			break;
		/* The next copy takes the place of the one that a failure is to be told from. */
		if (WI_UNLIKELY(dispatcher->gathered && dispatcher->copy))
			break;
		if (WI_LIKELY(!dispatcher->owed && !dispatcher->gathered))
			move_cursor(dispatcher, batch);
		if (checked - batch->left >= dispatcher->check_count) {
			if (time_is_over(dispatcher, began, checked - batch->left))
				break;
			checked = batch->left;
		}
	}
	end_batch(dispatcher, batch);
	count = dispatcher->batch_count_max - batch->left;
	WI_PROBE_DISPATCH_END(pool->name, dispatcher->index, dispatcher->delivery.source, count, batch->start,
	                      batch->position);
	return count;
}

/* -- a batch that was unwound ----------------------------------------------- */

/*
 * The event in hand, where it ends, and how many before it were other dispatchers'. NULL: all walks
 * were over, a batch_end was being called.
 */
static const weir_event *
find_event(const struct wi_dispatcher *dispatcher, uint64_t *ret_end, uint64_t *ret_others)
{
	const struct wi_pool *pool = dispatcher->pool;
	const struct wi_batch *batch = &dispatcher->batch;
	const weir_event *event = NULL;

	*ret_end = batch->position;
	*ret_others = 0;
	for (uint64_t s = batch->sequence; s < dispatcher->delivery.sequence; s++) {
		event = (const weir_event *)(batch->first + (*ret_end - batch->position));
		*ret_end += wi_record_length(event);
		*ret_others += pool->order == WEIR_ORDER_KEY &&
		               wi_pool_owner(pool, event, s + 1) != dispatcher->index;
	}
	return event;
}

static void
fail_unwound(struct wi_dispatcher *dispatcher, struct wi_tally *tally, const weir_event *event)
{
	bool trial = tally->trial;

	tally->trial = false;
	if (tally->ending) {
		tally->ending = false;
		wi_failure_of_batch(dispatcher, tally, WEIR_CODE_UNWOUND, trial);
		wi_store_release(&tally->owed, 0u);     /* E7 */
	} else if (tally->begun != tally->ok + tally->failed) {
		wi_failure_of_call(dispatcher, tally, event, WEIR_CODE_UNWOUND, trial);
		if (trial && tally->owed)               /* a batch of its own */
			call_batch_end(dispatcher, tally);
	}
}

/* Those behind the one that was unwound, which `in` names. */
static void
deliver_to_rest(struct wi_dispatcher *dispatcher, const weir_event *event)
{
	const struct wi_list *list = wi_table_find(dispatcher->table, event->topic_flags & WEIR_TOPIC_MASK_);
	const struct wi_subscription *in = dispatcher->in;
	uint32_t i = 0;

	while (list->subscription[i] != in)
		i++;
	deliver_to_some(dispatcher, list, i + 1, event);
}

/* A lane may stand twice among the busy ones, or not at all: the pass did not come to its end. */
static void
forget_busy(struct wi_dispatcher *dispatcher)
{
	uint32_t lane_count = wi_load_acquire(&dispatcher->pool->lanes->count);         /* E8 */

	dispatcher->busy_count = 0;
	memset(dispatcher->quiet_count, 0, lane_count * sizeof *dispatcher->quiet_count);
}

void
wi_dispatch_resume(struct wi_dispatcher *dispatcher)
{
	struct wi_batch *batch = &dispatcher->batch;
	const struct wi_pool *pool = dispatcher->pool;
	const weir_event *event;
	uint64_t end, others;
	char text[512];

	forget_busy(dispatcher);
	if (!batch->lane)
		return;
	/* While `in` names it, it is not used again. */
	snprintf(text, sizeof text, "pool %s, dispatcher %u: a call of \"%.128s\" (pattern \"%.128s\") ended its "
	         "thread", pool->name, dispatcher->index, dispatcher->in->name, dispatcher->in->pattern);
	if (wi_load_relaxed(&dispatcher->producer_tail->open.state))
		abort_reservations(dispatcher);
	event = find_event(dispatcher, &end, &others);
	fail_unwound(dispatcher, &dispatcher->in->tally[dispatcher->index], event);
	if (event) {
		const unsigned char *next = batch->first + (end - batch->position);

		deliver_to_rest(dispatcher, event);
		end_walk(dispatcher, batch, end, others);
		/* What was copied is nowhere else: the cursor is past it. */
		if (dispatcher->copy && end < batch->end)
			walk(dispatcher, next, batch->end);
	}
	end_batch(dispatcher, batch);
	WI_PROBE_DISPATCH_END(pool->name, dispatcher->index, dispatcher->delivery.source,
	                      dispatcher->batch_count_max - batch->left, batch->start, batch->position);
	pool->tell(pool->bus, 4, "WEIR-UNWOUND", text);
}

/* -- which lanes to look at ------------------------------------------------- */

/*
 * A neighbour's lane is taken over when its events still wait where they waited at the
 * last look and nobody is in it: the neighbour is busy, or stuck, in another ring.
 */
static bool
may_take_over(struct wi_dispatcher *dispatcher, struct wi_lane *lane)
{
	struct wi_pool *pool = dispatcher->pool;
	struct wi_ring *ring = wi_load_acquire(&lane->ring);                /* E8 */
	uint64_t cursor = wi_load_acquire(&ring->cursor[dispatcher->cursor].done);
	bool waited = dispatcher->waiting[lane->index] == cursor + 1;

	dispatcher->seen[lane->index] = cursor;
	if (wi_pool_bound(pool, ring) <= cursor) {
		dispatcher->waiting[lane->index] = 0;
		return false;
	}
	dispatcher->waiting[lane->index] = cursor + 1;
	return waited;
}

static bool
is_mine(const struct wi_dispatcher *dispatcher, const struct wi_lane *lane)
{
	const struct wi_pool *pool = dispatcher->pool;
	uint32_t holder;

	if (pool->dispatcher_count == 1 || pool->order == WEIR_ORDER_KEY)
		return true;
	holder = wi_load_relaxed(&lane->lease[dispatcher->cursor].last_holder);
	if (holder == 0)
		holder = lane->index % pool->dispatcher_count + 1;
	return holder == dispatcher->index + 1;
}

static bool
is_busy(const struct wi_dispatcher *dispatcher, uint32_t lane)
{
	return dispatcher->quiet_count[lane] != 0;
}

/* quiet_count: 0 for an idle lane, 1 + looks in vain for a busy one. */
static uint32_t
look_at_idle(struct wi_dispatcher *dispatcher, uint32_t looks)
{
	uint32_t lane_count = wi_load_acquire(&dispatcher->pool->lanes->count), events = 0;      /* E8 */

	for (looks = WI_MIN(looks, lane_count); looks; looks--) {
		uint32_t l = dispatcher->next_idle_lane < lane_count ? dispatcher->next_idle_lane : 0;
		struct wi_lane *lane = dispatcher->pool->lanes->lane[l];
		uint32_t count;

		dispatcher->next_idle_lane = l + 1;
		if (is_busy(dispatcher, l))
			continue;
		if (!is_mine(dispatcher, lane) && !may_take_over(dispatcher, lane))
			continue;
		count = drain(dispatcher, lane);
		if (count) {
			dispatcher->busy[dispatcher->busy_count++] = l;
			dispatcher->quiet_count[l] = 1;
		}
		events += count;
	}
	return events;
}

static uint32_t
look_at_busy(struct wi_dispatcher *dispatcher)
{
	uint32_t events = 0, kept = 0;

	for (uint32_t i = 0; i < dispatcher->busy_count; i++) {
		uint32_t l = dispatcher->busy[i], count;
		struct wi_lane *lane = dispatcher->pool->lanes->lane[l];

		count = drain(dispatcher, lane);
		dispatcher->quiet_count[l] = count ? 1 : dispatcher->quiet_count[l] + 1;
		if (dispatcher->quiet_count[l] > QUIET_COUNT_MAX || !is_mine(dispatcher, lane))
			dispatcher->quiet_count[l] = 0;         /* idle from now on */
		else
			dispatcher->busy[kept++] = l;
		events += count;
	}
	dispatcher->busy_count = kept;
	return events;
}

/* Somebody else who has the lease looks again before it sleeps. */
static bool
waits(const struct wi_dispatcher *dispatcher, const struct wi_lane *lane)
{
	struct wi_ring *ring = wi_load_acquire(&lane->ring);                /* E8 */
	uint32_t cursor = dispatcher->cursor;

	return wi_pool_bound(dispatcher->pool, ring) > wi_load_acquire(&ring->cursor[cursor].done) &&
	       wi_load_relaxed(&lane->lease[cursor].holder) == 0;
}

bool
wi_dispatch_pending(struct wi_dispatcher *dispatcher)
{
	struct wi_pool *pool = dispatcher->pool;
	uint32_t lane_count = wi_load_acquire(&pool->lanes->count);         /* E8 */

	for (uint32_t l = 0; l < lane_count; l++)
		if (waits(dispatcher, pool->lanes->lane[l]))
			return true;
	return false;
}

bool
wi_dispatch_overlooked(struct wi_dispatcher *dispatcher)
{
	struct wi_pool *pool = dispatcher->pool;
	uint32_t lane_count = wi_load_acquire(&pool->lanes->count);         /* E8 */

	for (uint32_t l = 0; l < lane_count; l++) {
		struct wi_lane *lane = pool->lanes->lane[l];

		if (waits(dispatcher, lane) &&
		    !(wi_load_acquire(&wi_load_acquire(&lane->ring)->tail.open.state) & WEIR_INSIDE_))
			return true;
	}
	return false;
}

/* -- a pass ----------------------------------------------------------------- */

void
wi_dispatch_clock(struct wi_dispatcher *dispatcher)
{
	dispatcher->now = wi_clock_monotonic();
	/* Nobody would keep the tick fresh until the next poll. */
	if (dispatcher->now - dispatcher->ticked < TICK_NS || dispatcher->pool->manual)
		return;
	dispatcher->ticked = dispatcher->now;
	wi_wake_tick(dispatcher->pool->wake, wi_clock_realtime());
}

/* True: there may be something in it. */
static inline bool
watch_lane(const struct wi_dispatcher *dispatcher, uint32_t l)
{
	const struct wi_pool *pool = dispatcher->pool;
	struct wi_ring *ring = wi_load_acquire(&pool->lanes->lane[l]->ring);        /* E8 */
	uint64_t seen = dispatcher->seen[l], bound = wi_pool_bound(pool, ring);

	__builtin_prefetch(wi_ring_bytes(ring) + (seen & (ring->size - 1)));
	return bound != seen;
}

bool
wi_dispatch_watch(struct wi_dispatcher *dispatcher)
{
	if (dispatcher->busy_count == 0 || dispatcher->busy_count > WATCHED_LANES_MAX)
		return false;
	for (uint32_t looks = WATCH_LOOKS; looks; looks--)
		for (uint32_t i = 0; i < dispatcher->busy_count; i++)
			if (watch_lane(dispatcher, dispatcher->busy[i]))
				return true;
	return true;
}

uint32_t
wi_dispatch_pass(struct wi_dispatcher *dispatcher)
{
	uint32_t events = look_at_busy(dispatcher);

	events += look_at_idle(dispatcher, events >= LOADED_COUNT ? IDLE_LOOKS_LOADED : IDLE_LOOKS);
	if (events)
		wi_dispatch_clock(dispatcher);
	return events;
}

uint32_t
wi_dispatch_poll(struct wi_dispatcher *dispatcher, uint32_t count_max)
{
	struct wi_pool *pool = dispatcher->pool;
	uint32_t lane_count = wi_load_acquire(&pool->lanes->count), events = 0;             /* E8 */

	dispatcher->batch_count_max = WI_MIN(count_max, pool->batch_count_max);
	wi_dispatch_clock(dispatcher);
	for (uint32_t looks = lane_count; looks && !events; looks--) {
		uint32_t next = dispatcher->next_idle_lane, l = next < lane_count ? next : 0;

		dispatcher->next_idle_lane = l + 1;
		events = drain(dispatcher, pool->lanes->lane[l]);
	}
	if (events) {
		uint64_t before = dispatcher->now;

		wi_dispatch_clock(dispatcher);
		wi_add_own(&dispatcher->busy_ns, dispatcher->now - before);
	}
	return events;
}
