/* SPDX-License-Identifier: MIT */
/* snapshot.c - see snapshot.h. */
#include "watch/snapshot.h"

#include "watch/clean.h"
#include "watch/full.h"
#include "watch/step.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

#define STALE_NS UINT64_C(2000000000)

/* -- the sections ------------------------------------------------------------ */

static uint32_t
find_pool(const struct wi_snapshot *before, const char *name)
{
	for (uint32_t i = 0; before != NULL && i < before->pool_count; i++)
		if (strcmp(before->pools[i].name, name) == 0)
			return i;
	return UINT32_MAX;
}

static void
show_pool(struct wi_snapshot *snapshot, const struct wi_step *step, uint32_t i)
{
	static const struct wi_shown_pool none;
	struct wi_shown_pool *pool = &snapshot->pools[i];
	const struct wi_shown_pool *old = &none;

	pool->now = snapshot->look.pools[i];
	wi_clean_name(pool->now.name, sizeof(pool->now.name), pool->name);
	pool->was = find_pool(step->before, pool->name);
	if (pool->was != UINT32_MAX)
		old = &step->before->pools[pool->was];
	pool->seen = wi_step_rate(step, pool->now.seen, old->now.seen, old->seen);
	pool->routed = wi_step_rate(step, pool->now.routed, old->now.routed, old->routed);
	pool->skipped =
		wi_step_rate(step, pool->now.skipped_behind, old->now.skipped_behind, old->skipped);
	pool->batches = wi_step_rate(step, pool->now.batches, old->now.batches, old->batches);
	pool->parks = wi_step_rate(step, pool->now.parks, old->now.parks, old->parks);
	pool->wakes = wi_step_rate(step, pool->now.wakes, old->now.wakes, old->wakes);
}

static uint64_t
refused_sum(const weir_counters_producer *p)
{
	return p->refused_full + p->refused_size + p->refused_busy + p->refused_hops +
	       p->refused_closed + p->refused_invalid;
}

static double
part_of(uint32_t bytes, uint32_t size)
{
	return size > 0 ? fmin((double)bytes / size, 1) : 0;
}

/* The part of the interval. */
static double
full_of(const struct wi_step *step, const struct wi_shown_ring *ring,
	const struct wi_shown_ring *old)
{
	if (step->seconds <= 0)
		return step->seconds < 0 ? old->full : NAN;
	return fmin(wi_step_rate(step, ring->now.full_ns, old->now.full_ns, 0) / 1e9, 1);
}

static bool
show_ring(struct wi_snapshot *snapshot, const struct wi_step *step, uint32_t i)
{
	static const struct wi_shown_ring none;
	struct wi_shown_ring *ring = &snapshot->rings[i];
	const struct wi_shown_ring *old = &none;
	uint32_t index;

	ring->now = snapshot->look.producers[i];
	wi_clean_name(ring->now.name, sizeof(ring->now.name), ring->name);
	if (ring->name[0] == '\0')
		snprintf(ring->name, sizeof(ring->name), "#%" PRIu32, ring->now.source);
	if (wi_step_find(&step->rings, ring->now.source, &index))
		old = &step->before->rings[index];
	ring->refused_sum = refused_sum(&ring->now);
	ring->fill = part_of(ring->now.in_ring, ring->now.ring_size);
	ring->high = part_of(ring->now.high_water, ring->now.ring_size);
	if (ring->now.slowest < snapshot->pool_count)
		ring->slowest = snapshot->pools[ring->now.slowest].name;
	ring->committed =
		wi_step_rate(step, ring->now.committed, old->now.committed, old->committed);
	ring->bytes = wi_step_rate(step, ring->now.bytes, old->now.bytes, old->bytes);
	ring->refused = wi_step_rate(step, ring->refused_sum, old->refused_sum, old->refused);
	ring->full = full_of(step, ring, old);
	return wi_full_show(snapshot, step, ring, old != &none ? old : NULL);
}

static uint64_t
skipped_sum(const weir_counters_subscription *s)
{
	return s->skipped_quarantine + s->skipped_paused + s->skipped_unsubscribed;
}

static void
choose_code(struct wi_shown_handler *handler)
{
	const weir_counters_subscription *now = &handler->now;
	int most = 0, last = (int)(sizeof(now->failure_count) / sizeof(now->failure_count[0])) - 1;

	for (int i = 1; i <= last; i++)
		if (now->failure_count[i] > now->failure_count[most])
			most = i;
	handler->code = now->failure_code[most];
	handler->code_count = now->failure_count[most];
	handler->code_other = most == last;
}

static const struct wi_shown_handler *
find_handler(const struct wi_step *step, uint64_t id)
{
	static const struct wi_shown_handler none;
	uint32_t index;

	return wi_step_find(&step->handlers, id, &index) ? &step->before->handlers[index] : &none;
}

static void
show_handler(struct wi_snapshot *snapshot, const struct wi_step *step, uint32_t i)
{
	struct wi_shown_handler *handler = &snapshot->handlers[i];
	const struct wi_shown_handler *old;

	handler->now = snapshot->look.subscriptions[i];
	wi_clean_name(handler->now.name, sizeof(handler->now.name), handler->name);
	wi_clean_name(handler->now.pattern, sizeof(handler->now.pattern), handler->pattern);
	old = find_handler(step, handler->now.id);
	handler->pool = handler->now.pool < snapshot->pool_count
				? snapshot->pools[handler->now.pool].name
				: "?";
	handler->skipped_sum = skipped_sum(&handler->now);
	choose_code(handler);
	handler->ok = wi_step_rate(step, handler->now.ok, old->now.ok, old->ok);
	handler->failed = wi_step_rate(step, handler->now.failed, old->now.failed, old->failed);
	handler->skipped = wi_step_rate(step, handler->skipped_sum, old->skipped_sum, old->skipped);
}

/* -- dispatchers ------------------------------------------------------------- */

/*
 * A batch's time is counted when it is over. In the same batch for all of the interval is who has
 * ended none, or some of a round over the rings, of which the time is still to be counted.
 */
static bool
is_same_batch(const weir_counters_dispatcher *now, const weir_counters_dispatcher *old)
{
	return now->in_batch != 0 && old->in_batch != 0 &&
	       (now->batches == old->batches || (now->busy_ns == old->busy_ns && now->busy_ns > 0));
}

/* Its time in the interval; if there is none, all that is known of. */
static double
time_busy(struct wi_shown_dispatcher *dispatcher, const struct wi_shown_dispatcher *old,
	  const struct wi_step *step)
{
	const weir_counters_dispatcher *now = &dispatcher->now;
	double interval = step->seconds * 1e9, gain;

	dispatcher->open_ns = dispatcher->held_ns;
	if (step->seconds <= 0)
		return (double)now->busy_ns + (double)dispatcher->open_ns;
	if (is_same_batch(now, &old->now)) {
		dispatcher->open_ns = (uint64_t)fmin((double)old->open_ns + interval, 9e18);
		return interval;
	}
	gain = (double)wi_step_gain(now->busy_ns, old->now.busy_ns) + (double)dispatcher->open_ns;
	if (now->busy_ns >= old->now.busy_ns)
		gain -= (double)old->open_ns;
	return fmax(fmin(gain, interval), 0);
}

static void
show_busy(struct wi_snapshot *snapshot, const struct wi_step *step,
	  struct wi_shown_dispatcher *dispatcher, const struct wi_shown_dispatcher *old)
{
	double busy_ns = time_busy(dispatcher, old, step);
	uint32_t index;

	dispatcher->busy = step->seconds > 0   ? busy_ns / (step->seconds * 1e9)
			   : step->seconds < 0 ? old->busy
					       : NAN;
	if (step->seconds < 0)
		dispatcher->open_ns = old->open_ns;
	if (dispatcher->now.pool < snapshot->pool_count)
		snapshot->pools[dispatcher->now.pool].busy_ns += busy_ns;
	if (dispatcher->in != NULL &&
	    wi_step_find(&step->handlers_now, dispatcher->now.subscription, &index))
		snapshot->handlers[index].open_ns += (double)dispatcher->held_ns;
}

static const char *
find_in(const struct wi_snapshot *snapshot, const struct wi_step *step,
	const weir_counters_dispatcher *dispatcher)
{
	uint32_t index;

	if (dispatcher->in_batch == 0 || dispatcher->subscription == 0)
		return NULL;
	if (!wi_step_find(&step->handlers_now, dispatcher->subscription, &index))
		return "?";
	return wi_snapshot_handler_name(&snapshot->handlers[index]);
}

static void
show_dispatcher(struct wi_snapshot *snapshot, const struct wi_step *step, uint32_t i)
{
	static const struct wi_shown_dispatcher none;
	struct wi_shown_dispatcher *dispatcher = &snapshot->dispatchers[i];
	const struct wi_shown_dispatcher *old = &none;
	const weir_counters_dispatcher *now = &dispatcher->now;
	const struct wi_shown_pool *pool = NULL;
	uint32_t index;

	dispatcher->now = snapshot->look.dispatchers[i];
	if (now->pool < snapshot->pool_count)
		pool = &snapshot->pools[now->pool];
	snprintf(dispatcher->name, sizeof(dispatcher->name), "%s/%" PRIu32,
		 pool != NULL ? pool->name : "?", now->index);
	dispatcher->in = find_in(snapshot, step, now);
	if (dispatcher->in != NULL)
		dispatcher->held_ns = now->lasted_ns;
	dispatcher->stuck = dispatcher->held_ns >= WI_SNAPSHOT_STUCK_NS * 9 / 10;
	if (pool != NULL &&
	    wi_step_find(&step->dispatchers, wi_step_dispatcher_id(pool->was, now), &index))
		old = &step->before->dispatchers[index];
	dispatcher->routed = wi_step_rate(step, now->routed, old->now.routed, old->routed);
	dispatcher->batches = wi_step_rate(step, now->batches, old->now.batches, old->batches);
	dispatcher->parks = wi_step_rate(step, now->parks, old->now.parks, old->parks);
	show_busy(snapshot, step, dispatcher, old);
}

/* -- times ------------------------------------------------------------------- */

static void
find_times(struct wi_snapshot *snapshot, const struct wi_step *step)
{
	for (uint32_t i = 0; i < snapshot->look.header.section[WEIR_COUNTERS_TIMES].count; i++) {
		const weir_counters_times *times = &snapshot->look.times[i];
		uint32_t index;

		if (times->kind == WEIR_COUNTERS_WAITING && times->pool < snapshot->pool_count)
			snapshot->pools[times->pool].times = times;
		else if (times->kind == WEIR_COUNTERS_HANDLING &&
			 wi_step_find(&step->handlers_now, times->subscription, &index))
			snapshot->handlers[index].times = times;
	}
}

/* Of the interval, and where nothing was measured in it, of all. */
static struct wi_shown_times
sum_up_times(const struct wi_step *step, const weir_counters_times *now,
	     const weir_counters_times *before)
{
	struct wi_shown_times shown = {.ever = false};
	weir_counters_times since;

	if (now == NULL)
		return shown;
	if (step->seconds > 0) {
		wi_times_since(&since, now, before);
		shown.of = wi_times_summarize(&since);
	}
	if (!shown.of.known) {
		shown.of = wi_times_summarize(now);
		shown.ever = true;
	}
	return shown;
}

static void
end_pool(struct wi_snapshot *snapshot, const struct wi_step *step, uint32_t i)
{
	struct wi_shown_pool *pool = &snapshot->pools[i];
	const struct wi_shown_pool *old =
		pool->was != UINT32_MAX ? &step->before->pools[pool->was] : NULL;

	pool->busy = NAN;
	if (step->seconds < 0 && old != NULL) {
		pool->busy = old->busy;
		pool->waiting = old->waiting;
		return;
	}
	if (step->seconds > 0 && pool->now.dispatcher_count > 0)
		pool->busy =
			fmin(pool->busy_ns / (step->seconds * 1e9 * pool->now.dispatcher_count), 1);
	pool->waiting = sum_up_times(step, pool->times, old != NULL ? old->times : NULL);
	/* What was before says nothing of a pool that rests. */
	if (pool->waiting.ever && pool->seen == 0)
		pool->waiting = (struct wi_shown_times){.ever = false};
}

static double
sum_of(const weir_counters_times *times)
{
	return times != NULL ? (double)times->sum_ns : 0;
}

static double
share_of(const struct wi_snapshot *snapshot, const struct wi_step *step,
	 const struct wi_shown_handler *handler, const struct wi_shown_handler *old)
{
	double ns = sum_of(handler->times) + handler->open_ns, pool_ns = 0;

	if (step->seconds < 0)
		return old->share;
	if (handler->now.pool < snapshot->pool_count)
		pool_ns = snapshot->pools[handler->now.pool].busy_ns;
	if (!(pool_ns > 0) || (handler->times == NULL && handler->open_ns == 0))
		return NAN;
	if (step->seconds > 0 && sum_of(handler->times) >= sum_of(old->times))
		ns -= sum_of(old->times) + old->open_ns;
	return fmax(fmin(ns / pool_ns, 1), 0);
}

static void
end_handler(struct wi_snapshot *snapshot, const struct wi_step *step, uint32_t i)
{
	struct wi_shown_handler *handler = &snapshot->handlers[i];
	const struct wi_shown_handler *old = find_handler(step, handler->now.id);

	handler->share = share_of(snapshot, step, handler, old);
	handler->handling =
		step->seconds < 0 ? old->handling : sum_up_times(step, handler->times, old->times);
}

/* -- the whole --------------------------------------------------------------- */

static enum wi_snapshot_state
state_of(const struct wi_snapshot *snapshot, bool process_lives)
{
	if (snapshot->look.unlinked)
		return WI_SNAPSHOT_CLOSED;
	if (snapshot->age_ns <= STALE_NS && !snapshot->look.torn)
		return process_lives ? WI_SNAPSHOT_ALIVE : WI_SNAPSHOT_GONE;
	return process_lives ? WI_SNAPSHOT_STALE : WI_SNAPSHOT_GONE;
}

static void
show_header(struct wi_snapshot *snapshot, uint64_t now_ns, bool process_lives)
{
	const weir_counters_header *header = &snapshot->look.header;

	wi_clean_name(header->name, sizeof(header->name), snapshot->name);
	wi_clean_name(header->version, sizeof(header->version), snapshot->version);
	snapshot->age_ns = now_ns > header->heartbeat ? now_ns - header->heartbeat : 0;
	snapshot->uptime_ns = now_ns > header->started ? now_ns - header->started : 0;
	snapshot->state = state_of(snapshot, process_lives);
}

static void
sum_up_pools(struct wi_snapshot *snapshot)
{
	snapshot->busiest = NAN;
	for (uint32_t i = 0; i < snapshot->pool_count; i++) {
		const struct wi_shown_pool *pool = &snapshot->pools[i];

		snapshot->busiest = fmax(snapshot->busiest, pool->busy);
		if (pool->waiting.of.known &&
		    (snapshot->slowest == NULL ||
		     pool->waiting.of.p99_ns > snapshot->slowest->waiting.of.p99_ns))
			snapshot->slowest = pool;
	}
}

static void
sum_up(struct wi_snapshot *snapshot, const struct wi_step *step)
{
	bool running = false;

	if (step->seconds == 0)
		snapshot->published = snapshot->bytes = snapshot->handled = snapshot->failed =
			snapshot->refused = NAN;
	snapshot->full = NAN;
	for (uint32_t i = 0; i < snapshot->ring_count; i++) {
		const struct wi_shown_ring *ring = &snapshot->rings[i];

		snapshot->published += ring->committed;
		snapshot->bytes += ring->bytes;
		snapshot->refused += ring->refused;
		snapshot->fullest = fmax(snapshot->fullest, ring->fill);
		snapshot->full = fmax(snapshot->full, ring->full);
	}
	for (uint32_t i = 0; i < snapshot->handler_count; i++) {
		snapshot->handled += snapshot->handlers[i].ok;
		snapshot->failed += snapshot->handlers[i].failed;
		running = running || snapshot->handlers[i].now.running > 0;
	}
	for (uint32_t i = 0; i < snapshot->dispatcher_count; i++)
		snapshot->stuck += snapshot->dispatchers[i].stuck;
	snapshot->at_rest = !running && snapshot->look.header.in_flight == 0 &&
			    !(snapshot->published > 0) && !snapshot->look.torn;
}

static bool
allocate(struct wi_snapshot *snapshot)
{
	const weir_counters_section *section = snapshot->look.header.section;

	snapshot->pool_count = section[WEIR_COUNTERS_POOLS].count;
	snapshot->dispatcher_count = section[WEIR_COUNTERS_DISPATCHERS].count;
	snapshot->ring_count = section[WEIR_COUNTERS_PRODUCERS].count;
	snapshot->handler_count = section[WEIR_COUNTERS_SUBSCRIPTIONS].count;
	snapshot->pools = calloc(snapshot->pool_count + 1u, sizeof(*snapshot->pools));
	snapshot->dispatchers = calloc(snapshot->dispatcher_count + 1u, sizeof(*snapshot->dispatchers));
	snapshot->rings = calloc(snapshot->ring_count + 1u, sizeof(*snapshot->rings));
	snapshot->handlers = calloc(snapshot->handler_count + 1u, sizeof(*snapshot->handlers));
	return snapshot->pools != NULL && snapshot->dispatchers != NULL && snapshot->rings != NULL &&
	       snapshot->handlers != NULL;
}

static bool
show_sections(struct wi_snapshot *snapshot, struct wi_step *step)
{
	for (uint32_t i = 0; i < snapshot->pool_count; i++)
		show_pool(snapshot, step, i);
	for (uint32_t i = 0; i < snapshot->handler_count; i++)
		show_handler(snapshot, step, i);
	if (!wi_step_index_handlers(&step->handlers_now, snapshot))
		return false;
	for (uint32_t i = 0; i < snapshot->dispatcher_count; i++)
		show_dispatcher(snapshot, step, i);
	find_times(snapshot, step);
	for (uint32_t i = 0; i < snapshot->pool_count; i++)
		end_pool(snapshot, step, i);
	for (uint32_t i = 0; i < snapshot->handler_count; i++)
		end_handler(snapshot, step, i);
	for (uint32_t i = 0; i < snapshot->ring_count; i++)
		if (!show_ring(snapshot, step, i))
			return false;
	return true;
}

struct wi_snapshot *
wi_snapshot_make(struct wi_look *look, const struct wi_snapshot *before, uint64_t now_ns,
		 bool process_lives)
{
	struct wi_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	struct wi_step step;
	bool good;

	if (snapshot == NULL) {
		wi_look_fini(look);
		return NULL;
	}
	snapshot->look = *look;
	*look = (struct wi_look){.torn = false};
	show_header(snapshot, now_ns, process_lives);
	good = wi_step_begin(&step, snapshot, before) && allocate(snapshot);
	if (good) {
		snapshot->interval_ns = step.seconds > 0   ? (uint64_t)(step.seconds * 1e9)
					: step.seconds < 0 ? before->interval_ns
							   : 0;
		good = show_sections(snapshot, &step);
		sum_up(snapshot, &step);
		sum_up_pools(snapshot);
	}
	wi_step_end(&step);
	if (good)
		return snapshot;
	wi_snapshot_free(snapshot);
	return NULL;
}

void
wi_snapshot_free(struct wi_snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	wi_look_fini(&snapshot->look);
	for (uint32_t i = 0; snapshot->rings != NULL && i < snapshot->ring_count; i++)
		free(snapshot->rings[i].why);
	free(snapshot->pools);
	free(snapshot->dispatchers);
	free(snapshot->rings);
	free(snapshot->handlers);
	free(snapshot);
}

const char *
wi_snapshot_handler_name(const struct wi_shown_handler *handler)
{
	return handler->name[0] != '\0' ? handler->name : handler->pattern;
}

const char *
wi_snapshot_handler_state(uint32_t state)
{
	switch (state) {
	case WEIR_SUBSCRIPTION_ACTIVE:
		return "active";
	case WEIR_SUBSCRIPTION_QUARANTINED:
		return "quarantined";
	case WEIR_SUBSCRIPTION_PAUSED:
		return "paused";
	case WEIR_SUBSCRIPTION_ENDING:
		return "ending";
	default:
		return "unknown";
	}
}

const char *
wi_snapshot_state_text(enum wi_snapshot_state state)
{
	switch (state) {
	case WI_SNAPSHOT_ALIVE:
		return "alive";
	case WI_SNAPSHOT_STALE:
		return "stale";
	case WI_SNAPSHOT_CLOSED:
		return "closed";
	default:
		return "gone";
	}
}
