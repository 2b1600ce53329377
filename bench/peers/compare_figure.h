/* SPDX-License-Identifier: MIT */
/* compare_figure.h - figures as people read them. */
#ifndef BENCH_COMPARE_FIGURE_H
#define BENCH_COMPARE_FIGURE_H

#include "compare_rounds.h"

/* All of them give text in one of many buffers that take turns: good until some calls later. */

/* Three digits, without an exponent: 1.23, 12.3, 123, 1234. */
const char *figure(double value);

/* "1.23 [1.20, 1.31]", of none "-" */
const char *figure_spread(const struct spread *spread);

/* "70 to 310"; "-" if none was read. */
const char *figure_range(double low, double high);

/* ", +3.2 ns" */
const char *figure_ns_more(const struct spread *spread);

/* "busy-spin split" */
const char *figure_choice(const struct choice *choice);

#endif
