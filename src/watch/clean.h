/* SPDX-License-Identifier: MIT */
/* clean.h - names from a file that anybody may have written. */
#ifndef WI_WATCH_CLEAN_H
#define WI_WATCH_CLEAN_H

#include <stddef.h>

/*
 * A name that ends at a NUL or fills its field, as valid UTF-8 in `clean`, which has room for
 * size + 1 bytes. What is not UTF-8, controls a terminal or turns the direction of text is '?'.
 */
void wi_clean_name(const char *name, size_t size, char *clean);

#endif
