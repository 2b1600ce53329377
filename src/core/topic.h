/* SPDX-License-Identifier: MIT */
/*
 * topic.h - turn names into numbers, once.
 *
 * Names live in blocks and never move; a two-level array finds the name of a
 * number without a lock, a hash set of Concurrency Kit finds the number of a
 * name under the caller's lock. Beyond its name a topic takes about 50 bytes
 * here (set entry at half load, index, length, number).
 */
#ifndef WI_CORE_TOPIC_H
#define WI_CORE_TOPIC_H

#include <ck_hs.h>
#include <stdint.h>
#include <weir/weir.h>

#include "base/hash.h"

/* The bus's own topics, made by wi_topics_init(). */
enum { WI_TOPIC_FAILED = 1, WI_TOPIC_GAP = 2 };

#define WI_TOPIC_ID_MAX WEIR_TOPIC_MASK_

struct wi_topic_block;
struct wi_topic_name;

struct wi_topics {
	struct wi_hash_key key;
	ck_hs_t names;
	struct wi_topic_name ***index;  /* [id >> 10][id & 1023]; the outer array has its full size */
	struct wi_topic_block *blocks;  /* where names lie, newest first */
	uint32_t count;                 /* ids 1 .. count exist; stored last (release) */
	uint32_t count_max;
};

weir_status wi_topics_init(struct wi_topics *topics, uint32_t user_count_max);
void wi_topics_fini(struct wi_topics *topics);

/* 0: there is none. The caller excludes wi_topics_add(). */
uint32_t wi_topics_find(struct wi_topics *topics, const char *name);

/*
 * A new one, which nobody can see until wi_topics_show(): its routes come first.
 * The caller is alone and knows that the name is valid and not there. Undone by wi_topics_drop().
 */
weir_status wi_topics_add(struct wi_topics *topics, const char *name, uint32_t *ret_id);
void wi_topics_show(struct wi_topics *topics, uint32_t id);
void wi_topics_drop(struct wi_topics *topics, uint32_t id);

/* Any thread, no lock; NULL: no such id. */
const char *wi_topics_name(const struct wi_topics *topics, uint32_t id);

#endif
