/* SPDX-License-Identifier: MIT */
/* compare_cells.c - see compare_cells.h. */
#include "compare_cells.h"

#include <stdio.h>
#include <string.h>

const struct cell cells[CELLS] = {
	{ CLASS_SINGLE, "1p1c", 48, 1, 0, QUICK_ALL, 0 },
	{ CLASS_SINGLE, "1p1c", 8, 1, 0, QUICK_NO, 1 },
	{ CLASS_SINGLE, "1p1c", 256, 1, 0, QUICK_NO, 2 },
	{ CLASS_SINGLE, "1p3c", 48, 1, 0, QUICK_BARRED, 3 },
	{ CLASS_SINGLE, "3p1c", 48, 1, 0, QUICK_BARRED, 4 },
	{ CLASS_SINGLE, "pipeline", 48, 1, 0, QUICK_NO, 5 },
	{ CLASS_SINGLE, "diamond", 48, 1, 0, QUICK_NO, 6 },
	{ CLASS_BATCHED, "1p1c", 48, 16, 0, QUICK_NO, 7 },
	{ CLASS_BATCHED, "1p1c", 48, 256, 0, QUICK_ALL, 0 },
	{ CLASS_OPEN, "1p1c", 48, 1, 100000, QUICK_ALL, 9 },
};

const char *const class_names[CLASSES] = { "single", "batched", "open loop" };

const char *
cell_name(const struct cell *cell)
{
	static char buffers[4][64];
	static unsigned turn;
	char *buffer = buffers[turn++ % 4], how[32] = "";

	if (cell->batch > 1)
		snprintf(how, sizeof how, ", %d a commit", cell->batch);
	if (cell->rate)
		snprintf(how, sizeof how, ", %d/s", cell->rate);
	snprintf(buffer, sizeof buffers[0], "%s, %d bytes%s", cell->scenario, cell->size, how);
	return buffer;
}

int
cell_find(enum class class, const char *scenario, int size, int batch)
{
	for (int i = 0; i < CELLS; i++)
		if (cells[i].class == class && !strcmp(cells[i].scenario, scenario) &&
		    cells[i].size == size && cells[i].batch == batch)
			return i;
	return -1;
}
