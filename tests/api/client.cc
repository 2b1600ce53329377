/* SPDX-License-Identifier: MIT */
/*
 * client.cc - a C++ user of the installed library: each accessor, each way to publish.
 *
 * Built without and with optimisation: without, the compiler calls the symbols that the inline
 * functions also exist as.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <weir/weir.h>

static const uint64_t timeout = 5000000000u;

static struct {
	unsigned events, keys, traces, sizes;
} seen;

static void
check(bool good, const char *what)
{
	if (good)
		return;
	std::fprintf(stderr, "client: %s\n", what);
	std::exit(EXIT_FAILURE);
}

static int
on_event(const weir_event *event, const weir_delivery *delivery, void *)
{
	const weir_trace *trace = weir_event_trace(event);
	uint64_t key = 0;

	seen.events++;
	seen.keys += weir_event_key(event, &key) && key == 7;
	seen.traces += trace && trace->trace_id[0] == 9;
	seen.sizes += event->size;
	if (event->size)
		check(std::memcmp(weir_event_data(event), "hello", 5) == 0, "payload");
	check(weir_event_replayed(event) == 0, "replayed");
	check(weir_event_hops(event) == 0, "hops");
	check(std::strcmp(weir_topic_name(delivery->bus, weir_event_topic(event)),
	                  "client.after.create") == 0, "topic");
	return 0;
}

int
main()
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_subscription_options handler = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_trace trace = {};
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;
	weir_subscription subscription;
	weir_producer *producer;
	weir_topic topic;
	weir_bus *bus;
	void *room;

	options.stats_dir = "";
	check(weir_bus_open(&options, &pool, &bus) == WEIR_OK, "open");
	check(weir_subscribe(bus, ">", on_event, nullptr, &handler, &subscription) == WEIR_OK,
	      "subscribe");
	check(weir_topic_open(bus, "client.after.create", &topic) == WEIR_OK, "topic");
	check(weir_producer_open(bus, nullptr, &producer) == WEIR_OK, "producer");

	check(weir_publish(producer, topic, "hello", 5) == WEIR_OK, "publish");
	check(weir_publish(producer, topic, nullptr, 0) == WEIR_OK, "publish nothing");
	attributes.flags = WEIR_ATTRIBUTE_KEY;
	attributes.key = 7;
	trace.trace_id[0] = 9;
	attributes.trace = &trace;
	check(weir_publish_with(producer, topic, &attributes, "hello", 5) == WEIR_OK,
	      "publish_with");
	check(weir_publish_wait(producer, topic, &attributes, "hello", 5, timeout) == WEIR_OK,
	      "publish_wait");
	check(weir_reserve(producer, topic, &attributes, 64, &room) == WEIR_OK, "reserve");
	std::memcpy(room, "hello", 5);
	weir_trim(producer, 5);
	check(weir_reserve(producer, topic, nullptr, 0, &room) == WEIR_OK, "second reserve");
	check(weir_commit(producer) == WEIR_OK, "commit");
	check(weir_reserve(producer, topic, nullptr, 8, &room) == WEIR_OK, "third reserve");
	weir_abort(producer);

	check(weir_bus_flush(bus, timeout) == WEIR_OK, "flush");
	weir_producer_close(producer);
	check(seen.events == 6 && seen.keys == 3 && seen.traces == 3 && seen.sizes == 20, "seen");
	check(weir_bus_get_counts(bus, &counts, nullptr, nullptr, nullptr) == WEIR_OK, "counts");
	check(counts.lost == 0 && counts.in_flight == 0, "lost");
	check(weir_bus_close(bus, timeout, nullptr) == WEIR_OK, "close");
	std::puts("client: ok");
	return 0;
}
