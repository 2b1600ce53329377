/* SPDX-License-Identifier: MIT */
/*
 * pty_drive.c - a program on a terminal of its own: keys are pressed, what it draws is looked at.
 *
 * usage: pty_drive [-w COLUMNS] STEP... -- PROGRAM ARGUMENT...
 *
 * STEP: =TEXT  until TEXT was drawn since the last step, 10 s at most
 *       >KEYS  press them
 *       @ROWS  so many rows from now on
 *       !N     send signal N
 *
 * Then it ends within 10 s; its exit status is this one's, 99 if a step failed, 98 if it did not end
 * or left the terminal otherwise than it found it.
 */
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

enum { ROWS = 24, COLUMNS = 80, PATIENCE_S = 10, DRAWN_SIZE = 1 << 20 };

static char drawn[DRAWN_SIZE];
static size_t length;

/* False: there will be no more. */
static int
read_more(int master)
{
	struct pollfd ready = {.fd = master, .events = POLLIN};
	ssize_t count;

	if (poll(&ready, 1, 50) <= 0)
		return 1;
	if (length > DRAWN_SIZE / 2)
		length = 0;
	count = read(master, drawn + length, DRAWN_SIZE - 1 - length);
	if (count <= 0)
		return 0;
	/* So that it is one string. */
	for (ssize_t i = 0; i < count; i++)
		if (drawn[length + (size_t)i] == '\0')
			drawn[length + (size_t)i] = ' ';
	length += (size_t)count;
	drawn[length] = '\0';
	return 1;
}

static int
expect(int master, const char *text)
{
	time_t end = time(NULL) + PATIENCE_S;

	while (strstr(drawn, text) == NULL)
		if (!read_more(master) || time(NULL) > end) {
			fprintf(stderr, "not drawn: %s\ninstead: %s\n", text, drawn);
			return 0;
		}
	return 1;
}

static int
step(int master, pid_t pid, const char *what)
{
	struct winsize size = {.ws_row = (unsigned short)atoi(what + 1), .ws_col = COLUMNS};

	if (what[0] == '=')
		return expect(master, what + 1);
	length = 0;
	drawn[0] = '\0';
	if (what[0] == '>')
		return write(master, what + 1, strlen(what + 1)) > 0;
	if (what[0] == '@')
		return ioctl(master, TIOCSWINSZ, &size) == 0;
	return what[0] == '!' && kill(pid, atoi(what + 1)) == 0;
}

static int
await(int master, pid_t pid)
{
	time_t end = time(NULL) + PATIENCE_S;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		read_more(master);
		if (time(NULL) > end) {
			kill(pid, SIGKILL);
			return 98;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
main(int argc, char **argv)
{
	struct winsize size = {.ws_row = ROWS, .ws_col = COLUMNS};
	struct termios before, after;
	int master, slave, first = 1, steps, code;
	pid_t pid;

	if (argc > 2 && strcmp(argv[1], "-w") == 0)
		size.ws_col = (unsigned short)atoi(argv[2]), first = 3;
	steps = first;
	while (steps < argc && strcmp(argv[steps], "--") != 0)
		steps++;
	if (steps + 1 >= argc || openpty(&master, &slave, NULL, NULL, &size) != 0)
		return 64;
	tcgetattr(slave, &before);
	pid = fork();
	if (pid == 0) {
		close(master);
		login_tty(slave);
		/* Whoever runs this may have them ignored, as nohup does. */
		signal(SIGHUP, SIG_DFL);
		signal(SIGINT, SIG_DFL);
		execv(argv[steps + 1], argv + steps + 1);
		_exit(127);
	}
	for (int i = first; i < steps; i++)
		if (!step(master, pid, argv[i])) {
			fprintf(stderr, "step failed: %s\n", argv[i]);
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			return 99;
		}
	code = await(master, pid);
	tcgetattr(slave, &after);
	if (memcmp(&before.c_lflag, &after.c_lflag, sizeof(before.c_lflag)) != 0 ||
	    before.c_iflag != after.c_iflag || before.c_oflag != after.c_oflag) {
		fprintf(stderr, "the terminal was not restored\n");
		return 98;
	}
	return code;
}
