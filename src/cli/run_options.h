/* SPDX-License-Identifier: MIT */
/* run_options.h - the command line of `weir run`. */
#ifndef WI_CLI_RUN_OPTIONS_H
#define WI_CLI_RUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/weir.h>

#include "handlers.h"
#include "pools.h"

struct wi_run_options {
	const char *input;  /* a file's name, "-": standard input; with config also "unix:PATH" */
	const char *config; /* --config: a host, or NULL */
	uint64_t drain_ns;  /* with config: how long after a signal */
	struct wi_handler *handlers;
	size_t handler_count;
	struct wi_pool_specs pools;
	uint64_t producer_count;
	uint64_t repeat;
	uint64_t line_size_max;
	uint64_t ring_size; /* 0: the engine's default, as in the next three */
	uint64_t dispatcher_count;
	uint64_t batch_count_max;
	weir_wait wait;
	bool strict, json, all;
	bool replayed;              /* with config: handlers want replayed events, too */
	bool reads;                 /* the input is to be read */
	const char *not_for_config; /* an option that was given and is for runs without one */
};

/*
 * Ends the program with WI_EXIT_USAGE and a message if the command line is wrong. reads: the input
 * is to be read, so without a FILE standard input must not be a terminal.
 */
void wi_run_options_parse(struct wi_run_options *options, bool reads, int argc, char **argv);
void wi_run_options_fini(struct wi_run_options *options);

/* The default pool. */
struct wi_pool_spec wi_run_options_first(const struct wi_run_options *options);

/* Whether a handler writes events to standard output. */
bool wi_run_options_prints(const struct wi_run_options *options);

#endif
