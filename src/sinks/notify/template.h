/* SPDX-License-Identifier: MIT */
/*
 * template.h - a JSON file whose strings have {{PATH}} in them, where what an event says comes in.
 *
 * A string that is one placeholder and nothing else becomes the value itself, unless text is asked for.
 * Only strings that are values are looked at. What a path does not find is shown as "-", alone as null.
 */
#ifndef WI_NOTIFY_TEMPLATE_H
#define WI_NOTIFY_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "payload.h"
#include "text_out.h"

/* Each placeholder goes over the payload once. */
enum { WI_TEMPLATE_SIZE_MAX = 32 << 10, WI_TEMPLATE_PLACEHOLDERS_MAX = 256 };

struct wi_template {
	char *text;             /* JSON without white space, with a 0 behind */
	size_t size;
};

/* Reads a file and checks it. False: ret_problem begins with its name, and has the line if there is one. */
bool wi_template_read(struct wi_template *template, const char *path, char *ret_problem, size_t size);
void wi_template_fini(struct wi_template *template);

/*
 * flags: of text_out.h, beside WI_TEXT_JSON; text: each placeholder becomes text. most: characters in a
 * string. limit: bytes of a value; 0 makes no more than the template's own size.
 */
void wi_template_render(const struct wi_template *template, const struct wi_payload *payload,
                        unsigned flags, bool text, size_t most, size_t limit, struct wi_json_out *out);

#endif
