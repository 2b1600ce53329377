/* SPDX-License-Identifier: MIT */
/*
 * libuv.c - libuv's uv_async_send, which wakes a consumer's event loop (libuv1-dev).
 *
 * libuv has a wake-up, a mutex and no queue. The events go through rings of ours, one for each
 * producer, whose positions are under a uv_mutex, as in most programs that use libuv. peer-libuv-ring
 * (libuv_ring.c) is the same without the lock: the yardstick's ring with a wake-up, which says little
 * about libuv. A producer calls uv_async_send after each commit; the consumer handles what is there, and
 * runs its loop when there is nothing: uv_run with UV_RUN_ONCE, which sleeps ("block"), or
 * UV_RUN_NOWAIT, which does not ("nowait").
 *
 * To be fair: rings have the others' capacity, events lie in them by value and are handled in place;
 * each side keeps its own copy of the other's position, and looks at it (one lock) when that is used
 * up; room is given back every 64 events. A batch costs one uv_async_send.
 */
#include <uv.h>

#include "peer.h"

enum { BLOCK, NOWAIT, MUTEX = 2 };

#define QUEUE_VARIANTS(X) X(0) X(1) X(2) X(3)
#define QUEUE_MANY(load) 1
#define QUEUE_BATCHES 1

#include "queue_loops.h"

enum { TELL_EVERY = 64 };

/* Of one producer. */
struct ring {
	__attribute__((aligned(MACHINE_LINE))) uint64_t tail;   /* the producer's */
	__attribute__((aligned(MACHINE_LINE))) uint64_t head;   /* the consumer's */
	__attribute__((aligned(MACHINE_LINE))) uint64_t read;   /* the consumer's own: handled, */
	uint64_t seen;                                          /*   and the tail as it saw it */
	__attribute__((aligned(MACHINE_LINE))) unsigned char *slots;
	uv_mutex_t mutex;
};

struct queue {
	uv_loop_t loop;
	uv_async_t async;
	uint32_t ring_count;
	struct ring rings[PEER_PRODUCERS];
};

static void
awake(uv_async_t *async)
{
	(void)async;
}

static struct queue *
queue_open(const struct peer_load *load)
{
	const size_t bytes = (PEER_CAPACITY * work_stride(load->size) + 4095) & ~(size_t)4095;
	struct queue *queue = aligned_alloc(MACHINE_LINE, sizeof *queue);

	if (!queue)
		return NULL;
	memset(queue, 0, sizeof *queue);
	queue->ring_count = load->producer_count;
	for (uint32_t i = 0; i < queue->ring_count; i++) {
		queue->rings[i].slots = aligned_alloc(4096, bytes);
		if (!queue->rings[i].slots)
			return NULL;
		memset(queue->rings[i].slots, 0, bytes);
		uv_mutex_init(&queue->rings[i].mutex);
	}
	if (uv_loop_init(&queue->loop) || uv_async_init(&queue->loop, &queue->async, awake))
		return NULL;
	return queue;
}

static void
queue_close(struct queue *queue, const struct peer_load *load)
{
	(void)load;
	uv_close((uv_handle_t *)&queue->async, NULL);
	uv_run(&queue->loop, UV_RUN_DEFAULT);
	uv_loop_close(&queue->loop);
	for (uint32_t i = 0; i < queue->ring_count; i++) {
		uv_mutex_destroy(&queue->rings[i].mutex);
		free(queue->rings[i].slots);
	}
	free(queue);
}

WORK_INLINE uint64_t
load(struct ring *ring, const uint64_t *position, const int variant)
{
	uint64_t value;

	if (variant < MUTEX)
		return __atomic_load_n(position, __ATOMIC_ACQUIRE);
	uv_mutex_lock(&ring->mutex);
	value = *position;
	uv_mutex_unlock(&ring->mutex);
	return value;
}

WORK_INLINE void
store(struct ring *ring, uint64_t *position, uint64_t value, const int variant)
{
	if (variant < MUTEX) {
		__atomic_store_n(position, value, __ATOMIC_RELEASE);
		return;
	}
	uv_mutex_lock(&ring->mutex);
	*position = value;
	uv_mutex_unlock(&ring->mutex);
}

/* Here `position` is how far the consumer was seen to have come. */
WORK_INLINE uint32_t
queue_put(struct queue_end *end, const uint32_t size, const int variant,
          const struct source *source, const uint32_t n)
{
	struct ring *ring = &end->queue->rings[end->lane];
	const uint64_t tail = ring->tail;
	uint32_t count;

	if (tail - end->position + n > PEER_CAPACITY)
		end->position = load(ring, &ring->head, variant);
	count = (uint32_t)(PEER_CAPACITY - (tail - end->position));
	if (count > n)
		count = n;
	if (!count)
		return 0;
	for (uint32_t k = 0; k < count; k++)
		source_write(source, size, work_at(ring->slots, size, (tail + k) % PEER_CAPACITY), k);
	store(ring, &ring->tail, tail + count, variant);
	uv_async_send(&end->queue->async);
	return count;
}

/* The slots may be used again, every so often. */
WORK_INLINE void
give_back(struct ring *ring, uint64_t read, const int variant)
{
	ring->read = read;
	if (read - ring->head >= TELL_EVERY)
		store(ring, &ring->head, read, variant);
}

/* How many there are in a row, up to n, in the ring whose turn it is. */
WORK_INLINE uint32_t
look(struct queue_end *end, const int variant, const uint32_t n, struct ring **ret_ring)
{
	struct queue *queue = end->queue;

	for (uint32_t i = 0; i < queue->ring_count; i++) {
		struct ring *ring = &queue->rings[end->position];
		const uint32_t row = PEER_CAPACITY - (uint32_t)(ring->read % PEER_CAPACITY);
		uint64_t count;

		if (ring->seen == ring->read)
			ring->seen = load(ring, &ring->tail, variant);
		count = ring->seen - ring->read;
		*ret_ring = ring;
		if (count > row)
			count = row;
		if (count)
			return count < n ? (uint32_t)count : n;
		end->position = end->position + 1 == queue->ring_count ? 0 : end->position + 1;
	}
	return 0;
}

/* Nothing is there: run the loop. */
WORK_INLINE void
run_loop(struct queue_end *end, const int variant)
{
	uv_run(&end->queue->loop, variant % MUTEX == BLOCK ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

WORK_INLINE uint32_t
queue_take(struct queue_end *end, const uint32_t size, const int variant, const int kind,
           struct stage *stage, const uint32_t n)
{
	struct ring *ring;
	const uint32_t count = look(end, variant, n, &ring);

	if (!count) {
		run_loop(end, variant);
		return 0;
	}
	stage_take(stage, size, variant, kind,
	           work_at(ring->slots, size, ring->read % PEER_CAPACITY),
	           __builtin_constant_p(n) && n == 1 ? 1 : count);
	give_back(ring, ring->read + count, variant);
	return count;
}

WORK_INLINE uint32_t
queue_drop(struct queue_end *end, const uint32_t size, const int variant, const uint32_t n)
{
	struct ring *ring;
	const uint32_t count = look(end, variant, n, &ring);

	(void)size;
	if (!count)
		run_loop(end, variant);
	else
		give_back(ring, ring->read + count, variant);
	return count;
}

const struct peer peer = {
#if LIBUV_RING
	.name = "libuv-ring",
	.what = "rings of ours without a lock; uv_async_send; uv_run when empty",
	.waits = { { "block", 1, BLOCK }, { "nowait", 1, NOWAIT } },
#else
	.name = "libuv",
	.what = "rings of ours with a uv_mutex; uv_async_send; uv_run when empty",
	.waits = { { "block", 1, BLOCK + MUTEX }, { "nowait", 1, NOWAIT + MUTEX } },
#endif
	.package = "libuv1-dev",
	.version = PEER_VERSION,
	.kind = "waking",
	.scenarios = PEER_ALL_SCENARIOS,
	.batches = true,
	.open = queue_run_open,
	.run = queue_run_run,
	.close = queue_run_close,
};
