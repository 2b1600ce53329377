/* SPDX-License-Identifier: MIT */
/*
 * moodycamel.cc - moodycamel::ConcurrentQueue, for many producers and consumers
 * (libconcurrentqueue-dev).
 *
 * With a token for each producer and consumer, as its author asks: try_enqueue, which never
 * allocates, and try_dequeue. "+from" is try_dequeue_from_producer where there is one producer.
 * "+bulk" takes up to 32 at once by try_dequeue_bulk, whatever a commit is. Batched:
 * try_enqueue_bulk and try_dequeue_bulk. Three producers share one queue.
 *
 * To be fair: elements lie in the queue by value, of a type for each size. A producer gets its blocks
 * for 4096 events before the load, so that none must allocate and none takes another's; that
 * bounds it.
 */
#include <concurrentqueue/concurrentqueue.h>

#include "peer.h"

enum { COPY, FROM, BULK };

static const uint32_t BULK_COUNT = 32;

#define QUEUE_VARIANTS(X) X(0) X(1) X(2)
#define QUEUE_MANY(load) 1
#define QUEUE_BATCHES 1

#include "queue_loops.h"

#define INLINE __attribute__((always_inline))

/* The token's type does not depend on the element's: so neither do the holds. */
struct queue {
	void *of_size;
	moodycamel::ProducerToken *puts[PEER_PRODUCERS];
	moodycamel::ConsumerToken *takes;
	uint32_t producers;
};

/* Call f with the queue as what it is, and no message of its type. */
template <typename F> WORK_INLINE auto
with(struct queue *queue, const uint32_t size, F f)
{
	void *q = queue->of_size;

	return size == 8    ? f((moodycamel::ConcurrentQueue<message_8> *)q, (message_8 *)NULL)
	       : size == 48 ? f((moodycamel::ConcurrentQueue<message_48> *)q, (message_48 *)NULL)
	                    : f((moodycamel::ConcurrentQueue<message_256> *)q, (message_256 *)NULL);
}

/* Blocks for 4096 events for each producer: it keeps what it has once used. */
template <typename Q, typename M> static bool
make(struct queue *queue, Q *none, M *)
{
	Q *q = new Q(queue->producers * PEER_CAPACITY);
	M message = {};

	(void)none;
	queue->of_size = q;
	for (uint32_t p = 0; p < queue->producers; p++) {
		queue->puts[p] = new moodycamel::ProducerToken(*q);
		for (int i = 0; i < PEER_CAPACITY; i++)
			if (!q->enqueue(*queue->puts[p], message))
				return false;
		for (int i = 0; i < PEER_CAPACITY; i++)
			if (!q->try_dequeue_from_producer(*queue->puts[p], message))
				return false;
	}
	queue->takes = new moodycamel::ConsumerToken(*q);
	return true;
}

static struct queue *
queue_open(const struct peer_load *load)
{
	struct queue *queue = new struct queue();

	queue->producers = load->producer_count;
	return with(queue, load->size, [&](auto *q, auto *m) { return make(queue, q, m); }) ? queue
	                                                                                  : NULL;
}

static void
queue_close(struct queue *queue, const struct peer_load *load)
{
	delete queue->takes;
	for (uint32_t p = 0; p < queue->producers; p++)
		delete queue->puts[p];
	with(queue, load->size, [](auto *q, auto *) { delete q; });
	delete queue;
}

WORK_INLINE uint32_t
queue_put(struct queue_end *end, const uint32_t size, const int variant,
          const struct source *source, const uint32_t n)
{
	const auto &token = *end->queue->puts[end->lane];
	struct work_buffer buffer[PEER_BATCH_MAX];

	(void)variant;
	return with(end->queue, size, [&](auto *q, auto *none) INLINE {
		const auto *messages = (decltype(none))source_read(source, size, buffer, n);

		if (__builtin_constant_p(n) && n == 1)
			return q->try_enqueue(token, *messages) ? 1u : 0u;
		return q->try_enqueue_bulk(token, messages, n) ? n : 0u;
	});
}

/* Up to n; how many. */
WORK_INLINE uint32_t
take(struct queue_end *end, const uint32_t size, const int variant, void *copies, const uint32_t n)
{
	struct queue *queue = end->queue;

	return with(queue, size, [&](auto *q, auto *none) INLINE {
		auto *copy = (decltype(none))copies;

		const bool from = variant == FROM && queue->producers == 1;

		if (!(__builtin_constant_p(n) && n == 1))
			return (uint32_t)(from ? q->try_dequeue_bulk_from_producer(*queue->puts[0],
			                                                           copy, n)
			                       : q->try_dequeue_bulk(*queue->takes, copy, n));
		if (from)
			return q->try_dequeue_from_producer(*queue->puts[0], *copy) ? 1u : 0u;
		return q->try_dequeue(*queue->takes, *copy) ? 1u : 0u;
	});
}

WORK_INLINE uint32_t
queue_take(struct queue_end *end, const uint32_t size, const int variant, const int kind,
           struct stage *stage, const uint32_t n)
{
	const uint32_t most = variant == BULK && n < BULK_COUNT ? BULK_COUNT : n;
	struct work_buffer copies[PEER_BATCH_MAX];

	return stage_take_copies(stage, size, variant, kind, copies,
	                         take(end, size, variant, copies, most), most);
}

WORK_INLINE uint32_t
queue_drop(struct queue_end *end, const uint32_t size, const int variant, const uint32_t n)
{
	struct work_buffer copies[PEER_BATCH_MAX];

	return take(end, size, variant, copies, n);
}

const struct peer peer = {
	"moodycamel",
	"moodycamel::ConcurrentQueue with tokens: try_enqueue, try_dequeue; _from_producer (+from), "
	"_bulk (+bulk)",
	"libconcurrentqueue-dev", PEER_VERSION, "bare", PEER_ALL_SCENARIOS, true,
	{ PEER_BARE_WAITS("", COPY), PEER_BARE_WAITS("+from", FROM), PEER_BARE_WAITS("+bulk", BULK) },
	queue_run_open, queue_run_run, queue_run_close,
};
