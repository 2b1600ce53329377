/* SPDX-License-Identifier: MIT */
/* wait.c - see wait.h. */
#include "core/wait.h"

#include <limits.h>
#include <sched.h>

#include "base/clock.h"
#include "base/futex.h"
#include "base/probe.h"
#include "core/dispatch.h"

#define SAFETY_NS (500 * WI_MILLISECOND)        /* a wake-up that came this late was lost: counted */
#define NAP_NS WI_MILLISECOND                   /* while a neighbour is awake */
#define TIMED_NS (200 * WI_MICROSECOND)         /* instead of parking once more */
#define PARK_EVERY_NS WI_MILLISECOND            /* parks that may be made in the long run, */
#define PARK_CREDIT_MAX 200u                    /*   and in a burst */
enum {
	DENSE_NS = 500,                 /* events closer together than this: the ring is busy */
	LARGE_COUNT = 256,
	POLITE_PAUSES = 64,
};
enum { CLOCK_PASSES = 32, PASSES_BEFORE_PARK = 8, QUIET_PASSES = 4 };

/* -- sleeping --------------------------------------------------------------- */

static bool
stopped(const struct wi_pool *pool)
{
	return wi_load_acquire(&pool->stop);
}

static void
wake_neighbours(struct wi_pool *pool)
{
	wi_wake_others(pool->wake);
	if (wi_load_relaxed(&pool->nappers) == 0)
		return;
	wi_add(&pool->nap, 1u);
	wi_futex_wake(&pool->nap, 1, WI_FUTEX_ALL);
}

/* May this dispatcher announce itself once more? */
static bool
take_park_credit(struct wi_dispatcher *dispatcher)
{
	uint64_t earned = (dispatcher->now - dispatcher->park_credited) / PARK_EVERY_NS;

	if (earned) {
		dispatcher->park_credit = WI_MIN(dispatcher->park_credit + earned, PARK_CREDIT_MAX);
		dispatcher->park_credited = dispatcher->now;
	}
	if (!dispatcher->park_credit)
		return false;
	dispatcher->park_credit--;
	return true;
}

/*
 * A pool of its own, as far as waiting goes: no neighbour can do what is there for it, so it
 * neither naps nor counts on one that is awake.
 */
static bool
is_alone(const struct wi_pool *pool)
{
	return pool->order == WEIR_ORDER_KEY;
}

/*
 * The last one awake of its pool. The caller is awake again before it wakes neighbours, on every
 * way out.
 */
static void
park(struct wi_dispatcher *dispatcher)
{
	struct wi_pool *pool = dispatcher->pool;
	struct wi_wake *wake = pool->wake;
	uint32_t announced;
	bool late;

	if (wi_load_relaxed(&wake->heavy_fence_failed) || !take_park_credit(dispatcher)) {
		wi_clock_sleep(TIMED_NS);
		return;
	}
	announced = wi_wake_announce(wake);             /* E3: the bit, */
	if (!wi_wake_fence(wake))                       /*   the fence, */
		return;
	if (stopped(pool) || wi_dispatch_pending(dispatcher))   /*   and only then the look. */
		return;
	/*
	 * A neighbour that woke meanwhile may hold a ring that we passed over, and get stuck in
	 * another.
	 */
	if (!is_alone(pool) && wi_load_relaxed(&pool->awake))
		return;
	wi_add_own(&dispatcher->parks, 1);
	WI_PROBE_PARK(pool->name, dispatcher->index);
	late = wi_wake_sleep(wake, announced, dispatcher->cursor, SAFETY_NS) && !stopped(pool) &&
	       wi_dispatch_overlooked(dispatcher);
	WI_PROBE_WAKE(pool->name, dispatcher->index);
	if (wi_load_acquire(&wake->parked) != announced)
		wi_add_own(&dispatcher->wakes, 1);
	else if (late)
		wi_add_own(&dispatcher->late_wakes, 1);
}

static void
nap(struct wi_pool *pool)
{
	uint32_t word = wi_load_acquire(&pool->nap);

	if (stopped(pool))
		return;
	wi_add(&pool->nappers, 1u);
	wi_futex_wait(&pool->nap, word, WI_FUTEX_ALL, wi_load_relaxed(&pool->awake) ? NAP_NS : SAFETY_NS);
	wi_sub(&pool->nappers, 1u);
}

/* A timed sleep that nobody need end but who stops the pool. */
static void
doze(struct wi_pool *pool)
{
	uint32_t word = wi_load_acquire(&pool->nap);

	if (!stopped(pool))
		wi_futex_wait(&pool->nap, word, WI_FUTEX_ALL, pool->sleep_ns);
}

static void
sleep_somehow(struct wi_dispatcher *dispatcher)
{
	struct wi_pool *pool = dispatcher->pool;
	bool last;

	wi_dispatch_unpin(dispatcher);
	if (wi_sub(&pool->wake->awake, 1u) == 1)
		wi_wake_tick(pool->wake, WEIR_CLOCK_READ_);     /* nobody keeps it fresh */
	last = (wi_sub(&pool->awake, 1u) == 1 || is_alone(pool)) && pool->wait != WEIR_WAIT_POLL;
	if (pool->wait == WEIR_WAIT_POLL)
		doze(pool);
	else if (last)
		park(dispatcher);
	else
		nap(pool);
	wi_add(&pool->awake, 1u);
	wi_add(&pool->wake->awake, 1u);
	if (last)
		wake_neighbours(pool);
	wi_dispatch_clock(dispatcher);
}

void
wi_wait_rouse(struct wi_pool *pool)
{
	wi_add(&pool->nap, 1u);
	wi_futex_wake(&pool->nap, INT_MAX, WI_FUTEX_ALL);
	wi_wake_all(pool->wake);
}

/* -- deciding --------------------------------------------------------------- */

/* Spinning takes the processor from those who would make the event. */
static bool
processors_are_free(const struct wi_pool *pool)
{
	return wi_load_relaxed(pool->dispatcher_total) + wi_load_relaxed(&pool->lanes->open_count) <=
	       pool->cpus_allowed;
}

static bool
wants_sleep(struct wi_dispatcher *dispatcher)
{
	const struct wi_pool *pool = dispatcher->pool;

	if (pool->wait == WEIR_WAIT_SPIN || pool->wait == WEIR_WAIT_YIELD ||
	    dispatcher->idle_passes < PASSES_BEFORE_PARK)
		return false;
	if (pool->wait == WEIR_WAIT_ADAPTIVE && processors_are_free(pool))
		return dispatcher->now - dispatcher->idle_since >= pool->spin_ns;
	return true;
}

/*
 * Asking a busy producer for its tail again at once takes the line away from it and brings
 * one event a time: a third of the throughput is lost. After a dense small batch the
 * dispatcher stays away for a moment; where events come one by one, latency
 * counts and it does not; after a large batch there is a backlog and no need.
 *
 * With WEIR_WAIT_YIELD the moment is for who else wants the processor: a dispatcher that stays behind
 * a producer step by step would keep it from the other pools until these have filled the ring.
 */
void
wi_wait_busy(struct wi_dispatcher *dispatcher, uint32_t events, uint64_t took)
{
	const struct wi_pool *pool = dispatcher->pool;

	dispatcher->idle_passes = 0;
	if (events <= 1 || events >= LARGE_COUNT || took >= (uint64_t)DENSE_NS * events)
		return;
	if (pool->wait == WEIR_WAIT_YIELD)
		sched_yield();
	else
		wi_pause(POLITE_PAUSES);
}

void
wi_wait_idle(struct wi_dispatcher *dispatcher)
{
	struct wi_pool *pool = dispatcher->pool;

	if (dispatcher->idle_passes++ % CLOCK_PASSES == 0) {
		wi_dispatch_clock(dispatcher);
		if (dispatcher->idle_passes == 1)
			dispatcher->idle_since = dispatcher->now;
		/* An idle dispatcher holds no old table. */
		if (wi_load_relaxed(&pool->routes.table) != dispatcher->table)
			wi_dispatch_unpin(dispatcher);
	}
	if (wants_sleep(dispatcher)) {
		if (!wi_dispatch_pending(dispatcher))
			sleep_somehow(dispatcher);
		dispatcher->idle_passes = 0;
		return;
	}
	if (pool->wait == WEIR_WAIT_YIELD)
		sched_yield();
	else if (dispatcher->idle_passes < QUIET_PASSES || !wi_dispatch_watch(dispatcher))
		wi_pause(1);
}
