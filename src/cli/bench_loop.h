/* SPDX-License-Identifier: MIT */
/*
 * bench_loop.h - publish events as fast as they go, or one at its moment; what they hold is in
 * bench_handler.h.
 */
#ifndef WI_CLI_BENCH_LOOP_H
#define WI_CLI_BENCH_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

#include "machine.h"

/* One thread's. */
struct wi_bench_loop {
	_Alignas(MACHINE_LINE) weir_producer *producer;
	const weir_topic *topics;       /* taken in turn */
	uint32_t topic_count, topic_at;
	const uint32_t *sizes;          /* taken in turn, where `size` is 0 */
	uint32_t size_count, size_at;
	uint32_t size; /* of each payload; others than 8, 48, 112, 256 are in `sizes` */
	uint32_t commit_count;
	uint32_t key_count;
	bool in_place;
	bool many;                      /* several a commit by weir_publish_many() */
	weir_item *items;               /*   which takes them from here: `commit_count`, */
	bool shares;                    /* its processor: it yields while it waits */
	const atomic_bool *stop;
	void *buffer;                   /* for the largest payload; many: for so many of them */
	uint64_t number;                /* of the next event */
	uint64_t byte_count;
	uint64_t full_count, full_ns;   /* the ring was: how often, and how long until it was not */
	weir_status status;             /* what ended it */
};

bool wi_bench_loop_has(uint32_t size);

/* About `count` events. False: it was stopped, or `status` is not WEIR_OK. */
bool wi_bench_loop_run(struct wi_bench_loop *loop, uint32_t count);

/* One event, meant for that moment. As above. */
bool wi_bench_loop_send(struct wi_bench_loop *loop, uint64_t meant_ns);

#endif
