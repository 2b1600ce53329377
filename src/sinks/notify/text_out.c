/* SPDX-License-Identifier: MIT */
/* text_out.c - see text_out.h. */
#include "text_out.h"

#include <string.h>

static const char dots[] = "...";

static void
put_raw(struct wi_text_out *text, const char *bytes, size_t size)
{
	if (text->flags & WI_TEXT_JSON)
		wi_json_out_inside(text->out, bytes, size);
	else
		wi_json_out_raw(text->out, bytes, size);
}

/* bytes: one character of a reader's, `width` for who counts them. */
static void
put(struct wi_text_out *text, const char *bytes, size_t size, size_t width)
{
	if (text->count > text->most)
		return;
	if (text->count + sizeof dots - 1 <= text->most)
		text->mark = text->out->used;
	text->count += width;
	if (text->count <= text->most) {
		put_raw(text, bytes, size);
		return;
	}
	text->out->used = text->mark;
	put_raw(text, dots, sizeof dots - 1);
}

static void
put_escaped(struct wi_text_out *text, const char *bytes, size_t size)
{
	bool control = size == 1 && ((unsigned char)*bytes < ' ' || *bytes == 127);
	bool line_end = size == 1 && (*bytes == '\n' || *bytes == '\t');

	if ((text->flags & WI_TEXT_LINE && control) || (text->flags & WI_TEXT_SLACK && control && !line_end))
		put(text, " ", 1, 1);
	else if (text->flags & WI_TEXT_SLACK && size == 1 && *bytes == '&')
		put(text, "&amp;", 5, 5);
	else if (text->flags & WI_TEXT_SLACK && size == 1 && *bytes == '<')
		put(text, "&lt;", 4, 4);
	else if (text->flags & WI_TEXT_SLACK && size == 1 && *bytes == '>')
		put(text, "&gt;", 4, 4);
	else
		put(text, bytes, size, 1);
}

void
wi_text_begin(struct wi_text_out *text, struct wi_json_out *out, unsigned flags, size_t most)
{
	*text = (struct wi_text_out){ out, flags, most, 0, 0 };
	if (flags & WI_TEXT_JSON)
		wi_json_out_raw(out, "\"", 1);
	text->mark = out->used;
}

/* How long the character of UTF-8 is that begins here. */
static size_t
length(const char *at)
{
	size_t size = 1;

	while (((unsigned char)at[size] & 0xc0) == 0x80)
		size++;
	return size;
}

void
wi_text_put(struct wi_text_out *text, const char *words)
{
	for (; *words; words += length(words))
		put(text, words, length(words), 1);
}

void
wi_text_put_inside(struct wi_text_out *text, const char *at, const char *end)
{
	char character[4];
	size_t size;

	while (at < end && (size = wi_value_character(&at, character)))
		put(text, character, size, 1);
}

void
wi_text_put_value(struct wi_text_out *text, struct wi_json_text value, size_t limit)
{
	bool string = *value.at == '"';
	const char *at = value.at + string, *end = value.at + value.size;
	size_t used = 0, size;
	char character[4];

	while (at < end && text->count <= text->most && text->out->used <= text->out->size) {
		if (string) {
			size = wi_value_character(&at, character);
		} else {
			size = length(at);
			memcpy(character, at, size);
			at += size;
		}
		if (size == 0)
			return;
		used += size;
		if (used > limit) {
			wi_text_put(text, dots);
			return;
		}
		put_escaped(text, character, size);
	}
}

void
wi_text_put_plain(struct wi_text_out *text, const char *bytes)
{
	for (; *bytes; bytes += length(bytes))
		put_escaped(text, bytes, length(bytes));
}

void
wi_text_end(struct wi_text_out *text)
{
	if (text->flags & WI_TEXT_JSON)
		wi_json_out_raw(text->out, "\"", 1);
}
