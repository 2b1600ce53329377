/* SPDX-License-Identifier: MIT */
/* replay_report.h - what became of a replay. */
#ifndef WI_CLI_REPLAY_REPORT_H
#define WI_CLI_REPLAY_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "replay_events.h"
#include "replay_options.h"

struct wi_replay_report {
	const struct wi_replay_options *options;
	const struct wi_replay_events *events;
	const char *journal;  /* its id */
	uint64_t first, last; /* rows that were read; first 0: none */
	uint64_t through;     /* events that are through all pools */
	uint64_t gaps;        /* rows that say that events were not recorded */
	uint64_t problems;
	uint64_t position; /* 0: none */
	uint64_t duration_ns;
	int64_t lost;  /* of a host in this process */
	int signal;    /* that ended it, 0: none */
	bool complete; /* up to the row that was the last one when it began */
};

/* False: it could not be written. */
bool wi_replay_report_write(const struct wi_replay_report *report, FILE *stream);

#endif
