/* SPDX-License-Identifier: MIT */
/* test_futex.c - sleep on a word, be woken by bits, and leave errno alone. */
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/futex.h"

static void
test_other_value(void **state)
{
	uint32_t word = 1;

	(void)state;
	errno = 77;
	assert_int_equal(wi_futex_wait(&word, 0, WI_FUTEX_ALL, UINT64_MAX), 0);
	assert_int_equal(errno, 77);
}

static void
test_timeout(void **state)
{
	uint64_t before = wi_clock_monotonic();
	uint32_t word = 0;

	(void)state;
	errno = 77;
	assert_int_equal(wi_futex_wait(&word, 0, WI_FUTEX_ALL, 3 * WI_MILLISECOND), 1);
	assert_true(wi_clock_monotonic() - before >= 3 * WI_MILLISECOND);
	assert_int_equal(wi_futex_wait(&word, 0, WI_FUTEX_ALL, 0), 1);
	assert_int_equal(errno, 77);
}

struct sleeper {
	pthread_t thread;
	uint32_t *word;
	uint32_t bits;
	uint64_t timeout_ns;
	uint64_t woken;
	int result;
};

static void *
sleep_on_word(void *argument)
{
	struct sleeper *sleeper = argument;

	sleeper->result = wi_futex_wait(sleeper->word, 0, sleeper->bits, sleeper->timeout_ns);
	wi_store_release(&sleeper->woken, 1);
	return NULL;
}

static void
start(struct sleeper *sleeper, uint32_t *word, uint32_t bits, uint64_t timeout_ns)
{
	*sleeper = (struct sleeper){.word = word, .bits = bits, .timeout_ns = timeout_ns};
	assert_int_equal(pthread_create(&sleeper->thread, NULL, sleep_on_word, sleeper), 0);
}

/* A wake may come before the sleep: repeated until it is seen. */
static void
wake_until_woken(struct sleeper *sleeper, uint32_t bits)
{
	while (!wi_load_acquire(&sleeper->woken)) {
		wi_futex_wake(sleeper->word, INT_MAX, bits);
		wi_clock_sleep(100 * WI_MICROSECOND);
	}
	pthread_join(sleeper->thread, NULL);
	assert_int_equal(sleeper->result, 0);
}

static void
test_wake(void **state)
{
	struct sleeper sleeper;
	uint32_t word = 0;

	(void)state;
	start(&sleeper, &word, WI_FUTEX_ALL, UINT64_MAX);
	errno = 77;
	wake_until_woken(&sleeper, WI_FUTEX_ALL);
	assert_int_equal(errno, 77);
}

static void
test_bits(void **state)
{
	struct sleeper first, second;
	uint32_t word = 0;

	(void)state;
	start(&first, &word, 1, UINT64_MAX);
	start(&second, &word, 2, UINT64_MAX);
	wake_until_woken(&second, 2);
	assert_int_equal(wi_load_acquire(&first.woken), 0);
	wi_futex_wake(&word, INT_MAX, 6);
	wi_clock_sleep(WI_MILLISECOND);
	assert_int_equal(wi_load_acquire(&first.woken), 0);
	wake_until_woken(&first, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_value),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_wake),
		cmocka_unit_test(test_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
