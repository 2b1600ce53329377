/* SPDX-License-Identifier: MIT */
/* bench_arguments.c - see bench_arguments.h. */
#include "bench_arguments.h"

#include "bench_load_arguments.h"
#include "command.h"

#include <argp.h>
#include <stdlib.h>

enum { OPTION_LONG = 256 };

/* All of them are settings by that name; those of the load are in bench_load_arguments.c. */
static const struct argp_option options_help[] = {
	{NULL, 0, NULL, 0, "What to run:", 1},
	{"duration", 't', "TIME", 0, "Publish for so long in each run (1s)", 0},
	{"warmup", OPTION_LONG, "TIME", 0, "And before it so long, not counted (200ms)", 0},
	{"repeat", 'r', "N", 0, "Runs, each with a bus of its own (5)", 0},

	{NULL, 0, NULL, 0, "What to show:", 3},
	{"json", OPTION_LONG + 20, NULL, 0, "Everything as one JSON object", 0},
	{"hgrm", OPTION_LONG + 21, "PREFIX", 0,
	 "Write percentiles to PREFIX-N-total.hgrm and so on, N the number of the --on", 0},
	{"hlog", OPTION_LONG + 22, "FILE", 0,
	 "Write all counts of all runs as an HdrHistogram log", 0},
	{"report", OPTION_LONG + 24, "FILE", 0,
	 "Write a page with tables and charts of it all, FILE.html, that loads nothing", 0},
	{"no-yardstick", OPTION_LONG + 23, NULL, 0,
	 "Do not measure the machine beside each run", 0},
	{NULL, 0, NULL, 0, "Help:", -1},
	{0}};

static const char doc[] =
	"Measure what a bus does under a load: that of a scenario, of an INI file, or of the "
	"options.\v"
	"FILE has the settings by the names of the options: [load] rate = 100k; pools as "
	"[pool.NAME] wait = spin; subscriptions as [on.NAME] pattern = >, pool = NAME, cost = "
	"500ns. A scenario comes first, FILE sets over it, options over both; --on replaces the "
	"subscriptions so far.\n\nTIME: nanoseconds, or with ns, us, ms, s. BYTES may end in k, "
	"m or g (powers of 1024).\n\nExit status: 0 done; 1 something failed, was lost or came "
	"wrong; 64 wrong usage; 66 FILE cannot be read; 130, 143 interrupted by SIGINT, SIGTERM, "
	"after showing what there is.";

static const char *
name_of(int key)
{
	for (const struct argp_option *option = options_help; option->name || option->doc; option++)
		if (option->key == key)
			return option->name;
	return NULL;
}

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct wi_bench_load_arguments *load = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = load;
		return 0;
	case ARGP_KEY_SUCCESS:
		wi_bench_load_arguments_apply(state, load);
		return 0;
	default:
		if (key <= 0 || name_of(key) == NULL)
			return ARGP_ERR_UNKNOWN;
		wi_bench_load_arguments_keep(state, load, name_of(key), argument);
		return 0;
	}
}

void
wi_bench_arguments_parse(struct wi_bench_options *options, int argc, char **argv)
{
	static const struct argp_child children[] = {{&wi_bench_load_argp, 0, NULL, 2}, {0}};
	static const struct argp bench_argp = {
		.options = options_help,
		.parser = parse_option,
		.args_doc = "[FILE]",
		.doc = doc,
		.children = children,
	};
	struct wi_bench_load_arguments load = {.program = "weir bench", .options = options};

	if (!wi_bench_options_init(options))
		exit(WI_EXIT_FAILED);
	argp_parse(&bench_argp, argc, argv, 0, NULL, &load);
}
