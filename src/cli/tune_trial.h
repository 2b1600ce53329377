/* SPDX-License-Identifier: MIT */
/* tune_trial.h - one trial: a short run of the load as in weir bench, and what it came to. */
#ifndef WI_CLI_TUNE_TRIAL_H
#define WI_CLI_TUNE_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "bench_run.h"
#include "tune_grid.h"
#include "tune_options.h"
#include "tune_search.h"

enum { WI_TUNE_PERCENTILES = 6 };

extern const double wi_tune_percents[WI_TUNE_PERCENTILES];      /* 50 to 100 */

struct wi_tune_trial {
	double value;           /* of the goal, as it is shown */
	double throughput;      /* events a second */
	double cpu;             /* processor seconds for a million events */
	double at_ns[WI_TUNE_PERCENTILES];      /* of all subscriptions; open loop */
	bool late;              /* less than 99 % of the rate could be sent */
};

/* All trials of one setting. */
struct wi_tune_trials {
	struct wi_tune_trial *each;
	size_t count;
};

struct wi_tune_trier {
	const struct wi_tune_options *options;
	struct wi_tune_grid *grid;
	struct wi_bench_runner runner;
	struct wi_tune_trials *settings;        /* by the index of the search */
	size_t setting_count;
	const struct wi_tune_search *search;    /* for the progress */
	uint64_t begin_ns, end_ns;              /* of the time there is */
	uint64_t planned;                       /* exhaustive: trials in all; otherwise 0 */
	uint64_t done;                          /* trials, */
	uint64_t took_ns;                       /*   and what one takes, with all around it */
	bool nothing;                           /* was published in the last one */
	int code;                               /* not 0: why it ended */
};

/*
 * How long a trial is, by some of the default: short, but the noisier the longer; unless the
 * options say it. 0, or an exit code after a message.
 */
int wi_tune_trier_calibrate(struct wi_tune_trier *trier);

/* As of struct wi_tune_measure; context: the trier. */
bool wi_tune_trier_trial(void *context, const struct wi_tune_point *point, size_t index,
			 double *ret_score);
uint64_t wi_tune_trier_left(void *context);
double wi_tune_trier_price(void *context, size_t index);

void wi_tune_trier_fini(struct wi_tune_trier *trier);

/* The median of a figure over the trials of a setting. */
double wi_tune_trials_median(const struct wi_tune_trials *trials,
			     double (*figure)(const struct wi_tune_trial *trial));

double wi_tune_value(const struct wi_tune_trial *trial);
double wi_tune_throughput(const struct wi_tune_trial *trial);
double wi_tune_cpu(const struct wi_tune_trial *trial);

/* Whether most trials of it kept to --p99-max. */
bool wi_tune_trials_keep(const struct wi_tune_trials *trials, const struct wi_tune_options *options);

#endif
