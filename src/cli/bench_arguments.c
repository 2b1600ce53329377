/* SPDX-License-Identifier: MIT */
/* bench_arguments.c - see bench_arguments.h. */
#include "bench_arguments.h"

#include "bench_file.h"
#include "bench_scenario.h"
#include "command.h"

#include <argp.h>
#include <stdlib.h>

enum { OPTION_LONG = 256, OPTION_LIST = 512 };

/* Those with a key from OPTION_LONG on, or a letter, are settings by that name. */
static const struct argp_option options_help[] = {
	{NULL, 0, NULL, 0, "What to run:", 1},
	{"scenario", 's', "NAME", 0, "A load that has a name (1p1c)", 0},
	{"list", OPTION_LIST, NULL, 0, "Show the scenarios and what they consist of", 0},
	{"duration", 't', "TIME", 0, "Publish for so long in each run (1s)", 0},
	{"warmup", OPTION_LONG, "TIME", 0, "And before it so long, not counted (200ms)", 0},
	{"repeat", 'r', "N", 0, "Runs, each with a bus of its own (5)", 0},

	{NULL, 0, NULL, 0, "The load:", 2},
	{"producers", 'p', "N", 0, "Publish from N threads (1)", 0},
	{"rate", OPTION_LONG + 1, "N", 0,
	 "Open loop: N events a second over all producers, as 500k or 2M, each at its moment, "
	 "and latency from that moment on. Without it a closed loop: each event as soon as there "
	 "is room", 0},
	{"burst", OPTION_LONG + 2, "N", 0, "With --rate: N events of a producer at once (1)", 0},
	{"size", OPTION_LONG + 3, "BYTES", 0,
	 "Of payloads: 48, a range 8..256, or a list 8,48,256 taken in turn (48)", 0},
	{"topics", OPTION_LONG + 4, "N", 0,
	 "bench.t000.update and so on; up to 64 in turn, more in random order (64)", 0},
	{"hot", OPTION_LONG + 5, "PERCENT", 0,
	 "So many of the events go to the first topic, as 90%", 0},
	{"keys", OPTION_LONG + 6, "N", 0,
	 "Events have keys, N different ones (none; 1024 if a pool has order=key)", 0},
	{"commit", OPTION_LONG + 7, "N", 0, "Events a commit (1)", 0},
	{"in-place", OPTION_LONG + 8, NULL, 0,
	 "Write payloads in the ring; otherwise, with one event a commit, they are copied", 0},

	{NULL, 0, NULL, 0, "Handlers and pools:", 3},
	{"on", 'o', "SPEC", 0,
	 "Subscribe; may be given again. SPEC: PATTERN[@POOL][:OPTION=VALUE,...]. Options: "
	 "cost=TIME (work for so long in each call), sleep=TIME, times=N (so many "
	 "subscriptions). Default: " WI_BENCH_PATTERN, 0},
	{"cost", OPTION_LONG + 9, "TIME", 0, "cost of all --on that have none of their own (0)", 0},
	{"pool", OPTION_LONG + 10, "SPEC", 0,
	 "One more pool, or options of one that there is; may be given again. SPEC: "
	 "NAME[:OPTION=VALUE,...]. Options: dispatchers=N, wait=HOW, order=producer|key, "
	 "behind=hold|skip, after=POOL+POOL, batch=N, sleep=TIME, spin=TIME, cpus=0+2", 0},
	{"ring-size", OPTION_LONG + 17, "BYTES", 0,
	 "Room of each producer, a power of two (256k)", 0},

	{NULL, 0, NULL, 0, "The default pool, as --pool default:...", 4},
	{"dispatchers", 'd', "N", 0, "Threads that call handlers (1)", 0},
	{"wait", OPTION_LONG + 11, "HOW", 0,
	 "adaptive, spin, yield, poll or park (as fits the processors)", 0},
	{"order", OPTION_LONG + 12, "WHAT", 0, "producer or key (producer)", 0},
	{"behind", OPTION_LONG + 13, "WHAT", 0, "hold or skip (hold)", 0},
	{"batch", OPTION_LONG + 14, "N", 0, "Events of a batch, at most (1024)", 0},
	{"spin", OPTION_LONG + 15, "TIME", 0, "With wait adaptive: before it parks (20us)", 0},
	{"sleep", OPTION_LONG + 16, "TIME", 0, "With wait poll (100us)", 0},

	{NULL, 0, NULL, 0,
	 "Processors (default: producers on the first, dispatchers on the others):", 5},
	{"producer-cpus", OPTION_LONG + 18, "LIST", 0,
	 "0+2, 1-3 or any: a producer on each, in turn", 0},
	{"cpus", OPTION_LONG + 19, "LIST", 0,
	 "The same of all pools that have no cpus of their own", 0},

	{NULL, 0, NULL, 0, "What to show:", 6},
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

/* Kept until the scenario and the file, wherever they stand, have been applied. */
struct arguments {
	struct wi_bench_options *options;
	const char *scenario, *file;
	struct {
		const char *name, *value;
	} *settings;
	size_t count;
};

static const char *
name_of(int key)
{
	for (const struct argp_option *option = options_help; option->name || option->doc; option++)
		if (option->key == key)
			return option->name;
	return NULL;
}

static void
keep(struct argp_state *state, struct arguments *arguments, const char *name, const char *value)
{
	void *settings = realloc(arguments->settings,
				 (arguments->count + 1) * sizeof(*arguments->settings));

	if (settings == NULL)
		argp_failure(state, WI_EXIT_FAILED, 0, "out of memory");
	arguments->settings = settings;
	arguments->settings[arguments->count].name = name;
	arguments->settings[arguments->count++].value = value;
}

static void
apply_scenario(struct argp_state *state, struct arguments *arguments)
{
	const char *name = arguments->scenario;
	const struct wi_bench_scenario *scenario;

	if (name == NULL && (arguments->file != NULL || arguments->count > 0))
		return;
	scenario = wi_bench_scenario_find(name != NULL ? name : "1p1c");
	if (scenario == NULL)
		argp_error(state, "--scenario: there is no '%s'; --list shows them", name);
	else if (wi_bench_scenario_apply(scenario, arguments->options) != NULL)
		argp_failure(state, WI_EXIT_FAILED, 0, "out of memory");
}

static void
apply(struct argp_state *state, struct arguments *arguments)
{
	const char *wrong;
	int code;

	apply_scenario(state, arguments);
	if (arguments->file != NULL &&
	    (code = wi_bench_file_read(arguments->file, arguments->options)) != 0)
		exit(code);
	wi_bench_options_layer(arguments->options);
	for (size_t i = 0; i < arguments->count; i++) {
		wrong = wi_bench_options_set(arguments->options, arguments->settings[i].name,
					     arguments->settings[i].value);
		if (wrong != NULL)
			argp_error(state, "--%s: %s", arguments->settings[i].name, wrong);
	}
	wrong = wi_bench_options_check(arguments->options);
	if (wrong != NULL)
		argp_error(state, "%s", wrong);
}

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 's':
		arguments->scenario = argument;
		return 0;
	case OPTION_LIST:
		wi_bench_scenario_list(stdout);
		exit(WI_EXIT_OK);
	case ARGP_KEY_ARG:
		if (arguments->file != NULL)
			argp_error(state, "more than one FILE: '%s', '%s'", arguments->file,
				   argument);
		arguments->file = argument;
		return 0;
	case ARGP_KEY_SUCCESS:
		apply(state, arguments);
		return 0;
	default:
		if (key <= 0 || key >= OPTION_LIST || name_of(key) == NULL)
			return ARGP_ERR_UNKNOWN;
		keep(state, arguments, name_of(key), argument);
		return 0;
	}
}

void
wi_bench_arguments_parse(struct wi_bench_options *options, int argc, char **argv)
{
	static const struct argp bench_argp = {
		.options = options_help,
		.parser = parse_option,
		.args_doc = "[FILE]",
		.doc = doc,
	};
	struct arguments arguments = {.options = options};

	if (!wi_bench_options_init(options))
		exit(WI_EXIT_FAILED);
	argp_parse(&bench_argp, argc, argv, 0, NULL, &arguments);
	free(arguments.settings);
}
