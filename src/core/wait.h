/* SPDX-License-Identifier: MIT */
/*
 * wait.h - what a dispatcher does when there is nothing to read.
 *
 * Of a pool's dispatchers the last one awake parks (with WEIR_ORDER_KEY each does, since its events
 * are for it alone): it announces itself and is woken by a publisher (wake.h). The others nap: up
 * to a millisecond while one is awake, so that what a stuck neighbour leaves lying is found, and
 * long once all sleep. Who is woken from parking wakes one napper, which begins to nap short again.
 *
 * Announcing costs every other processor an interrupt of some 8 us (membarrier), so a
 * dispatcher parks at most about a thousand times a second and sleeps by time beyond that.
 */
#ifndef WI_CORE_WAIT_H
#define WI_CORE_WAIT_H

#include "core/pool.h"

/* After a pass that found nothing. Returns soon or after a sleep; the caller looks again. */
void wi_wait_idle(struct wi_dispatcher *dispatcher);

/* After a pass that found so many events and took so many nanoseconds: may stay away for a moment. */
void wi_wait_busy(struct wi_dispatcher *dispatcher, uint32_t events, uint64_t took);

/* Everybody out of bed, for stopping. */
void wi_wait_rouse(struct wi_pool *pool);

#endif
