/* SPDX-License-Identifier: MIT */
/*
 * mutex_cond.c - a ring under a mutex, with two condition variables (glibc).
 *
 * To be fair: the ring has the others' capacity and holds events by value. A consumer takes what
 * it takes under the lock and handles it outside. Nobody is signalled who does not wait; a signal is
 * sent after the unlock; who waits for room is woken when half of the ring is free, so that a full
 * ring does not cost a wake-up for each event. Batched: one lock for all events of a commit, and as
 * many at once are taken. Three producers share one ring. Both sides block: there is nothing to
 * choose.
 */
#include "peer.h"

#define QUEUE_VARIANTS(X) X(0)
#define QUEUE_MANY(load) 1
#define QUEUE_BATCHES 1

#include "queue_loops.h"

struct queue {
	__attribute__((aligned(MACHINE_LINE))) pthread_mutex_t mutex;
	uint64_t head, tail;            /* events taken and put */
	uint32_t readers, writers;      /* that wait */
	pthread_cond_t not_empty, not_full;
	unsigned char *slots;
};

static struct queue *
queue_open(const struct peer_load *load)
{
	const size_t bytes = (PEER_CAPACITY * work_stride(load->size) + 4095) & ~(size_t)4095;
	struct queue *queue = aligned_alloc(MACHINE_LINE, sizeof *queue);

	if (!queue)
		return NULL;
	*queue = (struct queue){ .slots = aligned_alloc(4096, bytes) };
	if (!queue->slots)
		return NULL;
	memset(queue->slots, 0, bytes);
	pthread_mutex_init(&queue->mutex, NULL);
	pthread_cond_init(&queue->not_empty, NULL);
	pthread_cond_init(&queue->not_full, NULL);
	return queue;
}

static void
queue_close(struct queue *queue, const struct peer_load *load)
{
	(void)load;
	pthread_cond_destroy(&queue->not_full);
	pthread_cond_destroy(&queue->not_empty);
	pthread_mutex_destroy(&queue->mutex);
	free(queue->slots);
	free(queue);
}

WORK_INLINE struct message *
slot(struct queue *queue, const uint32_t size, uint64_t position)
{
	return work_at(queue->slots, size, position % PEER_CAPACITY);
}

/* Waits for room for one, and puts as many of the n as there is room for. */
WORK_INLINE uint32_t
queue_put(struct queue_end *end, const uint32_t size, const int variant,
          const struct source *source, const uint32_t n)
{
	struct queue *queue = end->queue;
	uint32_t room, readers;

	(void)variant;
	pthread_mutex_lock(&queue->mutex);
	while (queue->tail - queue->head == PEER_CAPACITY) {
		queue->writers++;
		pthread_cond_wait(&queue->not_full, &queue->mutex);
		queue->writers--;
	}
	room = (uint32_t)(PEER_CAPACITY - (queue->tail - queue->head));
	if (room > n)
		room = n;
	for (uint32_t k = 0; k < room; k++)
		source_write(source, size, slot(queue, size, queue->tail + k), k);
	queue->tail += room;
	readers = queue->readers;
	pthread_mutex_unlock(&queue->mutex);
	if (readers)
		pthread_cond_signal(&queue->not_empty);
	return room;
}

/* Waits for one, and copies as many as there are, up to n. */
WORK_INLINE uint32_t
take(struct queue *queue, const uint32_t size, void *copies, const uint32_t n)
{
	uint32_t count;
	bool wake;

	pthread_mutex_lock(&queue->mutex);
	while (queue->tail == queue->head) {
		queue->readers++;
		pthread_cond_wait(&queue->not_empty, &queue->mutex);
		queue->readers--;
	}
	count = queue->tail - queue->head < n ? (uint32_t)(queue->tail - queue->head) : n;
	for (uint32_t k = 0; k < count; k++)
		memcpy(work_at(copies, size, k), slot(queue, size, queue->head + k),
		       work_stride(size));
	queue->head += count;
	wake = queue->writers && queue->tail - queue->head <= PEER_CAPACITY / 2;
	pthread_mutex_unlock(&queue->mutex);
	if (wake)
		pthread_cond_broadcast(&queue->not_full);
	return count;
}

WORK_INLINE uint32_t
queue_take(struct queue_end *end, const uint32_t size, const int variant, const int kind,
           struct stage *stage, const uint32_t n)
{
	struct work_buffer copies[PEER_BATCH_MAX];

	return stage_take_copies(stage, size, variant, kind, copies,
	                         take(end->queue, size, copies, n), n);
}

WORK_INLINE uint32_t
queue_drop(struct queue_end *end, const uint32_t size, const int variant, const uint32_t n)
{
	struct work_buffer copies[PEER_BATCH_MAX];

	(void)variant;
	return take(end->queue, size, copies, n);
}

const struct peer peer = {
	.name = "mutex-cond",
	.what = "a ring under a pthread mutex, with condition variables",
	.package = "libc6-dev",
	.version = PEER_VERSION,
	.kind = "waking",
	.scenarios = PEER_ALL_SCENARIOS,
	.batches = true,
	.waits = { { "block", 0, 0 } },
	.open = queue_run_open,
	.run = queue_run_run,
	.close = queue_run_close,
};
