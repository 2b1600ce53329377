/* SPDX-License-Identifier: MIT */
/* replay.c - see replay.h. */
#include "replay.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay_frame.h"

enum { TIMEOUT_S = 30, NAME_SIZE_MAX = 255 };

struct wi_replay {
	struct weir_host *host;
	weir_producer *producer;
	weir_origin origin; /* of the last event */
	uint64_t timeout_ns;
	uint32_t size_max; /* of a frame's body */
	uint64_t published;
	weir_topic *topics;
	uint32_t topic_count, topic_capacity;
	bool (*stop)(void *context);
	void *stop_context;
	bool ended;    /* the host does, and has not given leave */
	char *problem; /* where the call that is under way wants it */
};

static bool __attribute__((format(printf, 2, 3)))
refuse(const struct wi_replay *replay, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(replay->problem, WI_SECTIONS_PROBLEM_SIZE, format, arguments);
	va_end(arguments);
	return false;
}

static bool
is_stopped(const void *context)
{
	const struct wi_replay *replay = context;

	return atomic_load(&replay->host->ending) ||
	       (replay->stop != NULL && replay->stop(replay->stop_context));
}

/* -- frames ---------------------------------------------------------------------- */

static bool
make_room(struct wi_replay *replay)
{
	uint32_t capacity = replay->topic_capacity > 0 ? 2 * replay->topic_capacity : 64;
	weir_topic *topics;

	if (replay->topic_count < replay->topic_capacity)
		return true;
	topics = realloc(replay->topics, capacity * sizeof(*topics));
	if (topics == NULL)
		return refuse(replay, "%s", weir_status_text(WEIR_ENOMEM));
	replay->topics = topics;
	replay->topic_capacity = capacity;
	return true;
}

static bool
take_topic(struct wi_replay *replay, const char *bytes, uint32_t size)
{
	char name[NAME_SIZE_MAX + 1];
	weir_status status;

	if (size == 0 || size >= sizeof(name) || memchr(bytes, '\0', size) != NULL)
		return refuse(replay, "a topic's name has 1 to 255 bytes, and none of them is 0");
	if (replay->topic_count == WI_REPLAY_TOPIC_MAX)
		return refuse(replay, "more than %d topics", WI_REPLAY_TOPIC_MAX);
	memcpy(name, bytes, size);
	name[size] = '\0';
	if (!make_room(replay))
		return false;
	status = weir_topic_open(replay->host->bus, name, &replay->topics[replay->topic_count]);
	if (status != WEIR_OK)
		return refuse(replay, "topic %.80s: %s", name, weir_status_text(status));
	replay->topic_count++;
	return true;
}

/* Waits for room, as long as somebody wants it. */
static weir_status
publish(const struct wi_replay *replay, const struct wi_replay_event *event, const void *payload,
	uint32_t size)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_status status;
	weir_trace trace;

	memcpy(&trace, event->trace, sizeof(trace));
	attributes.flags = WEIR_ATTRIBUTE_REPLAYED | WEIR_ATTRIBUTE_TIME |
			   (event->flags & WI_REPLAY_HAS_KEY ? WEIR_ATTRIBUTE_KEY : 0);
	attributes.time = event->time;
	attributes.key = event->key;
	attributes.trace = event->flags & WI_REPLAY_HAS_TRACE ? &trace : NULL;
	attributes.origin = &replay->origin;
	do
		status = weir_publish_wait(replay->producer, replay->topics[event->topic],
					   &attributes, payload, size, WI_HOST_SLICE_NS);
	while (status == WEIR_ETIMEDOUT && !is_stopped(replay));
	return status;
}

static bool
take_event(struct wi_replay *replay, const char *bytes, uint32_t size)
{
	struct wi_replay_event event;
	uint64_t before = replay->origin.number;
	weir_status status;

	if (size < sizeof(event))
		return refuse(replay, "an event's frame has at least %zu bytes", sizeof(event));
	memcpy(&event, bytes, sizeof(event));
	if ((event.flags & ~(WI_REPLAY_HAS_KEY | WI_REPLAY_HAS_TRACE)) != 0 || event.zero[0] != 0 ||
	    event.zero[1] != 0)
		return refuse(replay, "an event says what this version does not know");
	if (event.topic >= replay->topic_count)
		return refuse(replay, "there is no topic %" PRIu32 " yet", event.topic);
	if (event.number <= before)
		return refuse(replay, "row %" PRIu64 " comes after row %" PRIu64, event.number,
			      before);
	replay->origin.number = event.number;
	status = publish(replay, &event, bytes + sizeof(event), size - (uint32_t)sizeof(event));
	replay->published += status == WEIR_OK;
	if (status == WEIR_OK)
		return true;
	replay->origin.number = before;
	if (status == WEIR_ETIMEDOUT)
		return refuse(replay, "row %" PRIu64 ": no room in the ring, and the host ends",
			      event.number);
	return refuse(replay, "row %" PRIu64 ": %s", event.number, weir_status_text(status));
}

/* A bus that is disabled takes events, and discards them. */
static bool
is_published(const struct wi_replay *replay)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;
	weir_status status = weir_producer_get_counts(replay->producer, &counts);

	return status == WEIR_OK && counts.committed == replay->published;
}

static bool
take_flush(struct wi_replay *replay, uint32_t size)
{
	weir_bus_counts bus = WEIR_BUS_COUNTS_INIT;
	weir_status status;

	if (size != 0)
		return refuse(replay, "a flush has no body");
	/* Nothing is published meanwhile. */
	wi_host_end_replay(replay->host);
	status = wi_host_flush(replay->host, replay->timeout_ns, is_stopped, replay);
	if (!wi_host_begin_replay(replay->host)) {
		replay->ended = true;
		return refuse(replay, "the host ends");
	}
	if (status == WEIR_OK && is_published(replay))
		return true;
	if (status == WEIR_OK)
		return refuse(replay, "events were discarded: the bus is disabled");
	weir_bus_get_counts(replay->host->bus, &bus, NULL, NULL, NULL);
	return refuse(replay, "%s; events not yet through all pools: %" PRIu64,
		      weir_status_text(status), bus.in_flight);
}

static bool
check_head(const struct wi_replay *replay, const struct wi_replay_head *head)
{
	if (head->kind < WI_REPLAY_TOPIC || head->kind > WI_REPLAY_FLUSH)
		return refuse(replay, "there is no kind of frame %" PRIu32, head->kind);
	if (head->size > replay->size_max)
		return refuse(replay,
			      "a frame of %" PRIu32 " bytes behind row %" PRIu64
			      ": this host takes at most %" PRIu32 " (a quarter of its ring_size)",
			      head->size, replay->origin.number, replay->size_max);
	return true;
}

static bool
take_frame(struct wi_replay *replay, const struct wi_replay_head *head, const char *body)
{
	if (head->kind == WI_REPLAY_EVENT)
		return take_event(replay, body, head->size);
	return head->kind == WI_REPLAY_TOPIC ? take_topic(replay, body, head->size)
					     : take_flush(replay, head->size);
}

enum wi_replay_result
wi_replay_take(struct wi_replay *replay, const void *bytes, size_t size, size_t *ret_used,
	       uint64_t *ret_through, char problem[WI_SECTIONS_PROBLEM_SIZE])
{
	const char *at = bytes, *end = at + size;
	enum wi_replay_result result = WI_REPLAY_MORE;
	struct wi_replay_head head;

	replay->problem = problem;
	replay->ended = !wi_host_begin_replay(replay->host);
	if (replay->ended) {
		refuse(replay, "the host ends");
		result = WI_REPLAY_REFUSED;
	}
	while (result == WI_REPLAY_MORE && (size_t)(end - at) >= sizeof(head)) {
		memcpy(&head, at, sizeof(head));
		if (!check_head(replay, &head))
			result = WI_REPLAY_REFUSED;
		else if ((size_t)(end - at) - sizeof(head) < head.size)
			break;
		else if (!take_frame(replay, &head, at + sizeof(head)))
			result = WI_REPLAY_REFUSED;
		else if (head.kind == WI_REPLAY_FLUSH)
			result = WI_REPLAY_THROUGH;
		at += result != WI_REPLAY_REFUSED ? sizeof(head) + head.size : 0;
	}
	if (!replay->ended)
		wi_host_end_replay(replay->host);
	*ret_used = (size_t)(at - (const char *)bytes);
	*ret_through = replay->origin.number;
	return result;
}

/* -- life ------------------------------------------------------------------------ */

static bool
read_id(const char *text, uint8_t id[16])
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(text) != 32)
		return false;
	memset(id, 0, 16);
	for (size_t i = 0; i < 32; i++) {
		const char *digit = strchr(digits, text[i]);

		if (digit == NULL)
			return false;
		id[i / 2] = (uint8_t)(id[i / 2] << 4 | (digit - digits));
	}
	return true;
}

bool
wi_replay_open(struct weir_host *host, const char *journal, uint64_t timeout_ns,
	       struct wi_replay **ret_replay, char problem[WI_SECTIONS_PROBLEM_SIZE])
{
	weir_producer_options options = WEIR_PRODUCER_OPTIONS_INIT;
	struct wi_replay *replay = calloc(1, sizeof(*replay));
	uint64_t size_max;
	weir_status status = WEIR_ENOMEM;

	options.name = "replay";
	if (replay != NULL && !read_id(journal, replay->origin.id)) {
		snprintf(problem, WI_SECTIONS_PROBLEM_SIZE,
			 "\"journal\" must be the id of a journal, 32 digits of 0-9 a-f");
		free(replay);
		return false;
	}
	if (replay != NULL)
		status = weir_producer_open(host->bus, &options, &replay->producer);
	if (status != WEIR_OK) {
		snprintf(problem, WI_SECTIONS_PROBLEM_SIZE, "%s", weir_status_text(status));
		free(replay);
		return false;
	}
	replay->host = host;
	replay->timeout_ns = timeout_ns > 0 ? timeout_ns : TIMEOUT_S * WI_HOST_S;
	size_max =
		weir_producer_payload_size_max(replay->producer) + sizeof(struct wi_replay_event);
	replay->size_max =
		(uint32_t)(size_max < WI_REPLAY_FRAME_MAX ? size_max : WI_REPLAY_FRAME_MAX);
	*ret_replay = replay;
	return true;
}

void
wi_replay_close(struct wi_replay *replay)
{
	if (replay == NULL)
		return;
	weir_producer_close(replay->producer);
	free(replay->topics);
	free(replay);
}

void
wi_replay_stop_by(struct wi_replay *replay, bool (*stop)(void *context), void *context)
{
	replay->stop = stop;
	replay->stop_context = context;
}
