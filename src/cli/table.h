/* SPDX-License-Identifier: MIT */
/* table.h - a list of JSON objects as a table for people: one row each, columns as wide as they
 * must be. */
#ifndef WI_CLI_TABLE_H
#define WI_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct json_t;

struct wi_table_column {
	const char *title;
	const char *member; /* "health.text": of the object that is a member */
};

/*
 * Whole numbers to the right, with separators; text to the left; lists joined by +. Bytes that
 * could disturb a terminal become '?'. The last column is cut where a terminal's line ends.
 */
void wi_table_write(FILE *stream, const struct json_t *rows, const struct wi_table_column *columns,
		    size_t column_count);

/* As a terminal shows it, where a character is one column wide. */
size_t wi_table_width(const char *text);

#endif
