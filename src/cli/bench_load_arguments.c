/* SPDX-License-Identifier: MIT */
/* bench_load_arguments.c - see bench_load_arguments.h. */
#include "bench_load_arguments.h"

#include "bench_file.h"
#include "bench_scenario.h"
#include "command.h"

#include <stdlib.h>

enum { OPTION_LONG = 256, OPTION_LIST = 512 };

/* Those with a key from OPTION_LONG on, or a letter but s, are settings by that name. */
static const struct argp_option options_help[] = {
	{NULL, 0, NULL, 0, "The load:", 1},
	{"scenario", 's', "NAME", 0, "A load that has a name (1p1c)", 0},
	{"list", OPTION_LIST, NULL, 0, "Show the scenarios and what they consist of", 0},
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
	{"many", OPTION_LONG + 30, NULL, 0,
	 "Copy those of a commit by weir_publish_many(), without keys", 0},

	{NULL, 0, NULL, 0, "Handlers and pools:", 2},
	{"on", 'o', "SPEC", 0,
	 "Subscribe; may be given again. SPEC: PATTERN[@POOL][:OPTION=VALUE,...]. Options: "
	 "cost=TIME (work for so long in each call), sleep=TIME, times=N (so many "
	 "subscriptions). Default: " WI_BENCH_PATTERN, 0},
	{"cost", OPTION_LONG + 9, "TIME", 0, "cost of all --on that have none of their own (0)", 0},
	{"pool", OPTION_LONG + 10, "SPEC", 0,
	 "One more pool, or options of one that there is; may be given again. SPEC: "
	 "NAME[:OPTION=VALUE,...]. Options: dispatchers=N, wait=HOW, order=producer|key, "
	 "behind=hold|skip, after=POOL+POOL, batch=N, sleep=TIME, spin=TIME, cpus=0+2, nice=N", 0},
	{"ring-size", OPTION_LONG + 17, "BYTES", 0,
	 "Room of each producer, a power of two (256k)", 0},

	{NULL, 0, NULL, 0, "The default pool, as --pool default:...", 3},
	{"dispatchers", 'd', "N", 0, "Threads that call handlers (1)", 0},
	{"wait", OPTION_LONG + 11, "HOW", 0,
	 "adaptive, spin, yield, poll or park (as fits the processors)", 0},
	{"order", OPTION_LONG + 12, "WHAT", 0, "producer or key (producer)", 0},
	{"behind", OPTION_LONG + 13, "WHAT", 0, "hold or skip (hold)", 0},
	{"batch", OPTION_LONG + 14, "N", 0, "Events of a batch, at most (1024)", 0},
	{"spin", OPTION_LONG + 15, "TIME", 0, "With wait adaptive: before it parks (20us)", 0},
	{"sleep", OPTION_LONG + 16, "TIME", 0, "With wait poll (100us)", 0},

	{NULL, 0, NULL, 0,
	 "Processors (default: producers on the first, dispatchers on the others):", 4},
	{"producer-cpus", OPTION_LONG + 18, "LIST", 0,
	 "0+2, 1-3 or any: a producer on each, in turn", 0},
	{"cpus", OPTION_LONG + 19, "LIST", 0,
	 "The same of all pools that have no cpus of their own", 0},
	{0}};

static const char *
name_of(int key)
{
	for (const struct argp_option *option = options_help; option->name || option->doc; option++)
		if (option->key == key)
			return option->name;
	return NULL;
}

void
wi_bench_load_arguments_keep(struct argp_state *state, struct wi_bench_load_arguments *arguments,
			     const char *name, const char *value)
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
apply_scenario(struct argp_state *state, struct wi_bench_load_arguments *arguments)
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

void
wi_bench_load_arguments_apply(struct argp_state *state, struct wi_bench_load_arguments *arguments)
{
	uint64_t default_size = arguments->options->ring_size;
	const char *wrong;
	int code = 0;

	arguments->options->ring_size = 0;
	apply_scenario(state, arguments);
	if (arguments->stream != NULL)
		code = wi_bench_file_take(arguments->program, arguments->file, arguments->stream,
					  arguments->options);
	else if (arguments->file != NULL)
		code = wi_bench_file_read(arguments->program, arguments->file, arguments->options);
	if (code != 0)
		exit(code);
	wi_bench_options_layer(arguments->options);
	for (size_t i = 0; i < arguments->count; i++) {
		wrong = wi_bench_options_set(arguments->options, arguments->settings[i].name,
					     arguments->settings[i].value);
		if (wrong != NULL)
			argp_error(state, "--%s: %s", arguments->settings[i].name, wrong);
	}
	free(arguments->settings);
	arguments->settings = NULL;
	arguments->says_ring_size = arguments->options->ring_size != 0;
	if (!arguments->says_ring_size)
		arguments->options->ring_size = default_size;
	wrong = wi_bench_options_check(arguments->options);
	if (wrong != NULL)
		argp_error(state, "%s", wrong);
}

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct wi_bench_load_arguments *arguments = state->input;

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
	default:
		if (key <= 0 || key >= OPTION_LIST || name_of(key) == NULL)
			return ARGP_ERR_UNKNOWN;
		wi_bench_load_arguments_keep(state, arguments, name_of(key), argument);
		return 0;
	}
}

const struct argp wi_bench_load_argp = {.options = options_help, .parser = parse_option};
