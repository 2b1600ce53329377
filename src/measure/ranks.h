/* SPDX-License-Identifier: MIT */
/*
 * ranks.h - is it a difference or noise? Wilcoxon's signed ranks for pairs, and Holm's correction.
 *
 * Nothing is assumed of the noise but that, without a difference, a pair is as likely one way round
 * as the other; so it must be drawn by lot which of the two is measured first.
 */
#ifndef MEASURE_RANKS_H
#define MEASURE_RANKS_H

#include <stdbool.h>
#include <stddef.h>

enum { RANKS_COUNT_MAX = 200 };

/*
 * The probability of signed ranks as uneven as these or more, two-sided, if there is no difference.
 * Exact, with ties (mid-ranks; pairs without a difference are left out). 1 of none. At most
 * RANKS_COUNT_MAX differences count, the first ones.
 */
double ranks_signed_p(const double *differences, size_t count);

/* The least that ranks_signed_p() can be for so many: 2 to the power of 1 - count. */
double ranks_signed_p_least(size_t count);

/* How many pairs it takes at least until p can be as small as that. */
size_t ranks_signed_count(double p);

/* Hodges and Lehmann's estimate: the median of the means of all two differences, and their range. */
struct ranks_shift {
	double middle, low, high;
	double level;   /* that the true one is between low and high with at least so much probability */
};

/* As above for the count. level: wanted, as 0.95; with few differences what they give. 0s of none. */
struct ranks_shift ranks_shift_of(const double *differences, size_t count, double level);

/*
 * Holm's step-down correction, in place: p becomes the least level at which this comparison is a
 * difference, if among all of them not one false one is to be found with more than that probability.
 * False: no memory.
 */
bool ranks_holm(double *p, size_t count);

#endif
