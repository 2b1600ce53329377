/* SPDX-License-Identifier: MIT */
/* cmd_top.c - `weir top`: a bus's pools, rings and handlers while they work. */
#include "command.h"
#include "json_line.h"
#include "quantity.h"
#include "stopwatch.h"
#include "top_lines.h"
#include "top_screen.h"
#include "watch.h"
#include "watch_text.h"

#include <argp.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_JSON = 300, OPTION_ONCE, OPTION_DEAD };

struct top_options {
	struct wi_watch watch;
	uint64_t interval_ns;
	bool once, json;
};

static const struct argp_option options_help[] = {
	{"interval", 'i', "TIME", 0, "Between looks: seconds, or with a unit, as 500ms (1)", 0},
	{"once", OPTION_ONCE, NULL, 0, "One look, an interval long, as text", 0},
	{"json", OPTION_JSON, NULL, 0, "One look, an interval long, as one JSON object", 0},
	{"dead", OPTION_DEAD, NULL, 0, "Also what a process has left that is gone", 0},
	{0}};

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct top_options *options = state->input;

	switch (key) {
	case 'i':
		if (!wi_watch_interval(argument, &options->interval_ns))
			argp_error(state, "--interval: '%s' is not a time from 10ms to 3600s", argument);
		return 0;
	case OPTION_ONCE:
		options->once = true;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case OPTION_DEAD:
		options->watch.dead = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 0)
			argp_error(state, "'%s' is too much", argument);
		if (argument[strspn(argument, "0123456789")] != '\0')
			options->watch.file = argument;
		else if (!wi_quantity_count(argument, 1, INT32_MAX, &options->watch.pid))
			argp_error(state, "'%s' is not a process id", argument);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool
write_text(const struct wi_snapshot *snapshot)
{
	const struct wi_top_view view = {wi_watch_screen_size().columns, WI_TOP_BY_PLACE, ""};
	struct wi_top_lines lines;
	bool good = wi_top_lines_make(&lines, snapshot, &view);

	for (size_t i = 0; good && i < lines.count; i++)
		good = puts(lines.each[i].text) >= 0;
	wi_top_lines_fini(&lines);
	return good;
}

static bool
write_once(const struct top_options *options, const struct wi_snapshot *snapshot)
{
	if (!options->json)
		return write_text(snapshot) && fflush(stdout) == 0;
	return wi_json_line(wi_watch_json(snapshot), stdout) && fflush(stdout) == 0;
}

/* Two looks, since rates are between them; one if nothing will move any more. */
static int
show_once(const struct top_options *options, struct wi_snapshot *snapshot)
{
	struct wi_snapshot *next;
	int code = WI_EXIT_OK;

	if (snapshot->state == WI_SNAPSHOT_ALIVE) {
		wi_watch_wait(&options->watch, snapshot, options->interval_ns);
		code = wi_watch_look(&options->watch, snapshot, &next);
		if (code == WI_EXIT_OK) {
			wi_snapshot_free(snapshot);
			snapshot = next;
			code = wi_watch_judge(&options->watch, snapshot);
		}
	}
	if (code == WI_EXIT_OK && !write_once(options, snapshot)) {
		wi_watch_complain(&options->watch, "standard output cannot be written");
		code = WI_EXIT_FAILED;
	}
	if (code == WI_EXIT_OK && snapshot->state == WI_SNAPSHOT_STALE)
		code = WI_EXIT_FAILED;
	wi_snapshot_free(snapshot);
	return code;
}

static const char doc[] =
	"Show what a bus of a running process does: its pools, dispatchers, rings and handlers, "
	"which handlers do not return, and which make a ring full. Without a terminal one look as "
	"text.\v"
	"It reads the counters file of the only process of this user that has one, of process PID, "
	"or "
	"FILE. The process notices nothing, and may hang. On the screen h shows the keys.\n\n"
	"Exit status: 0 done; 1 the process is stopped or hangs as a whole, and was shown once; 64 "
	"wrong usage; 65 not a counters file, or a damaged one; 66 it cannot be opened; 69 there "
	"is "
	"no process, it has ended, or there are several and none was chosen; 130, 143 ended by "
	"SIGINT, SIGTERM.";

int
wi_cmd_top(int argc, char **argv)
{
	static const struct argp top_argp = {
		.options = options_help, .parser = parse_option, .args_doc = "[PID|FILE]", .doc = doc};
	struct top_options options = {.watch = {.program = "weir top", .fd = -1},
				      .interval_ns = WI_STOPWATCH_S};
	struct wi_snapshot *snapshot = NULL;
	int code;

	argp_parse(&top_argp, argc, argv, 0, NULL, &options);
	code = wi_watch_open(&options.watch);
	if (code == WI_EXIT_OK)
		code = wi_watch_look(&options.watch, NULL, &snapshot);
	if (code == WI_EXIT_OK)
		code = wi_watch_judge(&options.watch, snapshot);
	if (code != WI_EXIT_OK)
		wi_snapshot_free(snapshot);
	else if (options.once || options.json || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		code = show_once(&options, snapshot);
	else
		code = wi_top_screen(&options.watch, snapshot, options.interval_ns);
	wi_watch_close(&options.watch);
	return code;
}
