/* SPDX-License-Identifier: MIT */
/* json_out.c - see json_out.h; allocates nothing. */
#include "json_out.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
wi_json_out_raw(struct wi_json_out *out, const char *text, size_t size)
{
	if (out->used < out->size) {
		size_t room = out->size - out->used;

		memcpy(out->buffer + out->used, text, size < room ? size : room);
	}
	out->used += size;
}

void
wi_json_out_print(struct wi_json_out *out, const char *format, ...)
{
	char text[160];
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	wi_json_out_raw(out, text, (size_t)size);
}

static void
put(struct wi_json_out *out, char byte)
{
	wi_json_out_raw(out, &byte, 1);
}

/* -- UTF-8 ------------------------------------------------------------------ */

/* How long the character at the beginning is; 0: it is none. size is not 0. */
static size_t
character(const char *text, size_t size)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (length == 0 || length > size || at[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* Too long for what it says, half of a pair, beyond the last one. */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

bool
wi_json_is_utf8(const char *text, size_t size)
{
	size_t length = 0;

	for (; size; text += length, size -= length)
		if (!(length = character(text, size)))
			return false;
	return true;
}

/* -- strings and bytes ------------------------------------------------------ */

static void
put_escaped(struct wi_json_out *out, unsigned char byte)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *found = memchr(plain, byte, sizeof plain - 1);
	char text[8];

	if (found)
		snprintf(text, sizeof text, "\\%c", letters[found - plain]);
	else
		snprintf(text, sizeof text, "\\u%04x", byte);
	wi_json_out_raw(out, text, strlen(text));
}

void
wi_json_out_inside(struct wi_json_out *out, const char *text, size_t size)
{
	size_t length;

	for (; size; text += length, size -= length) {
		unsigned char byte = (unsigned char)*text;

		length = character(text, size);
		if (!length) {
			wi_json_out_raw(out, "\\ufffd", 6);
			length = 1;
		} else if (byte < 0x20 || byte == '"' || byte == '\\') {
			put_escaped(out, byte);
		} else {
			wi_json_out_raw(out, text, length);
		}
	}
}

void
wi_json_out_string(struct wi_json_out *out, const char *text, size_t size)
{
	put(out, '"');
	wi_json_out_inside(out, text, size);
	put(out, '"');
}

void
wi_json_out_base64(struct wi_json_out *out, const unsigned char *bytes, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	put(out, '"');
	for (size_t i = 0; i < size; i += 3) {
		unsigned three = (unsigned)bytes[i] << 16 | (i + 1 < size ? (unsigned)bytes[i + 1] << 8 : 0) |
		                 (i + 2 < size ? bytes[i + 2] : 0);
		char text[4] = {
			digits[three >> 18],
			digits[three >> 12 & 63],
			i + 1 < size ? digits[three >> 6 & 63] : '=',
			i + 2 < size ? digits[three & 63] : '=',
		};

		wi_json_out_raw(out, text, sizeof text);
	}
	put(out, '"');
}

/* -- values ----------------------------------------------------------------- */

enum { DEPTH_MAX = 64 };

struct reader {
	const char *at, *end;
	struct wi_json_out *out;
	int depth;
};

static bool read_value(struct reader *reader);

static void
skip_space(struct reader *reader)
{
	while (reader->at < reader->end && memchr(" \t\n\r", *reader->at, 4))
		reader->at++;
}

/* The next byte, -1 at the end. */
static int
peek(const struct reader *reader)
{
	return reader->at < reader->end ? (unsigned char)*reader->at : -1;
}

static bool
take(struct reader *reader, char byte)
{
	if (peek(reader) != (unsigned char)byte)
		return false;
	put(reader->out, *reader->at++);
	return true;
}

static bool
take_digits(struct reader *reader)
{
	const char *begin = reader->at;

	while (peek(reader) >= '0' && peek(reader) <= '9')
		take(reader, *reader->at);
	return reader->at > begin;
}

static bool
read_number(struct reader *reader)
{
	take(reader, '-');
	if (!take(reader, '0') && !take_digits(reader))
		return false;
	if (take(reader, '.') && !take_digits(reader))
		return false;
	if (!take(reader, 'e') && !take(reader, 'E'))
		return true;
	if (!take(reader, '-'))
		take(reader, '+');
	return take_digits(reader);
}

/* Four hexadecimal digits; below 0: they are not. */
static int
take_hex(struct reader *reader)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		int byte = peek(reader);
		int digit = byte >= '0' && byte <= '9'   ? byte - '0'
		            : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
		            : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
		                                         : -1;

		if (digit < 0)
			return -1;
		take(reader, *reader->at);
		value = value << 4 | digit;
	}
	return value;
}

/* Behind "\u". Halves of a pair come only together. */
static bool
read_unit(struct reader *reader)
{
	int unit = take_hex(reader);

	if (unit >= 0xd800 && unit < 0xdc00)
		return take(reader, '\\') && take(reader, 'u') && (unit = take_hex(reader)) >= 0xdc00 &&
		       unit < 0xe000;
	return unit >= 0 && (unit < 0xdc00 || unit >= 0xe000);
}

static bool
read_escape(struct reader *reader)
{
	int byte = peek(reader);

	if (byte <= 0 || !strchr("\"\\/bfnrtu", byte))
		return false;
	take(reader, (char)byte);
	return byte != 'u' || read_unit(reader);
}

static bool
read_string(struct reader *reader)
{
	size_t length;

	if (!take(reader, '"'))
		return false;
	while (!take(reader, '"')) {
		if (peek(reader) < 0x20)
			return false;
		if (take(reader, '\\')) {
			if (!read_escape(reader))
				return false;
			continue;
		}
		length = character(reader->at, (size_t)(reader->end - reader->at));
		if (!length)
			return false;
		wi_json_out_raw(reader->out, reader->at, length);
		reader->at += length;
	}
	return true;
}

static bool
read_word(struct reader *reader, const char *word)
{
	while (*word)
		if (!take(reader, *word++))
			return false;
	return true;
}

static bool
read_member(struct reader *reader, bool named)
{
	if (named) {
		skip_space(reader);
		if (!read_string(reader))
			return false;
		skip_space(reader);
		if (!take(reader, ':'))
			return false;
	}
	return read_value(reader);
}

static bool
read_nested(struct reader *reader, char open, char close)
{
	if (!take(reader, open) || reader->depth++ == DEPTH_MAX)
		return false;
	skip_space(reader);
	if (!take(reader, close)) {
		do {
			if (!read_member(reader, open == '{'))
				return false;
			skip_space(reader);
		} while (take(reader, ','));
		if (!take(reader, close))
			return false;
	}
	reader->depth--;
	return true;
}

static bool
read_value(struct reader *reader)
{
	skip_space(reader);
	switch (peek(reader)) {
	case '{': return read_nested(reader, '{', '}');
	case '[': return read_nested(reader, '[', ']');
	case '"': return read_string(reader);
	case 't': return read_word(reader, "true");
	case 'f': return read_word(reader, "false");
	case 'n': return read_word(reader, "null");
	default: return read_number(reader);
	}
}

bool
wi_json_out_value(struct wi_json_out *out, const char *text, size_t size)
{
	struct reader reader = { text, text + size, out, 0 };

	if (!read_value(&reader))
		return false;
	skip_space(&reader);
	return reader.at == reader.end;
}
