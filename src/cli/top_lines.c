/* SPDX-License-Identifier: MIT */
/* top_lines.c - see top_lines.h. */
#include "top_lines.h"

#include "watch_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROW_SIZE = 1024,
	FIXED = 66,             /* columns of a table beside its first, */
	FIXED_HANDLERS = 58,    /*   of the handlers' */
	NAME_MIN = 14,
	NAME_MAX = 32,
	WIDE = 110,             /* from here on patterns are shown, too */
	PATTERN = 30,
	BAR = 14
};

struct row {
	char text[ROW_SIZE];
	const char *name;
	double rate, failures;
	uint32_t place;
};

struct rows {
	struct row *each;
	uint32_t count;
};

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

/* A name in so many columns and a blank, cut or filled up. */
static void
put_name(char *row, const char *name, size_t columns)
{
	size_t used = strlen(row), width = width_of(name);
	char *end;

	snprintf(row + used, ROW_SIZE - used, "%s", name);
	if (width >= columns) {
		end = end_at(row + used, columns - 2);
		strcpy(end, "~");
		width = columns - 1;
	}
	used = strlen(row);
	snprintf(row + used, ROW_SIZE - used, "%*s", (int)(columns - width), "");
}

static void __attribute__((format(printf, 2, 3)))
put(char *row, const char *format, ...)
{
	size_t used = strlen(row);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(row + used, ROW_SIZE - used, format, arguments);
	va_end(arguments);
}

static bool
add_line(struct wi_top_lines *lines, const struct wi_top_view *view, enum wi_top_kind kind,
	 const char *text)
{
	struct wi_top_line *each;
	char *copy;

	/* Room for twice as many whenever the count is a power of two. */
	if ((lines->count & (lines->count - 1)) == 0) {
		each = realloc(lines->each, (lines->count > 0 ? 2 * lines->count : 1) * sizeof(*each));
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

static size_t
name_width(const struct wi_top_view *view, size_t fixed)
{
	size_t room = view->width > fixed + NAME_MIN ? view->width - fixed : NAME_MIN;

	if (view->width >= WIDE)
		room -= PATTERN;
	return room < NAME_MIN ? NAME_MIN : room > NAME_MAX ? NAME_MAX : room;
}

/* -- the bus ----------------------------------------------------------------- */

static bool
add_head(struct wi_top_lines *lines, const struct wi_snapshot *s, const struct wi_top_view *view)
{
	const weir_counters_header *header = &s->look.header;
	char text[ROW_SIZE], lost[32] = "-";

	snprintf(text, sizeof(text), "%s  pid %" PRIu32 "  up %s  heartbeat %s ago  weir %s", s->name,
		 header->pid, wi_watch_text_age(s->uptime_ns).text,
		 wi_watch_text_age(s->age_ns).text, s->version);
	if (!add_line(lines, view, WI_TOP_HEAD, text))
		return false;
	snprintf(text, sizeof(text),
		 "published %s/s  handled %s/s  failed %s/s  refused %s/s  bytes %s/s",
		 wi_watch_text_rate(s->published).text, wi_watch_text_rate(s->handled).text,
		 wi_watch_text_rate(s->failed).text, wi_watch_text_rate(s->refused).text,
		 wi_watch_text_rate(s->bytes).text);
	if (!add_line(lines, view, WI_TOP_HEAD, text))
		return false;
	if (s->at_rest)
		snprintf(lost, sizeof(lost), "%" PRId64, header->lost);
	snprintf(text, sizeof(text),
		 "in flight %s  fullest ring %s  stuck %" PRIu64 "  lost %s  topics %s",
		 wi_figures_count(header->in_flight).text, wi_watch_text_share(s->fullest).text,
		 s->stuck, lost, wi_figures_count(header->topic_count).text);
	return add_line(lines, view, WI_TOP_HEAD, text);
}

static bool
add_state(struct wi_top_lines *lines, const struct wi_snapshot *s, const struct wi_top_view *view)
{
	static const char *const texts[] = {
		[WI_SNAPSHOT_STALE] = "no heartbeat: the process is stopped, or hangs as a whole",
		[WI_SNAPSHOT_CLOSED] = "the bus has been closed: this is what it showed last",
		[WI_SNAPSHOT_GONE] = "the process is gone: this is what it showed last"};

	if (s->state != WI_SNAPSHOT_ALIVE && !add_line(lines, view, WI_TOP_ALERT, texts[s->state]))
		return false;
	return !s->look.torn ||
	       add_line(lines, view, WI_TOP_ALERT, "cut in a writing: numbers may not fit each other");
}

static bool
add_stuck(struct wi_top_lines *lines, const struct wi_snapshot *s, const struct wi_top_view *view)
{
	char text[ROW_SIZE];

	for (uint32_t i = 0; i < s->dispatcher_count; i++) {
		const struct wi_shown_dispatcher *dispatcher = &s->dispatchers[i];

		if (!dispatcher->stuck)
			continue;
		snprintf(text, sizeof(text), "stuck: %s, thread %" PRIu32 ", in %s for at least %s",
			 dispatcher->name, dispatcher->now.thread, dispatcher->in,
			 wi_watch_text_age(dispatcher->held_ns).text);
		if (!add_line(lines, view, WI_TOP_ALERT, text))
			return false;
	}
	return true;
}

/* -- rows -------------------------------------------------------------------- */

static double
number(double rate)
{
	return isnan(rate) ? -1 : rate;
}

static int
compare_place(const struct row *a, const struct row *b)
{
	return (a->place > b->place) - (a->place < b->place);
}

static int
compare_rate(const void *a, const void *b)
{
	const struct row *first = a, *second = b;

	if (first->rate != second->rate)
		return first->rate > second->rate ? -1 : 1;
	return compare_place(first, second);
}

static int
compare_failures(const void *a, const void *b)
{
	const struct row *first = a, *second = b;

	if (first->failures != second->failures)
		return first->failures > second->failures ? -1 : 1;
	return compare_place(first, second);
}

static int
compare_name(const void *a, const void *b)
{
	const struct row *first = a, *second = b;
	int order = strcmp(first->name, second->name);

	return order != 0 ? order : compare_place(first, second);
}

static bool
add_rows(struct wi_top_lines *lines, const struct wi_top_view *view, const char *title,
	 struct rows *rows)
{
	static int (*const compare[WI_TOP_SORTS])(const void *, const void *) = {
		[WI_TOP_BY_RATE] = compare_rate,
		[WI_TOP_BY_NAME] = compare_name,
		[WI_TOP_BY_FAILURES] = compare_failures};
	bool good = rows->count == 0 || (add_line(lines, view, WI_TOP_EMPTY, "") &&
					 add_line(lines, view, WI_TOP_TITLE, title));

	if (compare[view->sort] != NULL && rows->count > 0)
		qsort(rows->each, rows->count, sizeof(*rows->each), compare[view->sort]);
	for (uint32_t i = 0; good && i < rows->count; i++)
		good = add_line(lines, view, WI_TOP_ROW, rows->each[i].text);
	free(rows->each);
	return good;
}

static struct row *
next_row(struct rows *rows, size_t width, const char *name, double rate, double failures)
{
	struct row *row = &rows->each[rows->count];

	*row = (struct row){.name = name, .rate = number(rate), .failures = number(failures),
			    .place = rows->count};
	rows->count++;
	put_name(row->text, name, width);
	return row;
}

static bool
is_wanted(const struct wi_top_view *view, const char *name, const char *other)
{
	return view->filter[0] == '\0' || strcasestr(name, view->filter) != NULL ||
	       (other != NULL && strcasestr(other, view->filter) != NULL);
}

/* -- the sections ------------------------------------------------------------ */

static bool
add_pools(struct wi_top_lines *lines, const struct wi_snapshot *s, const struct wi_top_view *view)
{
	struct rows rows = {calloc(s->pool_count + 1u, sizeof(struct row)), 0};
	char title[ROW_SIZE] = "";

	put_name(title, "POOL", name_width(view, FIXED));
	put(title, "%8s %9s %8s %8s %8s %8s %5s %5s", "seen/s", "routed/s", "a batch", "parks/s",
	    "wakes/s", "skipped", "late", "stuck");
	for (uint32_t i = 0; rows.each != NULL && i < s->pool_count; i++) {
		const struct wi_shown_pool *pool = &s->pools[i];

		if (is_wanted(view, pool->name, NULL))
			put(next_row(&rows, name_width(view, FIXED), pool->name, pool->seen, (double)pool->now.stuck)->text,
			    "%8s %9s %8s %8s %8s %8s %5s %5s", wi_watch_text_rate(pool->seen).text,
			    wi_watch_text_rate(pool->routed).text,
			    wi_watch_text_rate(pool->batches > 0 ? pool->seen / pool->batches : NAN).text,
			    wi_watch_text_rate(pool->parks).text,
			    wi_watch_text_rate(pool->wakes).text,
			    wi_figures_rate(pool->now.skipped_behind, UINT64_C(1000000000)).text,
			    wi_figures_count(pool->now.late_wakes).text,
			    wi_figures_count(pool->now.stuck).text);
	}
	return rows.each != NULL && add_rows(lines, view, title, &rows);
}

static bool
add_dispatchers(struct wi_top_lines *lines, const struct wi_snapshot *s,
		const struct wi_top_view *view)
{
	struct rows rows = {calloc(s->dispatcher_count + 1u, sizeof(struct row)), 0};
	char title[ROW_SIZE] = "";

	put_name(title, "DISPATCHER", name_width(view, FIXED));
	put(title, "%8s %9s %9s %8s  %s", "thread", "routed/s", "batches/s", "parks/s", "in");
	for (uint32_t i = 0; rows.each != NULL && i < s->dispatcher_count; i++) {
		const struct wi_shown_dispatcher *d = &s->dispatchers[i];
		struct row *row;

		if (!is_wanted(view, d->name, d->in))
			continue;
		row = next_row(&rows, name_width(view, FIXED), d->name, d->routed, d->stuck);
		put(row->text, "%8" PRIu32 " %9s %9s %8s  %s", d->now.thread,
		    wi_watch_text_rate(d->routed).text, wi_watch_text_rate(d->batches).text,
		    wi_watch_text_rate(d->parks).text, d->in != NULL ? d->in : "");
		if (d->held_ns > 0)
			put(row->text, ", %s", wi_watch_text_age(d->held_ns).text);
	}
	return rows.each != NULL && add_rows(lines, view, title, &rows);
}

static const char *
bar(double fill)
{
	static const char full[] = "##############";
	int length = (int)ceil(fill * BAR);

	return full + BAR - (length < 0 ? 0 : length > BAR ? BAR : length);
}

static bool
add_rings(struct wi_top_lines *lines, const struct wi_snapshot *s, const struct wi_top_view *view)
{
	struct rows rows = {calloc(s->ring_count + 1u, sizeof(struct row)), 0};
	char title[ROW_SIZE] = "";

	put_name(title, "RING", name_width(view, FIXED));
	put(title, "%8s %9s %9s %8s %6s  %s", "events/s", "bytes/s", "refused/s", "size", "fill", "");
	for (uint32_t i = 0; rows.each != NULL && i < s->ring_count; i++) {
		const struct wi_shown_ring *ring = &s->rings[i];

		if ((!ring->now.open && ring->now.in_ring == 0) || !is_wanted(view, ring->name, NULL))
			continue;
		put(next_row(&rows, name_width(view, FIXED), ring->name, ring->committed, ring->refused)->text,
		    "%8s %9s %9s %8s %6s  %s%s", wi_watch_text_rate(ring->committed).text,
		    wi_watch_text_rate(ring->bytes).text, wi_watch_text_rate(ring->refused).text,
		    wi_figures_bytes(ring->now.ring_size).text, wi_watch_text_share(ring->fill).text,
		    bar(ring->fill), ring->now.open ? "" : " closed");
	}
	return rows.each != NULL && add_rows(lines, view, title, &rows);
}

static void
put_code(char text[32], const struct wi_shown_handler *handler)
{
	if (handler->code_count == 0)
		strcpy(text, "-");
	else if (handler->code_other)
		strcpy(text, "others");
	else
		snprintf(text, 32, "%" PRId32, handler->code);
}

static bool
add_handlers(struct wi_top_lines *lines, const struct wi_snapshot *s,
	     const struct wi_top_view *view)
{
	struct rows rows = {calloc(s->handler_count + 1u, sizeof(struct row)), 0};
	size_t width = name_width(view, FIXED_HANDLERS);
	char title[ROW_SIZE] = "", code[32];

	put_name(title, "HANDLER", width);
	put_name(title, "POOL", 10);
	put(title, "%8s %9s %7s %7s  %-11s %s", "ok/s", "failed/s", "failed", "mostly", "state",
	    view->width >= WIDE ? "pattern" : "");
	for (uint32_t i = 0; rows.each != NULL && i < s->handler_count; i++) {
		const struct wi_shown_handler *h = &s->handlers[i];
		struct row *row;

		if (!is_wanted(view, h->name, h->pattern))
			continue;
		put_code(code, h);
		row = next_row(&rows, width, h->name, h->ok, (double)h->now.failed);
		put_name(row->text, h->pool, 10);
		put(row->text, "%8s %9s %7s %7s  %-11s %s", wi_watch_text_rate(h->ok).text,
		    wi_watch_text_rate(h->failed).text,
		    wi_figures_rate(h->now.failed, UINT64_C(1000000000)).text, code,
		    wi_snapshot_handler_state(h->now.state), view->width >= WIDE ? h->pattern : "");
	}
	return rows.each != NULL && add_rows(lines, view, title, &rows);
}

bool
wi_top_lines_make(struct wi_top_lines *lines, const struct wi_snapshot *snapshot,
		  const struct wi_top_view *view)
{
	*lines = (struct wi_top_lines){.count = 0};
	return add_head(lines, snapshot, view) && add_state(lines, snapshot, view) &&
	       add_stuck(lines, snapshot, view) && add_pools(lines, snapshot, view) &&
	       add_dispatchers(lines, snapshot, view) && add_rings(lines, snapshot, view) &&
	       add_handlers(lines, snapshot, view);
}

void
wi_top_lines_fini(struct wi_top_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->each[i].text);
	free(lines->each);
	*lines = (struct wi_top_lines){.count = 0};
}

const char *
wi_top_sort_text(enum wi_top_sort sort)
{
	static const char *const texts[] = {"place", "rate", "name", "failures"};

	return texts[sort];
}
