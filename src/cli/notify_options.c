/* SPDX-License-Identifier: MIT */
/* notify_options.c - the options of `weir notify`, and their help. */
#include "notify_options.h"

#include "command.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum option_key { OPTION_ALL = 256, OPTION_CHANNEL, OPTION_JSON };

static const struct argp_option options_help[] = {
	{NULL, 0, NULL, 0, "Which messages (retry):", 1},
	{"all", OPTION_ALL, NULL, 0, "All that have failed; and all channels that are off are on again", 0},
	{"channel", OPTION_CHANNEL, "NAME", 0,
	 "Those of this channel, which is on again, also if there are none", 0},

	{NULL, 0, NULL, 0, "How:", 2},
	{"json", OPTION_JSON, NULL, 0, "One JSON object", 0},
	{NULL, 0, NULL, 0, "Help:", -1},
	{0}};

static const char doc[] =
	"Look at notifications that wait or have failed, and have them sent again.\v"
	"SPOOL is the file that the setting `spool' of the plugin names. It may be in use: the process "
	"that uses it takes notice within a second or two.\n\n"
	"status: how many there are, and how each channel is. failed: messages that were given up, oldest "
	"first. retry: failed messages wait again, with all of their time, and the channels that they are for "
	"are on, should their endpoint have wanted no more.\n\n"
	"Exit status: 0 done; 1 it cannot be read or written, or there is no such message; 64 wrong usage; "
	"66 there is no such spool, or the file is none.";

static void
take_action(struct argp_state *state, struct wi_notify_options *options, const char *argument)
{
	static const struct { const char *name; enum wi_notify_action action; } actions[] = {
		{"status", WI_NOTIFY_STATUS}, {"failed", WI_NOTIFY_FAILED}, {"retry", WI_NOTIFY_RETRY},
	};

	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (strcmp(argument, actions[i].name) == 0)
			options->action = actions[i].action;
	if (options->action == WI_NOTIFY_NONE)
		argp_error(state, "'%s' is none of status, failed, retry", argument);
}

static void
take_id(struct argp_state *state, struct wi_notify_options *options, char *argument)
{
	char **more = realloc(options->ids, (options->id_count + 1) * sizeof *more);

	if (!more)
		argp_failure(state, WI_EXIT_FAILED, 0, "out of memory");
	options->ids = more;
	more[options->id_count++] = argument;
}

static void
check(struct argp_state *state, const struct wi_notify_options *options)
{
	int ways = (options->id_count > 0) + options->all + (options->channel != NULL);

	if (options->action == WI_NOTIFY_NONE)
		argp_error(state, "say what to do: status, failed or retry");
	else if (!options->spool)
		argp_error(state, "no SPOOL is given");
	else if (options->action == WI_NOTIFY_RETRY && ways != 1)
		argp_error(state, "retry: say which messages: their IDs, --channel or --all");
	else if (options->action != WI_NOTIFY_RETRY && options->id_count)
		argp_error(state, "too many arguments: '%s'", options->ids[0]);
	else if (options->action != WI_NOTIFY_RETRY && ways)
		argp_error(state, "--all and --channel are for retry");
}

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct wi_notify_options *options = state->input;

	switch (key) {
	case OPTION_ALL:
		options->all = true;
		return 0;
	case OPTION_CHANNEL:
		options->channel = argument;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->action == WI_NOTIFY_NONE)
			take_action(state, options, argument);
		else if (!options->spool)
			options->spool = argument;
		else
			take_id(state, options, argument);
		return 0;
	case ARGP_KEY_END:
		check(state, options);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void
wi_notify_options_parse(struct wi_notify_options *options, int argc, char **argv)
{
	static const struct argp notify_argp = {
		.options = options_help,
		.parser = parse_option,
		.args_doc = "status SPOOL\nfailed SPOOL\nretry SPOOL ID...\nretry SPOOL --channel NAME\n"
			    "retry SPOOL --all",
		.doc = doc,
	};

	memset(options, 0, sizeof *options);
	argp_parse(&notify_argp, argc, argv, 0, NULL, options);
}

void
wi_notify_options_fini(struct wi_notify_options *options)
{
	free(options->ids);
}
