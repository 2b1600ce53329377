/* SPDX-License-Identifier: MIT */
/* test_thread.c - threads that take no signals; names; pinning; the heavy fence. */
#include "unit.h"

#include <signal.h>
#include <string.h>

#include "base/fence.h"
#include "base/memory.h"
#include "base/thread.h"

struct seen {
	sigset_t blocked;
	char name[32];
	bool pinned, refused;
};

static void *
look_around(void *argument)
{
	struct seen *seen = argument;
	cpu_set_t all, none;

	pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
	wi_thread_name("weir:a-pool-with-a-long-name/12");
	pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
	sched_getaffinity(0, sizeof all, &all);
	seen->pinned = wi_thread_pin(&all);
	CPU_ZERO(&none);
	seen->refused = !wi_thread_pin(&none);
	return NULL;
}

static void
test_thread(void **state)
{
	sigset_t before, after;
	struct seen seen = {.pinned = false};
	pthread_t thread;

	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_true(wi_thread_start(&thread, look_around, &seen));
	pthread_join(thread, NULL);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int number = 1; number < 32; number++) {
		assert_int_equal(sigismember(&after, number), sigismember(&before, number));
		if (number != SIGKILL && number != SIGSTOP)
			assert_int_equal(sigismember(&seen.blocked, number), 1);
	}
	assert_string_equal(seen.name, "weir:a-pool-wit");
	assert_true(seen.pinned);
	assert_true(seen.refused);
}

static void
test_thread_not_to_be_had(void **state)
{
	struct seen seen = {.pinned = false};
	sigset_t before, after;
	pthread_t thread;

	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	wi_memory_fail_at(1, false);
	assert_false(wi_thread_start(&thread, look_around, &seen));
	assert_string_equal(seen.name, "");
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&after, SIGUSR1), sigismember(&before, SIGUSR1));
}

static void
test_heavy_fence(void **state)
{
	(void)state;
	if (!wi_fence_heavy_available())
		skip(); /* an old kernel or a sandbox: the engine then fences in publish */
	assert_true(wi_fence_heavy());
	assert_true(wi_fence_heavy_available());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thread),
		cmocka_unit_test(test_thread_not_to_be_had),
		cmocka_unit_test(test_heavy_fence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
