/* SPDX-License-Identifier: MIT */
/* nice.h - a thread that gives way to others where processors are short. */
#ifndef WI_COMMON_NICE_H
#define WI_COMMON_NICE_H

#include <unistd.h>

/* The calling thread, by so much more: on Linux it is the thread's. Anybody may, so it does not fail. */
static inline void
wi_be_nice(int by)
{
	int now = nice(by);

	(void)now;
}

#endif
