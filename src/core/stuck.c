/* SPDX-License-Identifier: MIT */
/* stuck.c - see stuck.h. */
#include "core/stuck.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/probe.h"

#define LOOK_NS_MAX (100 * WI_MILLISECOND)
#define LOOK_NS_MIN (5 * WI_MILLISECOND)

uint64_t
wi_stuck_period(const struct wi_pool *pool)
{
	uint64_t quarter = pool->stuck_after_ns / 4;

	return WI_MAX(LOOK_NS_MIN, WI_MIN(quarter, LOOK_NS_MAX));
}

/* What the dispatcher is doing; no call is seen: in is NULL. */
static struct wi_call
look_at(const struct wi_dispatcher *dispatcher)
{
	struct wi_call call = { .boundary = wi_load_acquire(&dispatcher->boundary),
		                .in = wi_load_acquire(&dispatcher->in) };
	const struct wi_tally *tally;
	uint64_t begun, done;

	if (!call.in || !(call.boundary & 1))
		return (struct wi_call){ 0 };
	/* A subscription's memory stays: a stale pointer still points to one. */
	tally = &call.in->tally[dispatcher->index];
	done = wi_load_acquire(&tally->ok) + wi_load_relaxed(&tally->failed);
	begun = wi_load_relaxed(&tally->begun);
	if (begun == done && !wi_load_relaxed(&tally->owed))
		return (struct wi_call){ 0 };
	call.count = begun + done;
	return call;
}

static bool
same(const struct wi_call *a, const struct wi_call *b)
{
	return a->in == b->in && a->boundary == b->boundary && a->count == b->count;
}

static void
tell(const struct wi_dispatcher *dispatcher, pthread_mutex_t *control)
{
	const struct wi_watch *watch = &dispatcher->watch;
	const struct wi_pool *pool = dispatcher->pool;
	char text[512];

	pthread_mutex_lock(control);
	snprintf(text, sizeof text,
	         "pool %s, dispatcher %u, thread %u: a call of \"%.128s\" (pattern \"%.128s\") "
	         "has not returned for %llu ms",
	         pool->name, dispatcher->index, wi_load_relaxed(&dispatcher->thread_id),
	         watch->call.in->name, watch->call.in->pattern,
	         (unsigned long long)(watch->lasted / WI_MILLISECOND));
	WI_PROBE_STUCK(pool->name, dispatcher->index, wi_load_relaxed(&dispatcher->thread_id),
	               watch->call.in->id, watch->call.in->name, watch->lasted);
	pthread_mutex_unlock(control);
	pool->tell(pool->bus, 4, "WEIR-STUCK", text);
}

static void
look_at_one(struct wi_dispatcher *dispatcher, pthread_mutex_t *control, uint64_t now)
{
	struct wi_watch *watch = &dispatcher->watch;
	struct wi_call call = look_at(dispatcher);
	uint64_t passed = WI_MIN(now - watch->looked, 2 * wi_stuck_period(dispatcher->pool));

	watch->looked = now;
	if (!call.in || !same(&call, &watch->call)) {
		watch->call = call;
		watch->lasted = 0;
		watch->told = false;
		return;
	}
	watch->lasted += passed;
	if (watch->told || watch->lasted < dispatcher->pool->stuck_after_ns)
		return;
	watch->told = true;
	wi_add_own(&watch->stuck, 1);
	tell(dispatcher, control);
}

void
wi_stuck_look(struct wi_pool *pool, pthread_mutex_t *control, uint64_t now)
{
	for (uint32_t i = 0; i < pool->dispatcher_count; i++)
		look_at_one(&pool->dispatcher[i], control, now);
}
