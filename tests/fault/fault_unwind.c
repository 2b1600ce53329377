/* SPDX-License-Identifier: MIT */
/*
 * fault_unwind.c - handlers, batch_ends, hooks, `released` and `log` that end their thread.
 *
 * pthread_exit() and cancellation unwind weir's frames. The call counts as failed under
 * WEIR_CODE_UNWOUND, and that is all: every other handler gets the event, every batch_end
 * that is owed comes, order stays, a successor goes on, and the dead thread is joined.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "support.h"

/* As in fault_thread.c. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "use_sigaltstack=0";
}

enum { EVENTS = SANITIZED ? 140 : 420, SOURCES = 16, EVERY = 7, PRODUCERS = 2 };

enum way { EXITS, CANCELS_ITSELF, IS_CANCELLED, EXITS_IN_BATCH_END };

struct setup {
	const char *name;
	enum way way;
	uint32_t dispatchers;
	bool behind;            /* in a pool that is `after` the default one */
	weir_fence fence;
	weir_order order;
	weir_behind skip;       /* WEIR_BEHIND_SKIP: copies, of a ring so large that none is skipped */
};

static weir_bus *bus;
static weir_pool *pool;         /* where threads end */
static weir_topic topic, topic_onward, topic_other;
static uint64_t begun, ended, destroyed, unwound, told;
static pthread_key_t key;

static void
note_destroyed(void *value)
{
	(void)value;
	add(&destroyed, 1);
}

static void
begin_thread(void *context, uint32_t dispatcher)
{
	(void)context, (void)dispatcher;
	CHECK(pthread_setspecific(key, &key) == 0, "no specific");
	add(&begun, 1);
}

static void
end_thread(void *context, uint32_t dispatcher)
{
	(void)context, (void)dispatcher;
	add(&ended, 1);
}

static void
hear(void *context, int level, const char *id, const char *text)
{
	(void)context, (void)level;
	if (strcmp(id, "WEIR-UNWOUND") != 0)
		return;
	CHECK(strstr(text, "the one that leaves"), "%s", text);
	add(&told, 1);
}

static void
open_bus(uint32_t dispatchers, bool behind, weir_fence fence, weir_order order, weir_behind skip)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT, front = WEIR_POOL_OPTIONS_INIT;

	begun = ended = destroyed = unwound = told = 0;
	options.fence = fence;
	options.ring_size = skip == WEIR_BEHIND_SKIP ? 1 << 20 : 16384;
	options.log = hear;
	pool_options.dispatcher_count = dispatchers;
	pool_options.order = order;
	pool_options.behind = skip;
	pool_options.sample_ns = 1;             /* as often as can be */
	pool_options.batch_count_max = 20;      /* many batches, and some of several events */
	pool_options.thread_begin = begin_thread;
	pool_options.thread_end = end_thread;
	CHECK_OK(weir_bus_open(&options, behind ? &front : &pool_options, &bus));
	pool = weir_bus_default_pool(bus);
	if (behind) {
		weir_pool *const after[] = { pool };

		pool_options.after = after;
		pool_options.after_count = 1;
		CHECK_OK(weir_pool_open(bus, &pool_options, &pool));
	}
	CHECK_OK(weir_topic_open(bus, "unwind.after.create", &topic));
	CHECK_OK(weir_topic_open(bus, "onward", &topic_onward));
	CHECK_OK(weir_topic_open(bus, "other", &topic_other));
}

static weir_subscription
subscribe(const char *pattern, const char *name, weir_handler_fn handler,
          int (*batch_end)(const weir_delivery *, void *), int32_t priority, void *context)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;

	options.name = name;
	options.pool = pool;
	options.batch_end = batch_end;
	options.priority = priority;
	CHECK_OK(weir_subscribe(bus, pattern, handler, context, &options, &subscription));
	return subscription;
}

static weir_subscription_counts
counts_of(weir_subscription subscription)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;

	CHECK_OK(weir_subscription_get_counts(bus, subscription, &counts));
	return counts;
}

/* -- who leaves, and who stands beside it ----------------------------------- */

static pthread_t to_cancel;
static uint64_t waits;

static void
sleep_cancellably(void)
{
	struct timespec time = { 0, 1000000 };

	for (;;)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

static void
leave(enum way way)
{
	add(&unwound, 1);
	if (way == CANCELS_ITSELF)
		pthread_cancel(pthread_self());
	if (way != IS_CANCELLED && way != CANCELS_ITSELF)
		pthread_exit(NULL);
	if (way == IS_CANCELLED) {
		/* One at a time. */
		uint64_t nobody = 0;

		while (!__atomic_compare_exchange_n(&waits, &nobody, 1, 0, __ATOMIC_SEQ_CST,
		                                    __ATOMIC_SEQ_CST)) {
			sleep_ns(100 * MICROSECOND);
			nobody = 0;
		}
		to_cancel = pthread_self();
		set(&waits, 2);
	}
	sleep_cancellably();
}

static uint64_t cancelling;

static void *
run_canceller(void *argument)
{
	while (get(&cancelling)) {
		if (get(&waits) == 2) {
			CHECK(pthread_cancel(to_cancel) == 0, "cancel");
			set(&waits, 0);
		}
		sleep_ns(20 * MICROSECOND);
	}
	return argument;
}

/* Publishes onward, and leaves with a reservation open now and then. */
static int
handle_and_leave(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct setup *setup = context;
	uint64_t number;
	void *data;

	memcpy(&number, weir_event_data(event), sizeof number);
	if (number % EVERY || setup->way == EXITS_IN_BATCH_END)
		return 0;
	CHECK_OK(weir_publish(delivery->producer, topic_onward, "x", 1));
	if (number % 2)
		CHECK_OK(weir_reserve(delivery->producer, topic_onward, NULL, 10, &data));
	leave(setup->way);
	return 0;
}

static uint64_t batches;

static int
end_batch_and_leave(const weir_delivery *delivery, void *context)
{
	const struct setup *setup = context;

	(void)delivery;
	if (setup->way == EXITS_IN_BATCH_END && add(&batches, 1) % 2)
		leave(EXITS);
	return 0;
}

/* Each event once, in order; and whether a batch_end has come behind the last. */
struct journal { uint64_t last[SOURCES], settled[SOURCES], open[SOURCES]; };

static int
note(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct journal *journal = context;
	uint32_t source = delivery->source;
	uint64_t number;

	memcpy(&number, weir_event_data(event), sizeof number);
	CHECK(source < SOURCES && number == journal->last[source] + 1, "source %u: %llu after %llu",
	      source, (ull)number, (ull)journal->last[source]);
	journal->last[source] = number;
	/* What the one before it had reserved is not in the way. */
	if (number % EVERY == 0)
		CHECK_OK(weir_publish(delivery->producer, topic_onward, "x", 1));
	return 0;
}

static int
settle(const weir_delivery *delivery, void *context)
{
	struct journal *journal = context;

	journal->settled[delivery->source] = journal->last[delivery->source];
	return 0;
}

static int
count_told(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_failure *failure = weir_event_data(event);

	(void)delivery;
	CHECK(failure->code == WEIR_CODE_UNWOUND, "code %d", failure->code);
	add((uint64_t *)context, failure->count);
	return 0;
}

static int
count(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	add((uint64_t *)context, 1);
	return 0;
}

static void
check_journal(const struct journal *journal, const char *name)
{
	uint64_t sum = 0;

	for (int i = 0; i < SOURCES; i++) {
		sum += journal->last[i];
		CHECK(journal->settled[i] == journal->last[i], "%s: %llu of %llu are settled", name,
		      (ull)journal->settled[i], (ull)journal->last[i]);
	}
	CHECK(sum == (uint64_t)EVENTS * PRODUCERS, "%s: %llu events", name, (ull)sum);
}

static void
publish_all(void)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_producer *producer[PRODUCERS];

	attributes.flags = WEIR_ATTRIBUTE_KEY;
	for (int i = 0; i < PRODUCERS; i++)
		CHECK_OK(weir_producer_open(bus, NULL, &producer[i]));
	for (uint64_t number = 1; number <= EVENTS; number++)
		for (int i = 0; i < PRODUCERS; i++) {
			attributes.key = (uint64_t)i;   /* a producer's events in order, also by key */
			CHECK_OK(weir_publish_wait(producer[i], topic, &attributes, &number,
			                           sizeof number, 20 * SECOND));
			/*
			 * Nobody hears these; without a key they are for each dispatcher in turn.
			 */
			CHECK_OK(weir_publish_wait(producer[i], topic_other, NULL, "x", 1, 20 * SECOND));
		}
	CHECK_OK(weir_bus_flush(bus, 20 * SECOND));
	for (int i = 0; i < PRODUCERS; i++)
		weir_producer_close(producer[i]);
}

static void
check_hooks(uint32_t dispatchers, uint64_t threads_ended)
{
	CHECK(begun == dispatchers + threads_ended && ended == begun,
	      "%llu threads ended, %llu began, %llu hooks at the end", (ull)threads_ended, (ull)begun,
	      (ull)ended);
	/* A thread that ends does so wholly. */
	CHECK(destroyed == begun, "destroyed %llu", (ull)destroyed);
}

static void
run(const struct setup *setup)
{
	struct journal before = { 0 }, behind = { 0 };
	weir_subscription leaving;
	weir_subscription_counts counts;
	uint64_t failures_told = 0, onward = 0;
	struct holdings holdings = holdings_take();
	pthread_t canceller;

	support_phase(setup->name);
	open_bus(setup->dispatchers, setup->behind, setup->fence, setup->order, setup->skip);
	batches = 0;
	subscribe("unwind.>", "before", note, settle, 1, &before);
	leaving = subscribe("unwind.>", "the one that leaves", handle_and_leave, end_batch_and_leave, 0,
	                    (void *)setup);
	subscribe("unwind.>", "behind", note, settle, -1, &behind);
	subscribe("onward", "onward", count, NULL, 0, &onward);
	subscribe("weir.failed.deliver", "failures", count_told, NULL, 0, &failures_told);
	set(&cancelling, 1);
	CHECK(pthread_create(&canceller, NULL, run_canceller, NULL) == 0, "no thread");
	publish_all();
	set(&cancelling, 0);
	pthread_join(canceller, NULL);
	books_check(bus);
	check_journal(&before, "before");
	check_journal(&behind, "behind");
	counts = counts_of(leaving);
	CHECK(unwound > 0 && counts.failed + counts.failed_batches == unwound,
	      "%llu unwound, %llu failed, %llu batches failed", (ull)unwound, (ull)counts.failed,
	      (ull)counts.failed_batches);
	CHECK(counts.failure_code[0] == WEIR_CODE_UNWOUND && counts.failure_count[0] == unwound,
	      "code %d: %llu", counts.failure_code[0], (ull)counts.failure_count[0]);
	CHECK(counts.due == (uint64_t)EVENTS * PRODUCERS && counts.due == counts.ok + counts.failed,
	      "due %llu, ok %llu, failed %llu", (ull)counts.due, (ull)counts.ok, (ull)counts.failed);
	if (setup->way != EXITS_IN_BATCH_END)
		CHECK(counts.failed == EVENTS / EVERY * PRODUCERS && onward == 3 * counts.failed,
		      "failed %llu, onward %llu", (ull)counts.failed, (ull)onward);
	CHECK(failures_told == unwound, "told of %llu failures of %llu", (ull)failures_told,
	      (ull)unwound);
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
	CHECK(told == unwound, "logged %llu of %llu", (ull)told, (ull)unwound);
	check_hooks(setup->dispatchers, unwound);
	holdings_check(holdings, 16);
	printf("%s: %llu threads ended\n", setup->name, (ull)unwound);
}

/* -- a trial ---------------------------------------------------------------- */

struct patient { uint64_t calls, batch_ends, batched; };

/* Fails, ends its thread in three trials, and is well from then on. */
static int
be_tried(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint64_t call = add(&((struct patient *)context)->calls, 1) + 1;

	(void)event, (void)delivery;
	if (call == 1)
		return 5;
	if (call <= 4)
		leave(EXITS);
	return 0;
}

/* In the first trial whose handler is well it is batch_end that ends the thread. */
static int
be_tried_in_batch_end(const weir_delivery *delivery, void *context)
{
	struct patient *patient = context;

	(void)delivery;
	add(&patient->batch_ends, 1);
	if (get(&patient->calls) == 5)
		leave(EXITS);
	return 0;
}

static void
test_trial(bool batched, uint32_t dispatchers)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	uint64_t calls = batched ? 6 : 5, trials_unwound = batched ? 4 : 3;
	struct holdings holdings = holdings_take();
	struct patient patient = { .batched = batched };
	weir_subscription subscription;
	weir_subscription_counts counts;
	weir_producer *producer;
	uint64_t end = now_ns() + 20 * SECOND;

	support_phase("a trial is unwound");
	open_bus(dispatchers, false, WEIR_FENCE_AUTO, WEIR_ORDER_PRODUCER, WEIR_BEHIND_HOLD);
	options.name = "the one that leaves";
	options.quarantine_failure_count = 1;
	options.quarantine_ns = MILLISECOND;
	options.batch_end = batched ? be_tried_in_batch_end : NULL;
	CHECK_OK(weir_subscribe(bus, "unwind.>", be_tried, &patient, &options, &subscription));
	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	while (get(&patient.calls) < calls) {
		CHECK(now_ns() < end, "%llu calls", (ull)patient.calls);
		CHECK_OK(weir_publish(producer, topic, "x", 1));
		CHECK_OK(weir_bus_flush(bus, 20 * SECOND));
		sleep_ns(300 * MICROSECOND);
	}
	books_check(bus);
	counts = counts_of(subscription);
	CHECK(counts.state == WEIR_SUBSCRIPTION_ACTIVE, "state %d", (int)counts.state);
	CHECK(counts.failed == 4 && counts.failed_batches == batched, "failed %llu, %llu batches",
	      (ull)counts.failed, (ull)counts.failed_batches);
	CHECK(counts.quarantines == 1 + trials_unwound, "quarantines %llu", (ull)counts.quarantines);
	CHECK(unwound == trials_unwound, "unwound %llu", (ull)unwound);
	CHECK(!batched || patient.batch_ends == calls, "%llu batch_ends", (ull)patient.batch_ends);
	weir_producer_close(producer);
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
	check_hooks(dispatchers, trials_unwound);
	holdings_check(holdings, 16);
}

/* -- hooks, `released`, `log` ------------------------------------------------ */

static uint64_t hooks_begun, hooks_ended;

static void
exit_at_the_beginning(void *context, uint32_t dispatcher)
{
	(void)context, (void)dispatcher;
	add(&hooks_begun, 1);
	pthread_exit(NULL);
}

static void
note_hook(void *context, uint32_t dispatcher)
{
	(void)context, (void)dispatcher;
	add(&hooks_begun, 1);
}

static void
exit_at_the_end(void *context, uint32_t dispatcher)
{
	(void)context, (void)dispatcher;
	add(&hooks_ended, 1);
	pthread_exit(NULL);
}

/* One that ends its thread is not called again. */
static void
test_hooks(bool at_the_beginning, uint32_t dispatchers)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT;
	struct holdings holdings = holdings_take();
	weir_producer *producer;
	uint64_t handled = 0;

	support_phase("hooks exit");
	hooks_begun = hooks_ended = 0;
	pool_options.dispatcher_count = dispatchers;
	pool_options.thread_begin = at_the_beginning ? exit_at_the_beginning : note_hook;
	pool_options.thread_end = exit_at_the_end;
	CHECK_OK(weir_bus_open(&options, &pool_options, &bus));
	pool = NULL;
	CHECK_OK(weir_topic_open(bus, "unwind.after.create", &topic));
	subscribe(">", "all", count, NULL, 0, &handled);
	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	for (int i = 0; i < 100; i++)
		CHECK_OK(weir_publish_wait(producer, topic, NULL, "x", 1, 20 * SECOND));
	CHECK_OK(weir_bus_flush(bus, 20 * SECOND));
	CHECK(handled == 100, "handled %llu", (ull)handled);
	books_check(bus);
	weir_producer_close(producer);
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
	CHECK(hooks_begun == dispatchers, "%llu began", (ull)hooks_begun);
	CHECK(hooks_ended == (at_the_beginning ? 0 : dispatchers), "%llu ended", (ull)hooks_ended);
	holdings_check(holdings, 16);
}

static uint64_t released;

static void
release_and_exit(void *context)
{
	(void)context;
	add(&released, 1);
	pthread_exit(NULL);
}

static void
log_and_exit(void *context, int level, const char *id, const char *text)
{
	(void)context, (void)level, (void)text;
	if (strcmp(id, "WEIR-STUCK") == 0 || strcmp(id, "WEIR-UNWOUND") == 0) {
		add(&told, 1);
		pthread_exit(NULL);
	}
}

static int
take_long_or_leave(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const char *what = weir_event_data(event);

	(void)delivery, (void)context;
	if (what[0] == 'l')
		pthread_exit(NULL);
	wait_for(&told, get(&told) + 1, "the message");
	return 0;
}

/* The bus's own thread goes on; the message and the call come once. */
static void
test_keeper(void)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT;
	weir_subscription_options guest = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct holdings holdings = holdings_take();
	weir_subscription subscription;
	weir_producer *producer;

	support_phase("released and log exit");
	released = told = 0;
	options.log = log_and_exit;
	pool_options.stuck_after_ns = 20 * MILLISECOND;
	CHECK_OK(weir_bus_open(&options, &pool_options, &bus));
	CHECK_OK(weir_pool_open(bus, &pool_options, &pool));
	CHECK_OK(weir_topic_open(bus, "unwind.after.create", &topic));
	guest.released = release_and_exit;
	guest.pool = pool;
	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	for (uint64_t i = 0; i < 8; i++) {
		CHECK_OK(weir_subscribe(bus, ">", take_long_or_leave, NULL, &guest, &subscription));
		CHECK_OK(weir_publish(producer, topic, i % 2 ? "leave" : "stay", 5));
		CHECK_OK(weir_bus_flush(bus, 20 * SECOND));
		CHECK_OK(weir_unsubscribe_wait(bus, subscription, 20 * SECOND));
		CHECK(get(&released) == i + 1, "released %llu", (ull)released);
	}
	wait_for(&told, 8, "all messages");
	books_check(bus);
	CHECK_OK(weir_pool_close(pool, WEIR_FOREVER, NULL));
	weir_producer_close(producer);
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
	CHECK(told == 8, "told %llu", (ull)told);
	holdings_check(holdings, 16);
}

int
main(void)
{
	static const struct setup all[] = {
		{ "exit, 1 dispatcher", EXITS, 1, false, WEIR_FENCE_AUTO },
		{ "exit, 3 dispatchers", EXITS, 3, false, WEIR_FENCE_PUBLISHER },
		{ "exit, 1 dispatcher behind", EXITS, 1, true, WEIR_FENCE_AUTO },
		{ "cancels itself, 3 dispatchers behind", CANCELS_ITSELF, 3, true, WEIR_FENCE_AUTO },
		{ "cancels itself, 1 dispatcher", CANCELS_ITSELF, 1, false, WEIR_FENCE_AUTO },
		{ "is cancelled, 1 dispatcher", IS_CANCELLED, 1, false, WEIR_FENCE_PUBLISHER },
		{ "is cancelled, 3 dispatchers", IS_CANCELLED, 3, false, WEIR_FENCE_AUTO },
		{ "exit in batch_end, 1 dispatcher", EXITS_IN_BATCH_END, 1, false, WEIR_FENCE_AUTO },
		{ "exit in batch_end, 3 dispatchers behind", EXITS_IN_BATCH_END, 3, true,
		  WEIR_FENCE_AUTO },
		{ "exit, 3 dispatchers with copies", EXITS, 3, false, WEIR_FENCE_AUTO,
		  WEIR_ORDER_PRODUCER, WEIR_BEHIND_SKIP },
		{ "exit, 3 dispatchers by key", EXITS, 3, false, WEIR_FENCE_AUTO, WEIR_ORDER_KEY },
		{ "exit in batch_end, 3 dispatchers by key", EXITS_IN_BATCH_END, 3, true,
		  WEIR_FENCE_AUTO, WEIR_ORDER_KEY },
	};

	support_begin("fault_unwind");
	CHECK(pthread_key_create(&key, note_destroyed) == 0, "no key");
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		run(&all[i]);
	for (int i = 0; i < 4; i++)
		test_trial(i % 2 != 0, i < 2 ? 1 : 3);
	for (int i = 0; i < 4; i++)
		test_hooks(i % 2 != 0, i < 2 ? 1 : 3);
	test_keeper();
	return 0;
}
