/* SPDX-License-Identifier: MIT */
/*
 * bench_park.c - the dispatcher sleeps on a futex: what waking it costs the publisher, and how
 * long it takes until the handler runs.
 *
 * Parking makes a heavy fence, so the pool limits how often it parks and then
 * sleeps by time: the pause between events leaves it time to park.
 */
#include <stdlib.h>

#include "bench.h"
#include "rig.h"
#include "stats.h"

enum { EVENTS = 200, GAP_NS = 2000000 };

struct sleeper {
	_Alignas(MACHINE_LINE) uint64_t woken;          /* ticks; 0: not yet */
	_Alignas(MACHINE_LINE) struct rig *rig;
};

static double waits[EVENTS];

static int
wake(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct sleeper *sleeper = context;

	(void)event;
	(void)delivery;
	__atomic_store_n(&sleeper->woken, machine_ticks(), __ATOMIC_RELEASE);
	return 0;
}

static bool
begin(struct bench_run *run)
{
	struct rig_options options = { .wait = WEIR_WAIT_PARK, .handler = wake };
	struct sleeper *sleeper = aligned_alloc(MACHINE_LINE, sizeof *sleeper);

	if (!sleeper)
		return false;
	options.context = sleeper;
	*sleeper = (struct sleeper){ .rig = rig_open(&options) };
	run->context = sleeper;
	return sleeper->rig != NULL;
}

static bool
wake_once(struct sleeper *sleeper, uint64_t *ret_publish, uint64_t *ret_wait)
{
	uint64_t word[6] = { 0 }, sent, done, woken;

	sleeper->woken = 0;
	sent = machine_ticks();
	if (rig_failed(weir_publish(sleeper->rig->producer, sleeper->rig->topics[0], word, 48),
	               "weir_publish"))
		return false;
	done = machine_ticks();
	while (!(woken = __atomic_load_n(&sleeper->woken, __ATOMIC_ACQUIRE)))
		machine_pause(8);
	*ret_publish = done - sent;
	*ret_wait = woken - sent;
	return true;
}

static bool
body(struct bench_run *run)
{
	double ns = machine_ns_per_tick();
	struct sleeper *sleeper = run->context;
	weir_pool_counts before = WEIR_POOL_COUNTS_INIT, after = WEIR_POOL_COUNTS_INIT;
	uint64_t publish, wait;

	weir_pool_get_counts(weir_bus_default_pool(sleeper->rig->bus), &before);
	run->items = EVENTS;
	run->seconds = 0;
	for (int i = 0; i < EVENTS; i++) {
		machine_sleep_ns(GAP_NS);
		if (!wake_once(sleeper, &publish, &wait))
			return false;
		run->seconds += (double)publish * ns / 1e9;
		waits[i] = (double)wait * ns;
	}
	weir_pool_get_counts(weir_bus_default_pool(sleeper->rig->bus), &after);
	stats_sort(waits, EVENTS);
	run->extras[0].name = "handler_p50_ns";
	run->extras[0].value = stats_quantile(waits, EVENTS, 0.5);
	run->extras[1].name = "handler_p99_ns";
	run->extras[1].value = stats_quantile(waits, EVENTS, 0.99);
	run->extras[2].name = "wakes_per_event";
	run->extras[2].value = (double)(after.wakes - before.wakes) / EVENTS;
	run->extras[3].name = "late_wakes";
	run->extras[3].value = (double)(after.late_wakes - before.late_wakes);
	return true;
}

static bool
end(struct bench_run *run)
{
	struct sleeper *sleeper = run->context;
	bool ok = rig_close(sleeper->rig);

	free(sleeper);
	return ok;
}

const struct bench bench_park[] = {
	{ "park/wake", NULL, { 0 }, begin, body, end },
	{ 0 },
};
