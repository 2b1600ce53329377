/* SPDX-License-Identifier: MIT */
/* compare_print.h - what was measured: as text, as JSON, for the pages and as a chart. */
#ifndef BENCH_COMPARE_PRINT_H
#define BENCH_COMPARE_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "compare_machine.h"
#include "compare_rounds.h"
#include "compare_verdicts.h"

struct outcome {
	const struct comparison *comparison;
	const struct verdict *verdicts;         /* VERDICTS of them */
	struct machine_facts machine;
	size_t missed, failed;                  /* verdicts; entries and peers */
	int interrupted;                        /* the signal, or 0 */
};

/* Tables of all classes, the choices, the verdicts. */
void print_text(const struct outcome *outcome);

/* Everything, with each round. False: no memory, or it cannot be written. */
bool print_json(const struct outcome *outcome);

/*
 * Between the lines "<!-- peers -->" and "<!-- /peers -->" of a page: chart, verdicts and, if it is
 * to have the whole, the tables. False after a message.
 */
bool print_page(const struct outcome *outcome, const char *path, const char *chart, bool whole);

/* An SVG file, by gnuplot. False after a message. */
bool print_chart(const struct outcome *outcome, const char *path);

#endif
