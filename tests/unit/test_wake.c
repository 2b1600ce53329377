/* SPDX-License-Identifier: MIT */
/* test_wake.c - the word that says that somebody sleeps: it moves on, and nobody oversleeps. */
#include "unit.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/fence.h"
#include "core/wake.h"

static struct wi_wake wake;

static void
init(weir_fence fence)
{
	wake = (struct wi_wake){.tick = 0};
	wi_wake_init(&wake, fence);
}

static void
test_init(void **state)
{
	(void)state;
	init(WEIR_FENCE_AUTO);
	assert_int_equal(wake.tick, WEIR_CLOCK_READ_);
	assert_int_equal(wake.parked & 1, 0);
	assert_int_equal(wake.publisher_fences, !wi_fence_heavy_available());
	assert_true(wi_wake_fence(&wake));
	init(WEIR_FENCE_PUBLISHER);
	assert_true(wake.publisher_fences);
	assert_true(wi_wake_fence(&wake));
	assert_int_equal(wi_wake_no_clock, 0);
	assert_int_equal(wi_wake_precise_clock, WEIR_CLOCK_READ_);
	wi_wake_tick(&wake, 5);
	assert_int_equal(wake.tick, 5);
}

static void
test_failed_fence(void **state)
{
	(void)state;
	init(WEIR_FENCE_AUTO);
	if (wake.publisher_fences)
		skip();
	wake.heavy_fence_failed = true;
	assert_false(wi_wake_fence(&wake));
	wake.heavy_fence_failed = false;
	assert_true(wi_wake_fence(&wake));
}

static void
test_word(void **state)
{
	uint32_t announced;

	(void)state;
	init(WEIR_FENCE_AUTO);
	wi_wake_one(&wake);
	assert_int_equal(wake.parked, 0); /* nobody sleeps: nothing moves */
	announced = wi_wake_announce(&wake);
	assert_int_equal(announced & 1, 1);
	assert_int_equal(wake.parked, announced);
	assert_int_equal(wi_wake_announce(&wake), announced);
	wi_wake_one(&wake);
	assert_int_equal(wake.parked, announced + 1);
	wi_wake_one(&wake);
	assert_int_equal(wake.parked, announced + 1);
	assert_int_equal(wi_wake_announce(&wake), announced + 2);
	wi_wake_all(&wake);
	assert_int_equal(wake.parked, announced + 3);
	wake.parked = UINT32_MAX; /* wraps to another even number */
	wi_wake_one(&wake);
	assert_int_equal(wake.parked, 0);
}

/* Overtaken between the look and the sleep, even if another announced meanwhile. */
static void
test_overtaken(void **state)
{
	uint64_t before = wi_clock_monotonic();
	uint32_t announced;

	(void)state;
	init(WEIR_FENCE_AUTO);
	announced = wi_wake_announce(&wake);
	wi_wake_one(&wake);
	assert_false(wi_wake_sleep(&wake, announced, 0, UNIT_PATIENCE));
	wi_wake_announce(&wake);
	assert_false(wi_wake_sleep(&wake, announced, 0, UNIT_PATIENCE));
	assert_true(wi_clock_monotonic() - before < UNIT_PATIENCE);
	assert_int_equal(wake.sleepers[0], 0);
}

static void
test_time_over(void **state)
{
	uint64_t before = wi_clock_monotonic();
	uint32_t announced;

	(void)state;
	init(WEIR_FENCE_AUTO);
	announced = wi_wake_announce(&wake);
	assert_true(wi_wake_sleep(&wake, announced, 3, 2 * WI_MILLISECOND));
	assert_true(wi_clock_monotonic() - before >= 2 * WI_MILLISECOND);
	assert_int_equal(wake.parked, announced);
	assert_int_equal(wake.sleepers[3], 0);
}

struct sleeper {
	pthread_t thread;
	uint32_t pool, announced;
	uint64_t awake;
	bool timed_out;
};

static void *
run(void *argument)
{
	struct sleeper *sleeper = argument;

	sleeper->timed_out = wi_wake_sleep(&wake, sleeper->announced, sleeper->pool, UNIT_PATIENCE);
	wi_store_release(&sleeper->awake, 1);
	return NULL;
}

/* Returns when it is in the futex, as far as one can know. */
static void
start(struct sleeper *sleeper, uint32_t pool)
{
	*sleeper = (struct sleeper){.pool = pool, .announced = wi_wake_announce(&wake)};
	assert_int_equal(pthread_create(&sleeper->thread, NULL, run, sleeper), 0);
	while (!wi_load_acquire(&wake.sleepers[pool]))
		wi_clock_sleep(50 * WI_MICROSECOND);
	wi_clock_sleep(2 * WI_MILLISECOND);
}

static void
finish(struct sleeper *sleeper)
{
	pthread_join(sleeper->thread, NULL);
	assert_false(sleeper->timed_out);
}

/* The publisher wakes one; that one wakes one of each pool. */
static void
test_one_then_others(void **state)
{
	struct sleeper sleeper[3];
	uint32_t first = 3;

	(void)state;
	init(WEIR_FENCE_AUTO);
	for (uint32_t i = 0; i < 3; i++)
		start(&sleeper[i], i * 5);
	wi_wake_one(&wake);
	while (first == 3)
		for (uint32_t i = 0; i < 3; i++)
			if (wi_load_acquire(&sleeper[i].awake))
				first = i;
	wi_clock_sleep(2 * WI_MILLISECOND);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(wi_load_acquire(&sleeper[i].awake), i == first);
	wi_wake_others(&wake);
	for (uint32_t i = 0; i < 3; i++)
		finish(&sleeper[i]);
	for (uint32_t i = 0; i < WI_CURSOR_COUNT_MAX; i++)
		assert_int_equal(wake.sleepers[i], 0);
	/* Once is enough: what others do now wakes nobody. */
	start(&sleeper[0], 0);
	wi_wake_others(&wake);
	wi_clock_sleep(2 * WI_MILLISECOND);
	assert_false(wi_load_acquire(&sleeper[0].awake));
	wi_wake_all(&wake);
	finish(&sleeper[0]);
}

static void
test_all(void **state)
{
	struct sleeper sleeper[3];

	(void)state;
	init(WEIR_FENCE_AUTO);
	for (uint32_t i = 0; i < 3; i++)
		start(&sleeper[i], i);
	wi_wake_all(&wake);
	for (uint32_t i = 0; i < 3; i++)
		finish(&sleeper[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),      cmocka_unit_test(test_failed_fence),
		cmocka_unit_test(test_word),      cmocka_unit_test(test_overtaken),
		cmocka_unit_test(test_time_over), cmocka_unit_test(test_one_then_others),
		cmocka_unit_test(test_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
