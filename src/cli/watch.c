/* SPDX-License-Identifier: MIT */
/* watch.c - see watch.h. */
#include "watch.h"

#include "command.h"
#include "quantity.h"
#include "stopwatch.h"
#include "watch/clean.h"
#include "watch/process.h"
#include "watch_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_MIN_NS (10 * WI_STOPWATCH_MS)
#define INTERVAL_MAX_NS (3600 * WI_STOPWATCH_S)
#define NEWS_NS         (1200 * WI_STOPWATCH_MS) /* an idle bus writes once a second */
#define POLL_NS         (20 * WI_STOPWATCH_MS)

void
wi_watch_complain(const struct wi_watch *watch, const char *format, ...)
{
	char text[WI_PROCESS_PATH_SIZE + 512], clean[sizeof(text) + 1];
	va_list arguments;

	if (watch->quiet)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	wi_clean_name(text, sizeof(text), clean);
	fprintf(stderr, "%s: %s\n", watch->program, clean);
}

/* -- which bus --------------------------------------------------------------- */

static const struct wi_process_file *
find_only(const struct wi_process_files *files, uint64_t pid, bool dead, size_t *ret_count)
{
	const struct wi_process_file *found = NULL;

	*ret_count = 0;
	for (size_t i = 0; i < files->count; i++) {
		const struct wi_process_file *file = &files->each[i];

		if (pid != 0 ? file->pid != pid : file->lives == dead)
			continue;
		found = file;
		++*ret_count;
	}
	return *ret_count == 1 ? found : NULL;
}

static void
list(const struct wi_watch *watch, const struct wi_process_files *files)
{
	wi_watch_complain(watch, "there are several buses; choose a file:");
	for (size_t i = 0; i < files->count; i++)
		if (watch->pid != 0 ? files->each[i].pid == watch->pid : files->each[i].lives)
			wi_watch_complain(watch, "  %s", files->each[i].path);
}

static int
complain_none(const struct wi_watch *watch, const struct wi_process_files *files)
{
	if (watch->pid != 0)
		wi_watch_complain(watch, "process %" PRIu64 " shows no counters of this user%s",
				  watch->pid,
				  watch->pid > INT32_MAX || !wi_process_lives((uint32_t)watch->pid, 0)
					  ? ": there is no such process"
					  : "");
	else if (files->count > 0)
		wi_watch_complain(watch, "no process of this user shows its counters; there are "
				  "files of processes that are gone: %s%s", files->each[0].path,
				  files->count > 1 ? " and others" : "");
	else
		wi_watch_complain(watch, "no process of this user shows its counters");
	return WI_EXIT_UNAVAILABLE;
}

static int
choose(struct wi_watch *watch)
{
	const struct wi_process_file *file;
	struct wi_process_files files;
	int code = WI_EXIT_OK;
	size_t count;

	if (!wi_process_find(&files, watch->pid != 0)) {
		wi_watch_complain(watch, "out of memory");
		return WI_EXIT_FAILED;
	}
	file = find_only(&files, watch->pid, false, &count);
	if (count == 0 && watch->pid == 0 && watch->dead)
		file = find_only(&files, 0, true, &count);
	if (file != NULL) {
		watch->path = strdup(file->path);
	} else if (count == 0) {
		code = complain_none(watch, &files);
	} else {
		list(watch, &files);
		code = WI_EXIT_UNAVAILABLE;
	}
	wi_process_fini(&files);
	return code;
}

int
wi_watch_open(struct wi_watch *watch)
{
	const char *problem;
	int code = WI_EXIT_OK;

	watch->fd = -1;
	if (watch->file != NULL)
		watch->path = strdup(watch->file);
	else
		code = choose(watch);
	if (code != WI_EXIT_OK)
		return code;
	if (watch->path == NULL) {
		wi_watch_complain(watch, "out of memory");
		return WI_EXIT_FAILED;
	}
	watch->fd = wi_look_open(watch->path, &problem);
	if (watch->fd >= 0)
		return WI_EXIT_OK;
	wi_watch_complain(watch, "%s: %s", watch->path, problem != NULL ? problem : strerror(errno));
	code = problem != NULL ? WI_EXIT_DATA : WI_EXIT_NO_INPUT;
	return code;
}

void
wi_watch_close(struct wi_watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch->path);
	watch->path = NULL;
	watch->fd = -1;
}

/* -- looks ------------------------------------------------------------------- */

int
wi_watch_look(const struct wi_watch *watch, const struct wi_snapshot *before,
	      struct wi_snapshot **ret_snapshot)
{
	char problem[WI_LOOK_PROBLEM_SIZE];
	struct timespec now;
	struct wi_look look;
	bool lives;

	if (!wi_look_take(&look, watch->fd, problem)) {
		wi_watch_complain(watch, "%s: %s", watch->path, problem);
		return WI_EXIT_DATA;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	lives = wi_process_lives(look.header.pid, look.header.started);
	*ret_snapshot = wi_snapshot_make(&look, before,
					 (uint64_t)now.tv_sec * WI_STOPWATCH_S +
						 (uint64_t)now.tv_nsec,
					 lives);
	if (*ret_snapshot != NULL)
		return WI_EXIT_OK;
	wi_watch_complain(watch, "out of memory");
	return WI_EXIT_FAILED;
}

int
wi_watch_judge(const struct wi_watch *watch, const struct wi_snapshot *snapshot)
{
	const struct wi_figure age = wi_watch_text_age(snapshot->age_ns);

	switch (snapshot->state) {
	case WI_SNAPSHOT_CLOSED:
		wi_watch_complain(watch, "%s: the bus has been closed", watch->path);
		return WI_EXIT_UNAVAILABLE;
	case WI_SNAPSHOT_GONE:
		if (watch->dead)
			return WI_EXIT_OK;
		wi_watch_complain(watch, "%s: process %" PRIu32 " is gone; it wrote this %s ago",
				  watch->path, snapshot->look.header.pid, age.text);
		return WI_EXIT_UNAVAILABLE;
	case WI_SNAPSHOT_STALE:
		wi_watch_complain(watch,
				  "%s: process %" PRIu32 " wrote this %s ago: it is stopped, or hangs",
				  watch->path, snapshot->look.header.pid, age.text);
		return WI_EXIT_OK;
	default:
		return WI_EXIT_OK;
	}
}

static void
nap(uint64_t ns)
{
	struct timespec rest = {(time_t)(ns / WI_STOPWATCH_S), (long)(ns % WI_STOPWATCH_S)};

	while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
		;
}

void
wi_watch_wait(const struct wi_watch *watch, const struct wi_snapshot *before, uint64_t interval_ns)
{
	uint64_t end_ns;

	nap(interval_ns);
	end_ns = wi_stopwatch_now() + NEWS_NS;
	while (before->state == WI_SNAPSHOT_ALIVE && !wi_look_is_old(&before->look, watch->fd) &&
	       wi_stopwatch_now() < end_ns)
		nap(POLL_NS);
}

bool
wi_watch_interval(const char *text, uint64_t *ret_ns)
{
	size_t whole = strspn(text, "0123456789");
	char seconds[64];
	uint64_t part = 0, ns;

	if (text[whole] == '.' && whole > 0) {
		uint64_t unit = WI_STOPWATCH_S;
		const char *at = text + whole + 1;

		for (; *at >= '0' && *at <= '9'; at++)
			part += (uint64_t)(*at - '0') * (unit /= 10);
		if (*at != '\0')
			return false;
	} else if (text[whole] != '\0') {
		return wi_quantity_duration(text, INTERVAL_MAX_NS, ret_ns) && *ret_ns >= INTERVAL_MIN_NS;
	}
	if (snprintf(seconds, sizeof(seconds), "%.*ss", (int)whole, text) >= (int)sizeof(seconds) ||
	    !wi_quantity_duration(seconds, INTERVAL_MAX_NS, &ns) || ns + part < INTERVAL_MIN_NS ||
	    ns + part > INTERVAL_MAX_NS)
		return false;
	*ret_ns = ns + part;
	return true;
}

struct wi_screen_size
wi_watch_screen_size(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return (struct wi_screen_size){80, 0};
	return (struct wi_screen_size){size.ws_col, size.ws_row};
}
