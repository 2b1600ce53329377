/* SPDX-License-Identifier: MIT */
/* pattern.h - what is a topic name, what is a pattern, and which names a pattern matches. */
#ifndef WI_CORE_PATTERN_H
#define WI_CORE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

enum { WI_NAME_SIZE_MAX = 255 };

/* Tokens of [A-Za-z0-9_-] joined by dots, 1 to 255 bytes. */
bool wi_name_valid(const char *name);

/* Begins with "weir.": the bus's own. */
bool wi_name_own(const char *name);

/* As a name, but a token may be "*", and the last one ">". */
bool wi_pattern_valid(const char *pattern);

/* No wildcard: it matches just the topic of that name. */
bool wi_pattern_exact(const char *pattern);

/* Both valid. "*": any one token; ">": one or more; "weir." names only by "weir." patterns. */
bool wi_pattern_matches(const char *pattern, const char *name);

#endif
