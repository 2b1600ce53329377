/* SPDX-License-Identifier: MIT */
/*
 * lease.h - the right to read one ring for one pool for a moment.
 *
 * A word: 0 when free, else the number of the dispatcher that has it. Taken by
 * one compare-and-swap for a batch and never waited for: who does not get it goes
 * on to another ring. What its holder needs to go on (position, sequence) lies beside it,
 * so taking a lease brings both in one cache line.
 *
 * Edge E6: give (release) -> take (acquire): where the last holder stopped, and
 * all that its handlers did, so that a producer's events are handled in order
 * by whichever dispatcher.
 */
#ifndef WI_CORE_LEASE_H
#define WI_CORE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/compiler.h"

struct wi_lease {
	WI_ALIGNED uint32_t holder;
	uint32_t last_holder;           /* to count what was taken over */
	uint64_t position;              /* the cursor, without touching the producer's side */
	uint64_t sequence;              /* events of this ring that the pool is through with */
	uint64_t most;                  /* bytes that were found waiting, at most */
	uint64_t first;                 /* what `sequence` was when the pool opened */
};

static inline bool
wi_lease_take(struct wi_lease *lease, uint32_t dispatcher)
{
	uint32_t nobody = 0;

	/* Looking first keeps the line shared while somebody else works. */
	return wi_load_relaxed(&lease->holder) == 0 &&
	       wi_cas_acquire(&lease->holder, &nobody, dispatcher);         /* E6 */
}

static inline void
wi_lease_give(struct wi_lease *lease)
{
	wi_store_release(&lease->holder, 0u);                               /* E6 */
}

#endif
