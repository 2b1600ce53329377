/* SPDX-License-Identifier: MIT */
/*
 * bench_dispatch.c - how fast a dispatcher walks a backlog, by its own clock.
 *
 * A handler holds the dispatcher until the ring is nearly full and reads the
 * clock when it lets go; another, of the last event, reads it again. Nobody
 * publishes or polls in between.
 */
#include <stdlib.h>

#include "bench.h"
#include "rig.h"

enum { BACKLOG = 3500, ROUNDS = 200 };

struct gate {
	_Alignas(MACHINE_LINE) uint32_t wanted, open;
	_Alignas(MACHINE_LINE) uint32_t reached, passed;
	uint64_t begin, end;
	struct rig *rig;
	weir_topic first, last;
};

static int
hold(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct gate *gate = context;
	uint32_t wanted = gate->wanted;

	(void)event;
	(void)delivery;
	__atomic_store_n(&gate->reached, wanted, __ATOMIC_RELEASE);
	while (__atomic_load_n(&gate->open, __ATOMIC_ACQUIRE) != wanted)
		machine_pause(8);
	gate->begin = machine_ticks();
	return 0;
}

static int
pass(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct gate *gate = context;

	(void)event;
	(void)delivery;
	gate->end = machine_ticks();
	__atomic_store_n(&gate->passed, gate->reached, __ATOMIC_RELEASE);
	return 0;
}

static bool
open_gate(struct gate *gate)
{
	weir_bus *bus = gate->rig->bus;
	weir_subscription subscription;

	return !rig_failed(weir_topic_open(bus, "gate.before.open", &gate->first), "topic") &&
	       !rig_failed(weir_topic_open(bus, "gate.after.open", &gate->last), "topic") &&
	       !rig_failed(weir_subscribe(bus, "gate.before.open", hold, gate, NULL, &subscription),
	                   "weir_subscribe") &&
	       !rig_failed(weir_subscribe(bus, "gate.after.open", pass, gate, NULL, &subscription),
	                   "weir_subscribe");
}

static bool
begin_with(struct bench_run *run, const char *pattern)
{
	struct rig_options options = { .pattern = pattern };
	struct gate *gate = aligned_alloc(MACHINE_LINE, sizeof *gate);

	if (!gate)
		return false;
	*gate = (struct gate){ .rig = rig_open(&options) };
	run->context = gate;
	return gate->rig && open_gate(gate);
}

static bool
begin_routed(struct bench_run *run)
{
	return begin_with(run, NULL);
}

static bool
begin_unrouted(struct bench_run *run)
{
	return begin_with(run, "");
}

static bool
end(struct bench_run *run)
{
	struct gate *gate = run->context;
	bool ok = rig_close(gate->rig);

	free(gate);
	return ok;
}

static bool
publish_backlog(struct gate *gate)
{
	weir_producer *producer = gate->rig->producer;

	for (uint64_t i = 0; i < BACKLOG; i++) {
		uint64_t words[6] = { i, i, i, i, i, i };

		if (rig_failed(weir_publish(producer, gate->rig->topics[i % 64], words, 48),
		               "weir_publish"))
			return false;
	}
	rig_expect(gate->rig, BACKLOG);
	return !rig_failed(weir_publish(producer, gate->last, NULL, 0), "weir_publish");
}

static bool
round_of(struct gate *gate)
{
	uint32_t wanted = ++gate->wanted;

	if (rig_failed(weir_publish(gate->rig->producer, gate->first, NULL, 0), "weir_publish"))
		return false;
	while (__atomic_load_n(&gate->reached, __ATOMIC_ACQUIRE) != wanted)
		machine_pause(8);
	if (!publish_backlog(gate))
		return false;
	__atomic_store_n(&gate->open, wanted, __ATOMIC_RELEASE);
	machine_sleep_ns(50000);
	while (__atomic_load_n(&gate->passed, __ATOMIC_ACQUIRE) != wanted)
		machine_pause(64);
	return true;
}

static bool
body(struct bench_run *run)
{
	struct gate *gate = run->context;

	run->items = ROUNDS * BACKLOG;
	run->seconds = 0;
	for (int i = 0; i < ROUNDS; i++) {
		if (!round_of(gate))
			return false;
		run->seconds += (double)(gate->end - gate->begin) * machine_ns_per_tick() / 1e9;
	}
	return true;
}

const struct bench bench_dispatch[] = {
	{ "dispatch/routed", NULL, { 0 }, begin_routed, body, end },
	{ "dispatch/unrouted", NULL, { 0 }, begin_unrouted, body, end },
	{ 0 },
};
