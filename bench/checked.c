/* SPDX-License-Identifier: MIT */
/* checked.c - see checked.h. */
#include "checked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

int
checked_begin(void)
{
	int count = machine_begin();

	if (!count)
		perror("sched_getaffinity");
	else if (count < 2)
		fprintf(stderr, "two processors are needed, this process may use %d\n", count);
	return count >= 2;
}

static void
need(int had, const char *what)
{
	if (had)
		return;
	fprintf(stderr, "%s: %s\n", what,
	        errno == EILSEQ ? "events came wrong" : strerror(errno));
	exit(1);
}

void
checked_pin(int cpu)
{
	need(machine_pin(cpu), "sched_setaffinity");
}

void
checked_unpin(void)
{
	need(machine_unpin(), "sched_setaffinity");
}

double
checked_ns(double ns)
{
	need(ns >= 0, "yardstick");
	return ns;
}
