/* SPDX-License-Identifier: MIT */
/*
 * manual.h - pools without a thread: handle events on the caller's, and tell an event loop of them.
 *
 * A manual pool has one dispatcher, which is whatever thread polls; `pool->polling` keeps a second
 * one out and hands over what the first one did. Between polls it uses no table and no clock:
 * nothing waits for a pool that nobody polls but the producers whose rings are full.
 *
 * Its descriptor is an eventfd that publishers write to. It is readable, or about to be, unless the
 * pool is armed (wake.h, edge E12); a poll that handled less than it might have arms it again,
 * which costs a heavy fence.
 */
#ifndef WI_CORE_MANUAL_H
#define WI_CORE_MANUAL_H

#include "core/pool.h"

/*
 * At most one batch of at most count_max events on this thread, after `released` of what has ended.
 * How many events; 0 also if another thread is in it, or this one in a handler.
 */
uint32_t wi_manual_poll(struct wi_pool *pool, uint32_t count_max);

/* One poll of each that is manual. False: none had anything to do. */
bool wi_manual_pump(struct wi_pool *const *pools, uint32_t count);

/* Makes the descriptor on first use. WEIR_EIO: the system has none. */
weir_status wi_manual_get_fd(struct wi_pool *pool, int *ret_fd);

#endif
