/* SPDX-License-Identifier: MIT */
/* publishers.h - threads that publish one tape each, waiting where their ring is full. */
#ifndef WI_CLI_PUBLISHERS_H
#define WI_CLI_PUBLISHERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

#include "tape.h"

struct wi_publishers;

struct wi_publisher {
	struct wi_publishers *all;
	weir_producer *producer;
	struct wi_tape tape;
	pthread_t thread;
	/* Written by its thread, to be read after the join. */
	uint64_t pass_count;          /* whole passes over the tape */
	uint64_t rest_count;          /* events of the last, unfinished one */
	uint64_t wait_count, wait_ns; /* for room in the ring */
	weir_status status;           /* of the publish that ended it early */
};

struct wi_publishers {
	struct wi_publisher *list;
	unsigned count, started_count, done_count;
	uint64_t repeat;
	pthread_mutex_t gate; /* held while the threads are made, so that they begin together */
	int done_fd;          /* an eventfd: one for each thread that is done */
	atomic_bool stopping;
};

/* Opens `count` producers. On failure wi_publishers_close() takes back what there is. */
weir_status wi_publishers_open(struct wi_publishers *publishers, weir_bus *bus, unsigned count);

/* The tapes are complete: each thread goes `repeat` times over its own. */
weir_status wi_publishers_start(struct wi_publishers *publishers, uint64_t repeat);

/* Call when done_fd is readable. True: all threads are done. */
bool wi_publishers_done(struct wi_publishers *publishers);

/* The threads end before their next event. */
void wi_publishers_stop(struct wi_publishers *publishers);

/* Waits for the threads and closes the producers; the tapes and the results stay. */
void wi_publishers_join(struct wi_publishers *publishers);
void wi_publishers_close(struct wi_publishers *publishers);

#endif
