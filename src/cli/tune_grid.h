/* SPDX-License-Identifier: MIT */
/*
 * tune_grid.h - the settings that are tried: dimensions with a name and values as an INI file has
 * them, and which of them go together.
 */
#ifndef WI_CLI_TUNE_GRID_H
#define WI_CLI_TUNE_GRID_H

#include <stdbool.h>
#include <stddef.h>

#include "bench_plan.h"
#include "tune_options.h"
#include "tune_search.h"

enum { WI_TUNE_VALUE_SIZE = 64, WI_TUNE_NAME_SIZE = 96, WI_TUNE_PROBLEM_SIZE = 256 };

/* In the order in which they are likely to matter. */
enum wi_tune_kind {
	WI_TUNE_WAIT,
	WI_TUNE_DISPATCHERS,
	WI_TUNE_CPUS,
	WI_TUNE_ORDER,
	WI_TUNE_COMMIT,
	WI_TUNE_RING_SIZE,
	WI_TUNE_BATCH,
	WI_TUNE_SPIN,
	WI_TUNE_SLEEP,
	WI_TUNE_KIND_COUNT
};

struct wi_tune_dimension {
	enum wi_tune_kind kind;
	size_t pool;                    /* of the plan; means nothing for WI_TUNE_COMMIT, _RING_SIZE */
	char name[WI_TUNE_NAME_SIZE];   /* "wait", "journal.wait" */
	char values[WI_TUNE_LEVELS_MAX][WI_TUNE_VALUE_SIZE];
};

struct wi_tune_grid {
	struct wi_tune_dimension dimensions[WI_TUNE_DIMENSIONS_MAX];
	struct wi_tune_space space;
	struct wi_bench_options *load;  /* what wi_tune_grid_apply() changes */
	struct wi_bench_plan *plan;
	bool base_is_new;               /* and not what the load has: it must go together */
	int processors;                 /* that the process may use */
	char problem[WI_TUNE_PROBLEM_SIZE];
};

/*
 * Of a plan that was made of options->load; pools for which the load says nothing are set to the
 * engine's default. NULL, or what is wrong. The grid is used where it is, and not copied.
 */
const char *wi_tune_grid_make(struct wi_tune_grid *grid, struct wi_tune_options *options,
			      struct wi_bench_plan *plan);

/* Makes load and plan those of the point. */
void wi_tune_grid_apply(struct wi_tune_grid *grid, const struct wi_tune_point *point);

/* The setting's name in an INI file: "wait". */
const char *wi_tune_kind_name(enum wi_tune_kind kind);

/* Whether it means something beside the others; the default of what does not is no choice. */
bool wi_tune_grid_means(const struct wi_tune_grid *grid, const struct wi_tune_point *point,
			unsigned dimension);

/* "wait spin, batch 4096": where it is not the default; "the default" if nowhere. */
void wi_tune_grid_text(const struct wi_tune_grid *grid, const struct wi_tune_point *point,
		       char *text, size_t size);

#endif
