/* SPDX-License-Identifier: MIT */
/*
 * boost.cc - Boost.Lockfree (libboost-dev): spsc_queue, and queue for many producers.
 *
 * spsc_queue: push and pop of one event; with "+place" consume_one, which handles it in the queue;
 * with "+all" consume_all, which handles what is there and gives the room back once. Batched: push and
 * pop of arrays; with "+all" consume_all, where events are not passed on. "+queue" is lockfree::queue,
 * which any number of threads may use: push and consume_one; one for three producers; it has no
 * calls for several events.
 *
 * To be fair: capacities are fixed at compile time, elements lie in the queue by value, of a type
 * for each size.
 */
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <boost/version.hpp>

#include "peer.h"

enum { COPY, PLACE, ALL, MANY };

#define QUEUE_VARIANTS(X) X(0) X(1) X(2) X(3)
#define QUEUE_MANY(load) ((load)->wait->variant == MANY)
#define QUEUE_BATCHES 1

#include "queue_loops.h"

namespace lockfree = boost::lockfree;

template <typename T> using one_of = lockfree::spsc_queue<T, lockfree::capacity<PEER_CAPACITY>>;
template <typename T> using many_of = lockfree::queue<T, lockfree::capacity<PEER_CAPACITY>>;

#define INLINE __attribute__((always_inline))

/* Call f with the queue as what it is, and no message of its type. */
template <typename F> WORK_INLINE auto
with_one(struct queue *queue, const uint32_t size, F f)
{
	void *q = queue;

	return size == 8    ? f((one_of<message_8> *)q, (message_8 *)NULL)
	       : size == 48 ? f((one_of<message_48> *)q, (message_48 *)NULL)
	                    : f((one_of<message_256> *)q, (message_256 *)NULL);
}

template <typename F> WORK_INLINE auto
with_many(struct queue *queue, const uint32_t size, F f)
{
	void *q = queue;

	return size == 8    ? f((many_of<message_8> *)q, (message_8 *)NULL)
	       : size == 48 ? f((many_of<message_48> *)q, (message_48 *)NULL)
	                    : f((many_of<message_256> *)q, (message_256 *)NULL);
}

template <typename Q> static struct queue *
make(Q *)
{
	return (struct queue *)(void *)new Q;
}

static struct queue *
queue_open(const struct peer_load *load)
{
	const auto open = [](auto *q, auto *) { return make(q); };

	return load->wait->variant == MANY ? with_many(NULL, load->size, open)
	                                   : with_one(NULL, load->size, open);
}

static void
queue_close(struct queue *queue, const struct peer_load *load)
{
	const auto close = [](auto *q, auto *) { delete q; };

	if (load->wait->variant == MANY)
		with_many(queue, load->size, close);
	else
		with_one(queue, load->size, close);
}

WORK_INLINE uint32_t
queue_put(struct queue_end *end, const uint32_t size, const int variant,
          const struct source *source, const uint32_t n)
{
	struct work_buffer buffer[PEER_BATCH_MAX];

	if (variant == MANY)
		return with_many(end->queue, size, [&](auto *q, auto *none) INLINE {
			return q->push(*(decltype(none))source_read(source, size, buffer, 1));
		});
	if (__builtin_constant_p(n) && n == 1)
		return with_one(end->queue, size, [&](auto *q, auto *none) INLINE {
			return q->push(*(decltype(none))source_read(source, size, buffer, 1));
		});
	return with_one(end->queue, size, [&](auto *q, auto *none) INLINE {
		return (uint32_t)q->push((decltype(none))source_read(source, size, buffer, n), n);
	});
}

WORK_INLINE uint32_t
queue_take(struct queue_end *end, const uint32_t size, const int variant, const int kind,
           struct stage *stage, const uint32_t n)
{
	const auto each = [&](const auto &message) INLINE {
		stage_take(stage, size, variant, kind, &message.head, 1);
	};
	struct work_buffer copies[PEER_BATCH_MAX];

	if (variant == MANY)
		return with_many(end->queue, size, [&](auto *q, auto *) INLINE {
			return q->consume_one(each);
		});
	if (variant == ALL && ((__builtin_constant_p(n) && n == 1) || kind == STAGE_LAST))
		return with_one(end->queue, size, [&](auto *q, auto *) INLINE {
			return (uint32_t)q->consume_all(each);
		});
	if (__builtin_constant_p(n) && n == 1)
		return with_one(end->queue, size, [&](auto *q, auto *none) INLINE {
			auto *copy = (decltype(none))copies;

			if (variant == PLACE)
				return q->consume_one(each);
			if (!q->pop(*copy))
				return false;
			each(*copy);
			return true;
		});
	return with_one(end->queue, size, [&](auto *q, auto *none) INLINE {
		return stage_take_copies(stage, size, variant, kind, copies,
		                         (uint32_t)q->pop((decltype(none))copies, n), n);
	});
}

WORK_INLINE uint32_t
queue_drop(struct queue_end *end, const uint32_t size, const int variant, const uint32_t n)
{
	const auto nothing = [](const auto &) INLINE {};
	struct work_buffer copies[PEER_BATCH_MAX];

	if (variant == MANY)
		return with_many(end->queue, size, [&](auto *q, auto *) INLINE {
			return q->consume_one(nothing);
		});
	if (__builtin_constant_p(n) && n == 1)
		return with_one(end->queue, size, [&](auto *q, auto *) INLINE {
			return q->consume_one(nothing);
		});
	return with_one(end->queue, size, [&](auto *q, auto *none) INLINE {
		return (uint32_t)q->pop((decltype(none))copies, n);
	});
}

const struct peer peer = {
	"boost",
	"boost::lockfree::spsc_queue: push, pop; consume_one (+place), consume_all (+all); "
	"lockfree::queue (+queue)",
	"libboost-dev", BOOST_LIB_VERSION, "bare", PEER_ALL_SCENARIOS, true,
	{ PEER_BARE_WAITS("", COPY), PEER_BARE_WAITS("+place", PLACE), PEER_BARE_WAITS("+all", ALL),
	  PEER_BARE_WAITS("+queue", MANY) },
	queue_run_open, queue_run_run, queue_run_close,
};
