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
#include "core/blame.h"
#include "core/drain.h"
#include "core/keeper.h"

enum { GUARD_SIZE = 4096, SUBSCRIPTIONS_SHOWN_MAX = 4096, TIMES_SHOWN_MAX = 1024 };

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
		[WEIR_COUNTERS_TIMES] = WI_CURSOR_COUNT_MAX + TIMES_SHOWN_MAX,
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
	lanes->blame = wi_blame;
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
	while (bus->pool_count)
		wi_pool_destroy(bus->pools[--bus->pool_count]);
	wi_pool_free_spares(&bus->lanes);
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

/*
 * A page of the process, from its first bus on, that a forked child finds empty; and beside it
 * open_count.
 */
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
		status = wi_pool_create(bus, pool_options, 0, &bus->lanes, &bus->dispatcher_total, wi_bus_tell,
		                        &bus->pool);
	if (status == WEIR_OK) {
		bus->pools[bus->pool_count++] = bus->pool;
		bus->pool->reclaimer = &bus->reclaimer;
		bus->reclaimer = (struct wi_reclaimer){ .control = &bus->control, .wake = &bus->wake,
			                                .pools = bus->pools,
			                                .pool_count = &bus->pool_count };
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

/* `released` of manual pools that nobody is to poll any more. */
static void
release_manual(weir_bus *bus)
{
	for (uint32_t i = 0; i < bus->pool_count; i++)
		wi_reclaimer_release(&bus->reclaimer, bus->pools[i]);
}

/* Ends all subscriptions; the keeper calls `released`, or we. Those of a stuck handler stay. */
static void
end_subscriptions(weir_bus *bus, bool stopped)
{
	struct wi_backoff backoff = wi_backoff_until(stopped ? UINT64_MAX
	                                                     : wi_clock_deadline(100 * WI_MILLISECOND));

	while (mark_subscriptions(bus)) {
		wi_keeper_call(bus);
		release_manual(bus);
		if (!wi_backoff_wait(&backoff))
			return;
	}
}

/* A pool that is being closed and has stopped is due nothing more. */
static bool
has_ended(const struct wi_pool *pool)
{
	return wi_load_acquire(&pool->abandoned) || (pool->closing && wi_load_acquire(&pool->unread));
}

/* Events that every pool is through with. */
static uint64_t
through(const weir_bus *bus)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < bus->pool_count; i++)
		if (!has_ended(bus->pools[i]))
			least = WI_MIN(least, wi_pool_through(bus->pools[i]));
	return least;
}

static bool
stop_pools(weir_bus *bus, uint64_t deadline)
{
	bool stopped = true;

	for (uint32_t i = 0; i < bus->pool_count; i++) {
		bool one = wi_pool_stop(bus->pools[i], deadline);

		wi_store_release(&bus->pools[i]->unread, one);
		stopped = stopped && one;
	}
	return stopped;
}

weir_status
wi_bus_close(weir_bus *bus, uint64_t deadline, weir_close_report *report)
{
	uint64_t before;
	bool drained, stopped;
	weir_producer_counts producers = { 0 };

	pthread_mutex_lock(&bus->control);
	wi_store_release(&bus->closing, 1u);
	before = through(bus);
	pthread_mutex_unlock(&bus->control);
	drained = wi_lanes_shut(&bus->lanes, WI_GATE_CLOSED, false, deadline) &&
	          wi_bus_flush(bus, NULL, deadline) == WEIR_OK;
	wi_lanes_shut(&bus->lanes, WI_GATE_CLOSED, true, deadline);
	stopped = stop_pools(bus, drained ? UINT64_MAX : wi_clock_deadline(100 * WI_MILLISECOND));
	end_subscriptions(bus, stopped);
	wi_keeper_stop(bus);
	wi_lanes_sum(&bus->lanes, &producers);
	report->delivered = through(bus) - before;
	report->undelivered = producers.committed - through(bus);
	if (stopped) {
		fini(bus);
	} else {
		wi_bus_tell(bus, 3, "WEIR-LEAK", "a handler did not return: what it uses is leaked");
		wi_counters_close(&bus->counters);
		wi_lanes_orphan(&bus->lanes, false);
	}
	return drained && report->undelivered == 0 ? WEIR_OK : WEIR_ETIMEDOUT;
}

/* -- pools ------------------------------------------------------------------ */

/* The cursors of a pool and of all that it is behind, which are older. */
static uint32_t
with_those_in_front(const weir_bus *bus, const struct wi_pool *pool)
{
	uint32_t cursors = pool->cursors;

	for (uint32_t i = bus->pool_count; i--; )
		if (cursors & bus->pools[i]->cursors)
			cursors |= bus->pools[i]->after;
	return cursors;
}

uint32_t
wi_bus_hold_pools(weir_bus *bus, struct wi_pool *only, struct wi_pool **ret_pools, uint32_t *ret_serial)
{
	uint32_t count = 0, cursors;

	pthread_mutex_lock(&bus->control);
	cursors = only ? with_those_in_front(bus, only) : UINT32_MAX;
	*ret_serial = bus->pool_serial;
	for (uint32_t i = 0; i < bus->pool_count; i++) {
		struct wi_pool *pool = bus->pools[i];

		if (pool->abandoned || !(cursors & pool->cursors))
			continue;
		pool->users++;
		ret_pools[count++] = pool;
	}
	pthread_mutex_unlock(&bus->control);
	return count;
}

uint32_t
wi_bus_let_pools(weir_bus *bus, struct wi_pool *const *pools, uint32_t count)
{
	struct wi_pool *buried[WI_CURSOR_COUNT_MAX];
	uint32_t serial, buried_count = 0;

	pthread_mutex_lock(&bus->control);
	for (uint32_t i = 0; i < count; i++)
		if (--pools[i]->users == 0 && pools[i]->buried)
			buried[buried_count++] = pools[i];
	serial = bus->pool_serial;
	pthread_mutex_unlock(&bus->control);
	while (buried_count)
		wi_pool_destroy(buried[--buried_count]);
	return serial;
}

uint32_t
wi_bus_pool_place(const weir_bus *bus, uint64_t serial)
{
	for (uint32_t i = 0; i < bus->pool_count; i++)
		if (bus->pools[i]->serial == serial)
			return i;
	return UINT32_MAX;
}

weir_status
wi_bus_flush(weir_bus *bus, struct wi_pool *pool, uint64_t deadline)
{
	struct wi_pool *pools[WI_CURSOR_COUNT_MAX];
	uint32_t count, serial, opened;
	bool done;

	/* Again if one was opened meanwhile: what it has seen since is in the books, too. */
	do {
		count = wi_bus_hold_pools(bus, pool, pools, &serial);
		done = wi_drain(pools, count, deadline);
		opened = wi_bus_let_pools(bus, pools, count) - serial;
	} while (done && !pool && opened);
	return done ? WEIR_OK : WEIR_ETIMEDOUT;
}

static struct wi_pool *
find_pool(const weir_bus *bus, const char *name)
{
	for (uint32_t i = 0; i < bus->pool_count; i++)
		if (!bus->pools[i]->abandoned && strcmp(bus->pools[i]->name, name) == 0)
			return bus->pools[i];
	return NULL;
}

bool
wi_bus_pool_is_open(const weir_bus *bus, const struct wi_pool *pool)
{
	for (uint32_t i = 0; i < bus->pool_count; i++)
		if (bus->pools[i] == pool)
			return !pool->closing;
	return false;
}

/* With the control lock. */
static weir_status
open_pool(weir_bus *bus, weir_pool_options *options, struct wi_pool **ret_pool)
{
	char name[sizeof bus->pool->name];
	uint32_t after = 0;
	weir_status status;

	if (bus->closing)
		return WEIR_ECLOSED;
	for (uint32_t i = 0; i < options->after_count; i++) {
		const struct wi_pool *pool = (struct wi_pool *)options->after[i];

		if (!wi_bus_pool_is_open(bus, pool) || pool->behind == WEIR_BEHIND_SKIP)
			return WEIR_EINVAL;
		after |= pool->cursors;
	}
	snprintf(name, sizeof name, "pool-%u", bus->pool_serial + 1);
	options->name = options->name ? options->name : name;
	if (strlen(options->name) >= sizeof name || find_pool(bus, options->name))
		return WEIR_EINVAL;
	if (bus->pool_count == WI_CURSOR_COUNT_MAX)
		return WEIR_ELIMIT;
	/* Those in front begin to wake those behind before there is one that sleeps. */
	for (uint32_t i = 0; i < bus->pool_count; i++)
		if (after & bus->pools[i]->cursors)
			wi_add(&bus->pools[i]->followers, 1u);
	status = wi_pool_create(bus, options, after, &bus->lanes, &bus->dispatcher_total, wi_bus_tell, ret_pool);
	if (status == WEIR_OK) {
		bus->pool_serial++;
		bus->pools[bus->pool_count++] = *ret_pool;
		(*ret_pool)->reclaimer = &bus->reclaimer;
		return WEIR_OK;
	}
	for (uint32_t i = 0; i < bus->pool_count; i++)
		if (after & bus->pools[i]->cursors)
			wi_sub(&bus->pools[i]->followers, 1u);
	return status;
}

weir_status
wi_bus_pool_open(weir_bus *bus, const weir_pool_options *options, struct wi_pool **ret_pool)
{
	weir_pool_options own = *options;
	weir_status status;

	pthread_mutex_lock(&bus->control);
	status = open_pool(bus, &own, ret_pool);
	pthread_mutex_unlock(&bus->control);
	return status;
}

/* Marks the pool's; how many are not free yet. */
static uint32_t
end_pool_subscriptions(weir_bus *bus, const struct wi_pool *pool)
{
	uint32_t count = 0;

	pthread_mutex_lock(&bus->control);
	for (uint32_t i = 0; i < bus->registry.count; i++) {
		struct wi_subscription *subscription = wi_registry_get(&bus->registry, i);

		if (subscription->pool != pool || subscription->stage == WI_STAGE_FREE)
			continue;
		if (subscription->stage == WI_STAGE_LIVE)
			wi_reclaimer_mark(&bus->reclaimer, &bus->registry, subscription->id);
		count++;
	}
	pthread_mutex_unlock(&bus->control);
	return count;
}

/* With the control lock. Nobody finds the pool from now on; what is free of it is for others. */
static void
remove_pool(weir_bus *bus, struct wi_pool *pool)
{
	struct wi_subscription *each, *next;
	uint32_t at = 0;

	while (bus->pools[at] != pool)
		at++;
	bus->pool_count--;
	memmove(bus->pools + at, bus->pools + at + 1, (bus->pool_count - at) * sizeof *bus->pools);
	for (each = pool->free; each; each = next) {
		next = each->next;
		each->pool = bus->pool;
		each->next = bus->spare;
		bus->spare = each;
	}
	wi_pool_sum(pool, &bus->pools_gone);
}

static void
unfollow(weir_bus *bus, const struct wi_pool *pool)
{
	for (uint32_t i = 0; i < bus->pool_count; i++)
		if (pool->after & bus->pools[i]->cursors)
			wi_sub(&bus->pools[i]->followers, 1u);
}

/* The dispatchers are gone. */
static void
bury_pool(weir_bus *bus, struct wi_pool *pool)
{
	struct wi_backoff backoff = wi_backoff_until(UINT64_MAX);
	bool used;

	wi_store_release(&pool->unread, 1u);
	while (end_pool_subscriptions(bus, pool)) {
		wi_keeper_call(bus);
		wi_reclaimer_release(&bus->reclaimer, pool);
		wi_backoff_wait(&backoff);
	}
	pthread_mutex_lock(&bus->control);
	remove_pool(bus, pool);
	unfollow(bus, pool);
	wi_lanes_close_cursors(&bus->lanes, pool->cursors, true);
	pool->has_cursors = false;
	pool->buried = 1;
	used = pool->users;
	pthread_mutex_unlock(&bus->control);
	if (!used)
		wi_pool_destroy(pool);
}

/* A handler does not return. The keeper goes on burying: keeper.c. */
static void
abandon_pool(weir_bus *bus, struct wi_pool *pool)
{
	pthread_mutex_lock(&bus->control);
	wi_lanes_close_cursors(&bus->lanes, pool->cursors, false);
	wi_store_release(&pool->abandoned, 1u);
	unfollow(bus, pool);
	pthread_mutex_unlock(&bus->control);
	wi_pool_bury(pool);
	end_pool_subscriptions(bus, pool);
	wi_reclaimer_release(&bus->reclaimer, pool);
	wi_keeper_call(bus);
	wi_bus_tell(bus, 3, "WEIR-LEAK", "a handler did not return: what its pool uses is leaked");
}

weir_status
wi_bus_pool_close(weir_bus *bus, struct wi_pool *pool, uint64_t deadline, weir_close_report *report)
{
	weir_producer_counts producers = { 0 };
	uint64_t before;
	bool allowed, drained, stopped;

	pthread_mutex_lock(&bus->control);
	allowed = wi_bus_pool_is_open(bus, pool) && pool != bus->pool && !pool->followers;
	if (allowed)
		pool->closing = 1;
	pthread_mutex_unlock(&bus->control);
	if (!allowed)
		return WEIR_EINVAL;
	before = wi_pool_through(pool);
	drained = wi_bus_flush(bus, pool, deadline) == WEIR_OK;
	stopped = wi_pool_stop(pool, drained ? UINT64_MAX : wi_clock_deadline(100 * WI_MILLISECOND));
	if (!drained)
		wi_lanes_sum(&bus->lanes, &producers);
	report->delivered = wi_pool_through(pool) - before;
	report->undelivered = drained ? 0 : producers.committed - wi_pool_through(pool);
	if (stopped)
		bury_pool(bus, pool);
	else
		abandon_pool(bus, pool);
	return drained ? WEIR_OK : WEIR_ETIMEDOUT;
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

/* Adds the live pools; what has come and is not accounted for, with its sign: exact at rest. */
static int64_t
sum_pools(weir_bus *bus, weir_pool_counts *sum, uint64_t *ret_through)
{
	pthread_mutex_lock(&bus->control);
	for (uint32_t i = 0; i < bus->pool_count; i++)
		wi_pool_sum(bus->pools[i], sum);
	wi_pool_counts_add(sum, &bus->pools_gone);
	*ret_through = through(bus);
	pthread_mutex_unlock(&bus->control);
	return (int64_t)(sum->seen - sum->routed - sum->unrouted - sum->skipped_behind);
}

/* What the pools that are not the slowest have not come to either counts once for each of them. */
static int64_t
behind(weir_bus *bus, uint64_t committed)
{
	int64_t missing = 0;

	pthread_mutex_lock(&bus->control);
	for (uint32_t i = 0; i < bus->pool_count; i++)
		if (!has_ended(bus->pools[i]))
			missing += (int64_t)(committed - wi_pool_through(bus->pools[i]));
	pthread_mutex_unlock(&bus->control);
	return missing;
}

void
wi_bus_sum(weir_bus *bus, weir_bus_counts *ret_bus, weir_producer_counts *ret_producers,
           weir_pool_counts *ret_pools, weir_subscription_counts *ret_subscriptions)
{
	weir_producer_counts producers = { 0 };
	weir_pool_counts pools = { 0 };
	weir_subscription_counts subscriptions = { 0 };
	uint64_t slowest;
	int64_t unaccounted;

	/* Against the stream, so that a lagging sum never shows more handled than published. */
	sum_subscriptions(bus, &subscriptions);
	unaccounted = sum_pools(bus, &pools, &slowest);
	wi_lanes_sum(&bus->lanes, &producers);
	if (ret_bus) {
		ret_bus->in_flight = producers.committed - slowest;
		ret_bus->lost = behind(bus, producers.committed) + unaccounted + (int64_t)subscriptions.running;
	}
	if (ret_producers)
		*ret_producers = producers;
	if (ret_pools)
		*ret_pools = pools;
	if (ret_subscriptions)
		*ret_subscriptions = subscriptions;
}
