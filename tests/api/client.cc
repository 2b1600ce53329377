/* SPDX-License-Identifier: MIT */
/*
 * client.cc - a C++ user of the installed library: each accessor, each way to publish, and <weir/weir.hpp>:
 * callables that own what they capture, that throw, and that have a batch_end.
 *
 * Built without and with optimisation: without, the compiler calls the symbols that the inline
 * functions also exist as.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>

#include <weir/weir.hpp>

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

/* -- weir.hpp --------------------------------------------------------------- */

struct batcher {
	std::shared_ptr<int> batches;

	void operator()(const weir_event *, const weir_delivery *) const {}

	int
	batch_end(const weir_delivery *)
	{
		++*batches;
		throw 1;
	}
};

static weir_subscription_counts
counts_of(weir_bus *bus, weir_subscription subscription)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;

	check(weir_subscription_get_counts(bus, subscription, &counts) == WEIR_OK, "counts");
	return counts;
}

/* One more use of `owned` in each callable; none is left when the bus is gone. */
static void
use_callables(weir_bus *bus, const std::shared_ptr<int> &owned)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription quiet, failing, throwing, batching, unused;
	weir_subscription_counts counts;
	weir_producer *producer;
	weir_topic topic;
	int handled = 0, batches;

	check(weir::subscribe(bus, "a", [&handled, owned](auto *event, auto *delivery) {
		handled += event->size == 3 && delivery->sequence == 1;
	}, nullptr, &quiet) == WEIR_OK, "subscribe a lambda");
	check(weir::subscribe(bus, "a", [owned](auto *, auto *) { return 7; }, nullptr, &failing) ==
	      WEIR_OK, "subscribe one that fails");
	check(weir::subscribe(bus, "a", [owned](auto *, auto *) -> int {
		throw std::runtime_error("no");
	}, &options, &throwing) == WEIR_OK, "subscribe one that throws");
	check(weir::subscribe(bus, "a", batcher{owned}, nullptr, &batching) == WEIR_OK,
	      "subscribe one with a batch_end");
	check(owned.use_count() == 5, "callables are owned");
	check(weir::subscribe(bus, "..", [owned](auto *, auto *) {}, nullptr, &unused) == WEIR_EINVAL,
	      "a bad pattern");
	options.released = [](void *) {};
	check(weir::subscribe(bus, "a", [owned](auto *, auto *) {}, &options) == WEIR_EINVAL,
	      "`released` is taken");
	check(owned.use_count() == 5, "a refused callable is destroyed");

	check(weir_topic_open(bus, "a", &topic) == WEIR_OK, "topic");
	check(weir_thread_get_producer(bus, &producer) == WEIR_OK, "producer");
	batches = *owned;
	check(weir_publish(producer, topic, "abc", 3) == WEIR_OK, "publish");
	check(weir_bus_flush(bus, timeout) == WEIR_OK, "flush");
	check(handled == 1 && counts_of(bus, quiet).ok == 1, "the lambda was called");
	counts = counts_of(bus, failing);
	check(counts.failed == 1 && counts.failure_code[0] == 7, "its code");
	counts = counts_of(bus, throwing);
	check(counts.failed == 1 && counts.failure_code[0] == WEIR_CODE_EXCEPTION, "an exception");
	counts = counts_of(bus, batching);
	check(*owned == batches + 1 && counts.ok == 1 && counts.failed_batches == 1 &&
	      counts.failure_code[0] == WEIR_CODE_EXCEPTION, "an exception of batch_end");
	check(weir_unsubscribe_wait(bus, quiet, timeout) == WEIR_OK, "unsubscribe");
	check(owned.use_count() == 4, "a callable is destroyed with its subscription");
}

static void
use_weir_hpp()
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	auto owned = std::make_shared<int>(0);
	weir::bus bus;

	options.stats_dir = "";
	check(weir::open(bus, &options) == WEIR_OK && bus, "weir::open");
	use_callables(bus.get(), owned);
	bus.reset();
	check(owned.use_count() == 1, "all callables are destroyed with the bus");
	options.clock = static_cast<weir_clock>(99);
	check(weir::open(bus, &options) == WEIR_EINVAL && !bus, "weir::open refuses");
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
	use_weir_hpp();
	std::puts("client: ok");
	return 0;
}
