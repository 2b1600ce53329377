/* SPDX-License-Identifier: MIT */
/*
 * bench_file.h - settings from an INI file.
 *
 *   [load], [run], [bus]   settings by the names of the options: any of them in any of the three
 *   [pool.NAME]            options of a pool: wait = spin
 *   [on.NAME]              a subscription: pattern, pool, cost, sleep, times; NAME says nothing
 */
#ifndef WI_CLI_BENCH_FILE_H
#define WI_CLI_BENCH_FILE_H

#include <stdio.h>

#include "bench_options.h"

/*
 * A layer of settings. 0, or an exit code after a message with file and line on stderr: 64, or 66
 * where the file cannot be read. program: "weir bench", for the message.
 */
int wi_bench_file_read(const char *program, const char *name, struct wi_bench_options *options);

/* The same of a stream that is called so. */
int wi_bench_file_take(const char *program, const char *name, FILE *stream,
		       struct wi_bench_options *options);

#endif
