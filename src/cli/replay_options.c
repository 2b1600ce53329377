/* SPDX-License-Identifier: MIT */
/* replay_options.c - the options of `weir replay`, their help and their limits. */
#include "replay_options.h"

#include "journal_options.h"
#include "quantity.h"
#include "stopwatch.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 10000, BATCH_MAX = 100000000 };

enum option_key {
	OPTION_TOPIC = 256,
	OPTION_FROM,
	OPTION_TO,
	OPTION_CONFIG,
	OPTION_SPEED,
	OPTION_PAUSE_MAX,
	OPTION_BATCH,
	OPTION_POSITION,
	OPTION_DRY_RUN,
	OPTION_LOOSE,
	OPTION_JSON
};

static const struct argp_option options_help[] = {
	{NULL, 0, NULL, 0, "Which events:", 1},
	{"topic", OPTION_TOPIC, "PATTERN", 0,
	 "Topics that match ('>'); may be given again. What begins with weir. is never published",
	 0},
	{"from", OPTION_FROM, "TIME", 0, "Not before: RFC 3339, or seconds since 1970", 0},
	{"to", OPTION_TO, "TIME", 0, "Not after", 0},

	{NULL, 0, NULL, 0, "How:", 2},
	{"position", OPTION_POSITION, "FILE", 0,
	 "Go on where FILE says that the last run ended, and save there how far this one is", 0},
	{"batch", OPTION_BATCH, "N", 0,
	 "Wait after so many events until they are through all pools, and save the position "
	 "(10000)",
	 0},
	{"speed", OPTION_SPEED, "FACTOR", 0,
	 "max (default), or as a multiple of the pace in which the events happened: 1, 10, 0.5", 0},
	{"pause-max", OPTION_PAUSE_MAX, "TIME", 0,
	 "With a FACTOR: what was longer between two events counts as TIME", 0},
	{"dry-run", OPTION_DRY_RUN, NULL, 0, "Only count what would be published; needs no host",
	 0},
	{"loose", OPTION_LOOSE, NULL, 0,
	 "Go on where rows are damaged or missing; what is not what was written is left out", 0},
	{"json", OPTION_JSON, NULL, 0, "Write the result as one JSON object", 0},

	{NULL, 0, NULL, 0, "Where (the only host there is):", 3},
	{"config", OPTION_CONFIG, "FILE", 0,
	 "A host in this process, as FILE says, which ends with the replay", 0},
	{0}};

static const char doc[] =
	"Publish the events of a journal again, in a host.\v"
	"They are marked as replayed, say in which row of which journal they were recorded, and "
	"reach "
	"only handlers that ask for replayed events. JOURNAL is as in `weir journal'; it may be "
	"that "
	"of the host itself, and is read up to the row that is its last one now.\n\n"
	"A first SIGINT or SIGTERM ends it after what has been sent is through all pools.\n\n"
	"Exit status: 0 done; 1 the journal is damaged, or the host refused; 64 wrong usage; 65 "
	"the "
	"position does not fit; 66 there is no such journal; 69 no host answers, or it has gone; "
	"130, "
	"143 ended by SIGINT, SIGTERM.";

static void
parse_speed(struct argp_state *state, struct wi_replay_options *options, const char *text)
{
	char *end;

	options->speed = 0;
	if (strcmp(text, "max") == 0)
		return;
	errno = 0;
	options->speed = strtod(text, &end);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || !(options->speed >= 1e-6) ||
	    !(options->speed <= 1e9))
		argp_error(state, "--speed: '%s' is neither max nor a number from 0.000001 to 1e9",
			   text);
}

static void
check(struct argp_state *state, const struct wi_replay_options *options)
{
	if (options->journal == NULL)
		argp_error(state, "no JOURNAL is given");
	if (options->pause_max_ns < UINT64_MAX && options->speed == 0)
		argp_error(state, "--pause-max is for a --speed that is not max");
	if (options->config != NULL && (options->client.socket != NULL || options->client.pid > 0))
		argp_error(state, "--config is a host in this process: no --socket, no --pid");
	if (options->from > options->to)
		argp_error(state, "--from is after --to");
}

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct wi_replay_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &options->client;
		return 0;
	case OPTION_TOPIC:
		wi_journal_options_topic(state, &options->patterns, &options->pattern_count,
					 argument);
		return 0;
	case OPTION_FROM:
		wi_journal_options_time(state, "from", argument, &options->from);
		return 0;
	case OPTION_TO:
		wi_journal_options_time(state, "to", argument, &options->to);
		return 0;
	case OPTION_CONFIG:
		options->config = argument;
		return 0;
	case OPTION_SPEED:
		parse_speed(state, options, argument);
		return 0;
	case OPTION_PAUSE_MAX:
		if (!wi_quantity_duration(argument, UINT64_MAX / 2, &options->pause_max_ns))
			argp_error(state, "--pause-max: '%s' is not a time, as 5s", argument);
		return 0;
	case OPTION_BATCH:
		if (!wi_quantity_count(argument, 1, BATCH_MAX, &options->batch))
			argp_error(state, "--batch: '%s' is not a whole number from 1 to 100000000",
				   argument);
		return 0;
	case OPTION_POSITION:
		options->position = argument;
		return 0;
	case OPTION_DRY_RUN:
		options->dry_run = true;
		return 0;
	case OPTION_LOOSE:
		options->loose = true;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 0)
			argp_error(state, "one JOURNAL at a time: '%s' is another", argument);
		options->journal = argument;
		return 0;
	case ARGP_KEY_END:
		check(state, options);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void
wi_replay_options_parse(struct wi_replay_options *options, int argc, char **argv)
{
	static const struct argp_child children[] = {{&wi_control_client_where_argp, 0, NULL, 3},
						     {&wi_control_client_timeout_argp, 0, NULL, 3},
						     {0}};
	static const struct argp replay_argp = {.options = options_help,
						.parser = parse_option,
						.args_doc = "JOURNAL",
						.doc = doc,
						.children = children};

	*options = (struct wi_replay_options){.client.program = "weir replay",
					      .to = UINT64_MAX,
					      .pause_max_ns = UINT64_MAX,
					      .batch = BATCH};
	argp_parse(&replay_argp, argc, argv, 0, NULL, options);
}

void
wi_replay_options_fini(struct wi_replay_options *options)
{
	free(options->patterns);
}
