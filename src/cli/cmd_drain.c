/* SPDX-License-Identifier: MIT */
/* cmd_drain.c - `weir drain`: wait until a host has handled what was published before. */
#include "command.h"
#include "control_client.h"

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = state->child_inputs[1] = state->input;
	return 0;
}

static const char doc[] =
	"Wait until what was published in a running host before now is through all its pools.\v"
	"Nothing is stopped. --timeout: 30s, if it is not given.\n\n"
	"Exit status: 0 done; 1 the time was over; 64 wrong usage; 69 no host answers.";

int
wi_cmd_drain(int argc, char **argv)
{
	static const struct argp_child children[] = {{&wi_control_client_argp, 0, NULL, 0},
						     {&wi_control_client_timeout_argp, 0, NULL, 0},
						     {0}};
	static const struct argp drain_argp = {
		.parser = parse_option, .doc = doc, .children = children};
	struct wi_control_client client = {.program = "weir drain"};

	argp_parse(&drain_argp, argc, argv, 0, NULL, &client);
	return wi_control_client_ask(&client, "drain", NULL, NULL);
}
