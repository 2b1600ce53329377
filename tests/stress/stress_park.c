/* SPDX-License-Identifier: MIT */
/*
 * stress_park.c - a slow trickle of events to dispatchers that park: each must wake one in time.
 *
 * Gaps of 0 to 200 us put publishes into every moment of falling asleep. A wake-up that is lost
 * shows as a late event (a sleeper looks by itself only after half a second) and in late_wakes,
 * unless the next event comes to its rescue: so a single producer waits until each of its events is
 * handled, and publishes the next one often just when the dispatcher is about to announce that it
 * sleeps. That finds a missing look; a missing fence (a window of nanoseconds) is for the model.
 *
 * stress_park [PRODUCERS DISPATCHERS]: just these.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

enum { PRODUCERS_MAX = 3, DISPATCHERS_MAX = 2, FENCES = 2 };
#define LATENCY_MAX (100 * MILLISECOND)

static weir_bus *bus;
static weir_topic topic;
static bool one_by_one;
static uint64_t stop, slowest, handled[PRODUCERS_MAX];

struct event { uint64_t published, number; uint32_t producer; };

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct event *data = weir_event_data(event);
	uint64_t took = now_ns() - data->published, before = get(&slowest);

	(void)delivery, (void)context;
	while (took > before && !__atomic_compare_exchange_n(&slowest, &before, took, 0,
	                                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
	        ;
	set(&handled[data->producer], data->number);
	return 0;
}

/* A dispatcher that finds nothing comes to its announcement within some microseconds. */
static void
wait_gap(struct chance *chance)
{
	uint64_t gap = chance_below(chance, chance_one_in(chance, 2) ? 5000 : 200 * MICROSECOND);
	uint64_t end = now_ns() + gap;

	if (gap > 5000 && chance_one_in(chance, 2))
		sleep_ns(gap);
	while (now_ns() < end)
		;
}

static void *
run_producer(void *argument)
{
	uint32_t own = (uint32_t)(uintptr_t)argument;
	struct chance chance = chance_begin(own);
	struct event event = { 0, 0, own };
	weir_producer *producer;

	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	for (event.number = 1; !get(&stop); event.number++) {
		event.published = now_ns();
		CHECK_OK(weir_publish(producer, topic, &event, sizeof event));
		while (one_by_one && get(&handled[own]) < event.number)
			if (now_ns() - event.published > 50 * MICROSECOND)
				sleep_ns(10 * MICROSECOND);
		wait_gap(&chance);
	}
	weir_producer_close(producer);
	return NULL;
}

static void
run(uint32_t producers, uint32_t dispatchers, weir_fence fence, uint64_t duration)
{
	weir_pool_counts counts = WEIR_POOL_COUNTS_INIT;
	weir_bus_options options = quiet_options();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	pthread_t thread[PRODUCERS_MAX];
	weir_subscription subscription;
	uint64_t away;

	options.fence = fence;
	pool.wait = WEIR_WAIT_PARK;
	pool.dispatcher_count = dispatchers;
	CHECK_OK(weir_bus_open(&options, &pool, &bus));
	CHECK_OK(weir_topic_open(bus, "trickle", &topic));
	CHECK_OK(weir_subscribe(bus, "trickle", handle, NULL, NULL, &subscription));
	set(&stop, 0);
	slowest = 0;
	one_by_one = producers == 1;
	for (int i = 0; i < PRODUCERS_MAX; i++)
		handled[i] = 0;
	canary_begin();
	for (uint32_t i = 0; i < producers; i++)
		CHECK(pthread_create(&thread[i], NULL, run_producer, (void *)(uintptr_t)i) == 0,
		      "thread");
	sleep_ns(duration);
	set(&stop, 1);
	for (uint32_t i = 0; i < producers; i++)
		pthread_join(thread[i], NULL);
	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	away = canary_end();
	books_check(bus);
	CHECK_OK(weir_pool_get_counts(weir_bus_default_pool(bus), &counts));
	printf("%u producers, %u dispatchers, fence %s: %llu events, %llu parks, %llu wakes, "
	       "slowest %.2f ms (machine away %.2f)\n",
	       producers, dispatchers, fence == WEIR_FENCE_AUTO ? "auto" : "publisher",
	       (ull)counts.seen, (ull)counts.parks, (ull)counts.wakes, (double)slowest / 1e6,
	       (double)away / 1e6);
	CHECK(slowest < LATENCY_MAX + 10 * away, "%.1f ms from publish to handler",
	      (double)slowest / 1e6);
	CHECK(counts.parks && counts.wakes, "never parked or woken");
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
}

int
main(int argc, char **argv)
{
	struct holdings before;
	uint64_t each;

	support_begin("stress_park");
	before = holdings_take();
	each = support_duration_ns() * 2 / (PRODUCERS_MAX * DISPATCHERS_MAX * FENCES);
	for (uint32_t producers = 1; producers <= PRODUCERS_MAX; producers++)
		for (uint32_t dispatchers = 1; dispatchers <= DISPATCHERS_MAX; dispatchers++)
			for (int fence = 0; fence < FENCES; fence++)
				if (argc < 3 || ((uint32_t)atoi(argv[1]) == producers &&
				                 (uint32_t)atoi(argv[2]) == dispatchers))
					run(producers, dispatchers, (weir_fence)fence, each);
	holdings_check(before, 16);
	return 0;
}
