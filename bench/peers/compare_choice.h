/* SPDX-License-Identifier: MIT */
/* compare_choice.h - how each one waits and where it runs: what is best for it in this cell. */
#ifndef BENCH_COMPARE_CHOICE_H
#define BENCH_COMPARE_CHOICE_H

#include "compare_rounds.h"

/*
 * Tries all waits and places of all entries by short runs. The best has the least time for an
 * event, in open loop the least p50 x p99. One that starts slowly, and all with --quick, are tried
 * with all waits pinned and with the best of them unpinned. --quick takes the choice of a cell
 * that is alike where there is one.
 */
void choice_find(struct comparison *comparison, struct field *field);

#endif
