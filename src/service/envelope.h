/* SPDX-License-Identifier: MIT */
/*
 * envelope.h - the bytes of an envelope, version 1: docs/api/envelope.md.
 *
 * A header, data and result (each from a multiple of 16 on, zeros in between), then error, actor and
 * user_id, each with a 0 behind it unless it is empty. Numbers are little-endian.
 */
#ifndef WI_SERVICE_ENVELOPE_H
#define WI_SERVICE_ENVELOPE_H

#include <endian.h>
#include <string.h>

#include <weir/service.h>

struct wi_envelope_header {
	uint8_t magic[4];
	uint8_t version, phase;
	uint16_t header_size;           /* of this struct, as who wrote it knew it */
	uint64_t id, parent, time;
	uint8_t trace_id[16];           /* zeros: none */
	uint8_t trace_flags, data_type, result_type, zero;
	uint32_t code;
	uint32_t data_size, result_size, error_size, actor_size, user_id_size;
	uint32_t zero_end;
};

_Static_assert(sizeof(struct wi_envelope_header) == 80, "the header is a format");

/* The first byte is no beginning of UTF-8 text. */
#define WI_ENVELOPE_MAGIC { 0x95, 'W', 'E', 'V' }

static inline uint64_t
wi_envelope_round(uint32_t size)
{
	return ((uint64_t)size + 15) & ~15ull;
}

static inline uint64_t
wi_envelope_text_room(uint32_t size)
{
	return size ? (uint64_t)size + 1 : 0;
}

/* What its parts take. */
static inline uint64_t
wi_envelope_size(const weir_envelope *envelope)
{
	return sizeof(struct wi_envelope_header) + wi_envelope_round(envelope->data.size) +
	       wi_envelope_round(envelope->result.size) + wi_envelope_text_room(envelope->error_size) +
	       wi_envelope_text_room(envelope->actor_size) +
	       wi_envelope_text_room(envelope->user_id_size);
}

static inline unsigned char *
wi_envelope_put_content(unsigned char *at, const weir_content *content)
{
	uint64_t room = wi_envelope_round(content->size);

	if (!room)
		return at;
	memset(at + room - 16, 0, 16);
	memcpy(at, content->bytes, content->size);
	return at + room;
}

static inline unsigned char *
wi_envelope_put_text(unsigned char *at, const char *text, uint32_t size)
{
	if (!size)
		return at;
	memcpy(at, text, size);
	at[size] = '\0';
	return at + size + 1;
}

/*
 * Writes wi_envelope_size() bytes; `bytes` is 16-aligned. envelope->size, version and trace.span_id
 * are not looked at.
 */
static inline void
wi_envelope_write(const weir_envelope *envelope, void *bytes)
{
	struct wi_envelope_header header = {
		.magic = WI_ENVELOPE_MAGIC,
		.version = WEIR_ENVELOPE_VERSION,
		.phase = (uint8_t)envelope->phase,
		.header_size = htole16(sizeof header),
		.id = htole64(envelope->id),
		.parent = htole64(envelope->parent),
		.time = htole64(envelope->time),
		.data_type = (uint8_t)envelope->data.type,
		.result_type = (uint8_t)envelope->result.type,
		.code = htole32((uint32_t)envelope->code),
		.data_size = htole32(envelope->data.size),
		.result_size = htole32(envelope->result.size),
		.error_size = htole32(envelope->error_size),
		.actor_size = htole32(envelope->actor_size),
		.user_id_size = htole32(envelope->user_id_size),
	};
	unsigned char *at = (unsigned char *)bytes + sizeof header;

	if (envelope->traced) {
		memcpy(header.trace_id, envelope->trace.trace_id, sizeof header.trace_id);
		header.trace_flags = envelope->trace.flags;
	}
	memcpy(bytes, &header, sizeof header);
	at = wi_envelope_put_content(at, &envelope->data);
	at = wi_envelope_put_content(at, &envelope->result);
	at = wi_envelope_put_text(at, envelope->error, envelope->error_size);
	at = wi_envelope_put_text(at, envelope->actor, envelope->actor_size);
	wi_envelope_put_text(at, envelope->user_id, envelope->user_id_size);
}

#endif
