/* SPDX-License-Identifier: MIT */
/* stopwatch.h - monotonic nanoseconds. */
#ifndef WI_CLI_STOPWATCH_H
#define WI_CLI_STOPWATCH_H

#include <stdint.h>
#include <time.h>

#define WI_STOPWATCH_S  UINT64_C(1000000000)
#define WI_STOPWATCH_MS UINT64_C(1000000)

static inline uint64_t
wi_stopwatch_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * WI_STOPWATCH_S + (uint64_t)now.tv_nsec;
}

#endif
