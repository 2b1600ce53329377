/* SPDX-License-Identifier: MIT */
/* command.h - what main() knows of a sub-command. */
#ifndef WI_CLI_COMMAND_H
#define WI_CLI_COMMAND_H

/* Exit codes; 64, 65, 66 and 69 are those of sysexits.h, which argp uses too. */
enum {
	WI_EXIT_OK = 0,
	WI_EXIT_FAILED = 1,
	WI_EXIT_USAGE = 64,
	WI_EXIT_DATA = 65,
	WI_EXIT_NO_INPUT = 66,
	WI_EXIT_UNAVAILABLE = 69,
	WI_EXIT_SIGNAL = 128 /* plus the signal's number */
};

struct wi_command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv); /* argv[0] is "weir NAME"; returns the exit code */
};

int wi_cmd_run(int argc, char **argv);
int wi_cmd_bench(int argc, char **argv);
int wi_cmd_tune(int argc, char **argv);
int wi_cmd_doctor(int argc, char **argv);
int wi_cmd_journal(int argc, char **argv);
int wi_cmd_replay(int argc, char **argv);
int wi_cmd_notify(int argc, char **argv);
int wi_cmd_plugin(int argc, char **argv);
int wi_cmd_pool(int argc, char **argv);
int wi_cmd_drain(int argc, char **argv);
int wi_cmd_top(int argc, char **argv);
int wi_cmd_stat(int argc, char **argv);
int wi_cmd_explain(int argc, char **argv);
int wi_cmd_export(int argc, char **argv);

#endif
