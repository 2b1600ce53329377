/* SPDX-License-Identifier: MIT */
/* bench_handler.c - see bench_handler.h. */
#include "bench_handler.h"

#include "stopwatch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INLINE static inline __attribute__((always_inline))

/* What different threads write is a line apart. */
enum { STRIDE = MACHINE_LINE / sizeof(uint64_t) };

static _Thread_local struct wi_bench_dispatcher *self;

void
wi_bench_dispatcher_begin(struct wi_bench_dispatcher *dispatcher)
{
	self = dispatcher;
	wi_bench_thread_show(&dispatcher->thread);
}

bool
wi_bench_handler_init(struct wi_bench_handler *handler)
{
	size_t places =
		(size_t)handler->source_count * (handler->key_count > 0 ? handler->key_count : 1);

	handler->takes_time = handler->on->cost_ns > 0;
	handler->last = calloc(places * STRIDE, sizeof(*handler->last));
	return handler->last != NULL;
}

void
wi_bench_handler_fini(struct wi_bench_handler *handler)
{
	free(handler->last);
}

/* -- checking --------------------------------------------------------------- */

static __attribute__((noinline, cold)) void
complain(const struct wi_bench_handler *handler, const weir_delivery *delivery, const char *what,
	 uint64_t is, uint64_t expected)
{
	if (self->wrong_count++ == 0)
		snprintf(self->wrong, sizeof(self->wrong),
			 "pool %s, source %" PRIu32 ", sequence %" PRIu64 ": %s %" PRIu64
			 ", expected %" PRIu64, handler->on->pool, delivery->source,
			 delivery->sequence, what, is, expected);
}

/* All of it is read. from: the first word that holds the number. */
INLINE bool
payload_is(const weir_event *event, uint64_t number, uint32_t from)
{
	const uint64_t *words = weir_event_data(event);
	const uint8_t *bytes = weir_event_data(event);
	uint64_t differ = 0;

	for (uint32_t w = from; w < event->size / 8; w++)
		differ |= words[w] ^ number;
	for (uint32_t b = event->size & ~7u; b < event->size; b++)
		differ |= bytes[b] ^ (uint8_t)number;
	return differ == 0;
}

INLINE void
check(const struct wi_bench_handler *handler, const weir_event *event,
      const weir_delivery *delivery, uint32_t from)
{
	uint64_t number = delivery->sequence - 1, key = 0, *last;
	size_t place = delivery->source;

	if (!payload_is(event, number, from))
		complain(handler, delivery, "the payload is not that of event", number, number);
	if (delivery->source >= handler->source_count) {
		complain(handler, delivery, "a source of number", delivery->source, 0);
		return;
	}
	if (handler->key_count > 0) {
		if (!weir_event_key(event, &key) || key != number % handler->key_count)
			complain(handler, delivery, "key", key, number % handler->key_count);
		place = place * handler->key_count + key % handler->key_count;
	}
	last = &handler->last[place * STRIDE];
	if (handler->gets_all ? delivery->sequence != *last + 1 : delivery->sequence <= *last)
		complain(handler, delivery, "it came after", *last, delivery->sequence - 1);
	*last = delivery->sequence;
}

/* -- taking time ------------------------------------------------------------ */

static __attribute__((noinline)) void
take_time(const struct wi_bench_on *on, uint64_t begin_ns)
{
	struct timespec time = {.tv_sec = (time_t)(on->cost_ns / WI_STOPWATCH_S),
				.tv_nsec = (long)(on->cost_ns % WI_STOPWATCH_S)};

	if (on->sleeps)
		nanosleep(&time, NULL);
	else
		while (wi_stopwatch_now() - begin_ns < on->cost_ns)
			;
}

INLINE bool
takes_time(const struct wi_bench_handler *handler)
{
	return handler->takes_time &&
	       !atomic_load_explicit(handler->over, memory_order_relaxed);
}

int
wi_bench_handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct wi_bench_handler *handler = context;

	self->call_count++;
	check(handler, event, delivery, 0);
	if (takes_time(handler))
		take_time(handler->on, wi_stopwatch_now());
	return 0;
}

int
wi_bench_handle_timed(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint64_t entered_ns = wi_stopwatch_now(), meant_ns, left_ns;
	const struct wi_bench_handler *handler = context;
	struct wi_bench_latency *latency = &self->latency[handler->latency_index];

	self->call_count++;
	memcpy(&meant_ns, weir_event_data(event), sizeof(meant_ns));
	check(handler, event, delivery, 1);
	if (takes_time(handler))
		take_time(handler->on, entered_ns);
	left_ns = wi_stopwatch_now();
	/* What a pool that skips catches up on after the load is no part of it. */
	if (atomic_load_explicit(handler->over, memory_order_relaxed))
		return 0;
	if (entered_ns < meant_ns) {
		self->backwards_count++;
		meant_ns = entered_ns;
	}
	histogram_record(&latency->waiting, entered_ns - meant_ns);
	histogram_record(&latency->handling, left_ns - entered_ns);
	histogram_record(&latency->total, left_ns - meant_ns);
	return 0;
}
