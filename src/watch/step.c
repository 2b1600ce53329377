/* SPDX-License-Identifier: MIT */
/* step.c - see step.h. */
#include "watch/step.h"

#include <math.h>
#include <stdlib.h>

/* -- what was before --------------------------------------------------------- */

uint64_t
wi_step_dispatcher_id(uint32_t pool, const weir_counters_dispatcher *dispatcher)
{
	return (uint64_t)pool << 32 | dispatcher->index;
}

static int
compare(const void *a, const void *b)
{
	const struct wi_step_key *first = a, *second = b;

	return (first->id > second->id) - (first->id < second->id);
}

static bool
make_index(struct wi_step_index *index, uint32_t count)
{
	index->keys = calloc(count + 1u, sizeof(*index->keys));
	index->count = count;
	return index->keys != NULL;
}

static void
sort(struct wi_step_index *index)
{
	qsort(index->keys, index->count, sizeof(*index->keys), compare);
}

bool
wi_step_index_handlers(struct wi_step_index *index, const struct wi_snapshot *snapshot)
{
	if (!make_index(index, snapshot->handler_count))
		return false;
	for (uint32_t i = 0; i < index->count; i++)
		index->keys[i] = (struct wi_step_key){snapshot->handlers[i].now.id, i};
	sort(index);
	return true;
}

static bool
make_indices(struct wi_step *step)
{
	const struct wi_snapshot *before = step->before;

	if (!make_index(&step->dispatchers, before->dispatcher_count) ||
	    !make_index(&step->rings, before->ring_count) ||
	    !wi_step_index_handlers(&step->handlers, before))
		return false;
	for (uint32_t i = 0; i < before->dispatcher_count; i++) {
		const weir_counters_dispatcher *dispatcher = &before->dispatchers[i].now;

		step->dispatchers.keys[i] = (struct wi_step_key){
			wi_step_dispatcher_id(dispatcher->pool, dispatcher), i};
	}
	for (uint32_t i = 0; i < before->ring_count; i++)
		step->rings.keys[i] = (struct wi_step_key){before->rings[i].now.source, i};
	sort(&step->dispatchers);
	sort(&step->rings);
	return true;
}

bool
wi_step_find(const struct wi_step_index *index, uint64_t id, uint32_t *ret_index)
{
	const struct wi_step_key wanted = {id, 0}, *key;

	if (index->keys == NULL)
		return false;
	key = bsearch(&wanted, index->keys, index->count, sizeof(wanted), compare);
	if (key != NULL)
		*ret_index = key->index;
	return key != NULL;
}

/* -- rates ------------------------------------------------------------------- */

double
wi_step_rate(const struct wi_step *step, uint64_t now, uint64_t before, double rate)
{
	if (step->seconds < 0)
		return rate;
	if (step->seconds == 0)
		return NAN;
	return (double)wi_step_gain(now, before) / step->seconds;
}

bool
wi_step_begin(struct wi_step *step, const struct wi_snapshot *now, const struct wi_snapshot *before)
{
	uint64_t from, to = now->look.header.heartbeat;

	*step = (struct wi_step){.before = before};
	if (before == NULL)
		return true;
	from = before->look.header.heartbeat;
	if (now->state == WI_SNAPSHOT_ALIVE && to > from)
		step->seconds = (double)(to - from) / 1e9;
	else if (now->state == WI_SNAPSHOT_ALIVE &&
		 now->look.header.sequence == before->look.header.sequence)
		step->seconds = -1;
	return make_indices(step);
}

void
wi_step_end(struct wi_step *step)
{
	free(step->dispatchers.keys);
	free(step->rings.keys);
	free(step->handlers.keys);
	free(step->handlers_now.keys);
}
