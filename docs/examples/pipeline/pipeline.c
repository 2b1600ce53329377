/* SPDX-License-Identifier: MIT */
/*
 * pipeline.c - write each order down first, and act on it when that is done.
 *
 *   orders --> pool "journal" --> pool "business"
 *
 * The journal's handler writes into a buffer, its batch_end brings that to the disk: once for many
 * orders. "business" is opened `after` "journal": it gets an order only when both are done with it.
 *
 * Build it against an installed weir:
 *   cc -o pipeline pipeline.c $(pkg-config --cflags --libs weir)
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <weir/weir.h>

#define ORDERS 10000u

struct order {
	unsigned number, cents;
};

struct journal {
	FILE *file;
	unsigned buffered;
	atomic_uint safe;       /* on the disk */
};

struct business {
	struct journal *journal;
	unsigned handled, early;
};

static void
check(weir_status status, const char *what)
{
	if (status == WEIR_OK)
		return;
	fprintf(stderr, "pipeline: %s: %s\n", what, weir_status_text(status));
	exit(EXIT_FAILURE);
}

/* Not 0 is a failure: counted, and told as "weir.failed.deliver". */
static int
journal_order(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct journal *journal = context;

	(void)delivery;
	if (fwrite(weir_event_data(event), sizeof(struct order), 1, journal->file) != 1)
		return -1;
	journal->buffered++;
	return 0;
}

/* After a thousand orders, or some time, or when there are no more for the moment. */
static int
journal_batch_end(const weir_delivery *delivery, void *context)
{
	struct journal *journal = context;

	(void)delivery;
	if (fflush(journal->file) || fsync(fileno(journal->file)))
		return -1;
	atomic_store(&journal->safe, journal->buffered);
	return 0;
}

/* What this program promises: the order that it acts on is safe. */
static int
act_on_order(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct order *order = weir_event_data(event);
	struct business *business = context;

	(void)delivery;
	if (order->number >= atomic_load(&business->journal->safe))
		business->early++;
	business->handled++;
	return 0;
}

static weir_bus *
open_bus(struct journal *journal, struct business *business)
{
	weir_subscription_options to_journal = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription_options to_business = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_pool_options first = WEIR_POOL_OPTIONS_INIT, second = WEIR_POOL_OPTIONS_INIT;
	weir_subscription subscription;
	weir_pool *front, *back;
	weir_bus *bus;

	first.name = "journal";
	check(weir_bus_open(NULL, &first, &bus), "open");
	front = weir_bus_default_pool(bus);
	to_journal.batch_end = journal_batch_end;
	check(weir_subscribe(bus, "order.>", journal_order, journal, &to_journal, &subscription),
	      "subscribe");

	second.name = "business";
	second.after = &front;
	second.after_count = 1;
	check(weir_pool_open(bus, &second, &back), "pool");
	to_business.pool = back;
	check(weir_subscribe(bus, "order.>", act_on_order, business, &to_business, &subscription),
	      "subscribe");
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
		const struct order order = {.number = i, .cents = i * 7 + 99};

		check(weir_publish_wait(producer, topic, NULL, &order, sizeof(order), WEIR_FOREVER),
		      "publish");
	}
}

int
main(void)
{
	struct journal journal = {.file = tmpfile()};
	struct business business = {.journal = &journal};
	weir_bus_counts all = WEIR_BUS_COUNTS_INIT;
	unsigned safe;
	weir_bus *bus;

	if (!journal.file) {
		perror("pipeline");
		return EXIT_FAILURE;
	}
	bus = open_bus(&journal, &business);
	publish_orders(bus);
	check(weir_bus_flush(bus, 20000000000), "flush");
	check(weir_bus_get_counts(bus, &all, NULL, NULL, NULL), "counts");
	check(weir_bus_close(bus, 5000000000, NULL), "close");
	safe = atomic_load(&journal.safe);
	printf("safe %u, handled %u, too early %u, lost %lld\n", safe, business.handled,
	       business.early, (long long)all.lost);
	return safe != ORDERS || business.handled != ORDERS || business.early || all.lost;
}
