/* SPDX-License-Identifier: MIT */
/*
 * tune_verdict.h - what the rounds of a search say: who is first, and what is a difference.
 *
 * Half of WI_TUNE_LEVEL is for the effects of dimensions (Holm's correction over all levels), half
 * for the final (Bonferroni's over all pairs and looks, since who is compared is chosen by the same
 * rounds).
 */
#ifndef WI_CLI_TUNE_VERDICT_H
#define WI_CLI_TUNE_VERDICT_H

#include "tune_search.h"

/* A setting that differs from another in one dimension. */
struct wi_tune_change {
	unsigned dimension, level;
	size_t index, from;
};

/* Falling, by what they did in the rounds from `from` on, in which all of them were. */
void wi_tune_verdict_sort(const struct wi_tune_search *search, size_t *who, size_t count,
			  unsigned from);

/* Whether the final is to be looked at after so many rounds. */
bool wi_tune_verdict_is_look(size_t finalists, unsigned rounds);

/* Each is told apart from the first, or so close to it that it hardly matters. Sorts them. */
bool wi_tune_verdict_is_decided(const struct wi_tune_search *search, size_t *who, size_t count,
				unsigned from);

/* What the final came to; without a round there are no differences, and the leader is the best. */
void wi_tune_verdict_final(struct wi_tune_search *search, size_t *who, size_t count, unsigned from);

/*
 * Of all dimensions, from the rounds before `until`. may_tell: nobody left these rounds for being
 * worse; where the better ones had more rounds than the others nothing is told.
 */
void wi_tune_verdict_effects(struct wi_tune_search *search, const struct wi_tune_change *changes,
			     size_t count, unsigned until, bool may_tell);

void wi_tune_verdict_exhaustive(struct wi_tune_search *search);

#endif
