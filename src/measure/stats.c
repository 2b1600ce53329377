/* SPDX-License-Identifier: MIT */
/* stats.c - see stats.h. */
#include "stats.h"

#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void
stats_sort(double *samples, size_t count)
{
	qsort(samples, count, sizeof *samples, compare);
}

double
stats_quantile(const double *sorted, size_t count, double part)
{
	double place;
	size_t below;

	if (!count)
		return 0;
	place = part * (double)(count - 1);
	below = (size_t)place;
	if (below + 1 >= count)
		return sorted[count - 1];
	return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}
