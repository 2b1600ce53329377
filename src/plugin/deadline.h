/* SPDX-License-Identifier: MIT */
/* deadline.h - a timeout that several waits share. */
#ifndef WI_PLUGIN_DEADLINE_H
#define WI_PLUGIN_DEADLINE_H

#include <time.h>

#include <weir/weir.h>

static inline uint64_t
wi_deadline_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t
wi_deadline_after(uint64_t timeout_ns)
{
	uint64_t now = wi_deadline_now();

	return timeout_ns < WEIR_FOREVER - now ? now + timeout_ns : WEIR_FOREVER;
}

static inline uint64_t
wi_deadline_left(uint64_t deadline)
{
	uint64_t now = deadline == WEIR_FOREVER ? 0 : wi_deadline_now();

	return deadline == WEIR_FOREVER ? WEIR_FOREVER : now < deadline ? deadline - now : 0;
}

#endif
