/* SPDX-License-Identifier: MIT */
/* bench_arguments.h - the command line of `weir bench`. */
#ifndef WI_CLI_BENCH_ARGUMENTS_H
#define WI_CLI_BENCH_ARGUMENTS_H

#include "bench_options.h"

/*
 * Scenario, then FILE, then the options, each over what was before. Ends the program with a message
 * where something is wrong, and after --list.
 */
void wi_bench_arguments_parse(struct wi_bench_options *options, int argc, char **argv);

#endif
