/* SPDX-License-Identifier: MIT */
/* watch_text.h - a snapshot's numbers for people, and as JSON. */
#ifndef WI_CLI_WATCH_TEXT_H
#define WI_CLI_WATCH_TEXT_H

#include "figures.h"
#include "watch/snapshot.h"

struct json_t;

struct wi_figure wi_watch_text_rate(double rate);       /* "-": none */
struct wi_figure wi_watch_text_share(double share);     /* 0 to 1: 12 % */
struct wi_figure wi_watch_text_age(uint64_t ns);        /* 12.3 s, 5 min, 3 h 12 min, 4 d 1 h */

/* The bus, without its sections; a rate that is none is null. */
struct json_t *wi_watch_json_head(const struct wi_snapshot *snapshot);

/* All of it. */
struct json_t *wi_watch_json(const struct wi_snapshot *snapshot);

#endif
