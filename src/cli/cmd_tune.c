/* SPDX-License-Identifier: MIT */
/* cmd_tune.c - `weir tune`: the settings of pools that are best for a load. */
#include "bench_rig.h"
#include "command.h"
#include "interrupt.h"
#include "machine.h"
#include "progress.h"
#include "report/report_page.h"
#include "stopwatch.h"
#include "tune_ini.h"
#include "tune_options.h"
#include "tune_report.h"
#include "tune_search.h"
#include "tune_trial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EXHAUSTIVE_MAX = 20000 };

struct tune {
	struct wi_tune_options options;
	struct wi_bench_plan plan;
	struct wi_progress progress;
	struct wi_interrupt interrupt;
	struct wi_tune_grid grid;
	struct wi_tune_trier trier;
	struct wi_tune_measure measure;
	struct wi_tune_search search;
	struct wi_bench_report bench;
	struct wi_tune_report report;
};

/* A bus that is not under load says what is not allowed, before anything is shown. */
static int
try_out(struct tune *tune)
{
	struct wi_bench_options few = tune->options.load;
	struct wi_bench_rig rig;
	int code;

	few.topic_count = 1;
	few.rate = 0;
	code = wi_bench_rig_open(&rig, &few, &tune->plan, &tune->progress);
	wi_bench_rig_close(&rig, WEIR_FOREVER);
	return code;
}

static int
make_grid(struct tune *tune)
{
	const char *wrong = wi_bench_plan_make(&tune->plan, &tune->options.load);

	if (wrong != NULL) {
		wi_progress_message(&tune->progress, "--pool: %s", wrong);
		return WI_EXIT_USAGE;
	}
	for (size_t i = 0; i < wi_bench_plan_pool_count(&tune->plan); i++)
		if (!wi_tune_is_name(wi_bench_plan_pool(&tune->plan, i)->name)) {
			wi_progress_message(&tune->progress,
					    "--pool %s: no INI file can have that name",
					    wi_bench_plan_pool(&tune->plan, i)->name);
			return WI_EXIT_USAGE;
		}
	wrong = wi_tune_grid_make(&tune->grid, &tune->options, &tune->plan);
	if (wrong == NULL && wi_tune_space_count(&tune->grid.space, 2) < 2)
		wrong = "nothing is left to vary: the load and --fix say all of it";
	if (wrong == NULL && tune->options.exhaustive &&
	    wi_tune_space_count(&tune->grid.space, EXHAUSTIVE_MAX + 1) > EXHAUSTIVE_MAX)
		wrong = "--exhaustive: these are more than 20,000 settings; --vary or --fix some";
	if (wrong == NULL)
		return 0;
	wi_progress_message(&tune->progress, "%s", wrong);
	return WI_EXIT_USAGE;
}

static int
set_up(struct tune *tune)
{
	char problem[WI_REPORT_PROBLEM_SIZE];
	int code = make_grid(tune);

	if (code != 0)
		return code;
	if (tune->options.report != NULL && !wi_report_page_check(tune->options.report, problem)) {
		wi_progress_message(&tune->progress, "--report: %s", problem);
		return WI_EXIT_FAILED;
	}
	if (!wi_interrupt_open(&tune->interrupt)) {
		wi_progress_message(&tune->progress, "signalfd: %s", strerror(errno));
		return WI_EXIT_FAILED;
	}
	machine_begin();
	tune->bench = (struct wi_bench_report){.options = &tune->options.load,
					       .plan = &tune->plan,
					       .start_time = (double)time(NULL),
					       .facts = facts_read("")};
	tune->report = (struct wi_tune_report){.options = &tune->options,
					       .grid = &tune->grid,
					       .search = &tune->search,
					       .trier = &tune->trier,
					       .bench = &tune->bench};
	return try_out(tune);
}

static int
search(struct tune *tune)
{
	struct wi_tune_trier *trier = &tune->trier;
	int code;

	*trier = (struct wi_tune_trier){
		.options = &tune->options,
		.grid = &tune->grid,
		.search = &tune->search,
		.begin_ns = wi_stopwatch_now(),
		.runner = {.options = &tune->options.load,
			   .plan = &tune->plan,
			   .progress = &tune->progress,
			   .interrupt = &tune->interrupt,
			   .quiet = true},
	};
	trier->end_ns = trier->begin_ns + tune->options.budget_ns;
	tune->measure = (struct wi_tune_measure){.trial = wi_tune_trier_trial,
						 .left = wi_tune_trier_left,
						 .price = wi_tune_trier_price,
						 .context = trier};
	wi_tune_search_init(&tune->search, &tune->grid.space, &tune->measure, tune->options.seed);
	code = wi_tune_trier_calibrate(trier);
	if (code != 0 || tune->interrupt.signal != 0)
		return code;
	if (tune->options.exhaustive) {
		trier->planned = wi_tune_space_count(&tune->grid.space, EXHAUSTIVE_MAX) *
				 tune->options.load.repeat;
		wi_tune_search_exhaust(&tune->search, (unsigned)tune->options.load.repeat);
	} else {
		wi_tune_search_run(&tune->search);
	}
	tune->report.took_ns = wi_stopwatch_now() - trier->begin_ns;
	if (trier->code == 0 && tune->search.no_memory) {
		wi_progress_message(&tune->progress, "out of memory");
		return WI_EXIT_FAILED;
	}
	return trier->code;
}

static bool
write_page(struct tune *tune)
{
	char problem[WI_REPORT_PROBLEM_SIZE];
	json_t *result = wi_tune_report_json(&tune->report);
	bool written = wi_report_page_write(result, tune->options.report, problem);

	json_decref(result);
	if (!written)
		wi_progress_message(&tune->progress, "--report: %s", problem);
	return written;
}

static bool
write_report(struct tune *tune)
{
	bool written = wi_tune_report_finish(&tune->report);

	if (written && tune->options.load.json)
		written = wi_tune_report_write_json(&tune->report, stdout);
	else if (written)
		wi_tune_report_write_text(&tune->report, stdout);
	if (written && fflush(stdout) == 0 && !ferror(stdout))
		return tune->options.report == NULL || write_page(tune);
	wi_progress_message(&tune->progress, "cannot write to standard output: %s", strerror(errno));
	return false;
}

/* Trials of the default and of the best are what there must be to say anything. */
static int
finish(struct tune *tune)
{
	const struct wi_tune_trier *trier = &tune->trier;
	bool written = true;

	wi_progress_clear(&tune->progress);
	tune->report.signal = tune->interrupt.signal;
	/* A reader of our output that stands still must not make us unstoppable. */
	wi_interrupt_close(&tune->interrupt);
	if (trier->setting_count > tune->search.best && trier->settings[0].count > 0 &&
	    trier->settings[tune->search.best].count > 0)
		written = write_report(tune);
	else if (tune->report.signal == 0) {
		wi_progress_message(&tune->progress,
				    "--budget: no time for a single comparison: a trial takes %.2g s",
				    (double)trier->took_ns / 1e9);
		return WI_EXIT_FAILED;
	}
	if (tune->report.signal != 0)
		return WI_EXIT_SIGNAL + tune->report.signal;
	return written ? WI_EXIT_OK : WI_EXIT_FAILED;
}

static void
tear_down(struct tune *tune)
{
	wi_interrupt_close(&tune->interrupt);
	wi_tune_report_fini(&tune->report);
	wi_tune_search_fini(&tune->search);
	wi_tune_trier_fini(&tune->trier);
	wi_bench_plan_fini(&tune->plan);
	wi_tune_options_fini(&tune->options);
}

int
wi_cmd_tune(int argc, char **argv)
{
	static struct tune tune;
	int code;

	tune.interrupt.fd = -1;
	wi_tune_options_parse(&tune.options, argc, argv);
	wi_progress_init(&tune.progress, "weir tune", true);
	if (tune.options.derived != NULL && !tune.options.load.json)
		printf("%s\n", tune.options.derived);
	code = set_up(&tune);
	if (code == 0 && !tune.options.load.json)
		wi_tune_report_write_head(&tune.report, stdout);
	if (code == 0)
		code = search(&tune);
	if (code == 0)
		code = finish(&tune);
	wi_progress_clear(&tune.progress);
	if (tune.trier.runner.leaked)
		_exit(code);
	tear_down(&tune);
	return code;
}
