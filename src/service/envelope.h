/* SPDX-License-Identifier: MIT */
/*
 * envelope.h - the bytes of an envelope, version 1: docs/api/envelope.md.
 *
 * A header; data and result, filled up with zeros to a multiple of 16; error, actor and user_id, filled up
 * to a multiple of 8, by at least one zero, unless they are empty. Numbers are little-endian.
 */
#ifndef WI_SERVICE_ENVELOPE_H
#define WI_SERVICE_ENVELOPE_H

#include <endian.h>
#include <string.h>

#include <weir/service.h>

struct wi_envelope_header {
	uint32_t magic;
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

/* 0x95 'W' 'E' 'V'; the first byte is no beginning of UTF-8 text. */
#define WI_ENVELOPE_MAGIC 0x56455795u

static inline uint64_t
wi_envelope_round(uint32_t size)
{
	return ((uint64_t)size + 15) & ~15ull;
}

static inline uint64_t
wi_envelope_text_room(uint32_t size)
{
	return size ? ((uint64_t)size + 8) & ~7ull : 0;
}

static inline uint64_t
wi_envelope_word(uint32_t low, uint32_t high)
{
	return htole64(low | (uint64_t)high << 32);
}

#endif
