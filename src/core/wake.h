/* SPDX-License-Identifier: MIT */
/*
 * wake.h - the words that publishers look at to learn the time and that somebody sleeps.
 *
 * Sleeping (edge E3, a Dekker pair with a fence on one side only):
 *
 *   publisher                         sleeper
 *     tail = end           (E1)         parked |= 1
 *     compiler barrier                  heavy fence: every publisher fences
 *     if (parked & 1) wake              look at every ring once more
 *                                       futex wait while parked has not moved
 *
 * Either the publisher sees the sleeper's bit or the sleeper sees the event.
 * `parked` counts: bit 0 says that somebody sleeps or is about to, and a waker
 * moves the word on to the next even number. A sleeper waits for the very value
 * that it left, so one that was overtaken between its look and its sleep does
 * not fall asleep (with a plain flag it would, if another sleeper had set it again).
 *
 * One sleeper is woken by the publisher; it wakes one of each cursor's (futex bits), so a publisher
 * makes at most one system call. Within a pool only the last dispatcher that is awake sleeps like
 * this; the others nap (wait.h).
 *
 * Who waits for a manual pool waits in epoll and not in the futex: the pool is `armed` beside the
 * word, and whoever moves the word on writes to the descriptors of all pools that are (edge E12).
 *
 * Where the heavy fence is refused, or the user chose WEIR_FENCE_PUBLISHER,
 * `publisher_fences` is set: every publish takes the slow path, which fences.
 */
#ifndef WI_CORE_WAKE_H
#define WI_CORE_WAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/weir.h>

#include "core/ring.h"

struct wi_wake {
	WI_ALIGNED uint64_t tick;       /* CLOCK_REALTIME by the dispatchers; WEIR_CLOCK_READ_: none is awake */
	WI_ALIGNED uint32_t parked;
	WI_ALIGNED uint32_t awake;      /* dispatchers of the bus that do not sleep */
	uint32_t pass_on;               /* one that wakes up is to wake the others */
	uint32_t sleepers[WI_CURSOR_COUNT_MAX];         /* of each cursor, in the futex */
	uint32_t armed;                 /* bits: cursors of pools whose descriptor has to be written to */
	uint32_t writers;               /* who is about to */
	int descriptor[WI_CURSOR_COUNT_MAX];            /* eventfd of a manual pool, -1: none */
	WI_ALIGNED bool publisher_fences;               /* constant */
	bool heavy_fence_failed;        /* it worked once and does not any more: only timed sleeps */
};

/* What `clock` points to where the tick is not used. */
extern const uint64_t wi_wake_no_clock, wi_wake_precise_clock;

void wi_wake_init(struct wi_wake *wake, weir_fence fence);

/* The sleeper's and the closer's fence. False: publishers have not fenced. */
bool wi_wake_fence(struct wi_wake *wake);

/* Announces a sleeper; the value to wait for. */
uint32_t wi_wake_announce(struct wi_wake *wake);

/* Sleeps until the word moves on, at most `timeout_ns`. True: the time is over. */
bool wi_wake_sleep(struct wi_wake *wake, uint32_t announced, uint32_t cursor, uint64_t timeout_ns);

/* For publishers: wakes one if any sleeps. */
void wi_wake_one(struct wi_wake *wake);

/*
 * For who has slept, or was about to: wakes one of each cursor's, its own too, where another may
 * have parked as the last one awake before. Once for each time that a publisher moved the word on,
 * by whoever comes first: if all who are woken did so, they would keep each other awake for ever.
 */
void wi_wake_others(struct wi_wake *wake);

void wi_wake_all(struct wi_wake *wake);

/* Arms the pool with this cursor, and announces it. Fence and look follow, as for a sleeper. */
void wi_wake_arm(struct wi_wake *wake, uint32_t cursor);
bool wi_wake_is_armed(const struct wi_wake *wake, uint32_t cursor);

/* If the pool is armed, it is not any more, and its descriptor is readable. */
void wi_wake_descriptor(struct wi_wake *wake, uint32_t cursor);

/* Closes the pool's descriptor, if it has one, when nobody can write to it any more. */
void wi_wake_forget(struct wi_wake *wake, uint32_t cursor);

/* The tick goes on: no dispatcher's reading is fresher. */
static inline void
wi_wake_tick(struct wi_wake *wake, uint64_t now)
{
	wi_store_relaxed(&wake->tick, now);
}

#endif
