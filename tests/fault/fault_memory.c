/* SPDX-License-Identifier: MIT */
/*
 * fault_memory.c - the n-th request for memory, a thread or a file fails, once and for ever after.
 *
 * For each call that may allocate: fail its first request, its second, and so on until one run
 * needs no more. Each time the status is WEIR_ENOMEM (or WEIR_OK where the engine can do without),
 * outputs are untouched, nothing is different from before, and the bus works. Then what never
 * allocates must succeed while nothing can be had at all.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "support.h"

static weir_bus *bus;
static weir_topic topic;
static weir_producer *producer;
static uint64_t handled, published, guests_released;

/* -- a bus that must go on working ------------------------------------------ */

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	add(&handled, 1);
	return 0;
}

static void
open_bus(void)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_subscription subscription;

	options.producer_count_max = 4;
	options.ring_size = 4096;
	pool.dispatcher_count = 2;
	CHECK_OK(weir_bus_open(&options, &pool, &bus));
	CHECK_OK(weir_topic_open(bus, "memory.after.create", &topic));
	CHECK_OK(weir_subscribe(bus, ">", handle, NULL, NULL, &subscription));
	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	handled = published = 0;
}

static int
count_topic(void *context, weir_topic one)
{
	(void)one;
	++*(uint32_t *)context;
	return 0;
}

static int
count_subscription(void *context, weir_subscription one, const char *name, const char *pattern,
                   weir_pool *pool)
{
	(void)one, (void)name, (void)pattern, (void)pool;
	++*(uint32_t *)context;
	return 0;
}

struct inventory { uint32_t topics, subscriptions; };

static struct inventory
take_inventory(void)
{
	struct inventory inventory = { 0 };

	weir_bus_each_topic(bus, count_topic, &inventory.topics);
	weir_bus_each_subscription(bus, count_subscription, &inventory.subscriptions);
	return inventory;
}

static void
check_works(void)
{
	for (int i = 0; i < 5; i++)
		CHECK_OK(weir_publish(producer, topic, "event", 5));
	published += 5;
	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	CHECK(handled == published, "handled %llu of %llu", (ull)handled,
	      (ull)published);
	books_check(bus);
}

static void
close_bus(void)
{
	weir_producer_close(producer);
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
}

/* -- the loop --------------------------------------------------------------- */

/*
 * One call. `attempt` tells the calls apart (names are used once). It checks its outputs, and
 * undoes what it did when it succeeded, with memory working again.
 */
struct call {
	const char *name;
	weir_status (*run)(unsigned attempt);
	void (*undo)(unsigned attempt);
	uint32_t may_leave_topics;
	unsigned may_keep_mappings;     /* for all attempts together */
};

/* Did the failure that was ordered come to pass? Orders none from now on. */
static bool
has_failed(uint64_t number)
{
	bool left = false;

	/* What is left of the countdown; a failure that came once leaves nothing. */
	for (uint64_t i = 0; i < number && !left; i++)
		left = wi_memory_fails();
	wi_memory_fail_at(0, false);
	return !left;
}

static unsigned attempts;

/* Fails request `number` of one call. False: it made fewer. */
static bool
fail_one(const struct call *call, uint64_t number, bool forever)
{
	struct inventory before = take_inventory(), after;
	unsigned attempt = attempts++;
	weir_status status;
	bool failed;

	wi_memory_fail_at(number, forever);
	status = call->run(attempt);
	failed = forever || has_failed(number);
	wi_memory_fail_at(0, false);
	CHECK(status == WEIR_ENOMEM || status == WEIR_OK, "%s, request %llu: %s", call->name,
	      (ull)number, weir_status_text(status));
	CHECK(failed || status == WEIR_OK, "%s fails by itself", call->name);
	if (status == WEIR_OK && call->undo)
		call->undo(attempt);
	after = take_inventory();
	/* The topic of an exact pattern may be there already: whoever tries again finds it. */
	CHECK(status == WEIR_OK || after.topics <= before.topics + call->may_leave_topics,
	      "%s, request %llu: %u topics before, %u after", call->name, (ull)number,
	      before.topics, after.topics);
	CHECK(status == WEIR_OK || after.subscriptions == before.subscriptions,
	      "%s, request %llu: %u subscriptions before, %u after", call->name,
	      (ull)number, before.subscriptions, after.subscriptions);
	check_works();
	return failed;
}

static void
fail_each(const struct call *call)
{
	struct holdings before;
	uint64_t requests = 0;

	support_phase(call->name);
	/* Once as it should be, so that what is made once and kept is there. */
	CHECK(!fail_one(call, 1000, false), "this many requests?");
	before = holdings_take();
	while (fail_one(call, requests + 1, false))
		requests++;
	for (uint64_t number = 1; number <= requests; number++)
		fail_one(call, number, true);
	holdings_check(before, call->may_keep_mappings);
	printf("%s: %llu requests\n", call->name, (ull)requests);
	CHECK(requests, "%s asks for nothing: this loop tests nothing", call->name);
}

/* -- calls on a bus --------------------------------------------------------- */

static weir_producer *opened;
static weir_subscription subscribed;

static weir_status
open_producer(unsigned attempt)
{
	weir_producer_options options = WEIR_PRODUCER_OPTIONS_INIT;
	weir_status status;

	/* New rings first, then rings of other sizes in used lanes. */
	options.ring_size = 4096u << (attempt % 3);
	opened = NULL;
	status = weir_producer_open(bus, &options, &opened);
	CHECK((status == WEIR_OK) == (opened != NULL), "output");
	return status;
}

static void
close_producer(unsigned attempt)
{
	(void)attempt;
	CHECK_OK(weir_publish(opened, topic, "event", 5));
	published++;
	weir_producer_close(opened);
}

static weir_status
open_topic(unsigned attempt)
{
	weir_topic made = { 77 };
	weir_status status;
	char name[64];

	snprintf(name, sizeof name, "memory.topic.%u", attempt);
	status = weir_topic_open(bus, name, &made);
	CHECK(status == WEIR_OK || made.id == 77, "a refused topic_open touched ret_topic");
	return status;
}

static void
use_topic(unsigned attempt)
{
	weir_topic found;
	char name[64];

	snprintf(name, sizeof name, "memory.topic.%u", attempt);
	CHECK_OK(weir_topic_find(bus, name, &found));
	CHECK_OK(weir_publish(producer, found, "event", 5));
	published++;
}

/* Enough of them that tables grow. */
static weir_status
open_topics(unsigned attempt)
{
	char name[64];
	weir_topic made;

	for (int i = 0; i < 1500; i++) {
		weir_status status;

		snprintf(name, sizeof name, "many.%d.topics.%u", i, attempt);
		status = weir_topic_open(bus, name, &made);
		if (status != WEIR_OK) {
			CHECK_STATUS(WEIR_ENOENT, weir_topic_find(bus, name, &made));
			/* The rest was made: this call cannot say that nothing was. */
			return status;
		}
	}
	return WEIR_OK;
}

static void
note_release(void *context)
{
	(void)context;
	add(&guests_released, 1);
}

static weir_status
subscribe(const char *pattern)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_status status;

	options.name = "a guest";
	options.released = note_release;
	subscribed.id = 77;
	status = weir_subscribe(bus, pattern, handle, NULL, &options, &subscribed);
	CHECK(status == WEIR_OK || subscribed.id == 77,
	      "a refused subscribe touched ret_subscription");
	return status;
}

static weir_status
subscribe_wildly(unsigned attempt)
{
	(void)attempt;
	return subscribe("*.topic.>");
}

static weir_status
subscribe_exactly(unsigned attempt)
{
	char pattern[64];

	snprintf(pattern, sizeof pattern, "memory.exact.%u", attempt);
	return subscribe(pattern);
}

static void
unsubscribe(unsigned attempt)
{
	uint64_t before = get(&guests_released);

	(void)attempt;
	CHECK_OK(weir_unsubscribe_wait(bus, subscribed, WEIR_FOREVER));
	CHECK(get(&guests_released) == before + 1, "released");
}

static weir_pool *opened_pool, *front;

static weir_status
open_pool_after(weir_pool *const *after, uint32_t dispatchers, weir_order order)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_status status;

	options.dispatcher_count = dispatchers;
	options.order = order;
	options.after = after;
	options.after_count = after != NULL;
	opened_pool = NULL;
	status = weir_pool_open(bus, &options, &opened_pool);
	CHECK((status == WEIR_OK) == (opened_pool != NULL), "output");
	return status;
}

static weir_status
open_pool(unsigned attempt)
{
	return open_pool_after(NULL, 1 + attempt % 3, WEIR_ORDER_PRODUCER);
}

static weir_status
open_pool_by_key(unsigned attempt)
{
	return open_pool_after(NULL, 1 + attempt % 3, WEIR_ORDER_KEY);
}

static weir_status
open_pool_behind(unsigned attempt)
{
	(void)attempt;
	front = weir_bus_default_pool(bus);
	return open_pool_after(&front, 2, WEIR_ORDER_PRODUCER);
}

/* It works; and it closes, with a subscription of its own, while nothing can be had. */
static void
close_pool(unsigned attempt)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	uint64_t before = get(&guests_released), count = handled;

	(void)attempt;
	options.pool = opened_pool;
	options.released = note_release;
	CHECK_OK(weir_subscribe(bus, "memory.>", handle, NULL, &options, &subscribed));
	CHECK_OK(weir_publish(producer, topic, "event", 5));
	wi_memory_fail_at(1, true);
	CHECK_OK(weir_pool_flush(opened_pool, WEIR_FOREVER));
	CHECK_OK(weir_pool_close(opened_pool, WEIR_FOREVER, NULL));
	wi_memory_fail_at(0, false);
	CHECK(get(&guests_released) == before + 1, "released");
	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	CHECK(handled == count + 2, "handled %llu times", (ull)(handled - count));
	published += 2;
}

static void
test_calls(void)
{
	static const struct call call[] = {
		{ "producer_open", open_producer, close_producer, 0, 8 },
		{ "topic_open", open_topic, use_topic, 0, 8 },
		{ "subscribe, wildcard", subscribe_wildly, unsubscribe, 0, 8 },
		{ "subscribe, exact", subscribe_exactly, unsubscribe, 1, 8 },
		{ "pool_open", open_pool, close_pool, 0, 16 },
		{ "pool_open, by key", open_pool_by_key, close_pool, 0, 16 },
		{ "pool_open, behind", open_pool_behind, close_pool, 0, 16 },
	};

	open_bus();
	for (size_t i = 0; i < sizeof call / sizeof *call; i++)
		fail_each(&call[i]);
	close_bus();
}

/* -- a thread's own producer ------------------------------------------------ */

static weir_status own_status;

static void *
run_own(void *argument)
{
	weir_producer *own = NULL;

	(void)argument;
	own_status = weir_thread_get_producer(bus, &own);
	CHECK((own_status == WEIR_OK) == (own != NULL), "output");
	if (own)
		CHECK_OK(weir_publish(own, topic, "event", 5));
	return NULL;
}

/* With a bus of its own for each request: a ring that was made once is used again. */
static void
test_own_producer(void)
{
	struct holdings before = holdings_take();
	unsigned refused = 0;

	support_phase("a thread's own producer");
	for (uint64_t number = 1; number <= 20; number++) {
		pthread_t thread;

		open_bus();
		wi_memory_fail_at((number + 1) / 2, number % 2);
		CHECK(pthread_create(&thread, NULL, run_own, NULL) == 0, "no thread");
		pthread_join(thread, NULL);
		wi_memory_fail_at(0, false);
		CHECK(own_status == WEIR_OK || own_status == WEIR_ENOMEM, "%s",
		      weir_status_text(own_status));
		published += own_status == WEIR_OK;
		refused += own_status != WEIR_OK;
		check_works();
		close_bus();
	}
	CHECK(refused >= 6 && refused < 20, "refused %u", refused);
	holdings_check(before, 16);
	printf("a thread's own producer: %u refused\n", refused);
}

/* Topics stay when a later one fails, so only names and numbers are compared here. */
static void
test_many_topics(void)
{
	uint64_t number = 1;
	unsigned attempt = 0;

	support_phase("many topics");
	open_bus();
	for (; number < 3000; number += 1 + number / 8, attempt++) {
		wi_memory_fail_at(number, false);
		open_topics(attempt);
		wi_memory_fail_at(0, false);
		check_works();
		CHECK_OK(open_topics(attempt));
	}
	close_bus();
}

/* -- opening a bus ---------------------------------------------------------- */

static void
test_open(uint32_t dispatchers, const char *stats_dir, weir_fence fence)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	struct holdings before;
	uint64_t requests = 0;
	weir_status status;
	bool failed;

	support_phase("bus_open");
	options.stats_dir = stats_dir;
	options.fence = fence;
	options.ring_size = 4096;
	pool.dispatcher_count = dispatchers;
	CHECK_OK(weir_bus_open(&options, &pool, &bus));
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
	before = holdings_take();
	for (int forever = 0; forever < 2; forever++) {
		uint64_t number = 0;

		do {
			number++;
			bus = NULL;
			wi_memory_fail_at(number, forever);
			status = weir_bus_open(&options, &pool, &bus);
			failed = forever ? number < requests : has_failed(number);
			wi_memory_fail_at(0, false);
			CHECK((status == WEIR_OK) == (bus != NULL), "output");
			CHECK(status == WEIR_ENOMEM || status == WEIR_OK, "request %llu: %s",
			      (ull)number, weir_status_text(status));
			/* Without its counters file a bus works. */
			if (status == WEIR_OK)
				CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
			holdings_check(before, 16);
		} while (failed);
		requests = number;
	}
	printf("bus_open, %u dispatchers, counters %s: %llu requests\n", dispatchers,
	       stats_dir ? "off" : "on", (ull)requests - 1);
}

/* -- without any memory ----------------------------------------------------- */

static int
publish_onward(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)context;
	if (weir_event_hops(event) == 0)
		CHECK_OK(weir_publish(delivery->producer, topic, "onward", 6));
	return weir_event_hops(event) ? 5 : 0;
}

static uint64_t failure_events, failures_told;

static int
hear_failure(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_failure *failure = weir_event_data(event);

	(void)delivery, (void)context;
	failure_events++;
	failures_told += failure->count;
	return 0;
}

/* Publishing, delivering, failing, pausing, unsubscribing, looking and closing ask for nothing. */
static void
test_nothing_left(void)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_subscription onward, failed;
	uint64_t before;
	void *data;

	support_phase("nothing left");
	open_bus();
	CHECK_OK(weir_subscribe(bus, "memory.>", publish_onward, NULL, NULL, &onward));
	CHECK_OK(subscribe("memory.>"));
	CHECK_OK(weir_subscribe(bus, "weir.>", hear_failure, NULL, NULL, &failed));
	wi_memory_fail_at(1, true);
	for (int i = 0; i < 100; i++) {
		CHECK_OK(weir_publish_wait(producer, topic, NULL, "event", 5, WEIR_FOREVER));
		CHECK_OK(weir_publish_wait(producer, topic, &attributes, "event", 5, WEIR_FOREVER));
		while (weir_reserve(producer, topic, NULL, 100, &data) == WEIR_EFULL)
			CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
		CHECK_OK(weir_commit(producer));
	}
	CHECK_OK(weir_subscription_pause(bus, subscribed, 1));
	CHECK_OK(weir_subscription_pause(bus, subscribed, 0));
	/* Before what handlers publish onward is discarded, too. */
	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	weir_bus_enable(bus, 0);
	CHECK_OK(weir_publish(producer, topic, "event", 5));
	CHECK_OK(weir_reserve(producer, topic, NULL, 100, &data));
	CHECK_OK(weir_commit(producer));
	weir_bus_enable(bus, 1);
	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	books_check(bus);
	CHECK_OK(weir_bus_get_counts(bus, NULL, &counts, NULL, NULL));
	CHECK(counts.committed == 600 + failure_events, "committed %llu", (ull)counts.committed);
	CHECK(failures_told == 300, "told of %llu failures", (ull)failures_told);
	/* It ends, as far as its handler goes; the rest may wait for memory. */
	before = get(&handled);
	CHECK_OK(weir_unsubscribe(bus, subscribed));
	CHECK_OK(weir_unsubscribe(bus, onward));
	CHECK_OK(weir_publish(producer, topic, "event", 5));
	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	CHECK(get(&handled) == before + 1, "a handler was called after unsubscribe");
	weir_producer_close(producer);
	support_phase("closing without memory");
	CHECK_OK(weir_bus_close(bus, 10 * SECOND, NULL));
	wi_memory_fail_at(0, false);
}

/* -- without a thread ------------------------------------------------------- */

static int
end_thread(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	pthread_exit(NULL);
}

/* A handler that ends its thread: there is no successor, so the thread puts its end off. */
static void
test_no_successor(void)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;
	struct holdings before = holdings_take();
	weir_subscription ending;

	support_phase("no successor");
	open_bus();
	CHECK_OK(weir_subscribe(bus, "memory.>", end_thread, NULL, NULL, &ending));
	for (int round = 0; round < 20; round++) {
		wi_memory_fail_at(1, round % 4 != 3);
		check_works();
		wi_memory_fail_at(0, false);
		check_works();
	}
	CHECK_OK(weir_subscription_get_counts(bus, ending, &counts));
	CHECK(counts.failed == published && counts.failure_code[0] == WEIR_CODE_UNWOUND,
	      "failed %llu of %llu", (ull)counts.failed, (ull)published);
	close_bus();
	holdings_check(before, 16);
}

int
main(void)
{
	support_begin("fault_memory");
	test_open(1, "", WEIR_FENCE_AUTO);
	test_open(3, NULL, WEIR_FENCE_PUBLISHER);
	test_calls();
	test_own_producer();
	test_many_topics();
	test_nothing_left();
	test_no_successor();
	return 0;
}
