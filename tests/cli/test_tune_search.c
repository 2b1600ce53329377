/* SPDX-License-Identifier: MIT */
/*
 * test_tune_search.c - the search on surfaces that are known, with noise and a machine that drifts.
 *
 * What is measured is made up: the truth of a point, noise, trials that something disturbs, and a
 * machine that is now and then half as fast for a while. Seeds are counted up, so a failure comes again.
 */
#include "tune_search.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEEDS = 200, REPEATS = 5, PRICED = 4096 };

struct world {
	double (*truth)(const struct wi_tune_point *point);
	double noise;                   /* standard deviation */
	double drift;                   /* how far down the machine goes, */
	double change;                  /*   and with what probability in a trial */
	double dips;                    /* share of trials in which something else runs, too */
	uint64_t random;
	bool low;
	uint64_t trials, most;
	uint64_t slow_after, spent;     /* trials; from there on each takes as long as four */
	uint64_t ends_at;               /* trial() says no from there on; 0: never */
	unsigned outside;               /* points that cannot be */
	double prices[PRICED];
	const struct wi_tune_space *space;
};

static double
uniform(struct world *world)
{
	world->random = world->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return ((double)(world->random >> 33) + 0.5) / 2147483648.0;
}

static double
normal(struct world *world)
{
	return sqrt(-2 * log(uniform(world))) * cos(6.283185307179586 * uniform(world));
}

static uint64_t
takes(const struct world *world)
{
	return world->slow_after > 0 && world->trials > world->slow_after ? 4 : 1;
}

static bool
trial(void *context, const struct wi_tune_point *point, size_t index, double *ret_score)
{
	struct world *world = context;
	struct wi_tune_point fitted = *point;

	(void)index;
	if (world->ends_at > 0 && world->trials == world->ends_at)
		return false;
	world->trials++;
	world->spent += takes(world);
	if (world->space->fit != NULL && (!world->space->fit(NULL, &fitted) ||
					  memcmp(&fitted, point, sizeof(fitted)) != 0))
		world->outside++;
	if (uniform(world) < world->change)
		world->low = !world->low;
	*ret_score = world->truth(point) + world->noise * normal(world) -
		     (world->low ? world->drift : 0) -
		     (uniform(world) < world->dips ? uniform(world) : 0);
	return true;
}

static uint64_t
left(void *context)
{
	struct world *world = context;

	return world->most > world->spent ? (world->most - world->spent) / takes(world) : 0;
}

static double
price(void *context, size_t index)
{
	return ((struct world *)context)->prices[index];
}

/* -- spaces ----------------------------------------------------------------- */

/* As the real ones: wait, spin and sleep that mean something beside one wait each, batch, ring, pin. */
enum { WAIT, SPIN, SLEEP, BATCH, RING, PIN };

static bool
fit(const void *context, struct wi_tune_point *point)
{
	(void)context;
	if (point->level[WAIT] != 0)
		point->level[SPIN] = 1;
	if (point->level[WAIT] != 3)
		point->level[SLEEP] = 1;
	return true;
}

static const struct wi_tune_space real = {
	.count = 6,
	.level_count = {5, 3, 3, 4, 3, 2},
	.base = {{0, 1, 1, 2, 1, 0}},
	.fit = fit,
};

static double
flat(const struct wi_tune_point *point)
{
	(void)point;
	return 0;
}

/* Each dimension by itself. */
static double
additive(const struct wi_tune_point *point)
{
	static const double wait[] = {0, 0.3, 0.1, -0.7, -0.4}, batch[] = {-0.3, -0.1, 0, 0.08};
	static const double ring[] = {-0.05, 0, 0.1};

	return wait[point->level[WAIT]] + batch[point->level[BATCH]] + ring[point->level[RING]] +
	       (point->level[PIN] != 0 ? 0.05 : 0) + (point->level[SPIN] == 2 ? 0.02 : 0);
}

/* Spinning is good only where it is pinned, and most of a large ring's gain takes large batches. */
static double
entangled(const struct wi_tune_point *point)
{
	static const double wait[] = {0, 0.1, 0.05, -0.7, -0.4};

	return wait[point->level[WAIT]] +
	       (point->level[WAIT] == 1 && point->level[PIN] == 1 ? 0.2 : 0) +
	       (point->level[PIN] == 1 ? 0.03 : 0) +
	       (point->level[BATCH] == 3 ? 0.05 : 0) +
	       (point->level[BATCH] == 3 && point->level[RING] == 2 ? 0.1 : 0);
}

/* The best is a long sleep, which the default does not have: no change of one dimension shows it. */
static double
hidden(const struct wi_tune_point *point)
{
	static const double wait[] = {0, -0.1, -0.2, 0.04, -0.3}, sleep[] = {-0.2, 0, 0.3};

	return wait[point->level[WAIT]] + sleep[point->level[SLEEP]];
}

static double
best_of(const struct wi_tune_space *space, double (*truth)(const struct wi_tune_point *))
{
	struct wi_tune_point point = {{0}};
	double best = -INFINITY;

	for (;;) {
		struct wi_tune_point fitted = point;
		unsigned d = space->count;

		if (space->fit == NULL || space->fit(NULL, &fitted))
			best = fmax(best, truth(&fitted));
		while (d > 0 && ++point.level[d - 1] == space->level_count[d - 1])
			point.level[--d] = 0;
		if (d == 0)
			return best;
	}
}

/* -- one search ------------------------------------------------------------- */

static struct world
make_world(const struct wi_tune_space *space, double (*truth)(const struct wi_tune_point *),
	   double noise, uint64_t most, uint64_t seed)
{
	return (struct world){.space = space, .truth = truth, .noise = noise, .drift = 0.7,
			      .change = 0.002, .dips = 0.05, .random = seed * 7919 + 1, .most = most};
}

static void
run(struct wi_tune_search *search, struct world *world, struct wi_tune_measure *measure,
    uint64_t seed)
{
	*measure = (struct wi_tune_measure){
		.trial = trial, .left = left, .price = price, .context = world};
	wi_tune_search_init(search, world->space, measure, seed);
	wi_tune_search_run(search);
	assert_int_equal(world->outside, 0);
	/* But for the round in which it became slow. */
	assert_true(world->spent <= world->most + (world->slow_after > 0 ? 64 : 0));
}

/* In how many of the seeds the choice is within 5 % of the best. */
static unsigned
count_near(double (*truth)(const struct wi_tune_point *), double noise, uint64_t most)
{
	double best = best_of(&real, truth);
	unsigned near = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world world = make_world(&real, truth, noise, most, seed);
		struct wi_tune_search search;
		struct wi_tune_measure measure;

		run(&search, &world, &measure, seed);
		near += truth(&search.settings[search.best].point) >= best + log(0.95);
		wi_tune_search_fini(&search);
	}
	return near;
}

static void
test_a_tenth(void **state)
{
	uint64_t tenth = wi_tune_space_count(&real, UINT64_MAX) * REPEATS / 10;
	unsigned a, b, c;

	(void)state;
	assert_int_equal(tenth, (3 + 1 + 1 + 3 + 1) * 4 * 3 * 2 * REPEATS / 10);
	a = count_near(additive, 0.03, tenth);
	b = count_near(entangled, 0.03, tenth);
	c = count_near(hidden, 0.03, tenth);
	print_message("within 5 %% in a tenth: additive %u, entangled %u, hidden %u of %d\n", a, b,
		      c, SEEDS);
	assert_true(a >= SEEDS * 95 / 100);
	/* As often as test_exhaustive() finds it with all trials. */
	assert_true(b >= SEEDS * 85 / 100);
	assert_true(c >= SEEDS * 95 / 100);
}

static bool
calls_noise_a_difference(const struct wi_tune_search *search)
{
	bool told = search->over_default.told;

	for (size_t i = 0; i < search->compared_count; i++)
		told = told || search->behind[i].told;
	for (unsigned d = 0; d < search->space->count; d++)
		told = told || search->effects[d].verdict == WI_TUNE_MATTERS;
	return told;
}

/* Also with time for many rounds, and with noise that is not normal: here a world that drifts. */
static void
test_flat(void **state)
{
	static const uint64_t budgets[] = {60, 108, 400, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
		unsigned wrong = 0, defaults = 0;

		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct world world = make_world(&real, flat, 0.1, budgets[i], seed);
			struct wi_tune_search search;
			struct wi_tune_measure measure;

			world.change = 0.05;
			run(&search, &world, &measure, seed);
			wrong += calls_noise_a_difference(&search);
			defaults += search.best == 0;
			if (budgets[i] >= 1000)
				for (unsigned d = 0; d < real.count; d++)
					assert_true(search.effects[d].tried ||
						    world.most == 0);
			wi_tune_search_fini(&search);
		}
		print_message("flat, %u trials: %u of %d call noise a difference, %u take the default\n",
			      (unsigned)budgets[i], wrong, SEEDS, defaults);
		/* 5 %, and three standard deviations of counting so few. */
		assert_true(wrong <= SEEDS * 0.05 + 3 * sqrt(SEEDS * 0.05 * 0.95));
	}
}

/* With time, it also says what mattered, and by how much. */
static void
test_effects(void **state)
{
	unsigned told = 0, covered = 0, pins = 0, waits = 0, batches = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world world = make_world(&real, additive, 0.03, 1000, seed);
		struct wi_tune_search search;
		struct wi_tune_measure measure;
		double gain;

		run(&search, &world, &measure, seed);
		waits += search.effects[WAIT].verdict == WI_TUNE_MATTERS;
		batches += search.effects[BATCH].verdict == WI_TUNE_MATTERS;
		assert_int_equal(search.effects[WAIT].best, 1);
		assert_int_equal(search.effects[WAIT].worst, 3);
		assert_true(fabs(search.effects[WAIT].gain.middle - 0.3) < 0.06);
		assert_true(fabs(search.effects[WAIT].loss.middle + 0.7) < 0.06);
		/* Beside the wait with which it means something. */
		assert_true(search.effects[SLEEP].tried);
		assert_int_equal(search.settings[search.effects[SLEEP].beside].point.level[WAIT], 3);
		assert_int_equal(search.effects[SPIN].beside, 0);
		pins += search.effects[PIN].verdict == WI_TUNE_MATTERS;
		told += search.over_default.told;
		gain = additive(&search.settings[search.best].point);
		covered += search.over_default.low <= gain && gain <= search.over_default.high;
		wi_tune_search_fini(&search);
	}
	print_message("told %u, within the interval %u, matters: wait %u, batch %u, pinning %u of %d\n",
		      told, covered, waits, batches, pins, SEEDS);
	assert_true(waits >= SEEDS * 95 / 100);
	assert_true(batches >= SEEDS * 95 / 100);
	assert_true(told >= SEEDS * 95 / 100);
	assert_true(covered >= SEEDS * 90 / 100);
	assert_true(pins >= SEEDS * 50 / 100);
}

static double
nearly_flat(const struct wi_tune_point *point)
{
	return point->level[RING] == 2 ? 0.004 : point->level[BATCH] == 0 ? -0.1 : 0;
}

/* What hardly matters is told from what could not be told. */
static void
test_hardly(void **state)
{
	unsigned hardly = 0, unknown = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct world world = make_world(&real, nearly_flat, 0.005, 800, seed);
		struct wi_tune_search search;
		struct wi_tune_measure measure;

		world.change = world.dips = 0;
		run(&search, &world, &measure, seed);
		hardly += search.effects[WAIT].verdict == WI_TUNE_HARDLY &&
			  search.effects[BATCH].verdict == WI_TUNE_MATTERS &&
			  search.best == 0;
		/* And it is over before the time is. */
		assert_true(world.trials < 700);
		wi_tune_search_fini(&search);
		world = make_world(&real, nearly_flat, 0.2, 800, seed);
		run(&search, &world, &measure, seed);
		unknown += search.effects[WAIT].verdict == WI_TUNE_UNKNOWN;
		wi_tune_search_fini(&search);
	}
	print_message("hardly %u, unknown %u of 50\n", hardly, unknown);
	assert_true(hardly >= 45);
	assert_true(unknown >= 45);
}

/* -- ends ------------------------------------------------------------------- */

/* Whenever it is ended, there is a best, and nothing is told that was not compared. */
static void
test_ended(void **state)
{
	(void)state;
	for (uint64_t at = 1; at < 200; at++) {
		struct world world = make_world(&real, additive, 0.03, 200, at);
		struct wi_tune_search search;
		struct wi_tune_measure measure;

		world.ends_at = at;
		run(&search, &world, &measure, at);
		assert_true(search.best < search.count);
		assert_int_equal(search.stage, WI_TUNE_DONE);
		assert_true(search.ended || world.trials <= at);
		if (search.final_rounds < 6)
			assert_false(search.over_default.told);
		wi_tune_search_fini(&search);
	}
}

/* Only rounds in which both were count, and of these only those that are asked for. */
static void
test_rounds(void **state)
{
	struct world world = make_world(&real, additive, 0.03, 1000, 1);
	struct wi_tune_measure measure = {.trial = trial, .left = left, .context = &world};
	struct wi_tune_search search;
	size_t who[2] = {0, 1};

	(void)state;
	wi_tune_search_init(&search, &real, &measure, 1);
	who[1] = wi_tune_search_add(&search, (struct wi_tune_point){{1, 1, 1, 2, 1, 0}});
	for (int i = 0; i < 9; i++)
		assert_true(wi_tune_search_round(&search, who, i % 3 == 2 ? 1 : 2));
	assert_int_equal(search.settings[0].count, 9);
	assert_int_equal(search.settings[1].count, 6);
	assert_int_equal(wi_tune_search_compare(&search, 0, 1, 0, 9).pairs, 6);
	assert_int_equal(wi_tune_search_compare(&search, 0, 1, 3, 9).pairs, 4);
	assert_int_equal(wi_tune_search_compare(&search, 0, 1, 0, 4).pairs, 3);
	assert_int_equal(wi_tune_search_compare(&search, 1, 0, 2, 3).pairs, 0);
	assert_true(wi_tune_search_compare(&search, 1, 0, 0, 9).middle > 0);
	wi_tune_search_fini(&search);
}

/* What takes longer than it did still ends in time. */
static void
test_slower(void **state)
{
	(void)state;
	for (uint64_t after = 1; after < 1000; after += 7) {
		struct world world = make_world(&real, additive, 0.03, 1000, after);
		struct wi_tune_search search;
		struct wi_tune_measure measure;

		world.slow_after = after;
		run(&search, &world, &measure, after);
		wi_tune_search_fini(&search);
	}
}

static void
test_small(void **state)
{
	static const struct wi_tune_space none = {.count = 0}, one = {.count = 1, .level_count = {1}},
					  two = {.count = 1, .level_count = {2}};
	static const struct wi_tune_space *const spaces[] = {&none, &one, &two, &real};

	(void)state;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		for (uint64_t most = 0; most < 40; most++) {
			struct world world = make_world(spaces[i], flat, 0.1, most, most + 1);
			struct wi_tune_search search;
			struct wi_tune_measure measure;

			run(&search, &world, &measure, 1);
			assert_true(search.best < search.count);
			wi_tune_search_fini(&search);
		}
}

/* Of two that are as good the one with fewer changes, then the cheaper one. */
static double
two_ways(const struct wi_tune_point *point)
{
	return point->level[0] != 0 || point->level[1] != 0 ? 0.5 : 0;
}

static void
test_simplest(void **state)
{
	static const struct wi_tune_space space = {.count = 2, .level_count = {2, 2}};
	unsigned simple = 0, both = 0, cheap = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct world world = make_world(&space, two_ways, 0.01, 200, seed);
		struct wi_tune_search search;
		struct wi_tune_measure measure;

		/* The default, then the changes in order. */
		world.prices[1] = 2;
		world.prices[2] = 1;
		run(&search, &world, &measure, seed);
		simple += wi_tune_search_changes(&search, search.best) == 1;
		/* Indices are those of the settings' first trials: both changes were in the final. */
		if (search.compared_count == 4) {
			both++;
			for (size_t i = 0; i < 4; i++)
				cheap += search.settings[search.best].point.level[0] == 0 &&
					 search.compared[i] == search.best;
		}
		wi_tune_search_fini(&search);
	}
	print_message("the simplest %u of 100, the cheapest of these %u of %u\n", simple, cheap, both);
	assert_true(simple >= 95);
	assert_true(both >= 20 && cheap >= both * 9 / 10);
}

/* -- all of them ------------------------------------------------------------ */

static void
test_exhaustive(void **state)
{
	uint64_t count = wi_tune_space_count(&real, UINT64_MAX);
	unsigned near = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world world = make_world(&real, entangled, 0.03, UINT64_MAX, seed);
		struct wi_tune_measure measure = {.trial = trial, .left = left, .context = &world};
		struct wi_tune_search search;

		wi_tune_search_init(&search, &real, &measure, seed);
		wi_tune_search_exhaust(&search, REPEATS);
		assert_int_equal(search.count, count);
		assert_int_equal(world.trials, count * REPEATS);
		assert_int_equal(world.outside, 0);
		for (size_t i = 0; i < search.count; i++)
			assert_int_equal(search.settings[i].count, REPEATS);
		near += entangled(&search.settings[search.best].point) >=
			best_of(&real, entangled) + log(0.95);
		assert_int_equal(search.best, search.compared[0]);
		assert_int_equal(search.compared_count, WI_TUNE_FINALISTS_MAX);
		wi_tune_search_fini(&search);
	}
	print_message("exhaustive: within 5 %% in %u of 20\n", near);
	assert_true(near >= 16);
	assert_int_equal(wi_tune_space_count(&real, 10), 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_tenth), cmocka_unit_test(test_flat),
		cmocka_unit_test(test_effects), cmocka_unit_test(test_hardly),
		cmocka_unit_test(test_ended), cmocka_unit_test(test_slower), cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_simplest), cmocka_unit_test(test_exhaustive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
