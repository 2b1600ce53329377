/* SPDX-License-Identifier: MIT */
/*
 * hello.c - publish one event to one handler, and look at the counts.
 *
 * Build it against an installed weir:
 *   cc -o hello hello.c $(pkg-config --cflags --libs weir)
 */
#include <stdio.h>
#include <stdlib.h>

#include <weir/weir.h>

struct order {
	unsigned number, cents;
};

static void
check(weir_status status, const char *what)
{
	if (status == WEIR_OK)
		return;
	fprintf(stderr, "hello: %s: %s\n", what, weir_status_text(status));
	exit(EXIT_FAILURE);
}

/* Runs on the bus's own thread; `event` is valid until it returns. */
static int
on_create(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct order *order = weir_event_data(event);

	(void)context;
	printf("%s: order %u, %u cents\n", weir_topic_name(delivery->bus, weir_event_topic(event)),
	       order->number, order->cents);
	return 0;
}

int
main(void)
{
	const struct order order = {.number = 42, .cents = 1999};
	weir_subscription_counts handler = WEIR_SUBSCRIPTION_COUNTS_INIT;
	weir_bus_counts all = WEIR_BUS_COUNTS_INIT;
	weir_subscription orders;
	weir_producer *producer;
	weir_topic topic;
	weir_bus *bus;

	check(weir_bus_open(NULL, NULL, &bus), "open");
	check(weir_subscribe(bus, "order.*.create", on_create, NULL, NULL, &orders), "subscribe");
	check(weir_topic_open(bus, "order.after.create", &topic), "topic");
	check(weir_thread_get_producer(bus, &producer), "producer");
	check(weir_publish(producer, topic, &order, sizeof(order)), "publish");
	check(weir_bus_flush(bus, 5000000000), "flush");
	check(weir_bus_get_counts(bus, &all, NULL, NULL, &handler), "counts");
	printf("handled %llu, failed %llu, lost %lld\n", (unsigned long long)handler.ok,
	       (unsigned long long)handler.failed, (long long)all.lost);
	check(weir_bus_close(bus, 5000000000, NULL), "close");
	return EXIT_SUCCESS;
}
