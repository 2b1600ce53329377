/* SPDX-License-Identifier: MIT */
/* cmd_plugin.c - `weir plugin`: what a host's plugins do, and switch them. */
#include "command.h"
#include "control_client.h"
#include "host_tables.h"

#include <jansson.h>
#include <string.h>

struct arguments {
	struct wi_control_client client;
	const char *action, *name;
};

enum needs { NO_NAME, NAME, MAYBE_NAME };

static const struct action {
	const char *name, *verb;
	enum needs needs;
	bool takes_timeout;
} actions[] = {
	{"list", "plugin.list", NO_NAME, false},
	{"enable", "plugin.enable", NAME, false},
	{"disable", "plugin.disable", NAME, true},
	{"reload", "plugin.reload", MAYBE_NAME, false},
};

static const struct action *
find_action(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

static void
check(struct argp_state *state, const struct arguments *arguments)
{
	const struct action *action = find_action(arguments->action);

	if (action == NULL)
		argp_error(state, "'%s' is not one of list, enable, disable, reload",
			   arguments->action);
	else if (action->needs == NAME && arguments->name == NULL)
		argp_error(state, "%s needs the NAME of a plugin", action->name);
	else if (action->needs == NO_NAME && arguments->name != NULL)
		argp_error(state, "%s takes no NAME", action->name);
	else if (!action->takes_timeout && arguments->client.timeout != NULL)
		argp_error(state, "--timeout is for disable");
}

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &arguments->client;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			argp_error(state, "too many arguments: '%s'", argument);
		*(state->arg_num == 0 ? &arguments->action : &arguments->name) = argument;
		return 0;
	case ARGP_KEY_NO_ARGS:
		arguments->action = "list";
		return 0;
	case ARGP_KEY_SUCCESS:
		check(state, arguments);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char doc[] =
	"List the plugins of a running host, or switch them.\v"
	"list: the plugins, their state and what they say of themselves. enable, disable: until "
	"the next reload, which makes it as the configuration says. disable waits for the "
	"plugin's handlers (5s); one that does not return leaves it draining. reload NAME: read "
	"the configuration again and give the plugin its settings; without NAME: all of it, as "
	"SIGHUP does.\n\n"
	"Exit status: 0 done; 1 refused; 64 wrong usage; 69 no host answers.";

int
wi_cmd_plugin(int argc, char **argv)
{
	static const struct argp_child children[] = {{&wi_control_client_argp, 0, NULL, 0},
						     {&wi_control_client_timeout_argp, 0, NULL, 0},
						     {0}};
	static const struct argp plugin_argp = {
		.parser = parse_option,
		.args_doc = "list\nenable NAME\ndisable NAME\nreload [NAME]",
		.doc = doc,
		.children = children};
	struct arguments arguments = {.client.program = "weir plugin"};
	const struct action *action;
	json_t *answer = NULL;
	int code;

	argp_parse(&plugin_argp, argc, argv, 0, NULL, &arguments);
	action = find_action(arguments.action);
	code = wi_control_client_ask(
		&arguments.client,
		action->needs == MAYBE_NAME && arguments.name == NULL ? "reload" : action->verb,
		arguments.name, &answer);
	if (answer != NULL && action->needs == NO_NAME && !arguments.client.json)
		wi_host_tables_plugins(stdout, json_object_get(answer, "plugins"));
	json_decref(answer);
	return code;
}
