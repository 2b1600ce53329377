/* SPDX-License-Identifier: MIT */
/* bench_thread.h - what a thread of this process has used: processor time, context switches. */
#ifndef WI_CLI_BENCH_THREAD_H
#define WI_CLI_BENCH_THREAD_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct wi_bench_usage {
	uint64_t cpu_ns;
	uint64_t voluntary, involuntary;        /* context switches */
};

/* Whose, so that another thread can ask. */
struct wi_bench_thread_id {
	pid_t tid;
	clockid_t clock;
};

struct wi_bench_thread_id wi_bench_thread_self(void);

/* For others to see, on the thread itself. */
void wi_bench_thread_show(struct wi_bench_thread_id *thread);

/* Any thread, while that one lives. What cannot be read is 0, as of one that was not shown yet. */
struct wi_bench_usage wi_bench_thread_usage(const struct wi_bench_thread_id *thread);

/* Of all threads of the process that are or were. */
struct wi_bench_usage wi_bench_process_usage(void);

struct wi_bench_usage wi_bench_usage_since(struct wi_bench_usage now, struct wi_bench_usage then);

#endif
