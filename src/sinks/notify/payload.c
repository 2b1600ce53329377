/* SPDX-License-Identifier: MIT */
/* payload.c - see payload.h. Text is made twice: first to know how long it is. */
#include "payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/service.h>

#include "core/pattern.h"
#include "service/json_out.h"

/* -- bytes as JSON ---------------------------------------------------------- */

/* There is room for a 0 behind what `out` may hold. */
static void
write_envelope(struct wi_json_out *out, const weir_envelope *envelope)
{
	bool room = out->used < out->size;

	out->used += weir_envelope_json(envelope, room ? out->buffer + out->used : NULL,
	                                room ? out->size - out->used + 1 : 0);
}

static enum wi_payload_kind
write_bytes(struct wi_json_out *out, const void *bytes, size_t size, bool *ret_envelope)
{
	weir_envelope envelope = WEIR_ENVELOPE_INIT;
	struct wi_json_out before = *out;

	if (weir_envelope_open(bytes, size, &envelope) == WEIR_OK) {
		write_envelope(out, &envelope);
		*ret_envelope = true;
		return WI_PAYLOAD_JSON;
	}
	if (wi_json_out_value(out, bytes, size))
		return WI_PAYLOAD_JSON;
	*out = before;
	if (!memchr(bytes, '\0', size) && wi_json_is_utf8(bytes, size)) {
		wi_json_out_string(out, bytes, size);
		return WI_PAYLOAD_TEXT;
	}
	wi_json_out_base64(out, bytes, size);
	return WI_PAYLOAD_BYTES;
}

/* -- what weir itself publishes --------------------------------------------- */

static const char *
code_text(int32_t code)
{
	switch (code) {
	case WEIR_CODE_UNWOUND: return "the handler's thread was ended in it";
	case WEIR_CODE_EXCEPTION: return "an exception left the handler";
	default: return NULL;
	}
}

static void
write_topic(struct wi_json_out *out, uint32_t id, const struct wi_payload_topics *topics)
{
	const char *name = topics && topics->name && id ?
	                           topics->name(topics->context, (weir_topic){ id }) : NULL;

	if (!name)
		return;
	wi_json_out_print(out, ",\"topic\":");
	wi_json_out_string(out, name, strlen(name));
}

static bool
write_failure(struct wi_json_out *out, const unsigned char *bytes, uint32_t size,
              const struct wi_payload_topics *topics)
{
	weir_failure failure;
	bool envelope;

	if (size < sizeof failure)
		return false;
	memcpy(&failure, bytes, sizeof failure);
	if (failure.size < sizeof failure || failure.size > size ||
	    failure.payload_copied > size - failure.size)
		return false;
	wi_json_out_print(out, "{\"code\":%" PRId32 ",\"count\":%" PRIu64, failure.code, failure.count);
	if (code_text(failure.code))
		wi_json_out_print(out, ",\"error\":\"%s\"", code_text(failure.code));
	write_topic(out, failure.topic, topics);
	wi_json_out_print(out, ",\"subscription\":%" PRIu64 ",\"source\":%" PRIu32 ",\"sequence\":%" PRIu64,
	      failure.subscription, failure.source, failure.sequence);
	wi_json_out_print(out, ",\"payload_size\":%" PRIu32, failure.payload_size);
	if (failure.payload_size && failure.payload_copied == failure.payload_size) {
		wi_json_out_print(out, ",\"payload\":");
		write_bytes(out, bytes + failure.size, failure.payload_size, &envelope);
	}
	wi_json_out_print(out, "}");
	return true;
}

static bool
write_gap(struct wi_json_out *out, const unsigned char *bytes, uint32_t size)
{
	weir_gap gap;

	if (size < sizeof gap)
		return false;
	memcpy(&gap, bytes, sizeof gap);
	wi_json_out_print(out, "{\"source\":%" PRIu32 ",\"sequence_first\":%" PRIu64 ",\"sequence_last\":%" PRIu64,
	      gap.source, gap.sequence_first, gap.sequence_last);
	wi_json_out_print(out, ",\"count\":%" PRIu64 "}", gap.sequence_last - gap.sequence_first + 1);
	return true;
}

/* -- all of it -------------------------------------------------------------- */

static void
write_payload(struct wi_payload *payload, struct wi_json_out *out, const char *topic,
              const struct wi_payload_topics *topics)
{
	payload->own = strcmp(topic, "weir.failed.deliver") == 0 ?
	                       write_failure(out, payload->bytes, payload->size, topics) :
	               strcmp(topic, "weir.gap") == 0 ?
	                       write_gap(out, payload->bytes, payload->size) : false;
	if (payload->own)
		payload->kind = WI_PAYLOAD_JSON;
	else if (payload->size)
		payload->kind = write_bytes(out, payload->bytes, payload->size, &payload->envelope);
}

void
wi_payload_add(struct wi_payload *payload, const char *name, struct wi_json_text value)
{
	if (value.at && payload->name_count < WI_PAYLOAD_NAMES_MAX)
		payload->names[payload->name_count++] = (struct wi_payload_name){ name, value };
}

static void
add_envelope(struct wi_payload *payload)
{
	static const char *const members[][2] = {
		{ "data", "data" }, { "result", "result" }, { "phase", "phase" }, { "operation", "id" },
		{ "actor", "actor" }, { "user_id", "user_id" }, { "error", "error.text" },
		{ "code", "error.code" },
	};
	struct wi_json_text whole = { payload->text, payload->text_size };

	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		wi_payload_add(payload, members[i][0],
		               wi_value_walk(whole, members[i][1], strlen(members[i][1])));
	payload->data_shown = !wi_value_is(wi_value_step(whole, "data_type", 9), "bytes", 5);
}

bool
wi_payload_open(struct wi_payload *payload, const weir_event *event, const char *topic,
                const struct wi_payload_topics *topics)
{
	struct wi_json_out out = { NULL, 0, 0 };
	char time[WI_TIMESTAMP_SIZE];

	memset(payload, 0, sizeof *payload);
	payload->bytes = weir_event_data(event);
	payload->size = event->size;
	write_payload(payload, &out, topic, topics);
	payload->text = malloc(out.used + 1);
	if (!payload->text)
		return false;
	out = (struct wi_json_out){ payload->text, out.used, 0 };
	write_payload(payload, &out, topic, topics);
	payload->text[out.used] = '\0';
	payload->text_size = out.used;

	/* A name needs no escapes. */
	if (wi_name_valid(topic)) {
		snprintf(payload->topic, sizeof payload->topic, "\"%s\"", topic);
		wi_payload_add(payload, "topic",
		               (struct wi_json_text){ payload->topic, strlen(payload->topic) });
	}
	if (event->time) {
		wi_timestamp_format(event->time, time);
		snprintf(payload->time, sizeof payload->time, "\"%s\"", time);
		wi_payload_add(payload, "time",
		               (struct wi_json_text){ payload->time, strlen(payload->time) });
	}
	if (payload->envelope) {
		add_envelope(payload);
	} else if (payload->kind != WI_PAYLOAD_NONE) {
		wi_payload_add(payload, "data", (struct wi_json_text){ payload->text, payload->text_size });
		payload->data_shown = payload->kind != WI_PAYLOAD_BYTES;
	}
	return true;
}

void
wi_payload_close(struct wi_payload *payload)
{
	free(payload->text);
}

/* -- paths ------------------------------------------------------------------ */

struct wi_json_text
wi_payload_own(const struct wi_payload *payload, const char *name, size_t size)
{
	for (uint32_t i = 0; i < payload->name_count; i++)
		if (strlen(payload->names[i].name) == size &&
		    memcmp(payload->names[i].name, name, size) == 0)
			return payload->names[i].value;
	return (struct wi_json_text){ NULL, 0 };
}

struct wi_json_text
wi_payload_find(const struct wi_payload *payload, const char *path, size_t size)
{
	const char *dot = memchr(path, '.', size);
	size_t first = dot ? (size_t)(dot - path) : size, rest = dot ? first + 1 : first;
	struct wi_json_text found;

	found = wi_value_walk(wi_payload_own(payload, path, first), path + rest, size - rest);
	if (!found.at)
		found = wi_value_walk(wi_payload_own(payload, "data", 4), path, size);
	if (!found.at)
		found = wi_value_walk(wi_payload_own(payload, "result", 6), path, size);
	return found;
}

bool
wi_path_valid(const char *path, size_t size)
{
	if (size == 0 || path[0] == '.' || path[size - 1] == '.')
		return false;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)path[i] <= ' ' || strchr("\"{},\\", path[i]) ||
		    (path[i] == '.' && path[i + 1] == '.'))
			return false;
	return true;
}
