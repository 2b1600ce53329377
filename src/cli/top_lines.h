/* SPDX-License-Identifier: MIT */
/* top_lines.h - a snapshot as lines of text: what a file gets and what a screen shows a part of. */
#ifndef WI_CLI_TOP_LINES_H
#define WI_CLI_TOP_LINES_H

#include "watch/snapshot.h"

enum wi_top_kind {
	WI_TOP_HEAD,    /* of the bus */
	WI_TOP_ALERT,
	WI_TOP_EMPTY,
	WI_TOP_TITLE,   /* of columns */
	WI_TOP_ROW
};

enum wi_top_sort {
	WI_TOP_BY_PLACE,
	WI_TOP_BY_RATE,
	WI_TOP_BY_BUSY,         /* a ring: by how full it is */
	WI_TOP_BY_NAME,
	WI_TOP_BY_FAILURES,
	WI_TOP_SORTS
};

struct wi_top_line {
	char *text;
	enum wi_top_kind kind;
};

struct wi_top_lines {
	struct wi_top_line *each;
	size_t count;
};

struct wi_top_view {
	size_t width;           /* columns */
	enum wi_top_sort sort;
	const char *filter;     /* in a name or a pattern; "": all */
};

/* False: no memory. wi_top_lines_fini() in both cases. No line is longer than the view is wide. */
bool wi_top_lines_make(struct wi_top_lines *lines, const struct wi_snapshot *snapshot,
		       const struct wi_top_view *view);
void wi_top_lines_fini(struct wi_top_lines *lines);

const char *wi_top_sort_text(enum wi_top_sort sort);

#endif
