/* SPDX-License-Identifier: MIT */
/*
 * glib.c - GLib's GAsyncQueue (libglib2.0-dev): a queue of pointers under a mutex and a condition.
 *
 * g_async_queue_push and g_async_queue_pop, which sleeps ("block"), or g_async_queue_try_pop, which
 * does not (all other waits). Batched: g_async_queue_lock, _push_unlocked or _pop_unlocked for each
 * event, _unlock. Three producers share one queue.
 *
 * To be fair: nothing is allocated for an event by us. The pointers are to slots that a producer fills
 * in turn; the consumer says every 64 events how far it has come, and that bounds a queue that has no
 * bound of its own.
 */
#include <glib.h>

#include "peer.h"

enum { BLOCK, TRY };

#define QUEUE_VARIANTS(X) X(0) X(1)
#define QUEUE_MANY(load) 1
#define QUEUE_BATCHES 1

#include "queue_loops.h"

enum { LANE_SHIFT = 21, TELL_EVERY = 64 };

/* Of one producer. */
struct lane {
	__attribute__((aligned(MACHINE_LINE))) uint64_t told;   /* by the consumer */
	uint64_t handled;                                       /* the consumer's own */
};

struct queue {
	GAsyncQueue *events;
	unsigned char *slots;           /* those of a lane at lane << LANE_SHIFT */
	uint32_t lanes;
	struct lane lane[PEER_PRODUCERS];
};

_Static_assert(PEER_CAPACITY * WORK_MESSAGE_MAX <= 1 << LANE_SHIFT, "slots of a lane");

static struct queue *
queue_open(const struct peer_load *load)
{
	const size_t used = PEER_CAPACITY * work_stride(load->size);
	struct queue *queue = aligned_alloc(MACHINE_LINE, sizeof *queue);

	if (!queue)
		return NULL;
	memset(queue, 0, sizeof *queue);
	queue->lanes = load->producer_count;
	queue->events = g_async_queue_new();
	queue->slots = aligned_alloc(4096, (size_t)queue->lanes << LANE_SHIFT);
	if (!queue->slots)
		return NULL;
	for (uint32_t i = 0; i < queue->lanes; i++)
		memset(queue->slots + ((size_t)i << LANE_SHIFT), 0, used);
	return queue;
}

static void
queue_close(struct queue *queue, const struct peer_load *load)
{
	(void)load;
	g_async_queue_unref(queue->events);
	free(queue->slots);
	free(queue);
}

/* How many events the lane has room for; `position` counts those that went in. */
WORK_INLINE uint32_t
room(struct queue_end *end, const uint32_t n)
{
	const uint64_t told = __atomic_load_n(&end->queue->lane[end->lane].told, __ATOMIC_ACQUIRE);
	const uint64_t free_slots = PEER_CAPACITY - (end->position - told);

	return free_slots < n ? (uint32_t)free_slots : n;
}

WORK_INLINE uint32_t
queue_put(struct queue_end *end, const uint32_t size, const int variant,
          const struct source *source, const uint32_t n)
{
	unsigned char *slots = end->queue->slots + ((size_t)end->lane << LANE_SHIFT);
	const uint32_t count = room(end, n);
	struct message *slot;

	(void)variant;
	if (!count)
		return 0;
	if (__builtin_constant_p(n) && n == 1) {
		slot = work_at(slots, size, end->position++ % PEER_CAPACITY);
		source_write(source, size, slot, 0);
		g_async_queue_push(end->queue->events, slot);
		return 1;
	}
	for (uint32_t k = 0; k < count; k++)
		source_write(source, size,
		             work_at(slots, size, (end->position + k) % PEER_CAPACITY), k);
	g_async_queue_lock(end->queue->events);
	for (uint32_t k = 0; k < count; k++)
		g_async_queue_push_unlocked(end->queue->events,
		                            work_at(slots, size, end->position++ % PEER_CAPACITY));
	g_async_queue_unlock(end->queue->events);
	return count;
}

/* The slot may be used again. */
WORK_INLINE void
give_back(struct queue *queue, const struct message *slot)
{
	const size_t which = (size_t)((const unsigned char *)slot - queue->slots) >> LANE_SHIFT;
	struct lane *lane = &queue->lane[which];

	if (++lane->handled % TELL_EVERY == 0)
		__atomic_store_n(&lane->told, lane->handled, __ATOMIC_RELEASE);
}

/* Up to n; with BLOCK at least one. */
WORK_INLINE uint32_t
take(struct queue *queue, const int variant, struct message **slots, const uint32_t n)
{
	uint32_t count = 0;

	if (__builtin_constant_p(n) && n == 1) {
		slots[0] = variant == BLOCK ? g_async_queue_pop(queue->events)
		                            : g_async_queue_try_pop(queue->events);
		return slots[0] != NULL;
	}
	g_async_queue_lock(queue->events);
	if (variant == BLOCK)
		slots[count++] = g_async_queue_pop_unlocked(queue->events);
	while (count < n && (slots[count] = g_async_queue_try_pop_unlocked(queue->events)))
		count++;
	g_async_queue_unlock(queue->events);
	return count;
}

WORK_INLINE uint32_t
queue_take(struct queue_end *end, const uint32_t size, const int variant, const int kind,
           struct stage *stage, const uint32_t n)
{
	struct work_buffer copies[PEER_BATCH_MAX];
	struct message *slots[PEER_BATCH_MAX];
	const uint32_t count = take(end->queue, variant, slots, n);

	if (kind == STAGE_PASSES && !(__builtin_constant_p(n) && n == 1)) {
		for (uint32_t k = 0; k < count; k++) {
			memcpy(work_at(copies, size, k), slots[k], work_stride(size));
			give_back(end->queue, slots[k]);
		}
		if (count)
			stage_take(stage, size, variant, kind, &copies[0].message.head, count);
		return count;
	}
	for (uint32_t k = 0; k < count; k++) {
		stage_take(stage, size, variant, kind, slots[k], 1);
		give_back(end->queue, slots[k]);
	}
	return count;
}

WORK_INLINE uint32_t
queue_drop(struct queue_end *end, const uint32_t size, const int variant, const uint32_t n)
{
	struct message *slots[PEER_BATCH_MAX];
	const uint32_t count = take(end->queue, variant, slots, n);

	(void)size;
	for (uint32_t k = 0; k < count; k++)
		give_back(end->queue, slots[k]);
	return count;
}

const struct peer peer = {
	.name = "glib",
	.what = "GAsyncQueue: push and pop, or try_pop (all waits but block)",
	.package = "libglib2.0-dev",
	.version = PEER_VERSION,
	.kind = "waking",
	.scenarios = PEER_ALL_SCENARIOS,
	.batches = true,
	.waits = { { "block", 0, BLOCK }, PEER_BARE_WAITS("", TRY) },
	.open = queue_run_open,
	.run = queue_run_run,
	.close = queue_run_close,
};
