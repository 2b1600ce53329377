/* SPDX-License-Identifier: MIT */
/* manual.c - see manual.h. */
#include "core/manual.h"

#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "core/context.h"
#include "core/dispatch.h"
#include "core/reclaim.h"

/* -- polling ---------------------------------------------------------------- */

/* The kernel's number of this thread, asked for once for each bus: a forked child has others. */
static uint32_t
thread_id(const struct wi_pool *pool)
{
	static __thread struct { uint64_t bus; uint32_t id; } known;

	if (known.bus != pool->lanes->serial) {
		known.bus = pool->lanes->serial;
		known.id = (uint32_t)gettid();
	}
	return known.id;
}

static bool
has_work(struct wi_pool *pool)
{
	return wi_load_relaxed(&pool->quiet) || wi_dispatch_pending(pool->dispatcher);
}

/*
 * Armed, and each earlier arming was answered by a write that has been read: there is none on its
 * way either. A new descriptor holds one write, for the arming that there was not.
 */
static bool
nothing_to_read(const struct wi_pool *pool)
{
	return wi_wake_is_armed(pool->wake, pool->dispatcher->cursor) &&
	       pool->write_count == pool->arm_count;
}

static void
read_away(struct wi_pool *pool, int descriptor)
{
	uint64_t count;

	if (syscall(SYS_read, descriptor, &count, sizeof count) == (long)sizeof count)
		pool->write_count += count;
}

/* Nothing more is to be done: from the next event on the descriptor is readable again (E12). */
static void
rest(struct wi_pool *pool)
{
	struct wi_wake *wake = pool->wake;
	uint32_t cursor = pool->dispatcher->cursor;
	int descriptor = wi_load_acquire(&wake->descriptor[cursor]);

	if (descriptor < 0 || has_work(pool) || nothing_to_read(pool))
		return;
	read_away(pool, descriptor);                    /* before the bit is looked at, or set */
	if (wi_wake_is_armed(wake, cursor))
		return;
	pool->arm_count++;
	wi_wake_arm(wake, cursor);                      /* the bit and the word, */
	if (!wi_wake_fence(wake) || has_work(pool))     /*   the fence, and only then the look */
		wi_wake_descriptor(wake, cursor);
}

static uint32_t
handle(struct wi_pool *pool, uint32_t count_max)
{
	struct wi_dispatcher *dispatcher = pool->dispatcher;
	struct wi_dispatcher *before = wi_dispatcher_enter(dispatcher);
	uint32_t events;

	wi_context_enter();
	wi_store_relaxed(&dispatcher->thread_id, thread_id(pool));
	events = wi_dispatch_poll(dispatcher, count_max);
	wi_dispatch_unpin(dispatcher);
	wi_context_leave();
	wi_dispatcher_enter(before);
	return events;
}

static uint32_t
poll_pool(struct wi_pool *pool, uint32_t count_max, bool *ret_any)
{
	uint32_t events = 0;

	if (!count_max || wi_context_inside() || !wi_pool_take(pool))
		return 0;
	if (!wi_load_relaxed(&pool->stop)) {
		*ret_any = wi_reclaimer_release(pool->reclaimer, pool);
		events = handle(pool, count_max);
		if (events < count_max)
			rest(pool);
	}
	wi_pool_let(pool);
	*ret_any = *ret_any || events;
	return events;
}

uint32_t
wi_manual_poll(struct wi_pool *pool, uint32_t count_max)
{
	bool any = false;

	return poll_pool(pool, count_max, &any);
}

bool
wi_manual_pump(struct wi_pool *const *pools, uint32_t count)
{
	bool any = false, one;

	for (uint32_t i = 0; i < count; i++) {
		one = false;
		if (pools[i]->manual)
			poll_pool(pools[i], UINT32_MAX, &one);
		any = any || one;
	}
	return any;
}

/* -- the descriptor --------------------------------------------------------- */

/* A new one is readable. If somebody is in a poll, it stays so until the next. */
static void
be_exact(struct wi_pool *pool)
{
	if (!wi_pool_take(pool))
		return;
	rest(pool);
	wi_pool_let(pool);
}

weir_status
wi_manual_get_fd(struct wi_pool *pool, int *ret_fd)
{
	int *descriptor = &pool->wake->descriptor[pool->dispatcher->cursor];
	int found = wi_load_acquire(descriptor), made;

	if (found < 0) {
		made = wi_memory_fails() ? -1 : eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		if (made < 0)
			return WEIR_EIO;
		if (wi_cas(descriptor, &found, made)) {
			found = made;
			be_exact(pool);
		} else {
			close(made);
		}
	}
	*ret_fd = found;
	return WEIR_OK;
}
