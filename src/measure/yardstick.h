/* SPDX-License-Identifier: MIT */
/*
 * yardstick.h - what this machine can do at this moment, to stand beside a measurement of weir.
 *
 * A bare ring with one producer and one consumer: records of variable length
 * written in place, a look-up of the topic in a table, one handler called
 * through a pointer. No isolation, no accounting, no wake-up, inlined publish.
 * The class is the number of records for which the tail is stored once.
 *
 * weir does more for an event, so weir's ns / the yardstick's ns near 1 means
 * that routing, isolation and accounting are nearly free. Virtual machines move
 * between processors within seconds (one-way line times of 28 to 300 ns were seen on
 * the same guest): compare only figures of one round.
 */
#ifndef MEASURE_YARDSTICK_H
#define MEASURE_YARDSTICK_H

#include <stdint.h>

/*
 * Both need two processors (machine_begin()) and pin the calling thread to the producer's. Below 0:
 * there was nothing to measure with, and errno is ENOMEM or what a thread or its processor was
 * refused with; EILSEQ: events came wrong.
 */

/* One-way time of a cache line between the two processors. */
double yardstick_line_ns(void);

/* Least time for an event over the polling pauses 0, 16 and 64. per_commit: 1 or more. */
double yardstick_event_ns(uint32_t payload, uint32_t per_commit, uint64_t events);

/*
 * The same for 48 bytes, one event a commit, with a table of topic_count topics, all with the same
 * handler: event i has topic order[i % order_count]. order_count: a power of two.
 */
double yardstick_topics_ns(const uint32_t *order, uint32_t order_count, uint32_t topic_count, uint64_t events);

/* How many events make a run of about 25 ms when a line takes line_ns. */
uint64_t yardstick_events(double line_ns);

#endif
