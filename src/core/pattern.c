/* SPDX-License-Identifier: MIT */
/* pattern.c - see pattern.h. */
#include "core/pattern.h"

#include <string.h>

static bool
in_name(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
}

/* Length of the token at `text` made of name bytes; 0 if there is none. */
static size_t
token_size(const char *text)
{
	size_t size = 0;

	while (in_name((unsigned char)text[size]))
		size++;
	return size;
}

static bool
valid(const char *text, bool wildcards)
{
	if (strnlen(text, WI_NAME_SIZE_MAX + 1) > WI_NAME_SIZE_MAX)
		return false;
	for (;;) {
		if (wildcards && text[0] == '>')
			return text[1] == '\0';
		if (wildcards && text[0] == '*') {
			text++;
		} else {
			size_t size = token_size(text);

			if (size == 0)
				return false;
			text += size;
		}
		if (*text == '\0')
			return true;
		if (*text++ != '.')
			return false;
	}
}

bool
wi_name_valid(const char *name)
{
	return valid(name, false);
}

bool
wi_name_own(const char *name)
{
	return strncmp(name, "weir.", 5) == 0;
}

bool
wi_pattern_valid(const char *pattern)
{
	return valid(pattern, true);
}

bool
wi_pattern_exact(const char *pattern)
{
	return !strpbrk(pattern, "*>");
}

bool
wi_pattern_matches(const char *pattern, const char *name)
{
	if (wi_name_own(name) && !wi_name_own(pattern))
		return false;
	for (;;) {
		if (*pattern == '>')
			return true;
		if (*pattern == '*') {
			pattern++;
			name += token_size(name);
		} else {
			while (*pattern && *pattern == *name && *pattern != '.')
				pattern++, name++;
		}
		if (*pattern != *name)
			return false;
		if (*pattern == '\0')
			return true;
		pattern++, name++;      /* both at a dot, or at the same byte: equal so far */
	}
}
