/* SPDX-License-Identifier: MIT */
/* rounds.c - see rounds.h. */
#include "rounds.h"

#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "machine.h"

#define LINE_MOVED 1.15

bool
rounds_steady(const double *line_ns, size_t count)
{
	double low = INFINITY, high = 0;

	for (size_t i = 0; i < count; i++) {
		low = fmin(low, line_ns[i]);
		high = fmax(high, line_ns[i]);
	}
	return high <= low * LINE_MOVED;
}

/* Seconds of processor time used by everybody since the machine started; 0 if that is not told. */
static double
machine_seconds(void)
{
	unsigned long long user, nice, system, idle, wait, irq, softirq;
	FILE *file = fopen("/proc/stat", "r");
	int got = 0;

	if (!file)
		return 0;
	got = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
	             &wait, &irq, &softirq);
	fclose(file);
	if (got != 7)
		return 0;
	return (double)(user + nice + system + irq + softirq) / (double)sysconf(_SC_CLK_TCK);
}

static double
seconds_of(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double
others_seconds(void)
{
	return machine_seconds() - seconds_of(RUSAGE_CHILDREN) - seconds_of(RUSAGE_SELF);
}

struct rounds_others
rounds_others_begin(void)
{
	return (struct rounds_others){ .used = others_seconds(), .begun = machine_ns() };
}

double
rounds_others_end(const struct rounds_others *others)
{
	double seconds = (double)(machine_ns() - others->begun) / 1e9;

	return fmax(0, (others_seconds() - others->used) / seconds);
}
