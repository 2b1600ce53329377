/* SPDX-License-Identifier: MIT */
/*
 * bench_handler.h - the handlers of a load: they read all of each event, check it, take their time,
 * and in an open loop note how long the event was on its way.
 *
 * The n-th event of a producer (from 0) has n in each 8 bytes of its payload, and its last byte in
 * what is left; in an open loop the first 8 bytes are the moment for which it was meant
 * (CLOCK_MONOTONIC). Its sequence is n + 1.
 */
#ifndef WI_CLI_BENCH_HANDLER_H
#define WI_CLI_BENCH_HANDLER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

#include "bench_options.h"
#include "bench_thread.h"
#include "histogram.h"
#include "machine.h"

enum { WI_BENCH_WRONG_SIZE = 160 };

/* In nanoseconds, from when the event was meant to be sent. */
struct wi_bench_latency {
	struct histogram waiting;       /* until the handler was called */
	struct histogram handling;      /* until it returned */
	struct histogram total;
};

/* Written by its thread alone; read while that is at rest. */
struct wi_bench_dispatcher {
	_Alignas(MACHINE_LINE) uint64_t call_count;
	uint64_t backwards_count;       /* events that came before they were sent, by the clock */
	uint64_t wrong_count;
	struct wi_bench_latency *latency;       /* by subscription; NULL in a closed loop */
	struct wi_bench_thread_id thread;
	char wrong[WI_BENCH_WRONG_SIZE];        /* the first thing that was */
};

/* A subscription. */
struct wi_bench_handler {
	const struct wi_bench_on *on;
	weir_subscription subscription;
	uint32_t latency_index;
	uint32_t source_count;          /* numbers of producers are below it */
	uint32_t key_count;             /* 0: in the order of producers */
	bool is_open_loop;
	bool takes_time;                /* set by wi_bench_handler_init() */
	bool gets_all;                  /* of every producer: each sequence follows the last */
	const atomic_bool *over;        /* the load is: what may be behind need not take its time */
	uint64_t *last;                 /* sequence of each source, or of each source and key */
};

/* Thread hook: the calling thread is this dispatcher. */
void wi_bench_dispatcher_begin(struct wi_bench_dispatcher *dispatcher);

/* The rest is set by the caller. False: out of memory. */
bool wi_bench_handler_init(struct wi_bench_handler *handler);
void wi_bench_handler_fini(struct wi_bench_handler *handler);

/* context: a struct wi_bench_handler. */
int wi_bench_handle(const weir_event *event, const weir_delivery *delivery, void *context);
int wi_bench_handle_timed(const weir_event *event, const weir_delivery *delivery, void *context);

#endif
