/* SPDX-License-Identifier: MIT */
/* test_clock.c - clocks, deadlines without overflow, and waits that end on time. */
#include "unit.h"

#include <time.h>

#include "base/clock.h"

static void
test_clocks_go_on(void **state)
{
	uint64_t before = wi_clock_monotonic();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t now = wi_clock_monotonic();

		assert_true(now >= before);
		before = now;
	}
	assert_true(wi_clock_realtime() / WI_SECOND - (uint64_t)time(NULL) + 1 <= 2);
}

static void
test_deadlines(void **state)
{
	uint64_t now = wi_clock_monotonic(), end;

	(void)state;
	end = wi_clock_deadline(WI_SECOND);
	assert_in_range(end - now, WI_SECOND, 11 * WI_SECOND);
	assert_true(wi_clock_deadline(0) >= now);
	assert_true(wi_clock_deadline(UINT64_MAX) == UINT64_MAX);
	assert_true(wi_clock_deadline(UINT64_MAX - 1) == UINT64_MAX);
	assert_true(wi_clock_deadline(UINT64_MAX - now / 2) == UINT64_MAX);
	/* The longest that does not overflow. */
	end = wi_clock_deadline(UINT64_MAX - 2 * now - 20 * WI_SECOND);
	assert_true(end < UINT64_MAX && end > UINT64_MAX / 2);
}

static void
test_sleep(void **state)
{
	uint64_t before = wi_clock_monotonic();

	(void)state;
	wi_clock_sleep(2 * WI_MILLISECOND);
	assert_true(wi_clock_monotonic() - before >= 2 * WI_MILLISECOND);
	wi_clock_sleep(0);
}

static void
test_backoff(void **state)
{
	uint64_t before = wi_clock_monotonic();
	struct wi_backoff backoff = wi_backoff_until(before + 5 * WI_MILLISECOND);
	unsigned waits = 0;

	(void)state;
	while (wi_backoff_wait(&backoff))
		waits++;
	assert_true(wi_clock_monotonic() - before >= 5 * WI_MILLISECOND);
	/* Some pauses, then sleeps that double: not thousands. */
	assert_in_range(waits, 3, 100);
	assert_int_equal(wi_backoff_wait(&backoff), 0);
}

static void
test_backoff_ends_at_once(void **state)
{
	uint64_t before = wi_clock_monotonic();
	struct wi_backoff backoff = wi_backoff_until(before);
	unsigned waits = 0;

	(void)state;
	while (wi_backoff_wait(&backoff))
		waits++;
	assert_true(waits <= 20);
}

static void
test_backoff_without_end(void **state)
{
	struct wi_backoff backoff = wi_backoff_until(UINT64_MAX);

	(void)state;
	for (int i = 0; i < 40; i++)
		assert_int_equal(wi_backoff_wait(&backoff), 1);
	assert_true(backoff.sleep_ns <= WI_MILLISECOND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clocks_go_on),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_backoff_ends_at_once),
		cmocka_unit_test(test_backoff_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
