/* SPDX-License-Identifier: MIT */
/*
 * host.c - a program with a bus, pools and plugins as a file says, and with a handler of its own
 * in one of the pools.
 *
 *     cc -o host host.c $(pkg-config --cflags --libs weir-host)
 *     ./host weir.ini
 */
#include <inttypes.h>
#include <stdio.h>
#include <weir/host.h>

static int
on_order(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	++*(uint64_t *)context;
	return 0;
}

int
main(int argc, char **argv)
{
	weir_host_options options = WEIR_HOST_OPTIONS_INIT;
	weir_subscription_options mine = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	char problem[WEIR_HOST_PROBLEM_SIZE];
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;
	weir_subscription subscription;
	weir_producer *producer;
	uint64_t handled = 0;
	weir_topic topic;
	weir_host *host;
	weir_bus *bus;

	options.config = argc > 1 ? argv[1] : "weir.ini";
	if (weir_host_open(&options, &host, problem, sizeof problem) != WEIR_OK) {
		fprintf(stderr, "%s\n", problem);
		return 1;
	}
	mine.pool = weir_host_pool(host, "slow");
	bus = weir_host_bus(host);
	if (weir_subscribe(bus, "order.>", on_order, &handled, &mine, &subscription) != WEIR_OK ||
	    weir_topic_open(bus, "order.after.create", &topic) != WEIR_OK ||
	    weir_producer_open(bus, NULL, &producer) != WEIR_OK)
		return 1;
	for (uint64_t i = 0; i < 1000; i++)
		if (weir_publish_wait(producer, topic, NULL, &i, sizeof i, WEIR_FOREVER) != WEIR_OK)
			return 1;
	weir_producer_close(producer);

	weir_host_drain(host, WEIR_FOREVER);
	weir_bus_get_counts(bus, &counts, NULL, NULL, NULL);
	printf("handled %" PRIu64 ", lost %" PRId64 "\n", handled, counts.lost);
	return weir_host_close(host, 10000000000, NULL) != WEIR_OK;
}
