/* SPDX-License-Identifier: MIT */
/*
 * run_host.c - see run_host.h.
 *
 * What may hang in a plugin (open, reload, close) runs on a thread of its own, so that signals are
 * always seen: the first ends the input, a second one the process.
 */
#include "run_host.h"

#include "command.h"
#include "host_report.h"
#include "interrupt.h"
#include "progress.h"
#include "run_bus.h"
#include "run_options.h"
#include "run_streams.h"
#include "stopwatch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "listener.h"

#define SLICE_NS (100 * WI_STOPWATCH_MS) /* how late a drain may notice a signal */
#define CLOSE_NS (2 * WI_STOPWATCH_S)    /* also when the time to drain is over */

struct run;

struct task {
	void (*work)(struct run *run);
	pthread_t thread;
	int done_fd;
	bool running;
};

struct run {
	struct wi_run_options *options;
	struct wi_progress progress;
	struct wi_interrupt interrupt;
	struct task task;
	weir_host *host;
	struct wi_listener listener;
	int input_fd; /* -1: a socket */
	struct wi_streams streams;
	struct wi_host_report report;
	unsigned accepted;
	uint64_t end_ns; /* of the time to drain, after a signal */
	/* What tasks found. */
	weir_status status;
	weir_close_report closed;
	char problem[WEIR_HOST_PROBLEM_SIZE];
};

/* -- what may hang ------------------------------------------------------------ */

static void *
run_task(void *context)
{
	struct run *run = context;

	run->task.work(run);
	eventfd_write(run->task.done_fd, 1);
	return NULL;
}

static bool
start(struct run *run, void (*work)(struct run *run))
{
	run->task.work = work;
	run->task.running = pthread_create(&run->task.thread, NULL, run_task, run) == 0;
	if (!run->task.running)
		wi_progress_message(&run->progress, "cannot start a thread");
	return run->task.running;
}

static void
join(struct run *run)
{
	eventfd_t count;

	pthread_join(run->task.thread, NULL);
	eventfd_read(run->task.done_fd, &count);
	run->task.running = false;
}

/* Until it is done; false: `signals` have come, or the time is over. */
static bool
await(struct run *run, int signals, uint64_t end_ns)
{
	while (run->task.running) {
		uint64_t now_ns = wi_stopwatch_now();

		if (run->interrupt.count >= signals || now_ns >= end_ns)
			return false;
		if (wi_interrupt_wait(&run->interrupt, run->task.done_fd,
				      SLICE_NS / WI_STOPWATCH_MS))
			join(run);
	}
	return true;
}

static void
log_message(void *context, int level, const char *id, const char *text)
{
	enum { LEVEL_WARNING = 4 };

	if (level <= LEVEL_WARNING)
		wi_progress_message(context, "%s: %s", id, text);
}

static void
open_work(struct run *run)
{
	weir_host_options options = WEIR_HOST_OPTIONS_INIT;

	options.config = run->options->config;
	options.log = log_message;
	options.log_context = &run->progress;
	run->status = weir_host_open(&options, &run->host, run->problem, sizeof(run->problem));
}

/* What goes wrong is in the log. */
static void
reload_work(struct run *run)
{
	if (weir_host_reload(run->host, NULL, 0) == WEIR_OK)
		wi_progress_message(&run->progress, "%s: taken again", run->options->config);
}

static void
close_work(struct run *run)
{
	uint64_t now_ns = wi_stopwatch_now();
	uint64_t left_ns = run->end_ns > now_ns + CLOSE_NS ? run->end_ns - now_ns : CLOSE_NS;

	run->status = weir_host_close(run->host, left_ns, &run->closed);
}

/* -- set up ------------------------------------------------------------------- */

static const char *
socket_path(const struct run *run)
{
	return strncmp(run->options->input, "unix:", 5) == 0 ? run->options->input + 5 : NULL;
}

/* Opening a pipe by name may wait for its writer; signals then still end us. */
static int
open_input(struct run *run)
{
	const char *name = run->options->input;
	struct stat status;
	int problem = 0;

	run->input_fd = -1;
	if (socket_path(run) != NULL)
		return WI_EXIT_OK;
	run->input_fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	if (run->input_fd < 0 || fstat(run->input_fd, &status) != 0)
		problem = errno;
	else if (S_ISDIR(status.st_mode))
		problem = EISDIR;
	if (problem == 0)
		return WI_EXIT_OK;
	wi_progress_message(&run->progress, "cannot open %s: %s", name, strerror(problem));
	return WI_EXIT_NO_INPUT;
}

static int
open_host(struct run *run)
{
	if (!start(run, open_work))
		return WI_EXIT_FAILED;
	if (!await(run, 1, UINT64_MAX))
		_exit(WI_EXIT_SIGNAL + run->interrupt.signal); /* nothing was taken yet */
	if (run->status == WEIR_OK)
		return WI_EXIT_OK;
	wi_progress_message(&run->progress, "%s", run->problem);
	return run->status == WEIR_EINVAL || run->status == WEIR_ENOENT ? WI_EXIT_USAGE
									: WI_EXIT_FAILED;
}

static int
open_streams(struct run *run)
{
	const char *path = socket_path(run);
	weir_status status;

	if (!wi_streams_open(&run->streams, weir_host_bus(run->host), &run->progress,
			     run->options->line_size_max)) {
		wi_progress_message(&run->progress, "eventfd: %s", strerror(errno));
		return WI_EXIT_FAILED;
	}
	if (path != NULL) {
		status = wi_listener_open(&run->listener, path, run->problem, sizeof(run->problem));
		if (status == WEIR_OK)
			return WI_EXIT_OK;
		wi_progress_message(&run->progress, "%s", run->problem);
		return WI_EXIT_NO_INPUT;
	}
	status = wi_streams_add(&run->streams, run->input_fd,
				run->input_fd == STDIN_FILENO ? "standard input"
							      : run->options->input);
	if (status == WEIR_OK) {
		run->input_fd = -1; /* the stream's */
		return WI_EXIT_OK;
	}
	wi_progress_message(&run->progress, "cannot read %s: %s", run->options->input,
			    weir_status_text(status));
	return WI_EXIT_FAILED;
}

static int
set_up(struct run *run)
{
	int code = open_input(run);

	if (code != WI_EXIT_OK)
		return code;
	run->task.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (run->task.done_fd < 0 || !wi_interrupt_open(&run->interrupt)) {
		wi_progress_message(&run->progress, "signalfd: %s", strerror(errno));
		return WI_EXIT_FAILED;
	}
	wi_interrupt_take_hangup(&run->interrupt);
	code = open_host(run);
	if (code == WI_EXIT_OK)
		code = wi_run_bus_subscribe(run->options, weir_host_bus(run->host), "pool",
					    &run->progress);
	if (code != WI_EXIT_OK)
		return code;
	return open_streams(run);
}

/* -- while it runs -------------------------------------------------------------- */

/* One connection is one input; while there are as many as may be, others wait. */
static void
accept_one(struct run *run)
{
	int fd = wi_listener_accept(&run->listener);
	char name[160];
	weir_status status;

	if (fd < 0) {
		if (errno == EPERM)
			wi_progress_message(&run->progress,
					    "%s: sent away who is neither this user nor root",
					    run->options->input);
		else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			wi_interrupt_wait(&run->interrupt, -1, 100);
		return;
	}
	snprintf(name, sizeof(name), "%.120s, connection %u", run->options->input, ++run->accepted);
	status = wi_streams_add(&run->streams, fd, name);
	if (status == WEIR_OK)
		return;
	wi_progress_message(&run->progress, "%s: %s", name, weir_status_text(status));
	close(fd);
}

static void
take_hangups(struct run *run)
{
	if (run->interrupt.hangup_count == 0)
		return;
	run->interrupt.hangup_count = 0;
	if (run->task.running)
		wi_progress_message(&run->progress, "SIGHUP: a reload is under way already");
	else
		start(run, reload_work);
}

static void
wait_for_something(struct run *run)
{
	struct pollfd fds[] = {
		{.fd = run->interrupt.fd, .events = POLLIN},
		{.fd = run->streams.done_fd, .events = POLLIN},
		{.fd = run->task.running ? run->task.done_fd : -1, .events = POLLIN},
		{.fd = run->streams.count < WI_STREAM_MAX ? run->listener.fd : -1,
		 .events = POLLIN},
	};

	if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) <= 0)
		return;
	if (fds[0].revents != 0)
		wi_interrupt_wait(&run->interrupt, -1, 0);
	if (fds[1].revents != 0)
		wi_streams_reap(&run->streams);
	if (fds[2].revents != 0)
		join(run);
	if (fds[3].revents != 0)
		accept_one(run);
	take_hangups(run);
}

/* Until the input's end, or a signal. */
static void
serve(struct run *run)
{
	while (run->interrupt.signal == 0 && (run->listener.fd >= 0 || run->streams.count > 0))
		wait_for_something(run);
}

/* -- the end -------------------------------------------------------------------- */

static bool
is_over(struct run *run)
{
	wi_interrupt_wait(&run->interrupt, -1, 0);
	if (run->interrupt.signal != 0 && run->end_ns == UINT64_MAX)
		run->end_ns = wi_stopwatch_now() + run->options->drain_ns;
	return run->interrupt.count > 1 || wi_stopwatch_now() >= run->end_ns;
}

/* Who has connected but was not accepted yet has sent, too. */
static void
stop_reading(struct run *run)
{
	unsigned before;

	do {
		before = run->accepted;
		if (run->listener.fd >= 0 && run->streams.count < WI_STREAM_MAX)
			accept_one(run);
	} while (run->accepted > before);
	wi_listener_close(&run->listener);
	wi_streams_stop(&run->streams);
	while (run->streams.count > 0) {
		if (is_over(run))
			wi_streams_give_up(&run->streams);
		wi_interrupt_wait(&run->interrupt, run->streams.done_fd,
				  SLICE_NS / WI_STOPWATCH_MS);
		wi_streams_reap(&run->streams);
	}
}

static void
drain(struct run *run)
{
	weir_status status;

	while ((status = weir_host_drain(run->host, SLICE_NS)) == WEIR_ETIMEDOUT && !is_over(run))
		continue;
	run->report.drained = status == WEIR_OK;
	if (status != WEIR_OK && status != WEIR_ETIMEDOUT)
		wi_progress_message(&run->progress, "drain: %s", weir_status_text(status));
}

static int
exit_code(const struct run *run)
{
	if (run->interrupt.count > 1)
		return WI_EXIT_SIGNAL + run->interrupt.signal;
	if (run->status != WEIR_OK || !run->report.drained || run->report.bus.lost != 0 ||
	    run->streams.failed)
		return WI_EXIT_FAILED;
	if (run->streams.event_count == 0 && run->streams.bad_count > 0)
		return WI_EXIT_FAILED;
	return WI_EXIT_OK;
}

static bool
write_report(struct run *run)
{
	bool prints = wi_run_options_prints(run->options), written = true;

	if (run->options->json)
		written = wi_host_report_write_json(&run->report, stdout);
	else
		wi_host_report_write_text(&run->report, prints ? stderr : stdout);
	if (fflush(stdout) == 0 && !ferror(stdout) && written)
		return true;
	wi_progress_message(&run->progress, "cannot write to standard output: %s", strerror(errno));
	return false;
}

/* What a thread still uses is left to the end of the process. */
static int
finish(struct run *run)
{
	bool closed;
	int code;

	stop_reading(run);
	wi_host_end_replays(run->host, CLOSE_NS);
	drain(run);
	if (!await(run, 2, run->end_ns < UINT64_MAX ? run->end_ns + CLOSE_NS : UINT64_MAX))
		run->report.drained = false;
	run->report.input = run->options->input;
	run->report.streams = &run->streams;
	run->report.signal = run->interrupt.signal;
	wi_host_report_collect(&run->report, run->host);
	closed = !run->task.running && start(run, close_work) && await(run, 2, UINT64_MAX);
	if (!closed || run->status != WEIR_OK)
		wi_progress_message(&run->progress, "close: %s",
				    weir_status_text(closed ? run->status : WEIR_ETIMEDOUT));
	run->status = closed ? run->status : WEIR_ETIMEDOUT;
	wi_interrupt_close(&run->interrupt);
	code = exit_code(run);
	if (!write_report(run))
		code = WI_EXIT_FAILED;
	if (run->status != WEIR_OK)
		_exit(code);
	return code;
}

static void
tear_down(struct run *run)
{
	if (run->input_fd > STDIN_FILENO)
		close(run->input_fd);
	wi_listener_close(&run->listener);
	wi_streams_close(&run->streams);
	wi_host_report_fini(&run->report);
	wi_interrupt_close(&run->interrupt);
	if (run->task.done_fd >= 0)
		close(run->task.done_fd);
}

int
wi_run_host(struct wi_run_options *options)
{
	/* Large: a place for each connection. */
	struct run *run = calloc(1, sizeof(*run));
	int code;

	if (run == NULL)
		return WI_EXIT_FAILED;
	run->options = options;
	run->interrupt.fd = run->listener.fd = run->task.done_fd = run->input_fd = -1;
	run->streams.stop_fd = run->streams.done_fd = -1;
	run->end_ns = UINT64_MAX;
	run->closed = (weir_close_report)WEIR_CLOSE_REPORT_INIT;
	wi_progress_init(&run->progress, "weir run", false);
	code = set_up(run);
	if (code == WI_EXIT_OK) {
		serve(run);
		code = finish(run);
	} else if (run->host != NULL) {
		weir_host_close(run->host, CLOSE_NS, NULL);
	}
	tear_down(run);
	free(run);
	return code;
}
