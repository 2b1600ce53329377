/* SPDX-License-Identifier: MIT */
/* text.c - see text.h. */
#include "plugin/text.h"

#include <stdio.h>
#include <string.h>

#define NAME_SIZE_MAX 64

/* What plugins, files and the loader say may hold anything. */
void
wi_text_clean(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++)
		if (*at < ' ' || *at == 0x7f)
			*at = '?';
}

void
wi_text_print(char *text, size_t size, const char *format, va_list arguments)
{
	if (vsnprintf(text, size, format, arguments) < 0)
		text[0] = '\0';
	wi_text_clean(text);
}

weir_status
wi_text_problem(char problem[WI_PLUGIN_PROBLEM_SIZE], weir_status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	wi_text_print(problem, WI_PLUGIN_PROBLEM_SIZE, format, arguments);
	va_end(arguments);
	return status;
}

void
wi_text_replace(char *text, size_t size, const char *from, const char *to)
{
	char result[WI_PLUGIN_PROBLEM_SIZE];
	const char *at = text, *found;
	size_t used = 0;

	for (; (found = strstr(at, from)) && used < sizeof result; at = found + strlen(from))
		used += (size_t)snprintf(result + used, sizeof result - used, "%.*s%s",
					 (int)(found - at), at, to);
	if (used < sizeof result)
		snprintf(result + used, sizeof result - used, "%s", at);
	snprintf(text, size, "%s", result);
}

bool
wi_text_is_name(const char *text)
{
	size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return text[size] == '\0' && 0 < size && size <= NAME_SIZE_MAX;
}

void
wi_text_json(char *json, size_t size, const char *text)
{
	size_t used = 0;

	for (; *text && used + 3 <= size; text++) {
		if (*text == '"' || *text == '\\')
			json[used++] = '\\';
		json[used++] = *text & 0x80 ? '?' : *text;
	}
	json[used] = '\0';
}
