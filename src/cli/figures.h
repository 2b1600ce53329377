/* SPDX-License-Identifier: MIT */
/* figures.h - numbers as people read them: separators, units, three digits that matter. */
#ifndef WI_CLI_FIGURES_H
#define WI_CLI_FIGURES_H

#include <stdint.h>

enum { WI_FIGURES_SIZE = 32 };

/* By value, so that several can be arguments of one printf. */
struct wi_figure {
	char text[WI_FIGURES_SIZE];
};

struct wi_figure wi_figures_count(uint64_t count);             /* 1,234,567 */
struct wi_figure wi_figures_bytes(double bytes);               /* 1.23 MB */
struct wi_figure wi_figures_time(uint64_t ns);                 /* 1.23 ms */
struct wi_figure wi_figures_nanoseconds(double ns);            /* 12.3 ns */
struct wi_figure wi_figures_rate(uint64_t count, uint64_t ns); /* per second: 1.23 M */

#endif
