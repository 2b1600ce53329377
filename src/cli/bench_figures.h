/* SPDX-License-Identifier: MIT */
/* bench_figures.h - what a load came to: the difference of all counts after it and before. */
#ifndef WI_CLI_BENCH_FIGURES_H
#define WI_CLI_BENCH_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "bench_load.h"
#include "bench_rig.h"
#include "bench_run.h"

struct wi_bench_figures {
	struct wi_bench_rig *rig;
	struct wi_bench_load *load;
	struct wi_bench_run *run;       /* what is gathered */
	/* As they were when the load began. */
	struct wi_bench_usage usage;
	struct machine_used used;
	uint64_t used_ns;
	struct wi_bench_usage *dispatcher_usage;
	uint64_t *dispatcher_calls;
	uint64_t begin_ns;
};

/* Before the load, all at rest. Histograms are emptied. False: out of memory. */
bool wi_bench_figures_begin(struct wi_bench_figures *figures, struct wi_bench_rig *rig,
			    struct wi_bench_load *load, struct wi_bench_run *run);

/* After it; run->drained is set, and becomes false where the books cannot be read. As above. */
bool wi_bench_figures_gather(struct wi_bench_figures *figures, uint64_t end_ns);
void wi_bench_figures_fini(struct wi_bench_figures *figures);

#endif
