/* SPDX-License-Identifier: MIT */
/* reclaim.c - see reclaim.h. */
#define _LGPL_SOURCE
#include "core/reclaim.h"

#include <urcu/urcu-mb.h>

#include "base/clock.h"
#include "base/memory.h"
#include "core/context.h"

/* For the next step. */
static void
hand_over(struct wi_reclaimer *reclaimer, struct wi_subscription *subscription)
{
	struct wi_subscription *first = wi_load_relaxed(&reclaimer->marked);

	do
		subscription->ending_next = first;
	while (!wi_cas(&reclaimer->marked, &first, subscription));
}

weir_status
wi_reclaimer_mark(struct wi_reclaimer *reclaimer, const struct wi_registry *registry, uint64_t id)
{
	struct wi_subscription *subscription = wi_registry_get(registry, (uint32_t)id);
	uint32_t before;

	if (!subscription || id >> 32 == 0 ||
	    !wi_subscription_mark(subscription, id, WI_SUBSCRIPTION_ENDING, 0, &before))
		return WEIR_ENOENT;
	if (!(before & WI_SUBSCRIPTION_ENDING))
		hand_over(reclaimer, subscription);
	return WEIR_OK;
}

/* -- is it used? ------------------------------------------------------------ */

/*
 * Asked after the fence: a dispatcher that is not in it now will look at its state before it
 * calls, and see ENDING. Without a heavy fence that is true only from its next batch on.
 */
static bool
may_run(const struct wi_subscription *subscription, bool fenced)
{
	const struct wi_pool *pool = subscription->pool;

	for (uint32_t i = 0; i < pool->dispatcher_count; i++) {
		const struct wi_dispatcher *dispatcher = &pool->dispatcher[i];
		const struct wi_tally *tally = &subscription->tally[i];

		if (!fenced && (tally->boundary & 1) &&
		    wi_load_acquire(&dispatcher->boundary) == tally->boundary)
			return true;
		if (wi_load_acquire(&dispatcher->in) == subscription)       /* E7 */
			return true;
		if (wi_load_acquire(&tally->owed))                          /* E7 */
			return true;
	}
	return false;
}

static bool
is_pinned(const struct wi_pool *pool, uint64_t birth, uint64_t death)
{
	for (uint32_t i = 0; i < pool->dispatcher_count; i++) {
		uint64_t version = wi_load_acquire(&pool->dispatcher[i].pinned);    /* E9 */

		if (version == WI_PINNED_ALL || (version && birth <= version && version < death))
			return true;
	}
	return false;
}

/* -- the steps -------------------------------------------------------------- */

/* With the control lock. */
static void
take_marked(struct wi_reclaimer *reclaimer)
{
	struct wi_subscription *next, *subscription = wi_exchange(&reclaimer->marked, NULL);

	for (; subscription; subscription = next) {
		next = subscription->ending_next;
		subscription->ending_next = reclaimer->leaving;
		/* With the lock: after weir_subscribe(). Released: handed over again. */
		if (subscription->stage != WI_STAGE_RELEASED)
			subscription->stage = WI_STAGE_MARKED;
		reclaimer->leaving = subscription;
	}
}

static void
unlink_from_pool(struct wi_subscription *subscription)
{
	struct wi_subscription **at = &subscription->pool->subscriptions;

	while (*at != subscription)
		at = &(*at)->next;
	*at = subscription->next;
}

/*
 * With the control lock. Out of memory: it stays marked, which is enough for its handler, until
 * later.
 */
static void
remove_marked(struct wi_reclaimer *reclaimer)
{
	struct wi_subscription *subscription;

	for (subscription = reclaimer->leaving; subscription; subscription = subscription->ending_next) {
		struct wi_pool *pool = subscription->pool;

		if (subscription->stage != WI_STAGE_MARKED)
			continue;
		if (!wi_load_acquire(&pool->unread) &&
		    wi_routes_remove(&pool->routes, subscription) != WEIR_OK)
			continue;
		unlink_from_pool(subscription);
		subscription->stage = WI_STAGE_REMOVED;
	}
}

/*
 * Where no heavy fence is to be had, dispatchers fence at the beginning of each batch, and we wait
 * for the end of those that are under way. The batches under way when the fence fails for the first
 * time have not fenced: their stores are given a moment to arrive.
 */
static void
note_boundaries(struct wi_reclaimer *reclaimer)
{
	struct wi_subscription *subscription;

	if (!reclaimer->wake->publisher_fences)
		wi_clock_sleep(WI_MILLISECOND);
	wi_fence_full();
	for (subscription = reclaimer->leaving; subscription; subscription = subscription->ending_next) {
		const struct wi_pool *pool = subscription->pool;

		if (subscription->stage != WI_STAGE_REMOVED || subscription->boundaries_noted)
			continue;
		for (uint32_t i = 0; i < pool->dispatcher_count; i++)
			subscription->tally[i].boundary = wi_load_acquire(&pool->dispatcher[i].boundary);
		subscription->boundaries_noted = true;
	}
}

/* With the control lock. True: there is something to wait for. */
static bool
take_retired(struct wi_reclaimer *reclaimer)
{
	bool any = false;

	for (uint32_t i = 0; i < *reclaimer->pool_count; i++) {
		struct wi_pool *pool = reclaimer->pools[i];
		struct wi_part *part = pool->routes.retired, *next;

		pool->routes.retired = NULL;
		for (; part; part = next) {
			next = part->next;
			part->next = pool->retired;
			pool->retired = part;
		}
		any = any || pool->retired;
	}
	return any;
}

static void
release(struct wi_reclaimer *reclaimer, struct wi_subscription *subscription)
{
	void (*released)(void *context) = subscription->released;

	subscription->released = NULL;          /* once, also if it ends this thread */
	if (released) {
		wi_context_enter();
		released(subscription->context);
		wi_context_leave();
	}
	pthread_mutex_lock(reclaimer->control);         /* who sums looks at stages */
	subscription->stage = WI_STAGE_RELEASED;
	wi_subscription_retire(subscription);
	pthread_mutex_unlock(reclaimer->control);
}

/* Where the user's threads call handlers they call `released`, too. False: none will come. */
static bool
leave_to_poll(struct wi_reclaimer *reclaimer, struct wi_subscription **at)
{
	struct wi_subscription *subscription = *at;
	struct wi_pool *pool = subscription->pool;

	if (!pool->manual || !subscription->released)
		return false;
	pthread_mutex_lock(reclaimer->control);
	if (pool->abandoned) {
		pthread_mutex_unlock(reclaimer->control);
		return false;
	}
	*at = subscription->ending_next;
	subscription->stage = WI_STAGE_QUIET;
	subscription->ending_next = pool->quiet;
	wi_store_relaxed(&pool->quiet, subscription);
	wi_store_relaxed(&reclaimer->quiet_count, reclaimer->quiet_count + 1);
	pthread_mutex_unlock(reclaimer->control);
	wi_wake_descriptor(pool->wake, pool->dispatcher->cursor);
	return true;
}

static void
release_removed(struct wi_reclaimer *reclaimer, bool fenced)
{
	struct wi_subscription **at = &reclaimer->leaving, *subscription;

	while ((subscription = *at)) {
		if (subscription->stage != WI_STAGE_REMOVED || may_run(subscription, fenced)) {
			at = &subscription->ending_next;
		} else if (!leave_to_poll(reclaimer, at)) {
			release(reclaimer, subscription);
			at = &subscription->ending_next;
		}
	}
}

static void
free_parts(struct wi_pool *pool)
{
	struct wi_part **at = &pool->retired;

	while (*at) {
		struct wi_part *part = *at;

		if (is_pinned(pool, part->birth, part->death)) {
			at = &part->next;
		} else {
			*at = part->next;
			wi_memory_give(part);
		}
	}
}

/*
 * With the control lock. Only parts that were there before the grace period: `retired` of a pool
 * that opened since is empty, and what was retired since still lies in its routes.
 */
static bool
free_all_parts(struct wi_reclaimer *reclaimer)
{
	bool any = false;

	for (uint32_t i = 0; i < *reclaimer->pool_count; i++) {
		free_parts(reclaimer->pools[i]);
		any = any || reclaimer->pools[i]->retired;
	}
	return any;
}

/* With the control lock. */
static void
free_released(struct wi_reclaimer *reclaimer)
{
	struct wi_subscription **at = &reclaimer->leaving;

	while (*at) {
		struct wi_subscription *subscription = *at;
		struct wi_pool *pool = subscription->pool;

		if (subscription->stage != WI_STAGE_RELEASED ||
		    is_pinned(pool, subscription->birth, subscription->death)) {
			at = &subscription->ending_next;
			continue;
		}
		*at = subscription->ending_next;
		wi_subscription_sum(subscription, &reclaimer->gone);
		subscription->stage = WI_STAGE_FREE;
		subscription->next = pool->free;
		pool->free = subscription;
	}
}

/* -- on the thread that polls ----------------------------------------------- */

/* With the control lock. */
static struct wi_subscription *
take_quiet(struct wi_reclaimer *reclaimer, struct wi_pool *pool,
           const struct wi_subscription *wanted)
{
	struct wi_subscription **at = &pool->quiet, *found;

	while (*at && wanted && *at != wanted)
		at = &(*at)->ending_next;
	found = *at;
	if (!found)
		return NULL;
	wi_store_relaxed(at, found->ending_next);
	wi_store_relaxed(&reclaimer->quiet_count, reclaimer->quiet_count - 1);
	return found;
}

bool
wi_reclaimer_release(struct wi_reclaimer *reclaimer, struct wi_pool *pool)
{
	struct wi_subscription *subscription;
	bool any = false;

	while (wi_load_relaxed(&pool->quiet)) {
		pthread_mutex_lock(reclaimer->control);
		subscription = take_quiet(reclaimer, pool, NULL);
		pthread_mutex_unlock(reclaimer->control);
		if (!subscription)
			break;
		release(reclaimer, subscription);
		hand_over(reclaimer, subscription);
		any = true;
	}
	return any;
}

bool
wi_reclaimer_release_one(struct wi_reclaimer *reclaimer, const struct wi_registry *registry,
                         uint64_t id)
{
	struct wi_subscription *subscription = wi_registry_get(registry, (uint32_t)id);
	bool found;

	if (!wi_load_relaxed(&reclaimer->quiet_count))
		return false;
	pthread_mutex_lock(reclaimer->control);
	found = subscription->id == id && subscription->stage == WI_STAGE_QUIET &&
	        take_quiet(reclaimer, subscription->pool, subscription);
	pthread_mutex_unlock(reclaimer->control);
	if (!found)
		return false;
	release(reclaimer, subscription);
	hand_over(reclaimer, subscription);
	return true;
}

/* -- a step ----------------------------------------------------------------- */

bool
wi_reclaimer_step(struct wi_reclaimer *reclaimer)
{
	bool fenced, parts;

	pthread_mutex_lock(reclaimer->control);
	take_marked(reclaimer);
	remove_marked(reclaimer);
	parts = take_retired(reclaimer);
	pthread_mutex_unlock(reclaimer->control);
	if (reclaimer->leaving) {
		fenced = wi_wake_fence(reclaimer->wake) && !reclaimer->wake->publisher_fences;      /* E7 */
		if (!fenced)
			note_boundaries(reclaimer);
		release_removed(reclaimer, fenced);
	}
	if (parts || reclaimer->leaving)
		urcu_mb_synchronize_rcu();      /* E9: every table that was loaded is noted in a slot */
	wi_fence_full();                        /* E9: also by manual pools */
	pthread_mutex_lock(reclaimer->control);
	parts = free_all_parts(reclaimer);
	free_released(reclaimer);
	pthread_mutex_unlock(reclaimer->control);
	return reclaimer->leaving || parts || wi_load_relaxed(&reclaimer->marked);
}
