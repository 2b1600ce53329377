/* SPDX-License-Identifier: MIT */
/* compare_run.h - run a program that prints one JSON object, for a limited time. */
#ifndef BENCH_COMPARE_RUN_H
#define BENCH_COMPARE_RUN_H

#include <jansson.h>
#include <stdbool.h>

struct run {
	enum {
		RUN_OK,                 /* `line` is what it printed */
		RUN_UNMEASURABLE,       /* exit status 69: not on this machine */
		RUN_FAILED,
		RUN_INTERRUPTED,
	} status;
	json_t *line;                   /* the caller's to release */
	double seconds;                 /* from start to end */
	char error[256];                /* unless RUN_OK: what was wrong, for a person */
};

/*
 * arguments end with a null pointer, the first one is the path. A program that takes more than
 * `timeout` seconds is killed with its process group.
 */
struct run run_program(const char *const *arguments, double timeout);

/* From now on SIGINT and SIGTERM end the program that runs; a second one ends this process. */
void run_catch_interrupts(void);

/* The signal that came, or 0. */
int run_interrupted(void);

#endif
