/* SPDX-License-Identifier: MIT */
/* tune_options.h - the command line of `weir tune`: a load as of `weir bench`, a goal, a grid. */
#ifndef WI_CLI_TUNE_OPTIONS_H
#define WI_CLI_TUNE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench_options.h"

enum wi_tune_goal { WI_TUNE_THROUGHPUT, WI_TUNE_LATENCY, WI_TUNE_CPU };

enum { WI_TUNE_VARY_MAX = 64 };

/* "wait=spin,park" or "journal.wait=spin"; of --fix, "wait" without values. */
struct wi_tune_vary {
	const char *text;
	bool fixed;
};

struct wi_tune_options {
	struct wi_bench_options load;
	bool ring_given;                /* in the load or by the user: not varied */
	enum wi_tune_goal goal;
	uint64_t budget_ns;
	uint64_t p99_max_ns;            /* 0: none */
	uint64_t commit_max;            /* 0: events a commit are not varied */
	uint64_t trial_ns;              /* 0: as the noise wants it */
	uint64_t seed;
	struct wi_tune_vary vary[WI_TUNE_VARY_MAX];
	size_t vary_count;
	bool exhaustive;
	const char *from, *save_load, *report;  /* files; NULL: none */
	char *derived;                  /* the load of --from, as an INI file */
	char *command;                  /* all arguments, as they were */
};

/* Ends the program with a message where something is wrong, and after --list. */
void wi_tune_options_parse(struct wi_tune_options *options, int argc, char **argv);
void wi_tune_options_fini(struct wi_tune_options *options);

const char *wi_tune_goal_name(enum wi_tune_goal goal);

#endif
