/* SPDX-License-Identifier: MIT */
/*
 * bars.h - what each row of the table of bars gives to the program that prints it.
 *
 * A row's run() is called in a process of its own and reports rounds with
 * bar_round(). Where the machine's state matters, a round has the line time
 * before and after it; bars.c drops the round if that moved too far.
 */
#ifndef BENCH_BARS_H
#define BENCH_BARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bar_round {
	double value;                           /* what is compared with the bar */
	double line_before, line_after;         /* 0: this row does not depend on it */
	double raw[4];                          /* what `value` was made of, for --json */
};

struct bar_run;

/* Report one round. False: enough. */
bool bar_round(struct bar_run *run, const struct bar_round *round);

/*
 * All rounds of a row that compares: base, other, base, each with a number of events that fits the
 * line time; the value is other by the mean of the two. False: one of them was not above 0.
 */
bool bar_between(struct bar_run *run, double (*base)(uint64_t events), double (*other)(uint64_t events));

/* True if only few rounds are wanted (--quick). */
bool bar_quick(const struct bar_run *run);

/* A sentence for the report: what was seen, or why the row could not be measured. */
void bar_note(struct bar_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct bar {
	const char *name;
	const char *what;
	const char *unit;
	double limit;
	bool at_least;                  /* the limit is a least value */
	bool once;                      /* one round is exact, or long */
	const char *raw[4];             /* the names of bar_round.raw */
	/* False: could not be measured, or the books did not balance. */
	bool (*run)(struct bar_run *run, const struct bar *bar);
	uint32_t parameter;
};

/* One list for each bars_*.c; a NULL name ends it. */
extern const struct bar bars_speed[], bars_latency[], bars_code[], bars_topics[], bars_routes[],
	bars_quiet[], bars_pools[], bars_faults[], bars_cycles[], bars_service[],
	bars_journal[], bars_beside[];

/* The value of fn(argument) in a forked child; not a number if that failed. */
double bar_in_child(double (*fn)(const void *argument), const void *argument);

#endif
