/* SPDX-License-Identifier: MIT */
/* text.h - sentences: what went wrong, in one line that is safe to print. */
#ifndef WI_PLUGIN_TEXT_H
#define WI_PLUGIN_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "plugin/plugins.h"

/* Formats, cut to what fits, and makes it one line: control bytes become '?'. */
void wi_text_print(char *text, size_t size, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

/* The same into `problem`; always gives `status`. */
weir_status wi_text_problem(char problem[WI_PLUGIN_PROBLEM_SIZE], weir_status status,
                            const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Control bytes become '?'. */
void wi_text_clean(char *text);

/* Replaces every `from` by `to`, cut to what fits. */
void wi_text_replace(char *text, size_t size, const char *from, const char *to);

/* 1 to 64 of [a-z0-9_-]. */
bool wi_text_is_name(const char *text);

/*
 * `text` as the inside of a JSON string; what does not fit is cut, what is not ASCII becomes '?'.
 */
void wi_text_json(char *json, size_t size, const char *text);

#endif
