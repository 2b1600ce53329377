/* SPDX-License-Identifier: MIT */
/*
 * fault_close.c - the bus closes while producers and reservations are open and handlers publish.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

enum { PRODUCERS = 4, CHAIN = 10, ROUNDS = 60 };

static weir_bus *bus;
static weir_topic topic, topic_chain;
static uint64_t handled;

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	add(&handled, 1);
	return 0;
}

static void
open_bus(weir_fence fence, weir_wait wait)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_subscription subscription;

	options.fence = fence;
	pool.wait = wait;
	CHECK_OK(weir_bus_open(&options, &pool, &bus));
	CHECK_OK(weir_topic_open(bus, "close.after.create", &topic));
	CHECK_OK(weir_topic_open(bus, "chain.after.create", &topic_chain));
	CHECK_OK(weir_subscribe(bus, ">", handle, NULL, NULL, &subscription));
	handled = 0;
}

static void
close_bus(uint64_t expected)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;

	CHECK_OK(weir_bus_close(bus, 10 * SECOND, &report));
	CHECK(report.undelivered == 0, "undelivered %llu", (ull)report.undelivered);
	CHECK(get(&handled) == expected, "handled %llu of %llu", (ull)handled,
	      (ull)expected);
}

/* -- orphans ---------------------------------------------------------------- */

static void
check_orphan(weir_producer *producer, uint64_t open, uint64_t committed)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	void *data = NULL;

	CHECK_STATUS(open ? WEIR_EBUSY : WEIR_ECLOSED, weir_publish(producer, topic, "x", 1));
	CHECK_STATUS(WEIR_ECLOSED, weir_reserve(producer, topic, NULL, 1, &data));
	CHECK_STATUS(WEIR_ECLOSED, weir_reserve(producer, topic, &attributes, 1, &data));
	CHECK(!data, "a refused reserve touched ret_data");
	weir_trim(producer, 1);
	CHECK_STATUS(WEIR_ECLOSED, weir_commit(producer));
	CHECK_STATUS(WEIR_ECLOSED, weir_commit(producer));
	CHECK_STATUS(WEIR_ECLOSED, weir_publish(producer, topic, "x", 1));
	CHECK_STATUS(WEIR_ECLOSED, weir_publish_with(producer, topic, &attributes, "x", 1));
	CHECK_STATUS(WEIR_ECLOSED, weir_publish_wait(producer, topic, NULL, "x", 1, WEIR_FOREVER));
	weir_abort(producer);
	CHECK_OK(weir_producer_get_counts(producer, &counts));
	CHECK(counts.committed == committed, "committed %llu", (ull)counts.committed);
	CHECK(counts.refused_busy == (open != 0), "busy %llu", (ull)counts.refused_busy);
	CHECK(counts.refused_closed == 2 + open + !open + 3, "closed %llu",
	      (ull)counts.refused_closed);
	CHECK(counts.attempted == counts.committed + counts.refused_busy + counts.refused_closed,
	      "attempted %llu", (ull)counts.attempted);
	CHECK(weir_producer_payload_size_max(producer) > 0, "payload_size_max");
}

static void
test_orphans(weir_fence fence, weir_wait wait)
{
	weir_producer *producer[PRODUCERS];
	void *data[PRODUCERS][3];

	open_bus(fence, wait);
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		CHECK_OK(weir_producer_open(bus, NULL, &producer[i]));
		for (uint32_t k = 0; k < i; k++)
			CHECK_OK(weir_publish(producer[i], topic, "event", 5));
		for (uint32_t k = 0; k < i; k++)
			CHECK_OK(weir_reserve(producer[i], topic, NULL, 1000, &data[i][k]));
	}
	close_bus(0 + 1 + 2 + 3);
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		for (uint32_t k = 0; k < i; k++)
			memset(data[i][k], 'x', 1000);
		check_orphan(producer[i], i, i);
		weir_producer_close(producer[i]);
	}
}

/* -- handlers that go on ---------------------------------------------------- */

/* Each event causes another one until there are CHAIN. */
static int
go_on(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint32_t number;

	(void)context;
	memcpy(&number, weir_event_data(event), sizeof number);
	CHECK(weir_event_hops(event) == number, "hops %u, number %u", weir_event_hops(event),
	      number);
	sleep_ns(MILLISECOND);
	number++;
	if (number < CHAIN)
		CHECK_OK(weir_publish(delivery->producer, topic_chain, &number, sizeof number));
	return 0;
}

/* Close and flush cover what handlers publish because of what was committed. */
static void
test_chain(weir_fence fence, weir_wait wait, bool flush)
{
	weir_subscription subscription;
	weir_producer *producer;
	uint32_t number = 0;

	open_bus(fence, wait);
	CHECK_OK(weir_subscribe(bus, "chain.>", go_on, NULL, NULL, &subscription));
	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	CHECK_OK(weir_publish(producer, topic_chain, &number, sizeof number));
	if (flush) {
		CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
		CHECK(get(&handled) == CHAIN, "handled %llu", (ull)handled);
		books_check(bus);
	}
	close_bus(CHAIN);
	weir_producer_close(producer);
}

/* -- while others publish --------------------------------------------------- */

static uint64_t accepted, publishing;

static void *
run_publisher(void *argument)
{
	weir_producer *producer = argument;
	weir_status status;

	add(&publishing, 1);
	do {
		status = weir_publish(producer, topic, "event", 5);
		if (status == WEIR_OK)
			add(&accepted, 1);
	} while (status == WEIR_OK || status == WEIR_EFULL);
	CHECK_STATUS(WEIR_ECLOSED, status);
	return NULL;
}

static void
test_under_load(weir_fence fence, weir_wait wait)
{
	weir_producer *producer[PRODUCERS];
	pthread_t thread[PRODUCERS];

	open_bus(fence, wait);
	accepted = publishing = 0;
	for (int i = 0; i < PRODUCERS; i++) {
		CHECK_OK(weir_producer_open(bus, NULL, &producer[i]));
		CHECK(pthread_create(&thread[i], NULL, run_publisher, producer[i]) == 0,
		      "no thread");
	}
	wait_for(&publishing, PRODUCERS, "the publishers");
	sleep_ns(2 * MILLISECOND);
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
	for (int i = 0; i < PRODUCERS; i++) {
		pthread_join(thread[i], NULL);
		weir_producer_close(producer[i]);
	}
	CHECK(handled == accepted, "accepted %llu, handled %llu", (ull)accepted,
	      (ull)handled);
}

/* -- waits that end by time -------------------------------------------------- */

static uint64_t let_go;

static int
be_slow(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	wait_for(&let_go, 1, "being let go");
	return 0;
}

/* They do no harm: the next one succeeds. */

static void
test_timeouts(weir_fence fence, weir_wait wait)
{
	weir_subscription subscription;
	weir_producer *producer;
	weir_status status;

	open_bus(fence, wait);
	CHECK_OK(weir_subscribe(bus, "close.*.create", be_slow, NULL, NULL, &subscription));
	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	set(&let_go, 0);
	CHECK_OK(weir_publish(producer, topic, "event", 5));
	wait_for(&handled, 1, "the handler before it");
	CHECK_STATUS(WEIR_ETIMEDOUT, weir_bus_flush(bus, 0));
	CHECK_STATUS(WEIR_ETIMEDOUT, weir_bus_flush(bus, MILLISECOND));
	status = weir_unsubscribe_wait(bus, subscription, 0);
	CHECK_STATUS(WEIR_ETIMEDOUT, status);
	set(&let_go, 1);
	/* It may have ended before this looks. */
	status = weir_unsubscribe_wait(bus, subscription, WEIR_FOREVER);
	CHECK(status == WEIR_OK || status == WEIR_ENOENT, "%d", (int)status);
	CHECK_STATUS(WEIR_ENOENT, weir_unsubscribe_wait(bus, subscription, WEIR_FOREVER));
	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	books_check(bus);
	weir_producer_close(producer);
	close_bus(1);
}

int
main(void)
{
	static const weir_wait wait[] = { WEIR_WAIT_ADAPTIVE, WEIR_WAIT_PARK, WEIR_WAIT_SPIN };
	struct holdings before = { 0 };

	support_begin("fault_close");
	for (int round = 0; round < ROUNDS; round++) {
		weir_fence fence = round % 2 ? WEIR_FENCE_PUBLISHER : WEIR_FENCE_AUTO;

		if (round == 10)
			before = holdings_take();
		support_phase("producers are still open");
		test_orphans(fence, wait[round % 3]);
		support_phase("handlers go on publishing");
		test_chain(fence, wait[round % 3], round % 4 < 2);
		support_phase("others publish");
		test_under_load(fence, wait[round % 3]);
		support_phase("waits end by time");
		test_timeouts(fence, wait[round % 3]);
	}
	holdings_check(before, 16);
	printf("%d rounds\n", ROUNDS);
	return 0;
}
