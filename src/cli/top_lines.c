/* SPDX-License-Identifier: MIT */
/* top_lines.c - see top_lines.h. */
#include "top_lines.h"

#include "full_text.h"
#include "top_rows.h"
#include "watch_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FULL_MAX = 3 }; /* rings that the head tells of: it stays on the screen */

/* -- the bus ----------------------------------------------------------------- */

static bool
add_head(struct wi_top_lines *lines, const struct wi_snapshot *s, const struct wi_top_view *view)
{
	const weir_counters_header *header = &s->look.header;
	char text[WI_TOP_TEXT_SIZE], lost[32] = "-";

	snprintf(text, sizeof(text),
		 "%s  pid %" PRIu32 "  up %s  heartbeat %s ago  weir %s  topics %s", s->name,
		 header->pid, wi_watch_text_age(s->uptime_ns).text,
		 wi_watch_text_age(s->age_ns).text, s->version,
		 wi_figures_count(header->topic_count).text);
	if (!wi_top_lines_add(lines, view, WI_TOP_HEAD, text))
		return false;
	snprintf(text, sizeof(text), "published %6s/s  handled %6s/s  failed %6s/s  refused %6s/s",
		 wi_watch_text_rate(s->published).text, wi_watch_text_rate(s->handled).text,
		 wi_watch_text_rate(s->failed).text, wi_watch_text_rate(s->refused).text);
	if (!wi_top_lines_add(lines, view, WI_TOP_HEAD, text))
		return false;
	if (s->at_rest)
		snprintf(lost, sizeof(lost), "%" PRId64, header->lost);
	snprintf(text, sizeof(text),
		 "bytes     %6s/s  in flight %6s  fullest ring %5s  stuck %3" PRIu64 "  lost %s",
		 wi_watch_text_rate(s->bytes).text, wi_watch_text_number(header->in_flight).text,
		 wi_watch_text_share(s->fullest).text, s->stuck, lost);
	return wi_top_lines_add(lines, view, WI_TOP_HEAD, text);
}

static bool
add_state(struct wi_top_lines *lines, const struct wi_snapshot *s, const struct wi_top_view *view)
{
	static const char *const texts[] = {
		[WI_SNAPSHOT_STALE] = "no heartbeat: the process is stopped, or hangs as a whole",
		[WI_SNAPSHOT_CLOSED] = "the bus has been closed: this is what it showed last",
		[WI_SNAPSHOT_GONE] = "the process is gone: this is what it showed last"};

	if (s->state != WI_SNAPSHOT_ALIVE &&
	    !wi_top_lines_add(lines, view, WI_TOP_ALERT, texts[s->state]))
		return false;
	return !s->look.torn ||
	       wi_top_lines_add(lines, view, WI_TOP_ALERT,
				"cut in a writing: numbers may not fit each other");
}

static bool
add_stuck(struct wi_top_lines *lines, const struct wi_snapshot *s, const struct wi_top_view *view)
{
	char text[WI_TOP_TEXT_SIZE];

	for (uint32_t i = 0; i < s->dispatcher_count; i++) {
		const struct wi_shown_dispatcher *dispatcher = &s->dispatchers[i];

		if (!dispatcher->stuck)
			continue;
		snprintf(text, sizeof(text), "stuck: %s, thread %" PRIu32 ", in %s for at least %s",
			 dispatcher->name, dispatcher->now.thread, dispatcher->in,
			 wi_watch_text_age(dispatcher->held_ns).text);
		if (!wi_top_lines_wrap(lines, view, WI_TOP_ALERT, text))
			return false;
	}
	return true;
}

static int
compare_place(const void *a, const void *b)
{
	const struct wi_shown_ring *const *first = a, *const *second = b;

	return (*first > *second) - (*first < *second);
}

static int
compare_full(const void *a, const void *b)
{
	const struct wi_shown_ring *const *first = a, *const *second = b;

	if ((*first)->full != (*second)->full)
		return (*first)->full > (*second)->full ? -1 : 1;
	return compare_place(a, b);
}

/* Those that were full longest in the interval, in their order, and how many others were. */
static bool
add_full(struct wi_top_lines *lines, const struct wi_snapshot *s, const struct wi_top_view *view)
{
	const struct wi_shown_ring **rings = calloc(s->ring_count + 1u, sizeof(*rings));
	char text[WI_TOP_TEXT_SIZE];
	bool good = rings != NULL;
	size_t count = 0;

	for (uint32_t i = 0; good && i < s->ring_count; i++)
		if (s->rings[i].full > 0)
			rings[count++] = &s->rings[i];
	if (good)
		qsort(rings, count, sizeof(*rings), compare_full);
	if (good)
		qsort(rings, count < FULL_MAX ? count : FULL_MAX, sizeof(*rings), compare_place);
	for (size_t i = 0; good && i < count && i < FULL_MAX; i++) {
		wi_full_text_now(text, sizeof(text), s, rings[i]);
		good = wi_top_lines_wrap(lines, view, WI_TOP_ALERT, text);
	}
	if (good && count > FULL_MAX) {
		snprintf(text, sizeof(text), "%zu more %s full", count - FULL_MAX,
			 count - FULL_MAX == 1 ? "was" : "were");
		good = wi_top_lines_add(lines, view, WI_TOP_ALERT, text);
	}
	free(rings);
	return good;
}

bool
wi_top_lines_make(struct wi_top_lines *lines, const struct wi_snapshot *snapshot,
		  const struct wi_top_view *view)
{
	*lines = (struct wi_top_lines){.count = 0};
	return add_head(lines, snapshot, view) && add_state(lines, snapshot, view) &&
	       add_stuck(lines, snapshot, view) && add_full(lines, snapshot, view) &&
	       wi_top_add_tables(lines, snapshot, view);
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
	static const char *const texts[] = {"place", "rate", "busy", "name", "failures"};

	return texts[sort];
}
