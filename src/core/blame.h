/* SPDX-License-Identifier: MIT */
/*
 * blame.h - whose making it is that a ring is full: a look at the dispatchers of the pool that is
 *           furthest behind in it, from the producer that is refused.
 *
 * The memory of a pool lasts as long as the bus (pool.c), so the look may come while the pool is
 * closed or its memory is another pool's: what it says is then wrong, once, and harmless.
 */
#ifndef WI_CORE_BLAME_H
#define WI_CORE_BLAME_H

#include "core/pool.h"

/*
 * For the producer of the lane, refused for want of room that the cursor has not left. In the pool
 * of that cursor, or the one in front that it waits for: the dispatcher that has the ring in hand,
 * else all of them, in equal parts.
 */
WI_COLD void wi_blame(struct wi_lanes *lanes, struct wi_lane *lane, uint32_t cursor);

#endif
