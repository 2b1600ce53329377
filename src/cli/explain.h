/* SPDX-License-Identifier: MIT */
/*
 * explain.h - who gets an event of a topic, in which order, by a snapshot of a bus: pools as they
 * see it, and the handlers of each as they are called.
 *
 * Matching is the engine's own (core/pattern.h), and so is the order: priority, then serial. The
 * snapshot may come from a file that anybody has written.
 */
#ifndef WI_CLI_EXPLAIN_H
#define WI_CLI_EXPLAIN_H

#include <stdio.h>

#include "watch/snapshot.h"

struct wi_config;

enum { WI_EXPLAIN_NEAR = 3 };

enum wi_explain_source {
	WI_EXPLAIN_PROCESS, /* a running one, or what it has left */
	WI_EXPLAIN_OPTIONS, /* arguments of `weir run` */
	WI_EXPLAIN_CONFIG   /* a host's file, beside them */
};

struct wi_explain_handler {
	const struct wi_shown_handler *shown;
	uint32_t place; /* 1, 2, ...: in the order of calls; 0: it matches, and is passed over */
};

struct wi_explain_pool {
	const struct wi_shown_pool *shown;
	uint32_t index;      /* in the snapshot */
	uint32_t depth;      /* below what it is after, of which the last stands above it */
	bool circle;         /* a damaged file says that it is after itself */
	size_t first, count; /* of the handlers that match */
};

struct wi_explain {
	const char *topic;
	const struct wi_snapshot *snapshot;
	enum wi_explain_source source;
	const struct wi_config *config; /* of WI_EXPLAIN_CONFIG */
	struct wi_explain_pool *pools;  /* in the order in which they see the event */
	uint32_t pool_count;
	struct wi_explain_handler *handlers; /* of the first pool, of the second, ... */
	size_t matching, getting;
	const struct wi_shown_handler
		*near[WI_EXPLAIN_NEAR]; /* where none matches; the nearest first */
	size_t near_count;
};

/* NULL: a topic that there may be. Otherwise what is wrong, in words that follow the name. */
const char *wi_explain_problem(const char *topic);

/* False: no memory. Topic and snapshot are the caller's and must last. wi_explain_fini() always. */
bool wi_explain_make(struct wi_explain *explain, const char *topic,
		     const struct wi_snapshot *snapshot);
void wi_explain_fini(struct wi_explain *explain);

/* "weir.gap": of each pool that skips, only for itself. */
bool wi_explain_is_gap(const struct wi_explain *explain);

/* Enabled plugins of the configuration; which topics they subscribe to only they know. */
size_t wi_explain_plugin_count(const struct wi_explain *explain);

/* Of a pool, as its options are called; "unknown" for what the file may also hold. */
const char *wi_explain_order(const weir_counters_pool *pool);
const char *wi_explain_behind(const weir_counters_pool *pool);
const char *wi_explain_wait(const weir_counters_pool *pool);

/* Failures of calls and of batches. */
uint64_t wi_explain_failures(const struct wi_explain_handler *handler);

/* A dispatcher of the pool that has been in a call for so long that the bus calls it stuck. */
bool wi_explain_is_stuck(const struct wi_shown_dispatcher *dispatcher,
			 const struct wi_explain_pool *pool);

/* Whether the pool is after that one, by their places in the snapshot. */
bool wi_explain_is_after(const struct wi_snapshot *snapshot, uint32_t pool, uint32_t other);

/* For people, and as one JSON object in a line. */
void wi_explain_text(const struct wi_explain *explain, FILE *stream);
void wi_explain_json(const struct wi_explain *explain, FILE *stream);

#endif
