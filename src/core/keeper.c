/* SPDX-License-Identifier: MIT */
/* keeper.c - see keeper.h. */
#include "core/keeper.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/futex.h"
#include "base/thread.h"
#include "core/stuck.h"

#define BUSY_NS (100 * WI_MILLISECOND)
#define IDLE_NS WI_SECOND
#define RETRY_NS (200 * WI_MICROSECOND)         /* while a handler that has to end still runs, */
#define RETRY_MAX_NS (5 * WI_MILLISECOND)       /*   doubled up to this */
#define STALE_NS (50 * WI_MILLISECOND)

/* -- the counters file ------------------------------------------------------ */

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

/* Bytes that the slowest pool is not through with. */
static uint32_t
in_ring(const struct wi_ring *ring)
{
	uint64_t tail = wi_load_relaxed(&ring->tail.position), least = tail;

	for (int i = 0; i < WI_CURSOR_COUNT_MAX; i++)
		least = WI_MIN(least, wi_load_relaxed(&ring->cursor[i].position));
	return (uint32_t)(tail - least);
}

static void
show_producer(void *context, const struct wi_lane *lane)
{
	struct wi_counters *counters = context;
	weir_counters_producer *entry = wi_counters_entry(counters, WEIR_COUNTERS_PRODUCERS);
	weir_producer_counts sum = { 0 };

	if (!entry)
		return;
	if (lane->state == WI_LANE_OPEN)
		wi_producer_sum(lane->producer, &sum);
	memcpy(entry->name, lane->name, sizeof entry->name);
	entry->source = lane->source;
	entry->open = lane->state == WI_LANE_OPEN;
	entry->ring_size = lane->ring->size;
	entry->in_ring = in_ring(lane->ring);
	entry->committed = sum.committed, entry->bytes = sum.bytes;
	entry->refused_full = sum.refused_full, entry->refused_size = sum.refused_size;
	entry->refused_busy = sum.refused_busy, entry->refused_hops = sum.refused_hops;
	entry->refused_closed = sum.refused_closed, entry->refused_invalid = sum.refused_invalid;
	entry->discarded = sum.discarded, entry->aborted = sum.aborted;
}

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
	while (entry->pool < bus->pool_count && bus->pools[entry->pool] != subscription->pool)
		entry->pool++;
	entry->state = sum.state;
	entry->priority = subscription->priority;
	entry->serial = subscription->serial;
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

/* Together, since the others name pools by their place. */
static void
show_pools(weir_bus *bus)
{
	pthread_mutex_lock(&bus->control);
	for (uint32_t i = 0; i < bus->pool_count; i++)
		show_pool(bus, bus->pools[i]);
	for (uint32_t i = 0; i < bus->pool_count; i++)
		show_dispatchers(bus, bus->pools[i], i);
	for (uint32_t i = 0; i < bus->registry.count; i++) {
		const struct wi_subscription *subscription = wi_registry_get(&bus->registry, i);

		if (subscription->stage != WI_STAGE_FREE)
			show_subscription(bus, subscription);
	}
	pthread_mutex_unlock(&bus->control);
}

static void
show_counters(weir_bus *bus)
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
	wi_lanes_each(&bus->lanes, show_producer, counters);
	if (!wi_counters_write(counters))
		wi_bus_tell(bus, 4, "WEIR-COUNTERS", "the counters file could not be written");
}

/* -- the thread ------------------------------------------------------------- */

/* Do events flow? */
static bool
is_active(weir_bus *bus)
{
	uint64_t activity = wi_pool_through(bus->pool), before = bus->keeper_activity;

	bus->keeper_activity = activity;
	return activity != before;
}

static void
check_tick(weir_bus *bus)
{
	uint64_t tick = wi_load_relaxed(&bus->wake.tick), now = wi_clock_realtime();

	if (tick != WEIR_CLOCK_READ_ && (now > tick ? now - tick : tick - now) > STALE_NS)
		wi_wake_tick(&bus->wake, WEIR_CLOCK_READ_);
}

/* Rings that a stuck handler of a closed pool was in. */
static void
bury_abandoned(weir_bus *bus)
{
	pthread_mutex_lock(&bus->control);
	for (uint32_t i = 0; i < bus->pool_count; i++)
		if (bus->pools[i]->abandoned)
			wi_pool_bury(bus->pools[i]);
	pthread_mutex_unlock(&bus->control);
}

static void
let_pools(weir_bus *bus)
{
	uint32_t count = bus->keeper_pool_count;

	bus->keeper_pool_count = 0;
	wi_bus_let_pools(bus, bus->keeper_pools, count);
}

/* How long until the next look. */
static uint64_t
look_for_stuck(weir_bus *bus, uint64_t now)
{
	uint64_t period = UINT64_MAX;
	uint32_t serial;

	bus->keeper_pool_count = wi_bus_hold_pools(bus, NULL, bus->keeper_pools, &serial);
	for (uint32_t i = 0; i < bus->keeper_pool_count; i++) {
		wi_stuck_look(bus->keeper_pools[i], &bus->control, now);
		period = WI_MIN(period, wi_stuck_period(bus->keeper_pools[i]));
	}
	let_pools(bus);
	return period;
}

static void
keep(void *argument)
{
	weir_bus *bus = argument;
	uint64_t shown = 0, looked = 0, period = BUSY_NS, retry = RETRY_NS;
	uint64_t look = 0;

	let_pools(bus);
	while (!wi_load_acquire(&bus->keeper_stop)) {
		uint32_t work = wi_load_acquire(&bus->keeper_work);
		bool more = wi_reclaimer_step(&bus->reclaimer);
		uint64_t now = wi_clock_monotonic();

		if (now - looked >= look) {
			look = look_for_stuck(bus, now);
			looked = now;
		}
		if (now - shown >= period) {
			period = is_active(bus) ? BUSY_NS : IDLE_NS;
			check_tick(bus);
			bury_abandoned(bus);
			show_counters(bus);
			shown = now;
		}
		retry = more ? WI_MIN(retry * 2, RETRY_MAX_NS) : RETRY_NS;
		wi_futex_wait(&bus->keeper_work, work, WI_FUTEX_ALL,
		              more ? retry : WI_MIN(period, look));
		if (wi_load_relaxed(&bus->keeper_work) != work)
			retry = RETRY_NS;
	}
}

/* `released` or `log` may end the thread: it puts its end off until the bus closes. */
static void *
run(void *argument)
{
	wi_thread_name("weir:keeper");
	pthread_cleanup_push(keep, argument);
	keep(argument);
	pthread_cleanup_pop(0);
	return NULL;
}

bool
wi_keeper_start(weir_bus *bus)
{
	show_counters(bus);
	bus->keeper_started = wi_thread_start(&bus->keeper, run, bus);
	return bus->keeper_started;
}

void
wi_keeper_stop(weir_bus *bus)
{
	if (!bus->keeper_started)
		return;
	wi_store_release(&bus->keeper_stop, 1u);
	wi_keeper_call(bus);
	pthread_join(bus->keeper, NULL);
	bus->keeper_started = false;
}

void
wi_keeper_call(weir_bus *bus)
{
	wi_add(&bus->keeper_work, 1u);
	wi_futex_wake(&bus->keeper_work, 1, WI_FUTEX_ALL);
}
