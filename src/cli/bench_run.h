/* SPDX-License-Identifier: MIT */
/* bench_run.h - one run: yardstick, a bus of its own, warm-up, load, drain, books, yardstick. */
#ifndef WI_CLI_BENCH_RUN_H
#define WI_CLI_BENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

#include "bench_handler.h"
#include "bench_options.h"
#include "bench_plan.h"
#include "interrupt.h"
#include "progress.h"

struct wi_bench_run_thread {
	char name[64];                  /* "producer 1", "default 0" */
	bool is_producer;
	uint64_t event_count;           /* published, or handler calls */
	uint64_t full_count, full_ns;
	uint64_t busy_ns;               /* producers of an open loop: publishing */
	struct wi_bench_usage usage;
};

struct wi_bench_run_pool {
	const char *name;
	weir_pool_counts counts;        /* of the load alone */
};

/* What the measured part of a run came to. */
struct wi_bench_run {
	double line_ns[2];              /* before and after; below 0: not measured */
	double yardstick_ns[2];
	uint64_t event_count, byte_count;
	uint64_t call_count;
	/* From the first publish until the last handler of a pool that holds returned. */
	uint64_t dispatch_ns;
	uint64_t send_ns;
	uint64_t meant_count;           /* open loop */
	uint64_t late_max_ns;
	uint64_t full_count, full_ns;
	struct wi_bench_usage usage;    /* the whole process's */
	double others, stolen; /* processors that others used meanwhile, and that were not given */
	struct wi_bench_run_thread *threads;
	size_t thread_count;
	struct wi_bench_run_pool *pools;
	size_t pool_count;
	struct wi_bench_latency *latency;       /* by --on; NULL in a closed loop */
	int64_t lost;
	bool drained;                   /* only then `lost` means something */
	bool cut;                       /* a signal ended it */
	uint64_t backwards_count, wrong_count;
	char wrong[WI_BENCH_WRONG_SIZE];
};

/* The context of all runs. */
struct wi_bench_runner {
	struct wi_bench_options *options;
	struct wi_bench_plan *plan;
	struct wi_progress *progress;
	struct wi_interrupt *interrupt;
	unsigned index;                 /* of the run, for the progress */
	bool quiet;                     /* who asked for the runs shows their progress */
	bool has_processors;            /* two, for the yardstick */
	bool leaked;                    /* a handler did not come back: end with _exit() */
};

/* 0, or an exit code after a message. *ret_run is to be given to wi_bench_run_fini() either way. */
int wi_bench_run(struct wi_bench_runner *runner, struct wi_bench_run *ret_run);
void wi_bench_run_fini(struct wi_bench_run *run);

#endif
