/* SPDX-License-Identifier: MIT */
/* explain.c - see explain.h. */
#include "explain.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <weir/weir.h>

#include "config.h"
#include "core/pattern.h"
#include "pools.h"

#define GAP "weir.gap"

enum { AFTER_MAX = 32 }; /* the file has a bit for each pool */

const char *
wi_explain_problem(const char *topic)
{
	if (!wi_pattern_exact(topic) && wi_pattern_valid(topic))
		return "is a pattern, and an event has one topic: name that";
	if (!wi_name_valid(topic))
		return "is not allowed: words of A-Z a-z 0-9 _ -, joined by dots, at most 255 "
		       "bytes";
	if (wi_name_own(topic) && strcmp(topic, GAP) != 0 &&
	    strcmp(topic, "weir.failed.deliver") != 0)
		return "is not allowed: below \"weir.\" there are only weir.failed.deliver and "
		       "weir.gap";
	return NULL;
}

bool
wi_explain_is_gap(const struct wi_explain *explain)
{
	return strcmp(explain->topic, GAP) == 0;
}

size_t
wi_explain_plugin_count(const struct wi_explain *explain)
{
	size_t count = 0;

	for (size_t i = 0; explain->config != NULL && i < explain->config->plugin_count; i++)
		count += explain->config->plugins[i].enabled;
	return count;
}

/* -- words ------------------------------------------------------------------- */

const char *
wi_explain_order(const weir_counters_pool *pool)
{
	return pool->order == WEIR_ORDER_PRODUCER ? "producer"
	       : pool->order == WEIR_ORDER_KEY    ? "key"
						  : "unknown";
}

const char *
wi_explain_behind(const weir_counters_pool *pool)
{
	return pool->behind == WEIR_BEHIND_HOLD   ? "hold"
	       : pool->behind == WEIR_BEHIND_SKIP ? "skip"
						  : "unknown";
}

const char *
wi_explain_wait(const weir_counters_pool *pool)
{
	return pool->wait <= WEIR_WAIT_PARK ? wi_pool_wait_text((weir_wait)pool->wait) : "unknown";
}

uint64_t
wi_explain_failures(const struct wi_explain_handler *handler)
{
	return handler->shown->now.failed + handler->shown->now.failed_batches;
}

bool
wi_explain_is_stuck(const struct wi_shown_dispatcher *dispatcher,
		    const struct wi_explain_pool *pool)
{
	return dispatcher->now.pool == pool->index && dispatcher->in != NULL &&
	       dispatcher->now.lasted_ns >= WI_SNAPSHOT_STUCK_NS;
}

/* -- pools ------------------------------------------------------------------- */

bool
wi_explain_is_after(const struct wi_snapshot *snapshot, uint32_t pool, uint32_t other)
{
	return other < AFTER_MAX && snapshot->pools[pool].now.after >> other & 1;
}

static bool
is_ready(const struct wi_snapshot *snapshot, const bool *placed, uint32_t pool)
{
	for (uint32_t other = 0; other < snapshot->pool_count && other < AFTER_MAX; other++)
		if (wi_explain_is_after(snapshot, pool, other) && !placed[other])
			return false;
	return !placed[pool];
}

static void
append(struct wi_explain *explain, bool *placed, uint32_t pool, uint32_t depth, bool circle)
{
	explain->pools[explain->pool_count++] =
		(struct wi_explain_pool){.shown = &explain->snapshot->pools[pool],
					 .index = pool,
					 .depth = depth,
					 .circle = circle};
	placed[pool] = true;
}

/* A pool, and below it those that waited for just this one. */
static void
place(struct wi_explain *explain, bool *placed, uint32_t pool, uint32_t depth)
{
	append(explain, placed, pool, depth, false);
	for (uint32_t next = 0; next < explain->snapshot->pool_count; next++)
		if (wi_explain_is_after(explain->snapshot, next, pool) &&
		    is_ready(explain->snapshot, placed, next))
			place(explain, placed, next, depth + 1);
}

static bool
order_pools(struct wi_explain *explain)
{
	const struct wi_snapshot *snapshot = explain->snapshot;
	bool *placed = calloc(snapshot->pool_count + 1u, sizeof(*placed));

	uint32_t count;

	explain->pools = calloc(snapshot->pool_count + 1u, sizeof(*explain->pools));
	count = placed != NULL && explain->pools != NULL ? snapshot->pool_count : 0;

	for (uint32_t pool = 0; pool < count; pool++)
		if (is_ready(snapshot, placed, pool))
			place(explain, placed, pool, 0);
	for (uint32_t pool = 0; pool < count; pool++)
		if (!placed[pool])
			append(explain, placed, pool, 0, true);
	free(placed);
	return count == snapshot->pool_count;
}

/* -- handlers ---------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const weir_counters_subscription *first =
		&((const struct wi_explain_handler *)a)->shown->now;
	const weir_counters_subscription *second =
		&((const struct wi_explain_handler *)b)->shown->now;

	if (first->priority != second->priority)
		return first->priority > second->priority ? -1 : 1;
	return (first->serial > second->serial) - (first->serial < second->serial);
}

/* Of damaged files a pattern may be anything. */
static bool
matches(const struct wi_explain *explain, const struct wi_shown_handler *handler)
{
	return wi_pattern_valid(handler->pattern) &&
	       wi_pattern_matches(handler->pattern, explain->topic);
}

static void
take_handlers(struct wi_explain *explain, struct wi_explain_pool *pool)
{
	const struct wi_snapshot *snapshot = explain->snapshot;
	bool skips = pool->shown->now.behind == WEIR_BEHIND_SKIP;
	uint32_t place = 0;

	pool->first = explain->matching;
	for (uint32_t i = 0; i < snapshot->handler_count; i++)
		if (snapshot->handlers[i].now.pool == pool->index &&
		    matches(explain, &snapshot->handlers[i]))
			explain->handlers[explain->matching++].shown = &snapshot->handlers[i];
	pool->count = explain->matching - pool->first;
	if (pool->count > 1)
		qsort(explain->handlers + pool->first, pool->count, sizeof(*explain->handlers),
		      compare);
	for (size_t i = pool->first; i < explain->matching; i++)
		if (explain->handlers[i].shown->now.state == WEIR_SUBSCRIPTION_ACTIVE &&
		    (skips || !wi_explain_is_gap(explain)))
			explain->handlers[i].place = ++place;
	explain->getting += place;
}

/* -- what is near ------------------------------------------------------------ */

/* Words that are the same in the same place, of which a wildcard is half a one; 0: no word is. */
static unsigned
nearness(const char *pattern, const char *topic)
{
	unsigned same = 0, wild = 0;

	for (;;) {
		size_t length = strcspn(pattern, "."), wanted = strcspn(topic, ".");

		if (length == wanted && strncasecmp(pattern, topic, length) == 0)
			same++;
		else if (*pattern == '*' || *pattern == '>')
			wild++;
		if (pattern[length] == '\0' || topic[wanted] == '\0')
			break;
		pattern += length + 1;
		topic += wanted + 1;
	}
	return same > 0 ? 2 * same + wild : 0;
}

static bool
is_near_already(const struct wi_explain *explain, const struct wi_shown_handler *handler)
{
	for (size_t i = 0; i < explain->near_count; i++)
		if (explain->near[i]->now.pool == handler->now.pool &&
		    strcmp(explain->near[i]->pattern, handler->pattern) == 0 &&
		    strcmp(explain->near[i]->name, handler->name) == 0)
			return true;
	return false;
}

static void
find_near(struct wi_explain *explain)
{
	unsigned scores[WI_EXPLAIN_NEAR + 1] = {0};
	size_t at;

	for (uint32_t i = 0; i < explain->snapshot->handler_count; i++) {
		const struct wi_shown_handler *handler = &explain->snapshot->handlers[i];
		unsigned score = wi_pattern_valid(handler->pattern)
					 ? nearness(handler->pattern, explain->topic)
					 : 0;

		for (at = explain->near_count; at > 0 && scores[at - 1] < score; at--)
			;
		if (score == 0 || at == WI_EXPLAIN_NEAR || is_near_already(explain, handler))
			continue;
		explain->near_count += explain->near_count < WI_EXPLAIN_NEAR;
		for (size_t from = explain->near_count - 1; from > at; from--) {
			explain->near[from] = explain->near[from - 1];
			scores[from] = scores[from - 1];
		}
		explain->near[at] = handler;
		scores[at] = score;
	}
}

/* -- the whole --------------------------------------------------------------- */

bool
wi_explain_make(struct wi_explain *explain, const char *topic, const struct wi_snapshot *snapshot)
{
	*explain = (struct wi_explain){.topic = topic, .snapshot = snapshot};
	explain->handlers = calloc(snapshot->handler_count + 1u, sizeof(*explain->handlers));
	if (explain->handlers == NULL || !order_pools(explain))
		return false;
	for (uint32_t i = 0; i < explain->pool_count; i++)
		take_handlers(explain, &explain->pools[i]);
	if (explain->matching == 0)
		find_near(explain);
	return true;
}

void
wi_explain_fini(struct wi_explain *explain)
{
	free(explain->pools);
	free(explain->handlers);
	*explain = (struct wi_explain){.topic = NULL};
}
