/* SPDX-License-Identifier: MIT */
/* top_rows.h - the tables of `weir top`: columns that stay where they are, rows in an order. */
#ifndef WI_CLI_TOP_ROWS_H
#define WI_CLI_TOP_ROWS_H

#include "top_lines.h"

enum { WI_TOP_TEXT_SIZE = 4096 };

/*
 * Of a table beside its first, the name. A cell that is wider is cut, and ends in ~. A column without
 * a title (NULL) ends the list.
 */
struct wi_top_column {
	const char *title;
	int width;      /* above 0: to the right, after a blank; below 0: to the left; 0: the rest */
	size_t from;    /* shown where the view is as wide as that */
};

struct wi_top_row {
	char *text;
	const char *name;
	double by[WI_TOP_SORTS]; /* the greatest first */
	uint32_t place;
};

struct wi_top_rows {
	const struct wi_top_view *view;
	const struct wi_top_column *columns;
	struct wi_top_row *each;
	uint32_t count;
	size_t name_width;
	bool failed; /* no memory */
};

/* Room for so many rows. wi_top_rows_add() ends them. */
struct wi_top_rows wi_top_rows_begin(const struct wi_top_view *view,
				     const struct wi_top_column *columns, uint32_t capacity);

/* One more, to be sorted by these; then a text for each column, also for one that is not shown. */
void wi_top_rows_put(struct wi_top_rows *rows, const char *name, double rate, double busy,
		     double failures, ...);

/* The table, sorted, after an empty line; nothing if it has no rows. False: no memory. */
bool wi_top_rows_add(struct wi_top_lines *lines, struct wi_top_rows *rows, const char *title);

/* A line, cut to the view's width. False: no memory. */
bool wi_top_lines_add(struct wi_top_lines *lines, const struct wi_top_view *view,
		      enum wi_top_kind kind, const char *text);

/* The same, but what does not fit goes on in the next lines. */
bool wi_top_lines_wrap(struct wi_top_lines *lines, const struct wi_top_view *view,
		       enum wi_top_kind kind, const char *text);

/* Whether the filter lets one of them through; `other` may be NULL. */
bool wi_top_is_wanted(const struct wi_top_view *view, const char *name, const char *other);

/* top_tables.c. False: no memory. */
bool wi_top_add_tables(struct wi_top_lines *lines, const struct wi_snapshot *snapshot,
		       const struct wi_top_view *view);

#endif
