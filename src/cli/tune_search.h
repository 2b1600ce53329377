/* SPDX-License-Identifier: MIT */
/*
 * tune_search.h - the best of many settings, where each trial of one is noise and a little truth.
 *
 * Who measures is given from outside; nothing here knows what a setting is. Trials are made in
 * rounds: each of those that are compared once, in an order drawn by lot, so that what the machine
 * does meanwhile meets all of them, and only differences within a round count.
 *
 *   screening   if there is time for it: the default, and all that differ from it in one dimension
 *   combining   races: what looked good together, then one dimension after the other around who leads
 *   final       who leads, the default and the runners-up, on new rounds: only these decide
 *
 * How the level is shared out: docs/decisions/0021-weir-tune.md.
 */
#ifndef WI_CLI_TUNE_SEARCH_H
#define WI_CLI_TUNE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WI_TUNE_DIMENSIONS_MAX = 64,
	WI_TUNE_LEVELS_MAX = 16,
	WI_TUNE_FINALISTS_MAX = 5
};

#define WI_TUNE_LEVEL 0.05      /* of ever calling noise a difference, in a whole search */
#define WI_TUNE_LITTLE 0.02     /* a smaller difference hardly matters */
#define WI_TUNE_NONE SIZE_MAX

struct wi_tune_point {
	uint8_t level[WI_TUNE_DIMENSIONS_MAX];
};

struct wi_tune_space {
	unsigned count;         /* dimensions, what is likely to matter first */
	unsigned level_count[WI_TUNE_DIMENSIONS_MAX];
	struct wi_tune_point base;      /* the default */
	/*
	 * Sets dimensions that mean nothing beside the others to their default. False: it cannot be.
	 * NULL: all means something and can be.
	 */
	bool (*fit)(const void *context, struct wi_tune_point *point);
	const void *context;
};

struct wi_tune_measure {
	/* score: a logarithm, more is better. False: it ends here. */
	bool (*trial)(void *context, const struct wi_tune_point *point, size_t index,
		      double *ret_score);
	uint64_t (*left)(void *context);        /* trials that there is time for */
	/* Of two that are alike: what the first costs beside the goal, less is better. Or NULL. */
	double (*price)(void *context, size_t index);
	void *context;
};

struct wi_tune_sample {
	unsigned round;
	double score;
};

/* A point that was tried. */
struct wi_tune_setting {
	struct wi_tune_point point;
	struct wi_tune_sample *samples;         /* by round */
	size_t count;
};

/* Of one to another, as logarithms: more than 0 is better. */
struct wi_tune_difference {
	double middle, low, high, level;        /* of the interval */
	double p;                               /* corrected for how many are compared, and how often */
	size_t pairs;
	bool told;
};

enum wi_tune_verdict {
	WI_TUNE_UNKNOWN,        /* it cannot be told from noise */
	WI_TUNE_HARDLY,         /* less than WI_TUNE_LITTLE, whichever level, and surely less than twice that */
	WI_TUNE_MATTERS
};

/*
 * A dimension, all others at their default; or if it means nothing there, beside one change of
 * another that it takes to mean something.
 */
struct wi_tune_effect {
	unsigned best, worst;           /* levels */
	size_t beside;                  /* setting with the default's level */
	struct wi_tune_difference gain, loss;   /* of these to that */
	double p;                       /* the least of its levels */
	enum wi_tune_verdict verdict;
	bool tried;
};

enum wi_tune_stage {
	WI_TUNE_SCREENING,
	WI_TUNE_COMBINING,
	WI_TUNE_FINAL,
	WI_TUNE_EXHAUSTIVE,
	WI_TUNE_DONE
};

struct wi_tune_search {
	const struct wi_tune_space *space;
	const struct wi_tune_measure *measure;
	uint64_t random;
	struct wi_tune_setting *settings;       /* the default is the first */
	size_t count;
	unsigned round;
	enum wi_tune_stage stage;
	bool ended;                     /* by trial(), or there is no memory */
	bool no_memory;
	size_t leader;                  /* so far, */
	size_t seconds[WI_TUNE_FINALISTS_MAX];  /*   and who came in behind, the last one first */

	/* What it came to. */
	size_t best;                    /* the simplest of those that are as good as the first */
	size_t first;                   /* that came out first */
	size_t compared[WI_TUNE_FINALISTS_MAX];         /* in the final */
	struct wi_tune_difference behind[WI_TUNE_FINALISTS_MAX];        /* each to the first */
	size_t compared_count;
	struct wi_tune_difference over_default;         /* of the best */
	struct wi_tune_effect effects[WI_TUNE_DIMENSIONS_MAX];
	unsigned final_rounds;
};

/* How many points there are; at most `limit` are counted. */
uint64_t wi_tune_space_count(const struct wi_tune_space *space, uint64_t limit);

/* seed: of the lots. Space and measure stay the caller's. */
void wi_tune_search_init(struct wi_tune_search *search, const struct wi_tune_space *space,
			 const struct wi_tune_measure *measure, uint64_t seed);
void wi_tune_search_fini(struct wi_tune_search *search);

/* Until it is decided, or there is no time left. */
void wi_tune_search_run(struct wi_tune_search *search);

/* Each point that there is so often, whatever time there is; then the first of them. */
void wi_tune_search_exhaust(struct wi_tune_search *search, unsigned repeats);

/*
 * The index of a point that was tried, or is from now on; WI_TUNE_NONE: no memory, or it cannot be.
 */
size_t wi_tune_search_add(struct wi_tune_search *search, struct wi_tune_point point);

/* One trial of each, in an order drawn by lot. False: it ended. */
bool wi_tune_search_round(struct wi_tune_search *search, const size_t *who, size_t count);

/* From the rounds in which both were. p is not corrected, and nothing is told. */
struct wi_tune_difference wi_tune_search_compare(const struct wi_tune_search *search, size_t one,
						 size_t other, unsigned from, unsigned until);

/* To find the way: of medians, over the rounds from `from` on in which both were. */
double wi_tune_search_advantage(const struct wi_tune_search *search, size_t one, size_t other,
				unsigned from);

/* Dimensions in which it is not the default. */
unsigned wi_tune_search_changes(const struct wi_tune_search *search, size_t index);

#endif
