/* SPDX-License-Identifier: MIT */
/*
 * full.h - for how long a ring has been full, and of whose making.
 *
 * Written by the producer where it is refused, so at no cost to who is not. Between two refusals
 * without a publish in between the ring was full all the time, since nobody else fills it; the time
 * after the last refusal is not counted, as the producer cannot know when room came.
 */
#ifndef WI_CORE_FULL_H
#define WI_CORE_FULL_H

#include <stdbool.h>
#include <weir/counters.h>

#include "base/compiler.h"

struct wi_full_part {
	uint64_t pool;                  /* its serial; 0: not in use */
	uint64_t subscription;          /* id; 0: in no handler */
	uint64_t ns;
};

struct wi_full {
	WI_ALIGNED uint64_t count, ns;
	uint64_t since;                 /* when this time began: CLOCK_REALTIME, */
	uint64_t refused;               /*   and its last refusal: monotonic; 0: none */
	uint64_t published;             /* what the producer had published by then */
	uint64_t owing;                 /* of ns: laid to nobody yet */
	uint64_t looked;                /* monotonic: what the dispatchers were in */
	struct wi_full_part part[WEIR_COUNTERS_BLAME_COUNT];
	uint64_t in_pool;               /* its serial; 0: never full */
	uint32_t in_count;
	uint64_t in[WEIR_COUNTERS_IN_COUNT];
	/* The keeper's: the most that it has seen in the ring; ns and the parts' when its window began. */
	WI_ALIGNED uint32_t most;
	uint64_t told, part_told[WEIR_COUNTERS_BLAME_COUNT];
};

/*
 * A publish was refused. True: it is time to look at what the dispatchers are in, and to lay
 * `owing` to it; at most once in 100 us, since the look takes lines away from them.
 */
bool wi_full_refused(struct wi_full *full, uint64_t published);

/* Lays so much of `owing` to a handler. */
void wi_full_blame(struct wi_full *full, uint64_t pool, uint64_t subscription, uint64_t ns);

/* Nothing was published since the last refusal. */
bool wi_full_now(const struct wi_full *full, uint64_t published);

#endif
