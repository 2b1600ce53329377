/* SPDX-License-Identifier: MIT */
/*
 * fence.h - a fence that makes every running thread of the process fence (membarrier).
 *
 * One side of a store-then-load handshake that the other side runs millions of
 * times a second: the hot side has a compiler barrier only, the cold side calls
 * wi_fence_heavy() between its store and its load. Linux's
 * MEMBARRIER_CMD_PRIVATE_EXPEDITED, 6 to 10 us a call.
 */
#ifndef WI_BASE_FENCE_H
#define WI_BASE_FENCE_H

#include <stdbool.h>

/* Registers the process, once; false where the kernel or a sandbox refuses. */
bool wi_fence_heavy_available(void);

/* False when the kernel refuses it now: no other thread has fenced. */
bool wi_fence_heavy(void);

#endif
