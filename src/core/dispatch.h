/* SPDX-License-Identifier: MIT */
/*
 * dispatch.h - take a lease, read a batch, route it, call handlers.
 *
 * The order of a batch (each step is an edge of docs/ordering.md):
 *   take the lease              E6  one dispatcher of a pool at a time in a ring
 *   load the tail               E1  once: the batch ends there at the latest
 *   load and pin the table      E9  after the tail: a subscription made before a commit is seen
 *   for each event, each subscription:
 *     in = subscription         E7  then look at its state, then call
 *   batch_end of those reached
 *   cursor                      E2  everything below is done with
 *   give the lease              E6
 */
#ifndef WI_CORE_DISPATCH_H
#define WI_CORE_DISPATCH_H

#include "core/pool.h"

/*
 * What a dispatcher of a WEIR_BEHIND_SKIP pool may copy out of a ring of any size: one walk, and
 * the largest record that begins in it. Only pages that are touched take memory.
 */
#define WI_DISPATCH_COPY_SIZE ((size_t)WI_RING_SIZE_MAX / 64 + WI_RING_SIZE_MAX / 4 + 4096)

/* One look at the busy lanes and at some others; handles what it finds. How many events. */
uint32_t wi_dispatch_pass(struct wi_dispatcher *dispatcher);

/*
 * For a dispatcher that spins and has found nothing for a while: looks at the tails of its busy
 * lanes, a few dozen times or until one has moved. With each look it asks for the line of the next
 * record, so that this one comes together with the tail and not after it. False: there are none, or
 * too many.
 */
bool wi_dispatch_watch(struct wi_dispatcher *dispatcher);

/* For a manual pool: a batch of at most count_max of the next lane that has any. How many. */
uint32_t wi_dispatch_poll(struct wi_dispatcher *dispatcher, uint32_t count_max);

/*
 * For the thread that takes over: finishes the batch that its predecessor was unwound out of by a
 * handler or batch_end, which has failed under WEIR_CODE_UNWOUND. All others get the event and
 * their batch_end.
 */
void wi_dispatch_resume(struct wi_dispatcher *dispatcher);

/* A look at every lane, without handling anything: is there anything to do? */
bool wi_dispatch_pending(struct wi_dispatcher *dispatcher);

/* The same for events whose publisher is through with its call, so that it must have woken us. */
bool wi_dispatch_overlooked(struct wi_dispatcher *dispatcher);

/* Uses no table any more: nothing that is retired waits for it. */
void wi_dispatch_unpin(struct wi_dispatcher *dispatcher);

/* Reads the clock and moves the bus's tick. */
void wi_dispatch_clock(struct wi_dispatcher *dispatcher);

#endif
