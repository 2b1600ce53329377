/* SPDX-License-Identifier: MIT */
/* drain.h - wait until what was committed is through, with what handlers published because of it. */
#ifndef WI_CORE_DRAIN_H
#define WI_CORE_DRAIN_H

#include "core/pool.h"

/* False: the deadline came first. */
bool wi_drain(struct wi_pool *pool, uint64_t deadline);

#endif
