/* SPDX-License-Identifier: MIT */
/* keeper.c - see keeper.h. */
#include "core/keeper.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/futex.h"
#include "base/thread.h"
#include "core/show.h"
#include "core/stuck.h"

#define BUSY_NS (100 * WI_MILLISECOND)
#define IDLE_NS WI_SECOND
#define RETRY_NS (200 * WI_MICROSECOND)         /* while a handler that has to end still runs, */
#define RETRY_MAX_NS (5 * WI_MILLISECOND)       /*   doubled up to this */
#define STALE_NS (50 * WI_MILLISECOND)
#define FULL_WINDOW_NS (10 * WI_SECOND)         /* at most one message of full rings in this, */
#define FULL_TOLD_NS WI_SECOND                  /*   of one that was full for so long in it */

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

/* -- rings that are full ---------------------------------------------------- */

struct full_ring {
	uint64_t ns;                    /* full, in this window */
	struct wi_full_part most;       /* whose making most of it was */
	char name[48];
};

static void
find_fullest(void *context, const struct wi_lane *lane)
{
	const struct wi_full *full = &lane->full;
	uint64_t ns = wi_load_relaxed(&full->ns) - full->told;
	struct full_ring *fullest = context;

	if (ns <= fullest->ns)
		return;
	*fullest = (struct full_ring){ .ns = ns };
	snprintf(fullest->name, sizeof fullest->name, "%u%s%s", lane->index, lane->name[0] ? " " : "", lane->name);
	for (int i = 0; i < WEIR_COUNTERS_BLAME_COUNT; i++) {
		struct wi_full_part part = { .pool = wi_load_acquire(&full->part[i].pool) };

		if (!part.pool)
			break;
		part.subscription = wi_load_relaxed(&full->part[i].subscription);
		part.ns = wi_load_relaxed(&full->part[i].ns) - full->part_told[i];
		if (part.ns > fullest->most.ns)
			fullest->most = part;
	}
}

static void
begin_window(void *context, const struct wi_lane *lane)
{
	struct wi_full *full = &((struct weir_bus *)context)->lanes.lane[lane->index]->full;

	full->told = wi_load_relaxed(&full->ns);
	for (int i = 0; i < WEIR_COUNTERS_BLAME_COUNT; i++)
		full->part_told[i] = wi_load_relaxed(&full->part[i].ns);
}

/* The name of what is to blame; with the control lock. */
static void
name_part(weir_bus *bus, const struct wi_full_part *part, char *text, size_t size)
{
	const struct wi_subscription *subscription =
	        wi_registry_get(&bus->registry, (uint32_t)part->subscription);
	bool is_it = subscription && subscription->id == part->subscription;
	uint32_t place = wi_bus_pool_place(bus, part->pool);
	const char *pool = place == UINT32_MAX ? "(closed)" : bus->pools[place]->name;

	if (!part->subscription)
		snprintf(text, size, "pool %s in no handler: asleep, or without a processor", pool);
	else
		snprintf(text, size, "\"%.128s\" of pool %s", is_it ? subscription->name : "(gone)", pool);
}

static void
tell_full(weir_bus *bus, uint64_t now)
{
	struct full_ring fullest = { .ns = FULL_TOLD_NS - 1 };
	char part[256], text[512];

	if (now - bus->full_window >= FULL_WINDOW_NS) {
		wi_lanes_each(&bus->lanes, begin_window, bus);
		bus->full_window = now;
		bus->full_told = false;
	}
	if (bus->full_told)
		return;
	wi_lanes_each(&bus->lanes, find_fullest, &fullest);
	if (!fullest.name[0])
		return;
	bus->full_told = true;
	pthread_mutex_lock(&bus->control);
	name_part(bus, &fullest.most, part, sizeof part);
	pthread_mutex_unlock(&bus->control);
	snprintf(text, sizeof text, "ring %s was full for %.1f s of the last %.1f s, %.0f %% of it in %s", fullest.name,
	         (double)fullest.ns / 1e9, (double)(now - bus->full_window) / 1e9,
	         100. * (double)fullest.most.ns / (double)fullest.ns, part);
	wi_bus_tell(bus, 4, "WEIR-FULL", text);
}

/* -- the thread's work ------------------------------------------------------ */

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
			wi_show(bus);
			tell_full(bus, now);
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
	wi_show(bus);
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
