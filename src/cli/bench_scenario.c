/* SPDX-License-Identifier: MIT */
/* bench_scenario.c - see bench_scenario.h. */
#include "bench_scenario.h"

#include <string.h>

#define EVERY WI_BENCH_PATTERN

static const struct wi_bench_scenario scenarios[] = {
	{"1p1c", "one producer, one dispatcher: throughput", {{"producers", "1"}}},
	{"1p3c", "one producer, three pools that get every event: throughput",
	 {{"pool", "second"}, {"pool", "third"},
	  {"on", EVERY}, {"on", EVERY "@second"}, {"on", EVERY "@third"}}},
	{"3p1c", "three producers, one dispatcher: throughput", {{"producers", "3"}}},
	{"pipeline", "three pools, one after the other: throughput",
	 {{"pool", "second:after=default"}, {"pool", "third:after=second"},
	  {"on", EVERY}, {"on", EVERY "@second"}, {"on", EVERY "@third"}}},
	{"diamond", "two pools, and a third after both: throughput",
	 {{"pool", "right"}, {"pool", "join:after=default+right"},
	  {"on", EVERY}, {"on", EVERY "@right"}, {"on", EVERY "@join"}}},
	{"fanout", "ten subscriptions to every event in one pool: throughput",
	 {{"on", EVERY ":times=10"}}},
	{"burst", "a thousand events at once, each millisecond: latency",
	 {{"rate", "1M"}, {"burst", "1000"}}},
	{"idle-wake", "an event every 2 ms, dispatchers may sleep: latency",
	 {{"rate", "500"}, {"wait", "adaptive"}}},
	{"slow-pool", "beside a pool that skips and sleeps 1 ms a call: latency",
	 {{"rate", "100k"}, {"pool", "slow:behind=skip,wait=park"},
	  {"on", EVERY}, {"on", EVERY "@slow:sleep=1ms"}}},
	{"many-topics", "a million topics in random order, one pattern: throughput",
	 {{"topics", "1000000"}, {"on", ">"}}},
	{"many-producers", "64 producers, one dispatcher: throughput", {{"producers", "64"}}},
};

enum { SCENARIO_COUNT = sizeof(scenarios) / sizeof(scenarios[0]) };

const struct wi_bench_scenario *
wi_bench_scenario_find(const char *name)
{
	for (size_t i = 0; i < SCENARIO_COUNT; i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	return NULL;
}

void
wi_bench_scenario_list(FILE *stream)
{
	for (size_t i = 0; i < SCENARIO_COUNT; i++) {
		const struct wi_bench_scenario *scenario = &scenarios[i];

		fprintf(stream, "%s%s: %s\n", i > 0 ? "\n" : "", scenario->name, scenario->summary);
		for (int s = 0; s < WI_BENCH_SCENARIO_SETTINGS_MAX && scenario->settings[s].name;
		     s++)
			fprintf(stream, "    --%s '%s'\n", scenario->settings[s].name,
				scenario->settings[s].value);
	}
}

const char *
wi_bench_scenario_apply(const struct wi_bench_scenario *scenario, struct wi_bench_options *options)
{
	const char *wrong = NULL;

	wi_bench_options_layer(options);
	options->scenario = scenario->name;
	options->summary = scenario->summary;
	for (int s = 0; s < WI_BENCH_SCENARIO_SETTINGS_MAX && wrong == NULL; s++)
		if (scenario->settings[s].name != NULL)
			wrong = wi_bench_options_set(options, scenario->settings[s].name,
						     scenario->settings[s].value);
	return wrong;
}
