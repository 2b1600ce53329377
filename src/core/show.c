/* SPDX-License-Identifier: MIT */
/* show.c - see show.h. */
#include "core/show.h"

#include <stdio.h>
#include <string.h>

/* -- pools ------------------------------------------------------------------ */

/* Events that the pool is not through with, and their bytes, as far as batches are over. */
static void
sum_waiting(const struct wi_pool *pool, weir_counters_pool *entry)
{
	uint32_t lane_count = wi_load_acquire(&pool->lanes->count);         /* E8 */

	for (uint32_t l = 0; l < lane_count; l++) {
		const struct wi_lane *lane = pool->lanes->lane[l];
		const struct wi_ring *ring = wi_load_acquire(&lane->ring);      /* E8 */
		uint64_t through = UINT64_MAX, done = UINT64_MAX;

		for (uint32_t left = pool->cursors; left; left &= left - 1) {
			uint32_t cursor = (uint32_t)__builtin_ctz(left);

			through = WI_MIN(through, wi_load_relaxed(&lane->lease[cursor].sequence));
			done = WI_MIN(done, wi_load_relaxed(&ring->cursor[cursor].done));
		}
		/* The tail last: both only grow. */
		entry->waiting += wi_load_relaxed(&ring->tail.count) - through;
		entry->waiting_bytes += wi_load_relaxed(&ring->tail.position) - done;
	}
}

/* Places in the bus's list, of the pools that have these cursors. */
static uint32_t
pools_of(const weir_bus *bus, uint32_t cursors)
{
	uint32_t places = 0;

	for (uint32_t i = 0; i < bus->pool_count; i++)
		if (bus->pools[i]->cursors & cursors)
			places |= 1u << i;
	return places;
}

static void
show_pool(weir_bus *bus, const struct wi_pool *pool)
{
	weir_counters_pool *entry = wi_counters_entry(&bus->counters, WEIR_COUNTERS_POOLS);
	weir_pool_counts sum = { 0 };

	if (!entry)
		return;
	wi_pool_sum(pool, &sum);
	memcpy(entry->name, pool->name, sizeof entry->name);
	entry->seen = sum.seen, entry->routed = sum.routed, entry->unrouted = sum.unrouted;
	entry->batches = sum.batches, entry->parks = sum.parks, entry->wakes = sum.wakes;
	entry->late_wakes = sum.late_wakes, entry->steals = sum.steals;
	entry->skipped_behind = sum.skipped_behind, entry->stuck = sum.stuck;
	entry->dispatcher_count = pool->dispatcher_count;
	entry->wait = pool->wait;
	entry->order = pool->order;
	entry->behind = pool->behind;
	entry->after = pools_of(bus, pool->after);
	entry->batch_count_max = pool->batch_count_max;
	entry->batch_ns_max = pool->batch_ns_max;
	entry->spin_ns = pool->spin_ns;
	entry->sleep_ns = pool->sleep_ns;
	for (uint32_t i = 0; i < pool->dispatcher_count; i++)
		entry->busy_ns += wi_load_relaxed(&pool->dispatcher[i].busy_ns);
	sum_waiting(pool, entry);
}

static void
show_dispatchers(weir_bus *bus, const struct wi_pool *pool, uint32_t number)
{
	for (uint32_t i = 0; i < pool->dispatcher_count; i++) {
		const struct wi_dispatcher *dispatcher = &pool->dispatcher[i];
		weir_counters_dispatcher *entry = wi_counters_entry(&bus->counters, WEIR_COUNTERS_DISPATCHERS);
		/* A subscription's memory stays: a stale pointer still points to one. */
		const struct wi_subscription *in = wi_load_acquire(&dispatcher->in);

		if (!entry)
			continue;
		entry->pool = number;
		entry->index = i;
		entry->thread = wi_load_relaxed(&dispatcher->thread_id);
		entry->in_batch = wi_load_relaxed(&dispatcher->boundary) & 1;
		entry->subscription = in ? wi_load_relaxed(&in->id) : 0;
		entry->routed = wi_load_relaxed(&dispatcher->routed);
		entry->unrouted = wi_load_relaxed(&dispatcher->unrouted);
		entry->batches = wi_load_relaxed(&dispatcher->batches);
		entry->parks = wi_load_relaxed(&dispatcher->parks);
		entry->wakes = wi_load_relaxed(&dispatcher->wakes);
		entry->late_wakes = wi_load_relaxed(&dispatcher->late_wakes);
		entry->steals = wi_load_relaxed(&dispatcher->steals);
		entry->busy_ns = wi_load_relaxed(&dispatcher->busy_ns);
		if (dispatcher->watch.call.in)
			entry->lasted_ns = dispatcher->watch.lasted;
	}
}

/* -- producers -------------------------------------------------------------- */

/* Which pool is furthest behind, and how many bytes. */
static void
show_slowest(const weir_bus *bus, const struct wi_ring *ring, weir_counters_producer *entry)
{
	uint64_t tail = wi_load_relaxed(&ring->tail.position), least = tail;

	entry->slowest = UINT32_MAX;
	for (uint32_t i = 0; i < WI_CURSOR_COUNT_MAX; i++) {
		uint64_t position = wi_load_relaxed(&ring->cursor[i].position);
		const struct wi_pool *pool = wi_load_acquire(&bus->lanes.pool[i]);

		if (position >= least)
			continue;
		least = position;
		entry->slowest = pool ? wi_bus_pool_place(bus, pool->serial) : UINT32_MAX;
	}
	entry->in_ring = (uint32_t)(tail - least);
}

static void
show_full(const weir_bus *bus, const struct wi_lane *lane, weir_counters_producer *entry)
{
	struct wi_full *full = &bus->lanes.lane[lane->index]->full;

	/* While a dispatcher does not return, nobody else notes what is waiting. */
	full->most = WI_MAX(full->most, entry->in_ring);
	entry->high_water = full->most;
	for (int i = 0; i < WI_CURSOR_COUNT_MAX; i++)
		entry->high_water = (uint32_t)WI_MAX(entry->high_water, wi_load_relaxed(&lane->lease[i].most));
	entry->full_count = wi_load_relaxed(&full->count);
	entry->full_ns = wi_load_relaxed(&full->ns);
	if (wi_full_now(full, wi_load_relaxed(&lane->ring->tail.count)))
		entry->full_since = wi_load_relaxed(&full->since);
	for (int i = 0; i < WEIR_COUNTERS_BLAME_COUNT; i++)
		entry->blame[i] = (weir_counters_blame){
			.ns = wi_load_relaxed(&full->part[i].ns),
			.pool = wi_bus_pool_place(bus, wi_load_acquire(&full->part[i].pool)),
			.subscription = wi_load_relaxed(&full->part[i].subscription),
		};
	entry->in_pool = wi_bus_pool_place(bus, wi_load_relaxed(&full->in_pool));
	entry->in_count = wi_load_relaxed(&full->in_count);
	for (int i = 0; i < WEIR_COUNTERS_IN_COUNT; i++)
		entry->in[i] = wi_load_relaxed(&full->in[i]);
}

static void
show_producer(void *context, const struct wi_lane *lane)
{
	weir_bus *bus = context;
	weir_counters_producer *entry = wi_counters_entry(&bus->counters, WEIR_COUNTERS_PRODUCERS);
	weir_producer_counts sum = { 0 };

	if (!entry)
		return;
	if (lane->state == WI_LANE_OPEN)
		wi_producer_sum(lane->producer, &sum);
	memcpy(entry->name, lane->name, sizeof entry->name);
	entry->source = lane->source;
	entry->open = lane->state == WI_LANE_OPEN;
	entry->ring_size = lane->ring->size;
	show_slowest(bus, lane->ring, entry);
	show_full(bus, lane, entry);
	entry->committed = sum.committed, entry->bytes = sum.bytes;
	entry->refused_full = sum.refused_full, entry->refused_size = sum.refused_size;
	entry->refused_busy = sum.refused_busy, entry->refused_hops = sum.refused_hops;
	entry->refused_closed = sum.refused_closed, entry->refused_invalid = sum.refused_invalid;
	entry->discarded = sum.discarded, entry->aborted = sum.aborted;
}

/* -- subscriptions ---------------------------------------------------------- */

static void
show_subscription(weir_bus *bus, const struct wi_subscription *subscription)
{
	weir_counters_subscription *entry = wi_counters_entry(&bus->counters, WEIR_COUNTERS_SUBSCRIPTIONS);
	weir_subscription_counts sum = { 0 };

	if (!entry)
		return;
	wi_subscription_sum(subscription, &sum);
	snprintf(entry->name, sizeof entry->name, "%s", subscription->name);
	snprintf(entry->pattern, sizeof entry->pattern, "%s", subscription->pattern);
	entry->id = subscription->id;
	entry->pool = wi_bus_pool_place(bus, subscription->pool->serial);
	entry->state = sum.state;
	entry->priority = subscription->priority;
	entry->serial = subscription->serial;
	if (wi_subscription_state(subscription) & WI_SUBSCRIPTION_REPLAYED)
		entry->flags = WEIR_SUBSCRIPTION_REPLAYED;
	entry->last_code = wi_load_relaxed(&subscription->last_code);
	entry->due = sum.due, entry->ok = sum.ok, entry->failed = sum.failed;
	entry->running = sum.due - sum.ok - sum.failed - sum.skipped_quarantine -
	                 sum.skipped_paused - sum.skipped_unsubscribed;
	entry->skipped_quarantine = sum.skipped_quarantine;
	entry->skipped_paused = sum.skipped_paused;
	entry->skipped_unsubscribed = sum.skipped_unsubscribed;
	entry->failed_batches = sum.failed_batches;
	entry->quarantines = sum.quarantines;
	memcpy(entry->failure_count, sum.failure_count, sizeof entry->failure_count);
	memcpy(entry->failure_code, sum.failure_code, sizeof entry->failure_code);
}

/* -- times ------------------------------------------------------------------ */

/* An entry for what has been sampled. */
static void
show_times(weir_bus *bus, const weir_counters_times *sum)
{
	weir_counters_times *entry = sum->samples ? wi_counters_entry(&bus->counters, WEIR_COUNTERS_TIMES) : NULL;

	if (entry)
		*entry = *sum;
}

static void
show_waited(weir_bus *bus, uint32_t number)
{
	const struct wi_pool *pool = bus->pools[number];
	weir_counters_times sum = { .kind = WEIR_COUNTERS_WAITING, .pool = number };

	for (uint32_t i = 0; i < pool->dispatcher_count; i++)
		wi_times_sum(&pool->dispatcher[i].waited, &sum);
	show_times(bus, &sum);
}

static void
show_handled(weir_bus *bus, const struct wi_subscription *subscription)
{
	weir_counters_times sum = { .kind = WEIR_COUNTERS_HANDLING, .subscription = subscription->id,
		                    .pool = wi_bus_pool_place(bus, subscription->pool->serial) };

	for (uint32_t i = 0; i < subscription->tally_count; i++)
		wi_times_sum(&subscription->tally[i].times, &sum);
	show_times(bus, &sum);
}

/* -- all of it -------------------------------------------------------------- */

/* Together, since the others name pools by their place. */
static void
show_pools(weir_bus *bus)
{
	pthread_mutex_lock(&bus->control);
	for (uint32_t i = 0; i < bus->pool_count; i++)
		show_pool(bus, bus->pools[i]);
	for (uint32_t i = 0; i < bus->pool_count; i++)
		show_dispatchers(bus, bus->pools[i], i);
	for (uint32_t i = 0; i < bus->pool_count; i++)
		show_waited(bus, i);
	for (uint32_t i = 0; i < bus->registry.count; i++) {
		const struct wi_subscription *subscription = wi_registry_get(&bus->registry, i);

		if (subscription->stage == WI_STAGE_FREE)
			continue;
		show_subscription(bus, subscription);
		show_handled(bus, subscription);
	}
	wi_lanes_each(&bus->lanes, show_producer, bus);
	pthread_mutex_unlock(&bus->control);
}

void
wi_show(weir_bus *bus)
{
	struct wi_counters *counters = &bus->counters;
	weir_counters_header *header;
	weir_bus_counts sum = { 0 };

	if (counters->file < 0)
		return;
	header = wi_counters_header(counters);
	wi_counters_begin(counters);
	wi_bus_sum(bus, &sum, NULL, NULL, NULL);
	header->lost = sum.lost;
	header->in_flight = sum.in_flight;
	header->topic_count = wi_load_relaxed(&bus->topics.count);
	show_pools(bus);
	if (!wi_counters_write(counters))
		wi_bus_tell(bus, 4, "WEIR-COUNTERS", "the counters file could not be written");
}
