/* SPDX-License-Identifier: MIT */
/* watch_text.h - a snapshot's numbers for people, and as JSON. */
#ifndef WI_CLI_WATCH_TEXT_H
#define WI_CLI_WATCH_TEXT_H

#include "figures.h"
#include "watch/snapshot.h"

struct json_t;

struct wi_figure wi_watch_text_rate(double rate);       /* "-": none */
struct wi_figure wi_watch_text_share(double share);     /* 0 to 1: 12 %; "-": none */
struct wi_figure wi_watch_text_number(uint64_t number); /* 999, 12.3 k */
struct wi_figure wi_watch_text_age(uint64_t ns);        /* 12.3 s, 5 min, 3 h 12 min, 4 d 1 h */

/* One of its times, "-" if it has none. */
struct wi_figure wi_watch_text_time(const struct wi_times_summary *times, uint64_t ns);

/* The pools in front of it, with commas between them; "": none. */
void wi_watch_text_after(char *text, size_t size, const struct wi_snapshot *snapshot,
			 const struct wi_shown_pool *pool);

/* All of it; what is not known is null. */
struct json_t *wi_watch_json(const struct wi_snapshot *snapshot);

#endif
