/* SPDX-License-Identifier: MIT */
/*
 * bench_load_arguments.h - the options that say what a load is, for all commands that have one.
 */
#ifndef WI_CLI_BENCH_LOAD_ARGUMENTS_H
#define WI_CLI_BENCH_LOAD_ARGUMENTS_H

#include <argp.h>
#include <stddef.h>
#include <stdio.h>

#include "bench_options.h"

/* Kept until the scenario and the file, wherever they stand, have been applied. */
struct wi_bench_load_arguments {
	const char *program;            /* "weir bench" */
	struct wi_bench_options *options;
	const char *scenario, *file;
	FILE *stream;                   /* instead of opening the file, which is its name; or NULL */
	struct {
		const char *name, *value;
	} *settings;
	size_t count;
	bool says_ring_size;            /* in the end: the load has one */
};

/* A child, with a struct wi_bench_load_arguments as its input. Takes FILE, and ends after --list. */
extern const struct argp wi_bench_load_argp;

/* A setting of the parent's own that is one of wi_bench_options_set(). */
void wi_bench_load_arguments_keep(struct argp_state *state,
				  struct wi_bench_load_arguments *arguments, const char *name,
				  const char *value);

/*
 * Scenario, then FILE, then the options, each over what was before, and check them; the 1p1c
 * scenario where there is nothing. Ends the program with a message where something is wrong.
 */
void wi_bench_load_arguments_apply(struct argp_state *state,
				   struct wi_bench_load_arguments *arguments);

#endif
