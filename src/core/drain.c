/* SPDX-License-Identifier: MIT */
/* drain.c - see drain.h. */
#include "core/drain.h"

#include "base/clock.h"
#include "core/manual.h"

struct drain {
	struct wi_pool *const *pools;
	uint32_t pool_count;
	uint64_t deadline;
	uint64_t passed;        /* in this round: the tails' sum, */
	bool waited;            /*   and whether a cursor was behind its lane's */
};

/* A pool that is closed meanwhile is due nothing more. */
static bool
is_behind(const struct wi_pool *pool, const struct wi_cursor *cursor, uint64_t tail)
{
	return wi_load_acquire(&cursor->done) < tail &&                                 /* E2 */
	       !wi_load_acquire(&pool->unread) && !wi_load_acquire(&pool->abandoned);
}

/* Handles what manual pools have, since others may wait for it; else waits. False: too late. */
static bool
get_on(const struct drain *drain, struct wi_backoff *backoff)
{
	if (wi_manual_pump(drain->pools, drain->pool_count))
		return wi_clock_monotonic() < drain->deadline;
	return wi_backoff_wait(backoff);
}

/* Waits until the cursor is at or past the tail. */
static bool
drain_cursor(struct drain *drain, const struct wi_pool *pool, const struct wi_cursor *cursor,
             uint64_t tail)
{
	struct wi_backoff backoff = wi_backoff_until(drain->deadline);

	while (is_behind(pool, cursor, tail)) {
		drain->waited = true;
		if (!get_on(drain, &backoff) && is_behind(pool, cursor, tail))
			return false;
	}
	return true;
}

/* By all cursors of all the pools, to where the tail is now. */
static bool
drain_lane(struct drain *drain, struct wi_lane *lane)
{
	struct wi_ring *ring = wi_load_acquire(&lane->ring);        /* E8 */
	uint64_t tail = wi_load_acquire(&ring->tail.position);               /* E1 */

	drain->passed += tail;
	for (uint32_t p = 0; p < drain->pool_count; p++) {
		const struct wi_pool *pool = drain->pools[p];

		for (uint32_t left = pool->cursors; left; left &= left - 1)
			if (!drain_cursor(drain, pool, &ring->cursor[__builtin_ctz(left)], tail))
				return false;
	}
	return true;
}

/*
 * One look at each lane in turn: a lane's target is its tail when its turn comes, never earlier
 * than the call.
 */
static bool
drain_round(struct drain *drain, bool onward_only)
{
	const struct wi_lanes *lanes = drain->pools[0]->lanes;
	uint32_t lane_count = wi_load_acquire(&lanes->count);               /* E8 */

	drain->passed = 0;
	drain->waited = false;
	for (uint32_t l = 0; l < lane_count; l++)
		if ((!onward_only || lanes->lane[l]->onward) && !drain_lane(drain, lanes->lane[l]))
			return false;
	return true;
}

/*
 * Events of generation g, caused by g others in a row, are all committed when those of
 * generation g - 1 are through, so round g + 1 waits for them; the hop limit ends the
 * rounds even while others go on publishing. Two rounds alike that did not wait end them sooner.
 */
bool
wi_drain(struct wi_pool *const *pools, uint32_t pool_count, uint64_t deadline)
{
	struct drain drain = { .pools = pools, .pool_count = pool_count, .deadline = deadline };
	uint64_t before = UINT64_MAX;

	if (pool_count == 0)
		return true;
	if (!drain_round(&drain, false))
		return false;
	for (uint32_t round = 0; round <= pools[0]->hop_count_max + 1; round++) {
		if (!drain_round(&drain, true))
			return false;
		if (!drain.waited && drain.passed == before)
			return true;
		before = drain.passed;
	}
	return true;
}
