/* SPDX-License-Identifier: MIT */
/* bench_report.c - see bench_report.h. */
#include "bench_report.h"

#include "histogram_file.h"
#include "report/report_page.h"
#include "stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const double wi_bench_percents[] = {50, 90, 99, 99.9, 99.99};
const char *const wi_bench_percent_names[] = {"p50", "p90", "p99", "p99.9", "p99.99"};
const char *const wi_bench_kind_names[] = {"waiting", "handling", "total"};

const struct histogram *
wi_bench_kind_of(const struct wi_bench_latency *latency, int kind)
{
	return kind == 0 ? &latency->waiting : kind == 1 ? &latency->handling : &latency->total;
}

struct wi_bench_quantiles
wi_bench_quantiles_of(const struct histogram *histogram)
{
	struct wi_bench_quantiles quantiles = {.count = histogram->total, .max = histogram->max,
					       .mean = histogram_mean(histogram)};

	for (int i = 0; i < WI_BENCH_PERCENTILES; i++)
		quantiles.at[i] = histogram_percentile(histogram, wi_bench_percents[i]);
	return quantiles;
}

/* -- gathering -------------------------------------------------------------- */

static double
time_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

bool
wi_bench_report_init(struct wi_bench_report *report, const struct wi_bench_options *options,
		     const struct wi_bench_plan *plan)
{
	*report = (struct wi_bench_report){
		.options = options, .plan = plan, .start_time = time_now()};
	if (options->hlog != NULL) {
		report->hlog = fopen(options->hlog, "we");
		if (report->hlog == NULL) {
			fprintf(stderr, "weir bench: cannot write %s: %s\n", options->hlog,
				strerror(errno));
			return false;
		}
		histogram_write_hlog_head(report->start_time, report->hlog);
	}
	report->facts = facts_read("");
	report->runs = calloc(options->repeat, sizeof(*report->runs));
	report->quantiles = calloc(options->repeat * options->on_count, sizeof(*report->quantiles));
	if (options->rate > 0)
		report->latency = calloc(options->on_count, sizeof(*report->latency));
	if (report->runs != NULL && report->quantiles != NULL &&
	    (options->rate == 0 || report->latency != NULL))
		return true;
	fprintf(stderr, "weir bench: out of memory\n");
	return false;
}

void
wi_bench_report_fini(struct wi_bench_report *report)
{
	for (size_t i = 0; i < report->run_count; i++)
		wi_bench_run_fini(&report->runs[i]);
	free(report->runs);
	free(report->quantiles);
	free(report->latency);
	if (report->hlog != NULL)
		fclose(report->hlog);
}

bool
wi_bench_report_add(struct wi_bench_report *report, const struct wi_bench_run *run)
{
	struct wi_bench_run *kept = &report->runs[report->run_count];
	size_t first = report->run_count * report->options->on_count;
	double seconds = (double)run->send_ns / 1e9;
	char tag[64];

	*kept = *run;
	report->run_count++;
	for (size_t i = 0; run->latency != NULL && i < report->options->on_count; i++) {
		for (int kind = 0; kind < WI_BENCH_KINDS; kind++) {
			const struct histogram *histogram =
				wi_bench_kind_of(&run->latency[i], kind);

			report->quantiles[first + i][kind] = wi_bench_quantiles_of(histogram);
			snprintf(tag, sizeof(tag), "%zu-%s", i + 1, wi_bench_kind_names[kind]);
			if (report->hlog != NULL &&
			    !histogram_write_hlog(histogram, tag, time_now() - seconds, seconds,
						  report->hlog))
				return false;
		}
		histogram_merge(&report->latency[i].waiting, &run->latency[i].waiting);
		histogram_merge(&report->latency[i].handling, &run->latency[i].handling);
		histogram_merge(&report->latency[i].total, &run->latency[i].total);
	}
	free(kept->latency);
	kept->latency = NULL;
	return true;
}

/* -- files ------------------------------------------------------------------ */

static bool
close_file(FILE *file, const char *name)
{
	bool failed = ferror(file) != 0;

	if (fclose(file) == 0 && !failed)
		return true;
	fprintf(stderr, "weir bench: cannot write %s: %s\n", name, strerror(errno));
	return false;
}

static bool
write_hgrm(const struct wi_bench_report *report, size_t on, int kind)
{
	FILE *file = NULL;
	char *name;
	bool written;

	if (asprintf(&name, "%s-%zu-%s.hgrm", report->options->hgrm, on + 1,
		     wi_bench_kind_names[kind]) < 0)
		return false;
	file = fopen(name, "we");
	if (file == NULL) {
		fprintf(stderr, "weir bench: cannot write %s: %s\n", name, strerror(errno));
		free(name);
		return false;
	}
	histogram_write_hgrm(wi_bench_kind_of(&report->latency[on], kind), file);
	written = close_file(file, name);
	free(name);
	return written;
}

static bool
write_page(const struct wi_bench_report *report)
{
	char problem[WI_REPORT_PROBLEM_SIZE];
	json_t *result = wi_bench_report_json(report);
	bool written = wi_report_page_write(result, report->options->report, problem);

	json_decref(result);
	if (!written)
		fprintf(stderr, "weir bench: --report: %s\n", problem);
	return written;
}

bool
wi_bench_report_write_files(struct wi_bench_report *report)
{
	bool written = report->options->report == NULL || write_page(report);

	if (report->options->hgrm != NULL)
		for (size_t on = 0; on < report->options->on_count; on++)
			for (int kind = 0; kind < WI_BENCH_KINDS && written; kind++)
				written = write_hgrm(report, on, kind);
	if (report->hlog != NULL)
		written = close_file(report->hlog, report->options->hlog) && written;
	report->hlog = NULL;
	return written;
}

/* -- figures ---------------------------------------------------------------- */

static double
by_event(const struct wi_bench_run *run, double value)
{
	return run->event_count > 0 ? value / (double)run->event_count : -1;
}

double
wi_bench_rate(const struct wi_bench_run *run)
{
	return run->dispatch_ns > 0 ? (double)run->event_count * 1e9 / (double)run->dispatch_ns
				    : -1;
}

double
wi_bench_event_ns(const struct wi_bench_run *run)
{
	return by_event(run, (double)run->dispatch_ns);
}

double
wi_bench_yardstick_ns(const struct wi_bench_run *run)
{
	double before = run->yardstick_ns[0], after = run->yardstick_ns[1];

	return before < 0 ? after : after < 0 ? before : (before + after) / 2;
}

double
wi_bench_ratio(const struct wi_bench_run *run)
{
	double yardstick = wi_bench_yardstick_ns(run), event = wi_bench_event_ns(run);

	return yardstick > 0 && event >= 0 ? event / yardstick : -1;
}

double
wi_bench_cpu_ns(const struct wi_bench_run *run)
{
	return by_event(run, (double)run->usage.cpu_ns);
}

double
wi_bench_switches(const struct wi_bench_run *run)
{
	return by_event(run, (double)(run->usage.voluntary + run->usage.involuntary) * 1e6);
}

struct wi_bench_spread
wi_bench_report_spread(const struct wi_bench_report *report,
		       double (*figure)(const struct wi_bench_run *run))
{
	double *values = calloc(report->run_count + 1, sizeof(*values));
	struct wi_bench_spread spread = {.count = 0};
	size_t count = 0;

	if (values == NULL)
		return spread;
	for (size_t i = 0; i < report->run_count; i++) {
		double value = figure(&report->runs[i]);

		if (value >= 0 && (!report->runs[i].cut || report->run_count == 1))
			values[count++] = value;
	}
	stats_sort(values, count);
	if (count > 0)
		spread = (struct wi_bench_spread){
			.median = stats_quantile(values, count, 0.5),
			.low = stats_quantile(values, count, 0.25),
			.high = stats_quantile(values, count, 0.75),
			.min = values[0],
			.max = values[count - 1],
			.count = count,
		};
	free(values);
	return spread;
}

bool
wi_bench_report_is_good(const struct wi_bench_report *report)
{
	for (size_t i = 0; i < report->run_count; i++)
		if (!report->runs[i].drained || report->runs[i].lost != 0 ||
		    report->runs[i].wrong_count > 0)
			return false;
	return report->run_count > 0;
}

bool
wi_bench_is_disturbed(const struct wi_bench_run *run)
{
	return run->others + run->stolen > 0.05;
}

bool
wi_bench_report_reached_rate(const struct wi_bench_report *report)
{
	for (size_t i = 0; i < report->run_count; i++)
		if (!report->runs[i].cut &&
		    report->runs[i].event_count * 100 < report->runs[i].meant_count * 99)
			return false;
	return true;
}
