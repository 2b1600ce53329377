/* SPDX-License-Identifier: MIT */
/*
 * readerwriter.cc - moodycamel's ReaderWriterQueue, for one producer and one consumer
 * (libreaderwriterqueue-dev).
 *
 * try_enqueue and try_dequeue, which never allocate; with "+place" try_emplace, whose constructor
 * fills the slot, and peek and pop, which handle it there. "+block" is "+place" in one block of memory
 * instead of the default's several of 512 events. It has no calls for several events.
 *
 * To be fair: 4096 slots from the beginning, elements by value, of a type for each size. Three
 * producers have a queue each.
 */
#include <readerwriterqueue/readerwriterqueue.h>

#include "peer.h"

enum { COPY, PLACE, BLOCK };

#define QUEUE_VARIANTS(X) X(0) X(1) X(2)
#define QUEUE_MANY(load) 0
#define QUEUE_BATCHES 0

#include "queue_loops.h"

/* An event that is made where it lies. */
template <typename message_of, uint32_t size>
struct element {
	message_of message;

	element() = default;
	explicit element(const struct source *source) { source_write(source, size, &message.head, 0); }
};

/* Blocks of 512 make the queue larger than what is asked for; 4096 slots in all need this. */
enum { SMALLER = 2 * 512 };

template <typename message_of, uint32_t size>
using queue_of = moodycamel::ReaderWriterQueue<element<message_of, size>>;
template <typename message_of, uint32_t size>
using block_of = moodycamel::ReaderWriterQueue<element<message_of, size>, 2 * PEER_CAPACITY>;

/* Call f with the queue as what it is. */
template <typename F> WORK_INLINE auto
with(struct queue *queue, const uint32_t size, const int variant, F f)
{
	void *q = queue;

	if (variant == BLOCK)
		return size == 8    ? f((block_of<message_8, 8> *)q)
		       : size == 48 ? f((block_of<message_48, 48> *)q)
		                    : f((block_of<message_256, 256> *)q);
	return size == 8    ? f((queue_of<message_8, 8> *)q)
	       : size == 48 ? f((queue_of<message_48, 48> *)q)
	                    : f((queue_of<message_256, 256> *)q);
}

template <typename Q> static void
make(Q **ret_queue, size_t capacity)
{
	*ret_queue = new Q(capacity);
}

static struct queue *
queue_open(const struct peer_load *load)
{
	const bool block = load->wait->variant == BLOCK;
	struct queue *queue = NULL;

	with(NULL, load->size, (int)load->wait->variant, [&](auto *none) {
		auto *made = none;

		make(&made, block ? PEER_CAPACITY - 1 : PEER_CAPACITY - SMALLER);
		queue = (struct queue *)made;
	});
	return queue;
}

static void
queue_close(struct queue *queue, const struct peer_load *load)
{
	with(queue, load->size, (int)load->wait->variant, [](auto *q) { delete q; });
}

WORK_INLINE uint32_t
queue_put(struct queue_end *end, const uint32_t size, const int variant,
          const struct source *source, const uint32_t n)
{
	(void)n;
	return with(end->queue, size, variant, [&](auto *q) __attribute__((always_inline)) {
		using element_type = std::remove_reference_t<decltype(*q->peek())>;

		if (variant != COPY)
			return q->try_emplace(source);
		return q->try_enqueue(element_type(source));
	});
}

WORK_INLINE uint32_t
queue_take(struct queue_end *end, const uint32_t size, const int variant, const int kind,
           struct stage *stage, const uint32_t n)
{
	(void)n;
	return with(end->queue, size, variant, [&](auto *q) __attribute__((always_inline)) {
		if (variant != COPY) {
			auto *element = q->peek();

			if (!element)
				return false;
			stage_take(stage, size, variant, kind, &element->message.head, 1);
			return q->pop();
		}
		std::remove_reference_t<decltype(*q->peek())> copy;

		if (!q->try_dequeue(copy))
			return false;
		stage_take(stage, size, variant, kind, &copy.message.head, 1);
		return true;
	});
}

WORK_INLINE uint32_t
queue_drop(struct queue_end *end, const uint32_t size, const int variant, const uint32_t n)
{
	(void)n;
	return with(end->queue, size, variant, [&](auto *q) __attribute__((always_inline)) {
		return q->pop();
	});
}

const struct peer peer = {
	"readerwriter",
	"moodycamel::ReaderWriterQueue: try_enqueue, try_dequeue; try_emplace, peek, pop (+place)",
	"libreaderwriterqueue-dev", PEER_VERSION, "bare", PEER_ALL_SCENARIOS, false,
	{ PEER_BARE_WAITS("", COPY), PEER_BARE_WAITS("+place", PLACE),
	  PEER_BARE_WAITS("+block", BLOCK) },
	queue_run_open, queue_run_run, queue_run_close,
};
