/* SPDX-License-Identifier: MIT */
/* clean.c - see clean.h. */
#include "watch/clean.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* How many bytes the character has; 0: it is none. */
static size_t
decode(const unsigned char *at, size_t size, uint32_t *ret_code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = at[0] < 0x80   ? 1
			: at[0] < 0xc2 ? 0
			: at[0] < 0xe0 ? 2
			: at[0] < 0xf0 ? 3
			: at[0] < 0xf5 ? 4
				       : 0;
	uint32_t code;

	if (length == 0 || length > size)
		return 0;
	code = length == 1 ? at[0] : at[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret_code = code;
	return length;
}

static bool
is_between(uint32_t code, uint32_t first, uint32_t last)
{
	return code >= first && code <= last;
}

/* Controls, marks of direction, line separators, what has no width, what is no character. */
static bool
is_harmful(uint32_t code)
{
	return code < ' ' || is_between(code, 0x7f, 0x9f) || code == 0xad || code == 0x61c ||
	       is_between(code, 0x200b, 0x200f) || is_between(code, 0x2028, 0x202e) ||
	       is_between(code, 0x2060, 0x206f) || code == 0xfeff ||
	       is_between(code, 0xfff9, 0xffff) || code >= 0xe0000;
}

void
wi_clean_name(const char *name, size_t size, char *clean)
{
	const unsigned char *at = (const unsigned char *)name, *end = at + strnlen(name, size);

	while (at < end) {
		uint32_t code = 0;
		size_t length = decode(at, (size_t)(end - at), &code);

		if (length == 0 || is_harmful(code)) {
			*clean++ = '?';
			at += length > 0 ? length : 1;
			continue;
		}
		memcpy(clean, at, length);
		clean += length;
		at += length;
	}
	*clean = '\0';
}
