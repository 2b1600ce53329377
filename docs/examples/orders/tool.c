/* SPDX-License-Identifier: MIT */
/* tool.c - see tool.h. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { ARGUMENTS_MAX = 16 };

int
tool_run(const char *const *arguments, json_t **ret_answer)
{
	const char *argv[ARGUMENTS_MAX + 2] = {ORDERS_WEIR};
	posix_spawn_file_actions_t actions;
	int ends[2], status = 0, error;
	FILE *stream;
	pid_t pid;

	for (int i = 0; i < ARGUMENTS_MAX && arguments[i]; i++)
		argv[i + 1] = arguments[i];
	if (pipe2(ends, O_CLOEXEC) != 0)
		fail("%s: %s", argv[0], strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	error = posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (error || !(stream = fdopen(ends[0], "r")))
		fail("%s: %s", argv[0], strerror(error));
	*ret_answer = json_loadf(stream, 0, NULL);
	fclose(stream);
	if (waitpid(pid, &status, 0) != pid)
		fail("%s: %s", argv[0], strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
