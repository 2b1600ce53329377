/* SPDX-License-Identifier: MIT */
/*
 * json_text.c - numbers and strings stay as they were written.
 *
 * A JSON library turns 0.1 into a double and back into 0.10000000000000001, and cannot hold
 * every integer that a key may be. What must arrive unchanged is therefore cut out of the text.
 * Nothing here checks for an end: the callers pass only what a parser has accepted.
 */
#include "text/json_text.h"

#include <stdbool.h>
#include <string.h>

static bool
is_space(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static const char *
skip_space(const char *at)
{
	while (is_space(*at))
		at++;
	return at;
}

static const char *
skip_string(const char *at)
{
	for (at++; *at != '"'; at++)
		if (*at == '\\')
			at++;
	return at + 1;
}

static const char *
skip_nested(const char *at)
{
	size_t depth = 0;

	do {
		if (*at == '"') {
			at = skip_string(at);
			continue;
		}
		if (*at == '{' || *at == '[')
			depth++;
		else if (*at == '}' || *at == ']')
			depth--;
		at++;
	} while (depth > 0);
	return at;
}

static const char *
skip_value(const char *at)
{
	if (*at == '"')
		return skip_string(at);
	if (*at == '{' || *at == '[')
		return skip_nested(at);
	while (!is_space(*at) && !strchr(",}]", *at))
		at++;
	return at;
}

const char *
wi_json_text_enter(const char *object)
{
	return skip_space(skip_space(object) + 1);
}

struct wi_json_text
wi_json_text_element(const char **at)
{
	const char *begin = *at, *end = skip_value(begin);

	*at = skip_space(end);
	if (**at == ',')
		*at = skip_space(*at + 1);
	return (struct wi_json_text){begin, (size_t)(end - begin)};
}

struct wi_json_text
wi_json_text_member(const char **at)
{
	*at = skip_space(skip_space(skip_string(*at)) + 1);
	return wi_json_text_element(at);
}

size_t
wi_json_text_compact(struct wi_json_text text, char *buffer)
{
	const char *at = text.at, *end = text.at + text.size;
	char *out = buffer;

	while (at < end) {
		if (*at == '"') {
			const char *after = skip_string(at);

			memcpy(out, at, (size_t)(after - at));
			out += after - at;
			at = after;
		} else if (is_space(*at)) {
			at++;
		} else {
			*out++ = *at++;
		}
	}
	return (size_t)(out - buffer);
}
