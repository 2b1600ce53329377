/* SPDX-License-Identifier: MIT */
/*
 * tape.c - records of variable length in chunks of a megabyte.
 *
 * A record: the header below, the trace if there is one, the payload; rounded up to 8 bytes.
 * Read in order and without pointers to follow, so that the dispatch rate is not that of
 * cache misses on the input.
 */
#include "tape.h"

#include "event_line.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 1 << 20, RECORD_ALIGN = 8 };

struct record {
	uint64_t key;
	uint64_t time;
	uint32_t topic;
	uint32_t topic_index;
	uint32_t payload_size;
	uint32_t flags; /* WI_EVENT_LINE_* */
};

struct wi_tape_chunk {
	struct wi_tape_chunk *next;
	uint32_t capacity, used;
	_Alignas(RECORD_ALIGN) char bytes[];
};

static uint32_t
record_size(uint32_t flags, uint32_t payload_size)
{
	uint32_t trace_size = flags & WI_EVENT_LINE_TRACE ? (uint32_t)sizeof(weir_trace) : 0;

	return ((uint32_t)sizeof(struct record) + trace_size + payload_size + RECORD_ALIGN - 1) &
	       ~(uint32_t)(RECORD_ALIGN - 1);
}

void
wi_tape_fini(struct wi_tape *tape)
{
	for (struct wi_tape_chunk *chunk = tape->first, *next; chunk != NULL; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	*tape = (struct wi_tape){0};
}

static bool
add_chunk(struct wi_tape *tape, uint32_t size)
{
	uint32_t capacity = size > CHUNK_SIZE ? size : CHUNK_SIZE;
	struct wi_tape_chunk *chunk = malloc(offsetof(struct wi_tape_chunk, bytes) + capacity);

	if (chunk == NULL)
		return false;
	*chunk = (struct wi_tape_chunk){.capacity = capacity};
	if (tape->last != NULL)
		tape->last->next = chunk;
	else
		tape->first = chunk;
	tape->last = chunk;
	return true;
}

bool
wi_tape_append(struct wi_tape *tape, weir_topic topic, uint32_t topic_index,
	       const struct wi_event_line *line)
{
	struct record record = {
		.key = line->key,
		.time = line->time,
		.topic = topic.id,
		.topic_index = topic_index,
		.payload_size = (uint32_t)line->data_size,
		.flags = line->flags,
	};
	uint32_t size = record_size(record.flags, record.payload_size);
	char *at;

	if ((tape->last == NULL || tape->last->capacity - tape->last->used < size) &&
	    !add_chunk(tape, size))
		return false;
	at = tape->last->bytes + tape->last->used;
	memcpy(at, &record, sizeof(record));
	at += sizeof(record);
	if (record.flags & WI_EVENT_LINE_TRACE) {
		memcpy(at, &line->trace, sizeof(line->trace));
		at += sizeof(line->trace);
	}
	if (record.payload_size > 0)
		memcpy(at, line->data, record.payload_size);
	tape->last->used += size;
	tape->event_count++;
	return true;
}

struct wi_tape_cursor
wi_tape_begin(const struct wi_tape *tape)
{
	return (struct wi_tape_cursor){tape->first, 0};
}

bool
wi_tape_next(struct wi_tape_cursor *cursor, struct wi_tape_event *ret_event)
{
	const struct record *record;
	const char *after;

	while (cursor->chunk != NULL && cursor->offset == cursor->chunk->used)
		*cursor = (struct wi_tape_cursor){cursor->chunk->next, 0};
	if (cursor->chunk == NULL)
		return false;
	record = (const void *)(cursor->chunk->bytes + cursor->offset);
	cursor->offset += record_size(record->flags, record->payload_size);
	after = (const char *)(record + 1);

	ret_event->topic.id = record->topic;
	ret_event->topic_index = record->topic_index;
	ret_event->attributes = wi_event_line_attributes(record->flags, record->key, record->time,
							  (const weir_trace *)after);
	if (record->flags & WI_EVENT_LINE_TRACE)
		after += sizeof(weir_trace);
	ret_event->data = after;
	ret_event->size = record->payload_size;
	return true;
}
