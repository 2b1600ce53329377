/* SPDX-License-Identifier: MIT */
/* json_text.h - walk over JSON text that is known to be valid, without making values of it. */
#ifndef WI_CLI_JSON_TEXT_H
#define WI_CLI_JSON_TEXT_H

#include <stddef.h>

struct wi_json_text {
	const char *at;
	size_t size;
};

/* The first member's name is at the return of this; `object` is the text of one object. */
const char *wi_json_text_enter(const char *object);

/* The value of the member at *at; moves on to the next member. */
struct wi_json_text wi_json_text_member(const char **at);

/* Copy without the white space between tokens; at most text.size bytes; how many. */
size_t wi_json_text_compact(struct wi_json_text text, char *buffer);

#endif
