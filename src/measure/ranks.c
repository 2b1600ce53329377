/* SPDX-License-Identifier: MIT */
/*
 * ranks.c - see ranks.h. F. Wilcoxon, Individual comparisons by ranking methods, 1945; J. L. Hodges
 * and E. L. Lehmann, Estimates of location based on rank tests, 1963; S. Holm, A simple sequentially
 * rejective multiple test procedure, 1979.
 */
#include "ranks.h"

#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- signed ranks ----------------------------------------------------------- */

struct signed_ranks {
	size_t count;
	unsigned twice[RANKS_COUNT_MAX];        /* ranks of ties are halves */
	unsigned positive, sum;                 /* of them */
};

static int
compare_size(const void *a, const void *b)
{
	double x = fabs(*(const double *)a), y = fabs(*(const double *)b);

	return (x > y) - (x < y);
}

static void
rank(struct signed_ranks *ranks, const double *differences, size_t count)
{
	double sorted[RANKS_COUNT_MAX];
	size_t end;

	*ranks = (struct signed_ranks){.count = 0};
	for (size_t i = 0; i < count && i < RANKS_COUNT_MAX; i++)
		if (differences[i] != 0)
			sorted[ranks->count++] = differences[i];
	qsort(sorted, ranks->count, sizeof(*sorted), compare_size);
	for (size_t begin = 0; begin < ranks->count; begin = end) {
		for (end = begin; end < ranks->count && fabs(sorted[end]) == fabs(sorted[begin]);)
			end++;
		for (size_t i = begin; i < end; i++) {
			ranks->twice[i] = (unsigned)(begin + 1 + end);
			ranks->sum += ranks->twice[i];
			ranks->positive += sorted[i] > 0 ? ranks->twice[i] : 0;
		}
	}
}

/*
 * Of all ways to give signs to these ranks, the share with each sum of positive ones: one rank after
 * the other, each way round with one half. NULL: no memory.
 */
static double *
make_shares(const struct signed_ranks *ranks)
{
	double *shares = calloc(ranks->sum + 1, sizeof(*shares));
	unsigned reached = 0;

	if (shares == NULL)
		return NULL;
	shares[0] = 1;
	for (size_t i = 0; i < ranks->count; i++) {
		unsigned step = ranks->twice[i];

		reached += step;
		for (unsigned sum = reached + 1; sum-- > 0;)
			shares[sum] = (shares[sum] + (sum >= step ? shares[sum - step] : 0)) / 2;
	}
	return shares;
}

double
ranks_signed_p(const double *differences, size_t count)
{
	struct signed_ranks ranks;
	double *shares, p = 0;
	unsigned less;

	rank(&ranks, differences, count);
	less = ranks.positive < ranks.sum - ranks.positive ? ranks.positive
							   : ranks.sum - ranks.positive;
	shares = make_shares(&ranks);
	if (shares == NULL)
		return 1;
	for (unsigned sum = 0; sum <= less; sum++)
		p += 2 * shares[sum];
	free(shares);
	return p < 1 ? p : 1;
}

double
ranks_signed_p_least(size_t count)
{
	return count > 0 ? ldexp(1, 1 - (int)count) : 1;
}

size_t
ranks_signed_count(double p)
{
	size_t count = 1;

	while (count < RANKS_COUNT_MAX && ranks_signed_p_least(count) > p)
		count++;
	return count;
}

/* -- how large it is -------------------------------------------------------- */

/*
 * How many of the least and of the greatest means lie beyond an interval of that level; 0, and the
 * level that it gives then, where even the outermost ones are not enough.
 */
static size_t
count_beyond(size_t count, double level, double *ret_level)
{
	struct signed_ranks ranks = {.count = count};
	double *shares, outside;
	size_t beyond = 0;

	for (size_t i = 0; i < count; i++)
		ranks.sum += ranks.twice[i] = (unsigned)(2 * (i + 1));
	shares = make_shares(&ranks);
	*ret_level = 0;
	if (shares == NULL)
		return 0;
	outside = 2 * shares[0];
	while (4 * (beyond + 1) < ranks.sum && outside + 2 * shares[2 * (beyond + 1)] <= 1 - level)
		outside += 2 * shares[2 * ++beyond];
	*ret_level = fmax(0, 1 - outside);
	free(shares);
	return beyond;
}

/* Of all two, and of each with itself; rising. NULL: no memory. */
static double *
make_means(const double *differences, size_t count, size_t *ret_count)
{
	double *means = calloc(count * (count + 1) / 2 + 1, sizeof(*means));

	*ret_count = 0;
	for (size_t i = 0; means != NULL && i < count; i++)
		for (size_t k = i; k < count; k++)
			means[(*ret_count)++] = (differences[i] + differences[k]) / 2;
	if (means != NULL)
		stats_sort(means, *ret_count);
	return means;
}

struct ranks_shift
ranks_shift_of(const double *differences, size_t count, double level)
{
	struct ranks_shift shift = {.level = 0};
	size_t mean_count, beyond;
	double *means;

	count = count < RANKS_COUNT_MAX ? count : RANKS_COUNT_MAX;
	means = make_means(differences, count, &mean_count);
	if (mean_count == 0) {
		free(means);
		return shift;
	}
	beyond = count_beyond(count, level, &shift.level);
	shift.middle = stats_quantile(means, mean_count, 0.5);
	shift.low = means[beyond];
	shift.high = means[mean_count - 1 - beyond];
	free(means);
	return shift;
}

/* -- many comparisons ------------------------------------------------------- */

struct numbered {
	double p;
	size_t index;
};

static int
compare_p(const void *a, const void *b)
{
	double x = ((const struct numbered *)a)->p, y = ((const struct numbered *)b)->p;

	return (x > y) - (x < y);
}

bool
ranks_holm(double *p, size_t count)
{
	struct numbered *sorted = calloc(count + 1, sizeof(*sorted));
	double least = 0;

	if (sorted == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		sorted[i] = (struct numbered){p[i], i};
	qsort(sorted, count, sizeof(*sorted), compare_p);
	for (size_t i = 0; i < count; i++) {
		least = fmax(least, fmin(1, sorted[i].p * (double)(count - i)));
		p[sorted[i].index] = least;
	}
	free(sorted);
	return true;
}
