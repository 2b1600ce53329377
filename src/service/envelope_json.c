/* SPDX-License-Identifier: MIT */
/* envelope_json.c - an envelope as a JSON object: docs/api/envelope.md. Needs nothing of the bus. */
#include <endian.h>
#include <string.h>

#include <weir/service.h>

#include "json_out.h"
#include "text/timestamp.h"
#include "text/traceparent.h"

/* The bytes of a span id, as a traceparent has them. */
static void
print_id(struct wi_json_out *out, const char *name, uint64_t id)
{
	wi_json_out_print(out, ",\"%s\":\"%016llx\"", name, (unsigned long long)htobe64(htole64(id)));
}

static void
print_text(struct wi_json_out *out, const char *name, const char *text, uint32_t size)
{
	if (!size)
		return;
	wi_json_out_print(out, ",\"%s\":", name);
	wi_json_out_string(out, text, size);
}

static void
print_content(struct wi_json_out *out, const char *name, const weir_content *content)
{
	struct wi_json_out before = *out;
	const char *text = content->bytes;

	if (!content->size)
		return;
	wi_json_out_print(out, ",\"%s_type\":\"json\",\"%s\":", name, name);
	if (content->type == WEIR_CONTENT_JSON && wi_json_out_value(out, text, content->size))
		return;
	*out = before;
	if (content->type != WEIR_CONTENT_BYTES && content->type <= WEIR_CONTENT_JSON &&
	    wi_json_is_utf8(text, content->size)) {
		wi_json_out_print(out, ",\"%s_type\":\"text\",\"%s\":", name, name);
		wi_json_out_string(out, text, content->size);
	} else {
		wi_json_out_print(out, ",\"%s_type\":\"bytes\",\"%s\":", name, name);
		wi_json_out_base64(out, content->bytes, content->size);
	}
}

static void
print_head(struct wi_json_out *out, const weir_envelope *envelope)
{
	static const char *const phases[] = { "before", "after", "failed" };
	char time[WI_TIMESTAMP_SIZE], trace[WI_TRACEPARENT_SIZE];

	wi_json_out_print(out, "{\"version\":%u,\"phase\":\"%s\"", envelope->version, phases[envelope->phase - 1]);
	print_id(out, "id", envelope->id);
	if (envelope->parent)
		print_id(out, "parent", envelope->parent);
	if (envelope->time) {
		wi_timestamp_format(envelope->time, time);
		wi_json_out_print(out, ",\"time\":\"%s\"", time);
	}
	if (envelope->traced) {
		wi_traceparent_format(&envelope->trace, trace);
		wi_json_out_print(out, ",\"trace\":\"%s\"", trace);
	}
}

size_t
weir_envelope_json(const weir_envelope *envelope, char *buffer, size_t size)
{
	struct wi_json_out out = { .buffer = buffer, .size = size ? size - 1 : 0 };

	print_head(&out, envelope);
	print_text(&out, "actor", envelope->actor, envelope->actor_size);
	print_text(&out, "user_id", envelope->user_id, envelope->user_id_size);
	print_content(&out, "data", &envelope->data);
	print_content(&out, "result", &envelope->result);
	if (envelope->phase == WEIR_PHASE_FAILED) {
		wi_json_out_print(&out, ",\"error\":{\"code\":%d", envelope->code);
		print_text(&out, "text", envelope->error, envelope->error_size);
		wi_json_out_raw(&out, "}", 1);
	}
	wi_json_out_raw(&out, "}", 1);
	if (size)
		buffer[out.used < size ? out.used : size - 1] = '\0';
	return out.used;
}
