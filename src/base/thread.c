/* SPDX-License-Identifier: MIT */
/* thread.c - see thread.h. */
#include "base/thread.h"

#include <signal.h>
#include <stdio.h>

#include "base/memory.h"

bool
wi_thread_start(pthread_t *ret_thread, void *(*run)(void *), void *argument)
{
	sigset_t all, saved;
	int error;

	if (wi_memory_fails())
		return false;
	sigfillset(&all);       /* inherited: the application's signals are never taken here */
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	error = pthread_create(ret_thread, NULL, run, argument);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return error == 0;
}

int
wi_thread_shield(void)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

void
wi_thread_unshield(int before)
{
	pthread_setcancelstate(before, &before);
}

void
wi_thread_name(const char *name)
{
	char text[16];

	snprintf(text, sizeof text, "%s", name);
	pthread_setname_np(pthread_self(), text);
}

bool
wi_thread_pin(const cpu_set_t *cpus)
{
	return pthread_setaffinity_np(pthread_self(), sizeof *cpus, cpus) == 0;
}
