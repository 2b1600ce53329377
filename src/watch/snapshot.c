/* SPDX-License-Identifier: MIT */
/* snapshot.c - see snapshot.h. */
#include "watch/snapshot.h"

#include "watch/clean.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

#define STALE_NS UINT64_C(2000000000)

/* What was a number's entry in the snapshot before. */
struct key {
	uint64_t id;
	uint32_t index;
};

struct index {
	struct key *keys;
	uint32_t count;
};

/* How one snapshot follows another. */
struct step {
	const struct wi_snapshot *before;
	double seconds;         /* 0: no rates; below 0: nothing was written since */
	struct index dispatchers, rings, handlers;      /* of the one before */
	struct index handlers_now;
};

/* -- what was before --------------------------------------------------------- */

static uint64_t
dispatcher_id(const weir_counters_dispatcher *dispatcher)
{
	return (uint64_t)dispatcher->thread << 32 | dispatcher->index;
}

static int
compare(const void *a, const void *b)
{
	const struct key *first = a, *second = b;

	return (first->id > second->id) - (first->id < second->id);
}

static bool
make_index(struct index *index, uint32_t count)
{
	index->keys = calloc(count + 1u, sizeof(*index->keys));
	index->count = count;
	return index->keys != NULL;
}

static bool
index_handlers(struct index *index, const struct wi_snapshot *snapshot)
{
	if (!make_index(index, snapshot->handler_count))
		return false;
	for (uint32_t i = 0; i < index->count; i++)
		index->keys[i] = (struct key){snapshot->handlers[i].now.id, i};
	qsort(index->keys, index->count, sizeof(struct key), compare);
	return true;
}

static bool
make_indices(struct step *step)
{
	const struct wi_snapshot *before = step->before;

	if (before == NULL)
		return true;
	if (!make_index(&step->dispatchers, before->dispatcher_count) ||
	    !make_index(&step->rings, before->ring_count) ||
	    !index_handlers(&step->handlers, before))
		return false;
	for (uint32_t i = 0; i < before->dispatcher_count; i++)
		step->dispatchers.keys[i] = (struct key){dispatcher_id(&before->dispatchers[i].now), i};
	for (uint32_t i = 0; i < before->ring_count; i++)
		step->rings.keys[i] = (struct key){before->rings[i].now.source, i};
	qsort(step->dispatchers.keys, before->dispatcher_count, sizeof(struct key), compare);
	qsort(step->rings.keys, before->ring_count, sizeof(struct key), compare);
	return true;
}

/* False: it was not there. */
static bool
find(const struct index *index, uint64_t id, uint32_t *ret_index)
{
	const struct key wanted = {id, 0}, *key;

	if (index->keys == NULL)
		return false;
	key = bsearch(&wanted, index->keys, index->count, sizeof(wanted), compare);
	if (key != NULL)
		*ret_index = key->index;
	return key != NULL;
}

/* -- rates ------------------------------------------------------------------- */

/* `rate`: of the snapshot before, which stays while nothing new was written. */
static double
rate_of(const struct step *step, uint64_t now, uint64_t before, double rate)
{
	if (step->seconds < 0)
		return rate;
	if (step->seconds == 0)
		return NAN;
	return (double)(now >= before ? now - before : now) / step->seconds;
}

static struct step
begin_step(const struct wi_snapshot *now, const struct wi_snapshot *before)
{
	struct step step = {.before = before};
	uint64_t from, to = now->look.header.heartbeat;

	if (before == NULL || now->state != WI_SNAPSHOT_ALIVE)
		return step;
	from = before->look.header.heartbeat;
	if (to > from)
		step.seconds = (double)(to - from) / 1e9;
	else if (now->look.header.sequence == before->look.header.sequence)
		step.seconds = -1;
	return step;
}

static void
end_step(struct step *step)
{
	free(step->dispatchers.keys);
	free(step->rings.keys);
	free(step->handlers.keys);
	free(step->handlers_now.keys);
}

/* -- the sections ------------------------------------------------------------ */

static void
show_pool(struct wi_snapshot *snapshot, const struct step *step, uint32_t i)
{
	static const struct wi_shown_pool none;
	struct wi_shown_pool *pool = &snapshot->pools[i];
	const struct wi_shown_pool *old = &none;

	pool->now = snapshot->look.pools[i];
	wi_clean_name(pool->now.name, sizeof(pool->now.name), pool->name);
	for (uint32_t p = 0; step->before != NULL && p < step->before->pool_count; p++)
		if (strcmp(step->before->pools[p].name, pool->name) == 0) {
			old = &step->before->pools[p];
			break;
		}
	pool->seen = rate_of(step, pool->now.seen, old->now.seen, old->seen);
	pool->routed = rate_of(step, pool->now.routed, old->now.routed, old->routed);
	pool->skipped = rate_of(step, pool->now.skipped_behind, old->now.skipped_behind, old->skipped);
	pool->batches = rate_of(step, pool->now.batches, old->now.batches, old->batches);
	pool->parks = rate_of(step, pool->now.parks, old->now.parks, old->parks);
	pool->wakes = rate_of(step, pool->now.wakes, old->now.wakes, old->wakes);
}

static uint64_t
refused_sum(const weir_counters_producer *p)
{
	return p->refused_full + p->refused_size + p->refused_busy + p->refused_hops +
	       p->refused_closed + p->refused_invalid;
}

static void
show_ring(struct wi_snapshot *snapshot, const struct step *step, uint32_t i)
{
	static const struct wi_shown_ring none;
	struct wi_shown_ring *ring = &snapshot->rings[i];
	const struct wi_shown_ring *old = &none;
	uint32_t index;

	ring->now = snapshot->look.producers[i];
	wi_clean_name(ring->now.name, sizeof(ring->now.name), ring->name);
	if (ring->name[0] == '\0')
		snprintf(ring->name, sizeof(ring->name), "#%" PRIu32, ring->now.source);
	if (find(&step->rings, ring->now.source, &index))
		old = &step->before->rings[index];
	ring->refused_sum = refused_sum(&ring->now);
	if (ring->now.ring_size > 0)
		ring->fill = fmin((double)ring->now.in_ring / ring->now.ring_size, 1);
	ring->committed = rate_of(step, ring->now.committed, old->now.committed, old->committed);
	ring->bytes = rate_of(step, ring->now.bytes, old->now.bytes, old->bytes);
	ring->refused = rate_of(step, ring->refused_sum, old->refused_sum, old->refused);
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

static void
show_handler(struct wi_snapshot *snapshot, const struct step *step, uint32_t i)
{
	static const struct wi_shown_handler none;
	struct wi_shown_handler *handler = &snapshot->handlers[i];
	const struct wi_shown_handler *old = &none;
	uint32_t index;

	handler->now = snapshot->look.subscriptions[i];
	wi_clean_name(handler->now.name, sizeof(handler->now.name), handler->name);
	wi_clean_name(handler->now.pattern, sizeof(handler->now.pattern), handler->pattern);
	if (find(&step->handlers, handler->now.id, &index))
		old = &step->before->handlers[index];
	handler->pool = handler->now.pool < snapshot->pool_count
				? snapshot->pools[handler->now.pool].name
				: "?";
	handler->skipped_sum = skipped_sum(&handler->now);
	choose_code(handler);
	handler->ok = rate_of(step, handler->now.ok, old->now.ok, old->ok);
	handler->failed = rate_of(step, handler->now.failed, old->now.failed, old->failed);
	handler->skipped = rate_of(step, handler->skipped_sum, old->skipped_sum, old->skipped);
}

/* -- dispatchers: whose calls do not return ---------------------------------- */

/*
 * A dispatcher counts at the end of a batch, a handler after each call: who is in the same batch
 * and in the same handler is in the same call if that handler has something running and has ended
 * none. (Where several dispatchers are in one handler, those that go on hide the one that hangs,
 * until the bus itself counts it as stuck.)
 */
static bool
is_held(const struct wi_snapshot *snapshot, const struct step *step,
	const weir_counters_dispatcher *now, const weir_counters_dispatcher *old)
{
	const weir_counters_subscription *handler, *was;
	uint32_t index, index_before;

	if (now->in_batch == 0 || old->in_batch == 0 || now->batches != old->batches ||
	    now->subscription == 0 || now->subscription != old->subscription ||
	    !find(&step->handlers_now, now->subscription, &index) ||
	    !find(&step->handlers, now->subscription, &index_before))
		return false;
	handler = &snapshot->handlers[index].now;
	was = &step->before->handlers[index_before].now;
	return handler->running > 0 && handler->ok == was->ok && handler->failed == was->failed;
}

static const char *
find_in(const struct wi_snapshot *snapshot, const struct step *step,
	const weir_counters_dispatcher *dispatcher)
{
	const struct wi_shown_handler *handler;
	uint32_t index;

	if (dispatcher->in_batch == 0 || dispatcher->subscription == 0)
		return NULL;
	if (!find(&step->handlers_now, dispatcher->subscription, &index))
		return "?";
	handler = &snapshot->handlers[index];
	return handler->name[0] != '\0' ? handler->name : handler->pattern;
}

static void
show_dispatcher(struct wi_snapshot *snapshot, const struct step *step, uint32_t i)
{
	static const struct wi_shown_dispatcher none;
	struct wi_shown_dispatcher *dispatcher = &snapshot->dispatchers[i];
	const struct wi_shown_dispatcher *old = &none;
	const weir_counters_dispatcher *now = &dispatcher->now;
	uint32_t index;

	dispatcher->now = snapshot->look.dispatchers[i];
	snprintf(dispatcher->name, sizeof(dispatcher->name), "%s/%" PRIu32,
		 now->pool < snapshot->pool_count ? snapshot->pools[now->pool].name : "?",
		 now->index);
	dispatcher->in = find_in(snapshot, step, now);
	if (find(&step->dispatchers, dispatcher_id(now), &index))
		old = &step->before->dispatchers[index];
	if (old != &none && is_held(snapshot, step, now, &old->now))
		dispatcher->held_ns =
			old->held_ns + (step->seconds > 0 ? (uint64_t)(step->seconds * 1e9) : 0);
	dispatcher->stuck = dispatcher->held_ns >= WI_SNAPSHOT_STUCK_NS * 9 / 10;
	dispatcher->routed = rate_of(step, now->routed, old->now.routed, old->routed);
	dispatcher->batches = rate_of(step, now->batches, old->now.batches, old->batches);
	dispatcher->parks = rate_of(step, now->parks, old->now.parks, old->parks);
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
sum_up(struct wi_snapshot *snapshot, const struct step *step)
{
	bool running = false;

	if (step->seconds == 0)
		snapshot->published = snapshot->bytes = snapshot->handled = snapshot->failed =
			snapshot->refused = NAN;
	for (uint32_t i = 0; i < snapshot->ring_count; i++) {
		const struct wi_shown_ring *ring = &snapshot->rings[i];

		snapshot->published += ring->committed;
		snapshot->bytes += ring->bytes;
		snapshot->refused += ring->refused;
		snapshot->fullest = fmax(snapshot->fullest, ring->fill);
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
show_sections(struct wi_snapshot *snapshot, struct step *step)
{
	for (uint32_t i = 0; i < snapshot->pool_count; i++)
		show_pool(snapshot, step, i);
	for (uint32_t i = 0; i < snapshot->ring_count; i++)
		show_ring(snapshot, step, i);
	for (uint32_t i = 0; i < snapshot->handler_count; i++)
		show_handler(snapshot, step, i);
	if (!index_handlers(&step->handlers_now, snapshot))
		return false;
	for (uint32_t i = 0; i < snapshot->dispatcher_count; i++)
		show_dispatcher(snapshot, step, i);
	return true;
}

struct wi_snapshot *
wi_snapshot_make(struct wi_look *look, const struct wi_snapshot *before, uint64_t now_ns,
		 bool process_lives)
{
	struct wi_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	struct step step;
	bool good;

	if (snapshot == NULL) {
		wi_look_fini(look);
		return NULL;
	}
	snapshot->look = *look;
	*look = (struct wi_look){.torn = false};
	show_header(snapshot, now_ns, process_lives);
	step = begin_step(snapshot, before);
	good = allocate(snapshot) && make_indices(&step);
	if (good) {
		snapshot->interval_ns = step.seconds > 0   ? (uint64_t)(step.seconds * 1e9)
					: step.seconds < 0 ? before->interval_ns
							   : 0;
		good = show_sections(snapshot, &step);
		sum_up(snapshot, &step);
	}
	end_step(&step);
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
	free(snapshot->pools);
	free(snapshot->dispatchers);
	free(snapshot->rings);
	free(snapshot->handlers);
	free(snapshot);
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
