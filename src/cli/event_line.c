/* SPDX-License-Identifier: MIT */
/* event_line.c - which members an event has, and what each may hold. */
#include "event_line.h"

#include "key_hash.h"
#include "text/json_text.h"
#include "text/timestamp.h"
#include "text/traceparent.h"

#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One member, as a value (checked, strings decoded) and as it was written. */
struct member {
	const json_t *value;
	struct wi_json_text text;
};

typedef bool (*take_fn)(struct wi_event_line_parser *parser, const struct member *member,
			struct wi_event_line *line);

void
wi_event_line_init(struct wi_event_line_parser *parser)
{
	memset(parser, 0, sizeof(*parser));
}

void
wi_event_line_fini(struct wi_event_line_parser *parser)
{
	json_decref(parser->root);
	free(parser->data);
	memset(parser, 0, sizeof(*parser));
}

bool
wi_event_line_fail(struct wi_event_line_parser *parser, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(parser->error, sizeof(parser->error), format, arguments);
	va_end(arguments);
	for (char *at = parser->error; *at != '\0'; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	return false;
}

static bool
take_topic(struct wi_event_line_parser *parser, const struct member *member,
	   struct wi_event_line *line)
{
	if (!json_is_string(member->value))
		return wi_event_line_fail(parser, "\"topic\" is not a string");
	line->topic = json_string_value(member->value);
	line->topic_size = json_string_length(member->value);
	if (memchr(line->topic, '\0', line->topic_size) != NULL)
		return wi_event_line_fail(parser, "\"topic\" contains a NUL byte");
	return true;
}

static bool
parse_whole(struct wi_json_text text, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (size_t i = 0; i < text.size; i++)
		if (!isdigit((unsigned char)text.at[i]) ||
		    __builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text.at[i] - '0'), &value))
			return false;
	*ret_value = value;
	return true;
}

static bool
take_key(struct wi_event_line_parser *parser, const struct member *member,
	 struct wi_event_line *line)
{
	line->flags |= WI_EVENT_LINE_KEY;
	if (json_is_string(member->value)) {
		line->key = wi_key_hash_bytes(json_string_value(member->value),
					      json_string_length(member->value));
		return true;
	}
	if (json_is_number(member->value) && parse_whole(member->text, &line->key))
		return true;
	return wi_event_line_fail(parser,
				  "\"key\" is neither a string nor a whole number from 0 to "
				  "18446744073709551615");
}

static bool
take_time(struct wi_event_line_parser *parser, const struct member *member,
	  struct wi_event_line *line)
{
	line->flags |= WI_EVENT_LINE_TIME;
	if (json_is_number(member->value) &&
	    wi_timestamp_from_seconds(member->text.at, member->text.size, &line->time))
		return true;
	if (json_is_string(member->value) &&
	    wi_timestamp_from_rfc3339(json_string_value(member->value),
				      json_string_length(member->value), &line->time))
		return true;
	return wi_event_line_fail(parser, "\"time\" is neither seconds since 1970 nor an RFC 3339 "
					  "time, or not from 1970 to 2554");
}

static bool
take_traceparent(struct wi_event_line_parser *parser, const struct member *member,
		 struct wi_event_line *line)
{
	line->flags |= WI_EVENT_LINE_TRACE;
	if (json_is_string(member->value) &&
	    wi_traceparent_parse(json_string_value(member->value),
				 json_string_length(member->value), &line->trace))
		return true;
	return wi_event_line_fail(parser,
				  "\"traceparent\" is not a W3C trace context "
				  "(00-TRACE-SPAN-FLAGS, lower-case hex, ids not all zero)");
}

static bool
take_data(struct wi_event_line_parser *parser, const struct member *member,
	  struct wi_event_line *line)
{
	if (member->text.size > parser->data_capacity) {
		char *data = realloc(parser->data, member->text.size);

		if (data == NULL)
			return wi_event_line_fail(parser, "out of memory");
		parser->data = data;
		parser->data_capacity = member->text.size;
	}
	line->data = parser->data;
	line->data_size = wi_json_text_compact(member->text, parser->data);
	return true;
}

static take_fn
find_take(const char *name)
{
	static const struct {
		const char *name;
		take_fn take;
	} known[] = {
		{"topic", take_topic}, {"key", take_key},
		{"time", take_time},   {"traceparent", take_traceparent},
		{"data", take_data},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].take;
	return NULL;
}

static bool
load(struct wi_event_line_parser *parser, const char *text, size_t size)
{
	/* Integers as reals: beyond 64 bits is then no error; what we use comes from the text. */
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
	const char *nul = memchr(text, '\0', size);
	json_error_t error;

	json_decref(parser->root);
	parser->root = NULL;
	if (nul != NULL)
		return wi_event_line_fail(parser, "NUL byte at column %zu",
					  (size_t)(nul - text) + 1);
	parser->root = json_loadb(text, size, flags, &error);
	if (parser->root == NULL)
		return wi_event_line_fail(parser, "not JSON at column %d: %s", error.column,
					  error.text);
	if (!json_is_object(parser->root))
		return wi_event_line_fail(parser, "not a JSON object");
	return true;
}

bool
wi_event_line_parse(struct wi_event_line_parser *parser, const char *text, size_t size,
		    struct wi_event_line *ret_line)
{
	struct wi_event_line line = {0};
	const char *name, *at;
	json_t *value;

	if (!load(parser, text, size))
		return false;
	/* jansson keeps the members in the order of the text, so both walks go in step. */
	at = wi_json_text_enter(text);
	json_object_foreach(parser->root, name, value)
	{
		struct member member = {value, wi_json_text_member(&at)};
		take_fn take = find_take(name);

		/* null is how many writers say "none"; as data it is a value like any other. */
		if (take != NULL && (!json_is_null(value) || take == take_data) &&
		    !take(parser, &member, &line))
			return false;
	}
	if (line.topic == NULL)
		return wi_event_line_fail(parser, "there is no \"topic\"");
	*ret_line = line;
	return true;
}

weir_attributes
wi_event_line_attributes(uint32_t flags, uint64_t key, uint64_t time, const weir_trace *trace)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;

	attributes.flags = (flags & WI_EVENT_LINE_KEY ? WEIR_ATTRIBUTE_KEY : 0) |
			   (flags & WI_EVENT_LINE_TIME ? WEIR_ATTRIBUTE_TIME : 0);
	attributes.key = key;
	attributes.time = time;
	attributes.trace = flags & WI_EVENT_LINE_TRACE ? trace : NULL;
	return attributes;
}
