/* SPDX-License-Identifier: MIT */
/* replay_events.c - see replay_events.h. */
#include "replay_events.h"

#include "core/pattern.h"
#include "replay_frame.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE_FIRST = 512 << 10 };

void
wi_replay_events_init(struct wi_replay_events *events, const struct wi_replay_options *options)
{
	*events = (struct wi_replay_events){.options = options};
	wi_topics_init(&events->names, NULL);
}

void
wi_replay_events_fini(struct wi_replay_events *events)
{
	wi_topics_fini(&events->names);
	free(events->topics);
	free(events->bytes);
}

static bool
is_wanted(const struct wi_replay_options *options, const char *topic)
{
	for (size_t i = 0; i < options->pattern_count; i++)
		if (wi_pattern_matches(options->patterns[i], topic))
			return !wi_name_own(topic);
	return options->pattern_count == 0 && !wi_name_own(topic);
}

/* NULL: no memory. */
static struct wi_replay_topic *
find_topic(struct wi_replay_events *events, const struct wi_row *row)
{
	uint32_t before = events->names.count, index;
	struct wi_replay_topic *topics;

	if (wi_topics_find(&events->names, row->topic, row->topic_size, &index) != WEIR_OK)
		return NULL;
	if (events->names.count > events->topic_capacity) {
		topics = realloc(events->topics, events->names.capacity * sizeof(*topics));
		if (topics == NULL)
			return NULL;
		events->topics = topics;
		events->topic_capacity = events->names.capacity;
	}
	if (events->names.count > before)
		events->topics[index] = (struct wi_replay_topic){
			.wanted = is_wanted(events->options, events->names.entries[index].name)};
	return &events->topics[index];
}

static bool
make_room(struct wi_replay_events *events, size_t size)
{
	size_t need = events->used + size;
	size_t whole = events->size > 0 ? events->size : SIZE_FIRST;
	char *bytes;

	if (need <= events->size)
		return true;
	while (whole < need)
		whole *= 2;
	bytes = realloc(events->bytes, whole);
	if (bytes == NULL)
		return false;
	events->bytes = bytes;
	events->size = whole;
	return true;
}

static void
put(struct wi_replay_events *events, const void *bytes, size_t size)
{
	if (size > 0)
		memcpy(events->bytes + events->used, bytes, size);
	events->used += size;
}

static void
put_topic(struct wi_replay_events *events, struct wi_replay_topic *topic, const struct wi_row *row)
{
	const struct wi_replay_head head = {.size = row->topic_size, .kind = WI_REPLAY_TOPIC};

	topic->told = true;
	topic->number = events->told_count++;
	put(events, &head, sizeof(head));
	put(events, row->topic, row->topic_size);
}

static void
put_event(struct wi_replay_events *events, const struct wi_replay_topic *topic,
	  const struct wi_row *row)
{
	struct wi_replay_event event = {.number = row->seq,
					.time = row->time,
					.key = row->has_key ? row->key : 0,
					.topic = topic->number};
	const struct wi_replay_head head = {.size = (uint32_t)sizeof(event) + row->size,
					    .kind = WI_REPLAY_EVENT};

	if (row->has_key)
		event.flags |= WI_REPLAY_HAS_KEY;
	if (row->has_trace) {
		event.flags |= WI_REPLAY_HAS_TRACE;
		memcpy(event.trace, row->trace, sizeof(event.trace));
	}
	put(events, &head, sizeof(head));
	put(events, &event, sizeof(event));
	put(events, row->payload, row->size);
}

bool
wi_replay_events_take(struct wi_replay_events *events, const struct wi_row *row, bool *ret_taken)
{
	const struct wi_replay_options *options = events->options;
	struct wi_replay_topic *topic;

	*ret_taken = false;
	if (row->kind != WI_ROW_EVENT || row->time < options->from || row->time > options->to)
		return true;
	topic = find_topic(events, row);
	if (topic == NULL)
		return false;
	if (!topic->wanted)
		return true;
	if (!options->dry_run) {
		if (!make_room(events, 2 * sizeof(struct wi_replay_head) + row->topic_size +
					       sizeof(struct wi_replay_event) + row->size))
			return false;
		if (!topic->told)
			put_topic(events, topic, row);
		put_event(events, topic, row);
	}
	topic->count++;
	events->count++;
	events->last = topic;
	*ret_taken = true;
	return true;
}

void
wi_replay_events_drop(struct wi_replay_events *events)
{
	events->last->count--;
	events->count--;
	events->used = 0;
}
