/* SPDX-License-Identifier: MIT */
/* full_text.c - see full_text.h. */
#include "full_text.h"

#include "watch_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PARTS_MAX = 3 };

static void __attribute__((format(printf, 3, 4)))
put(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + used, size - used, format, arguments);
	va_end(arguments);
}

/* "93 % of it in slack.notify (pool notify), 5 % in no handler (pool audit)" */
static void
put_parts(char *text, size_t size, const struct wi_shown_span *span)
{
	for (uint32_t i = 0; i < span->blame_count && i < PARTS_MAX; i++) {
		const struct wi_shown_blame *part = &span->blame[i];
		double share = span->ns > 0 ? (double)part->ns / (double)span->ns : 0;

		if (i > 0 && share < 0.01)
			break;
		put(text, size, ", %s %sin %s (%s%s)", wi_watch_text_share(share).text,
		    i == 0 ? "of it " : "", part->in != NULL ? part->in : "no handler",
		    part->pool != NULL ? "pool " : "a pool that was closed",
		    part->pool != NULL ? part->pool : "");
	}
}

void
wi_full_text_now(char *text, size_t size, const struct wi_snapshot *snapshot,
		 const struct wi_shown_ring *ring)
{
	const struct wi_shown_span *span = &ring->why->interval;

	snprintf(text, size, "ring %s full for %s (%s of the last %s)", ring->name,
		 wi_figures_time(span->ns).text, wi_watch_text_share(ring->full).text,
		 wi_watch_text_age(snapshot->interval_ns).text);
	put_parts(text, size, span);
}

void
wi_full_text_ever(char *text, size_t size, const struct wi_shown_ring *ring)
{
	const struct wi_shown_span *span = &ring->why->ever;

	snprintf(text, size, "ring %s was full for %s, %s time%s", ring->name,
		 wi_figures_time(span->ns).text, wi_figures_count(ring->now.full_count).text,
		 ring->now.full_count == 1 ? "" : "s");
	put_parts(text, size, span);
}

bool
wi_full_text_last(char *text, size_t size, const struct wi_shown_ring *ring)
{
	const struct wi_shown_full *why = ring->why;

	if (why->pool == NULL || why->in_count == 0)
		return false;
	snprintf(text, size, "  when it became full last:");
	for (uint32_t i = 0; i < why->in_count; i++)
		put(text, size, "%s %s/%u in %s", i > 0 ? "," : "", why->pool, (unsigned)i,
		    why->in[i] != NULL ? why->in[i] : "no handler");
	return true;
}
