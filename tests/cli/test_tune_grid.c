/* SPDX-License-Identifier: MIT */
/* test_tune_grid.c - which settings go together, and loads from counters, also from hostile ones. */
#include "tune_grid.h"
#include "tune_ini.h"
#include "tune_load.h"

#include "bench_file.h"
#include "watch/snapshot.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* -- the grid --------------------------------------------------------------- */

struct rig {
	struct wi_tune_options options;
	struct wi_bench_plan plan;
	struct wi_tune_grid grid;
};

static struct rig rig;

static void
open_rig(const char *const settings[][2], const char *const *vary)
{
	rig = (struct rig){.options = {.seed = 1}};
	assert_true(wi_bench_options_init(&rig.options.load));
	for (size_t i = 0; settings[i][0] != NULL; i++)
		assert_null(wi_bench_options_set(&rig.options.load, settings[i][0], settings[i][1]));
	assert_null(wi_bench_options_check(&rig.options.load));
	for (size_t i = 0; vary[i] != NULL; i++)
		rig.options.vary[rig.options.vary_count++] =
			(struct wi_tune_vary){vary[i], strchr(vary[i], '=') == NULL};
	assert_null(wi_bench_plan_make(&rig.plan, &rig.options.load));
	assert_null(wi_tune_grid_make(&rig.grid, &rig.options, &rig.plan));
}

static void
close_rig(void)
{
	wi_bench_plan_fini(&rig.plan);
	wi_bench_options_fini(&rig.options.load);
}

static uint64_t
count(void)
{
	return wi_tune_space_count(&rig.grid.space, UINT64_MAX);
}

static void
test_together(void **state)
{
	static const char *const none[][2] = {{NULL, NULL}};
	static const char *const three[][2] = {{"producers", "3"}, {NULL, NULL}};
	static const char *const skips[][2] = {{"producers", "3"}, {"behind", "skip"}, {NULL, NULL}};
	static const char *const large[][2] = {{"size", "10000"}, {NULL, NULL}};
	static const char *const waits[] = {"wait=adaptive,poll,park", "spin=1us,2us", "sleep=1us,2us",
					    "cpus", "batch", "ring-size", NULL};
	static const char *const pinned[] = {"dispatchers=1,2,3", "cpus=0", "wait", "batch",
					     "ring-size", "spin", "sleep", NULL};
	static const char *const orders[] = {"order=producer,key", "dispatchers=1,2", "wait", "cpus",
					     "batch", "ring-size", "spin", "sleep", NULL};
	static const char *const rings[] = {"ring-size=4k,64k,1m", "wait", "cpus", "batch", "spin",
					    "sleep", NULL};
	static const char *const commits[] = {"ring-size=4k,64k", "commit=1,16,1000", "wait", "cpus",
					      "batch", "spin", "sleep", NULL};

	(void)state;
	/* Adaptive with two spins, poll with two sleeps, park. */
	open_rig(none, waits);
	assert_int_equal(count(), 5);
	close_rig();
	/* One processor has room for one of them. */
	open_rig(three, pinned);
	assert_int_equal(count(), 1);
	close_rig();
	/* In the order of one producer a second dispatcher has nothing to do, by key it has. */
	open_rig(none, orders);
	assert_int_equal(count(), 3);
	close_rig();
	open_rig(three, orders);
	assert_int_equal(count(), 4);
	close_rig();
	/* Who skips has no order of keys. */
	open_rig(skips, orders);
	assert_int_equal(count(), 2);
	close_rig();
	/* What is larger than a quarter of a ring cannot be published. */
	open_rig(large, rings);
	assert_int_equal(count(), 2);
	close_rig();
	/* 16 of 80 bytes are within half of 4 KiB, 1,000 not even of 64. */
	open_rig(none, commits);
	assert_int_equal(count(), 4);
	close_rig();
}

static void
test_apply(void **state)
{
	static const char *const settings[][2] = {{"pool", "b:wait=park,spin=9us"}, {"batch", "7"},
						  {NULL, NULL}};
	static const char *const vary[] = {"b.wait=park,spin", "ring-size=64k,128k", "cpus=any,0", NULL};
	const struct wi_pool_spec *spec;
	struct wi_tune_point point;
	char text[256];

	(void)state;
	open_rig(settings, vary);
	/* The default of what is not said is weir's, and not what weir bench fits. */
	assert_int_equal(wi_bench_plan_pool(&rig.plan, 0)->wait, WEIR_WAIT_ADAPTIVE);
	point = rig.grid.space.base;
	wi_tune_grid_apply(&rig.grid, &point);
	wi_tune_grid_text(&rig.grid, &point, text, sizeof(text));
	assert_string_equal(text, "the default");
	spec = wi_bench_plan_pool(&rig.plan, 1);
	assert_int_equal(spec->wait, WEIR_WAIT_PARK);
	assert_int_equal(spec->spin_ns, 9000);
	assert_null(spec->cpus);
	for (unsigned d = 0; d < rig.grid.space.count; d++)
		for (unsigned l = 0; l < rig.grid.space.level_count[d]; l++)
			if (strcmp(rig.grid.dimensions[d].values[l], "spin") == 0 ||
			    strcmp(rig.grid.dimensions[d].values[l], "128k") == 0 ||
			    strcmp(rig.grid.dimensions[d].values[l], "0") == 0)
				point.level[d] = (uint8_t)l;
	wi_tune_grid_apply(&rig.grid, &point);
	assert_int_equal(spec->wait, WEIR_WAIT_SPIN);
	assert_string_equal(spec->cpus, "0");
	assert_int_equal(rig.options.load.ring_size, 128 << 10);
	assert_int_equal(wi_bench_plan_pool(&rig.plan, 0)->batch_count_max, 7);
	close_rig();
}

/* -- loads from counters ---------------------------------------------------- */

enum { POOLS = 2, HANDLERS = 3, RINGS = 2 };

struct shown {
	struct wi_shown_pool pools[POOLS];
	struct wi_shown_ring rings[RINGS];
	struct wi_shown_handler handlers[HANDLERS];
	weir_counters_times times[2];
	struct wi_snapshot snapshot;
};

static void
make(struct shown *shown)
{
	*shown = (struct shown){
		.pools = {{.name = "default"}, {.name = "journal", .now = {.after = 1}}},
		.rings = {{.committed = 600, .bytes = 600 * 64, .now = {.ring_size = 65536}},
			  {.committed = 400, .bytes = 400 * 64, .now = {.ring_size = 65536}}},
		.handlers = {{.pattern = ">", .ok = 1000, .now = {.id = 1}},
			     {.pattern = "in.bad", .ok = 200, .failed = 50, .now = {.id = 2, .pool = 1}},
			     {.pattern = "weir.gap", .ok = 5, .now = {.id = 3}}},
		.times = {{.kind = WEIR_COUNTERS_HANDLING, .subscription = 1, .samples = 10,
			   .sum_ns = 520000, .count = {[20] = 1000}},
			  {.kind = WEIR_COUNTERS_WAITING, .subscription = 2, .sum_ns = 1, .count = {1}}},
	};
	shown->snapshot = (struct wi_snapshot){
		.pools = shown->pools, .pool_count = POOLS, .rings = shown->rings,
		.ring_count = RINGS, .handlers = shown->handlers, .handler_count = HANDLERS,
		.look = {.header = {.pid = 7, .topic_count = 40,
				    .section[WEIR_COUNTERS_TIMES] = {.count = 2}},
			 .times = shown->times},
		.name = "bus",
	};
}

static char *
derive(struct shown *shown, const char **ret_problem)
{
	struct shown before;

	make(&before);
	before.times[0].sum_ns = 0;
	before.times[0].count[20] = 0;
	return wi_tune_load_make(&before.snapshot, &shown->snapshot, ret_problem);
}

/* As weir bench reads it. */
static void
read_load(char *text, struct wi_bench_options *options)
{
	FILE *stream = fmemopen(text, strlen(text), "r");

	assert_non_null(stream);
	assert_true(wi_bench_options_init(options));
	assert_int_equal(wi_bench_file_take("test", "derived", stream, options), 0);
	assert_null(wi_bench_options_check(options));
	fclose(stream);
}

static void
test_load(void **state)
{
	struct wi_bench_options options;
	struct shown shown;
	const char *problem;
	char *text;

	(void)state;
	make(&shown);
	text = derive(&shown, &problem);
	assert_non_null(text);
	read_load(text, &options);
	assert_int_equal(options.producer_count, 2);
	assert_int_equal(options.rate, 1000);
	assert_int_equal(options.sizes.each[0], 48);
	/* A quarter of the events: four of sixteen topics. */
	assert_int_equal(options.topic_count, 16);
	assert_int_equal(options.on_count, 1 + 4);
	assert_string_equal(options.ons[0].pattern, WI_BENCH_PATTERN);
	/* 520 ns a call, 20 of which are the clock's. */
	assert_int_equal(options.ons[0].cost_ns, 500);
	assert_string_equal(options.ons[1].pool, "journal");
	assert_string_equal(options.ons[4].pattern, "bench.t003.update");
	assert_int_equal(options.ons[4].cost_ns, 0);
	assert_non_null(strstr(text, "no times are shown"));
	assert_non_null(strstr(text, "after = default"));
	wi_bench_options_fini(&options);
	free(text);
}

static void
assert_refused(struct shown *shown, const char *wanted)
{
	const char *problem = NULL;

	assert_null(derive(shown, &problem));
	assert_non_null(strstr(problem, wanted));
}

static void
test_hostile(void **state)
{
	struct wi_shown_pool many[40];
	struct wi_bench_options options;
	struct shown shown;
	const char *problem;
	char *text;

	(void)state;
	make(&shown);
	shown.rings[0].committed = shown.rings[1].committed = NAN;
	assert_refused(&shown, "nothing was published");
	make(&shown);
	shown.handlers[0].ok = shown.handlers[1].ok = shown.handlers[1].failed = 0;
	assert_refused(&shown, "no handler was called");
	make(&shown);
	shown.handlers[1].now.pool = 4000000000u;
	assert_refused(&shown, "damaged: a handler is in no pool");
	make(&shown);
	strcpy(shown.pools[1].name, "a]\n[load]");
	assert_refused(&shown, "no INI file can have");
	make(&shown);
	strcpy(shown.pools[1].name, "default");
	assert_refused(&shown, "same name");
	make(&shown);
	strcpy(shown.pools[0].name, "first");
	assert_refused(&shown, "is not called default");
	make(&shown);
	shown.pools[0].now.after = 2;
	assert_refused(&shown, "after one that was opened later");
	make(&shown);
	for (int i = 0; i < 40; i++)
		many[i] = shown.pools[i > 0];
	shown.snapshot.pools = many;
	shown.snapshot.pool_count = 40;
	assert_refused(&shown, "more pools than");
	/* Numbers that cannot be are as much as can be. */
	make(&shown);
	shown.rings[0].committed = 1e300;
	shown.rings[1].committed = 4e9;
	shown.rings[1].bytes = 4e14;
	shown.rings[1].now.ring_size = UINT32_MAX;
	shown.snapshot.look.header.topic_count = UINT32_MAX;
	shown.times[0].sum_ns = UINT64_MAX;
	text = derive(&shown, &problem);
	assert_non_null(text);
	read_load(text, &options);
	assert_int_equal(options.rate, 1000000000);
	wi_bench_options_fini(&options);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_together), cmocka_unit_test(test_apply),
		cmocka_unit_test(test_load), cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
