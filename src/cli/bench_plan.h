/* SPDX-License-Identifier: MIT */
/* bench_plan.h - the pools of a load, and who runs where; what was not said is fitted. */
#ifndef WI_CLI_BENCH_PLAN_H
#define WI_CLI_BENCH_PLAN_H

#include <sched.h>
#include <stdbool.h>

#include "bench_options.h"
#include "pools.h"

struct wi_bench_plan {
	cpu_set_t producer_cpus;        /* a producer on each, in turn, if pinned */
	cpu_set_t dispatcher_cpus;      /* of the pools that have none of their own */
	bool producers_pinned;
	bool producers_share;           /* a processor, with each other or with dispatchers */
	bool waits_fitted;              /* at least one */
	char dispatcher_list[256];      /* as pools take it; empty: any */
	struct wi_pool_specs first;     /* the default one, alone */
	struct wi_pool_specs others;
};

/* NULL, or what is wrong. wi_bench_plan_fini() also then. May set options->key_count. */
const char *wi_bench_plan_make(struct wi_bench_plan *plan, struct wi_bench_options *options);
void wi_bench_plan_fini(struct wi_bench_plan *plan);

/* 0 is the default pool. */
struct wi_pool_spec *wi_bench_plan_pool(const struct wi_bench_plan *plan, size_t index);
size_t wi_bench_plan_pool_count(const struct wi_bench_plan *plan);
unsigned wi_bench_plan_dispatchers(const struct wi_pool_spec *spec);

/* One producer with one size and one pool, alone on its processor, as the yardstick has them. */
bool wi_bench_plan_has_yardstick(const struct wi_bench_plan *plan,
				 const struct wi_bench_options *options);

#endif
