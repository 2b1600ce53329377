/* SPDX-License-Identifier: MIT */
/* tape.h - the events that one producer will publish, one behind the other in memory. */
#ifndef WI_CLI_TAPE_H
#define WI_CLI_TAPE_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

struct wi_event_line;
struct wi_tape_chunk;

struct wi_tape {
	struct wi_tape_chunk *first, *last;
	uint64_t event_count;
};

struct wi_tape_event {
	weir_topic topic;
	uint32_t topic_index; /* into struct wi_topics */
	uint32_t size;
	const void *data;
	weir_attributes attributes;
};

struct wi_tape_cursor {
	const struct wi_tape_chunk *chunk;
	uint32_t offset;
};

/* A zeroed tape is an empty one. */
void wi_tape_fini(struct wi_tape *tape);

/* False: out of memory. */
bool wi_tape_append(struct wi_tape *tape, weir_topic topic, uint32_t topic_index,
		    const struct wi_event_line *line);

struct wi_tape_cursor wi_tape_begin(const struct wi_tape *tape);

/* False at the end. What ret_event points to belongs to the tape. */
bool wi_tape_next(struct wi_tape_cursor *cursor, struct wi_tape_event *ret_event);

#endif
