/* SPDX-License-Identifier: MIT */
/* clock.c - see clock.h. */
#include "base/clock.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"

static uint64_t
read_clock(clockid_t id)
{
	struct timespec time;

	clock_gettime(id, &time);
	return (uint64_t)time.tv_sec * WI_SECOND + (uint64_t)time.tv_nsec;
}

uint64_t
wi_clock_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t
wi_clock_realtime(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t
wi_clock_deadline(uint64_t timeout_ns)
{
	uint64_t now = wi_clock_monotonic();

	return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

void
wi_clock_sleep(uint64_t ns)
{
	struct timespec time = { (time_t)(ns / WI_SECOND), (long)(ns % WI_SECOND) };

	/* Not glibc's, where a thread can be cancelled: with a lock in its hand, or half asleep. */
	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, NULL);
}

struct wi_backoff
wi_backoff_until(uint64_t deadline)
{
	return (struct wi_backoff){ .deadline = deadline, .sleep_ns = 20 * WI_MICROSECOND };
}

int
wi_backoff_wait(struct wi_backoff *backoff)
{
	uint64_t now;

	if (backoff->spins < 20) {
		backoff->spins++;
		wi_pause(16);
		return 1;
	}
	now = wi_clock_monotonic();
	if (now >= backoff->deadline)
		return 0;
	wi_clock_sleep(WI_MIN(backoff->sleep_ns, backoff->deadline - now));
	backoff->sleep_ns = WI_MIN(backoff->sleep_ns * 2, WI_MILLISECOND);
	return 1;
}
