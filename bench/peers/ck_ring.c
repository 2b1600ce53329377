/* SPDX-License-Identifier: MIT */
/*
 * ck_ring.c - Concurrency Kit's bounded ring (libck-dev).
 *
 * One producer: ck_ring_enqueue_spsc and ck_ring_dequeue_spsc. Three producers: one ring,
 * ck_ring_enqueue_mpsc and ck_ring_dequeue_mpsc. It has no calls for several events.
 *
 * To be fair: events lie in the ring by value, made for each size by CK_RING_PROTOTYPE, so that the
 * copies are inlined with a known size. "+place" fills the reserved slot instead of copying into
 * it; taking always copies, it has no other call. "+pointer" is the ring of pointers that the
 * library began with: they point to slots of the producer's, which it fills in turn, and are read
 * there. A producer has more slots than the ring has entries: one that is used again has been handled.
 */
#include <ck_ring.h>

#include "peer.h"

enum { BY_VALUE, IN_PLACE, POINTER, MANY = 3 };

#define QUEUE_VARIANTS(X) X(0) X(1) X(2) X(3) X(4) X(5)
#define QUEUE_VARIANT(load) ((load)->wait->variant + ((load)->producer_count > 1 ? MANY : 0))
#define QUEUE_MANY 1
#define QUEUE_BATCHES 0

#include "queue_loops.h"

CK_RING_PROTOTYPE(8, message_8)
CK_RING_PROTOTYPE(48, message_48)
CK_RING_PROTOTYPE(256, message_256)

/* In the ring, one being handled, one being filled; and no two producers in one line. */
enum { SLOTS = PEER_CAPACITY + 64 };

struct queue {
	ck_ring_t ring;
	void *buffer;
	unsigned char *slots;
	uint32_t holds;
};

static void *
lines(size_t bytes)
{
	void *memory;

	bytes = (bytes + 4095) & ~(size_t)4095;
	memory = aligned_alloc(4096, bytes);
	return memory ? memset(memory, 0, bytes) : NULL;
}

static struct queue *
queue_open(const struct peer_load *load)
{
	const size_t stride = work_stride(load->size);
	struct queue *queue = lines(sizeof *queue);

	if (!queue)
		return NULL;
	ck_ring_init(&queue->ring, PEER_CAPACITY);
	queue->buffer = lines(PEER_CAPACITY * stride);
	queue->slots = lines(load->producer_count * SLOTS * stride);
	return queue->buffer && queue->slots ? queue : NULL;
}

static void
queue_close(struct queue *queue, const struct peer_load *load)
{
	(void)load;
	free(queue->slots);
	free(queue->buffer);
	free(queue);
}

static void
queue_hold(struct queue_end *end, struct queue *queue, const struct peer_load *load, bool puts)
{
	*end = (struct queue_end){ .queue = queue, .load = load };
	if (puts)
		end->token = queue->slots + SLOTS * work_stride(load->size) *
		             __atomic_fetch_add(&queue->holds, 1, __ATOMIC_RELAXED);
}

static void
queue_leave(struct queue_end *end, bool puts)
{
	(void)end;
	(void)puts;
}

#define SIZED(size, call) \
	((size) == 8 ? call(8) : (size) == 48 ? call(48) : call(256))

WORK_INLINE bool
put_value(struct queue *queue, const uint32_t size, const bool many, const void *message)
{
	void *buffer = queue->buffer, *from = (void *)(uintptr_t)message;

#define ONE(size) ck_ring_enqueue_spsc_##size(&queue->ring, buffer, from)
#define SOME(size) ck_ring_enqueue_mpsc_##size(&queue->ring, buffer, from)
	return many ? SIZED(size, SOME) : SIZED(size, ONE);
#undef ONE
#undef SOME
}

WORK_INLINE bool
put_in_place(struct queue *queue, const uint32_t size, const bool many, const struct source *source)
{
	void *buffer = queue->buffer, *slot;
	unsigned ticket = 0;

#define ONE(size) (void *)ck_ring_enqueue_reserve_spsc_##size(&queue->ring, buffer)
#define SOME(size) (void *)ck_ring_enqueue_reserve_mpsc_##size(&queue->ring, buffer, &ticket)
	slot = many ? SIZED(size, SOME) : SIZED(size, ONE);
#undef ONE
#undef SOME
	if (!slot)
		return false;
	source_write(source, size, slot, 0);
	if (many)
		ck_ring_enqueue_commit_mpsc(&queue->ring, ticket);
	else
		ck_ring_enqueue_commit_spsc(&queue->ring);
	return true;
}

WORK_INLINE bool
put_pointer(struct queue_end *end, const uint32_t size, const bool many,
            const struct source *source)
{
	struct message *slot = work_at(end->token, size, end->position);
	struct queue *queue = end->queue;

	source_write(source, size, slot, 0);
	if (!(many ? ck_ring_enqueue_mpsc(&queue->ring, queue->buffer, slot)
	           : ck_ring_enqueue_spsc(&queue->ring, queue->buffer, slot)))
		return false;
	if (++end->position == SLOTS)
		end->position = 0;
	return true;
}

WORK_INLINE uint32_t
queue_put(struct queue_end *end, const uint32_t size, const int variant,
          const struct source *source, const uint32_t n)
{
	const bool many = variant >= MANY;
	struct message_256 buffer;

	(void)n;
	switch (variant % MANY) {
	case BY_VALUE:
		return put_value(end->queue, size, many, source_read(source, size, &buffer, 1));
	case IN_PLACE:
		return put_in_place(end->queue, size, many, source);
	default:
		return put_pointer(end, size, many, source);
	}
}

/* NULL if there is none. */
WORK_INLINE const struct message *
take(struct queue *queue, const uint32_t size, const int variant, void *copy)
{
	void *buffer = queue->buffer, *slot;
	const bool many = variant >= MANY;

	if (variant % MANY == POINTER)
		return (many ? ck_ring_dequeue_mpsc(&queue->ring, buffer, &slot)
		             : ck_ring_dequeue_spsc(&queue->ring, buffer, &slot)) ? slot : NULL;
#define ONE(size) ck_ring_dequeue_spsc_##size(&queue->ring, buffer, copy)
#define SOME(size) ck_ring_dequeue_mpsc_##size(&queue->ring, buffer, copy)
	return (many ? SIZED(size, SOME) : SIZED(size, ONE)) ? copy : NULL;
#undef ONE
#undef SOME
}

WORK_INLINE uint32_t
queue_take(struct queue_end *end, const uint32_t size, const int variant, const int kind,
           struct stage *stage, const uint32_t n)
{
	struct message_256 copy;
	const struct message *message = take(end->queue, size, variant, &copy);

	(void)n;
	if (!message)
		return 0;
	stage_take(stage, size, variant, kind, message, 1);
	return 1;
}

WORK_INLINE uint32_t
queue_drop(struct queue_end *end, const uint32_t size, const int variant, const uint32_t n)
{
	struct message_256 copy;

	(void)n;
	return take(end->queue, size, variant, &copy) != NULL;
}

const struct peer peer = {
	.name = "ck-ring",
	.what = "Concurrency Kit: ck_ring by value, spsc; mpsc for three producers",
	.package = "libck-dev",
	.version = PEER_VERSION,
	.kind = "bare",
	.scenarios = PEER_ALL_SCENARIOS,
	.waits = { PEER_BARE_WAITS("", BY_VALUE), PEER_BARE_WAITS("+place", IN_PLACE),
	           PEER_BARE_WAITS("+pointer", POINTER) },
	.open = queue_run_open,
	.run = queue_run_run,
	.close = queue_run_close,
};
