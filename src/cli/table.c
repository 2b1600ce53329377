/* SPDX-License-Identifier: MIT */
/* table.c - see table.h. */
#include "table.h"

#include "figures.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMN_MAX = 16, TEXT_SIZE = 512, INDENT = 2, GAP = 2 };

static const json_t *
find(const json_t *row, const char *member)
{
	const char *dot = strchr(member, '.');
	char first[64];

	if (dot == NULL)
		return json_object_get(row, member);
	snprintf(first, sizeof(first), "%.*s", (int)(dot - member), member);
	return json_object_get(json_object_get(row, first), dot + 1);
}

/* Also the control characters that UTF-8 writes as C2 80 to C2 9F. */
static void
clean(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
		if (*at < ' ' || *at == 127)
			*at = '?';
		else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
			at[0] = at[1] = '?';
	}
}

static void
make_text(char text[TEXT_SIZE], const json_t *value)
{
	size_t used = 0, i;
	const json_t *item;

	text[0] = '\0';
	if (json_is_integer(value))
		snprintf(text, TEXT_SIZE, "%s",
			 wi_figures_count((uint64_t)json_integer_value(value)).text);
	else if (json_is_string(value))
		snprintf(text, TEXT_SIZE, "%s", json_string_value(value));
	else if (json_is_array(value))
		for (i = 0; i < json_array_size(value) && used < TEXT_SIZE; i++) {
			item = json_array_get(value, i);
			used += (size_t)snprintf(text + used, TEXT_SIZE - used, "%s%s",
						 i > 0 ? "+" : "", json_string_value(item));
		}
	clean(text);
}

size_t
wi_table_width(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static size_t
line_width(FILE *stream)
{
	struct winsize size;

	if (!isatty(fileno(stream)))
		return SIZE_MAX;
	return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* To `room` columns. */
static void
cut(char *text, size_t room)
{
	size_t count = 0;

	for (char *at = text; *at != '\0'; at++)
		if (((unsigned char)*at & 0xc0) != 0x80 && count++ == room) {
			*at = '\0';
			return;
		}
}

/* Blanks are owed and not written, so that no line ends with them. */
static size_t
write_cell(FILE *stream, char text[TEXT_SIZE], size_t column_width, bool right, size_t owed,
	   size_t room)
{
	size_t pad;

	cut(text, room);
	pad = column_width > wi_table_width(text) ? column_width - wi_table_width(text) : 0;
	if (text[0] != '\0')
		fprintf(stream, "%*s%s", (int)(owed + (right ? pad : 0)), "", text);
	else
		pad += owed;
	return GAP + (right && text[0] != '\0' ? 0 : pad);
}

void
wi_table_write(FILE *stream, const json_t *rows, const struct wi_table_column *columns,
	       size_t column_count)
{
	size_t widths[COLUMN_MAX], line = line_width(stream), used, owed;
	bool right[COLUMN_MAX];
	char text[TEXT_SIZE];

	for (size_t c = 0; c < column_count; c++) {
		widths[c] = wi_table_width(columns[c].title);
		right[c] = json_array_size(rows) > 0;
		for (size_t r = 0; r < json_array_size(rows); r++) {
			const json_t *value = find(json_array_get(rows, r), columns[c].member);

			make_text(text, value);
			widths[c] = wi_table_width(text) > widths[c] ? wi_table_width(text) : widths[c];
			right[c] = right[c] && json_is_integer(value);
		}
	}
	for (size_t r = 0; r <= json_array_size(rows); r++) {
		used = owed = INDENT;
		for (size_t c = 0; c < column_count; c++) {
			bool last = c + 1 == column_count;

			if (r == 0)
				snprintf(text, sizeof(text), "%s", columns[c].title);
			else
				make_text(text,
					  find(json_array_get(rows, r - 1), columns[c].member));
			owed = write_cell(stream, text, widths[c], right[c], owed,
					  !last         ? SIZE_MAX
					  : line > used ? line - used
							: 0);
			used += widths[c] + GAP;
		}
		fputc('\n', stream);
	}
}
