/* SPDX-License-Identifier: MIT */
/* cmd_bench.c - `weir bench`: the runs, and what they came to. */
#include "bench_arguments.h"
#include "bench_report.h"
#include "bench_rig.h"
#include "bench_run.h"
#include "command.h"
#include "command_text.h"
#include "interrupt.h"
#include "machine.h"
#include "progress.h"
#include "report/report_page.h"
#include "yardstick.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bench {
	struct wi_bench_options options;
	struct wi_bench_plan plan;
	struct wi_progress progress;
	struct wi_interrupt interrupt;
	struct wi_bench_report report;
	char *command;
	bool leaked;
};

/* A bus that is not under load says what is not allowed, before anything is shown. */
static int
try_out(struct bench *bench)
{
	struct wi_bench_options few = bench->options;
	struct wi_bench_rig rig;
	int code;

	few.topic_count = 1;
	few.rate = 0;
	code = wi_bench_rig_open(&rig, &few, &bench->plan, &bench->progress);
	wi_bench_rig_close(&rig, WEIR_FOREVER);
	return code;
}

static int
set_up(struct bench *bench)
{
	const char *wrong = wi_bench_plan_make(&bench->plan, &bench->options);
	char problem[WI_REPORT_PROBLEM_SIZE];
	int code;

	if (wrong != NULL) {
		wi_progress_message(&bench->progress, "--pool: %s", wrong);
		return WI_EXIT_USAGE;
	}
	if (bench->options.report != NULL &&
	    !wi_report_page_check(bench->options.report, problem)) {
		wi_progress_message(&bench->progress, "--report: %s", problem);
		return WI_EXIT_FAILED;
	}
	if (!wi_interrupt_open(&bench->interrupt)) {
		wi_progress_message(&bench->progress, "signalfd: %s", strerror(errno));
		return WI_EXIT_FAILED;
	}
	code = try_out(bench);
	if (code != 0)
		return code;
	return wi_bench_report_init(&bench->report, &bench->options, &bench->plan) ? 0
										   : WI_EXIT_FAILED;
}

/* Until all are done, one failed or a signal came. */
static int
run_all(struct bench *bench)
{
	struct wi_bench_runner runner = {
		.options = &bench->options,
		.plan = &bench->plan,
		.progress = &bench->progress,
		.interrupt = &bench->interrupt,
		.has_processors = machine_begin() > 1 && !bench->options.no_yardstick,
	};
	int code = 0;

	/* On processors that were idle the first time of a line is often some times the others. */
	if (runner.has_processors)
		yardstick_line_ns();
	for (; runner.index < bench->options.repeat && code == 0; runner.index++) {
		struct wi_bench_run run;

		wi_interrupt_wait(&bench->interrupt, -1, 0);
		if (bench->interrupt.signal != 0)
			break;
		code = wi_bench_run(&runner, &run);
		/* A run that never came to its load has nothing to show. */
		if (run.threads == NULL)
			wi_bench_run_fini(&run);
		else if (!wi_bench_report_add(&bench->report, &run))
			code = WI_EXIT_FAILED;
	}
	bench->leaked = runner.leaked;
	return code;
}

static bool
write_report(struct bench *bench)
{
	bool written = true;

	if (bench->options.json)
		written = wi_bench_report_write_json(&bench->report, stdout);
	else
		wi_bench_report_write_text(&bench->report, stdout);
	if (!written || fflush(stdout) != 0 || ferror(stdout)) {
		wi_progress_message(&bench->progress, "cannot write to standard output: %s",
				    strerror(errno));
		return false;
	}
	return wi_bench_report_write_files(&bench->report);
}

static int
finish(struct bench *bench)
{
	bool written;

	bench->report.signal = bench->interrupt.signal;
	bench->report.command = bench->command;
	/* A reader of our output that stands still must not make us unstoppable. */
	wi_interrupt_close(&bench->interrupt);
	written = write_report(bench);
	if (bench->report.signal != 0)
		return WI_EXIT_SIGNAL + bench->report.signal;
	return written && wi_bench_report_is_good(&bench->report) ? WI_EXIT_OK : WI_EXIT_FAILED;
}

static void
tear_down(struct bench *bench)
{
	wi_interrupt_close(&bench->interrupt);
	wi_bench_report_fini(&bench->report);
	wi_bench_plan_fini(&bench->plan);
	wi_bench_options_fini(&bench->options);
	free(bench->command);
}

int
wi_cmd_bench(int argc, char **argv)
{
	struct bench bench = {.interrupt.fd = -1, .command = wi_command_text(argc, argv)};
	int code;

	wi_bench_arguments_parse(&bench.options, argc, argv);
	wi_progress_init(&bench.progress, "weir bench", true);
	code = set_up(&bench);
	if (code == 0 && !bench.options.json)
		wi_bench_report_write_head(&bench.report, stdout);
	if (code == 0)
		code = run_all(&bench);
	if (code == 0 || bench.report.run_count > 0)
		code = finish(&bench);
	if (bench.leaked)
		_exit(code);
	tear_down(&bench);
	return code;
}
