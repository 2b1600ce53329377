/* SPDX-License-Identifier: MIT */
/*
 * rig.h - a bus set up for measuring: pinned dispatcher, topics, a handler that sums, the books.
 *
 * The handler adds the first word of each payload. What is published must begin
 * with the numbers 0 to n-1 for each load of n events, and be announced with
 * rig_expect(): then a wrong sum or a `lost` other than 0 at the end is an error.
 * Whoever opens a rig runs afterwards on the producers' processor.
 */
#ifndef BENCH_RIG_H
#define BENCH_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

#include "machine.h"

struct rig_options {
	const char *pattern;        /* default "bench.*.update"; "" for no subscription */
	uint32_t subscription_count;    /* default 1, all with the pattern */
	uint32_t topic_count;           /* default 64: bench.t00.update, ... */
	uint32_t ring_size;             /* of the producer; default the bus's */
	uint32_t dispatcher_count;      /* default 1 */
	weir_order order;
	weir_wait wait;                 /* default (0) SPIN; the rig never runs ADAPTIVE */
	bool unpinned;                  /* the dispatcher may run anywhere */
	weir_handler_fn handler;        /* default: the one that sums; else `context` is its own */
	void *context;
	void (*thread_begin)(void *context, uint32_t dispatcher);
};

struct rig {
	/* Written by the dispatcher for each event: on a line of its own. */
	_Alignas(MACHINE_LINE) uint64_t sum;
	_Alignas(MACHINE_LINE) uint64_t expected;
	uint32_t per_event;             /* handler calls for one event */
	bool sums;
	weir_bus *bus;
	weir_producer *producer;
	weir_topic *topics;
	uint32_t topic_count;
};

/* NULL after a message. options may be NULL. */
struct rig *rig_open(const struct rig_options *options);

/* n more events with the words 0 to n-1 were or will be published. */
void rig_expect(struct rig *rig, uint64_t n);

/* Wait, polling politely, until the handlers have seen all that is expected. False: 20 s passed. */
bool rig_settle(struct rig *rig);

/* Flush, compare the books, close, free. False after a message. */
bool rig_close(struct rig *rig);

/*
 * One more pool with one subscription to `pattern`, closed at the latest with the rig's bus. Its
 * threads may run anywhere, but for options->cpus.
 */
bool rig_add_pool(struct rig *rig, const weir_pool_options *options, const char *pattern,
                  weir_handler_fn handler, void *context, weir_pool **ret_pool);

/* The handler that adds the first word of each payload to the uint64_t at `context`. */
int rig_sum(const weir_event *event, const weir_delivery *delivery, void *context);

/* True and a message if status is not WEIR_OK. */
bool rig_failed(weir_status status, const char *what);

#endif
