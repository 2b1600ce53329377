/* SPDX-License-Identifier: MIT */
/*
 * points.c - a program that passes each trace point, and writes down what the points must have shown.
 *
 *   points EXPECTED
 *
 * A line for each point: its name and its arguments, separated by " | " and in the order of
 * docs/tracing.md; of dispatch__end the bytes instead of the two positions. points.sh has a debugger
 * show the same, and compares. Manual pools, whose events come on this thread, are exact; of pools
 * with threads it is only known how often they slept.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

#define MILLISECOND 1000000ull

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "points.c:%d: not so: %s\n", __LINE__, #condition);        \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

typedef unsigned long long ull;

static FILE *expected;
static weir_bus *bus;
static weir_topic topic;
static weir_producer *producer;
static uint32_t source;         /* of the producer: handlers have seen it */
static uint64_t bytes_before;

#define EXPECT(...) (fprintf(expected, __VA_ARGS__), fputc('\n', expected))

static void
nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void
publish(const char *text)
{
	CHECK(weir_publish(producer, topic, text, (uint32_t)strlen(text)) == WEIR_OK);
}

/* -- handlers: an event's text is the code to return ------------------------- */

struct handler {
	const char *name;
	weir_subscription subscription;
	uint64_t sequence;              /* of its last event */
	int batch_end_code;
};

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct handler *handler = context;
	char text[16] = "";

	memcpy(text, weir_event_data(event), event->size < sizeof text ? event->size : 0);
	handler->sequence = delivery->sequence;
	source = delivery->source;
	return atoi(text);
}

static int
end_batch(const weir_delivery *delivery, void *context)
{
	(void)delivery;
	return ((struct handler *)context)->batch_end_code;
}

static void
subscribe(struct handler *handler, uint32_t quarantine, int (*batch_end)(const weir_delivery *, void *))
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;

	options.name = handler->name;
	options.quarantine_failure_count = quarantine;
	options.quarantine_ns = 1;
	options.batch_end = batch_end;
	CHECK(weir_subscribe(bus, "part.after.*", handle, handler, &options, &handler->subscription) == WEIR_OK);
}

static void
unsubscribe(struct handler *handler)
{
	CHECK(weir_unsubscribe(bus, handler->subscription) == WEIR_OK);
}

static void
expect_failure(const struct handler *handler, int code, uint64_t sequence)
{
	EXPECT("failure | %llu | %s | %d | %u | part.after.make | %u | %llu", (ull)handler->subscription.id,
	       handler->name, code, topic.id, source, (ull)sequence);
}

static void
expect_batch_failure(const struct handler *handler, int code)
{
	EXPECT("failure | %llu | %s | %d | 0 |  | %u | %llu", (ull)handler->subscription.id, handler->name, code,
	       source, (ull)handler->sequence);
}

static void
expect_again(const struct handler *handler, int code, unsigned count)
{
	EXPECT("failure__again | %llu | %s | %d | %u", (ull)handler->subscription.id, handler->name, code, count);
}

static void
expect_quarantine(const struct handler *handler, const char *what)
{
	EXPECT("quarantine__%s | %llu | %s", what, (ull)handler->subscription.id, handler->name);
}

/* -- batches ---------------------------------------------------------------- */

static weir_producer_counts
counts(void)
{
	weir_producer_counts now = WEIR_PRODUCER_COUNTS_INIT;

	CHECK(weir_producer_get_counts(producer, &now) == WEIR_OK);
	return now;
}

/* One batch of `count` events that a producer has published. What else is expected of it comes next. */
static void
poll_some(weir_pool *pool, uint32_t of, uint32_t count)
{
	EXPECT("dispatch__begin | manual | 0 | %u", of);
	CHECK(weir_pool_poll(pool, count) == count);
}

static void
end_poll(uint32_t of, uint32_t count, uint64_t bytes)
{
	EXPECT("dispatch__end | manual | 0 | %u | %u | %llu", of, count, (ull)bytes);
}

/* The same for all that this program's producer has published. */
static void
end_poll_all(uint32_t count)
{
	uint64_t bytes = counts().bytes;

	end_poll(source, count, bytes - bytes_before);
	bytes_before = bytes;
}

static int
find_pool(void *context, weir_pool *pool, const char *name)
{
	(void)name;
	*(weir_pool **)context = pool;
	return 0;
}

/* The events that tell of failures, each of `bytes`: in the dispatcher's ring, and nobody wants them. */
static void
poll_failures(weir_pool *pool, uint32_t count, uint32_t bytes)
{
	poll_some(pool, 1, count);
	end_poll(1, count, (uint64_t)count * bytes);
}

static void
run_failures(weir_pool *pool)
{
	struct handler fails = {.name = "fails often"};

	subscribe(&fails, 0, NULL);
	publish("7"), publish("7"), publish("7"), publish("-8"), publish("0");
	poll_some(pool, source, 5);
	expect_failure(&fails, 7, 1);
	expect_again(&fails, 7, 2);
	expect_failure(&fails, -8, 4);
	end_poll_all(5);
	poll_failures(pool, 1, 80);
	unsubscribe(&fails);
}

static void
run_batch_failure(weir_pool *pool)
{
	struct handler batched = {.name = "in batches", .batch_end_code = -5};

	subscribe(&batched, 0, end_batch);
	publish("6"), publish("6");
	poll_some(pool, source, 2);
	expect_failure(&batched, 6, batched.sequence - 1);
	expect_again(&batched, 6, 1);
	expect_batch_failure(&batched, -5);
	end_poll_all(2);
	poll_failures(pool, 1, 80);
	unsubscribe(&batched);
}

static void
run_trial_whose_batch_fails(weir_pool *pool, struct handler *sick)
{
	sick->batch_end_code = 9;
	publish("0");
	poll_some(pool, source, 1);
	expect_quarantine(sick, "trial");
	expect_batch_failure(sick, 9);
	expect_quarantine(sick, "begin");
	end_poll_all(1);
	poll_failures(pool, 1, 64);
	sick->batch_end_code = 0;
}

static void
run_quarantine(weir_pool *pool, int (*batch_end)(const weir_delivery *, void *))
{
	struct handler sick = {.name = batch_end ? "sick in batches" : "sick"};

	subscribe(&sick, 2, batch_end);
	publish("3"), publish("4");
	poll_some(pool, source, 2);
	expect_failure(&sick, 3, sick.sequence - 1);
	expect_failure(&sick, 4, sick.sequence);
	expect_quarantine(&sick, "begin");
	end_poll_all(2);
	poll_failures(pool, 1, 80);

	publish("3");
	poll_some(pool, source, 1);
	expect_quarantine(&sick, "trial");
	expect_failure(&sick, 3, sick.sequence);
	expect_quarantine(&sick, "begin");
	end_poll_all(1);
	poll_failures(pool, 1, 80);

	if (batch_end)
		run_trial_whose_batch_fails(pool, &sick);
	publish("0"), publish("0");
	poll_some(pool, source, 2);
	expect_quarantine(&sick, "trial");
	expect_quarantine(&sick, "end");
	end_poll_all(2);
	unsubscribe(&sick);
}

/* -- refusals --------------------------------------------------------------- */

static void
expect_refused(uint32_t id, const char *name, uint32_t size, weir_status status)
{
	EXPECT("publish__refused | %u | %u | %s | %u | %d", source, id, name, size, (int)status);
}

static void
run_refusals(weir_pool *pool)
{
	weir_attributes bad = WEIR_ATTRIBUTES_INIT;
	static char data[8192];
	uint32_t most = weir_producer_payload_size_max(producer), count = 0;
	weir_topic unknown = {.id = 4711};
	void *place;

	CHECK(weir_publish(producer, unknown, "x", 1) == WEIR_EINVAL);
	expect_refused(4711, "", 1, WEIR_EINVAL);
	CHECK(weir_publish(producer, topic, data, most + 1) == WEIR_ETOOBIG);
	expect_refused(topic.id, "part.after.make", most + 1, WEIR_ETOOBIG);
	bad.hops = 99;
	CHECK(weir_publish_with(producer, topic, &bad, "xyz", 3) == WEIR_EINVAL);
	expect_refused(topic.id, "part.after.make", 3, WEIR_EINVAL);
	CHECK(weir_reserve(producer, topic, NULL, 33, NULL) == WEIR_EINVAL);
	expect_refused(topic.id, "part.after.make", 33, WEIR_EINVAL);

	CHECK(weir_reserve(producer, topic, NULL, 8, &place) == WEIR_OK);
	CHECK(weir_publish(producer, topic, "x", 1) == WEIR_EBUSY);
	expect_refused(0, "", 0, WEIR_EBUSY);
	weir_abort(producer);

	while (weir_publish(producer, topic, data, most) == WEIR_OK)
		count++;
	expect_refused(topic.id, "part.after.make", most, WEIR_EFULL);
	CHECK(weir_reserve(producer, topic, NULL, most - 1, &place) == WEIR_EFULL);
	expect_refused(topic.id, "part.after.make", most - 1, WEIR_EFULL);
	/* Many tries, one refusal. */
	CHECK(weir_publish_wait(producer, topic, NULL, data, most, 2 * MILLISECOND) == WEIR_ETIMEDOUT);
	expect_refused(topic.id, "", most, WEIR_EFULL);
	for (uint32_t i = 0; i < count; i++) {
		poll_some(pool, source, 1);
		end_poll(source, 1, (counts().bytes - bytes_before) / count);
	}
	CHECK(weir_pool_poll(pool, 1) == 0);

	/* While the bus is disabled the room for reservations is beside the ring; it has a refusal of its own. */
	weir_bus_enable(bus, 0);
	while (weir_reserve(producer, topic, NULL, most, &place) == WEIR_OK)
		;
	expect_refused(topic.id, "part.after.make", most, WEIR_EFULL);
	weir_abort(producer);
	CHECK(weir_publish(producer, topic, "x", 1) == WEIR_OK);
	weir_bus_enable(bus, 1);
}

static void
refused_by_closed(void)
{
	CHECK(weir_commit(producer) == WEIR_ECLOSED);
	expect_refused(0, "", 0, WEIR_ECLOSED);
	CHECK(weir_publish(producer, topic, "xy", 2) == WEIR_ECLOSED);
	expect_refused(topic.id, "", 2, WEIR_ECLOSED);
}

/* -- a pool that falls behind ------------------------------------------------ */

static uint64_t missed;

static int
on_gap(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_gap *gap = weir_event_data(event);

	(void)delivery, (void)context;
	missed = gap->sequence_last - gap->sequence_first + 1;
	EXPECT("skip | behind | %u | %llu | %llu", gap->source, (ull)gap->sequence_first, (ull)gap->sequence_last);
	return 0;
}

static void
run_skip(weir_pool *manual)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_subscription_options of_pool = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	enum { COUNT = 600, STEP = 50, RECORD = 32 };
	weir_subscription subscription;
	weir_pool *behind;

	options.name = "behind";
	options.dispatcher_count = WEIR_MANUAL;
	options.behind = WEIR_BEHIND_SKIP;
	options.batch_ns_max = WEIR_FOREVER;
	CHECK(weir_pool_open(bus, &options, &behind) == WEIR_OK);
	of_pool.pool = behind;
	CHECK(weir_subscribe(bus, "weir.gap", on_gap, NULL, &of_pool, &subscription) == WEIR_OK);
	bytes_before = counts().bytes;
	for (int i = 0; i < COUNT; i += STEP) {
		for (int j = 0; j < STEP; j++)
			publish("0");
		poll_some(manual, source, STEP);
		end_poll_all(STEP);
	}
	/* What was missed counts as one event, with the part of the ring that it took. */
	EXPECT("dispatch__begin | behind | 0 | %u", source);
	CHECK(weir_pool_poll(behind, COUNT) == 1 && missed);
	EXPECT("dispatch__end | behind | 0 | %u | 1 | %llu", source, (ull)missed * RECORD);
	EXPECT("dispatch__begin | behind | 0 | %u", source);
	CHECK(weir_pool_poll(behind, COUNT) == COUNT - missed);
	EXPECT("dispatch__end | behind | 0 | %u | %u | %llu", source, (unsigned)(COUNT - missed),
	       (ull)(COUNT - missed) * RECORD);
	CHECK(weir_pool_close(behind, WEIR_FOREVER, NULL) == WEIR_OK);
}

/* -- pools with threads ------------------------------------------------------ */

static weir_pool_counts
pool_counts(const weir_pool *pool)
{
	weir_pool_counts now = WEIR_POOL_COUNTS_INIT;

	CHECK(weir_pool_get_counts(pool, &now) == WEIR_OK);
	return now;
}

static int
sleep_until_stuck(const weir_event *event, const weir_delivery *delivery, void *context)
{
	weir_pool **pool = context;
	uint64_t stuck = pool_counts(*pool).stuck;

	(void)event;
	EXPECT("stuck | slow | 0 | %d | %llu | slow one | 1", (int)gettid(), (ull)delivery->subscription.id);
	while (pool_counts(*pool).stuck == stuck)
		nap();
	return 0;
}

/* Moments at which, mostly, somebody has passed `park` and not yet `wake`. */
static void
look_at_sleepers(void)
{
	weir_topic unknown = {.id = 4712};

	for (int i = 0; i < 5; i++) {
		nap();
		CHECK(weir_publish(producer, unknown, "x", 1) == WEIR_EINVAL);
		expect_refused(unknown.id, "", 1, WEIR_EINVAL);
	}
}

/* Two dispatchers, of which the one that is the last awake parks; then one that gets stuck. */
static void
run_threads(weir_pool *manual)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_subscription_options of_pool = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;
	static weir_pool *sleepy, *slow;

	options.wait = WEIR_WAIT_PARK;
	options.name = "sleepy";
	options.dispatcher_count = 2;
	CHECK(weir_pool_open(bus, &options, &sleepy) == WEIR_OK);
	while (!pool_counts(sleepy).parks)
		nap();
	look_at_sleepers();
	publish("0");
	poll_some(manual, source, 1);
	end_poll_all(1);
	CHECK(weir_pool_close(sleepy, WEIR_FOREVER, NULL) == WEIR_OK);

	options.name = "slow";
	options.dispatcher_count = 1;
	options.stuck_after_ns = 10 * MILLISECOND;
	CHECK(weir_pool_open(bus, &options, &slow) == WEIR_OK);
	of_pool.pool = slow;
	of_pool.name = "slow one";
	CHECK(weir_subscribe(bus, ">", sleep_until_stuck, &slow, &of_pool, &subscription) == WEIR_OK);
	publish("0");
	poll_some(manual, source, 1);
	end_poll_all(1);
	CHECK(weir_pool_close(slow, WEIR_FOREVER, NULL) == WEIR_OK);
}

static void
quiet(void *context, int level, const char *id, const char *text)
{
	(void)context, (void)level, (void)id, (void)text;
}

int
main(int argc, char **argv)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT;
	weir_producer_options producer_options = WEIR_PRODUCER_OPTIONS_INIT;
	weir_pool_counts pools = WEIR_POOL_COUNTS_INIT;
	weir_bus_counts all = WEIR_BUS_COUNTS_INIT;
	weir_topic other;
	weir_pool *manual;
	void *place;

	CHECK(argc == 2 && (expected = fopen(argv[1], "w")));
	options.ring_size = 16384;
	options.stats_dir = "";
	options.log = quiet;
	pool_options.name = "manual";
	pool_options.dispatcher_count = WEIR_MANUAL;
	pool_options.batch_ns_max = WEIR_FOREVER;       /* a debugger takes its time */
	CHECK(weir_bus_open(&options, &pool_options, &bus) == WEIR_OK);
	weir_bus_each_pool(bus, find_pool, &manual);
	CHECK(weir_topic_open(bus, "part.before.make", &other) == WEIR_OK);
	CHECK(weir_topic_open(bus, "part.after.make", &topic) == WEIR_OK);
	CHECK(weir_producer_open(bus, &producer_options, &producer) == WEIR_OK);
	source = 2;

	run_failures(manual);
	run_batch_failure(manual);
	run_quarantine(manual, NULL);
	run_quarantine(manual, end_batch);
	run_refusals(manual);
	run_skip(manual);
	run_threads(manual);

	CHECK(weir_bus_flush(bus, WEIR_FOREVER) == WEIR_OK);
	CHECK(weir_bus_get_counts(bus, &all, NULL, &pools, NULL) == WEIR_OK);
	CHECK(all.lost == 0);
	fprintf(expected, "parks %llu\nbatches %llu\n", (ull)pools.parks, (ull)pools.batches);
	CHECK(weir_reserve(producer, topic, NULL, 5, &place) == WEIR_OK);
	CHECK(weir_bus_close(bus, WEIR_FOREVER, NULL) == WEIR_OK);
	refused_by_closed();
	weir_producer_close(producer);
	return fclose(expected) != 0;
}
