/* SPDX-License-Identifier: MIT */
/* bench_route.c - dispatch and opening of topics, by how many there are. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "rig.h"

enum { EVENTS = 500000, NAMES = 1000, NAME_SIZE = 32 };

struct routes {
	struct rig *rig;
	weir_topic *order;              /* the topics of EVENTS events, at random */
	uint32_t next;                  /* number of the next new name */
	char names[NAMES][NAME_SIZE];
};

static bool
begin(struct bench_run *run)
{
	struct rig_options options = { .topic_count = (uint32_t)run->value };
	struct routes *routes = calloc(1, sizeof *routes);
	uint32_t seed = 1;

	if (!routes)
		return false;
	run->context = routes;
	routes->rig = rig_open(&options);
	routes->order = malloc(EVENTS * sizeof *routes->order);
	if (!routes->rig || !routes->order)
		return false;
	for (uint32_t i = 0; i < EVENTS; i++) {
		seed = seed * 1664525 + 1013904223;
		routes->order[i] = routes->rig->topics[(seed >> 1) % routes->rig->topic_count];
	}
	return true;
}

static bool
end(struct bench_run *run)
{
	struct routes *routes = run->context;
	bool ok = rig_close(routes->rig);

	free(routes->order);
	free(routes);
	return ok;
}

static bool
dispatch(struct bench_run *run)
{
	struct routes *routes = run->context;
	weir_producer *producer = routes->rig->producer;
	uint64_t begun = machine_ns();
	weir_status status;

	rig_expect(routes->rig, EVENTS);
	for (uint64_t i = 0; i < EVENTS; i++) {
		uint64_t words[6] = { i, i, i, i, i, i };

		while ((status = weir_publish(producer, routes->order[i], words, 48)) == WEIR_EFULL)
			machine_pause(8);
		if (rig_failed(status, "weir_publish"))
			return false;
	}
	if (!rig_settle(routes->rig))
		return false;
	run->items = EVENTS;
	run->seconds = (double)(machine_ns() - begun) / 1e9;
	return true;
}

static bool
open_names(struct bench_run *run)
{
	struct routes *routes = run->context;
	uint64_t begun = machine_ns();
	weir_topic topic;

	for (int i = 0; i < NAMES; i++)
		if (rig_failed(weir_topic_open(routes->rig->bus, routes->names[i], &topic),
		               "weir_topic_open"))
			return false;
	run->items = NAMES;
	run->seconds = (double)(machine_ns() - begun) / 1e9;
	return true;
}

static bool
open_new(struct bench_run *run)
{
	struct routes *routes = run->context;

	for (int i = 0; i < NAMES; i++)
		snprintf(routes->names[i], NAME_SIZE, "bench.new%" PRIu32 ".update",
		         routes->next++);
	return open_names(run);
}

static bool
open_known(struct bench_run *run)
{
	struct routes *routes = run->context;

	for (int i = 0; i < NAMES; i++)
		snprintf(routes->names[i], NAME_SIZE, "bench.t%02" PRIu32 ".update",
		         (routes->next += 7919) % routes->rig->topic_count);
	return open_names(run);
}

const struct bench bench_route[] = {
	{ "route/dispatch", "topics", { 1, 64, 1000, 10000, 100000, 1000000 }, begin, dispatch,
	  end },
	{ "route/topic_open_new", "topics", { 1, 1000, 1000000 }, begin, open_new, end },
	{ "route/topic_open_known", "topics", { 1, 1000, 1000000 }, begin, open_known, end },
	{ 0 },
};
