/* SPDX-License-Identifier: MIT */
/* run_streams.h - inputs that are published while they are read: a file, a pipe, connections. */
#ifndef WI_CLI_RUN_STREAMS_H
#define WI_CLI_RUN_STREAMS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

#include "loader.h"
#include "topics.h"

enum { WI_STREAM_MAX = 64 };

struct wi_streams;

/* One input: a thread, and a producer of its own, so that its events keep their order. */
struct wi_stream {
	struct wi_streams *all;
	int fd;
	char name[160]; /* for messages */
	pthread_t thread;
	weir_producer *producer;
	struct wi_topics topics;
	struct wi_loader loader;
	bool used;
	atomic_bool done;
	bool failed;
};

struct wi_streams {
	/* Given by the caller. */
	weir_bus *bus;
	struct wi_progress *progress;
	uint64_t line_size_max;
	/* Its own. */
	int stop_fd, done_fd; /* eventfds */
	atomic_bool given_up;
	struct wi_stream list[WI_STREAM_MAX];
	unsigned count; /* that are at work */
	/* The sums of those that have ended. */
	uint64_t stream_count, line_count, empty_count, bad_count, event_count, byte_count;
	bool failed; /* one could not be read to its end */
};

bool wi_streams_open(struct wi_streams *streams, weir_bus *bus, struct wi_progress *progress,
		     uint64_t line_size_max);

/* Takes fd, which is closed at its end, if it is not standard input; not if it fails
 * (WEIR_ELIMIT: no room). */
weir_status wi_streams_add(struct wi_streams *streams, int fd, const char *name);

/* Call when done_fd is readable: gathers what has ended. */
void wi_streams_reap(struct wi_streams *streams);

/* What has been sent so far is still read and published; then they end. */
void wi_streams_stop(struct wi_streams *streams);
/* Those that wait for room in a ring end, too. */
void wi_streams_give_up(struct wi_streams *streams);

/* After the last has ended. */
void wi_streams_close(struct wi_streams *streams);

#endif
