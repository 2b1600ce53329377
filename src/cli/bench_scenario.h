/* SPDX-License-Identifier: MIT */
/* bench_scenario.h - loads that have a name: settings and nothing else. */
#ifndef WI_CLI_BENCH_SCENARIO_H
#define WI_CLI_BENCH_SCENARIO_H

#include <stdio.h>

#include "bench_options.h"

enum { WI_BENCH_SCENARIO_SETTINGS_MAX = 8 };

struct wi_bench_scenario {
	const char *name, *summary;
	struct {
		const char *name, *value;
	} settings[WI_BENCH_SCENARIO_SETTINGS_MAX];
};

/* NULL: there is none of that name. */
const struct wi_bench_scenario *wi_bench_scenario_find(const char *name);

/* A name, what it is, and the options that would be the same. */
void wi_bench_scenario_list(FILE *stream);

/* As wi_bench_options_set(). */
const char *wi_bench_scenario_apply(const struct wi_bench_scenario *scenario,
				    struct wi_bench_options *options);

#endif
