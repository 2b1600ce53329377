/* SPDX-License-Identifier: MIT */
/* topics.c - an open-addressing table; asking the bus for each line would take its lock. */
#include "topics.h"

#include "key_hash.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 64 };

void
wi_topics_init(struct wi_topics *topics, weir_bus *bus)
{
	*topics = (struct wi_topics){.bus = bus};
}

void
wi_topics_fini(struct wi_topics *topics)
{
	for (uint32_t i = 0; i < topics->count; i++)
		free(topics->entries[i].name);
	free(topics->entries);
	free(topics->slots);
	*topics = (struct wi_topics){0};
}

/* The slot of the name, or the free one where it belongs. */
static uint32_t *
find_slot(const struct wi_topics *topics, uint64_t hash, const char *name)
{
	uint32_t mask = topics->slot_count - 1;

	for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
		uint32_t *slot = &topics->slots[i];

		if (*slot == 0 || (topics->entries[*slot - 1].hash == hash &&
				   strcmp(topics->entries[*slot - 1].name, name) == 0))
			return slot;
	}
}

static bool
grow(struct wi_topics *topics)
{
	uint32_t capacity = topics->capacity > 0 ? 2 * topics->capacity : CAPACITY_FIRST;
	struct wi_topics_entry *entries;
	uint32_t *slots;

	if (capacity > UINT32_MAX / 4)
		return false;
	entries = realloc(topics->entries, capacity * sizeof(*entries));
	if (entries == NULL)
		return false;
	topics->entries = entries;
	slots = calloc(2 * (size_t)capacity, sizeof(*slots));
	if (slots == NULL)
		return false;
	free(topics->slots);
	topics->slots = slots;
	topics->capacity = capacity;
	topics->slot_count = 2 * capacity;
	for (uint32_t i = 0; i < topics->count; i++)
		*find_slot(topics, entries[i].hash, entries[i].name) = i + 1;
	return true;
}

weir_status
wi_topics_find(struct wi_topics *topics, const char *name, size_t size, uint32_t *ret_index)
{
	uint64_t hash = wi_key_hash_bytes(name, size);
	struct wi_topics_entry *entry;
	uint32_t *slot;

	if (topics->count == topics->capacity && !grow(topics))
		return WEIR_ENOMEM;
	slot = find_slot(topics, hash, name);
	if (*slot == 0) {
		entry = &topics->entries[topics->count];
		*entry = (struct wi_topics_entry){.hash = hash, .name = strdup(name)};
		if (entry->name == NULL)
			return WEIR_ENOMEM;
		if (topics->bus != NULL)
			entry->status = weir_topic_open(topics->bus, name, &entry->topic);
		*slot = ++topics->count;
	}
	*ret_index = *slot - 1;
	return topics->entries[*ret_index].status;
}
