/* SPDX-License-Identifier: MIT */
/*
 * stress_takeover.c - one of two dispatchers is stuck in a handler; everything else goes on.
 *
 * Rounds: both dispatchers have fallen asleep, or not; then a handler gets stuck on the ring of one
 * producer. Until it is let go
 *   events of all other producers are handled within 50 ms each, in order
 *   weir_unsubscribe_wait() of another handler returns within 10 ms
 *   memory is reclaimed: 10,000 subscriptions come and go and the process does not grow
 * and the stuck ring's events come afterwards, all and in order.
 */
#include <pthread.h>
#include <stdio.h>

#include "support.h"

enum { FREE_PRODUCERS = 3, EVENTS = 30, CHURN = 10000, GROWTH_KB = 8 * 1024, ROUNDS = 4 };
#define LATENCY_MAX (50 * MILLISECOND)
#define UNSUBSCRIBE_MAX (10 * MILLISECOND)

static weir_bus *bus;
static weir_topic topic_stuck, topic_free;
static weir_producer *stuck_producer, *free_producer[FREE_PRODUCERS];

static uint64_t stuck, let_go, behind;          /* of the stuck ring */
static uint64_t handled[FREE_PRODUCERS], slowest, released;

struct event { uint64_t published, number; uint32_t producer; };

/* -- handlers --------------------------------------------------------------- */

static int
get_stuck(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct event *data = weir_event_data(event);

	(void)delivery, (void)context;
	if (data->number == 0) {
		set(&stuck, 1);
		while (!get(&let_go))
			sleep_ns(100 * MICROSECOND);
		set(&behind, 0);
		return 0;
	}
	CHECK(data->number == behind + 1, "number %llu after %llu", (ull)data->number,
	      (ull)behind);
	set(&behind, data->number);
	return 0;
}

static int
be_free(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct event *data = weir_event_data(event);
	uint64_t took = now_ns() - data->published;

	(void)delivery, (void)context;
	CHECK(data->number == handled[data->producer] + 1, "order");
	if (took > get(&slowest))
		set(&slowest, took);
	set(&handled[data->producer], data->number);
	return 0;
}

static int
be_quiet(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	return 0;
}

static void
count_released(void *context)
{
	(void)context;
	add(&released, 1);
}

/* -- while it is stuck ------------------------------------------------------ */

static void
publish_freely(void)
{
	for (uint64_t number = 1; number <= EVENTS; number++) {
		for (uint32_t i = 0; i < FREE_PRODUCERS; i++) {
			struct event event = { now_ns(), get(&handled[i]) + 1, i };

			CHECK_OK(weir_publish(free_producer[i], topic_free, &event, sizeof event));
			if (number % 3 == 0)    /* mostly several rings at once */
				wait_for(&handled[i], event.number, "an event of a free ring");
		}
		for (uint32_t i = 0; i < FREE_PRODUCERS; i++)
			wait_for(&handled[i], number, "an event of a free ring");
		if (number % 10 == 0)
			sleep_ns(3 * MILLISECOND);      /* the other dispatcher may nap */
	}
}

static weir_subscription
subscribe(const char *pattern)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;

	options.released = count_released;
	CHECK_OK(weir_subscribe(bus, pattern, be_quiet, NULL, &options, &subscription));
	return subscription;
}

static uint64_t
unsubscribe_another(void)
{
	static const char *const pattern[] = { "free.*", "stuck.*", ">", "free.after.create" };
	uint64_t longest = 0;

	for (int i = 0; i < 20; i++) {
		weir_subscription subscription = subscribe(pattern[i % 4]);
		uint64_t began = now_ns(), took;

		CHECK_OK(weir_unsubscribe_wait(bus, subscription, WEIR_FOREVER));
		took = now_ns() - began;
		longest = took > longest ? took : longest;
	}
	return longest;
}

/* Gives the growth in kB. */
static int64_t
churn(void)
{
	static const char *const pattern[] = { "free.*", "free.after.create", ">", "stuck.>" };
	uint64_t before, first = get(&released);

	for (int i = 0; i < 500; i++)           /* warm: what one of them takes is there */
		CHECK_OK(weir_unsubscribe(bus, subscribe(pattern[i % 4])));
	wait_for(&released, first + 500, "releases");
	before = resident_kb();
	for (int i = 0; i < CHURN; i++) {
		weir_subscription subscription = subscribe(pattern[i % 4]);

		if (i % 16)
			CHECK_OK(weir_unsubscribe(bus, subscription));
		else
			CHECK_OK(weir_unsubscribe_wait(bus, subscription, WEIR_FOREVER));
	}
	wait_for(&released, first + 500 + CHURN, "releases");
	CHECK(SANITIZED || resident_kb() < before + GROWTH_KB,
	      "%llu kB before, %llu after %d subscriptions", (ull)before, (ull)resident_kb(),
	      CHURN);
	return (int64_t)(resident_kb() - before);
}

/* -- rounds ----------------------------------------------------------------- */

static void
get_one_stuck(void)
{
	struct event event = { 0 };

	set(&stuck, 0);
	set(&let_go, 0);
	CHECK_OK(weir_publish(stuck_producer, topic_stuck, &event, sizeof event));
	wait_for(&stuck, 1, "a handler to get stuck");
	for (event.number = 1; event.number <= EVENTS; event.number++)
		CHECK_OK(weir_publish(stuck_producer, topic_stuck, &event, sizeof event));
}

static void
open_bus(weir_wait wait)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_subscription subscription;

	pool.wait = wait;
	pool.dispatcher_count = 2;
	CHECK_OK(weir_bus_open(&options, &pool, &bus));
	CHECK_OK(weir_topic_open(bus, "stuck.after.create", &topic_stuck));
	CHECK_OK(weir_topic_open(bus, "free.after.create", &topic_free));
	CHECK_OK(weir_subscribe(bus, "stuck.*.create", get_stuck, NULL, NULL, &subscription));
	CHECK_OK(weir_subscribe(bus, "free.*.create", be_free, NULL, NULL, &subscription));
	CHECK_OK(weir_producer_open(bus, NULL, &stuck_producer));
	for (int i = 0; i < FREE_PRODUCERS; i++)
		CHECK_OK(weir_producer_open(bus, NULL, &free_producer[i]));
	slowest = 0;
}

static void
close_bus(void)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;

	weir_producer_close(stuck_producer);
	for (int i = 0; i < FREE_PRODUCERS; i++)
		weir_producer_close(free_producer[i]);
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, &report));
	CHECK(report.undelivered == 0, "undelivered %llu", (ull)report.undelivered);
}

static void
run(weir_wait wait, const char *name)
{
	uint64_t longest = 0, took, away;
	int64_t growth = 0;

	canary_begin();
	open_bus(wait);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < FREE_PRODUCERS; i++)
			set(&handled[i], 0);
		if (round % 2)
			sleep_ns(20 * MILLISECOND);     /* both fall asleep */
		support_phase("getting stuck");
		get_one_stuck();
		support_phase("publishing to free rings");
		publish_freely();
		support_phase("unsubscribing another");
		took = unsubscribe_another();
		longest = took > longest ? took : longest;
		support_phase("churning");
		if (round == 0)
			growth = churn();
		set(&let_go, 1);
		support_phase("letting go");
		wait_for(&behind, EVENTS, "the events behind the stuck one");
		CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
		books_check(bus);
	}
	close_bus();
	away = canary_end();
	printf("%s: slowest event %.2f ms, longest unsubscribe_wait %.2f ms (machine away %.2f), "
	       "growth %lld kB\n",
	       name, (double)slowest / 1e6, (double)longest / 1e6, (double)away / 1e6,
	       (long long)growth);
	CHECK(slowest < LATENCY_MAX + 10 * away, "an event of a free ring took too long");
	CHECK(longest < UNSUBSCRIBE_MAX + 10 * away || SANITIZED,
	      "an unsubscribe_wait took too long");
}

int
main(void)
{
	struct holdings before;

	support_begin("stress_takeover");
	before = holdings_take();
	run(WEIR_WAIT_PARK, "park");
	run(WEIR_WAIT_ADAPTIVE, "adaptive");
	run(WEIR_WAIT_SPIN, "spin");
	holdings_check(before, 16);
	return 0;
}
