/* SPDX-License-Identifier: MIT */
/*
 * stuck.h - find the calls that take too long, from outside.
 *
 * The keeper looks at each dispatcher's slot and at the counts that change with every call; nothing
 * is stored for it on the way of an event. A call is known by where it is and by counts that have
 * not moved; how long it has lasted is counted from the look that saw it first, so it is told late
 * by up to two looks, and never early. A stop of the whole process counts for two looks at
 * most: it is not the handler's time.
 */
#ifndef WI_CORE_STUCK_H
#define WI_CORE_STUCK_H

#include "core/pool.h"

/* How long until the next look at the pool. */
uint64_t wi_stuck_period(const struct wi_pool *pool);

/*
 * A look at all dispatchers, by one thread. A call that has lasted too long is told once, through
 * pool->tell, and counted. control: guards the names of subscriptions.
 */
void wi_stuck_look(struct wi_pool *pool, pthread_mutex_t *control, uint64_t now);

#endif
