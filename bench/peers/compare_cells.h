/* SPDX-License-Identifier: MIT */
/*
 * compare_cells.h - what is measured: each cell a scenario, a size, a class.
 *
 * Classes are never mixed: in `single` each event is a publish of its own on both sides, in
 * `batched` both sides commit 16 or 256 at once, in `open loop` the clock says when to send.
 */
#ifndef BENCH_COMPARE_CELLS_H
#define BENCH_COMPARE_CELLS_H

#include <stdbool.h>
#include <stddef.h>

enum class { CLASS_SINGLE, CLASS_BATCHED, CLASS_OPEN, CLASSES };

struct cell {
	enum class class;
	const char *scenario;
	int size;                       /* payload bytes */
	int batch;                      /* events a commit */
	int rate;                       /* events a second; 0: closed loop */
	enum { QUICK_NO, QUICK_BARRED, QUICK_ALL } quick;       /* for whom it is in --quick */
	int like;                       /* --quick: the cell whose choices hold here too; or itself */
};

enum { CELLS = 10 };

extern const struct cell cells[CELLS];
extern const char *const class_names[CLASSES];

/* "1p1c, 48 bytes, 16 a commit", in a buffer that the next call but three overwrites. */
const char *cell_name(const struct cell *cell);

/* The index of that cell. */
int cell_find(enum class class, const char *scenario, int size, int batch);

#endif
