/* SPDX-License-Identifier: MIT */
/* replay_options.h - the command line of `weir replay`. */
#ifndef WI_CLI_REPLAY_OPTIONS_H
#define WI_CLI_REPLAY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control_client.h"

struct wi_replay_options {
	const char *journal;
	struct wi_control_client client; /* the host that runs */
	const char *config;              /* or this one, in this process; NULL: none */
	/* Which events; all of it must fit. */
	const char **patterns;
	size_t pattern_count;
	uint64_t from, to; /* nanoseconds since 1970, both included */
	/* How. */
	double speed; /* of the original pace; 0: as fast as can be */
	/* A longer one between two events counts as this. */
	uint64_t pause_max_ns;
	uint64_t batch;       /* events from flush to flush */
	const char *position; /* NULL: none */
	bool dry_run, loose, json;
};

/* Ends the program on wrong usage. */
void wi_replay_options_parse(struct wi_replay_options *options, int argc, char **argv);
void wi_replay_options_fini(struct wi_replay_options *options);

#endif
