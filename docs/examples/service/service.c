/* SPDX-License-Identifier: MIT */
/*
 * service.c - a service says what it does, and a handler writes it down, without either knowing the other.
 *
 * Build it against an installed weir:
 *   cc -o service service.c $(pkg-config --cflags --libs weir-service)
 */
#include <stdio.h>
#include <stdlib.h>

#include <weir/service.h>

static unsigned stock = 3;

static void
check(weir_status status, const char *what)
{
	if (status == WEIR_OK)
		return;
	fprintf(stderr, "service: %s: %s\n", what, weir_status_text(status));
	exit(EXIT_FAILURE);
}

/* Each return is one end: "order.after.create" or "order.failed.create". */
static int
create_order(weir_service *orders, unsigned number, unsigned pieces)
{
	char text[64], result[32];

	snprintf(text, sizeof text, "{\"number\": %u, \"pieces\": %u}", number, pieces);
	WEIR_OPERATION(call, orders, WEIR_CREATE, .data = weir_json(text), .actor = "shop") {
		if (pieces == 0)
			return -1;      /* not a word: failed all the same */
		if (pieces > stock)
			return weir_call_fail(&call, 409, "not that many left"), -1;
		stock -= pieces;
		snprintf(result, sizeof result, "%u left", stock);
		weir_call_succeed(&call, weir_text(result));
	}
	return 0;
}

static int
write_down(const weir_event *event, const weir_delivery *delivery, void *context)
{
	weir_envelope envelope = WEIR_ENVELOPE_INIT;

	(void)context;
	if (weir_envelope_open(weir_event_data(event), event->size, &envelope))
		return 1;       /* published by somebody else, without an envelope */
	printf("%s %.*s", weir_topic_name(delivery->bus, weir_event_topic(event)),
	       (int)envelope.data.size, (const char *)envelope.data.bytes);
	if (envelope.phase == WEIR_PHASE_FAILED)
		printf(": %s\n", envelope.error);
	else
		printf(": %.*s\n", (int)envelope.result.size, (const char *)envelope.result.bytes);
	return 0;
}

int
main(void)
{
	weir_service_counts counts = WEIR_SERVICE_COUNTS_INIT;
	weir_subscription after, failed;
	weir_service *orders;
	weir_bus *bus;

	check(weir_bus_open(NULL, NULL, &bus), "open");
	check(weir_service_open(bus, "order", NULL, &orders), "service");
	check(weir_subscribe(bus, "*.after.>", write_down, NULL, NULL, &after), "subscribe");
	check(weir_subscribe(bus, "*.failed.>", write_down, NULL, NULL, &failed), "subscribe");
	create_order(orders, 1, 2);
	create_order(orders, 2, 2);
	create_order(orders, 3, 0);
	check(weir_bus_flush(bus, 5000000000), "flush");
	check(weir_service_get_counts(orders, &counts), "counts");
	printf("before %llu, after %llu, failed %llu, refused %llu\n", (unsigned long long)counts.before,
	       (unsigned long long)counts.after, (unsigned long long)counts.failed,
	       (unsigned long long)(counts.before_refused + counts.after_refused + counts.failed_refused));
	weir_service_close(orders);
	check(weir_bus_close(bus, 5000000000, NULL), "close");
	return EXIT_SUCCESS;
}
