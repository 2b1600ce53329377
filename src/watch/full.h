/* SPDX-License-Identifier: MIT */
/* full.h - of whose making a ring was full. */
#ifndef WI_WATCH_FULL_H
#define WI_WATCH_FULL_H

#include "watch/step.h"

/*
 * Fills ring->why, if the ring has ever been full; `old`: what stood there before, or NULL. Pools
 * and handlers have been shown. False: no memory.
 */
bool wi_full_show(const struct wi_snapshot *snapshot, const struct wi_step *step,
		  struct wi_shown_ring *ring, const struct wi_shown_ring *old);

#endif
