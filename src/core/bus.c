/* SPDX-License-Identifier: MIT */
/* bus.c - see bus.h. */
#include "core/bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "core/context.h"
#include "core/drain.h"
#include "core/keeper.h"

enum { GUARD_SIZE = 4096, SUBSCRIPTIONS_SHOWN_MAX = 4096 };

static uint64_t last_serial;
static uint32_t open_count;     /* buses of this process */

/* -- messages --------------------------------------------------------------- */

static void
log_to_stderr(void *context, int level, const char *id, const char *text)
{
	const weir_bus *bus = context;

	if (level <= 4)
		fprintf(stderr, "weir: %s: %s [%s]\n", bus->name, text, id);
}

void
wi_bus_tell(weir_bus *bus, int level, const char *id, const char *text)
{
	wi_context_enter();
	bus->log(bus->log_context, level, id, text);
	wi_context_leave();
}

/* -- opening ---------------------------------------------------------------- */

static void
open_counters(weir_bus *bus, const weir_bus_options *options)
{
	const uint32_t capacity[WEIR_COUNTERS_SECTION_COUNT] = {
		[WEIR_COUNTERS_POOLS] = WI_CURSOR_COUNT_MAX,
		[WEIR_COUNTERS_DISPATCHERS] = WI_PRODUCER_INTERNAL_MAX,
		[WEIR_COUNTERS_PRODUCERS] = bus->lanes.user_count_max + WI_PRODUCER_INTERNAL_MAX,
		[WEIR_COUNTERS_SUBSCRIPTIONS] = SUBSCRIPTIONS_SHOWN_MAX,
	};
	const char *reason;

	if (!wi_counters_open(&bus->counters, options->stats_dir, bus->name, bus->lanes.serial, capacity,
	                      &reason) && reason)
		wi_bus_tell(bus, 4, "WEIR-COUNTERS", reason);
}

static weir_status
init_lanes(weir_bus *bus, const weir_bus_options *options)
{
	struct wi_lanes *lanes = &bus->lanes;

	lanes->wake = &bus->wake;
	lanes->topics = &bus->topics;
	lanes->clock = options->clock;
	lanes->ring_size = options->ring_size ? options->ring_size : WI_RING_SIZE_DEFAULT;
	lanes->hop_count_max = options->hop_count_max ? options->hop_count_max : 16;
	lanes->serial = wi_add(&last_serial, 1u) + 1;
	return wi_lanes_init(lanes, options->producer_count_max ? options->producer_count_max : 1024);
}

/* Recursive: what weir_bus_each_subscription() calls may read the counts of what it is shown. */
static void
init_control(pthread_mutex_t *control)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(control, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

/* All but threads; bus is zeroed. */
static weir_status
init(weir_bus *bus, const weir_bus_options *options)
{
	weir_status status;

	bus->log = options->log ? options->log : log_to_stderr;
	bus->log_context = options->log ? options->log_context : bus;
	snprintf(bus->name, sizeof bus->name, "%s",
	         options->name ? options->name : program_invocation_short_name);
	bus->counters.file = -1;
	init_control(&bus->control);
	bus->guard = wi_memory_map(GUARD_SIZE, WI_MAP_WIPED_IN_CHILD);
	if (!bus->guard)
		return WEIR_ENOMEM;
	*bus->guard = WI_BUS_MAGIC;
	wi_wake_init(&bus->wake, options->fence);
	status = wi_topics_init(&bus->topics, options->topic_count_max ? options->topic_count_max
	                                                               : WI_TOPIC_ID_MAX);
	if (status != WEIR_OK)
		return status;
	return init_lanes(bus, options);
}

static void
fini(weir_bus *bus)
{
	wi_counters_close(&bus->counters);
	wi_reclaimer_fini(&bus->reclaimer);
	if (bus->pool)
		wi_pool_destroy(bus->pool);
	if (bus->lanes.lane)
		wi_lanes_fini(&bus->lanes);
	if (bus->topics.index)
		wi_topics_fini(&bus->topics);
	wi_registry_fini(&bus->registry);
	wi_memory_unmap(bus->guard, GUARD_SIZE);
	pthread_mutex_destroy(&bus->control);
	wi_memory_give(bus);
	wi_sub(&open_count, 1u);
}

/* A page of the process, from its first bus on, that a forked child finds empty; and beside it open_count. */
static uint64_t *process_guard;
static pthread_mutex_t process_lock = PTHREAD_MUTEX_INITIALIZER;

bool
wi_bus_parent_had_one(void)
{
	const uint64_t *guard = wi_load_acquire(&process_guard);

	return guard && *guard != WI_BUS_MAGIC && wi_load_relaxed(&open_count);
}

static bool
guard_process(void)
{
	uint64_t *guard;

	pthread_mutex_lock(&process_lock);
	guard = process_guard ? process_guard : wi_memory_map(GUARD_SIZE, WI_MAP_WIPED_IN_CHILD);
	if (guard) {
		*guard = WI_BUS_MAGIC;
		wi_store_release(&process_guard, guard);
		wi_add(&open_count, 1u);
	}
	pthread_mutex_unlock(&process_lock);
	return guard != NULL;
}

weir_status
wi_bus_open(const weir_bus_options *options, const weir_pool_options *pool_options, weir_bus **ret_bus)
{
	weir_bus *bus = wi_memory_lines(sizeof *bus);
	weir_status status;

	if (!bus || !guard_process()) {
		wi_memory_give(bus);
		return WEIR_ENOMEM;
	}
	status = init(bus, options);
	if (status == WEIR_OK)
		status = wi_pool_create(bus, pool_options, &bus->lanes, &bus->dispatcher_total, wi_bus_tell,
		                        &bus->pool);
	if (status == WEIR_OK) {
		bus->reclaimer = (struct wi_reclaimer){ .control = &bus->control, .wake = &bus->wake,
			                                .pool = bus->pool };
		open_counters(bus, options);
		if (!wi_keeper_start(bus)) {
			wi_pool_stop(bus->pool, UINT64_MAX);
			status = WEIR_ENOMEM;
		}
	}
	if (status != WEIR_OK) {
		fini(bus);
		return status;
	}
	*ret_bus = bus;
	return WEIR_OK;
}

/* -- closing ---------------------------------------------------------------- */

/* How many have not ended; marks them. */
static uint32_t
mark_subscriptions(weir_bus *bus)
{
	uint32_t count = 0;

	pthread_mutex_lock(&bus->control);
	for (uint32_t i = 0; i < bus->registry.count; i++) {
		struct wi_subscription *subscription = wi_registry_get(&bus->registry, i);

		if (subscription->stage == WI_STAGE_FREE || subscription->stage == WI_STAGE_RELEASED)
			continue;
		wi_reclaimer_mark(&bus->reclaimer, &bus->registry, subscription->id);
		count++;
	}
	pthread_mutex_unlock(&bus->control);
	return count;
}

/* Ends every subscription; the keeper calls `released`. Those of a handler that never returns stay. */
static void
end_subscriptions(weir_bus *bus, bool stopped)
{
	struct wi_backoff backoff = wi_backoff_until(stopped ? UINT64_MAX
	                                                     : wi_clock_deadline(100 * WI_MILLISECOND));

	while (mark_subscriptions(bus)) {
		wi_keeper_call(bus);
		if (!wi_backoff_wait(&backoff))
			return;
	}
}

weir_status
wi_bus_close(weir_bus *bus, uint64_t deadline, weir_close_report *report)
{
	uint64_t seen = wi_pool_seen(bus->pool);
	bool drained, stopped;
	weir_producer_counts producers = { 0 };

	wi_store_release(&bus->closing, 1u);
	drained = wi_lanes_shut(&bus->lanes, WI_GATE_CLOSED, false, deadline) && wi_drain(bus->pool, deadline);
	wi_lanes_shut(&bus->lanes, WI_GATE_CLOSED, true, deadline);
	stopped = wi_pool_stop(bus->pool, drained ? UINT64_MAX : wi_clock_deadline(100 * WI_MILLISECOND));
	wi_store_release(&bus->reclaimer.unread, stopped);
	end_subscriptions(bus, stopped);
	wi_keeper_stop(bus);
	wi_lanes_sum(&bus->lanes, &producers);
	report->delivered = wi_pool_seen(bus->pool) - seen;
	report->undelivered = producers.committed - wi_pool_seen(bus->pool);
	if (stopped) {
		fini(bus);
	} else {
		wi_bus_tell(bus, 3, "WEIR-LEAK", "a handler did not return: what it uses is leaked");
		wi_counters_close(&bus->counters);
		wi_lanes_orphan(&bus->lanes, false);
	}
	return drained && report->undelivered == 0 ? WEIR_OK : WEIR_ETIMEDOUT;
}

/* -- looking ---------------------------------------------------------------- */

static void
sum_subscriptions(weir_bus *bus, weir_subscription_counts *sum)
{
	pthread_mutex_lock(&bus->control);
	wi_subscription_counts_add(sum, &bus->reclaimer.gone);
	for (uint32_t i = 0; i < bus->registry.count; i++) {
		const struct wi_subscription *subscription = wi_registry_get(&bus->registry, i);

		if (subscription->stage != WI_STAGE_FREE)
			wi_subscription_sum(subscription, sum);
	}
	pthread_mutex_unlock(&bus->control);
	sum->state = WEIR_SUBSCRIPTION_ACTIVE;
	sum->running = sum->due - sum->ok - sum->failed - sum->skipped_quarantine - sum->skipped_paused -
	               sum->skipped_unsubscribed;
}

/* What has come and is not accounted for, with its sign; exact at rest. */
static int64_t
residue(const weir_producer_counts *producers, const weir_pool_counts *pools,
        const weir_subscription_counts *subscriptions)
{
	return (int64_t)(producers->committed - pools->seen) +
	       (int64_t)(pools->seen - pools->routed - pools->unrouted - pools->skipped_behind) +
	       (int64_t)subscriptions->running;
}

void
wi_bus_sum(weir_bus *bus, weir_bus_counts *ret_bus, weir_producer_counts *ret_producers,
           weir_pool_counts *ret_pools, weir_subscription_counts *ret_subscriptions)
{
	weir_producer_counts producers = { 0 };
	weir_pool_counts pools = { 0 };
	weir_subscription_counts subscriptions = { 0 };

	/* Against the stream, so that a lagging sum never shows more handled than published. */
	sum_subscriptions(bus, &subscriptions);
	wi_pool_sum(bus->pool, &pools);
	wi_lanes_sum(&bus->lanes, &producers);
	if (ret_bus) {
		ret_bus->in_flight = producers.committed - pools.seen;
		ret_bus->lost = residue(&producers, &pools, &subscriptions);
	}
	if (ret_producers)
		*ret_producers = producers;
	if (ret_pools)
		*ret_pools = pools;
	if (ret_subscriptions)
		*ret_subscriptions = subscriptions;
}
