/* SPDX-License-Identifier: MIT */
/* topics.h - the topics of the input: each name is opened in the bus once. */
#ifndef WI_CLI_TOPICS_H
#define WI_CLI_TOPICS_H

#include <stdint.h>

#include <weir/weir.h>

struct wi_topics_entry {
	uint64_t hash;
	char *name;
	weir_topic topic;
	weir_status status; /* what weir_topic_open() said; refused names are kept too */
};

struct wi_topics {
	weir_bus *bus;                   /* NULL: names alone */
	struct wi_topics_entry *entries; /* in order of appearance */
	uint32_t count, capacity;
	uint32_t *slots;     /* a hash table of 1 + index, 0 for free */
	uint32_t slot_count; /* a power of two, at least twice the capacity */
};

void wi_topics_init(struct wi_topics *topics, weir_bus *bus);
void wi_topics_fini(struct wi_topics *topics);

/* WEIR_OK, WEIR_ENOMEM, or what the bus answered. name: NUL-terminated. */
weir_status wi_topics_find(struct wi_topics *topics, const char *name, size_t size,
			   uint32_t *ret_index);

#endif
