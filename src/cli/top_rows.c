/* SPDX-License-Identifier: MIT */
/* top_rows.c - see top_rows.h. */
#include "top_rows.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MIN = 14, NAME_MAX = 32, REST_MIN = 14, GAP = 2, INDENT = 4 };

/* -- text -------------------------------------------------------------------- */

/* Where it would be wider than so many columns; a character is one. */
static char *
end_at(char *text, size_t columns)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		if (((unsigned char)*text & 0xc0) != 0x80 && count++ == columns)
			break;
	return text;
}

static size_t
width_of(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static void
put(char *row, const char *text)
{
	size_t used = strlen(row);

	snprintf(row + used, WI_TOP_TEXT_SIZE - used, "%s", text);
}

static void
put_blanks(char *row, size_t count)
{
	size_t used = strlen(row);

	snprintf(row + used, WI_TOP_TEXT_SIZE - used, "%*s", (int)count, "");
}

/* In so many columns at most. */
static void
put_cut(char *row, const char *text, size_t columns)
{
	size_t used = strlen(row);

	put(row, text);
	if (width_of(text) > columns)
		strcpy(end_at(row + used, columns - 1), "~");
}

/* With a blank at its end. */
static void
put_left(char *row, const char *text, size_t columns)
{
	size_t width = width_of(text);

	put_cut(row, text, columns - 1);
	put_blanks(row, width < columns ? columns - width : 1);
}

/* With a blank before it. */
static void
put_right(char *row, const char *text, size_t columns)
{
	size_t width = width_of(text);

	put_blanks(row, width < columns ? columns - width : 1);
	put_cut(row, text, columns - 1);
}

bool
wi_top_lines_add(struct wi_top_lines *lines, const struct wi_top_view *view, enum wi_top_kind kind,
		 const char *text)
{
	struct wi_top_line *each;
	char *copy;

	/* Room for twice as many whenever the count is a power of two. */
	if ((lines->count & (lines->count - 1)) == 0) {
		each = realloc(lines->each,
			       (lines->count > 0 ? 2 * lines->count : 1) * sizeof(*each));
		if (each == NULL)
			return false;
		lines->each = each;
	}
	copy = strdup(text);
	if (copy == NULL)
		return false;
	*end_at(copy, view->width) = '\0';
	for (size_t length = strlen(copy); length > 0 && copy[length - 1] == ' ';)
		copy[--length] = '\0';
	lines->each[lines->count++] = (struct wi_top_line){copy, kind};
	return true;
}

bool
wi_top_lines_wrap(struct wi_top_lines *lines, const struct wi_top_view *view, enum wi_top_kind kind,
		  const char *text)
{
	char rest[WI_TOP_TEXT_SIZE], line[WI_TOP_TEXT_SIZE + INDENT];
	size_t indent = 0;
	char *at = rest, *end;

	snprintf(rest, sizeof(rest), "%s", text);
	while (width_of(at) + indent > view->width && view->width > INDENT) {
		for (end = end_at(at, view->width - indent); end > at && *end != ' ';)
			end--;
		if (end == at)
			break;
		*end = '\0';
		snprintf(line, sizeof(line), "%*s%s", (int)indent, "", at);
		if (!wi_top_lines_add(lines, view, kind, line))
			return false;
		at = end + 1;
		indent = INDENT;
	}
	snprintf(line, sizeof(line), "%*s%s", (int)indent, "", at);
	return wi_top_lines_add(lines, view, kind, line);
}

bool
wi_top_is_wanted(const struct wi_top_view *view, const char *name, const char *other)
{
	return view->filter[0] == '\0' || strcasestr(name, view->filter) != NULL ||
	       (other != NULL && strcasestr(other, view->filter) != NULL);
}

/* -- columns ----------------------------------------------------------------- */

static bool
is_shown(const struct wi_top_rows *rows, const struct wi_top_column *column)
{
	return rows->view->width >= column->from;
}

/* Text does not touch the number before it. */
static size_t
gap_before(const struct wi_top_column *column, bool after_number)
{
	return column->width <= 0 && after_number ? GAP : 0;
}

/* What is left by the columns is the name's. It depends on nothing that changes between looks. */
static size_t
choose_name_width(const struct wi_top_rows *rows)
{
	size_t others = 0, view = rows->view->width;
	bool after_number = false;

	for (const struct wi_top_column *c = rows->columns; c->title != NULL; c++) {
		if (!is_shown(rows, c))
			continue;
		others += c->width > 0 ? (size_t)c->width
				       : gap_before(c, after_number) +
						 (c->width < 0 ? (size_t)-c->width : REST_MIN);
		after_number = c->width > 0;
	}
	if (view < others + NAME_MIN)
		return NAME_MIN;
	return view - others < NAME_MAX ? view - others : NAME_MAX;
}

static void
put_column(char *row, const struct wi_top_column *column, const char *text, bool after_number)
{
	put_blanks(row, gap_before(column, after_number));
	if (column->width > 0)
		put_right(row, text, (size_t)column->width);
	else if (column->width < 0)
		put_left(row, text, (size_t)-column->width);
	else
		put(row, text);
}

struct wi_top_rows
wi_top_rows_begin(const struct wi_top_view *view, const struct wi_top_column *columns,
		  uint32_t capacity)
{
	struct wi_top_rows rows = {.view = view, .columns = columns};

	rows.each = calloc(capacity + 1u, sizeof(*rows.each));
	rows.failed = rows.each == NULL;
	rows.name_width = choose_name_width(&rows);
	return rows;
}

static double
number(double rate)
{
	return isnan(rate) ? -1 : rate;
}

void
wi_top_rows_put(struct wi_top_rows *rows, const char *name, double rate, double busy,
		double failures, ...)
{
	char text[WI_TOP_TEXT_SIZE] = "";
	bool after_number = false;
	struct wi_top_row *row;
	va_list cells;

	if (rows->failed)
		return;
	row = &rows->each[rows->count];
	put_left(text, name, rows->name_width);
	va_start(cells, failures);
	for (const struct wi_top_column *c = rows->columns; c->title != NULL; c++) {
		const char *cell = va_arg(cells, const char *);

		if (!is_shown(rows, c))
			continue;
		put_column(text, c, cell, after_number);
		after_number = c->width > 0;
	}
	va_end(cells);
	*row = (struct wi_top_row){.text = strdup(text),
				   .name = name,
				   .by = {[WI_TOP_BY_RATE] = number(rate),
					  [WI_TOP_BY_BUSY] = number(busy),
					  [WI_TOP_BY_FAILURES] = number(failures)},
				   .place = rows->count};
	rows->failed = row->text == NULL;
	rows->count += !rows->failed;
}

/* -- the table --------------------------------------------------------------- */

static int
compare_place(const struct wi_top_row *a, const struct wi_top_row *b)
{
	return (a->place > b->place) - (a->place < b->place);
}

static int
compare_name(const void *a, const void *b, void *sort)
{
	const struct wi_top_row *first = a, *second = b;
	int order = strcmp(first->name, second->name);

	(void)sort;
	return order != 0 ? order : compare_place(first, second);
}

static int
compare_number(const void *a, const void *b, void *sort)
{
	const struct wi_top_row *first = a, *second = b;
	double one = first->by[*(const enum wi_top_sort *)sort];
	double other = second->by[*(const enum wi_top_sort *)sort];

	if (one != other)
		return one > other ? -1 : 1;
	return compare_place(first, second);
}

static void
make_title(const struct wi_top_rows *rows, const char *title, char text[WI_TOP_TEXT_SIZE])
{
	bool after_number = false;

	text[0] = '\0';
	put_left(text, title, rows->name_width);
	for (const struct wi_top_column *c = rows->columns; c->title != NULL; c++)
		if (is_shown(rows, c)) {
			put_column(text, c, c->title, after_number);
			after_number = c->width > 0;
		}
}

bool
wi_top_rows_add(struct wi_top_lines *lines, struct wi_top_rows *rows, const char *title)
{
	enum wi_top_sort sort = rows->view->sort;
	char text[WI_TOP_TEXT_SIZE];
	bool good = !rows->failed;

	if (good && rows->count > 0) {
		make_title(rows, title, text);
		good = wi_top_lines_add(lines, rows->view, WI_TOP_EMPTY, "") &&
		       wi_top_lines_add(lines, rows->view, WI_TOP_TITLE, text);
		if (sort != WI_TOP_BY_PLACE)
			qsort_r(rows->each, rows->count, sizeof(*rows->each),
				sort == WI_TOP_BY_NAME ? compare_name : compare_number, &sort);
	}
	for (uint32_t i = 0; i < rows->count; i++) {
		good = good && wi_top_lines_add(lines, rows->view, WI_TOP_ROW, rows->each[i].text);
		free(rows->each[i].text);
	}
	free(rows->each);
	return good;
}
