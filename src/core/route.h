/* SPDX-License-Identifier: MIT */
/*
 * route.h - from a topic's number to the subscriptions of one pool, read without a lock.
 *
 *   table (a version)          chunk (1024 topics)         list (shared)
 *   +--------------+           +--------------+            +---------------------+
 *   | chunk[0]  ---+---------> | list[0]   ---+----+-----> | subscription[0..n)  |
 *   | chunk[1]  ---+--...      | list[1]   ---+----+       +---------------------+
 *   +--------------+           | single[0] ---+----------> the subscription, if it is the only one
 *                              +--------------+
 *
 * A change makes a new table, copies of the chunks that it touches, and new
 * lists; the rest is shared between versions. One subscription to one topic of a
 * million copies some kilobytes. Topics with the same subscriptions share one list.
 *
 * Dispatchers find the current table through an RCU-protected pointer and pin its
 * version in a word of their own (dispatch.c); inside the RCU read side they do
 * only that. Each part knows the versions of its birth and death and is freed
 * after a grace period, once no pinned version lies in [birth, death)
 * (reclaim.c): a dispatcher that is stuck in a handler holds what it uses, and
 * nothing that came later.
 *
 * One exception to immutable: the entry of a topic that nobody can have published
 * yet is filled in place (wi_routes_topic_added), so that a million topics can be
 * made without a million versions. Edge E8 covers it.
 *
 * Writers exclude each other (the bus's control lock).
 */
#ifndef WI_CORE_ROUTE_H
#define WI_CORE_ROUTE_H

#include "core/subscription.h"
#include "core/topic.h"

enum {
	WI_CHUNK_SHIFT = 10,
	WI_CHUNK_COUNT = 1 << WI_CHUNK_SHIFT,
	WI_ROUTES_RECENT_COUNT = 64,
};

/* First in each thing that is reclaimed by version. */
struct wi_part {
	uint64_t birth, death;
	struct wi_part *next;
};

struct wi_list {
	struct wi_part part;
	uint64_t change;                /* the change that looked at it last, and what it found: */
	struct wi_list *successor;      /*   what replaces it */
	struct wi_list *touched_next;
	uint32_t reference_drops;
	uint32_t references;            /* entries of the current table that name it */
	uint32_t count;
	struct wi_subscription *subscription[];
};

struct wi_chunk {
	struct wi_part part;
	struct wi_subscription *single[WI_CHUNK_COUNT];  /* the subscription, where there is just one */
	struct wi_list *list[WI_CHUNK_COUNT];
};

struct wi_table {
	struct wi_part part;            /* birth: the version */
	uint32_t chunk_count;
	struct wi_chunk *chunk[];
};

struct wi_routes {
	struct wi_table *table;         /* RCU */
	struct wi_part *retired;        /* for the reclaimer, newest first */
	uint64_t change;
	struct wi_list *recent[WI_ROUTES_RECENT_COUNT]; /* lists made for new topics, to share */
};

weir_status wi_routes_init(struct wi_routes *routes);
void wi_routes_fini(struct wi_routes *routes);

/*
 * A version with the subscription in it or without it. WEIR_ENOMEM: nothing changed.
 * topics: all whose routes it may be in.
 */
weir_status wi_routes_insert(struct wi_routes *routes, struct wi_subscription *subscription,
                             const struct wi_topics *topics);
weir_status wi_routes_remove(struct wi_routes *routes, struct wi_subscription *subscription);

/*
 * Fills the entry of a topic that is not shown yet from the list of subscriptions that begins at
 * `first`. wi_routes_topic_dropped() undoes it.
 */
weir_status wi_routes_topic_added(struct wi_routes *routes, uint32_t topic, const char *name,
                                  struct wi_subscription *first);
void wi_routes_topic_dropped(struct wi_routes *routes, uint32_t topic);

static inline struct wi_chunk *
wi_table_chunk(const struct wi_table *table, uint32_t topic)
{
	if (WI_UNLIKELY(topic >> WI_CHUNK_SHIFT >= table->chunk_count))
		return NULL;
	return wi_load_acquire(&table->chunk[topic >> WI_CHUNK_SHIFT]);     /* E8 */
}

static inline struct wi_list *
wi_chunk_list(const struct wi_chunk *chunk, uint32_t topic)
{
	return wi_load_acquire(&chunk->list[topic & (WI_CHUNK_COUNT - 1)]);                 /* E8 */
}

static inline struct wi_subscription *
wi_chunk_single(const struct wi_chunk *chunk, uint32_t topic)
{
	return wi_load_acquire(&chunk->single[topic & (WI_CHUNK_COUNT - 1)]);               /* E8 */
}

/* What the table has for a topic; NULL: nobody. Any reader that pinned it. */
static inline struct wi_list *
wi_table_find(const struct wi_table *table, uint32_t topic)
{
	const struct wi_chunk *chunk = wi_table_chunk(table, topic);

	return chunk ? wi_chunk_list(chunk, topic) : NULL;
}

/* Asks for what wi_chunk_single() will read. */
static inline void
wi_table_prefetch(const struct wi_table *table, uint32_t topic)
{
	const struct wi_chunk *chunk = wi_table_chunk(table, topic);

	if (WI_LIKELY(chunk != NULL))
		__builtin_prefetch(&chunk->single[topic & (WI_CHUNK_COUNT - 1)]);
}

#endif
