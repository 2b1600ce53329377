/* SPDX-License-Identifier: MIT */
/* load.h - publish n events as fast as they go, in one of the ways that a program may. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "rig.h"

enum load_way {
	LOAD_COPY,              /* weir_publish() from a struct on the stack */
	LOAD_IN_PLACE,          /* weir_reserve(), fill, weir_commit() */
	LOAD_BATCH_16,          /* the same, a commit for 16 events */
	LOAD_BATCH_256,
	LOAD_MANY_256,          /* weir_publish_many() of 256 events that were filled beside the ring */
};

/*
 * Publish the events 0 to n-1, each word of the payload being the event's
 * number, on the rig's topics in turn, from the calling thread; pause while the
 * ring is full. size: 8, 48 or 112, compiled as a constant. Calls rig_expect().
 * False after a message.
 */
bool load_run(struct rig *rig, enum load_way way, uint32_t size, uint64_t n);

/* The same and rig_settle(): the seconds until the last handler was called; below 0 on failure. */
double load_timed(struct rig *rig, enum load_way way, uint32_t size, uint64_t n);

/*
 * Nanoseconds for an event of 48 bytes, through a bus of its own, warm; below 0 on failure. Its own: a
 * dispatcher that spins must not share the processor with what is measured next. options may be NULL.
 */
double load_event_ns(const struct rig_options *options, enum load_way way, uint64_t n);

/*
 * In place, 48 bytes, a commit for each; event i has topic order[i % order_count], order_count being a
 * power of two. The seconds until the last handler was called; below 0 on failure.
 */
double load_ordered(struct rig *rig, const uint32_t *order, uint32_t order_count, uint64_t n);

/* Copies of 48 bytes on a shared processor: a refused producer pauses 50 times and yields. */
bool load_shared(weir_producer *producer, const struct rig *rig, uint64_t n);

#endif
