/* SPDX-License-Identifier: MIT */
/*
 * inline.h - the bodies of the hot path, and the layouts that they need.
 * Private: use <weir/weir.h>.
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
 *                     publishers must fence all show as a limit that is used up (E5)
 *   record            at bytes + (position & mask), contiguous
 *   tail              the record is visible to dispatchers (E1)
 *   parked            somebody may sleep: wake (E3); only a compiler barrier before, the sleeper
 *                     makes the heavy fence
 *   state = 0         the call is over (E5)
 */
#ifndef WEIR_INLINE_H
#define WEIR_INLINE_H

#include <string.h>

#define WEIR_ABI_ 3u

#if defined(WEIR_DEFINE_SYMBOLS_)
#define WEIR_INLINE_                   /* publish.c: the twins that are symbols */
#else
#define WEIR_INLINE_ extern inline __attribute__((gnu_inline, always_inline))
#endif

#define WEIR_HELPER_ extern inline __attribute__((gnu_inline, always_inline))

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

/* How far ahead of a record its producer asks for lines, in bytes. */
#define WEIR_AHEAD_ 1536u

/* Further than any limit. */
#define WEIR_BEYOND_ (1ull << 63)

/*
 * weir_open_.state: one bit, what open reservations take in bytes (a multiple of 16), their count
 */
#define WEIR_INSIDE_ 1u             /* a call is between its first and its last instruction */
#define WEIR_ONE_    (1ull << 32)   /* one of them */
#define WEIR_COUNT_(state) ((state) >> 32)
#define WEIR_TAKEN_(state) ((uint32_t)(state) & ~15u)
/* Of a sum of two states: whether one of them is inside. */
#define WEIR_ANY_INSIDE_(sum) ((sum) & 15u)

/* What *clock may hold instead of a time: the slow path reads the clock itself. */
#define WEIR_CLOCK_READ_ 1u

/* Open reservations, as far as they are noted here. */
struct weir_open_ {
	uint64_t state;             /* 0: idle */
	uint64_t header;            /* first 8 bytes of the record reserved last */
};

/*
 * What a producer writes beside its records, in 32 bytes of one line of the ring.
 *
 * An event is three runs of stores: here, the record from its beginning to its end, here again (so
 * a reservation's state comes before its header). Stores leave in order, and while the record's
 * line is on its way from a dispatcher's processor, how many further lines can be asked for depends
 * on the runs that wait: one run more, to another line, to other 32 bytes of the same line, or back
 * to the beginning of the record, costs a third of the throughput where lines are slow
 * (docs/decisions/0004-the-producers-line.md).
 */
struct weir_tail_ {
	__attribute__((aligned(32)))
	uint64_t position;          /* dispatchers may read up to here */
	uint64_t count;             /* records committed */
	struct weir_open_ open;     /* of the first reservation */
};

/*
 * What a publisher needs to know. Two pages meet in it: the kernel wipes the first one in a forked
 * child, where the limit then reads as 0 and the slow path finds out. The pointers are beyond, so
 * that a call which a fork has interrupted (in a signal handler) can end in the child: in its copy
 * of the ring. Constant, but for `limit`, which the producer refreshes and who closes or disables
 * the bus sets to 0.
 */
struct weir_producer {
	uint64_t limit;             /* where a record may end; 0: the slow path knows why */
	uint64_t alive;             /* 0 in a forked child */
	unsigned char apart[240];   /* the second page begins in its middle */
	struct weir_tail_ *tail;
	unsigned char *bytes;
	uint64_t mask;
	const uint64_t *clock;      /* the bus's tick, or a constant word */
	const uint32_t *parked;     /* the bus's; odd: somebody sleeps */
	uint32_t size_max;          /* of a payload */
	uint32_t topic_count;       /* of topics known to exist, from WEIR_TOPIC_FIRST_ on */
	uint32_t inherit;           /* or'd into topic_flags: hops of the event being handled */
	/*
	 * Of the reservations after the first. In a line of their own: a dispatcher that waits for
	 * the commit asks for the tail's line again and again, and each reservation would have to
	 * get it back.
	 */
	__attribute__((aligned(64)))
	struct weir_open_ more;
	uint64_t more_start;        /* where the last of them begins */
};

/* -- out of line ------------------------------------------------------------ */

WEIR_API weir_status weir_bus_open_(uint32_t abi, const weir_bus_options *options,
                                    const weir_pool_options *default_pool, weir_bus **ret_bus);
/* Called inside; they end the call. */
WEIR_API weir_status weir_publish_slow_(weir_producer *producer, weir_topic topic,
                                        const void *data, uint32_t size);
WEIR_API weir_status weir_reserve_slow_(weir_producer *producer, weir_topic topic,
                                        const weir_attributes *attributes, uint32_t size,
                                        void **ret_data);
WEIR_API weir_status weir_commit_slow_(weir_producer *producer);
/* Called outside: for a NULL, a forked child, a producer that is inside or has reservations. */
WEIR_API weir_status weir_refuse_(weir_producer *producer);
WEIR_API weir_status weir_commit_other_(weir_producer *producer);
WEIR_API void weir_wake_(weir_producer *producer);

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
	if (event->topic_flags & WEIR_REPLAYED_)
		offset += sizeof(weir_origin);
	return (const weir_trace *)((const unsigned char *)(event + 1) + offset);
}

WEIR_INLINE_ int
weir_event_replayed(const weir_event *event)
{
	return (event->topic_flags & WEIR_REPLAYED_) != 0;
}

WEIR_INLINE_ const weir_origin *
weir_event_origin(const weir_event *event)
{
	uint64_t offset = ((uint64_t)event->size + 7) & ~7ull;

	if (!(event->topic_flags & WEIR_REPLAYED_))
		return NULL;
	if (event->topic_flags & WEIR_KEY_)
		offset += 8;
	return (const weir_origin *)((const unsigned char *)(event + 1) + offset);
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

WEIR_HELPER_ uint64_t
weir_need_(uint32_t size)
{
	return ((uint64_t)size + sizeof(weir_event) + 15) & ~15ull;
}

/* The first 8 bytes of an event as they lie in memory. */
WEIR_HELPER_ uint64_t
weir_header_(uint32_t size, uint32_t topic_flags)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return size | (uint64_t)topic_flags << 32;
#else
	return (uint64_t)size << 32 | topic_flags;
#endif
}

WEIR_HELPER_ uint64_t *
weir_record_(weir_producer *producer, uint64_t position)
{
	return (uint64_t *)(producer->bytes + (position & producer->mask));
}

/*
 * Asks for a line that will be written some records from now. Stores leave in order, and how many
 * lines are on their way from a dispatcher's processor at once is bounded by the stores that wait:
 * with two lines beside the record that is too few where lines are far (docs/decisions/0004).
 * Not a line that may hold what a dispatcher has not read yet: that would take it away from it.
 */
WEIR_HELPER_ void
weir_ask_ahead_(const uint64_t *record, uint64_t end, uint64_t limit)
{
	const unsigned char *ahead = (const unsigned char *)record + WEIR_AHEAD_;

	if (WEIR_UNLIKELY_(limit - end < WEIR_AHEAD_))
		return;
#if defined(__x86_64__)
	__asm__ volatile ("prefetchw %0" : : "m"(*ahead));      /* the builtin reads, without -mprfchw */
#else
	__builtin_prefetch(ahead, 1);
#endif
}

/*
 * Whether the record reserved last has its header. It may not when a signal handler has interrupted
 * weir_reserve() between the state and the header: then nothing may be built on it, since a
 * dispatcher could not walk over it. (What is in its payload is up to who commits it.)
 */
WEIR_HELPER_ int
weir_is_written_(weir_producer *producer, uint64_t more)
{
	const struct weir_tail_ *tail = producer->tail;
	uint64_t start = more ? producer->more_start : tail->position;
	uint64_t header = more ? producer->more.header : tail->open.header;

	return *(volatile uint64_t *)weir_record_(producer, start) == header;
}

/* Shows records to dispatchers. Still inside: who closes must not free what is read here. */
WEIR_HELPER_ void
weir_show_(weir_producer *producer, struct weir_tail_ *tail, uint64_t end, uint64_t count)
{
	WEIR_COMPILER_BARRIER_();
	__atomic_store_n(&tail->count, count, __ATOMIC_RELAXED);
	__atomic_store_n(&tail->position, end, __ATOMIC_RELEASE);               /* E1; E3 */
	WEIR_COMPILER_BARRIER_();
	if (WEIR_UNLIKELY_(__atomic_load_n(producer->parked, __ATOMIC_RELAXED) & 1))
		weir_wake_(producer);
	__atomic_store_n(&tail->open.state, 0, __ATOMIC_RELEASE);                    /* E5 */
}

/*
 * A record that takes `need` bytes, its header written: for weir_publish() and weir-service, whose
 * payload and whatever follows it are written next, and then weir_show_(). NULL: this is not the plain
 * case. Inside from here on, either way. The producer was idle.
 */
WEIR_HELPER_ uint64_t *
weir_begin_record_(weir_producer *producer, weir_topic topic, uint32_t flags, uint32_t size, uint64_t need,
                   int allowed, uint64_t *ret_end)
{
	struct weir_tail_ *tail = producer->tail;
	uint64_t position, end, limit, time, *record;

	__atomic_store_n(&tail->open.state, WEIR_INSIDE_, __ATOMIC_RELAXED);
	WEIR_COMPILER_BARRIER_();
	position = tail->position;
	end = position + need;
	limit = __atomic_load_n(&producer->limit, __ATOMIC_RELAXED);
	if (WEIR_UNLIKELY_(end > limit || size > producer->size_max || !allowed ||
	                   topic.id - WEIR_TOPIC_FIRST_ >= producer->topic_count ||
	                   (time = __atomic_load_n(producer->clock, __ATOMIC_RELAXED)) == WEIR_CLOCK_READ_))
		return NULL;
	record = weir_record_(producer, position);
	weir_ask_ahead_(record, end, limit);
	record[0] = weir_header_(size, topic.id | flags | producer->inherit);
	record[1] = time;
	*ret_end = end;
	return record;
}

WEIR_INLINE_ weir_status
weir_publish(weir_producer *producer, weir_topic topic, const void *data, uint32_t size)
{
	struct weir_tail_ *tail;
	uint64_t end, *record;

	if (WEIR_UNLIKELY_(!producer))
		return weir_refuse_(producer);
	tail = producer->tail;
	if (WEIR_UNLIKELY_(__atomic_load_n(&tail->open.state, __ATOMIC_RELAXED)))
		return weir_refuse_(producer);
	record = weir_begin_record_(producer, topic, 0, size, weir_need_(size), data || !size, &end);
	if (WEIR_UNLIKELY_(!record))
		return weir_publish_slow_(producer, topic, data, size);
	if (size)
		memcpy(record + 2, data, size);
	weir_show_(producer, tail, end, tail->count + 1);
	return WEIR_OK;
}

/*
 * A refusal that the compiler knows to be one: else it warns that *ret_data may be uninitialized.
 */
WEIR_HELPER_ weir_status
weir_refused_(weir_producer *producer)
{
	weir_status status = weir_refuse_(producer);

	if (status == WEIR_OK)
		__builtin_unreachable();
	return status;
}

WEIR_INLINE_ weir_status
weir_reserve(weir_producer *producer, weir_topic topic, const weir_attributes *attributes,
             uint32_t size, void **ret_data)
{
	uint64_t position, end, limit, state, before = 0, taken = 0, header, time, *record;
	struct weir_open_ *open;
	struct weir_tail_ *tail;
	weir_status status;
	void *slow;         /* not *ret_data, whose address must not escape */

	if (WEIR_UNLIKELY_(!producer))
		return weir_refused_(producer);
	tail = producer->tail;
	open = &tail->open;
	state = __atomic_load_n(&open->state, __ATOMIC_RELAXED);
	/*
	 * A branch, not arithmetic: so the processor does not wait for this load, which waits for
	 * the last commit's store, before it knows what to store.
	 */
	if (WEIR_UNLIKELY_(state)) {
		open = &producer->more;
		before = __atomic_load_n(&open->state, __ATOMIC_RELAXED);
		if (WEIR_UNLIKELY_(WEIR_ANY_INSIDE_(state + before)))
			return weir_refused_(producer);
		taken = (uint32_t)(state + before);
		if (WEIR_UNLIKELY_(!weir_is_written_(producer, before)))
			taken = WEIR_BEYOND_;   /* what the slow path has to say of it */
	}
	__atomic_store_n(&open->state, before | WEIR_INSIDE_, __ATOMIC_RELAXED);
	WEIR_COMPILER_BARRIER_();
	position = tail->position + taken;
	end = position + weir_need_(size);
	limit = __atomic_load_n(&producer->limit, __ATOMIC_RELAXED);
	if (WEIR_UNLIKELY_(end > limit || size > producer->size_max || attributes || !ret_data ||
	                   topic.id - WEIR_TOPIC_FIRST_ >= producer->topic_count ||
	                   (time = __atomic_load_n(producer->clock, __ATOMIC_RELAXED)) == WEIR_CLOCK_READ_)) {
		__asm__ ("" : "=m"(slow));     /* no compiler takes it for uninitialized */
		status = weir_reserve_slow_(producer, topic, attributes, size, ret_data ? &slow : NULL);
		if (status != WEIR_OK)
			return status;
		*ret_data = slow;
		return WEIR_OK;
	}
	header = weir_header_(size, topic.id | producer->inherit);
	__atomic_store_n(&open->header, header, __ATOMIC_RELAXED);
	if (state)
		__atomic_store_n(&producer->more_start, position, __ATOMIC_RELAXED);
	__atomic_store_n(&open->state, before + WEIR_ONE_ + weir_need_(size),
	                 __ATOMIC_RELEASE);                                     /* E5 */
	WEIR_COMPILER_BARRIER_();
	record = weir_record_(producer, position);
	weir_ask_ahead_(record, end, limit);
	record[0] = header;
	record[1] = time;
	*ret_data = record + 2;
	return WEIR_OK;
}

WEIR_INLINE_ weir_status
weir_commit(weir_producer *producer)
{
	struct weir_tail_ *tail;
	uint64_t end, state, more, sum;

	if (WEIR_UNLIKELY_(!producer))
		return weir_commit_other_(producer);
	tail = producer->tail;
	state = __atomic_load_n(&tail->open.state, __ATOMIC_RELAXED);
	more = __atomic_load_n(&producer->more.state, __ATOMIC_RELAXED);
	sum = state + more;
	if (WEIR_UNLIKELY_(!state || WEIR_ANY_INSIDE_(sum)))
		return weir_commit_other_(producer);
	__atomic_store_n(&tail->open.state, state | WEIR_INSIDE_, __ATOMIC_RELAXED);
	WEIR_COMPILER_BARRIER_();
	end = tail->position + (uint32_t)sum;
	if (WEIR_UNLIKELY_(end > __atomic_load_n(&producer->limit, __ATOMIC_RELAXED) ||
	                   !weir_is_written_(producer, more)))
		return weir_commit_slow_(producer);
	if (WEIR_UNLIKELY_(more))
		__atomic_store_n(&producer->more.state, 0, __ATOMIC_RELAXED);
	weir_show_(producer, tail, end, tail->count + WEIR_COUNT_(sum));
	return WEIR_OK;
}

#endif
#endif
