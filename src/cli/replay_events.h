/* SPDX-License-Identifier: MIT */
/*
 * replay_events.h - which rows are published, counted by topic, as frames (replay_frame.h) in a
 * buffer.
 */
#ifndef WI_CLI_REPLAY_EVENTS_H
#define WI_CLI_REPLAY_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain.h"
#include "replay_options.h"
#include "topics.h"

struct wi_replay_topic {
	bool wanted, told; /* told: its frame is in the buffer, or was */
	uint32_t number;   /* then */
	uint64_t count;    /* of events */
};

struct wi_replay_events {
	const struct wi_replay_options *options;
	struct wi_topics names;
	struct wi_replay_topic *topics; /* as names.entries */
	uint32_t topic_capacity, told_count;
	uint64_t count;               /* of events, in all */
	struct wi_replay_topic *last; /* that of the last one */
	char *bytes;
	size_t used, size;
};

void wi_replay_events_init(struct wi_replay_events *events,
			   const struct wi_replay_options *options);
void wi_replay_events_fini(struct wi_replay_events *events);

/*
 * *ret_taken: whether the row is one to be published. Its frame is then behind those in the
 * buffer, or with options->dry_run only counted. False: no memory.
 */
bool wi_replay_events_take(struct wi_replay_events *events, const struct wi_row *row,
			   bool *ret_taken);

/* The last one, which is alone in the buffer, is not to be published after all. */
void wi_replay_events_drop(struct wi_replay_events *events);

#endif
