/* SPDX-License-Identifier: MIT */
/* gather.c - see gather.h. */
#include "gather.h"

#include "message_copy.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct batch {
	struct batch *next;
	const void *name;
	struct wi_spool_item *items;
	const void **parts;             /* of each item */
	size_t count, room;
};

struct wi_gather {
	pthread_mutex_t mutex;          /* of the list alone */
	struct batch *batches;
	uint64_t bytes_max;
	_Atomic uint64_t bytes;
};

struct wi_gather *
wi_gather_open(uint64_t bytes_max)
{
	struct wi_gather *gather = calloc(1, sizeof *gather);

	if (!gather)
		return NULL;
	pthread_mutex_init(&gather->mutex, NULL);
	gather->bytes_max = bytes_max;
	return gather;
}

static void
drop(struct wi_gather *gather, struct batch *batch, size_t i)
{
	struct wi_message *message = (struct wi_message *)batch->items[i].message;

	atomic_fetch_sub(&gather->bytes, wi_message_size(message));
	wi_message_free(message);
}

/* Of one part, or NULL for all. */
static void
clear(struct wi_gather *gather, struct batch *batch, const void *part)
{
	size_t kept = 0;

	for (size_t i = 0; i < batch->count; i++) {
		if (!part || batch->parts[i] == part) {
			drop(gather, batch, i);
			continue;
		}
		batch->items[kept] = batch->items[i];
		batch->parts[kept++] = batch->parts[i];
	}
	batch->count = kept;
}

void
wi_gather_close(struct wi_gather *gather)
{
	struct batch *batch = gather->batches, *next;

	for (; batch; batch = next) {
		next = batch->next;
		clear(gather, batch, NULL);
		free(batch->items);
		free(batch->parts);
		free(batch);
	}
	pthread_mutex_destroy(&gather->mutex);
	free(gather);
}

static struct batch *
find(struct wi_gather *gather, const void *name, bool make)
{
	struct batch *batch;

	pthread_mutex_lock(&gather->mutex);
	for (batch = gather->batches; batch; batch = batch->next)
		if (batch->name == name)
			break;
	if (!batch && make && (batch = calloc(1, sizeof *batch))) {
		batch->name = name;
		batch->next = gather->batches;
		gather->batches = batch;
	}
	pthread_mutex_unlock(&gather->mutex);
	return batch;
}

static bool
grow(struct batch *batch)
{
	size_t room = batch->room ? 2 * batch->room : 16;
	struct wi_spool_item *items;
	const void **parts;

	if (batch->count < batch->room)
		return true;
	items = realloc(batch->items, room * sizeof *items);
	if (!items)
		return false;
	batch->items = items;
	parts = realloc(batch->parts, room * sizeof *parts);
	if (!parts)
		return false;
	batch->parts = parts;
	batch->room = room;
	return true;
}

bool
wi_gather_add(struct wi_gather *gather, const void *name, const void *part,
              const struct wi_message *message, uint64_t digest_ns)
{
	struct batch *batch = find(gather, name, true);
	uint64_t size = wi_message_size(message);
	struct wi_message *copy;

	if (!batch || !grow(batch) || atomic_load(&gather->bytes) + size > gather->bytes_max)
		return false;
	copy = wi_message_copy(message);
	if (!copy)
		return false;
	atomic_fetch_add(&gather->bytes, size);
	batch->items[batch->count] = (struct wi_spool_item){ copy, digest_ns };
	batch->parts[batch->count++] = part;
	return true;
}

bool
wi_gather_end(struct wi_gather *gather, const void *name, const void *part, struct wi_spool *spool,
              uint64_t now, size_t *ret_count)
{
	struct batch *batch = find(gather, name, false);
	bool put;

	*ret_count = 0;
	if (!batch || !batch->count)
		return true;
	*ret_count = batch->count;
	put = wi_spool_put(spool, batch->items, batch->count, now);
	clear(gather, batch, put ? NULL : part);
	*ret_count -= batch->count;
	return put;
}
