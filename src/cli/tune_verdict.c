/* SPDX-License-Identifier: MIT */
/* tune_verdict.c - see tune_verdict.h. */
#include "tune_verdict.h"

#include "ranks.h"
#include "stats.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

enum { LOOKS = 3 };             /* two, and one when there is no time left */

#define INTERVAL 0.95

/* -- two settings ----------------------------------------------------------- */

/* Of the rounds in which both were. How many. */
static size_t
pair(const struct wi_tune_search *search, size_t one, size_t other, unsigned from, unsigned until,
     double differences[RANKS_COUNT_MAX])
{
	const struct wi_tune_setting *a = &search->settings[one], *b = &search->settings[other];
	size_t count = 0;

	for (size_t i = 0, k = 0; i < a->count && k < b->count && count < RANKS_COUNT_MAX;) {
		unsigned round = a->samples[i].round;

		if (round < b->samples[k].round) {
			i++;
		} else if (round > b->samples[k].round) {
			k++;
		} else {
			if (round >= from && round < until)
				differences[count++] = a->samples[i].score - b->samples[k].score;
			i++;
			k++;
		}
	}
	return count;
}

struct wi_tune_difference
wi_tune_search_compare(const struct wi_tune_search *search, size_t one, size_t other, unsigned from,
		       unsigned until)
{
	double differences[RANKS_COUNT_MAX];
	size_t count = pair(search, one, other, from, until, differences);
	struct ranks_shift shift = ranks_shift_of(differences, count, INTERVAL);

	return (struct wi_tune_difference){.middle = shift.middle,
					   .low = shift.low,
					   .high = shift.high,
					   .level = shift.level,
					   .p = ranks_signed_p(differences, count),
					   .pairs = count};
}

/*
 * The upper median: what disturbs a trial makes it worse and not better, and of two the better one
 * was less disturbed.
 */
static double
upper_median(double *scores, size_t count)
{
	stats_sort(scores, count);
	return count > 0 ? scores[count / 2] : 0;
}

double
wi_tune_search_advantage(const struct wi_tune_search *search, size_t one, size_t other,
			 unsigned from)
{
	const struct wi_tune_setting *a = &search->settings[one], *b = &search->settings[other];
	double scores[2][RANKS_COUNT_MAX];
	size_t count = 0;

	for (size_t i = 0, k = 0; i < a->count && k < b->count && count < RANKS_COUNT_MAX;) {
		unsigned round = a->samples[i].round;

		if (round < b->samples[k].round || round < from) {
			i++;
		} else if (round > b->samples[k].round) {
			k++;
		} else {
			scores[0][count] = a->samples[i++].score;
			scores[1][count++] = b->samples[k++].score;
		}
	}
	return upper_median(scores[0], count) - upper_median(scores[1], count);
}

/* As one of so many comparisons, at half of the level. */
static struct wi_tune_difference
compare_as_one_of(const struct wi_tune_search *search, size_t one, size_t other, unsigned from,
		  double comparisons)
{
	struct wi_tune_difference difference =
		wi_tune_search_compare(search, one, other, from, UINT_MAX);

	difference.p = fmin(1, difference.p * comparisons);
	difference.told = difference.p <= WI_TUNE_LEVEL / 2;
	return difference;
}

/* -- the final -------------------------------------------------------------- */

void
wi_tune_verdict_sort(const struct wi_tune_search *search, size_t *who, size_t count, unsigned from)
{
	for (size_t i = 1; i < count; i++)
		for (size_t at = i; at > 0; at--) {
			size_t index = who[at];

			if (wi_tune_search_advantage(search, index, who[at - 1], from) <= 0)
				break;
			who[at] = who[at - 1];
			who[at - 1] = index;
		}
}

static double
comparisons_of(size_t finalists)
{
	return (double)(finalists * (finalists - 1) / 2 * LOOKS);
}

bool
wi_tune_verdict_is_look(size_t finalists, unsigned rounds)
{
	size_t first = ranks_signed_count(WI_TUNE_LEVEL / 2 / comparisons_of(finalists)) + 1;

	return rounds == first || rounds == 2 * first;
}

bool
wi_tune_verdict_is_decided(const struct wi_tune_search *search, size_t *who, size_t count,
			   unsigned from)
{
	wi_tune_verdict_sort(search, who, count, from);
	for (size_t i = 1; i < count; i++) {
		struct wi_tune_difference behind =
			compare_as_one_of(search, who[i], who[0], from, comparisons_of(count));

		if (!behind.told && (behind.low < -WI_TUNE_LITTLE || behind.high > WI_TUNE_LITTLE))
			return false;
	}
	return true;
}

/* Fewer changes of the default, then what they cost beside the goal. */
static bool
is_simpler(const struct wi_tune_search *search, size_t one, size_t other)
{
	unsigned a = wi_tune_search_changes(search, one),
		 b = wi_tune_search_changes(search, other);

	if (a != b || search->measure->price == NULL)
		return a < b;
	return search->measure->price(search->measure->context, one) <
	       search->measure->price(search->measure->context, other);
}

void
wi_tune_verdict_final(struct wi_tune_search *search, size_t *who, size_t count, unsigned from)
{
	search->first = search->best = search->leader;
	if (search->round == from) {
		search->over_default = wi_tune_search_compare(search, search->best, 0, 0, UINT_MAX);
		search->over_default.p = 1;
		return;
	}
	wi_tune_verdict_sort(search, who, count, from);
	search->first = search->best = who[0];
	search->compared_count = count;
	for (size_t i = 0; i < count; i++) {
		struct wi_tune_difference *behind = &search->behind[i];

		*behind = compare_as_one_of(search, who[i], who[0], from, comparisons_of(count));
		search->compared[i] = who[i];
		if (!behind->told &&
		    wi_tune_search_advantage(search, who[i], who[0], from) >= -WI_TUNE_LITTLE &&
		    is_simpler(search, who[i], search->best))
			search->best = who[i];
	}
	search->over_default =
		compare_as_one_of(search, search->best, 0, from, comparisons_of(count));
}

/* -- dimensions ------------------------------------------------------------- */

/* Close to nothing, as far as one can know. */
static bool
is_little(const struct wi_tune_difference *difference)
{
	return fabs(difference->middle) < WI_TUNE_LITTLE && difference->level >= INTERVAL &&
	       difference->low > -2 * WI_TUNE_LITTLE && difference->high < 2 * WI_TUNE_LITTLE;
}

static void
take_level(struct wi_tune_effect *effect, const struct wi_tune_change *change,
	   const struct wi_tune_difference *difference)
{
	if (!effect->tried)
		*effect = (struct wi_tune_effect){
			.tried = true, .p = 1, .verdict = WI_TUNE_HARDLY,
			.best = effect->best, .worst = effect->worst, .beside = change->from};
	effect->p = fmin(effect->p, difference->p);
	if (difference->told && fabs(difference->middle) >= WI_TUNE_LITTLE)
		effect->verdict = WI_TUNE_MATTERS;
	else if (effect->verdict == WI_TUNE_HARDLY && !is_little(difference))
		effect->verdict = WI_TUNE_UNKNOWN;
	if (difference->middle > effect->gain.middle) {
		effect->gain = *difference;
		effect->best = change->level;
	}
	if (difference->middle < effect->loss.middle) {
		effect->loss = *difference;
		effect->worst = change->level;
	}
}

void
wi_tune_verdict_effects(struct wi_tune_search *search, const struct wi_tune_change *changes,
			size_t count, unsigned until, bool may_tell)
{
	double *p = calloc(count + 1, sizeof(*p));

	if (p == NULL)
		return;
	for (unsigned d = 0; d < search->space->count; d++)
		search->effects[d] =
			(struct wi_tune_effect){.best = search->space->base.level[d],
						.worst = search->space->base.level[d], .p = 1};
	for (size_t i = 0; i < count; i++)
		p[i] = wi_tune_search_compare(search, changes[i].index, changes[i].from, 0,
						       until).p;
	if (ranks_holm(p, count))
		for (size_t i = 0; i < count; i++) {
			struct wi_tune_difference difference =
				wi_tune_search_compare(search, changes[i].index, changes[i].from, 0,
						       until);

			difference.p = may_tell ? p[i] : 1;
			difference.told = difference.p <= WI_TUNE_LEVEL / 2;
			if (difference.pairs > 0)
				take_level(&search->effects[changes[i].dimension], &changes[i],
					   &difference);
		}
	free(p);
}

/* -- all of them ------------------------------------------------------------ */

/* The median of a round; what is compared with it has not to be compared with everybody. */
static double
middle_of_round(const struct wi_tune_search *search, unsigned round, double *scores)
{
	size_t count = 0;

	for (size_t i = 0; i < search->count; i++)
		if (search->settings[i].count > round)
			scores[count++] = search->settings[i].samples[round].score;
	stats_sort(scores, count);
	return stats_quantile(scores, count, 0.5);
}

/* Each has a sample of every round, but for one in which it ended. */
static double
key_in_all(const struct wi_tune_setting *setting, const double *middles)
{
	double differences[RANKS_COUNT_MAX];
	size_t count = 0;

	for (; count < setting->count && count < RANKS_COUNT_MAX; count++)
		differences[count] = setting->samples[count].score - middles[count];
	if (count == 0)
		return -INFINITY;
	stats_sort(differences, count);
	return stats_quantile(differences, count, 0.5);
}

static void
take_in_order(struct wi_tune_search *search, double *keys)
{
	size_t count = search->count < WI_TUNE_FINALISTS_MAX ? search->count : WI_TUNE_FINALISTS_MAX;

	for (size_t n = 0; n < count; n++) {
		size_t most = 0;

		for (size_t i = 1; i < search->count; i++)
			if (keys[i] > keys[most])
				most = i;
		keys[most] = -INFINITY;
		search->compared[n] = most;
		search->behind[n] = compare_as_one_of(search, most, search->compared[0], 0,
						      (double)search->count - 1);
	}
	search->compared_count = count;
	search->best = search->first = search->leader = search->compared[0];
	search->over_default =
		compare_as_one_of(search, search->best, 0, 0, (double)search->count - 1);
}

void
wi_tune_verdict_exhaustive(struct wi_tune_search *search)
{
	double *keys = calloc(search->count + 1, sizeof(*keys)), middles[RANKS_COUNT_MAX];

	for (unsigned r = 0; keys != NULL && r < search->round && r < RANKS_COUNT_MAX; r++)
		middles[r] = middle_of_round(search, r, keys);
	for (size_t i = 0; keys != NULL && i < search->count; i++)
		keys[i] = key_in_all(&search->settings[i], middles);
	if (keys != NULL && search->count > 0)
		take_in_order(search, keys);
	free(keys);
}
