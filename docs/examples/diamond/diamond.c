/* SPDX-License-Identifier: MIT */
/*
 * diamond.c - two things that may be done at once, between a first and a last.
 *
 *                           +--> pool "price" --+
 *   orders --> pool "check" +                   +--> pool "ship"
 *                           +--> pool "stock" --+
 *
 * Each pool has a thread of its own. It gets an order when the pools that it is `after` are done
 * with it, and sees what they wrote: no locks.
 *
 * Build it against an installed weir:
 *   cc -o diamond diamond.c $(pkg-config --cflags --libs weir)
 */
#include <stdio.h>
#include <stdlib.h>

#include <weir/weir.h>

#define ORDERS 10000u

struct order {
	unsigned number, item, count;
};

/* What is known of each order; each pool writes a field of its own. */
static struct {
	int checked;
	unsigned cents;
	int reserved;
} known[ORDERS];

static unsigned shipped, early;

static void
check(weir_status status, const char *what)
{
	if (status == WEIR_OK)
		return;
	fprintf(stderr, "diamond: %s: %s\n", what, weir_status_text(status));
	exit(EXIT_FAILURE);
}

static int
check_order(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct order *order = weir_event_data(event);

	(void)delivery, (void)context;
	known[order->number].checked = order->count > 0;
	return 0;
}

/* Not 0 is a failure: counted, and told as "weir.failed.deliver". */
static int
price_order(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct order *order = weir_event_data(event);

	(void)delivery, (void)context;
	if (!known[order->number].checked)
		return -1;
	known[order->number].cents = order->count * 250;
	return 0;
}

static int
reserve_order(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct order *order = weir_event_data(event);

	(void)delivery, (void)context;
	if (!known[order->number].checked)
		return -1;
	known[order->number].reserved = 1;
	return 0;
}

/* What this program promises: an order that is shipped has a price, and is in stock. */
static int
ship_order(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct order *order = weir_event_data(event);

	(void)delivery, (void)context;
	if (known[order->number].cents != order->count * 250 || !known[order->number].reserved)
		early++;
	shipped++;
	return 0;
}

static void
subscribe(weir_bus *bus, weir_pool *pool, weir_handler_fn handler)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;

	options.pool = pool;
	check(weir_subscribe(bus, "order.after.create", handler, NULL, &options, &subscription),
	      "subscribe");
}

static weir_pool *
open_pool(weir_bus *bus, const char *name, weir_pool *const *after, uint32_t after_count)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_pool *pool;

	options.name = name;
	options.after = after;
	options.after_count = after_count;
	check(weir_pool_open(bus, &options, &pool), name);
	return pool;
}

static weir_bus *
open_bus(void)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_pool *first, *middle[2];
	weir_bus *bus;

	options.name = "check";
	check(weir_bus_open(NULL, &options, &bus), "open");
	first = weir_bus_default_pool(bus);
	subscribe(bus, first, check_order);
	middle[0] = open_pool(bus, "price", &first, 1);
	subscribe(bus, middle[0], price_order);
	middle[1] = open_pool(bus, "stock", &first, 1);
	subscribe(bus, middle[1], reserve_order);
	subscribe(bus, open_pool(bus, "ship", middle, 2), ship_order);
	return bus;
}

static void
publish_orders(weir_bus *bus)
{
	weir_producer *producer;
	weir_topic topic;

	check(weir_topic_open(bus, "order.after.create", &topic), "topic");
	check(weir_thread_get_producer(bus, &producer), "producer");
	for (unsigned i = 0; i < ORDERS; i++) {
		const struct order order = {.number = i, .item = i % 100, .count = i % 5 + 1};

		check(weir_publish_wait(producer, topic, NULL, &order, sizeof(order), WEIR_FOREVER),
		      "publish");
	}
}

int
main(void)
{
	weir_subscription_counts handlers = WEIR_SUBSCRIPTION_COUNTS_INIT;
	weir_bus_counts all = WEIR_BUS_COUNTS_INIT;
	weir_bus *bus = open_bus();

	publish_orders(bus);
	check(weir_bus_flush(bus, 5000000000), "flush");
	check(weir_bus_get_counts(bus, &all, NULL, NULL, &handlers), "counts");
	check(weir_bus_close(bus, 5000000000, NULL), "close");
	printf("shipped %u, too early %u, failed %llu, lost %lld\n", shipped, early,
	       (unsigned long long)handlers.failed, (long long)all.lost);
	return shipped != ORDERS || early || handlers.failed || all.lost;
}
