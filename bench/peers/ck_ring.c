/* SPDX-License-Identifier: MIT */
/*
 * ck_ring.c - Concurrency Kit's bounded ring (libck-dev).
 *
 * ck_ring_enqueue_spsc and ck_ring_dequeue_spsc; three producers have a ring each. It has no calls
 * for several events.
 *
 * To be fair: events lie in the ring by value, made for each size by CK_RING_PROTOTYPE, so that the
 * copies are inlined with a known size. "+place" fills the reserved slot instead of copying into
 * it; taking always copies, it has no other call. "+pointer" is the ring of pointers that the
 * library began with: they point to slots of the producer's, which it fills in turn, and are read
 * there. A producer has more slots than the ring has entries: one that is used again has been handled.
 * Three producers could share a ring by ck_ring_enqueue_mpsc. But there a producer that has taken a
 * number waits, without yielding, until all before it are written: three on one processor were seen
 * to pass one event for each time slice (some 3 ms). So they have rings of their own.
 */
#include <ck_ring.h>

#include "peer.h"

enum { BY_VALUE, IN_PLACE, POINTER };

#define QUEUE_VARIANTS(X) X(0) X(1) X(2)
#define QUEUE_MANY(load) 0
#define QUEUE_BATCHES 0

#include "queue_loops.h"

CK_RING_PROTOTYPE(8, message_8)
CK_RING_PROTOTYPE(48, message_48)
CK_RING_PROTOTYPE(256, message_256)

/* In the ring, one being handled, one being filled. */
enum { SLOTS = PEER_CAPACITY + 2 };

struct queue {
	ck_ring_t ring;
	void *buffer;
	unsigned char *slots;
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
	queue->slots = lines(SLOTS * stride);
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

#define SIZED(size, call) \
	((size) == 8 ? call(8) : (size) == 48 ? call(48) : call(256))

WORK_INLINE bool
put_value(struct queue *queue, const uint32_t size, const struct message *message)
{
	void *buffer = queue->buffer, *from = (void *)(uintptr_t)message;

#define ENQUEUE(size) ck_ring_enqueue_spsc_##size(&queue->ring, buffer, from)
	return SIZED(size, ENQUEUE);
#undef ENQUEUE
}

WORK_INLINE bool
put_in_place(struct queue *queue, const uint32_t size, const struct source *source)
{
	void *buffer = queue->buffer, *slot;

#define RESERVE(size) (void *)ck_ring_enqueue_reserve_spsc_##size(&queue->ring, buffer)
	slot = SIZED(size, RESERVE);
#undef RESERVE
	if (!slot)
		return false;
	source_write(source, size, slot, 0);
	ck_ring_enqueue_commit_spsc(&queue->ring);
	return true;
}

WORK_INLINE bool
put_pointer(struct queue_end *end, const uint32_t size, const struct source *source)
{
	struct queue *queue = end->queue;
	struct message *slot = work_at(queue->slots, size, end->position);

	source_write(source, size, slot, 0);
	if (!ck_ring_enqueue_spsc(&queue->ring, queue->buffer, slot))
		return false;
	if (++end->position == SLOTS)
		end->position = 0;
	return true;
}

WORK_INLINE uint32_t
queue_put(struct queue_end *end, const uint32_t size, const int variant,
          const struct source *source, const uint32_t n)
{
	struct work_buffer buffer;

	(void)n;
	switch (variant) {
	case BY_VALUE:
		return put_value(end->queue, size, source_read(source, size, &buffer, 1));
	case IN_PLACE:
		return put_in_place(end->queue, size, source);
	default:
		return put_pointer(end, size, source);
	}
}

/* NULL if there is none. */
WORK_INLINE const struct message *
take(struct queue *queue, const uint32_t size, const int variant, void *copy)
{
	void *buffer = queue->buffer, *slot;

	if (variant == POINTER)
		return ck_ring_dequeue_spsc(&queue->ring, buffer, &slot) ? slot : NULL;
#define DEQUEUE(size) ck_ring_dequeue_spsc_##size(&queue->ring, buffer, copy)
	return SIZED(size, DEQUEUE) ? copy : NULL;
#undef DEQUEUE
}

WORK_INLINE uint32_t
queue_take(struct queue_end *end, const uint32_t size, const int variant, const int kind,
           struct stage *stage, const uint32_t n)
{
	struct work_buffer copy;
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
	struct work_buffer copy;

	(void)n;
	return take(end->queue, size, variant, &copy) != NULL;
}

const struct peer peer = {
	.name = "ck-ring",
	.what = "Concurrency Kit: ck_ring, spsc, by value, in place (+place) or pointers (+pointer)",
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
