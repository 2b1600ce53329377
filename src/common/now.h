/* SPDX-License-Identifier: MIT */
/* now.h - a clock of the system, in nanoseconds. */
#ifndef WI_COMMON_NOW_H
#define WI_COMMON_NOW_H

#include <stdint.h>
#include <time.h>

static inline uint64_t
wi_now(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
