/* SPDX-License-Identifier: MIT */
/* compare_choice.h - how each one waits and where it runs: what is best for it in this cell. */
#ifndef BENCH_COMPARE_CHOICE_H
#define BENCH_COMPARE_CHOICE_H

#include "compare_rounds.h"

/*
 * Tries all waits pinned, then the two best of them unpinned, then the best three again, by short
 * runs: the least time for an event is the best, in open loop the least p50 x p99^0.1. With
 * --quick, and for one that starts slowly, only the best wait is tried unpinned, and nothing again.
 * --quick takes the choice of a cell that is alike where there is one, and tries three waits of one
 * that starts slowly.
 */
void choice_find(struct comparison *comparison, struct field *field);

#endif
