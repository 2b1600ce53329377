/* SPDX-License-Identifier: MIT */
/* rounds.c - see rounds.h. */
#include "rounds.h"

#include <math.h>
#include <sys/resource.h>

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
	return machine_used().busy - seconds_of(RUSAGE_CHILDREN) - seconds_of(RUSAGE_SELF);
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
