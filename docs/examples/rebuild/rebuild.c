/* SPDX-License-Identifier: MIT */
/*
 * rebuild.c - event sourcing: what is known of each customer is nothing but the sum of the orders in
 *             the journal. It is built from the journal when the program starts, kept by live events
 *             from then on, built once more from nothing, and compared.
 *
 *     cc -o rebuild rebuild.c $(pkg-config --cflags --libs weir-host)
 *     ./rebuild weir.ini /var/lib/shop/audit.db weir
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/host.h>

enum { CUSTOMERS = 100, ORDERS = 10000 };

struct order {
	uint32_t customer, cents;
};

struct projection {
	uint64_t cents[CUSTOMERS];
	uint64_t orders;
	uint64_t last;          /* the row of the last replayed event */
};

/* One dispatcher runs its pool, so there is no lock. */
static int
add_order(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_origin *origin = weir_event_origin(event);
	const struct order *order = weir_event_data(event);
	struct projection *projection = context;

	(void)delivery;
	/* A replay that was broken off begins again a little before: nothing is added twice. */
	if (origin && origin->number <= projection->last)
		return 0;
	projection->last = origin ? origin->number : projection->last;
	projection->cents[order->customer] += order->cents;
	projection->orders++;
	return 0;
}

/* `weir replay`, which waits until all of it is through all pools. */
static int
replay(const char *weir, const char *journal, const char *socket)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		execlp(weir, "weir", "replay", "--socket", socket, journal, (char *)NULL);
		_exit(127);
	}
	return child < 0 || waitpid(child, &status, 0) != child || status != 0 ? -1 : 0;
}

/* All that the journal holds, into a projection that is empty; live events go past it meanwhile. */
static int
build(weir_host *host, struct projection *projection, const char *weir, const char *journal)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;
	weir_bus *bus = weir_host_bus(host);
	int result;

	options.pool = weir_host_pool(host, "work");
	options.flags = WEIR_SUBSCRIPTION_REPLAYED;
	if (weir_subscribe(bus, "order.>", add_order, projection, &options, &subscription) != WEIR_OK)
		return -1;
	result = replay(weir, journal, weir_host_socket(host));
	weir_unsubscribe_wait(bus, subscription, WEIR_FOREVER);
	return result;
}

/* The pool is `after` the journal's: what is added is recorded. */
static int
take_orders(weir_host *host, struct projection *projection)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_bus *bus = weir_host_bus(host);
	weir_subscription subscription;
	weir_producer *producer;
	weir_topic topic;

	options.pool = weir_host_pool(host, "work");
	if (weir_subscribe(bus, "order.>", add_order, projection, &options, &subscription) != WEIR_OK ||
	    weir_topic_open(bus, "order.after.create", &topic) != WEIR_OK ||
	    weir_producer_open(bus, NULL, &producer) != WEIR_OK)
		return -1;
	for (uint32_t i = 0; i < ORDERS; i++) {
		struct order order = { .customer = i * 7 % CUSTOMERS, .cents = 100 + i % 9900 };

		if (weir_publish_wait(producer, topic, NULL, &order, sizeof order, WEIR_FOREVER))
			return -1;
	}
	weir_producer_close(producer);
	return weir_host_drain(host, WEIR_FOREVER) != WEIR_OK;
}

int
main(int argc, char **argv)
{
	static struct projection kept, rebuilt;
	weir_host_options options = WEIR_HOST_OPTIONS_INIT;
	char problem[WEIR_HOST_PROBLEM_SIZE];
	weir_host *host;
	int equal;

	if (argc != 4) {
		fprintf(stderr, "usage: rebuild CONFIG JOURNAL WEIR\n");
		return 64;
	}
	options.config = argv[1];
	if (weir_host_open(&options, &host, problem, sizeof problem) != WEIR_OK) {
		fprintf(stderr, "%s\n", problem);
		return 1;
	}
	if (build(host, &kept, argv[3], argv[2]) != 0 || take_orders(host, &kept) != 0 ||
	    build(host, &rebuilt, argv[3], argv[2]) != 0)
		return 1;
	equal = kept.orders == rebuilt.orders &&
	        memcmp(kept.cents, rebuilt.cents, sizeof kept.cents) == 0;
	printf("kept: %" PRIu64 " orders; rebuilt: %" PRIu64 "; %s\n", kept.orders, rebuilt.orders,
	       equal ? "equal" : "NOT EQUAL");
	return weir_host_close(host, 10000000000, NULL) != WEIR_OK || !equal;
}
