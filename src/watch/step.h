/* SPDX-License-Identifier: MIT */
/* step.h - how one snapshot follows another: what was where before, and how long ago. */
#ifndef WI_WATCH_STEP_H
#define WI_WATCH_STEP_H

#include "watch/snapshot.h"

/* What is found by number; not made: nothing is. */
struct wi_step_index {
	struct wi_step_key {
		uint64_t id;
		uint32_t index;
	} * keys;
	uint32_t count;
};

struct wi_step {
	const struct wi_snapshot *before;
	double seconds; /* 0: no rates; below 0: nothing was written since */
	struct wi_step_index dispatchers, rings, handlers; /* of the one before */
	struct wi_step_index handlers_now;
};

/* False: no memory. wi_step_end() in both cases. */
bool wi_step_begin(struct wi_step *step, const struct wi_snapshot *now,
		   const struct wi_snapshot *before);
void wi_step_end(struct wi_step *step);

/* Of the one that is being made, once its handlers are there. False: no memory. */
bool wi_step_index_handlers(struct wi_step_index *index, const struct wi_snapshot *snapshot);

/* False: it is not there. */
bool wi_step_find(const struct wi_step_index *index, uint64_t id, uint32_t *ret_index);

/* `pool`: its place in the same snapshot. */
uint64_t wi_step_dispatcher_id(uint32_t pool, const weir_counters_dispatcher *dispatcher);

/* What a counter has gained; one that is less than before began again from 0. */
static inline uint64_t
wi_step_gain(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

/* `rate`: of the snapshot before, which stays while nothing new was written. */
double wi_step_rate(const struct wi_step *step, uint64_t now, uint64_t before, double rate);

#endif
