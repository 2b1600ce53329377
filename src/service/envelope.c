/* SPDX-License-Identifier: MIT */
/* envelope.c - see envelope.h; needs nothing of the bus. */
#include "envelope.h"

#include "core/options.h"

/* What is left of the bytes, or that they did not do. */
struct rest {
	const unsigned char *at;
	uint64_t size;
	int bad;
};

static const void *
take(struct rest *rest, uint64_t size)
{
	const unsigned char *at = rest->at;

	if (rest->bad || size > rest->size) {
		rest->bad = 1;
		return "";
	}
	rest->at += size;
	rest->size -= size;
	return at;
}

static weir_content
take_content(struct rest *rest, uint32_t size, uint8_t type)
{
	weir_content content = { .size = le32toh(size), .type = type };

	content.bytes = take(rest, wi_envelope_round(content.size));
	return content;
}

static const char *
take_text(struct rest *rest, uint32_t size, uint32_t *ret_size)
{
	const char *text;

	*ret_size = le32toh(size);
	if (!*ret_size)
		return "";
	text = take(rest, wi_envelope_text_room(*ret_size));
	if (!rest->bad && text[*ret_size])
		rest->bad = 1;
	return text;
}

static int
header_good(const struct wi_envelope_header *header)
{
	return le32toh(header->magic) == WI_ENVELOPE_MAGIC && header->version == WEIR_ENVELOPE_VERSION &&
	       header->phase >= WEIR_PHASE_BEFORE && header->phase <= WEIR_PHASE_FAILED &&
	       le16toh(header->header_size) >= sizeof *header && le16toh(header->header_size) % 16 == 0;
}

static void
take_trace(const struct wi_envelope_header *header, weir_envelope *envelope)
{
	static const uint8_t none[sizeof header->trace_id];

	envelope->traced = memcmp(header->trace_id, none, sizeof none) != 0;
	if (!envelope->traced)
		return;
	memcpy(envelope->trace.trace_id, header->trace_id, sizeof header->trace_id);
	memcpy(envelope->trace.span_id, &header->id, sizeof envelope->trace.span_id);
	envelope->trace.flags = header->trace_flags;
}

weir_status
weir_envelope_open(const void *bytes, size_t size, weir_envelope *ret_envelope)
{
	weir_envelope envelope = WEIR_ENVELOPE_INIT;
	struct wi_envelope_header header;
	struct rest rest = { bytes, size, 0 };

	if (!bytes || !ret_envelope)
		return WEIR_EINVAL;
	if (size < sizeof header)
		return WEIR_ENOENT;
	memcpy(&header, bytes, sizeof header);
	if (!header_good(&header))
		return WEIR_ENOENT;
	take(&rest, le16toh(header.header_size));
	envelope.version = header.version;
	envelope.phase = (weir_phase)header.phase;
	envelope.id = le64toh(header.id);
	envelope.parent = le64toh(header.parent);
	envelope.time = le64toh(header.time);
	envelope.code = (int32_t)le32toh(header.code);
	take_trace(&header, &envelope);
	envelope.data = take_content(&rest, header.data_size, header.data_type);
	envelope.result = take_content(&rest, header.result_size, header.result_type);
	envelope.error = take_text(&rest, header.error_size, &envelope.error_size);
	envelope.actor = take_text(&rest, header.actor_size, &envelope.actor_size);
	envelope.user_id = take_text(&rest, header.user_id_size, &envelope.user_id_size);
	if (rest.bad)
		return WEIR_ENOENT;
	return wi_options_give(ret_envelope, &envelope, sizeof envelope) ? WEIR_OK : WEIR_EINVAL;
}
