/* SPDX-License-Identifier: MIT */
/* full.c - see full.h. */
#include "watch/full.h"

#include <stdlib.h>

static const char *
name_handler(const struct wi_snapshot *snapshot, const struct wi_step *step, uint64_t subscription)
{
	uint32_t index;

	if (subscription == 0)
		return NULL;
	if (!wi_step_find(&step->handlers_now, subscription, &index))
		return "a handler that is gone";
	return wi_snapshot_handler_name(&snapshot->handlers[index]);
}

static const char *
name_pool(const struct wi_snapshot *snapshot, uint32_t pool)
{
	return pool < snapshot->pool_count ? snapshot->pools[pool].name : NULL;
}

/* Of a handler, or of a pool's time in none. A pool that was closed has another index, then. */
static bool
is_same(const struct wi_snapshot *snapshot, const weir_counters_blame *now,
	const weir_counters_blame *old)
{
	uint32_t was =
		now->pool < snapshot->pool_count ? snapshot->pools[now->pool].was : UINT32_MAX;

	return old->ns > 0 && now->subscription == old->subscription &&
	       (now->subscription != 0 || was == old->pool);
}

/* What an entry has gained; old: the entries before, or NULL. */
static uint64_t
gain_of(const struct wi_snapshot *snapshot, const weir_counters_blame *now,
	const weir_counters_blame *old)
{
	for (int i = 0; old != NULL && i < WEIR_COUNTERS_BLAME_COUNT; i++)
		if (is_same(snapshot, now, &old[i]))
			return wi_step_gain(now->ns, old[i].ns);
	return now->ns;
}

static int
compare(const void *a, const void *b)
{
	const struct wi_shown_blame *first = a, *second = b;

	return (first->ns < second->ns) - (first->ns > second->ns);
}

static void
fill(struct wi_shown_span *span, const struct wi_snapshot *snapshot,
     const weir_counters_producer *now, const weir_counters_producer *old)
{
	const weir_counters_blame *before = old != NULL ? old->blame : NULL;

	span->ns = wi_step_gain(now->full_ns, old != NULL ? old->full_ns : 0);
	for (int i = 0; i < WEIR_COUNTERS_BLAME_COUNT; i++) {
		const weir_counters_blame *blame = &now->blame[i];
		uint64_t ns = blame->ns > 0 ? gain_of(snapshot, blame, before) : 0;

		if (ns > 0)
			span->blame[span->blame_count++] =
				(struct wi_shown_blame){.subscription = blame->subscription,
							.place = blame->pool,
							.ns = ns};
	}
	qsort(span->blame, span->blame_count, sizeof(span->blame[0]), compare);
}

static void
name(struct wi_shown_span *span, const struct wi_snapshot *snapshot, const struct wi_step *step)
{
	for (uint32_t i = 0; i < span->blame_count; i++) {
		struct wi_shown_blame *blame = &span->blame[i];

		blame->in = name_handler(snapshot, step, blame->subscription);
		blame->pool = name_pool(snapshot, blame->place);
	}
}

bool
wi_full_show(const struct wi_snapshot *snapshot, const struct wi_step *step,
	     struct wi_shown_ring *ring, const struct wi_shown_ring *old)
{
	const weir_counters_producer *now = &ring->now;
	struct wi_shown_full *full;

	if (now->full_count == 0 && now->full_ns == 0)
		return true;
	full = ring->why = calloc(1, sizeof(*full));
	if (full == NULL)
		return false;
	fill(&full->ever, snapshot, now, NULL);
	if (step->seconds > 0)
		fill(&full->interval, snapshot, now, old != NULL ? &old->now : NULL);
	else if (step->seconds < 0 && old != NULL && old->why != NULL)
		full->interval = old->why->interval;
	name(&full->ever, snapshot, step);
	name(&full->interval, snapshot, step);
	full->pool = name_pool(snapshot, now->in_pool);
	for (uint32_t i = 0; full->pool != NULL && i < now->in_count && i < WEIR_COUNTERS_IN_COUNT;
	     i++)
		full->in[full->in_count++] = name_handler(snapshot, step, now->in[i]);
	return true;
}
