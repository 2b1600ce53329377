/* SPDX-License-Identifier: MIT */
/*
 * payload.h - an event's payload as JSON, and what a path finds in the event.
 *
 * A path's first word is one of the event's own names (topic, time, data, result, error, code, actor,
 * user_id, phase, operation), if the event has that; else the path is looked for in data, then in
 * result. Of an envelope, data and result are what the service gave; of any other JSON, data is all
 * of it. Of "weir.failed.deliver" and "weir.gap", data is an object with what their structs say.
 */
#ifndef WI_NOTIFY_PAYLOAD_H
#define WI_NOTIFY_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

#include "text/timestamp.h"
#include "value.h"

enum wi_payload_kind {
	WI_PAYLOAD_NONE,
	WI_PAYLOAD_JSON,        /* also an envelope, as weir_envelope_json() shows it */
	WI_PAYLOAD_TEXT,        /* UTF-8 without a 0: as a string */
	WI_PAYLOAD_BYTES        /* as a string of base64 */
};

enum { WI_PAYLOAD_NAMES_MAX = 20 };

struct wi_payload_name {
	const char *name;
	struct wi_json_text value;
};

struct wi_payload {
	enum wi_payload_kind kind;
	bool envelope, own;             /* own: of weir itself */
	const void *bytes;              /* the event's */
	uint32_t size;
	char *text;                     /* as JSON, with a 0 behind; "" if there is none */
	size_t text_size;
	bool data_shown;                /* data is no base64 */
	struct wi_payload_name names[WI_PAYLOAD_NAMES_MAX];
	uint32_t name_count;
	char topic[260], time[WI_TIMESTAMP_SIZE + 2];
};

/* The names of topics, for failures; may be NULL. */
struct wi_payload_topics {
	const char *(*name)(void *context, weir_topic topic);
	void *context;
};

/* False: no memory. The event and the payload stay where they are until wi_payload_close(). */
bool wi_payload_open(struct wi_payload *payload, const weir_event *event, const char *topic,
                     const struct wi_payload_topics *topics);
void wi_payload_close(struct wi_payload *payload);

/* One more of its own names; value: JSON that stays. An absent one is not added. */
void wi_payload_add(struct wi_payload *payload, const char *name, struct wi_json_text value);

struct wi_json_text wi_payload_own(const struct wi_payload *payload, const char *name, size_t size);
struct wi_json_text wi_payload_find(const struct wi_payload *payload, const char *path, size_t size);

/* Words with dots between them, none empty; no space, quote, brace, comma or backslash. */
bool wi_path_valid(const char *path, size_t size);

#endif
