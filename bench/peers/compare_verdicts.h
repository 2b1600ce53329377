/* SPDX-License-Identifier: MIT */
/* compare_verdicts.h - what weir is to reach beside its peers, and whether it does. */
#ifndef BENCH_COMPARE_VERDICTS_H
#define BENCH_COMPARE_VERDICTS_H

#include "compare_rounds.h"

struct verdict {
	const char *what;
	const char *unit;               /* of limit and reached */
	double limit;
	bool at_least;                  /* else at most */
	bool above;                     /* at_least, and equal is not enough */
	bool of_many;                   /* several peers could be the nearest */
	/* Whoever was nearest to the bar, of those that it is about; NULL: none was measured. */
	const struct entry *nearest;
	struct spread reached;
	enum { VERDICT_MET, VERDICT_MISSED, VERDICT_NONE } verdict;
	char unmeasured[200];           /* names of those that are missing in it, if any */
};

enum { VERDICTS = 18 };

void verdicts_reach(const struct comparison *comparison, struct verdict verdicts[VERDICTS]);

/* The bars, unmeasured, for --list. */
void verdicts_list(struct verdict verdicts[VERDICTS]);

extern const char *const verdict_names[];

#endif
