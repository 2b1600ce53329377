/* SPDX-License-Identifier: MIT */
/* bench_report.h - the runs of a bench as figures, then as text, JSON and HdrHistogram's files. */
#ifndef WI_CLI_BENCH_REPORT_H
#define WI_CLI_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "bench_options.h"
#include "bench_plan.h"
#include "bench_run.h"
#include "facts.h"

enum { WI_BENCH_PERCENTILES = 5, WI_BENCH_KINDS = 3 };

extern const double wi_bench_percents[WI_BENCH_PERCENTILES];            /* 50 to 99.99 */
extern const char *const wi_bench_percent_names[WI_BENCH_PERCENTILES];  /* "p50" */
extern const char *const wi_bench_kind_names[WI_BENCH_KINDS]; /* waiting, handling, total */

/* What is kept of a histogram. */
struct wi_bench_quantiles {
	uint64_t count, max;
	uint64_t at[WI_BENCH_PERCENTILES];
	double mean;
};

/* Median, quartiles, least and greatest of the runs. */
struct wi_bench_spread {
	double median, low, high, min, max;
	size_t count;
};

struct wi_bench_report {
	const struct wi_bench_options *options;
	const struct wi_bench_plan *plan;
	struct facts facts;
	struct wi_bench_run *runs;              /* their histograms are in `latency` only */
	struct wi_bench_quantiles (*quantiles)[WI_BENCH_KINDS];  /* on_count for each run */
	size_t run_count;
	struct wi_bench_latency *latency;       /* by --on, of all runs; NULL in a closed loop */
	FILE *hlog;                             /* or NULL */
	double start_time;                      /* since 1970 */
	const char *command;                    /* to repeat it, or NULL */
	int signal;
};

/* False: out of memory, or a file that cannot be opened, after a message. */
bool wi_bench_report_init(struct wi_bench_report *report, const struct wi_bench_options *options,
			  const struct wi_bench_plan *plan);
void wi_bench_report_fini(struct wi_bench_report *report);

/* Takes the run; its histograms are added to those of all and freed. False: out of memory. */
bool wi_bench_report_add(struct wi_bench_report *report, const struct wi_bench_run *run);

/* Writes the --hgrm files and the --report and ends the --hlog. False after a message. */
bool wi_bench_report_write_files(struct wi_bench_report *report);

/* Of all runs but one that was cut short, if there are others. */
struct wi_bench_spread wi_bench_report_spread(const struct wi_bench_report *report,
					      double (*figure)(const struct wi_bench_run *run));

/* Figures of a run; below 0: not known. */
double wi_bench_rate(const struct wi_bench_run *run);           /* events a second */
double wi_bench_event_ns(const struct wi_bench_run *run);
double wi_bench_yardstick_ns(const struct wi_bench_run *run);   /* the mean of before and after */
double wi_bench_ratio(const struct wi_bench_run *run); /* an event's time by the yardstick's */
double wi_bench_cpu_ns(const struct wi_bench_run *run);         /* for an event, all threads */
double wi_bench_switches(const struct wi_bench_run *run);       /* for a million events */

struct wi_bench_quantiles wi_bench_quantiles_of(const struct histogram *histogram);
const struct histogram *wi_bench_kind_of(const struct wi_bench_latency *latency, int kind);

/* All runs drained with lost 0 and nothing wrong, and there is one. */
bool wi_bench_report_is_good(const struct wi_bench_report *report);

/* Others were busy, or the hypervisor had no time for us. */
bool wi_bench_is_disturbed(const struct wi_bench_run *run);

/* The rate of the open loop was reached in all runs: 99 % of what was to be sent was. */
bool wi_bench_report_reached_rate(const struct wi_bench_report *report);

/* Parts of it, for who else has a load; options, plan and facts are enough of the report. */
void wi_bench_report_write_load(const struct wi_bench_report *report, const char *program,
				FILE *stream);
void wi_bench_report_write_machine(const struct wi_bench_report *report, FILE *stream);
json_t *wi_bench_report_parameters(const struct wi_bench_report *report);

/* What is known before the first run: the text has it first. */
void wi_bench_report_write_head(const struct wi_bench_report *report, FILE *stream);
void wi_bench_report_write_text(const struct wi_bench_report *report, FILE *stream);
bool wi_bench_report_write_json(const struct wi_bench_report *report, FILE *stream);

/* What --json prints and --report shows. A new reference. */
json_t *wi_bench_report_json(const struct wi_bench_report *report);

#endif
