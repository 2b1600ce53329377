/* SPDX-License-Identifier: MIT */
/* cmd_stat.c - `weir stat`: what a bus does, a line at a time. */
#include "command.h"
#include "quantity.h"
#include "stat_line.h"
#include "stopwatch.h"
#include "watch.h"

#include <argp.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPTION_JSON = 300 };

struct stat_options {
	struct wi_watch watch;
	uint64_t interval_ns, count; /* 0: no end */
	bool json;
};

static const struct argp_option options_help[] = {
	{"pid", 'p', "PID", 0, "The process (the only one of this user that has a bus)", 0},
	{"file", 'f', "FILE", 0, "The counters file", 0},
	{"json", OPTION_JSON, NULL, 0, "A JSON object a line", 0},
	{0}};

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct stat_options *options = state->input;

	switch (key) {
	case 'p':
		if (!wi_quantity_count(argument, 1, INT32_MAX, &options->watch.pid))
			argp_error(state, "--pid: '%s' is not a process id", argument);
		return 0;
	case 'f':
		options->watch.file = argument;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0 && wi_watch_interval(argument, &options->interval_ns))
			options->count = 0;
		else if (state->arg_num == 0)
			argp_error(state, "INTERVAL: '%s' is not a time from 10ms to 3600s", argument);
		else if (state->arg_num > 1)
			argp_error(state, "'%s' is too much", argument);
		else if (!wi_quantity_count(argument, 1, UINT32_MAX, &options->count))
			argp_error(state, "COUNT: '%s' is not a number from 1", argument);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool
write_line(const struct stat_options *options, const struct wi_snapshot *snapshot, uint64_t line)
{
	struct wi_screen_size size = wi_watch_screen_size();
	/* A title once a screen, for people; one for a file. */
	uint64_t lines = size.rows > 3 ? size.rows - 2 : UINT64_MAX;

	if (options->json)
		wi_stat_line_json(snapshot, stdout);
	else
		wi_stat_line_text(snapshot, line % lines == 0, size.columns >= WI_STAT_LINE_WIDE,
				  stdout);
	return fflush(stdout) == 0 && !ferror(stdout);
}

/* The end of what is watched is no failure of the watcher. */
static int
end_of(const struct wi_watch *watch, const struct wi_snapshot *snapshot)
{
	int code = wi_watch_judge(watch, snapshot);

	return snapshot->state == WI_SNAPSHOT_CLOSED ? WI_EXIT_OK : code;
}

static int
watch_on(const struct stat_options *options, struct wi_snapshot *snapshot)
{
	int code = WI_EXIT_OK;
	bool told = snapshot->state == WI_SNAPSHOT_STALE;

	for (uint64_t line = 0; options->count == 0 || line < options->count; line++) {
		struct wi_snapshot *before = snapshot;

		wi_watch_wait(&options->watch, before, options->interval_ns);
		code = wi_watch_look(&options->watch, before, &snapshot);
		if (code != WI_EXIT_OK) {
			snapshot = before;
			break;
		}
		wi_snapshot_free(before);
		if (snapshot->state == WI_SNAPSHOT_CLOSED || snapshot->state == WI_SNAPSHOT_GONE) {
			code = end_of(&options->watch, snapshot);
			break;
		}
		if (snapshot->state == WI_SNAPSHOT_STALE && !told)
			wi_watch_judge(&options->watch, snapshot);
		told = snapshot->state == WI_SNAPSHOT_STALE;
		if (!write_line(options, snapshot, line)) {
			wi_watch_complain(&options->watch, "standard output cannot be written");
			code = WI_EXIT_FAILED;
			break;
		}
	}
	if (code == WI_EXIT_OK && snapshot->state == WI_SNAPSHOT_STALE)
		code = WI_EXIT_FAILED;
	wi_snapshot_free(snapshot);
	return code;
}

static const char doc[] =
	"Show what a bus does, a line each INTERVAL (a second), COUNT times (without end; once, if "
	"there is no INTERVAL).\v"
	"INTERVAL: seconds, or with a unit, as 500ms. published, handled, failed, refused: events "
	"and calls a second. in flight: events that not every pool is through with. wait p99: an "
	"event's way to the pool where it is longest. fullest: of the rings. stuck: dispatchers "
	"whose handler has not returned for a second. lost: of a bus that rests, otherwise -. A "
	"wide "
	"terminal also has busiest: of the pools; full: how much of the interval a ring was "
	"full.\n\n"
	"Exit status: 0 done, or the bus was closed; 1 the process is stopped or hangs as a whole; "
	"64 wrong usage; 65 not a counters file, or a damaged one; 66 it cannot be opened; 69 "
	"there "
	"is no process, it has ended, or there are several and none was chosen.";

int
wi_cmd_stat(int argc, char **argv)
{
	static const struct argp stat_argp = {.options = options_help,
					      .parser = parse_option,
					      .args_doc = "[INTERVAL [COUNT]]",
					      .doc = doc};
	struct stat_options options = {
		.watch = {.program = "weir stat", .fd = -1}, .interval_ns = WI_STOPWATCH_S, .count = 1};
	struct wi_snapshot *snapshot;
	int code;

	argp_parse(&stat_argp, argc, argv, 0, NULL, &options);
	code = wi_watch_open(&options.watch);
	if (code == WI_EXIT_OK)
		code = wi_watch_look(&options.watch, NULL, &snapshot);
	if (code == WI_EXIT_OK) {
		code = wi_watch_judge(&options.watch, snapshot);
		if (code == WI_EXIT_OK)
			code = watch_on(&options, snapshot);
		else
			wi_snapshot_free(snapshot);
	}
	wi_watch_close(&options.watch);
	return code;
}
