/* SPDX-License-Identifier: MIT */
/* main.c - find the sub-command and hand over to it. */
#include "command.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

static int run_help(int argc, char **argv);
static int run_version(int argc, char **argv);

static const struct wi_command commands[] = {
	{"run", "publish the events of a file and show what became of them", wi_cmd_run},
	{"top", "show the pools, rings and handlers of a running bus", wi_cmd_top},
	{"stat", "show what a running bus does, a line at a time", wi_cmd_stat},
	{"explain", "show who gets an event, in which order", wi_cmd_explain},
	{"export", "print the counters of running buses for Prometheus, or serve them", wi_cmd_export},
	{"plugin", "list the plugins of a host, switch them on and off", wi_cmd_plugin},
	{"pool", "list the pools of a host", wi_cmd_pool},
	{"drain", "wait until a host has handled what was published", wi_cmd_drain},
#ifdef WEIR_JOURNAL
	{"journal", "verify, show and export what a journal holds", wi_cmd_journal},
	{"replay", "publish the events of a journal again, in a host", wi_cmd_replay},
#endif
#ifdef WEIR_NOTIFY
	{"notify", "show notifications that wait or have failed, and send them again", wi_cmd_notify},
#endif
	{"bench", "measure throughput and latency under a load", wi_cmd_bench},
	{"tune", "search the settings of pools that are best for a load", wi_cmd_tune},
	{"doctor", "what this machine is for weir, what is wrong, what to do", wi_cmd_doctor},
	{"help", "show the help of a command", run_help},
	{"version", "show the version of the library", run_version},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

struct choice {
	const struct wi_command *command;
	int argument_index; /* where the command's own arguments begin */
};

static const struct wi_command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void
print_version(FILE *stream, struct argp_state *state)
{
	(void)state;
	fprintf(stream, "weir %s\n", weir_version());
}

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct choice *choice = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		choice->command = find_command(argument);
		if (choice->command == NULL)
			argp_error(state, "there is no command '%s'", argument);
		choice->argument_index = state->next;
		state->next = state->argc; /* the rest is the command's */
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_state_help(state, stderr,
				ARGP_HELP_LONG | ARGP_HELP_DOC | ARGP_HELP_USAGE |
					ARGP_HELP_EXIT_ERR);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The list of commands comes from the table, so that it cannot go stale. */
static char *
filter_help(int key, const char *text, void *input)
{
	char *list = NULL;
	size_t size;
	FILE *stream;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC || (stream = open_memstream(&list, &size)) == NULL)
		return (char *)text;
	fputs("Commands:\n", stream);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n`weir COMMAND --help' shows the options of a command.", stream);
	fclose(stream);
	return list;
}

static const struct argp main_argp = {
	.parser = parse_option,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = "weir moves events inside one process, from producers to handlers.\v",
	.help_filter = filter_help,
};

/* `weir NAME` as the command's own program name, so that its messages and usage lines fit. */
static int
start(const struct wi_command *command, int argc, char **argv)
{
	char name[64];

	snprintf(name, sizeof(name), "weir %s", command->name);
	argv[0] = name;
	return command->run(argc, argv);
}

static int
run_help(int argc, char **argv)
{
	char program[] = "weir", option[] = "--help";
	char *arguments[] = {program, option, NULL};
	struct choice choice = {NULL, 0};

	if (argc > 1) {
		const struct wi_command *command = find_command(argv[1]);

		if (command == NULL) {
			fprintf(stderr, "weir help: there is no command '%s'\n", argv[1]);
			return WI_EXIT_USAGE;
		}
		if (command->run != run_help && command->run != run_version)
			return start(command, 2, arguments);
	}
	argp_parse(&main_argp, 2, arguments, ARGP_IN_ORDER, NULL, &choice);
	return WI_EXIT_OK;
}

static int
run_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	print_version(stdout, NULL);
	return WI_EXIT_OK;
}

int
main(int argc, char **argv)
{
	struct choice choice = {NULL, 0};

	argp_program_version_hook = print_version;
	argp_parse(&main_argp, argc, argv, ARGP_IN_ORDER, NULL, &choice);
	if (choice.command == NULL)
		return WI_EXIT_USAGE;
	/* The command's own arguments follow the slot that start() uses for the name. */
	return start(choice.command, argc - choice.argument_index + 1,
		     argv + choice.argument_index - 1);
}
