/* SPDX-License-Identifier: MIT */
/* tune_report.h - what a search came to, for people and for programs. */
#ifndef WI_CLI_TUNE_REPORT_H
#define WI_CLI_TUNE_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench_report.h"
#include "tune_grid.h"
#include "tune_options.h"
#include "tune_search.h"
#include "tune_trial.h"

struct wi_tune_report {
	const struct wi_tune_options *options;
	struct wi_tune_grid *grid;
	const struct wi_tune_search *search;
	const struct wi_tune_trier *trier;
	struct wi_bench_report *bench;          /* options, plan and facts */
	uint64_t took_ns;
	int signal;
	/* The best settings, once there are some. */
	char *ini, *load_ini, *c;
};

/* The load, the goal, what is varied and the machine, before anything is measured. */
void wi_tune_report_write_head(const struct wi_tune_report *report, FILE *stream);

/* Sets load and plan to the best settings, and makes their texts. False: no memory. */
bool wi_tune_report_finish(struct wi_tune_report *report);
void wi_tune_report_write_text(const struct wi_tune_report *report, FILE *stream);
bool wi_tune_report_write_json(const struct wi_tune_report *report, FILE *stream);

/* What --json prints and --report shows. A new reference; NULL: no memory. */
json_t *wi_tune_report_json(const struct wi_tune_report *report);
void wi_tune_report_fini(struct wi_tune_report *report);

/* How the goal's value of one is, as a multiple of the other's. */
double wi_tune_ratio(const struct wi_tune_options *options, double difference);

/* The same as a share of it that is gained: 0.1 is a tenth more, or a tenth less, as is better. */
double wi_tune_gain(const struct wi_tune_options *options, double difference);

#endif
