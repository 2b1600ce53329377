/* SPDX-License-Identifier: MIT */
/*
 * drain.h - wait until what was committed is through, with what handlers published because of it.
 */
#ifndef WI_CORE_DRAIN_H
#define WI_CORE_DRAIN_H

#include "core/pool.h"

/*
 * By all of these pools, among them those that they are `after`. Handles the events of manual ones
 * on this thread. False: the deadline came first.
 */
bool wi_drain(struct wi_pool *const *pools, uint32_t pool_count, uint64_t deadline);

#endif
