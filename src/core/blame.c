/* SPDX-License-Identifier: MIT */
/* blame.c - see blame.h. */
#include "core/blame.h"

/* The pool may be another one by now; the races are meant, so ThreadSanitizer does not look. */
#define RACY static __attribute__((no_sanitize("thread")))

/* Who is furthest behind may only be waiting for a pool in front: then that one is. */
RACY uint32_t
slowest_in_front(const struct wi_lanes *lanes, const struct wi_ring *ring, uint32_t cursor)
{
	const struct wi_pool *pool;

	/* Each step leads to an older pool. */
	for (int steps = WI_CURSOR_COUNT_MAX; steps; steps--) {
		uint64_t own = wi_load_relaxed(&ring->cursor[cursor].position);
		uint32_t in_front = cursor;

		pool = wi_load_acquire(&lanes->pool[cursor]);
		if (!pool || !pool->after)
			break;
		for (uint32_t after = pool->after; after; after &= after - 1) {
			uint32_t each = (uint32_t)__builtin_ctz(after);

			if (wi_load_relaxed(&ring->cursor[each].position) <= own)
				in_front = each;
		}
		if (in_front == cursor)
			break;
		cursor = in_front;
	}
	return cursor;
}

RACY uint64_t
handler_of(const struct wi_dispatcher *dispatcher)
{
	if (!wi_load_relaxed(&dispatcher->in))
		return 0;
	return wi_load_relaxed(&dispatcher->delivery.subscription.id);
}

RACY void
note_all(struct wi_full *full, const struct wi_pool *pool, uint32_t count)
{
	wi_store_relaxed(&full->in_pool, pool->serial);
	wi_store_relaxed(&full->in_count, count);
	for (uint32_t i = 0; i < count && i < WEIR_COUNTERS_IN_COUNT; i++)
		wi_store_relaxed(&full->in[i], handler_of(&pool->dispatcher[i]));
}

/* Who has the ring in hand; NULL: nobody. */
RACY const struct wi_dispatcher *
holder_of(const struct wi_pool *pool, const struct wi_lane *lane, uint32_t cursor, uint32_t count)
{
	uint32_t holder = wi_load_relaxed(&lane->lease[cursor].holder);

	return holder && holder <= count ? &pool->dispatcher[holder - 1] : NULL;
}

__attribute__((no_sanitize("thread"))) void
wi_blame(struct wi_lanes *lanes, struct wi_lane *lane, uint32_t cursor)
{
	const struct wi_dispatcher *holder;
	struct wi_full *full = &lane->full;
	const struct wi_pool *pool;
	uint64_t owing = full->owing;
	uint32_t count;

	cursor = slowest_in_front(lanes, lane->ring, cursor);
	pool = wi_load_acquire(&lanes->pool[cursor]);
	if (!pool)
		return;
	full->owing = 0;
	count = WI_MIN(pool->dispatcher_count, (uint32_t)WI_DISPATCHER_COUNT_MAX);
	note_all(full, pool, count);
	holder = holder_of(pool, lane, cursor, count);
	if (holder)
		wi_full_blame(full, pool->serial, handler_of(holder), owing);
	for (uint32_t i = 0; !holder && i < count; i++)
		wi_full_blame(full, pool->serial, handler_of(&pool->dispatcher[i]), owing / count);
}
