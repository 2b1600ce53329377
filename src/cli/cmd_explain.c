/* SPDX-License-Identifier: MIT */
/* cmd_explain.c - `weir explain`: who gets an event of a topic, in which order. */
#include "command.h"
#include "explain.h"
#include "explain_plan.h"
#include "quantity.h"
#include "watch.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_JSON = 300, OPTION_DEAD, OPTION_CONFIG };

struct explain_options {
	struct wi_watch watch;
	const char *topic, *config;
	const char *selects; /* an option that chooses a process, or NULL */
	bool json;
};

static const struct argp_option options_help[] = {
	{"pid", 'p', "PID", 0, "The process (the only one of this user that has a bus)", 0},
	{"file", 'f', "FILE", 0, "The counters file", 0},
	{"dead", OPTION_DEAD, NULL, 0, "Also what a process has left that is gone", 0},
	{"config", OPTION_CONFIG, "FILE", 0, "No process: a host as FILE (INI) describes it", 0},
	{"json", OPTION_JSON, NULL, 0, "One JSON object", 0},
	{0}};

static void
take_topic(struct argp_state *state, struct explain_options *options, const char *topic)
{
	const char *problem;

	if (options->topic != NULL)
		argp_error(state, "'%s' is too much", topic);
	options->topic = topic;
	problem = wi_explain_problem(topic);
	if (problem != NULL)
		argp_error(state, "TOPIC: '%s' %s", topic, problem);
}

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct explain_options *options = state->input;

	switch (key) {
	case 'p':
		options->selects = "--pid";
		if (!wi_quantity_count(argument, 1, INT32_MAX, &options->watch.pid))
			argp_error(state, "--pid: '%s' is not a process id", argument);
		return 0;
	case 'f':
		options->selects = "--file";
		options->watch.file = argument;
		return 0;
	case OPTION_DEAD:
		options->selects = "--dead";
		options->watch.dead = true;
		return 0;
	case OPTION_CONFIG:
		options->config = argument;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		take_topic(state, options, argument);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "there is no TOPIC");
		return 0;
	case ARGP_KEY_SUCCESS:
		if (options->watch.pid != 0 && options->watch.file != NULL)
			argp_error(state, "--pid and --file both name a bus");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int
show(const struct explain_options *options, struct wi_explain *explain)
{
	if (options->json)
		wi_explain_json(explain, stdout);
	else
		wi_explain_text(explain, stdout);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return explain->getting > 0 ? WI_EXIT_OK : WI_EXIT_FAILED;
	wi_watch_complain(&options->watch, "standard output cannot be written");
	return WI_EXIT_FAILED;
}

static int
explain_snapshot(const struct explain_options *options, const struct wi_snapshot *snapshot,
		 const struct wi_explain_plan *plan)
{
	struct wi_explain explain;
	int code = WI_EXIT_FAILED;

	if (wi_explain_make(&explain, options->topic, snapshot)) {
		if (plan != NULL) {
			explain.source =
				plan->config != NULL ? WI_EXPLAIN_CONFIG : WI_EXPLAIN_OPTIONS;
			explain.config = plan->config;
		}
		code = show(options, &explain);
	} else {
		wi_watch_complain(&options->watch, "out of memory");
	}
	wi_explain_fini(&explain);
	return code;
}

static int
explain_process(struct explain_options *options)
{
	struct wi_snapshot *snapshot = NULL;
	int code = wi_watch_open(&options->watch);

	if (code == WI_EXIT_OK)
		code = wi_watch_look(&options->watch, NULL, &snapshot);
	if (code == WI_EXIT_OK)
		code = wi_watch_judge(&options->watch, snapshot);
	if (code == WI_EXIT_OK)
		code = explain_snapshot(options, snapshot, NULL);
	wi_snapshot_free(snapshot);
	wi_watch_close(&options->watch);
	return code;
}

/* The arguments of `weir run`, with --config in front. */
static int
explain_plan(const struct explain_options *options, int argc, char **argv)
{
	char **arguments = calloc((size_t)argc + 4, sizeof(*arguments));
	char name[] = "weir run", config[] = "--config";
	struct wi_explain_plan plan;
	int count = 0, code;

	if (arguments == NULL) {
		wi_watch_complain(&options->watch, "out of memory");
		return WI_EXIT_FAILED;
	}
	arguments[count++] = name;
	if (options->config != NULL) {
		arguments[count++] = config;
		arguments[count++] = (char *)options->config;
	}
	memcpy(arguments + count, argv, (size_t)argc * sizeof(*argv));
	code = wi_explain_plan_make(&plan, count + argc, arguments);
	if (code == WI_EXIT_OK && options->config != NULL &&
	    plan.options.config != options->config) {
		wi_watch_complain(&options->watch, "--config is given twice: %s, %s",
				  options->config, plan.options.config);
		code = WI_EXIT_USAGE;
	}
	if (code == WI_EXIT_OK)
		code = explain_snapshot(options, plan.snapshot, &plan);
	wi_explain_plan_fini(&plan);
	free(arguments);
	return code;
}

static const char doc[] =
	"Show who gets an event of TOPIC, in which order: the pools as they see it, the handlers "
	"of each "
	"as they are called, and who is passed over.\v"
	"Of a running process, by its counters file; or, with -- or --config, of `weir run' with "
	"these "
	"arguments, of which nothing is run: no plugin is loaded, nothing published or read.\n\n"
	"Exit status: 0 somebody gets it; 1 nobody does; 64 wrong usage, also of `weir run'; 65 "
	"not a "
	"counters file, or a damaged one; 66 it cannot be opened; 69 there is no process, it has "
	"ended, or "
	"there are several and none was chosen.";

int
wi_cmd_explain(int argc, char **argv)
{
	static const struct argp explain_argp = {
		.options = options_help,
		.parser = parse_option,
		.args_doc = "TOPIC\nTOPIC -- [ARGUMENT OF weir run...]\n--config FILE TOPIC [-- "
			    "ARGUMENT...]",
		.doc = doc};
	struct explain_options options = {.watch = {.program = "weir explain", .fd = -1}};
	int own = 0;
	bool planned;

	while (own < argc && strcmp(argv[own], "--") != 0)
		own++;
	argp_parse(&explain_argp, own, argv, 0, NULL, &options);
	planned = own < argc || options.config != NULL;
	if (planned && options.selects != NULL) {
		wi_watch_complain(&options.watch, "%s is for a process, and %s for none",
				  options.selects, options.config != NULL ? "--config" : "--");
		return WI_EXIT_USAGE;
	}
	if (!planned)
		return explain_process(&options);
	return explain_plan(&options, own < argc ? argc - own - 1 : 0,
			    own < argc ? argv + own + 1 : argv);
}
