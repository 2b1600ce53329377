/* SPDX-License-Identifier: MIT */
/* clock.h - nanoseconds that only go forward. */
#ifndef ORDERS_CLOCK_H
#define ORDERS_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_S  UINT64_C(1000000000)
#define CLOCK_MS UINT64_C(1000000)

static inline uint64_t
clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CLOCK_S + (uint64_t)now.tv_nsec;
}

static inline void
clock_sleep_until(uint64_t ns)
{
	const struct timespec then = {.tv_sec = (time_t)(ns / CLOCK_S),
				      .tv_nsec = (long)(ns % CLOCK_S)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) != 0)
		;
}

static inline void
clock_sleep(uint64_t ns)
{
	clock_sleep_until(clock_now() + ns);
}

#endif
