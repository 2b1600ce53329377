/* SPDX-License-Identifier: MIT */
/* top_tables.c - pools, dispatchers, rings and handlers; see top_rows.h. */
#include "top_rows.h"

#include "full_text.h"
#include "watch_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MORE = 100, WIDE = 120, ALL = 150 }; /* columns of the terminal */

static struct wi_figure
number_of(uint32_t number)
{
	struct wi_figure figure;

	snprintf(figure.text, sizeof(figure.text), "%" PRIu32, number);
	return figure;
}

static struct wi_figure
ratio_of(double a, double b)
{
	return wi_watch_text_rate(b > 0 ? a / b : NAN);
}

/* -- pools ------------------------------------------------------------------- */

static const struct wi_top_column pool_columns[] = {
	{"seen/s", 7, 0},  {"routed/s", 9, WIDE}, {"a batch", 8, WIDE}, {"busy", 6, 0},
	{"waiting", 8, 0}, {"bytes", 8, WIDE},    {"wait p50", 9, 0},   {"p99", 8, 0},
	{"max", 8, 0},     {"skipped", 8, 0},     {"parks/s", 8, ALL},  {"wakes/s", 8, ALL},
	{"late", 7, ALL},  {"stuck", 6, 0},       {"after", 0, MORE},   {NULL, 0, 0}};

static bool
add_pools(struct wi_top_lines *lines, const struct wi_snapshot *s, const struct wi_top_view *view)
{
	struct wi_top_rows rows = wi_top_rows_begin(view, pool_columns, s->pool_count);
	char after[WI_TOP_TEXT_SIZE];

	for (uint32_t i = 0; i < s->pool_count; i++) {
		const struct wi_shown_pool *pool = &s->pools[i];
		const struct wi_times_summary *waiting = &pool->waiting.of;

		if (!wi_top_is_wanted(view, pool->name, NULL))
			continue;
		wi_watch_text_after(after, sizeof(after), s, pool);
		wi_top_rows_put(
			&rows, pool->name, pool->seen, pool->busy, (double)pool->now.stuck,
			wi_watch_text_rate(pool->seen).text, wi_watch_text_rate(pool->routed).text,
			ratio_of(pool->seen, pool->batches).text,
			wi_watch_text_share(pool->busy).text,
			wi_watch_text_number(pool->now.waiting).text,
			wi_figures_bytes((double)pool->now.waiting_bytes).text,
			wi_watch_text_time(waiting, waiting->p50_ns).text,
			wi_watch_text_time(waiting, waiting->p99_ns).text,
			wi_watch_text_time(waiting, waiting->max_ns).text,
			wi_watch_text_number(pool->now.skipped_behind).text,
			wi_watch_text_rate(pool->parks).text, wi_watch_text_rate(pool->wakes).text,
			wi_watch_text_number(pool->now.late_wakes).text,
			wi_watch_text_number(pool->now.stuck).text, after);
	}
	return wi_top_rows_add(lines, &rows, "POOL");
}

/* -- dispatchers ------------------------------------------------------------- */

static const struct wi_top_column dispatcher_columns[] = {
	{"thread", 8, 0}, {"routed/s", 9, 0}, {"batches/s", 10, 0}, {"parks/s", 8, WIDE},
	{"busy", 6, 0},   {"for", 12, 0},     {"in", 0, 0},         {NULL, 0, 0}};

static bool
add_dispatchers(struct wi_top_lines *lines, const struct wi_snapshot *s,
		const struct wi_top_view *view)
{
	struct wi_top_rows rows = wi_top_rows_begin(view, dispatcher_columns, s->dispatcher_count);

	for (uint32_t i = 0; i < s->dispatcher_count; i++) {
		const struct wi_shown_dispatcher *d = &s->dispatchers[i];

		if (wi_top_is_wanted(view, d->name, d->in))
			wi_top_rows_put(&rows, d->name, d->routed, d->busy, (double)d->stuck,
					number_of(d->now.thread).text,
					wi_watch_text_rate(d->routed).text,
					wi_watch_text_rate(d->batches).text,
					wi_watch_text_rate(d->parks).text,
					wi_watch_text_share(d->busy).text,
					d->held_ns > 0 ? wi_watch_text_age(d->held_ns).text : "",
					d->in != NULL ? d->in : "");
	}
	return wi_top_rows_add(lines, &rows, "DISPATCHER");
}

/* -- rings ------------------------------------------------------------------- */

static const struct wi_top_column ring_columns[] = {
	{"events/s", 9, 0},  {"bytes/s", 8, MORE}, {"refused/s", 10, 0}, {"size", 8, 0},
	{"fill", 6, 0},      {"high", 6, 0},       {"full", 6, 0},       {"in all", 8, MORE},
	{"slowest", -12, 0}, {"", -15, WIDE},      {"", 0, 0},           {NULL, 0, 0}};

static const char *
bar(double fill)
{
	static const char full[] = "##############";
	size_t count = (size_t)(fill * (double)(sizeof(full) - 1) + 0.5);

	return full + sizeof(full) - 1 - (count < sizeof(full) ? count : sizeof(full) - 1);
}

/* Why they were full, also those that are not in this moment. */
static bool
add_whys(struct wi_top_lines *lines, const struct wi_snapshot *s, const struct wi_top_view *view)
{
	char text[WI_TOP_TEXT_SIZE];
	bool good = true;

	for (uint32_t i = 0; good && i < s->ring_count; i++) {
		const struct wi_shown_ring *ring = &s->rings[i];

		if (ring->why == NULL || !wi_top_is_wanted(view, ring->name, NULL))
			continue;
		wi_full_text_ever(text, sizeof(text), ring);
		good = wi_top_lines_wrap(lines, view, WI_TOP_ROW, text) &&
		       (!wi_full_text_last(text, sizeof(text), ring) ||
			wi_top_lines_wrap(lines, view, WI_TOP_ROW, text));
	}
	return good;
}

static bool
add_rings(struct wi_top_lines *lines, const struct wi_snapshot *s, const struct wi_top_view *view)
{
	struct wi_top_rows rows = wi_top_rows_begin(view, ring_columns, s->ring_count);

	for (uint32_t i = 0; i < s->ring_count; i++) {
		const struct wi_shown_ring *ring = &s->rings[i];

		if ((ring->now.open || ring->now.in_ring > 0) &&
		    wi_top_is_wanted(view, ring->name, NULL))
			wi_top_rows_put(&rows, ring->name, ring->committed, ring->fill,
					ring->refused, wi_watch_text_rate(ring->committed).text,
					wi_watch_text_rate(ring->bytes).text,
					wi_watch_text_rate(ring->refused).text,
					wi_figures_bytes(ring->now.ring_size).text,
					wi_watch_text_share(ring->fill).text,
					wi_watch_text_share(ring->high).text,
					wi_watch_text_share(ring->full).text,
					ring->now.full_ns > 0
						? wi_figures_time(ring->now.full_ns).text
						: "-",
					ring->slowest != NULL ? ring->slowest : "-",
					bar(ring->fill), ring->now.open ? "" : "closed");
	}
	return wi_top_rows_add(lines, &rows, "RING") && add_whys(lines, s, view);
}

/* -- handlers ---------------------------------------------------------------- */

static const struct wi_top_column handler_columns[] = {
	{"POOL", -9, 0},  {"ok/s", 7, 0},     {"failed/s", 9, WIDE}, {"failed", 7, 0},
	{"p50", 8, MORE}, {"p99", 8, 0},      {"max", 8, MORE},      {"share", 6, 0},
	{"code", 7, 0},   {"mostly", 8, ALL}, {"state", -12, 0},     {"pattern", 0, WIDE},
	{NULL, 0, 0}};

static struct wi_figure
code_of(int32_t code, bool failed)
{
	struct wi_figure figure = {"-"};

	if (failed)
		snprintf(figure.text, sizeof(figure.text), "%" PRId32, code);
	return figure;
}

static struct wi_figure
mostly_of(const struct wi_shown_handler *handler)
{
	struct wi_figure others = {"others"};

	return handler->code_count > 0 && handler->code_other
		       ? others
		       : code_of(handler->code, handler->code_count > 0);
}

static bool
add_handlers(struct wi_top_lines *lines, const struct wi_snapshot *s,
	     const struct wi_top_view *view)
{
	struct wi_top_rows rows = wi_top_rows_begin(view, handler_columns, s->handler_count);

	for (uint32_t i = 0; i < s->handler_count; i++) {
		const struct wi_shown_handler *h = &s->handlers[i];
		const struct wi_times_summary *handling = &h->handling.of;

		if (!wi_top_is_wanted(view, h->name, h->pattern))
			continue;
		wi_top_rows_put(&rows, h->name, h->ok, h->share, (double)h->now.failed, h->pool,
				wi_watch_text_rate(h->ok).text, wi_watch_text_rate(h->failed).text,
				wi_watch_text_number(h->now.failed).text,
				wi_watch_text_time(handling, handling->p50_ns).text,
				wi_watch_text_time(handling, handling->p99_ns).text,
				wi_watch_text_time(handling, handling->max_ns).text,
				wi_watch_text_share(h->share).text,
				code_of(h->now.last_code, h->now.failed > 0).text,
				mostly_of(h).text, wi_snapshot_handler_state(h->now.state),
				h->pattern);
	}
	return wi_top_rows_add(lines, &rows, "HANDLER");
}

bool
wi_top_add_tables(struct wi_top_lines *lines, const struct wi_snapshot *snapshot,
		  const struct wi_top_view *view)
{
	return add_pools(lines, snapshot, view) && add_dispatchers(lines, snapshot, view) &&
	       add_rings(lines, snapshot, view) && add_handlers(lines, snapshot, view);
}
