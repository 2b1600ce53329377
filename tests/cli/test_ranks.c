/* SPDX-License-Identifier: MIT */
/* test_ranks.c - rank tests, against published values and against counting all ways out. */
#include "ranks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void
assert_near(double value, double wanted, double tolerance)
{
	if (fabs(value - wanted) > tolerance)
		fail_msg("%.9g instead of %.9g", value, wanted);
}

/* M. Hollander, D. A. Wolfe, Nonparametric Statistical Methods, 1973: depression, V = 40. */
static const double depression[] = {0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01};

/* C. Darwin, The Effects of Cross and Self Fertilisation, 1876: maize, in eighths of an inch. */
static const double maize[] = {49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48};

static void
test_published(void **state)
{
	struct ranks_shift shift;

	(void)state;
	assert_near(ranks_signed_p(depression, 9), 0.0390625, 1e-12);
	assert_near(ranks_signed_p(maize, 15), 0.04126, 5e-6);
	/* The interval of the same book: 96 % from 0.010 to 0.786, estimate 0.46. */
	shift = ranks_shift_of(depression, 9, 0.95);
	assert_near(shift.middle, 0.46, 1e-9);
	assert_near(shift.low, 0.010, 1e-9);
	assert_near(shift.high, 0.786, 1e-9);
	assert_near(shift.level, 0.961, 5e-4);
}

/* The greatest sums of one sign that are below the level, two-sided, as tables have them. */
static void
test_critical_values(void **state)
{
	static const struct {
		unsigned count, at_5, at_1;
	} table[] = {{8, 3, 0},   {9, 5, 1},   {10, 8, 3},  {11, 10, 5}, {12, 13, 7},
		     {13, 17, 9}, {15, 25, 15}, {20, 52, 37}, {25, 89, 68}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (unsigned sum = 0; sum <= table[i].at_5 + 1; sum++) {
			unsigned count = table[i].count, rest = sum;
			double differences[32];

			for (unsigned r = count; r > 0; r--) {
				differences[r - 1] = r <= rest ? -(double)r : r;
				rest -= r <= rest ? r : 0;
			}
			assert_int_equal(rest, 0);
			assert_int_equal(ranks_signed_p(differences, count) <= 0.05,
					 sum <= table[i].at_5);
			assert_int_equal(ranks_signed_p(differences, count) <= 0.01,
					 sum <= table[i].at_1);
		}
}

static double
sum_of_positive_ranks(const double *sizes, const double *ranks, unsigned count, unsigned signs)
{
	double sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += sizes[i] != 0 && (signs >> i & 1) ? ranks[i] : 0;
	return sum;
}

/* All ways to give signs, counted one by one; with ties and without. */
static void
check_by_counting(const double *sizes, unsigned count, unsigned signs)
{
	double ranks[16], differences[16], all = 0, mine, less;
	unsigned ways = 0;

	for (unsigned i = 0; i < count; i++) {
		ranks[i] = 0.5;
		for (unsigned k = 0; k < count; k++)
			ranks[i] += sizes[k] < sizes[i] ? 1 : sizes[k] == sizes[i] ? 0.5 : 0;
		differences[i] = signs >> i & 1 ? sizes[i] : -sizes[i];
		all += ranks[i];
	}
	mine = sum_of_positive_ranks(sizes, ranks, count, signs);
	less = fmin(mine, all - mine);
	for (unsigned other = 0; other < 1u << count; other++) {
		double sum = sum_of_positive_ranks(sizes, ranks, count, other);

		ways += sum <= less || all - sum <= less;
	}
	assert_near(ranks_signed_p(differences, count), fmin(1, ways / ldexp(1, (int)count)), 1e-12);
}

static void
test_counted_out(void **state)
{
	static const double ties[] = {1, 1, 1, 2, 2, 3, 5, 5, 5};

	(void)state;
	srand(1);
	for (int i = 0; i < 200; i++) {
		double sizes[10];
		unsigned count = 1 + (unsigned)rand() % 10;

		for (unsigned k = 0; k < count; k++)
			sizes[k] = 1 + rand() % 1000 * 0.001 + k * 1e-6;
		check_by_counting(sizes, count, (unsigned)rand() % (1u << count));
		check_by_counting(ties, 9, (unsigned)rand() % (1u << 9));
	}
}

static void
test_ends(void **state)
{
	static const double none[] = {0, 0, 0}, with_none[] = {0, 1, 2, 0, 3, 4, 5, 6};
	static const double one[] = {2.5}, two[] = {1, 3};
	double many[300];
	struct ranks_shift shift;

	(void)state;
	assert_near(ranks_signed_p(none, 3), 1, 0);
	assert_near(ranks_signed_p(none, 0), 1, 0);
	assert_near(ranks_signed_p(with_none, 8), 2.0 / 64, 1e-12);
	assert_near(ranks_signed_p(one, 1), 1, 0);
	for (int i = 0; i < 300; i++)
		many[i] = i + 1;
	assert_true(ranks_signed_p(many, 300) <= ldexp(1, 1 - 200));
	for (size_t n = 1; n < 20; n++)
		assert_near(ranks_signed_p(many, n), ranks_signed_p_least(n), 1e-15);
	assert_int_equal(ranks_signed_count(0.05), 6);
	assert_int_equal(ranks_signed_count(0.01), 8);
	shift = ranks_shift_of(NULL, 0, 0.95);
	assert_near(shift.middle + shift.low + shift.high + shift.level, 0, 0);
	shift = ranks_shift_of(one, 1, 0.95);
	assert_near(shift.middle, 2.5, 0);
	assert_near(shift.level, 0, 0);
	shift = ranks_shift_of(two, 2, 0.95);
	assert_near(shift.low, 1, 0);
	assert_near(shift.high, 3, 0);
	assert_near(shift.level, 0.5, 1e-12);
}

/* The example of the article on the method in Wikipedia, and R's p.adjust(c(1, 2, 3, 4) / 100). */
static void
test_holm(void **state)
{
	double four[] = {0.01, 0.04, 0.03, 0.005}, rising[] = {0.01, 0.02, 0.03, 0.04};
	double large[] = {0.9, 0.6};

	(void)state;
	assert_true(ranks_holm(four, 4));
	assert_near(four[0], 0.03, 1e-12);
	assert_near(four[1], 0.06, 1e-12);
	assert_near(four[2], 0.06, 1e-12);
	assert_near(four[3], 0.02, 1e-12);
	assert_true(ranks_holm(rising, 4));
	assert_near(rising[0], 0.04, 1e-12);
	for (int i = 1; i < 4; i++)
		assert_near(rising[i], 0.06, 1e-12);
	assert_true(ranks_holm(large, 2));
	assert_near(large[0], 1, 0);
	assert_near(large[1], 1, 0);
	assert_true(ranks_holm(NULL, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published), cmocka_unit_test(test_critical_values),
		cmocka_unit_test(test_counted_out), cmocka_unit_test(test_ends),
		cmocka_unit_test(test_holm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
