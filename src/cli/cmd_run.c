/* SPDX-License-Identifier: MIT */
/* cmd_run.c - `weir run`: read all events, publish them, wait for the last handler, report. */
#include "command.h"
#include "figures.h"
#include "interrupt.h"
#include "loader.h"
#include "progress.h"
#include "publishers.h"
#include "report.h"
#include "run_bus.h"
#include "run_host.h"
#include "run_options.h"
#include "stopwatch.h"
#include "topics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLUSH_SLICE_NS (100 * WI_STOPWATCH_MS) /* how late a drain may notice a signal */
#define DRAIN_NS       (5 * WI_STOPWATCH_S)    /* after a signal */
#define CLOSE_NS       (10 * WI_STOPWATCH_S)
#define CLOSE_STUCK_NS (100 * WI_STOPWATCH_MS) /* where draining has already failed */

struct run {
	struct wi_run_options options;
	struct wi_progress progress;
	struct wi_interrupt interrupt;
	int input_fd;
	weir_bus *bus;
	struct wi_topics topics;
	struct wi_publishers publishers;
	struct wi_loader loader;
	struct wi_report report;
	bool failed;
};

/* -- set up ----------------------------------------------------------------- */

static int
open_input(struct run *run)
{
	const char *name = run->options.input;
	struct stat stat;
	int problem = 0;

	if (strcmp(name, "-") == 0)
		run->input_fd = STDIN_FILENO;
	else
		run->input_fd = open(name, O_RDONLY | O_CLOEXEC);
	if (run->input_fd < 0 || fstat(run->input_fd, &stat) != 0)
		problem = errno;
	else if (S_ISDIR(stat.st_mode))
		problem = EISDIR;
	if (problem == 0)
		return WI_EXIT_OK;
	wi_progress_message(&run->progress, "cannot open %s: %s", name, strerror(problem));
	return WI_EXIT_NO_INPUT;
}

static void
log_message(void *context, int level, const char *id, const char *text)
{
	enum { LEVEL_WARNING = 4 };

	if (level <= LEVEL_WARNING)
		wi_progress_message(context, "%s: %s", id, text);
}

static int
open_bus(struct run *run)
{
	struct wi_run_bus wanted = {.options = WEIR_BUS_OPTIONS_INIT,
				    .first = wi_run_options_first(&run->options),
				    .pools = &run->options.pools,
				    .what = "--pool"};
	int code;

	wanted.options.ring_size = (uint32_t)run->options.ring_size;
	wanted.options.log = log_message;
	wanted.options.log_context = &run->progress;
	code = wi_run_bus_open(&wanted, &run->progress, &run->bus);
	if (code != WI_EXIT_OK)
		return code;
	return wi_run_bus_subscribe(&run->options, run->bus, wanted.what, &run->progress);
}

static int
open_publishers(struct run *run)
{
	weir_status status = wi_publishers_open(&run->publishers, run->bus,
						(unsigned)run->options.producer_count);

	if (status == WEIR_OK)
		return WI_EXIT_OK;
	wi_progress_message(&run->progress, "cannot open %u producers: %s",
			    (unsigned)run->options.producer_count, weir_status_text(status));
	return WI_EXIT_FAILED;
}

/* Signals are blocked after the input is open: opening a pipe by name may wait for its writer. */
static int
set_up(struct run *run)
{
	int code = open_input(run);

	if (code != WI_EXIT_OK)
		return code;
	if (!wi_interrupt_open(&run->interrupt)) {
		wi_progress_message(&run->progress, "signalfd: %s", strerror(errno));
		return WI_EXIT_FAILED;
	}
	code = open_bus(run);
	if (code != WI_EXIT_OK)
		return code;
	wi_topics_init(&run->topics, run->bus);
	return open_publishers(run);
}

/* -- read, publish, drain --------------------------------------------------- */

static enum wi_loader_result
load(struct run *run)
{
	run->loader = (struct wi_loader){
		.name = run->input_fd == STDIN_FILENO ? "standard input" : run->options.input,
		.fd = run->input_fd,
		.strict = run->options.strict,
		.line_size_max = run->options.line_size_max,
		.payload_size_max =
			weir_producer_payload_size_max(run->publishers.list[0].producer),
		.topics = &run->topics,
		.publishers = &run->publishers,
		.stop_fd = run->interrupt.fd,
		.progress = &run->progress,
	};
	return wi_loader_run(&run->loader);
}

static void
draw_dispatch(struct run *run, uint64_t start_ns)
{
	weir_bus_counts bus = WEIR_BUS_COUNTS_INIT;
	weir_producer_counts producers = WEIR_PRODUCER_COUNTS_INIT;
	uint64_t total = run->loader.event_count * run->options.repeat, done;

	if (!wi_progress_due(&run->progress) ||
	    weir_bus_get_counts(run->bus, &bus, &producers, NULL, NULL) != WEIR_OK)
		return;
	/* Counters lag while the bus runs, and onward events count too: keep to the range. */
	done = producers.committed > bus.in_flight ? producers.committed - bus.in_flight : 0;
	if (done > total)
		done = total;
	wi_progress_draw(&run->progress, "dispatching %s of %s events  %3.0f %%  %s events/s",
			 wi_figures_count(done).text, wi_figures_count(total).text,
			 total > 0 ? 100.0 * (double)done / (double)total : 100.0,
			 wi_figures_rate(done, wi_stopwatch_now() - start_ns).text);
}

static void
publish(struct run *run, uint64_t start_ns)
{
	weir_status status = wi_publishers_start(&run->publishers, run->options.repeat);

	if (status != WEIR_OK) {
		wi_progress_message(&run->progress, "cannot start the producers: %s",
				    weir_status_text(status));
		run->failed = true;
	}
	while (!wi_publishers_done(&run->publishers)) {
		wi_interrupt_wait(&run->interrupt, run->publishers.done_fd,
				  run->progress.on ? WI_PROGRESS_PERIOD_MS : -1);
		if (run->interrupt.signal != 0)
			wi_publishers_stop(&run->publishers);
		draw_dispatch(run, start_ns);
	}
	wi_publishers_join(&run->publishers);
	for (unsigned i = 0; i < run->publishers.count; i++) {
		if (run->publishers.list[i].status == WEIR_OK)
			continue;
		wi_progress_message(&run->progress, "producer %u stopped: %s", i + 1,
				    weir_status_text(run->publishers.list[i].status));
		run->failed = true;
	}
}

/* Without a signal as long as it takes; after one for DRAIN_NS, or until the next. */
static bool
drain(struct run *run, uint64_t start_ns)
{
	uint64_t deadline_ns = UINT64_MAX;
	weir_status status;

	while ((status = weir_bus_flush(run->bus, FLUSH_SLICE_NS)) == WEIR_ETIMEDOUT) {
		uint64_t now_ns = wi_stopwatch_now();

		wi_interrupt_wait(&run->interrupt, -1, 0);
		if (run->interrupt.signal != 0 && deadline_ns == UINT64_MAX)
			deadline_ns = now_ns + DRAIN_NS;
		if (run->interrupt.count > 1 || now_ns >= deadline_ns)
			return false;
		draw_dispatch(run, start_ns);
	}
	if (status != WEIR_OK)
		wi_progress_message(&run->progress, "flush: %s", weir_status_text(status));
	return status == WEIR_OK;
}

static void
dispatch(struct run *run)
{
	uint64_t start_ns = wi_stopwatch_now();

	publish(run, start_ns);
	run->report.drained = drain(run, start_ns);
	run->report.dispatch_ns = wi_stopwatch_now() - start_ns;
	wi_progress_clear(&run->progress);
}

/* -- report and end --------------------------------------------------------- */

/* The bus is gone afterwards. False: a handler still runs, and what it uses must stay. */
static bool
close_bus(struct run *run)
{
	weir_status status;

	if (run->bus == NULL)
		return true;
	status = weir_bus_close(run->bus, run->report.drained ? CLOSE_NS : CLOSE_STUCK_NS, NULL);
	run->bus = NULL;
	if (status == WEIR_OK)
		return true;
	wi_progress_message(&run->progress, "close: %s", weir_status_text(status));
	run->failed = true;
	return false;
}

static bool
write_report(struct run *run)
{
	bool prints = wi_run_options_prints(&run->options), written = true;

	if (run->options.json)
		written = wi_report_write_json(&run->report, stdout);
	else
		wi_report_write_text(&run->report, prints ? stderr : stdout);
	if (fflush(stdout) == 0 && !ferror(stdout) && written)
		return true;
	wi_progress_message(&run->progress, "cannot write to standard output: %s", strerror(errno));
	return false;
}

static int
exit_code(const struct run *run)
{
	const struct wi_loader *loader = &run->loader;

	if (run->report.signal != 0)
		return WI_EXIT_SIGNAL + run->report.signal;
	if (run->failed || !run->report.drained || run->report.bus.lost != 0)
		return WI_EXIT_FAILED;
	/* A file of something else altogether. */
	if (loader->event_count == 0 && loader->bad_count > 0)
		return WI_EXIT_FAILED;
	return WI_EXIT_OK;
}

static int
finish(struct run *run)
{
	weir_status status;
	bool closed;

	run->report.options = &run->options;
	run->report.loader = &run->loader;
	run->report.signal = run->interrupt.signal;
	status = wi_report_collect(&run->report, run->bus, &run->topics, &run->publishers);
	if (status != WEIR_OK) {
		wi_progress_message(&run->progress, "cannot gather the report: %s",
				    weir_status_text(status));
		run->failed = true;
	}
	closed = close_bus(run);
	/* A reader of our output that stands still must not make us unstoppable. */
	wi_interrupt_close(&run->interrupt);
	if (status == WEIR_OK && !write_report(run))
		run->failed = true;
	if (!closed)
		_exit(exit_code(run));
	return exit_code(run);
}

static int
work(struct run *run)
{
	switch (load(run)) {
	case WI_LOADER_DONE:
		dispatch(run);
		return finish(run);
	case WI_LOADER_INTERRUPTED:
		wi_interrupt_wait(&run->interrupt, -1, 0);
		run->report.drained = true; /* nothing was published */
		return finish(run);
	case WI_LOADER_BAD_LINE:
		wi_progress_message(&run->progress, "--strict: nothing was published");
		return WI_EXIT_FAILED;
	case WI_LOADER_FAILED:
		break;
	}
	return WI_EXIT_FAILED;
}

static void
tear_down(struct run *run)
{
	wi_publishers_close(&run->publishers);
	close_bus(run);
	wi_interrupt_close(&run->interrupt);
	wi_report_fini(&run->report);
	wi_topics_fini(&run->topics);
	wi_run_options_fini(&run->options);
	if (run->input_fd > STDIN_FILENO)
		close(run->input_fd);
}

int
wi_cmd_run(int argc, char **argv)
{
	struct run run = {.interrupt.fd = -1, .input_fd = -1, .publishers.done_fd = -1};
	bool prints;
	int code;

	wi_run_options_parse(&run.options, true, argc, argv);
	prints = wi_run_options_prints(&run.options);
	if (prints)
		setvbuf(stdout, NULL, _IOLBF, 1 << 16);
	if (run.options.config != NULL) {
		code = wi_run_host(&run.options);
		wi_run_options_fini(&run.options);
		return code;
	}
	wi_progress_init(&run.progress, "weir run", !prints || !isatty(STDOUT_FILENO));
	code = set_up(&run);
	if (code == WI_EXIT_OK)
		code = work(&run);
	tear_down(&run);
	return code;
}
