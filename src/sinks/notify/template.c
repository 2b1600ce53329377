/* SPDX-License-Identifier: MIT */
/* template.c - see template.h. The text is gone through once; what is no string is copied. */
#include "template.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A string in JSON, and whether it is a member's name. */
struct string {
	const char *at, *end;   /* its inside */
	bool name;
};

/* The next string from here on; false: there are no more. */
static bool
find_string(const char *at, struct string *ret_string)
{
	const char *behind;

	at = strchr(at, '"');
	if (!at)
		return false;
	ret_string->at = ++at;
	while (*at != '"')
		at += *at == '\\' ? 2 : 1;
	ret_string->end = at;
	behind = at + 1 + strspn(at + 1, " \t\r\n");
	ret_string->name = *behind == ':';
	return true;
}

struct placeholder {
	const char *at, *end;           /* with its braces */
	const char *path;
	size_t size;
};

/* The next one from here on. `path` is NULL if it does not end, or is no path. */
static bool
find_placeholder(const char *at, const char *end, struct placeholder *ret)
{
	const char *close;

	at = memmem(at, (size_t)(end - at), "{{", 2);
	if (!at)
		return false;
	*ret = (struct placeholder){ .at = at };
	close = memmem(at, (size_t)(end - at), "}}", 2);
	if (!close)
		return true;
	ret->end = close + 2;
	for (at += 2; at < close && *at == ' ';)
		at++;
	while (close > at && close[-1] == ' ')
		close--;
	ret->size = (size_t)(close - at);
	ret->path = wi_path_valid(at, ret->size) ? at : NULL;
	return true;
}

/* -- reading ---------------------------------------------------------------- */

static bool
check(const char *text, const char *path, char *ret_problem, size_t size)
{
	struct placeholder placeholder = { 0 };
	struct string string;
	unsigned line = 1, count = 0;

	for (const char *at = text; find_string(at, &string); at = string.end + 1) {
		for (; at < string.at; at++)
			line += *at == '\n';
		while (!string.name && find_placeholder(at, string.end, &placeholder)) {
			if (!placeholder.path) {
				snprintf(ret_problem, size, "%s: line %u: '%.*s' is no {{PATH}}", path, line,
				         (int)(string.end - placeholder.at < 60 ? string.end - placeholder.at : 60),
				         placeholder.at);
				return false;
			}
			at = placeholder.end;
			count++;
		}
	}
	if (count > WI_TEMPLATE_PLACEHOLDERS_MAX)
		snprintf(ret_problem, size, "%s: more than %d placeholders", path, WI_TEMPLATE_PLACEHOLDERS_MAX);
	return count <= WI_TEMPLATE_PLACEHOLDERS_MAX;
}

/* As it is in the file, with a 0 behind. */
static char *
read_file(const char *path, size_t *ret_size, char *ret_problem, size_t size)
{
	char *text = malloc(WI_TEMPLATE_SIZE_MAX + 2);
	FILE *stream = text ? fopen(path, "re") : NULL;

	if (!stream) {
		snprintf(ret_problem, size, "%s: %s", path, text ? strerror(errno) : "out of memory");
		free(text);
		return NULL;
	}
	errno = 0;
	*ret_size = fread(text, 1, WI_TEMPLATE_SIZE_MAX + 1, stream);
	if (ferror(stream) || *ret_size > WI_TEMPLATE_SIZE_MAX) {
		snprintf(ret_problem, size, "%s: %s", path,
		         ferror(stream) ? strerror(errno) : "longer than 32 KiB");
		free(text);
		text = NULL;
	} else {
		text[*ret_size] = '\0';
	}
	fclose(stream);
	return text;
}

static bool
valid(const char *text, size_t text_size, const char *path, char *ret_problem, size_t size)
{
	json_error_t error;
	json_t *value = json_loadb(text, text_size, JSON_REJECT_DUPLICATES, &error);

	if (!value)
		snprintf(ret_problem, size, "%s: line %d: %s", path, error.line, error.text);
	json_decref(value);
	return value && check(text, path, ret_problem, size);
}

bool
wi_template_read(struct wi_template *template, const char *path, char *ret_problem, size_t size)
{
	struct wi_json_out out;
	char *text;

	text = read_file(path, &template->size, ret_problem, size);
	template->text = text ? malloc(template->size + 1) : NULL;
	if (!template->text) {
		if (text)
			snprintf(ret_problem, size, "%s: out of memory", path);
		free(text);
		return false;
	}
	out = (struct wi_json_out){ template->text, template->size, 0 };
	if (!valid(text, template->size, path, ret_problem, size)) {
		wi_template_fini(template);
	} else if (!wi_json_out_value(&out, text, template->size)) {
		snprintf(ret_problem, size, "%s: more than 64 levels", path);
		wi_template_fini(template);
	} else {
		template->size = out.used;
		template->text[out.used] = '\0';
	}
	free(text);
	return template->text;
}

void
wi_template_fini(struct wi_template *template)
{
	free(template->text);
	template->text = NULL;
}

/* -- rendering -------------------------------------------------------------- */

static void
render_text(const struct string *string, const struct wi_payload *payload, struct wi_text_out *text,
            size_t limit)
{
	struct placeholder placeholder;
	struct wi_json_text found;
	const char *at = string->at;

	while (find_placeholder(at, string->end, &placeholder)) {
		wi_text_put_inside(text, at, placeholder.at);
		found = wi_payload_find(payload, placeholder.path, placeholder.size);
		if (found.at)
			wi_text_put_value(text, found, limit);
		else
			wi_text_put(text, "-");
		at = placeholder.end;
	}
	wi_text_put_inside(text, at, string->end);
	wi_text_end(text);
}

/* A string that is one placeholder. False: it is none, or its value would be too long. */
static bool
render_value(const struct string *string, const struct wi_payload *payload, size_t limit,
             struct wi_json_out *out)
{
	struct placeholder placeholder;
	struct wi_json_text found;

	if (!find_placeholder(string->at, string->end, &placeholder) || placeholder.at != string->at ||
	    placeholder.end != string->end)
		return false;
	found = wi_payload_find(payload, placeholder.path, placeholder.size);
	if (found.size > limit)
		return false;
	if (found.at)
		wi_json_out_raw(out, found.at, found.size);
	else
		wi_json_out_raw(out, "null", 4);
	return true;
}

void
wi_template_render(const struct wi_template *template, const struct wi_payload *payload,
                   unsigned flags, bool text, size_t most, size_t limit, struct wi_json_out *out)
{
	const char *at = template->text, *behind;
	struct wi_text_out text_out;
	struct string string;

	/* What does not fit is made once more with a lower limit: no more of it now. */
	for (; find_string(at, &string) && out->used <= out->size; at = behind) {
		behind = string.end + 1;
		if (string.name) {
			wi_json_out_raw(out, at, (size_t)(behind - at));
			continue;
		}
		wi_json_out_raw(out, at, (size_t)(string.at - 1 - at));
		if (!text && render_value(&string, payload, limit, out))
			continue;
		wi_text_begin(&text_out, out, WI_TEXT_JSON | flags, most);
		render_text(&string, payload, &text_out, limit);
	}
	wi_json_out_raw(out, at, strlen(at));
}
