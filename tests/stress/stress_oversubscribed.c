/* SPDX-License-Identifier: MIT */
/*
 * stress_oversubscribed.c - 8 producers and 4 dispatchers on the processors there are, then on one.
 *
 * Dispatchers that spin would take the time from those that make the events, and one that is
 * preempted with a lease in its hand must hold up that ring alone. Order, counts and books are
 * exact; the rate is printed.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "support.h"

enum { PRODUCERS = 8, DISPATCHERS = 4, SOURCES = 64 };

struct event { uint64_t number; uint32_t producer; };

static weir_bus *bus;
static weir_topic topic[PRODUCERS];
static uint64_t stop, published[PRODUCERS];

/* Plain: a source's events are handled one at a time. */
static uint64_t last[SOURCES];

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct event *data = weir_event_data(event);

	(void)context;
	CHECK(delivery->source < SOURCES, "source %u", delivery->source);
	CHECK(data->number == last[delivery->source] + 1 && delivery->sequence == data->number,
	      "source %u: number %llu, sequence %llu after %llu", delivery->source,
	      (ull)data->number, (ull)delivery->sequence,
	      (ull)last[delivery->source]);
	CHECK(weir_event_topic(event).id == topic[data->producer].id, "topic");
	last[delivery->source] = data->number;
	return 0;
}

static void *
run_producer(void *argument)
{
	uint32_t own = (uint32_t)(uintptr_t)argument;
	struct event event = { 1, own };
	weir_producer *producer;
	weir_status status;

	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	while (!get(&stop)) {
		status = weir_publish(producer, topic[own], &event, sizeof event);
		if (status == WEIR_OK) {
			event.number++;
			continue;
		}
		CHECK_STATUS(WEIR_EFULL, status);
		sched_yield();
	}
	published[own] = event.number - 1;
	weir_producer_close(producer);
	return NULL;
}

static void
open_bus(void)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_subscription subscription;
	char name[] = "over.0";

	options.ring_size = 64 * 1024;
	pool.dispatcher_count = DISPATCHERS;
	CHECK_OK(weir_bus_open(&options, &pool, &bus));
	for (int i = 0; i < PRODUCERS; i++) {
		name[sizeof name - 2] = (char)('0' + i);
		CHECK_OK(weir_topic_open(bus, name, &topic[i]));
	}
	CHECK_OK(weir_subscribe(bus, "over.*", handle, NULL, NULL, &subscription));
	for (int i = 0; i < SOURCES; i++)
		last[i] = 0;
}

static void
run(const char *where, uint64_t duration)
{
	weir_pool_counts counts = WEIR_POOL_COUNTS_INIT;
	pthread_t thread[PRODUCERS];
	uint64_t began = now_ns(), handled = 0, sum = 0;

	open_bus();
	set(&stop, 0);
	for (int i = 0; i < PRODUCERS; i++)
		CHECK(pthread_create(&thread[i], NULL, run_producer, (void *)(uintptr_t)i) == 0,
		      "thread");
	sleep_ns(duration);
	set(&stop, 1);
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(thread[i], NULL);
	CHECK_OK(weir_bus_flush(bus, 10 * SECOND));
	books_check(bus);
	for (int i = 0; i < PRODUCERS; i++)
		sum += published[i];
	for (int i = 0; i < SOURCES; i++)
		handled += last[i];
	CHECK_OK(weir_pool_get_counts(weir_bus_default_pool(bus), &counts));
	CHECK(handled == sum && counts.seen == sum, "published %llu, handled %llu, seen %llu",
	      (ull)sum, (ull)handled, (ull)counts.seen);
	printf("%s: %llu events, %.1f million a second, %llu parks, %llu taken over\n", where,
	       (ull)sum, (double)sum * 1e3 / (double)(now_ns() - began),
	       (ull)counts.parks, (ull)counts.steals);
	CHECK(counts.steals, "no ring was ever taken over");
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
}

int
main(void)
{
	cpu_set_t one;
	struct holdings before;

	support_begin("stress_oversubscribed");
	before = holdings_take();
	support_phase("on all processors");
	run("all processors", support_duration_ns() / 2);
	support_phase("on one processor");
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK(sched_setaffinity(0, sizeof one, &one) == 0, "affinity");
	run("one processor", support_duration_ns() / 2);
	holdings_check(before, 32);
	return 0;
}
