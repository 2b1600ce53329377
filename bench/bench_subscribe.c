/* SPDX-License-Identifier: MIT */
/* bench_subscribe.c - a subscription made and ended, by how many topics there are. */
#include <inttypes.h>
#include <stdio.h>

#include "bench.h"
#include "rig.h"

enum { PAIRS = 100 };

static int
ignore(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event;
	(void)delivery;
	(void)context;
	return 0;
}

static bool
begin(struct bench_run *run)
{
	struct rig_options options = { .topic_count = (uint32_t)run->value };

	run->context = rig_open(&options);
	return run->context != NULL;
}

static bool
end(struct bench_run *run)
{
	return rig_close(run->context);
}

static bool
pair(struct rig *rig, const char *pattern)
{
	weir_subscription subscription;

	return !rig_failed(weir_subscribe(rig->bus, pattern, ignore, NULL, NULL, &subscription),
	                   "weir_subscribe") &&
	       !rig_failed(weir_unsubscribe(rig->bus, subscription), "weir_unsubscribe");
}

static bool
exact(struct bench_run *run)
{
	struct rig *rig = run->context;
	uint64_t begun = machine_ns();
	char name[64];

	for (uint32_t i = 0; i < PAIRS; i++) {
		snprintf(name, sizeof name, "bench.t%02" PRIu32 ".update",
		         i * 7919 % rig->topic_count);
		if (!pair(rig, name))
			return false;
	}
	run->items = PAIRS;
	run->seconds = (double)(machine_ns() - begun) / 1e9;
	return true;
}

static bool
wildcard(struct bench_run *run)
{
	uint64_t begun = machine_ns();

	if (!pair(run->context, ">"))
		return false;
	run->items = 1;
	run->seconds = (double)(machine_ns() - begun) / 1e9;
	return true;
}

const struct bench bench_subscribe[] = {
	{ "subscribe/exact", "topics", { 1000, 10000, 100000, 1000000 }, begin, exact, end },
	{ "subscribe/all", "topics", { 1000, 10000, 100000, 1000000 }, begin, wildcard, end },
	{ 0 },
};
