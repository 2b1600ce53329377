/* SPDX-License-Identifier: MIT */
/*
 * text_out.h - text that is put together of our own words and of what events say, with what its
 *              readers take for something else escaped, and cut at a character.
 *
 * All of it goes in here a character at a time, so that nothing can end the string that it is in.
 */
#ifndef WI_NOTIFY_TEXT_OUT_H
#define WI_NOTIFY_TEXT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/json_out.h"
#include "value.h"

enum {
	WI_TEXT_JSON = 1,       /* the inside of a JSON string, with its quotes */
	WI_TEXT_SLACK = 2,      /* & < > of events as Slack wants them; of the controls only line ends and tabs */
	WI_TEXT_LINE = 4        /* line ends and other controls of events as spaces */
};

struct wi_text_out {
	struct wi_json_out *out;
	unsigned flags;
	size_t most;            /* characters, with the "..." of what was cut */
	size_t count;
	size_t mark;            /* where the "..." would stand */
};

void wi_text_begin(struct wi_text_out *text, struct wi_json_out *out, unsigned flags, size_t most);

/* Our own: UTF-8; what stands inside a JSON string. */
void wi_text_put(struct wi_text_out *text, const char *words);
void wi_text_put_inside(struct wi_text_out *text, const char *at, const char *end);

/* An event's: a string without its quotes, anything else as JSON; at most so many bytes, then "...". */
void wi_text_put_value(struct wi_text_out *text, struct wi_json_text value, size_t limit);

/* The same for bytes, which are no JSON. */
void wi_text_put_plain(struct wi_text_out *text, const char *bytes);

void wi_text_end(struct wi_text_out *text);

#endif
