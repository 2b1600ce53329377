/* SPDX-License-Identifier: MIT */
/*
 * script.h - a run of the store that does all that a store does: it begins files, writes batches of
 *            several sizes, checkpoints, rotates, closes and opens again.
 *
 * Rows are numbered 1, 2, 3, ... in their payload, so that it can be seen what became of each.
 */
#ifndef WI_TESTS_SCRIPT_H
#define WI_TESTS_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "store.h"

struct script {
	char directory[256], path[300];
	struct wi_store_options options;
	struct wi_store *store;
	uint32_t batches;
	char problem[WI_STORE_PROBLEM_SIZE];    /* of the last opening that failed */
	uint64_t *recorded;     /* the last number that was acknowledged; may lie in shared memory */
};

/* In a new folder. */
void script_begin(struct script *script, enum wi_durability durability);
/* With all that is in it. */
void script_end(struct script *script);

/* All batches from *recorded + 1 on; the first code that is not 0, with the store as it was then. */
int script_run(struct script *script);
/* The same, but what fails is done again, at most `tries` times; the last code. */
int script_run_stubborn(struct script *script, unsigned tries);

/*
 * The journal is whole, its rows are numbered without gap or double, and there are at least as many as
 * were acknowledged: how many. `what` names the case.
 */
uint64_t script_check(const struct script *script, const char *what, uint64_t number);

#endif
