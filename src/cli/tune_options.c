/* SPDX-License-Identifier: MIT */
/* tune_options.c - see tune_options.h. */
#include "tune_options.h"

#include "bench_load_arguments.h"
#include "command.h"
#include "command_text.h"
#include "quantity.h"
#include "stopwatch.h"
#include "tune_load.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUDGET_MIN_NS WI_STOPWATCH_S
#define BUDGET_MAX_NS (24 * 3600 * WI_STOPWATCH_S)
#define TRIAL_MIN_NS  WI_STOPWATCH_MS
#define TRIAL_MAX_NS  (60 * WI_STOPWATCH_S)

static const char *const goals[] = {
	[WI_TUNE_THROUGHPUT] = "throughput", [WI_TUNE_LATENCY] = "latency", [WI_TUNE_CPU] = "cpu"};

enum { GOAL_COUNT = sizeof(goals) / sizeof(goals[0]) };

enum {
	OPTION_VARY = 300, OPTION_FIX, OPTION_COMMIT_MAX, OPTION_P99_MAX, OPTION_EXHAUSTIVE,
	OPTION_REPEAT, OPTION_SEED, OPTION_TRIAL, OPTION_FROM, OPTION_SAVE_LOAD, OPTION_JSON,
	OPTION_REPORT
};

static const struct argp_option options_help[] = {
	{NULL, 0, NULL, 0, "What to look for:", 1},
	{"goal", 'g', "GOAL", 0,
	 "throughput: most events a second in a closed loop; latency: least p99 at --rate; cpu: "
	 "least processor time at --rate (throughput; with a rate latency)", 0},
	{"p99-max", OPTION_P99_MAX, "TIME", 0, "Of goal cpu: only where p99 is at most this", 0},
	{"budget", 'b', "TIME", 0, "Time for all of it, 1s to 24h (60s)", 0},
	{"vary", OPTION_VARY, "NAME=VALUE,...", 0,
	 "Try these; may be given again. NAME: wait, dispatchers, cpus, order, batch, spin, sleep, "
	 "of all pools or POOL.NAME of one; ring-size, commit. What the load says is not varied "
	 "otherwise, nor are order and commit: they change what is promised", 0},
	{"fix", OPTION_FIX, "NAME", 0, "Do not vary that; may be given again", 0},
	{"commit-max", OPTION_COMMIT_MAX, "N", 0,
	 "Up to N events a commit: they are seen together, so the first ones later", 0},
	{"exhaustive", OPTION_EXHAUSTIVE, NULL, 0,
	 "Try all settings, --repeat times, however long it takes", 0},
	{"repeat", OPTION_REPEAT, "N", 0, "Of --exhaustive, 1 to 200 (5)", 0},
	{"seed", OPTION_SEED, "N", 0, "Of the order in which trials are made (1)", 0},
	{"trial", OPTION_TRIAL, "TIME", 0,
	 "Measure so long in each trial (50 to 200 ms, as the noise wants it)", 0},

	{NULL, 0, NULL, 0, "A load from a running process:", 3},
	{"from", OPTION_FROM, "PID|FILE", 0,
	 "Watch a process's counters for a second, and make a load of what it does", 0},
	{"save-load", OPTION_SAVE_LOAD, "FILE", 0, "Write that load as an INI file", 0},

	{NULL, 0, NULL, 0, "What to show:", 4},
	{"json", OPTION_JSON, NULL, 0, "Everything as one JSON object", 0},
	{"report", OPTION_REPORT, "FILE", 0,
	 "Write a page with tables and charts of it all, FILE.html, that loads nothing", 0},
	{NULL, 0, NULL, 0, "Help:", -1},
	{0}};

static const char doc[] =
	"Search the settings of pools that are best for a load: that of a scenario, of an INI file, "
	"of a running process, or of the options, as in weir bench.\v"
	"FILE is as in weir bench; its durations, repeats and files to write mean nothing here.\n\n"
	"TIME: nanoseconds, or with ns, us, ms, s, min, h. BYTES may end in k, m or g (powers of "
	"1024).\n\nExit status: 0 done; 1 something failed, was lost or came wrong; 64 wrong usage; "
	"65 not a counters file, or a damaged one; 66 FILE cannot be read; 69 the process has ended, "
	"is stopped, or publishes nothing; 130, 143 interrupted by SIGINT, SIGTERM, after showing "
	"what there is.";

struct arguments {
	struct wi_tune_options *options;
	struct wi_bench_load_arguments load;
	const char *goal;
};

const char *
wi_tune_goal_name(enum wi_tune_goal goal)
{
	return goals[goal];
}

static void
take_time(struct argp_state *state, const char *name, const char *text, uint64_t least,
	  uint64_t most, uint64_t *ret_ns)
{
	if (!wi_quantity_duration(text, most, ret_ns) || *ret_ns < least)
		argp_error(state, "--%s: '%s' is not a time that is allowed there, as 500us or 2s",
			   name, text);
}

static void
take_count(struct argp_state *state, const char *name, const char *text, uint64_t most,
	   uint64_t *ret_count)
{
	if (!wi_quantity_count(text, 1, most, ret_count))
		argp_error(state, "--%s: '%s' is not a whole number from 1 to %llu", name, text,
			   (unsigned long long)most);
}

static void
take_vary(struct argp_state *state, struct wi_tune_options *options, const char *text, bool fixed)
{
	if (options->vary_count == WI_TUNE_VARY_MAX)
		argp_error(state, "--%s: that is too often", fixed ? "fix" : "vary");
	else
		options->vary[options->vary_count++] = (struct wi_tune_vary){text, fixed};
}

/* -- when all is known ------------------------------------------------------ */

static void
choose_goal(struct argp_state *state, struct arguments *arguments)
{
	struct wi_tune_options *options = arguments->options;
	int goal = 0;

	if (arguments->goal == NULL) {
		options->goal = options->load.rate > 0 ? WI_TUNE_LATENCY : WI_TUNE_THROUGHPUT;
	} else {
		while (goal < GOAL_COUNT && strcmp(goals[goal], arguments->goal) != 0)
			goal++;
		if (goal == GOAL_COUNT)
			argp_error(state, "--goal: '%s' is not throughput, latency or cpu",
				   arguments->goal);
		options->goal = (enum wi_tune_goal)goal;
	}
	/* What a process publishes is not what it could. */
	if (options->goal == WI_TUNE_THROUGHPUT && options->from != NULL)
		options->load.rate = 0;
	if (options->goal == WI_TUNE_THROUGHPUT && options->load.rate > 0)
		argp_error(state, "--goal throughput is of a closed loop, and the load has a rate");
	if (options->goal != WI_TUNE_THROUGHPUT && options->load.rate == 0)
		argp_error(state, "--goal %s needs --rate: events a second", goals[options->goal]);
	if (options->p99_max_ns > 0 && options->goal != WI_TUNE_CPU)
		argp_error(state, "--p99-max is for --goal cpu; that of latency is the least anyhow");
	if (options->commit_max > 0 && options->load.rate > 0)
		argp_error(state, "--commit-max: with --rate each event is committed at its moment");
	if (options->commit_max > 0 && options->commit_max < options->load.commit_count)
		argp_error(state, "--commit-max: the load has %llu events a commit",
			   (unsigned long long)options->load.commit_count);
}

/* What was derived, for the eyes and for later; a name that is taken is left as it is if it fails. */
static void
save(struct argp_state *state, const struct wi_tune_options *options)
{
	FILE *file = fopen(options->save_load, "we");

	if (file != NULL && fputs(options->derived, file) >= 0 && fflush(file) == 0) {
		fclose(file);
		return;
	}
	argp_failure(state, WI_EXIT_FAILED, errno, "--save-load: cannot write %s",
		     options->save_load);
}

static void
derive(struct argp_state *state, struct arguments *arguments)
{
	struct wi_tune_options *options = arguments->options;
	int code;

	if (options->from == NULL) {
		if (options->save_load != NULL)
			argp_error(state, "--save-load is for the load of --from");
		return;
	}
	if (arguments->load.scenario != NULL || arguments->load.file != NULL)
		argp_error(state, "--from is a load of its own, beside %s",
			   arguments->load.file != NULL ? "a FILE" : "--scenario");
	code = wi_tune_load_derive("weir tune", options->from, &options->derived);
	if (code != 0)
		exit(code);
	if (options->save_load != NULL)
		save(state, options);
	arguments->load.file = options->from;
	arguments->load.stream = fmemopen(options->derived, strlen(options->derived), "r");
	if (arguments->load.stream == NULL)
		argp_failure(state, WI_EXIT_FAILED, errno, "--from");
}

static void
finish(struct argp_state *state, struct arguments *arguments)
{
	struct wi_tune_options *options = arguments->options;

	derive(state, arguments);
	wi_bench_load_arguments_apply(state, &arguments->load);
	options->ring_given = arguments->load.says_ring_size;
	if (options->load.repeat > 200)
		argp_error(state, "--repeat: at most 200");
	choose_goal(state, arguments);
	if (arguments->load.stream != NULL)
		fclose(arguments->load.stream);
}

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	struct wi_tune_options *options = arguments->options;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->load;
		return 0;
	case 'g':
		arguments->goal = argument;
		return 0;
	case 'b':
		take_time(state, "budget", argument, BUDGET_MIN_NS, BUDGET_MAX_NS,
			  &options->budget_ns);
		return 0;
	case OPTION_P99_MAX:
		take_time(state, "p99-max", argument, 1, BUDGET_MAX_NS, &options->p99_max_ns);
		return 0;
	case OPTION_TRIAL:
		take_time(state, "trial", argument, TRIAL_MIN_NS, TRIAL_MAX_NS, &options->trial_ns);
		return 0;
	case OPTION_VARY:
	case OPTION_FIX:
		take_vary(state, options, argument, key == OPTION_FIX);
		return 0;
	case OPTION_COMMIT_MAX:
		take_count(state, "commit-max", argument, 65536, &options->commit_max);
		return 0;
	case OPTION_SEED:
		take_count(state, "seed", argument, UINT32_MAX, &options->seed);
		return 0;
	case OPTION_EXHAUSTIVE:
		options->exhaustive = true;
		return 0;
	case OPTION_REPEAT:
		wi_bench_load_arguments_keep(state, &arguments->load, "repeat", argument);
		return 0;
	case OPTION_JSON:
		wi_bench_load_arguments_keep(state, &arguments->load, "json", NULL);
		return 0;
	case OPTION_FROM:
		options->from = argument;
		return 0;
	case OPTION_SAVE_LOAD:
		options->save_load = argument;
		return 0;
	case OPTION_REPORT:
		options->report = argument;
		return 0;
	case ARGP_KEY_SUCCESS:
		finish(state, arguments);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void
wi_tune_options_parse(struct wi_tune_options *options, int argc, char **argv)
{
	static const struct argp_child children[] = {{&wi_bench_load_argp, 0, NULL, 2}, {0}};
	static const struct argp tune_argp = {
		.options = options_help,
		.parser = parse_option,
		.args_doc = "[FILE]",
		.doc = doc,
		.children = children,
	};
	struct arguments arguments = {
		.options = options, .load = {.program = "weir tune", .options = &options->load}};

	*options = (struct wi_tune_options){.budget_ns = 60 * WI_STOPWATCH_S, .seed = 1,
					    .command = wi_command_text(argc, argv)};
	if (options->command == NULL || !wi_bench_options_init(&options->load))
		exit(WI_EXIT_FAILED);
	argp_parse(&tune_argp, argc, argv, 0, NULL, &arguments);
}

void
wi_tune_options_fini(struct wi_tune_options *options)
{
	wi_bench_options_fini(&options->load);
	free(options->derived);
	free(options->command);
}
