/* SPDX-License-Identifier: MIT */
/* run_options.c - the options of `weir run`, their help and their limits. */
#include "run_options.h"

#include "command.h"
#include "quantity.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREAD_COUNT_MAX = 256, LINE_SIZE_DEFAULT = 16 << 20, LINE_SIZE_MAX = 1 << 30 };

#define DRAIN_DEFAULT_NS UINT64_C(30000000000)

enum option_key {
	OPTION_JSON = 256,
	OPTION_STRICT,
	OPTION_ALL,
	OPTION_MAX_LINE,
	OPTION_WAIT,
	OPTION_RING_SIZE,
	OPTION_BATCH,
	OPTION_POOL,
	OPTION_CONFIG,
	OPTION_DRAIN,
	OPTION_REPLAYED
};

static const struct argp_option options_help[] = {
	{NULL, 0, NULL, 0, "What to do:", 1},
	{"on", 'o', "PATTERN=HANDLER", 0,
	 "Call HANDLER for the events whose topic matches PATTERN; may be given again. "
	 "count: only count. print: write the event to standard output as JSON. "
	 "sleep:NS: take that long, also 10us, 5ms, 1s. fail:EVERY: fail at each EVERY-th event. "
	 "Default: '>=count', all events. HANDLER@POOL: in a pool of --pool.",
	 0},
	{"producers", 'p', "N", 0,
	 "Publish from N threads; events with the same key always from the same one (1)", 0},
	{"repeat", 'r', "N", 0, "Publish the whole input N times (1)", 0},
	{"strict", OPTION_STRICT, NULL, 0, "Stop at the first bad line, before publishing", 0},
	{"max-line", OPTION_MAX_LINE, "BYTES", 0, "Longer lines are bad (16m)", 0},
	{"config", OPTION_CONFIG, "FILE", 0,
	 "Be a host: the bus, its pools and plugins are as FILE (INI) says, and the input is published while "
	 "it is read, from a file, standard input, or with unix:PATH from whoever connects to that socket. "
	 "SIGTERM and SIGINT end the input and drain, SIGHUP reads FILE again. Of the other options "
	 "only --on (default: none), --max-line, --json, --drain and --replayed", 0},
	{"drain", OPTION_DRAIN, "TIME", 0,
	 "With --config: how long after a signal what was published may take (30s)", 0},
	{"replayed", OPTION_REPLAYED, NULL, 0,
	 "With --config: what weir replay publishes reaches the handlers of --on, too", 0},

	{NULL, 0, NULL, 0, "What to show:", 2},
	{"json", OPTION_JSON, NULL, 0, "Write the report as one JSON object", 0},
	{"all", OPTION_ALL, NULL, 0, "Show all topics, not only the 20 most frequent", 0},

	{NULL, 0, NULL, 0, "The bus:", 3},
	{"dispatchers", 'd', "N", 0, "Threads that call the handlers (1)", 0},
	{"wait", OPTION_WAIT, "HOW", 0,
	 "How they wait for events: adaptive, spin, yield, poll or park (adaptive)", 0},
	{"ring-size", OPTION_RING_SIZE, "BYTES", 0,
	 "Room of each producer, a power of two; a payload may take a quarter of it (256k)", 0},
	{"batch", OPTION_BATCH, "N", 0, "Events that a dispatcher takes at once, at most (1024)",
	 0},
	{"pool", OPTION_POOL, "NAME[:OPTION=VALUE,...]", 0,
	 "One more pool, with a place of its own in every ring; may be given again. Options: "
	 "dispatchers=N, wait=HOW, batch=N, sleep=TIME (of wait=poll), spin=TIME (of wait=adaptive), "
	 "cpus=0+2, nice=N, after=POOL+POOL (behind these; \"default\" is the first pool), order=producer|key "
	 "(what is in order: each producer's events, or each key's, with the dispatchers at work "
	 "on different keys), behind=hold|skip (a full ring waits for the pool, or the pool skips "
	 "and is told what, as events of the topic weir.gap)", 0},
	{NULL, 0, NULL, 0, "Help:", -1},
	{0}};

/* What a configuration says has no other word on the command line. */
static void
check_config(struct argp_state *state, const struct wi_run_options *options)
{
	if (options->config == NULL && options->drain_ns != DRAIN_DEFAULT_NS)
		argp_error(state, "--drain is for --config");
	if (options->config == NULL && options->replayed)
		argp_error(state, "--replayed is for --config");
	if (options->config == NULL)
		return;
	if (options->not_for_config != NULL)
		argp_error(state, "--%s is not for --config", options->not_for_config);
	if (strncmp(options->input, "unix:", 5) == 0 && options->input[5] != '/')
		argp_error(state, "'%s': unix: needs a path from / on", options->input);
}

static const char doc[] =
	"Publish the events of FILE, one JSON object a line, and show what became of them.\v"
	"An event: {\"topic\":\"order.after.create\",\"key\":\"order-7\","
	"\"time\":\"2024-05-01T12:00:00Z\",\"traceparent\":\"00-...\",\"data\":{...}}. Only the "
	"topic is required. key: a string or a whole number. time: RFC 3339 or seconds since 1970. "
	"data: any JSON. Other members are ignored.\n\n"
	"The whole input is read first, so that reading and dispatching are measured apart. BYTES "
	"may end in k, m or g (powers of 1024). The report goes to standard output; next to a "
	"print handler the table goes to standard error, and --json is the last line.\n\n"
	"Exit status: 0 done; 1 something failed, was lost, or no line was an event, or with "
	"--strict a line was bad; 64 wrong usage; 66 FILE cannot be opened; 130, 143 interrupted "
	"by SIGINT, SIGTERM, after what was published has been delivered (with --config 0: a signal is how a host "
	"ends; a second one ends it at once).";

static void
parse_count(struct argp_state *state, const char *name, const char *text, uint64_t max,
	    uint64_t *ret_count)
{
	if (!wi_quantity_count(text, 1, max, ret_count))
		argp_error(state, "--%s: '%s' is not a whole number from 1 to %llu", name, text,
			   (unsigned long long)max);
}

static void
parse_ring_size(struct argp_state *state, const char *text, uint64_t *ret_bytes)
{
	if (!wi_quantity_bytes(text, UINT32_MAX, ret_bytes) || *ret_bytes == 0 ||
	    (*ret_bytes & (*ret_bytes - 1)) != 0)
		argp_error(state, "--ring-size: '%s' is not a power of two up to 2g", text);
}

static void
parse_line_size(struct argp_state *state, const char *text, uint64_t *ret_bytes)
{
	if (!wi_quantity_bytes(text, LINE_SIZE_MAX, ret_bytes) || *ret_bytes == 0)
		argp_error(state, "--max-line: '%s' is not a size from 1 to 1g", text);
}

static void
add_handler(struct argp_state *state, struct wi_run_options *options, const char *spec)
{
	size_t size = (options->handler_count + 1) * sizeof(*options->handlers);
	struct wi_handler *handlers = realloc(options->handlers, size);
	const char *problem;

	if (handlers == NULL)
		argp_failure(state, WI_EXIT_FAILED, 0, "out of memory");
	options->handlers = handlers;
	problem = wi_handler_parse(&handlers[options->handler_count++], spec);
	if (problem != NULL)
		argp_error(state, "--on: '%s': %s", spec, problem);
}

/* Without a file, reading a terminal would look like a program that hangs. */
static void
finish(struct argp_state *state, struct wi_run_options *options)
{
	if (options->handler_count == 0 && options->config == NULL)
		add_handler(state, options, ">=count");
	if (options->input != NULL)
		return;
	options->input = "-";
	if (!options->reads || !isatty(STDIN_FILENO) || options->config != NULL)
		return;
	fputs("weir run: no FILE is given, and standard input is a terminal\n"
	      "Usage: weir run [OPTION...] [FILE|-]\n\n"
	      "  weir run events.ndjson                         count all events\n"
	      "  weir run --on 'order.>=print' events.ndjson    show some of them\n\n",
	      stderr);
	argp_state_help(state, stderr, ARGP_HELP_SEE | ARGP_HELP_EXIT_ERR);
}

static void
note_option(struct wi_run_options *options, int key)
{
	static const int keys[] = {'p', 'r', OPTION_STRICT, OPTION_ALL, 'd', OPTION_WAIT,
				   OPTION_RING_SIZE, OPTION_BATCH, OPTION_POOL};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		for (const struct argp_option *help = options_help; key == keys[i]; help++)
			if (help->key == key) {
				options->not_for_config = help->name;
				return;
			}
}

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct wi_run_options *options = state->input;
	const char *problem;

	note_option(options, key);
	switch (key) {
	case 'o':
		add_handler(state, options, argument);
		return 0;
	case 'p':
		parse_count(state, "producers", argument, THREAD_COUNT_MAX,
			    &options->producer_count);
		return 0;
	case 'r':
		parse_count(state, "repeat", argument, UINT32_MAX, &options->repeat);
		return 0;
	case 'd':
		parse_count(state, "dispatchers", argument, THREAD_COUNT_MAX,
			    &options->dispatcher_count);
		return 0;
	case OPTION_BATCH:
		parse_count(state, "batch", argument, UINT32_MAX, &options->batch_count_max);
		return 0;
	case OPTION_WAIT:
		problem = wi_pool_wait_parse(argument, &options->wait);
		if (problem != NULL)
			argp_error(state, "--wait: '%s' %s", argument, problem);
		return 0;
	case OPTION_POOL:
		problem = wi_pools_add(&options->pools, argument);
		if (problem != NULL)
			argp_error(state, "--pool: '%s': %s", argument, problem);
		return 0;
	case OPTION_RING_SIZE:
		parse_ring_size(state, argument, &options->ring_size);
		return 0;
	case OPTION_MAX_LINE:
		parse_line_size(state, argument, &options->line_size_max);
		return 0;
	case OPTION_CONFIG:
		options->config = argument;
		return 0;
	case OPTION_DRAIN:
		if (!wi_quantity_duration(argument, UINT64_C(86400000000000), &options->drain_ns))
			argp_error(state, "--drain: '%s' is not a time, as 30s", argument);
		return 0;
	case OPTION_REPLAYED:
		options->replayed = true;
		return 0;
	case OPTION_STRICT:
		options->strict = true;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case OPTION_ALL:
		options->all = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->input != NULL)
			argp_error(state, "more than one FILE: '%s', '%s'", options->input,
				   argument);
		options->input = argument;
		return 0;
	case ARGP_KEY_SUCCESS:
		finish(state, options);
		check_config(state, options);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void
wi_run_options_parse(struct wi_run_options *options, bool reads, int argc, char **argv)
{
	static const struct argp run_argp = {
		.options = options_help,
		.parser = parse_option,
		.args_doc = "[FILE|-]\n--config FILE [FILE|-|unix:PATH]",
		.doc = doc,
	};

	*options = (struct wi_run_options){
		.producer_count = 1,
		.repeat = 1,
		.line_size_max = LINE_SIZE_DEFAULT,
		.drain_ns = DRAIN_DEFAULT_NS,
		.reads = reads,
	};
	argp_parse(&run_argp, argc, argv, 0, NULL, options);
}

void
wi_run_options_fini(struct wi_run_options *options)
{
	for (size_t i = 0; i < options->handler_count; i++)
		wi_handler_fini(&options->handlers[i]);
	free(options->handlers);
	options->handlers = NULL;
	wi_pools_fini(&options->pools);
}

struct wi_pool_spec
wi_run_options_first(const struct wi_run_options *options)
{
	return (struct wi_pool_spec){.name = "default",
				     .dispatcher_count = options->dispatcher_count,
				     .wait = options->wait,
				     .batch_count_max = options->batch_count_max};
}

bool
wi_run_options_prints(const struct wi_run_options *options)
{
	for (size_t i = 0; i < options->handler_count; i++)
		if (options->handlers[i].kind == WI_HANDLER_PRINT)
			return true;
	return false;
}
