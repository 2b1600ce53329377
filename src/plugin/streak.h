/* SPDX-License-Identifier: MIT */
/*
 * streak.h - failures of a plugin in a row, over all its subscriptions.
 *
 * A handler that does well reads `count` and finds 0; only failures, and the first success after
 * one, write.
 */
#ifndef WI_PLUGIN_STREAK_H
#define WI_PLUGIN_STREAK_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct wi_streak {
	_Atomic uint32_t count;
	_Atomic uint32_t max;           /* 0: no limit */
	_Atomic int code;               /* of the last failure */
	_Atomic bool reached;
	sem_t *work;                    /* posted when the limit is reached */
};

static inline void
wi_streak_begin(struct wi_streak *streak)
{
	atomic_store(&streak->count, 0);
	atomic_store(&streak->reached, false);
}

static inline void
wi_streak_succeed(struct wi_streak *streak)
{
	if (__builtin_expect(atomic_load_explicit(&streak->count, memory_order_relaxed) != 0, 0))
		atomic_store_explicit(&streak->count, 0, memory_order_relaxed);
}

static inline void
wi_streak_fail(struct wi_streak *streak, int code)
{
	uint32_t count = atomic_fetch_add(&streak->count, 1) + 1, max = atomic_load(&streak->max);

	atomic_store_explicit(&streak->code, code, memory_order_relaxed);
	if (max && count >= max && !atomic_exchange(&streak->reached, true))
		sem_post(streak->work);
}

#endif
