/* SPDX-License-Identifier: MIT */
/* event_line.h - one line of input, a JSON object, as the parts of one event. */
#ifndef WI_CLI_EVENT_LINE_H
#define WI_CLI_EVENT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/weir.h>

enum { WI_EVENT_LINE_KEY = 1, WI_EVENT_LINE_TIME = 2, WI_EVENT_LINE_TRACE = 4 };

enum { WI_EVENT_LINE_ERROR_SIZE = 256 };

struct json_t;

/* Pointers are valid until the parser's next call. */
struct wi_event_line {
	const char *topic; /* any text without NUL; weir_topic_open() says if it is a topic */
	size_t topic_size;
	const char *data; /* compact JSON */
	size_t data_size; /* 0: there is no "data" */
	uint32_t flags;
	uint64_t key;
	uint64_t time; /* nanoseconds since 1970 */
	weir_trace trace;
};

struct wi_event_line_parser {
	struct json_t *root; /* the line's JSON value, which owns the topic's text */
	char *data;
	size_t data_capacity;
	char error[WI_EVENT_LINE_ERROR_SIZE]; /* why the last call failed, one printable line */
};

void wi_event_line_init(struct wi_event_line_parser *parser);
void wi_event_line_fini(struct wi_event_line_parser *parser);

/* False: not an event, the reason is in parser->error. text: one line, no newline needed. */
bool wi_event_line_parse(struct wi_event_line_parser *parser, const char *text, size_t size,
			 struct wi_event_line *ret_line);

/* For weir_publish_with(); the trace is used as long as they are. flags: WI_EVENT_LINE_*. */
weir_attributes wi_event_line_attributes(uint32_t flags, uint64_t key, uint64_t time,
					 const weir_trace *trace);

/* Set parser->error; bytes that could disturb a terminal become '?'. Always false. */
bool wi_event_line_fail(struct wi_event_line_parser *parser, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
