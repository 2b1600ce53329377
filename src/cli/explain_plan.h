/* SPDX-License-Identifier: MIT */
/* explain_plan.h - what arguments of `weir run` describe, as a snapshot of a bus that never ran. */
#ifndef WI_CLI_EXPLAIN_PLAN_H
#define WI_CLI_EXPLAIN_PLAN_H

#include "run_options.h"
#include "watch/snapshot.h"

struct wi_config;

struct wi_explain_plan {
	struct wi_run_options options;
	struct wi_config *config; /* of --config, or NULL */
	struct wi_snapshot *snapshot;
};

/*
 * Refuses what `weir run` would refuse, in its words: a bus is opened, nothing is published, shown
 * or read, no plugin is loaded, and the bus is closed. Ends the program where the command line is
 * wrong; otherwise an exit code of command.h, and it was said. wi_explain_plan_fini() always.
 */
int wi_explain_plan_make(struct wi_explain_plan *plan, int argc, char **argv);
void wi_explain_plan_fini(struct wi_explain_plan *plan);

#endif
