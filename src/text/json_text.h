/* SPDX-License-Identifier: MIT */
/* json_text.h - walk over JSON text that is known to be valid, without making values of it. */
#ifndef WI_TEXT_JSON_TEXT_H
#define WI_TEXT_JSON_TEXT_H

#include <stddef.h>

struct wi_json_text {
	const char *at;
	size_t size;
};

/* The first member's name, or the first element, is at the return of this: of an object, an array. */
const char *wi_json_text_enter(const char *object);

/* The value of the member at *at; moves on to the next member. */
struct wi_json_text wi_json_text_member(const char **at);

/* The element at *at; moves on to the next one, or to the end of the array. */
struct wi_json_text wi_json_text_element(const char **at);

/* Copy without the white space between tokens; at most text.size bytes; how many. */
size_t wi_json_text_compact(struct wi_json_text text, char *buffer);

#endif
