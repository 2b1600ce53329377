/* SPDX-License-Identifier: MIT */
/* drain.c - see drain.h. */
#include "core/drain.h"

#include "base/clock.h"

/* Waits until the pool's cursor is at or past where the tail is now. *passed grows by that tail. */
static bool
drain_lane(const struct wi_pool *pool, struct wi_lane *lane, uint64_t deadline, uint64_t *passed,
           bool *waited)
{
	struct wi_backoff backoff = wi_backoff_until(deadline);
	struct wi_ring *ring = wi_load_acquire(&lane->ring);        /* E8 */
	uint64_t tail = wi_load_acquire(&ring->tail.position);               /* E1 */

	*passed += tail;
	while (wi_load_acquire(&ring->cursor[pool->cursor].position) < tail) {      /* E2 */
		*waited = true;
		if (!wi_backoff_wait(&backoff))
			return false;
	}
	return true;
}

/* One look at each lane in turn: a lane's target is its tail when its turn comes, never earlier than the call. */
static bool
drain_round(const struct wi_pool *pool, bool onward_only, uint64_t deadline, uint64_t *passed, bool *waited)
{
	uint32_t lane_count = wi_load_acquire(&pool->lanes->count);         /* E8 */

	*passed = 0;
	*waited = false;
	for (uint32_t l = 0; l < lane_count; l++) {
		struct wi_lane *lane = pool->lanes->lane[l];

		if (onward_only && !lane->onward)
			continue;
		if (!drain_lane(pool, lane, deadline, passed, waited))
			return false;
	}
	return true;
}

/*
 * Events of generation g, caused by g others in a row, are all committed when those of
 * generation g - 1 are through, so round g + 1 waits for them; the hop limit ends the
 * rounds even while others go on publishing. Two rounds alike that did not wait end them sooner.
 */
bool
wi_drain(struct wi_pool *pool, uint64_t deadline)
{
	uint64_t passed, before;
	bool waited;

	if (!drain_round(pool, false, deadline, &before, &waited))
		return false;
	before = UINT64_MAX;
	for (uint32_t round = 0; round <= pool->hop_count_max + 1; round++) {
		if (!drain_round(pool, true, deadline, &passed, &waited))
			return false;
		if (!waited && passed == before)
			return true;
		before = passed;
	}
	return true;
}
