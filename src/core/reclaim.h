/* SPDX-License-Identifier: MIT */
/*
 * reclaim.h - let subscriptions end, and free what no dispatcher uses any more.
 *
 * The way out of a subscription:
 *   marked     weir_unsubscribe(): state ENDING, put on a stack. Any thread, no lock, no memory.
 *   removed    a table without it is published, then the heavy fence: whoever looks at the
 *              state from now on sees ENDING (E7)
 *   quiet      of a manual pool only: as released, but `released` waits for who polls, or waits
 *   released   no dispatcher's slot names it and no batch_end is owed: `released` is called, the id is stale
 *   free       no pinned table can name it: it is used again
 * A stuck handler holds up only its own subscription and the tables that it uses.
 *
 * Old tables, chunks and lists are freed after a grace period of liburcu and once no slot pins a
 * version in [birth, death). liburcu's call_rcu is not used: in 0.13 it aborts the process when it
 * cannot have memory or a thread.
 */
#ifndef WI_CORE_RECLAIM_H
#define WI_CORE_RECLAIM_H

#include <pthread.h>

#include "core/pool.h"
#include "core/registry.h"

struct wi_reclaimer {
	WI_ALIGNED struct wi_subscription *marked;      /* stack; pushed by anybody */
	pthread_mutex_t *control;
	struct wi_wake *wake;
	struct wi_subscription *leaving;        /* by ending_next; only the stepping thread */
	struct wi_pool *const *pools;           /* the bus's; control lock */
	const uint32_t *pool_count;
	uint32_t quiet_count;                   /* subscriptions that are quiet; control lock */
	weir_subscription_counts gone;          /* of subscriptions that are free again; control lock */
};

/*
 * Marks it and hands it over. WEIR_ENOENT: the id is stale. WEIR_OK also if it was marked before.
 */
weir_status wi_reclaimer_mark(struct wi_reclaimer *reclaimer, const struct wi_registry *registry, uint64_t id);

/*
 * For a manual pool, on the thread that polls or waits: calls `released` of its subscriptions that
 * are quiet, or of the one that `id` names. False: there was none.
 */
bool wi_reclaimer_release(struct wi_reclaimer *reclaimer, struct wi_pool *pool);
bool wi_reclaimer_release_one(struct wi_reclaimer *reclaimer, const struct wi_registry *registry,
                              uint64_t id);

/* Moves everything as far as it goes. True: something is still on its way. One thread at a time. */
bool wi_reclaimer_step(struct wi_reclaimer *reclaimer);

#endif
