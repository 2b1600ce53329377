/* SPDX-License-Identifier: MIT */
/* cmd_pool.c - `weir pool list`: what a host's pools have seen and what waits for them. */
#include "command.h"
#include "control_client.h"
#include "host_tables.h"

#include <jansson.h>
#include <string.h>

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 0 || strcmp(argument, "list") != 0)
			argp_error(state, "'%s' is not list", argument);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char doc[] =
	"List the pools of a running host.\v"
	"seen: events committed since the pool was opened; waiting: those it has still to go "
	"through. routed: to a handler; skipped: by a pool with behind = skip. stuck: calls that "
	"took longer than a second.\n\n"
	"Exit status: 0 done; 1 refused; 64 wrong usage; 69 no host answers.";

int
wi_cmd_pool(int argc, char **argv)
{
	static const struct argp_child children[] = {{&wi_control_client_argp, 0, NULL, 0}, {0}};
	static const struct argp pool_argp = {
		.parser = parse_option, .args_doc = "list", .doc = doc, .children = children};
	struct wi_control_client client = {.program = "weir pool"};
	json_t *answer = NULL;
	int code;

	argp_parse(&pool_argp, argc, argv, 0, NULL, &client);
	code = wi_control_client_ask(&client, "pool.list", NULL, &answer);
	if (answer != NULL && !client.json)
		wi_host_tables_pools(stdout, json_object_get(answer, "pools"));
	json_decref(answer);
	return code;
}
