/* SPDX-License-Identifier: MIT */
/*
 * work.h - what is done for an event, the same for all: message, route, handler, the open loop.
 *
 * A bare queue carries messages: topic, size, payload. Its consumer looks the topic up in a table
 * and calls the handler through a pointer, as weir does. The handler is compiled for each size; it
 * sums all words of the payload, counts, looks at the order, for some events also among consumers
 * one behind the other, and stamps the end.
 */
#ifndef PEERS_WORK_H
#define PEERS_WORK_H

#include <stddef.h>

#include "peer.h"

#define WORK_INLINE static inline __attribute__((always_inline, unused))

struct message {
	uint32_t topic, size;
};

struct message_8 {
	struct message head;
	uint64_t words[1];
};

/* A line each: without, queues by value took a fifth longer. Larger ones need five lines anyway. */
struct __attribute__((aligned(64))) message_48 {
	struct message head;
	uint64_t words[6];
};

struct message_256 {
	struct message head;
	uint64_t words[32];
};

#define WORK_MESSAGE_MAX sizeof(struct message_256)

/* Room for one of any size. */
struct __attribute__((aligned(64))) work_buffer {
	struct message_256 message;
};

typedef int (*work_handler_fn)(const struct message *message, void *context);

struct route {
	work_handler_fn handler;
	void *context;
};

struct routes {
	struct route *of[PEER_TOPICS];
	struct route route;
};

/* Bytes of a message, and from one to the next in an array. */
WORK_INLINE size_t
work_bytes(uint32_t size)
{
	return sizeof(struct message) + size;
}

WORK_INLINE size_t
work_stride(uint32_t size)
{
	return size == 8    ? sizeof(struct message_8)
	       : size == 48 ? sizeof(struct message_48)
	                    : sizeof(struct message_256);
}

/* The n-th message after the first. */
WORK_INLINE struct message *
work_at(const void *first, uint32_t size, uint64_t n)
{
	return (struct message *)((unsigned char *)(uintptr_t)first + n * work_stride(size));
}

WORK_INLINE void
work_fill(void *payload, uint32_t size, uint64_t number)
{
	uint64_t *words = (uint64_t *)payload;

	for (uint32_t w = 0; w < size / 8; w++)
		words[w] = number;
}

WORK_INLINE void
work_make(struct message *message, uint32_t size, uint64_t number)
{
	message->topic = (uint32_t)(number % PEER_TOPICS);
	message->size = size;
	work_fill(message + 1, size, number);
}

/* -- handlers --------------------------------------------------------------- */

enum { WORK_LOOK_EVERY = 1024 };

/* Whether those in front have handled the event that comes now. */
__attribute__((noinline, unused)) static void
work_look_ahead(struct consumer *consumer)
{
	for (int i = 0; i < 2; i++)
		if (consumer->front[i] &&
		    __atomic_load_n(&consumer->front[i]->count, __ATOMIC_ACQUIRE) <= consumer->count)
			consumer->wrong = UINT64_MAX;
}

WORK_INLINE void
work_count(struct consumer *consumer)
{
	if (__builtin_expect(++consumer->count == consumer->expected, 0))
		__atomic_store_n(&consumer->end_ns, machine_ns(), __ATOMIC_RELEASE);
}

/*
 * Of the payload's words: several sums side by side, as in the other languages' handlers, and none of
 * them behind the consumer's, which waits for that of the event before.
 */
WORK_INLINE uint64_t
work_total(const uint64_t *words, const uint32_t size)
{
	uint64_t a = words[0], b = 0, c = 0, d = 0;

	if (size == 8)
		return a;
	if (size == 48)
		return (a + words[1]) + (words[2] + words[3]) + (words[4] + words[5]);
	a = 0;
	for (uint32_t w = 0; w < size / 8; w += 4) {
		a += words[w];
		b += words[w + 1];
		c += words[w + 2];
		d += words[w + 3];
	}
	return (a + b) + (c + d);
}

WORK_INLINE void
work_sum(struct consumer *consumer, const uint64_t *words, const uint32_t size)
{
	uint64_t total = work_total(words, size);

	__asm__("" : "+r"(total));      /* else the compiler adds one word after the other to the sum */
	consumer->sum += total;
}

WORK_INLINE void
work_closed(struct consumer *consumer, const uint64_t *words, uint32_t size)
{
	work_sum(consumer, words, size);
	if (__builtin_expect(words[0] != consumer->count, 0))
		consumer->wrong = 1;
	if (__builtin_expect(consumer->count % WORK_LOOK_EVERY == 0, 0))
		work_look_ahead(consumer);
	work_count(consumer);
}

/* The first word is when the event was to be sent. */
WORK_INLINE void
work_open(struct consumer *consumer, const uint64_t *words, uint32_t size)
{
	uint64_t late = machine_ns() - words[0];

	consumer->late_ns[consumer->count] = late < UINT32_MAX ? (uint32_t)late : UINT32_MAX;
	work_sum(consumer, words, size);
	if (words[0] <= consumer->wrong)
		consumer->wrong = UINT64_MAX;
	else
		consumer->wrong = words[0];
	work_count(consumer);
}

#define WORK_HANDLERS(size) \
	__attribute__((unused)) static int \
	work_closed_##size(const struct message *message, void *context) \
	{ work_closed((struct consumer *)context, (const uint64_t *)(message + 1), size); return 0; } \
	__attribute__((unused)) static int \
	work_open_##size(const struct message *message, void *context) \
	{ work_open((struct consumer *)context, (const uint64_t *)(message + 1), size); return 0; }

WORK_HANDLERS(8)
WORK_HANDLERS(48)
WORK_HANDLERS(256)

__attribute__((unused)) static void
work_set_routes(struct routes *routes, const struct peer_load *load, struct consumer *consumer)
{
	static const work_handler_fn closed[] = { work_closed_8, work_closed_48, work_closed_256 };
	static const work_handler_fn open[] = { work_open_8, work_open_48, work_open_256 };
	const unsigned which = load->size == 8 ? 0 : load->size == 48 ? 1 : 2;

	routes->route.handler = load->rate ? open[which] : closed[which];
	routes->route.context = consumer;
	for (int i = 0; i < PEER_TOPICS; i++)
		routes->of[i] = &routes->route;
}

/* The look-up and the call. */
WORK_INLINE void
work_route(const struct routes *routes, const struct message *message)
{
	const struct route *route = routes->of[message->topic];

	route->handler(message, route->context);
}

/* -- the open loop's clock -------------------------------------------------- */

struct pacer {
	uint64_t begin_ns;
	double interval_ns;
	uint64_t sum, late;
};

WORK_INLINE struct pacer
work_pacer(const struct peer_load *load, uint64_t begin_ns)
{
	struct pacer pacer = { begin_ns + 1000, 1e9 / (double)load->rate, 0, 0 };

	return pacer;
}

/* Wait until the number-th event is due, and the moment at which it was. */
WORK_INLINE uint64_t
work_wait_until_due(struct pacer *pacer, uint64_t number)
{
	const uint64_t due = pacer->begin_ns + (uint64_t)((double)number * pacer->interval_ns);

	pacer->sum += due;
	if (machine_ns() > due)
		pacer->late++;
	else
		while (machine_ns() < due)
			machine_pause(1);
	return due;
}

WORK_INLINE void
work_end_pacer(const struct pacer *pacer, struct peer_load *load)
{
	load->sent_sum = pacer->sum;
	load->sent_late = pacer->late;
}

#endif
