/* SPDX-License-Identifier: MIT */
/* interrupt.c - a signalfd, because a flag would leave a gap between the look at it and read(). */
#include "interrupt.h"

#include "stopwatch.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SAME_NS (500 * WI_STOPWATCH_MS)

static const int signals[] = {SIGINT, SIGTERM};

enum { SIGNAL_COUNT = sizeof(signals) / sizeof(signals[0]) };

/* What nohup and shells have set to be ignored stays so; blocked, it would reach the signalfd. */
bool
wi_interrupt_open(struct wi_interrupt *interrupt)
{
	struct sigaction action;

	*interrupt = (struct wi_interrupt){.fd = -1};
	sigemptyset(&interrupt->set);
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&interrupt->set, signals[i]);
	interrupt->fd = signalfd(-1, &interrupt->set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (interrupt->fd < 0)
		return false;
	pthread_sigmask(SIG_BLOCK, &interrupt->set, NULL);
	return true;
}

void
wi_interrupt_take_hangup(struct wi_interrupt *interrupt)
{
	struct sigaction action;

	if (sigaction(SIGHUP, NULL, &action) != 0 || action.sa_handler == SIG_IGN)
		return;
	sigaddset(&interrupt->set, SIGHUP);
	signalfd(interrupt->fd, &interrupt->set, 0);
	pthread_sigmask(SIG_BLOCK, &interrupt->set, NULL);
}

/* timeout(1) signals the process and then its group: what comes at once is the same wish. */
static void
count_signal(struct wi_interrupt *interrupt, int signal)
{
	uint64_t now_ns = wi_stopwatch_now();

	if (signal == SIGHUP) {
		interrupt->hangup_count++;
		return;
	}
	if (interrupt->signal == 0)
		interrupt->signal = signal;
	else if (now_ns - interrupt->last_ns < SAME_NS)
		return;
	interrupt->count++;
	interrupt->last_ns = now_ns;
}

bool
wi_interrupt_wait(struct wi_interrupt *interrupt, int fd, int timeout_ms)
{
	struct pollfd poll_fds[2] = {
		{.fd = interrupt->fd, .events = POLLIN},
		{.fd = fd, .events = POLLIN}, /* poll() passes over -1 */
	};
	struct signalfd_siginfo info;

	if (poll(poll_fds, 2, timeout_ms) <= 0)
		return false;
	while (read(interrupt->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		count_signal(interrupt, (int)info.ssi_signo);
	return poll_fds[1].revents != 0;
}

static uint64_t closed_last_ns; /* written before the handler can run */

static void
end_process(int signal)
{
	if (closed_last_ns == 0 || wi_stopwatch_now() - closed_last_ns >= SAME_NS)
		_exit(128 + signal);
}

void
wi_interrupt_close(struct wi_interrupt *interrupt)
{
	const struct sigaction action = {.sa_handler = end_process, .sa_flags = SA_RESTART};

	if (interrupt->fd < 0)
		return;
	wi_interrupt_wait(interrupt, -1, 0); /* one that is pending must not end us now */
	close(interrupt->fd);
	interrupt->fd = -1;
	closed_last_ns = interrupt->last_ns;
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		if (sigismember(&interrupt->set, signals[i]))
			sigaction(signals[i], &action, NULL);
	/* A reload that comes too late must not end us. */
	if (sigismember(&interrupt->set, SIGHUP))
		signal(SIGHUP, SIG_IGN);
	pthread_sigmask(SIG_UNBLOCK, &interrupt->set, NULL);
}
