/* SPDX-License-Identifier: MIT */
/*
 * inline.h - the bodies of the hot path, and the layouts that they need. Private: use <weir/weir.h>.
 *
 * What stands here is compiled into the user's program, so it is part of the ABI.
 * weir_bus_open() hands WEIR_ABI_ to the library, which refuses a number that it
 * does not know: a program compiled against other bodies gets an error, not a
 * corrupted ring. Each function here also exists as a symbol of the library, for
 * other languages and for -O0 (define WEIR_NO_INLINE to use only those).
 *
 * Publishing, and what each step pairs with (docs/ordering.md):
 *   state = INSIDE    the closer waits for it (E5); a signal handler that interrupts sees it
 *   position, limit   one compare; a closed, disabled or forked bus, a full ring and a bus whose
 *                     publishers must fence all show as a limit that is used up (E4, E5)
 *   record            at bytes + (position & mask), contiguous
 *   tail, release     the record is visible to dispatchers (E1)
 *   parked            somebody may sleep: wake (E3); only a compiler barrier before, the sleeper
 *                     makes the heavy fence
 *   state = IDLE
 */
#ifndef WEIR_INLINE_H
#define WEIR_INLINE_H

#include <string.h>

#define WEIR_ABI_ 1u

#if defined(WEIR_DEFINE_SYMBOLS_)
#define WEIR_INLINE_                   /* publish.c: the twins that are symbols */
#else
#define WEIR_INLINE_ extern inline __attribute__((gnu_inline))
#endif

#define WEIR_LIKELY_(x) __builtin_expect(!!(x), 1)
#define WEIR_UNLIKELY_(x) __builtin_expect(!!(x), 0)
#define WEIR_COMPILER_BARRIER_() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* weir_event.topic_flags */
#define WEIR_TOPIC_MASK_ 0x00ffffffu
#define WEIR_HOPS_SHIFT_ 24u
#define WEIR_HOPS_MASK_  0x1f000000u
#define WEIR_KEY_        0x20000000u
#define WEIR_TRACE_      0x40000000u
#define WEIR_REPLAYED_   0x80000000u

/* Topics below belong to the bus: "weir.failed.deliver" and "weir.gap". */
#define WEIR_TOPIC_FIRST_ 3u

/* weir_producer.state */
#define WEIR_IDLE_   0u
#define WEIR_INSIDE_ 1u     /* a call is between its first and its last instruction */
#define WEIR_OPEN_   2u     /* reservations are open, no call is inside */

/* What *clock may hold instead of a time: the publisher reads the clock itself. */
#define WEIR_CLOCK_READ_ 1u

/*
 * What a publisher touches: the front of a private page that the kernel wipes in
 * a forked child, where all of it reads as 0 and so the limit as used up.
 * Written by the producer's thread; `limit` also by who closes or disables the bus.
 */
struct weir_producer {
	uint64_t position;          /* where the next record begins, behind open reservations */
	uint64_t limit;             /* where it may end; 0: the slow path knows why */
	unsigned char *bytes;
	uint64_t mask;
	uint64_t *tail;             /* in the ring, read by dispatchers */
	const uint64_t *clock;      /* the bus's tick, or a constant word */
	const uint32_t *parked;     /* the bus's; odd: somebody sleeps */
	uint64_t sequence;          /* records written and not aborted */
	uint64_t last;              /* where the last reserved record begins, for weir_trim() */
	uint32_t state;
	uint32_t size_max;          /* of a payload */
	uint32_t topic_count;       /* of topics known to exist, from WEIR_TOPIC_FIRST_ on */
	uint32_t inherit;           /* or'd into topic_flags: hops of the event being handled */
};

/* -- out of line ------------------------------------------------------------ */

WEIR_API weir_status weir_bus_open_(uint32_t abi, const weir_bus_options *options,
                                    const weir_pool_options *default_pool, weir_bus **ret_bus);
/* Called with state INSIDE; leave it as the call found it or ended it. */
WEIR_API weir_status weir_publish_slow_(weir_producer *producer, weir_topic topic,
                                        const void *data, uint32_t size);
WEIR_API weir_status weir_reserve_slow_(weir_producer *producer, weir_topic topic,
                                        uint32_t size, void **ret_data);
WEIR_API weir_status weir_commit_slow_(weir_producer *producer);
/* Called with a state that refuses, or with arguments that the fast path does not know. */
WEIR_API weir_status weir_refuse_(weir_producer *producer);
WEIR_API weir_status weir_reserve_with_(weir_producer *producer, weir_topic topic,
                                        const weir_attributes *attributes, uint32_t size, void **ret_data);
WEIR_API weir_status weir_commit_other_(weir_producer *producer);
WEIR_API void weir_wake_(weir_producer *producer);
WEIR_API uint64_t weir_clock_read_(void);

#if !defined(WEIR_NO_INLINE) || defined(WEIR_DEFINE_SYMBOLS_)

/* -- events ----------------------------------------------------------------- */

WEIR_INLINE_ const void *
weir_event_data(const weir_event *event)
{
	return event + 1;
}

WEIR_INLINE_ weir_topic
weir_event_topic(const weir_event *event)
{
	weir_topic topic;

	topic.id = event->topic_flags & WEIR_TOPIC_MASK_;
	return topic;
}

WEIR_INLINE_ int
weir_event_key(const weir_event *event, uint64_t *ret_key)
{
	if (!(event->topic_flags & WEIR_KEY_))
		return 0;
	memcpy(ret_key, (const unsigned char *)(event + 1) + (((uint64_t)event->size + 7) & ~7ull),
	       sizeof *ret_key);
	return 1;
}

WEIR_INLINE_ const weir_trace *
weir_event_trace(const weir_event *event)
{
	uint64_t offset = ((uint64_t)event->size + 7) & ~7ull;

	if (!(event->topic_flags & WEIR_TRACE_))
		return NULL;
	if (event->topic_flags & WEIR_KEY_)
		offset += 8;
	return (const weir_trace *)((const unsigned char *)(event + 1) + offset);
}

WEIR_INLINE_ int
weir_event_replayed(const weir_event *event)
{
	return (event->topic_flags & WEIR_REPLAYED_) != 0;
}

WEIR_INLINE_ uint32_t
weir_event_hops(const weir_event *event)
{
	return (event->topic_flags & WEIR_HOPS_MASK_) >> WEIR_HOPS_SHIFT_;
}

/* -- publishing ------------------------------------------------------------- */

WEIR_INLINE_ weir_status
weir_bus_open(const weir_bus_options *options, const weir_pool_options *default_pool, weir_bus **ret_bus)
{
	return weir_bus_open_(WEIR_ABI_, options, default_pool, ret_bus);
}

WEIR_INLINE_ weir_status
weir_publish(weir_producer *producer, weir_topic topic, const void *data, uint32_t size)
{
	uint64_t position, end, time;
	weir_event *event;

	if (WEIR_UNLIKELY_(!producer || __atomic_load_n(&producer->state, __ATOMIC_RELAXED) != WEIR_IDLE_))
		return weir_refuse_(producer);
	__atomic_store_n(&producer->state, WEIR_INSIDE_, __ATOMIC_RELAXED);
	WEIR_COMPILER_BARRIER_();
	position = producer->position;
	end = position + (((uint64_t)size + sizeof *event + 15) & ~15ull);
	if (WEIR_UNLIKELY_(end > __atomic_load_n(&producer->limit, __ATOMIC_RELAXED) ||
	                   size > producer->size_max || (!data && size) ||
	                   topic.id - WEIR_TOPIC_FIRST_ >= producer->topic_count))
		return weir_publish_slow_(producer, topic, data, size);
	time = __atomic_load_n(producer->clock, __ATOMIC_RELAXED);
	if (WEIR_UNLIKELY_(time == WEIR_CLOCK_READ_))
		time = weir_clock_read_();
	event = (weir_event *)(producer->bytes + (position & producer->mask));
	event->size = size;
	event->topic_flags = topic.id | producer->inherit;
	event->time = time;
	if (size)
		memcpy(event + 1, data, size);
	__atomic_store_n(&producer->position, end, __ATOMIC_RELAXED);
	__atomic_store_n(&producer->sequence, producer->sequence + 1, __ATOMIC_RELAXED);
	__atomic_store_n(producer->tail, end, __ATOMIC_RELEASE);        /* E1; E3 */
	WEIR_COMPILER_BARRIER_();
	if (WEIR_UNLIKELY_(__atomic_load_n(producer->parked, __ATOMIC_RELAXED) & 1))
		weir_wake_(producer);
	__atomic_store_n(&producer->state, WEIR_IDLE_, __ATOMIC_RELEASE);       /* E5 */
	return WEIR_OK;
}

WEIR_INLINE_ weir_status
weir_reserve(weir_producer *producer, weir_topic topic, const weir_attributes *attributes,
             uint32_t size, void **ret_data)
{
	uint64_t position, end, time;
	weir_event *event;

	if (WEIR_UNLIKELY_(!producer || attributes || !ret_data ||
	                   __atomic_load_n(&producer->state, __ATOMIC_RELAXED) == WEIR_INSIDE_))
		return weir_reserve_with_(producer, topic, attributes, size, ret_data);
	__atomic_store_n(&producer->state, WEIR_INSIDE_, __ATOMIC_RELAXED);
	WEIR_COMPILER_BARRIER_();
	position = producer->position;
	end = position + (((uint64_t)size + sizeof *event + 15) & ~15ull);
	if (WEIR_UNLIKELY_(end > __atomic_load_n(&producer->limit, __ATOMIC_RELAXED) ||
	                   size > producer->size_max ||
	                   topic.id - WEIR_TOPIC_FIRST_ >= producer->topic_count))
		return weir_reserve_slow_(producer, topic, size, ret_data);
	time = __atomic_load_n(producer->clock, __ATOMIC_RELAXED);
	if (WEIR_UNLIKELY_(time == WEIR_CLOCK_READ_))
		time = weir_clock_read_();
	event = (weir_event *)(producer->bytes + (position & producer->mask));
	event->size = size;
	event->topic_flags = topic.id | producer->inherit;
	event->time = time;
	producer->last = position;
	__atomic_store_n(&producer->position, end, __ATOMIC_RELAXED);
	__atomic_store_n(&producer->sequence, producer->sequence + 1, __ATOMIC_RELAXED);
	WEIR_COMPILER_BARRIER_();
	__atomic_store_n(&producer->state, WEIR_OPEN_, __ATOMIC_RELAXED);
	*ret_data = event + 1;
	return WEIR_OK;
}

WEIR_INLINE_ weir_status
weir_commit(weir_producer *producer)
{
	uint64_t end;

	if (WEIR_UNLIKELY_(!producer || __atomic_load_n(&producer->state, __ATOMIC_RELAXED) != WEIR_OPEN_))
		return weir_commit_other_(producer);
	__atomic_store_n(&producer->state, WEIR_INSIDE_, __ATOMIC_RELAXED);
	WEIR_COMPILER_BARRIER_();
	end = producer->position;
	if (WEIR_UNLIKELY_(end > __atomic_load_n(&producer->limit, __ATOMIC_RELAXED)))
		return weir_commit_slow_(producer);
	__atomic_store_n(producer->tail, end, __ATOMIC_RELEASE);        /* E1; E3 */
	WEIR_COMPILER_BARRIER_();
	if (WEIR_UNLIKELY_(__atomic_load_n(producer->parked, __ATOMIC_RELAXED) & 1))
		weir_wake_(producer);
	__atomic_store_n(&producer->state, WEIR_IDLE_, __ATOMIC_RELEASE);       /* E5 */
	return WEIR_OK;
}

#endif
#endif
