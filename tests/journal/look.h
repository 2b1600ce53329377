/* SPDX-License-Identifier: MIT */
/* look.h - what is in a journal, read back and checked as `weir journal verify` does it. */
#ifndef WI_TESTS_LOOK_H
#define WI_TESTS_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "reader.h"

struct look {
	uint64_t rows, events, gaps, opened, closed;    /* that are good */
	uint64_t loose, broken, holes, missing;         /* missing: rows in holes, if that is known */
	uint64_t files, unreadable;                     /* files */
	bool linked;                                    /* each file begins where the one before ended */
	uint64_t last;
};

/* Calls visit for each good row, if it is not NULL. `path` as a journal is named. */
struct look look_at_journal(const char *path, void (*visit)(void *context, const struct wi_row *row),
                            void *context);
/* The same for one file. */
struct look look_at_file(const char *path, void (*visit)(void *context, const struct wi_row *row),
                         void *context);
/* Nothing is wrong with it. */
bool look_is_good(const struct look *look);

#endif
