/* SPDX-License-Identifier: MIT */
/*
 * compare_rounds.h - the measuring: who is in which cell, each one's best choice, the rounds.
 *
 * In a round of a cell each peer stands between two runs of weir, and the time of a cache line is
 * read before and after every run. A peer's round is weir, peer, weir; it is dropped if its four
 * line times differ by more than 15 %.
 */
#ifndef BENCH_COMPARE_ROUNDS_H
#define BENCH_COMPARE_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare_cells.h"
#include "compare_peers.h"

enum { TRIALS_MOST = 40, ROUND_LINES = 4 };

struct round {
	struct sample weir[2], peer;
	double lines[ROUND_LINES];
	bool kept;
};

struct trial {
	struct choice choice;
	double score;                   /* the least is the best */
	double wall_seconds;            /* as in struct entry */
};

struct spread {
	double median, quartiles[2];
	size_t count;
};

/* A peer in a cell. */
struct entry {
	const struct peer *peer;
	const struct cell *cell;
	bool failed;
	char error[256];                /* also of one that cannot be measured here */
	struct trial trials[TRIALS_MOST];
	size_t trial_count;
	struct choice choice;           /* no wait: none was found */
	double wall_seconds;            /* of a whole run, without what is timed */
	struct round *rounds;
	size_t count, kept;

	/* Of the rounds that were kept, once compare_summarize() was called. */
	struct spread ns, p50, p99;
	struct spread ns_ratio, p50_ratio, p99_ratio;   /* the peer's by weir's */
	struct spread p50_more;         /* weir's less the peer's, ns */
	double line_low, line_high;
};

/* A cell and who is in it: weir first. */
struct field {
	const struct cell *cell;
	struct entry entries[PEERS];
	size_t count;
	double *yardsticks;             /* ns an event, two a round */
	size_t yardstick_count;
	struct spread yardstick;
};

struct comparison {
	/* What is wanted. */
	bool quick;
	size_t rounds;                  /* good ones of each entry */
	double seconds, open_seconds;   /* of a timed run; open loop */
	double budget;                  /* seconds in all; 0: no end */
	double timeout;
	const char *only_peer, *only_scenario;
	const double *line_times;       /* instead of reading them, in turn; a test's */
	size_t line_time_count;

	struct field fields[CELLS];
	size_t field_count;
	size_t rounds_begun;
	uint64_t begun;                 /* machine_ns() */
	double seconds_taken, others;
	double line_low, line_high;
	bool out_of_time;
};

/* The fields: needs peers_find(). */
void compare_plan(struct comparison *comparison);

/* Choices, then rounds. Ends early when it is interrupted or out of time: what there is stays. */
void compare_measure(struct comparison *comparison);

void compare_summarize(struct comparison *comparison);
void compare_free(struct comparison *comparison);

/* Of that peer in that cell (an index of `cells`); NULL if it is not there. */
const struct entry *compare_entry(const struct comparison *comparison, const struct peer *peer,
                                  int cell);

#endif
