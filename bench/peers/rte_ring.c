/* SPDX-License-Identifier: MIT */
/*
 * rte_ring.c - DPDK's ring (libdpdk-dev), made by rte_ring_init() in memory of our own: no EAL, no
 * huge pages.
 *
 * rte_ring_sp_enqueue_elem and rte_ring_sc_dequeue_elem, which copy; with "+place" the zero-copy
 * calls, rte_ring_enqueue_zc_bulk_elem_start and rte_ring_dequeue_zc_bulk_elem_start with their
 * _finish. Batched: the burst calls. "+burst" is "+place" with a consumer that takes up to 32 at
 * once, whatever a commit is, as DPDK's own programs do.
 *
 * To be fair: elements lie in the ring by value; their size is a constant to the inline functions.
 * DPDK's flags would add -march=corei7: nobody has it. Three producers have a ring each: one with
 * several producers makes a producer wait for those before it, and is not for threads that share a
 * processor, as its manual says.
 */
#include <rte_ring.h>
#include <rte_ring_peek_zc.h>

#include "peer.h"

enum { COPY, PLACE, BURST, BURST_COUNT = 32 };

#define QUEUE_VARIANTS(X) X(0) X(1) X(2)
#define QUEUE_MANY(load) 0
#define QUEUE_BATCHES 1

#include "queue_loops.h"

static struct rte_ring *
ring_of(struct queue_end *end)
{
	return (void *)end->queue;
}

static struct queue *
queue_open(const struct peer_load *load)
{
	const ssize_t need = rte_ring_get_memsize_elem((unsigned)work_stride(load->size),
	                                               PEER_CAPACITY);
	const size_t bytes = ((size_t)need + 4095) & ~(size_t)4095;
	void *ring = need > 0 ? aligned_alloc(4096, bytes) : NULL;

	if (!ring)
		return NULL;
	memset(ring, 0, bytes);
	if (rte_ring_init(ring, "peer", PEER_CAPACITY, RING_F_SP_ENQ | RING_F_SC_DEQ))
		return NULL;
	return ring;
}

static void
queue_close(struct queue *queue, const struct peer_load *load)
{
	(void)load;
	free(queue);
}

/* The k-th of what zero copy gave, which may be in two parts. */
WORK_INLINE struct message *
zc_at(const struct rte_ring_zc_data *zc, const uint32_t size, uint32_t k)
{
	return k < zc->n1 ? work_at(zc->ptr1, size, k) : work_at(zc->ptr2, size, k - zc->n1);
}

WORK_INLINE uint32_t
put_in_place(struct rte_ring *ring, const uint32_t size, const struct source *source,
             const uint32_t n)
{
	const unsigned stride = (unsigned)work_stride(size);
	struct rte_ring_zc_data zc;
	uint32_t count;

	if (__builtin_constant_p(n) && n == 1) {
		if (!rte_ring_enqueue_zc_bulk_elem_start(ring, stride, 1, &zc, NULL))
			return 0;
		source_write(source, size, zc.ptr1, 0);
		rte_ring_enqueue_zc_elem_finish(ring, 1);
		return 1;
	}
	count = rte_ring_enqueue_zc_burst_elem_start(ring, stride, n, &zc, NULL);
	if (!count)
		return 0;
	for (uint32_t k = 0; k < count; k++)
		source_write(source, size, zc_at(&zc, size, k), k);
	rte_ring_enqueue_zc_elem_finish(ring, count);
	return count;
}

WORK_INLINE uint32_t
queue_put(struct queue_end *end, const uint32_t size, const int variant,
          const struct source *source, const uint32_t n)
{
	const unsigned stride = (unsigned)work_stride(size);
	struct work_buffer buffer[PEER_BATCH_MAX];
	const struct message *messages;

	if (variant != COPY)
		return put_in_place(ring_of(end), size, source, n);
	messages = source_read(source, size, buffer, n);
	if (__builtin_constant_p(n) && n == 1)
		return !rte_ring_sp_enqueue_elem(ring_of(end), (void *)(uintptr_t)messages, stride);
	return rte_ring_sp_enqueue_burst_elem(ring_of(end), messages, stride, n, NULL);
}

WORK_INLINE uint32_t
take_in_place(struct rte_ring *ring, const uint32_t size, const int variant, const int kind,
              struct stage *stage, const uint32_t n)
{
	const unsigned stride = (unsigned)work_stride(size);
	struct rte_ring_zc_data zc;
	uint32_t count;

	if (__builtin_constant_p(n) && n == 1) {
		if (!rte_ring_dequeue_zc_bulk_elem_start(ring, stride, 1, &zc, NULL))
			return 0;
		stage_take(stage, size, variant, kind, zc.ptr1, 1);
		rte_ring_dequeue_zc_elem_finish(ring, 1);
		return 1;
	}
	count = rte_ring_dequeue_zc_burst_elem_start(ring, stride, n, &zc, NULL);
	if (!count)
		return 0;
	stage_take(stage, size, variant, kind, zc.ptr1, zc.n1 < count ? zc.n1 : count);
	if (zc.n1 < count)
		stage_take(stage, size, variant, kind, zc.ptr2, count - zc.n1);
	rte_ring_dequeue_zc_elem_finish(ring, count);
	return count;
}

WORK_INLINE uint32_t
queue_take(struct queue_end *end, const uint32_t size, const int variant, const int kind,
           struct stage *stage, const uint32_t n)
{
	const unsigned stride = (unsigned)work_stride(size);
	struct work_buffer copies[PEER_BATCH_MAX];

	if (variant == BURST)
		return take_in_place(ring_of(end), size, variant, kind, stage,
		                     n > BURST_COUNT ? n : BURST_COUNT);
	if (variant == PLACE)
		return take_in_place(ring_of(end), size, variant, kind, stage, n);
	return stage_take_copies(stage, size, variant, kind, copies,
	                         rte_ring_sc_dequeue_burst_elem(ring_of(end), copies, stride, n,
	                                                        NULL), n);
}

WORK_INLINE uint32_t
queue_drop(struct queue_end *end, const uint32_t size, const int variant, const uint32_t n)
{
	const unsigned stride = (unsigned)work_stride(size);
	struct work_buffer copies[PEER_BATCH_MAX];
	struct rte_ring_zc_data zc;
	uint32_t count;

	if (variant == COPY)
		return rte_ring_sc_dequeue_burst_elem(ring_of(end), copies, stride, n, NULL);
	count = rte_ring_dequeue_zc_burst_elem_start(ring_of(end), stride, n, &zc, NULL);
	if (count)
		rte_ring_dequeue_zc_elem_finish(ring_of(end), count);
	return count;
}

const struct peer peer = {
	.name = "rte-ring",
	.what = "DPDK's rte_ring, sp and sc: _elem calls; zero copy (+place), in bursts (+burst)",
	.package = "libdpdk-dev",
	.version = PEER_VERSION,
	.kind = "bare",
	.scenarios = PEER_ALL_SCENARIOS,
	.batches = true,
	.waits = { PEER_BARE_WAITS("", COPY), PEER_BARE_WAITS("+place", PLACE),
	           PEER_BARE_WAITS("+burst", BURST) },
	.open = queue_run_open,
	.run = queue_run_run,
	.close = queue_run_close,
};
