/* SPDX-License-Identifier: MIT */
/* compare_run.c - see compare_run.h. */
#include "compare_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"

enum { OUTPUT_MOST = 1 << 16, UNMEASURABLE = 69, NO_PROGRAM = 127 };

static volatile sig_atomic_t interrupted;

static void
interrupt(int number)
{
	interrupted = number;
}

/* What is ignored stays so: nohup, and what a script runs in the background. */
static void
catch(int number)
{
	struct sigaction action = { .sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND }, old;

	if (!sigaction(number, NULL, &old) && old.sa_handler != SIG_IGN)
		sigaction(number, &action, NULL);
}

void
run_catch_interrupts(void)
{
	catch(SIGINT);
	catch(SIGTERM);
}

int
run_interrupted(void)
{
	return interrupted;
}

/* What comes through one of the program's two pipes; all is read, the beginning kept. */
struct stream {
	char *text;
	size_t size, room;
};

struct child {
	pid_t pid;
	struct pollfd pipes[2];
	struct stream streams[2];
};

static void
become(const char *const *arguments, int out, int err)
{
	int null = open("/dev/null", O_RDONLY);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	execv(arguments[0], (char *const *)arguments);
	dprintf(STDERR_FILENO, "%s: %s\n", arguments[0], strerror(errno));
	_exit(NO_PROGRAM);
}

static bool
start(struct child *child, const char *const *arguments)
{
	int out[2], err[2];

	if (pipe2(out, O_CLOEXEC))
		return false;
	if (pipe2(err, O_CLOEXEC)) {
		close(out[0]);
		close(out[1]);
		return false;
	}
	child->pid = fork();
	if (!child->pid)
		become(arguments, out[1], err[1]);
	if (child->pid > 0)
		setpgid(child->pid, child->pid);
	close(out[1]);
	close(err[1]);
	child->pipes[0] = (struct pollfd){ .fd = out[0], .events = POLLIN };
	child->pipes[1] = (struct pollfd){ .fd = err[0], .events = POLLIN };
	return child->pid > 0;
}

/* False: the other end is closed. */
static bool
take(int fd, struct stream *stream)
{
	char beyond[4096];
	size_t room = stream->room - stream->size;
	ssize_t got = room ? read(fd, stream->text + stream->size, room)
	                   : read(fd, beyond, sizeof beyond);

	if (got > 0 && room)
		stream->size += (size_t)got;
	return got > 0 || (got < 0 && errno == EINTR);
}

static bool
open_pipes(const struct child *child)
{
	return child->pipes[0].fd >= 0 || child->pipes[1].fd >= 0;
}

/*
 * Until the program has ended and closed its pipes, or the time is over, or a signal came: then it
 * is killed. Somebody else may hold a pipe longer, or the program may close them and go on.
 */
static bool
listen_to(struct child *child, uint64_t end, int *status)
{
	bool gone = false, late = false;

	while (!late && (!gone || open_pipes(child))) {
		poll(child->pipes, 2, open_pipes(child) ? 20 : 1);
		for (int i = 0; i < 2; i++) {
			if (child->pipes[i].fd < 0 || !child->pipes[i].revents)
				continue;
			if (!take(child->pipes[i].fd, &child->streams[i])) {
				close(child->pipes[i].fd);
				child->pipes[i].fd = -1;
			}
		}
		if (!gone)
			gone = waitpid(child->pid, status, WNOHANG) == child->pid;
		late = machine_ns() > end || interrupted;
	}
	if (late) {
		kill(-child->pid, SIGKILL);
		if (!gone)
			waitpid(child->pid, status, 0);
	}
	for (int i = 0; i < 2; i++)
		if (child->pipes[i].fd >= 0)
			close(child->pipes[i].fd);
	return !late;
}

/* The last line of what it said, without what a terminal would take for commands. */
static const char *
last_words(struct stream *said)
{
	char *line;

	while (said->size && said->text[said->size - 1] == '\n')
		said->size--;
	said->text[said->size] = 0;
	line = strrchr(said->text, '\n');
	line = line ? line + 1 : said->text;
	for (char *at = line; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 127)
			*at = '?';
	return line;
}

static void
read_line(struct run *run, const struct stream *out)
{
	json_error_t error;

	run->line = json_loadb(out->text, out->size, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(run->line))
		return;
	json_decref(run->line);
	run->line = NULL;
	run->status = RUN_FAILED;
	snprintf(run->error, sizeof run->error, "what it printed is not one JSON object: \"%.60s\"",
	         last_words(&(struct stream){ out->text, out->size > 60 ? 60 : out->size, 0 }));
}

static void
judge(struct run *run, struct child *child, int status)
{
	const char *words = last_words(&child->streams[1]), *reason = "";

	if (WIFEXITED(status) && !WEXITSTATUS(status)) {
		read_line(run, &child->streams[0]);
		return;
	}
	/* One that fails a check of its own says so in the line as well. */
	run->line = json_loadb(child->streams[0].text, child->streams[0].size, 0, NULL);
	json_unpack(run->line, "{s:s}", "error", &reason);
	run->status = RUN_FAILED;
	if (!WIFEXITED(status)) {
		snprintf(run->error, sizeof run->error, "ended by signal %d (%s)", WTERMSIG(status),
		         strsignal(WTERMSIG(status)));
	} else if (WEXITSTATUS(status) == UNMEASURABLE) {
		run->status = RUN_UNMEASURABLE;
		snprintf(run->error, sizeof run->error, "cannot be measured here: %.200s", words);
	} else {
		snprintf(run->error, sizeof run->error, "exit status %d: %.200s",
		         WEXITSTATUS(status), *reason ? reason : words);
	}
	json_decref(run->line);
	run->line = NULL;
}

struct run
run_program(const char *const *arguments, double timeout)
{
	struct run run = { .status = RUN_OK };
	uint64_t begun = machine_ns();
	static char out[OUTPUT_MOST + 1], err[OUTPUT_MOST + 1];
	struct child child = { .streams = { { out, 0, OUTPUT_MOST }, { err, 0, OUTPUT_MOST } } };
	int status = 0;

	if (!start(&child, arguments)) {
		run.status = RUN_FAILED;
		snprintf(run.error, sizeof run.error, "cannot be started: %s", strerror(errno));
		return run;
	}
	if (listen_to(&child, begun + (uint64_t)(timeout * 1e9), &status)) {
		judge(&run, &child, status);
	} else if (interrupted) {
		run.status = RUN_INTERRUPTED;
		snprintf(run.error, sizeof run.error, "interrupted");
	} else {
		run.status = RUN_FAILED;
		snprintf(run.error, sizeof run.error, "no answer within %g s: killed", timeout);
	}
	run.seconds = (double)(machine_ns() - begun) / 1e9;
	return run;
}
