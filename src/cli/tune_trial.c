/* SPDX-License-Identifier: MIT */
/* tune_trial.c - see tune_trial.h. */
#include "tune_trial.h"

#include "bench_report.h"
#include "command.h"
#include "figures.h"
#include "stats.h"
#include "stopwatch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_NS        (50 * WI_STOPWATCH_MS)
#define LONG_NS         (200 * WI_STOPWATCH_MS)
#define LONGEST_NS      (2 * WI_STOPWATCH_S)    /* for a rate so low that nothing comes sooner */
#define QUIET           0.04    /* quartiles of the default's trials apart, as a logarithm */

enum { CALIBRATING = 5, EVENTS_LEAST = 1000, TRIALS_LEAST = 120, BAR = 20, WARMUP_PART = 4,
       TRIES = 20 };

/* Whoever is too late comes behind all who are not, and the later the further. */
#define TOO_LATE        20

enum { P50, P90, P99, P999, P9999, MAX };

const double wi_tune_percents[WI_TUNE_PERCENTILES] = {50, 90, 99, 99.9, 99.99, 100};

/* -- figures ---------------------------------------------------------------- */

double
wi_tune_value(const struct wi_tune_trial *trial)
{
	return trial->value;
}

double
wi_tune_throughput(const struct wi_tune_trial *trial)
{
	return trial->throughput;
}

double
wi_tune_cpu(const struct wi_tune_trial *trial)
{
	return trial->cpu;
}

double
wi_tune_trials_median(const struct wi_tune_trials *trials,
		      double (*figure)(const struct wi_tune_trial *trial))
{
	double *values = calloc(trials->count + 1, sizeof(*values)), median;

	if (values == NULL)
		return 0;
	for (size_t i = 0; i < trials->count; i++)
		values[i] = figure(&trials->each[i]);
	stats_sort(values, trials->count);
	median = stats_quantile(values, trials->count, 0.5);
	free(values);
	return median;
}

static double
p99_of(const struct wi_tune_trial *trial)
{
	return trial->at_ns[P99];
}

bool
wi_tune_trials_keep(const struct wi_tune_trials *trials, const struct wi_tune_options *options)
{
	return options->p99_max_ns == 0 ||
	       wi_tune_trials_median(trials, p99_of) <= (double)options->p99_max_ns;
}

/* Of events in pools that hold; one that skips is late on purpose, and counts if it is alone. */
static void
take_latency(const struct wi_tune_trier *trier, const struct wi_bench_run *run,
	     struct wi_tune_trial *trial)
{
	const struct wi_bench_options *load = trier->runner.options;
	struct histogram *all = calloc(1, sizeof(*all));

	for (int skipping = 0; all != NULL && skipping < 2 && all->total == 0; skipping++)
		for (size_t i = 0; i < load->on_count; i++)
			for (size_t p = 0; p < wi_bench_plan_pool_count(trier->runner.plan); p++) {
				const struct wi_pool_spec *spec =
					wi_bench_plan_pool(trier->runner.plan, p);

				if (strcmp(spec->name, load->ons[i].pool) == 0 &&
				    (skipping != 0 || spec->behind == WEIR_BEHIND_HOLD))
					histogram_merge(all, &run->latency[i].total);
			}
	for (int i = 0; all != NULL && i < WI_TUNE_PERCENTILES; i++)
		trial->at_ns[i] = (double)histogram_percentile(all, wi_tune_percents[i]);
	free(all);
}

/*
 * Of all threads. In an open loop a producer spins until each moment, which is the load's and not
 * weir's: of these only what publishing takes.
 */
static double
cpu_ns_of(const struct wi_bench_run *run, bool open_loop)
{
	double cpu_ns = (double)run->usage.cpu_ns;

	for (size_t i = 0; open_loop && i < run->thread_count; i++)
		if (run->threads[i].is_producer)
			cpu_ns += (double)run->threads[i].busy_ns -
				  (double)run->threads[i].usage.cpu_ns;
	return cpu_ns > 0 ? cpu_ns : 0;
}

static double
score_of(const struct wi_tune_trier *trier, struct wi_tune_trial *trial)
{
	double over;

	switch (trier->options->goal) {
	case WI_TUNE_THROUGHPUT:
		trial->value = trial->throughput;
		return log(fmax(trial->value, 1e-9));
	case WI_TUNE_LATENCY:
		trial->value = trial->at_ns[P99];
		return -log(fmax(trial->value, 1e-9));
	default:
		trial->value = trial->cpu;
		over = trier->options->p99_max_ns > 0
			       ? log(fmax(trial->at_ns[P99], 1) / (double)trier->options->p99_max_ns)
			       : 0;
		return over > 0 ? -TOO_LATE - over : -log(fmax(trial->value, 1e-9));
	}
}

static struct wi_tune_trial
figures_of(const struct wi_tune_trier *trier, const struct wi_bench_run *run)
{
	bool open_loop = trier->runner.options->rate > 0;
	struct wi_tune_trial trial = {
		.throughput = wi_bench_rate(run),
		.cpu = run->event_count > 0
			       ? cpu_ns_of(run, open_loop) / (double)run->event_count * 1e-3
			       : 0,
		.late = open_loop && run->event_count < run->meant_count / 100.0 * 99,
	};

	if (open_loop)
		take_latency(trier, run, &trial);
	return trial;
}

/* -- one run ---------------------------------------------------------------- */

static int
complain(struct wi_tune_trier *trier, const struct wi_bench_run *run)
{
	if (run->wrong_count > 0)
		wi_progress_message(trier->runner.progress, "came wrong: %s", run->wrong);
	else if (!run->drained)
		wi_progress_message(trier->runner.progress, "handlers did not come to an end");
	else if (run->lost != 0)
		wi_progress_message(trier->runner.progress, "lost %lld", (long long)run->lost);
	else
		return 0;
	return WI_EXIT_FAILED;
}

/* False: it ended; trier->code says whether it failed. */
static bool
try_once(struct wi_tune_trier *trier, const struct wi_tune_point *point,
	 struct wi_tune_trial *ret_trial)
{
	uint64_t begin_ns = wi_stopwatch_now(), took_ns;
	struct wi_bench_run run;

	wi_interrupt_wait(trier->runner.interrupt, -1, 0);
	if (trier->runner.interrupt->signal != 0)
		return false;
	wi_tune_grid_apply(trier->grid, point);
	trier->code = wi_bench_run(&trier->runner, &run);
	if (trier->code == 0 && !run.cut)
		trier->code = complain(trier, &run);
	if (trier->code == 0 && !run.cut)
		*ret_trial = figures_of(trier, &run);
	trier->nothing = run.event_count == 0;
	wi_bench_run_fini(&run);
	took_ns = wi_stopwatch_now() - begin_ns;
	trier->took_ns = trier->took_ns == 0 ? took_ns : (7 * trier->took_ns + took_ns) / 8;
	return trier->code == 0 && !run.cut;
}

/* Where others have the processor for as long as a trial is, there is nothing to learn from it. */
static bool
try(struct wi_tune_trier *trier, const struct wi_tune_point *point, struct wi_tune_trial *ret_trial)
{
	for (int i = 0; i < TRIES; i++) {
		if (!try_once(trier, point, ret_trial))
			return false;
		if (!trier->nothing)
			return true;
	}
	wi_progress_message(trier->runner.progress, "nothing was published in %s, %d times",
			    wi_figures_time(trier->runner.options->duration_ns).text, TRIES);
	trier->code = WI_EXIT_FAILED;
	return false;
}

static bool
keep(struct wi_tune_trier *trier, size_t index, const struct wi_tune_trial *trial)
{
	struct wi_tune_trials *setting;
	void *memory;

	if (index >= trier->setting_count) {
		memory = realloc(trier->settings, (index + 1) * sizeof(*trier->settings));
		if (memory == NULL)
			return false;
		trier->settings = memory;
		memset(&trier->settings[trier->setting_count], 0,
		       (index + 1 - trier->setting_count) * sizeof(*trier->settings));
		trier->setting_count = index + 1;
	}
	setting = &trier->settings[index];
	memory = realloc(setting->each, (setting->count + 1) * sizeof(*setting->each));
	if (memory == NULL)
		return false;
	setting->each = memory;
	setting->each[setting->count++] = *trial;
	return true;
}

/* -- progress --------------------------------------------------------------- */

static void
draw(struct wi_tune_trier *trier)
{
	static const char *const stages[] = {
		[WI_TUNE_SCREENING] = "one by one", [WI_TUNE_COMBINING] = "together",
		[WI_TUNE_FINAL] = "final", [WI_TUNE_EXHAUSTIVE] = "all", [WI_TUNE_DONE] = "done"};
	uint64_t now_ns = wi_stopwatch_now(), passed_ns = now_ns - trier->begin_ns;
	double part = trier->planned > 0
			      ? (double)trier->done / (double)trier->planned
			      : (double)passed_ns / (double)(trier->end_ns - trier->begin_ns);
	char bar[BAR + 1];
	uint64_t left_ns;

	if (!wi_progress_due(trier->runner.progress))
		return;
	part = part < 1 ? part : 1;
	for (int i = 0; i < BAR; i++)
		bar[i] = i < part * BAR ? '#' : '.';
	bar[BAR] = '\0';
	left_ns = part > 0 ? (uint64_t)((double)passed_ns * (1 - part) / part) : 0;
	wi_progress_draw(trier->runner.progress, "[%s] %3.0f %%  %s: %llu trials of %zu settings, "
			 "%llu s left", bar, part * 100, stages[trier->search->stage],
			 (unsigned long long)trier->done, trier->search->count,
			 (unsigned long long)((left_ns + WI_STOPWATCH_S - 1) / WI_STOPWATCH_S));
}

/* -- for the search --------------------------------------------------------- */

bool
wi_tune_trier_trial(void *context, const struct wi_tune_point *point, size_t index,
		    double *ret_score)
{
	struct wi_tune_trier *trier = context;
	struct wi_tune_trial trial;

	if (!try(trier, point, &trial))
		return false;
	*ret_score = score_of(trier, &trial);
	trier->done++;
	draw(trier);
	if (keep(trier, index, &trial))
		return true;
	wi_progress_message(trier->runner.progress, "out of memory");
	trier->code = WI_EXIT_FAILED;
	return false;
}

uint64_t
wi_tune_trier_left(void *context)
{
	const struct wi_tune_trier *trier = context;
	uint64_t now_ns = wi_stopwatch_now();

	if (trier->planned > 0)
		return UINT64_MAX;
	return now_ns < trier->end_ns && trier->took_ns > 0
		       ? (trier->end_ns - now_ns) / trier->took_ns
		       : 0;
}

double
wi_tune_trier_price(void *context, size_t index)
{
	const struct wi_tune_trier *trier = context;

	return index < trier->setting_count
		       ? wi_tune_trials_median(&trier->settings[index], wi_tune_cpu)
		       : INFINITY;
}

/* -- how long --------------------------------------------------------------- */

static void
set_length(struct wi_tune_trier *trier, uint64_t ns)
{
	trier->runner.options->duration_ns = ns;
	trier->runner.options->warmup_ns = ns / WARMUP_PART;
}

/* Quartiles of the default's scores apart; below 0: it ended. */
static double
noise_of_default(struct wi_tune_trier *trier)
{
	double scores[CALIBRATING];
	struct wi_tune_trial trial;

	for (int i = -1; i < CALIBRATING; i++) {
		if (!try(trier, &trier->grid->space.base, &trial))
			return -1;
		/* The first one warms the process up. */
		if (i >= 0)
			scores[i] = score_of(trier, &trial);
	}
	stats_sort(scores, CALIBRATING);
	return stats_quantile(scores, CALIBRATING, 0.75) - stats_quantile(scores, CALIBRATING, 0.25);
}

int
wi_tune_trier_calibrate(struct wi_tune_trier *trier)
{
	uint64_t rate = trier->runner.options->rate, length_ns = SHORT_NS, most_ns = LONG_NS;
	double noise;

	if (rate > 0 && length_ns < EVENTS_LEAST * WI_STOPWATCH_S / rate)
		length_ns = EVENTS_LEAST * WI_STOPWATCH_S / rate;
	length_ns = length_ns < LONGEST_NS ? length_ns : LONGEST_NS;
	set_length(trier, trier->options->trial_ns > 0 ? trier->options->trial_ns : length_ns);
	noise = noise_of_default(trier);
	if (noise < 0)
		return trier->code;
	/* Twice as long is a noise less by a third, and half as many trials. */
	while (trier->options->trial_ns == 0 && noise > QUIET && length_ns < most_ns &&
	       trier->options->budget_ns / (2 * length_ns) > TRIALS_LEAST) {
		length_ns *= 2;
		noise /= M_SQRT2;
	}
	if (trier->options->trial_ns == 0 && length_ns != trier->runner.options->duration_ns) {
		trier->took_ns = trier->took_ns * length_ns / trier->runner.options->duration_ns;
		set_length(trier, length_ns);
	}
	return 0;
}

void
wi_tune_trier_fini(struct wi_tune_trier *trier)
{
	for (size_t i = 0; i < trier->setting_count; i++)
		free(trier->settings[i].each);
	free(trier->settings);
}
