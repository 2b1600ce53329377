/* SPDX-License-Identifier: MIT */
/* thread.h - what a thread has for its operations: a trace, ids, a number among the threads that are. */
#ifndef WI_SERVICE_THREAD_H
#define WI_SERVICE_THREAD_H

#include <stdint.h>

#include <weir/weir.h>

/* More threads than these have no number of their own. */
enum { WI_THREAD_COUNT_MAX = 1024, WI_THREAD_NONE = WI_THREAD_COUNT_MAX };

struct wi_thread {
	uint64_t trace_id[2];   /* as its bytes lie in memory; zeros: no trace */
	uint64_t span;          /* of the scope that is open, else of the trace */
	uint64_t last_id;       /* 0: not begun */
	uint64_t serial;        /* of the thread: none has had it; 0: not begun */
	uint32_t trace_flags;
	uint32_t number;
};

extern __thread struct wi_thread wi_thread;

/* Seeds the ids, and takes a number if it has none. Leaves errno as it was. */
__attribute__((cold, noinline)) void wi_thread_begin(void);

/*
 * Unique among those of all threads and processes: each steps through the same cycle of 2^64 from a
 * random place, by a number that makes neighbours look unlike. Never 0.
 */
static inline uint64_t
wi_thread_next_id(void)
{
	uint64_t id = wi_thread.last_id + 0x9e3779b97f4a7c15u;

	if (__builtin_expect(!wi_thread.last_id || !id, 0)) {
		wi_thread_begin();
		id = wi_thread.last_id + 0x9e3779b97f4a7c15u;
	}
	return wi_thread.last_id = id;
}

#endif
