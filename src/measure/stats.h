/* SPDX-License-Identifier: MIT */
/* stats.h - medians, quartiles and percentiles of samples. */
#ifndef MEASURE_STATS_H
#define MEASURE_STATS_H

#include <stddef.h>

/* In place, rising. */
void stats_sort(double *samples, size_t count);

/* Of sorted samples, between neighbours; part is 0.5 for the median. 0 of none. */
double stats_quantile(const double *sorted, size_t count, double part);

#endif
