/* SPDX-License-Identifier: MIT */
/* topic.c - see topic.h. */
#include "core/topic.h"

#include <stddef.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/memory.h"
#include "core/pattern.h"

enum {
	INDEX_SHIFT = 10,
	INDEX_COUNT = 1 << INDEX_SHIFT,
	OUTER_COUNT = (WI_TOPIC_ID_MAX >> INDEX_SHIFT) + 1,
	BLOCK_SIZE = 64 * 1024,
	SET_COUNT_FIRST = 256,
};

struct wi_topic_name {
	uint32_t id;
	char text[];
};

struct wi_topic_block {
	struct wi_topic_block *next;
	size_t used;
	char bytes[BLOCK_SIZE - 2 * sizeof(void *)];
};

/* -- what the hash set asks for --------------------------------------------- */

/* The set calls these with a seed only: the key travels in the object that holds the set. */
static unsigned long
hash_name(const void *object, unsigned long seed)
{
	const struct wi_topic_name *name = object;
	struct wi_hash_key key = { seed, ~(uint64_t)seed };

	return wi_hash_bytes(key, name->text, strlen(name->text));
}

static bool
same_name(const void *a, const void *b)
{
	return strcmp(((const struct wi_topic_name *)a)->text,
	              ((const struct wi_topic_name *)b)->text) == 0;
}

static void *
set_malloc(size_t size)
{
	return wi_memory_take(size);
}

static void
set_free(void *memory, size_t size, bool deferred)
{
	(void)size, (void)deferred;     /* readers are excluded by the caller's lock */
	wi_memory_give(memory);
}

static struct ck_malloc set_memory = { .malloc = set_malloc, .free = set_free };

/* A name to look for, on the stack. */
struct probe {
	uint32_t id;
	char text[WI_NAME_SIZE_MAX + 1];
};
static_assert(offsetof(struct probe, text) == offsetof(struct wi_topic_name, text), "same shape");

/* -- topics ----------------------------------------------------------------- */

static void
show_own(struct wi_topics *topics, const char *name)
{
	uint32_t id;

	if (wi_topics_add(topics, name, &id) == WEIR_OK)
		wi_topics_show(topics, id);
}

weir_status
wi_topics_init(struct wi_topics *topics, uint32_t user_count_max)
{
	topics->key = wi_hash_random_key();
	topics->count_max = WI_MIN(user_count_max, WI_TOPIC_ID_MAX - (WEIR_TOPIC_FIRST_ - 1)) +
	                    (WEIR_TOPIC_FIRST_ - 1);
	topics->index = wi_memory_map(OUTER_COUNT * sizeof *topics->index, WI_MAP_LAZY);
	if (!topics->index || !ck_hs_init(&topics->names, CK_HS_MODE_SPMC | CK_HS_MODE_OBJECT, hash_name,
	                                  same_name, &set_memory, SET_COUNT_FIRST, topics->key.k0)) {
		wi_topics_fini(topics);
		return WEIR_ENOMEM;
	}
	show_own(topics, "weir.failed.deliver");
	show_own(topics, "weir.gap");
	if (topics->count != WEIR_TOPIC_FIRST_ - 1) {
		wi_topics_fini(topics);
		return WEIR_ENOMEM;
	}
	return WEIR_OK;
}

void
wi_topics_fini(struct wi_topics *topics)
{
	struct wi_topic_block *block, *next;

	for (block = topics->blocks; block; block = next) {
		next = block->next;
		wi_memory_give(block);
	}
	if (topics->names.map)
		ck_hs_destroy(&topics->names);
	if (topics->index) {
		for (size_t i = 0; i < OUTER_COUNT && topics->index[i]; i++)
			wi_memory_give(topics->index[i]);
		wi_memory_unmap(topics->index, OUTER_COUNT * sizeof *topics->index);
	}
	*topics = (struct wi_topics){ 0 };
}

uint32_t
wi_topics_find(struct wi_topics *topics, const char *name)
{
	const struct wi_topic_name *found;
	struct probe probe = { 0 };

	memcpy(probe.text, name, strlen(name) + 1);
	found = ck_hs_get(&topics->names, CK_HS_HASH(&topics->names, hash_name, &probe), &probe);
	return found && found->id <= topics->count ? found->id : 0;
}

static struct wi_topic_name *
place_name(struct wi_topics *topics, const char *text)
{
	size_t size = WI_ROUND_UP(offsetof(struct wi_topic_name, text) + strlen(text) + 1, (size_t)4);
	struct wi_topic_block *block = topics->blocks;
	struct wi_topic_name *name;

	if (!block || block->used + size > sizeof block->bytes) {
		block = wi_memory_take(sizeof *block);
		if (!block)
			return NULL;
		block->next = topics->blocks;
		topics->blocks = block;
	}
	name = (struct wi_topic_name *)(block->bytes + block->used);
	block->used += size;
	memcpy(name->text, text, strlen(text) + 1);
	return name;
}

weir_status
wi_topics_add(struct wi_topics *topics, const char *text, uint32_t *ret_id)
{
	uint32_t id = topics->count + 1;
	struct wi_topic_name ***outer = &topics->index[id >> INDEX_SHIFT], *name;

	if (id > topics->count_max)
		return WEIR_ELIMIT;
	if (!*outer) {
		struct wi_topic_name **inner = wi_memory_take(INDEX_COUNT * sizeof *inner);

		if (!inner)
			return WEIR_ENOMEM;
		wi_store_release(outer, inner);
	}
	name = place_name(topics, text);
	if (!name)
		return WEIR_ENOMEM;
	name->id = id;
	if (!ck_hs_put(&topics->names, CK_HS_HASH(&topics->names, hash_name, name), name)) {
		topics->blocks->used -= WI_ROUND_UP(offsetof(struct wi_topic_name, text) + strlen(text) + 1,
		                                    (size_t)4);
		return WEIR_ENOMEM;
	}
	wi_store_relaxed(&(*outer)[id & (INDEX_COUNT - 1)], name);
	*ret_id = id;
	return WEIR_OK;
}

void
wi_topics_show(struct wi_topics *topics, uint32_t id)
{
	wi_store_release(&topics->count, id);   /* E8: its name, index and routes */
}

void
wi_topics_drop(struct wi_topics *topics, uint32_t id)
{
	struct wi_topic_name *name = topics->index[id >> INDEX_SHIFT][id & (INDEX_COUNT - 1)];

	ck_hs_remove(&topics->names, CK_HS_HASH(&topics->names, hash_name, name), name);
	wi_store_relaxed(&topics->index[id >> INDEX_SHIFT][id & (INDEX_COUNT - 1)], NULL);
	topics->blocks->used = (size_t)((char *)name - topics->blocks->bytes);
}

const char *
wi_topics_name(const struct wi_topics *topics, uint32_t id)
{
	if (id == 0 || id > wi_load_acquire(&topics->count))    /* E8 */
		return NULL;
	return wi_load_relaxed(&topics->index[id >> INDEX_SHIFT])[id & (INDEX_COUNT - 1)]->text;
}
