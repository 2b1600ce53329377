/* SPDX-License-Identifier: MIT */
/* replay_run.c - see replay_run.h. */
#include "replay_run.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

static void
redirect(int fd, const char *path)
{
	int file = open(path ? path : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (file < 0 || dup2(file, fd) != fd)
		_exit(99);
}

pid_t
begin_program(const char *out, const char *err, const char *const *arguments)
{
	pid_t child = fork();

	CHECK(child >= 0, "fork");
	if (child > 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	redirect(STDOUT_FILENO, out);
	redirect(STDERR_FILENO, err);
	execv(arguments[0], (char *const *)arguments);
	_exit(98);
}

int
end_program(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child, "waitpid");
	return status;
}

void
run_program(const char *const *arguments)
{
	int status = end_program(begin_program(NULL, NULL, arguments));

	CHECK(status == 0, "%s: wait status %#x", arguments[0], (unsigned)status);
}
