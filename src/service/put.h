/* SPDX-License-Identifier: MIT */
/*
 * put.h - little pieces written with few stores.
 *
 * While the ring's lines are on their way from another processor, stores wait in a queue that is short: what
 * an event costs then is how many there are. So pieces are put together in registers.
 */
#ifndef WI_SERVICE_PUT_H
#define WI_SERVICE_PUT_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define WI_PUT_INLINE static inline __attribute__((always_inline))

typedef uint64_t wi_pair __attribute__((vector_size(16)));

WI_PUT_INLINE void
wi_put_pair(unsigned char *at, uint64_t first, uint64_t second)
{
	wi_pair pair = { first, second };

	memcpy(at, &pair, sizeof pair);
}

WI_PUT_INLINE uint64_t
wi_load_8(const unsigned char *from)
{
	uint64_t word;

	memcpy(&word, from, sizeof word);
	return word;
}

/* 1 to 8 bytes, those behind them zeros, as they lie in memory. */
WI_PUT_INLINE uint64_t
wi_load_few(const unsigned char *from, uint32_t size)
{
	uint32_t first, last;

	if (size == 8)
		return wi_load_8(from);
	if (size >= 4) {
		memcpy(&first, from, 4);
		memcpy(&last, from + size - 4, 4);
		return htole64(le32toh(first) | (uint64_t)le32toh(last) << 8 * (size - 4));
	}
	return htole64((uint64_t)from[0] | (uint64_t)from[size / 2] << 8 * (size / 2) |
	               (uint64_t)from[size - 1] << 8 * (size - 1));
}

/* Up to 8 bytes behind `size` - 8 others that are there, too: the last ones, moved to the front. */
WI_PUT_INLINE uint64_t
wi_load_rest(const unsigned char *from, uint32_t size, uint32_t rest)
{
	return rest ? htole64(le64toh(wi_load_8(from + size - 8)) >> 8 * (8 - rest)) : 0;
}

/* What follows is zeros up to a multiple of 16. Where the next piece begins. */
WI_PUT_INLINE unsigned char *
wi_put_content(unsigned char *at, const void *bytes, uint32_t size)
{
	const unsigned char *from = bytes;
	uint32_t rest = size & 15;
	wi_pair pair;

	if (size > 128) {
		memcpy(at, from, size - rest);
		at += size - rest;
		from += size - rest;
	} else {
		for (uint32_t left = size; left >= 16; left -= 16, at += 16, from += 16) {
			memcpy(&pair, from, sizeof pair);
			memcpy(at, &pair, sizeof pair);
		}
	}
	if (!rest)
		return at;
	if (rest <= 8)
		wi_put_pair(at, wi_load_few(from, rest), 0);
	else
		wi_put_pair(at, wi_load_8(from), wi_load_rest(from, rest, rest - 8));
	return at + 16;
}

/* The same up to a multiple of 8, with one zero at least, if it is not empty. */
WI_PUT_INLINE unsigned char *
wi_put_text(unsigned char *at, const char *text, uint32_t size)
{
	const unsigned char *from = (const unsigned char *)text;
	uint32_t rest = size & 7;
	uint64_t word;

	if (!size)
		return at;
	if (size < 8) {
		word = wi_load_few(from, size);
	} else {
		if (size > 64) {
			memcpy(at, from, size - rest);
			at += size - rest;
		} else {
			for (uint32_t left = size; left >= 8; left -= 8, at += 8, from += 8) {
				word = wi_load_8(from);
				memcpy(at, &word, sizeof word);
			}
		}
		word = wi_load_rest((const unsigned char *)text, size, rest);
	}
	memcpy(at, &word, sizeof word);
	return at + 8;
}

#endif
