/* SPDX-License-Identifier: MIT */
/* bench_rig.h - the bus of one run: pools, topics, subscriptions, and who dispatches. */
#ifndef WI_CLI_BENCH_RIG_H
#define WI_CLI_BENCH_RIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

#include "bench_handler.h"
#include "bench_plan.h"
#include "progress.h"

struct wi_bench_pool {
	struct wi_pool_spec *spec;
	weir_pool *pool;
	struct wi_bench_dispatcher *dispatchers;
	unsigned dispatcher_count;
};

struct wi_bench_rig {
	const struct wi_bench_options *options;
	struct wi_bench_plan *plan;
	struct wi_progress *progress;           /* for what the bus logs */
	weir_bus *bus;
	struct wi_bench_pool *pools;            /* the default one first */
	size_t pool_count;
	struct wi_bench_handler *handlers;      /* all of the first `on`, then of the next */
	size_t handler_count;
	weir_topic *topics;                     /* in the order in which they are published to */
	uint32_t topic_count;
	atomic_bool over;                       /* the load is: handlers that may be behind hurry */
};

/*
 * 0, or an exit code after a message, then too to be closed. Reads the processors of the calling
 * thread: it must not be pinned.
 */
int wi_bench_rig_open(struct wi_bench_rig *rig, const struct wi_bench_options *options,
		      struct wi_bench_plan *plan, struct wi_progress *progress);

/* False: a handler does not come back, and what it uses must stay. */
bool wi_bench_rig_close(struct wi_bench_rig *rig, uint64_t timeout_ns);

/* While all is at rest: histograms are empty, and what handlers found wrong stays. */
void wi_bench_rig_reset_latency(struct wi_bench_rig *rig);

#endif
