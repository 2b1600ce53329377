/* SPDX-License-Identifier: MIT */
/*
 * tune_claim.c - is what `weir tune` chooses as good as what trying everything chooses?
 *
 * For each scenario: all settings of a grid, --repeat times; then a search of the same grid with a
 * tenth of the time that this took; then the two choices against each other in interleaved pairs.
 * Exit status 1: a choice is worse than by 5 %, or took more than a tenth.
 */
#include "bench_scenario.h"
#include "command.h"
#include "figures.h"
#include "machine.h"
#include "quantity.h"
#include "stopwatch.h"
#include "tune_grid.h"
#include "tune_search.h"
#include "tune_trial.h"

#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIAL_NS   (50 * WI_STOPWATCH_MS)
#define COMPARE_NS (200 * WI_STOPWATCH_MS)
#define SHARE      0.1
#define WORSE      0.95

enum { REPEAT = 7, PAIRS = 21, SCENARIOS_MAX = 16, TEXT_SIZE = 512 };

static const char *const standard[] = {"1p1c", "3p1c", "fanout", "many-producers"};

struct claim {
	const char *scenarios[SCENARIOS_MAX];
	size_t scenario_count;
	struct wi_tune_vary vary[WI_TUNE_VARY_MAX];
	size_t vary_count;
	uint64_t repeat, pairs, seed;
	struct wi_interrupt interrupt;
	struct wi_progress progress;
	size_t failed;
};

/* One scenario; what is measured is the same in all three parts. */
struct side {
	struct wi_tune_options options;
	struct wi_bench_plan plan;
	struct wi_tune_grid grid;
	struct wi_tune_trier trier;
	struct wi_tune_measure measure;
	struct wi_tune_search search;
	uint64_t took_ns;
};

static void
die(struct claim *claim, const char *scenario, const char *wrong)
{
	wi_progress_message(&claim->progress, "%s: %s", scenario, wrong);
	exit(WI_EXIT_FAILED);
}

static void
open_side(struct claim *claim, struct side *side, const char *name, uint64_t trial_ns)
{
	const struct wi_bench_scenario *scenario = wi_bench_scenario_find(name);
	const char *wrong = NULL;

	*side = (struct side){.options = {.seed = claim->seed, .trial_ns = trial_ns,
					  .vary_count = claim->vary_count}};
	memcpy(side->options.vary, claim->vary, sizeof(claim->vary));
	if (scenario == NULL)
		wrong = "there is no such scenario";
	else if (!wi_bench_options_init(&side->options.load))
		wrong = "out of memory";
	if (wrong == NULL)
		wrong = wi_bench_scenario_apply(scenario, &side->options.load);
	if (wrong == NULL)
		wrong = wi_bench_options_check(&side->options.load);
	side->options.goal = side->options.load.rate > 0 ? WI_TUNE_LATENCY : WI_TUNE_THROUGHPUT;
	if (wrong == NULL)
		wrong = wi_bench_plan_make(&side->plan, &side->options.load);
	if (wrong == NULL)
		wrong = wi_tune_grid_make(&side->grid, &side->options, &side->plan);
	if (wrong != NULL)
		die(claim, name, wrong);
}

static void
begin(struct claim *claim, struct side *side, uint64_t budget_ns, uint64_t planned)
{
	side->trier = (struct wi_tune_trier){
		.options = &side->options,
		.grid = &side->grid,
		.search = &side->search,
		.planned = planned,
		.begin_ns = wi_stopwatch_now(),
		.runner = {.options = &side->options.load, .plan = &side->plan,
			   .progress = &claim->progress, .interrupt = &claim->interrupt,
			   .quiet = true},
	};
	side->trier.end_ns = side->trier.begin_ns + budget_ns;
	side->measure = (struct wi_tune_measure){.trial = wi_tune_trier_trial,
						 .left = wi_tune_trier_left,
						 .price = wi_tune_trier_price,
						 .context = &side->trier};
	wi_tune_search_init(&side->search, &side->grid.space, &side->measure, claim->seed);
	if (wi_tune_trier_calibrate(&side->trier) != 0)
		exit(WI_EXIT_FAILED);
}

static void
end(struct claim *claim, struct side *side)
{
	side->took_ns = wi_stopwatch_now() - side->trier.begin_ns;
	wi_progress_clear(&claim->progress);
	if (side->trier.code != 0)
		exit(side->trier.code);
	if (claim->interrupt.signal != 0)
		exit(WI_EXIT_SIGNAL + claim->interrupt.signal);
}

static void
close_side(struct side *side)
{
	wi_tune_search_fini(&side->search);
	wi_tune_trier_fini(&side->trier);
	wi_bench_plan_fini(&side->plan);
	wi_bench_options_fini(&side->options.load);
}

/* How the first does beside the second, on new trials. */
static struct wi_tune_difference
compare(struct claim *claim, const char *scenario, const struct wi_tune_point *one,
	const struct wi_tune_point *other)
{
	struct wi_tune_difference difference;
	struct side side;
	size_t who[2];

	open_side(claim, &side, scenario, COMPARE_NS);
	begin(claim, &side, 0, 2 * claim->pairs);
	who[0] = wi_tune_search_add(&side.search, *one);
	who[1] = wi_tune_search_add(&side.search, *other);
	for (uint64_t i = 0; i < claim->pairs; i++)
		if (!wi_tune_search_round(&side.search, who, 2))
			break;
	end(claim, &side);
	difference = wi_tune_search_compare(&side.search, who[0], who[1], 0, UINT32_MAX);
	close_side(&side);
	return difference;
}

static void
show_choice(const char *who, const struct side *side, const struct wi_tune_point *point)
{
	char text[TEXT_SIZE];

	wi_tune_grid_text(&side->grid, point, text, sizeof(text));
	printf("  %-16s %s\n", who, text);
}

static void
check(struct claim *claim, const char *scenario)
{
	struct wi_tune_difference difference = {.level = 1};
	struct wi_tune_point all_best, tuned;
	struct side all, tune;
	double ratio, share;
	bool good, same;

	open_side(claim, &all, scenario, TRIAL_NS);
	begin(claim, &all, 0, wi_tune_space_count(&all.grid.space, UINT64_MAX) * claim->repeat);
	wi_tune_search_exhaust(&all.search, (unsigned)claim->repeat);
	end(claim, &all);
	all_best = all.search.settings[all.search.best].point;

	open_side(claim, &tune, scenario, TRIAL_NS);
	begin(claim, &tune, (uint64_t)((double)all.took_ns * SHARE), 0);
	wi_tune_search_run(&tune.search);
	end(claim, &tune);
	tuned = tune.search.settings[tune.search.best].point;

	same = memcmp(all_best.level, tuned.level, all.grid.space.count) == 0;
	if (!same)
		difference = compare(claim, scenario, &tuned, &all_best);
	ratio = exp(difference.middle);
	share = (double)tune.took_ns / (double)all.took_ns;
	good = ratio >= WORSE && share <= SHARE;
	claim->failed += !good;
	printf("%-16s %8zu %8llu %8.1f s %8llu %8.1f s %7.1f %%   %.3f [%.3f, %.3f]  %s\n", scenario,
	       all.search.count, (unsigned long long)all.trier.done, (double)all.took_ns / 1e9,
	       (unsigned long long)tune.trier.done, (double)tune.took_ns / 1e9, share * 100, ratio,
	       exp(difference.low), exp(difference.high), good ? "ok" : "MISSED");
	show_choice("all tried", &all, &all_best);
	show_choice("weir tune", &all, &tuned);
	fflush(stdout);
	close_side(&all);
	close_side(&tune);
}

static const struct argp_option options_help[] = {
	{"repeat", 'r', "N", 0, "Trials of each setting where all are tried (7)", 0},
	{"pairs", 'p', "N", 0, "In which the two choices are compared (21)", 0},
	{"seed", 's', "N", 0, "Of the order of trials (1)", 0},
	{"vary", 'v', "NAME=VALUE,...", 0, "As in weir tune", 0},
	{"fix", 'f', "NAME", 0, "The same; spin and sleep are, anyhow", 0},
	{0}};

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct claim *claim = state->input;
	uint64_t *number = key == 'r' ? &claim->repeat : key == 'p' ? &claim->pairs : &claim->seed;

	switch (key) {
	case 'r':
	case 'p':
	case 's':
		if (!wi_quantity_count(argument, 1, 200, number))
			argp_error(state, "'%s' is not a number from 1 to 200", argument);
		return 0;
	case 'v':
	case 'f':
		if (claim->vary_count == WI_TUNE_VARY_MAX)
			argp_error(state, "too much is said of what varies");
		claim->vary[claim->vary_count++] = (struct wi_tune_vary){argument, key == 'f'};
		return 0;
	case ARGP_KEY_ARG:
		if (claim->scenario_count == SCENARIOS_MAX)
			argp_error(state, "'%s' is too much", argument);
		claim->scenarios[claim->scenario_count++] = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int
main(int argc, char **argv)
{
	static const struct argp claim_argp = {
		.options = options_help, .parser = parse_option, .args_doc = "[SCENARIO...]",
		.doc = "Compare the choices of weir tune with those of trying everything, in a tenth of "
		       "the time."};
	static struct claim claim = {.repeat = REPEAT, .pairs = PAIRS, .seed = 1,
				     .vary = {{"spin", true}, {"sleep", true}}, .vary_count = 2};

	argp_parse(&claim_argp, argc, argv, 0, NULL, &claim);
	for (size_t i = 0; claim.scenario_count == 0 && i < sizeof(standard) / sizeof(*standard); i++)
		claim.scenarios[i] = standard[i];
	if (claim.scenario_count == 0)
		claim.scenario_count = sizeof(standard) / sizeof(*standard);
	wi_progress_init(&claim.progress, "weir-tune-claim", true);
	if (!wi_interrupt_open(&claim.interrupt) || machine_begin() == 0)
		return WI_EXIT_FAILED;
	printf("%-16s %8s %8s %10s %8s %10s %9s   %s\n", "scenario", "settings", "trials", "took",
	       "trials", "took", "of it", "as good as the best of all");
	for (size_t i = 0; i < claim.scenario_count; i++)
		check(&claim, claim.scenarios[i]);
	printf("%s\n", claim.failed > 0 ? "missed" : "ok: each within 5 %, in a tenth of the time");
	return claim.failed > 0;
}
