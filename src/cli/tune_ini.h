/* SPDX-License-Identifier: MIT */
/* tune_ini.h - settings as a host's INI file, as a load for weir bench, and as C. */
#ifndef WI_CLI_TUNE_INI_H
#define WI_CLI_TUNE_INI_H

#include <stdbool.h>
#include <stdio.h>

#include "bench_plan.h"

/* All of what load and plan have now. For weir run --config: */
void wi_tune_write_ini(const struct wi_bench_options *load, const struct wi_bench_plan *plan,
		       FILE *stream);
/* for weir bench, with the load: */
void wi_tune_write_load(const struct wi_bench_options *load, const struct wi_bench_plan *plan,
			FILE *stream);
/* for a program: */
void wi_tune_write_c(const struct wi_bench_options *load, const struct wi_bench_plan *plan,
		     FILE *stream);

/* Whether a pool of that name can stand in all three. */
bool wi_tune_is_name(const char *name);

#endif
