/* SPDX-License-Identifier: MIT */
/* bench_load.h - the producers of one run and their threads. */
#ifndef WI_CLI_BENCH_LOAD_H
#define WI_CLI_BENCH_LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench_loop.h"
#include "bench_rig.h"
#include "bench_thread.h"

struct wi_bench_load;

/* Of one producer's last phase, to be read after it. */
struct wi_bench_sent {
	uint64_t event_count, byte_count;
	uint64_t meant_count;           /* open loop: that were to be sent */
	uint64_t late_max_ns;           /*   and the longest after its moment; */
	uint64_t busy_ns;               /*   from a moment until it looked at the clock again */
	uint64_t full_count, full_ns;
	uint64_t begin_ns, end_ns;      /* of sending */
	struct wi_bench_usage usage;
};

struct wi_bench_producer {
	struct wi_bench_loop loop;
	struct wi_bench_load *load;
	unsigned index;
	pthread_t thread;
	struct wi_bench_sent sent;
};

struct wi_bench_load {
	struct wi_bench_rig *rig;
	struct wi_bench_producer *producers;
	unsigned count, started_count, done_count;
	uint32_t *sizes;
	uint32_t size_count;
	uint64_t start_ns, duration_ns; /* of the phase; open loop: from start_ns on */
	pthread_mutex_t gate; /* held while the threads are made, so that they begin together */
	int done_fd;                    /* an eventfd: one for each thread that is done */
	atomic_bool stop;
};

/* Opens the producers. WEIR_OK, or to be closed all the same. */
weir_status wi_bench_load_open(struct wi_bench_load *load, struct wi_bench_rig *rig);

/*
 * Threads publish until stopped, or in an open loop until all that is meant for duration_ns is
 * sent.
 */
weir_status wi_bench_load_start(struct wi_bench_load *load, uint64_t duration_ns);

/* Call when done_fd is readable. True: all threads are done. */
bool wi_bench_load_done(struct wi_bench_load *load);
void wi_bench_load_stop(struct wi_bench_load *load);

/* Waits for the threads. The first status that is not WEIR_OK. */
weir_status wi_bench_load_join(struct wi_bench_load *load);
void wi_bench_load_close(struct wi_bench_load *load);

#endif
