/* SPDX-License-Identifier: MIT */
/*
 * churn.c - threads that come, go, subscribe and unsubscribe meanwhile.
 *
 * A guest is a subscription that does not stay. Its context is poisoned and freed in
 * `released`, so that a call that comes too late meets the poison (or AddressSanitizer),
 * and a second `released` too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stress.h"

enum {
	GRAVES = 512,           /* freed this much later, where no sanitizer watches */
	WILD_COUNT = 8,
	TOPICS_MADE_MAX = 300,
	COMERS_MAX = 20000,     /* event sources that the audit has room for, with a margin */
};

/*
 * What is left of a guest when it is gone, and what it is to see of one publisher: numbers after
 * `first` are counted, none after `last` may come. What was committed before weir_subscribe()
 * returned may come or not.
 */
struct outcome { uint64_t calls, running, released, first, last; uint32_t publisher; };

struct guest {
	uint64_t living;
	uint64_t id;                    /* of its subscription, once known */
	struct outcome *outcome;        /* or NULL */
	uint64_t calls, running;
	uint32_t leaves_after;          /* unsubscribes itself at this call; 0: never */
	uint32_t fails_every;
	bool left[DISPATCHER_MAX];      /* has unsubscribed itself there */
	uint64_t last[AUDIT_SOURCES];
};
#define LIVING 0x6c6976696e67ull

/* -- a guest ---------------------------------------------------------------- */

static void
check_order(struct guest *guest, const weir_delivery *delivery)
{
	uint64_t *last = &guest->last[delivery->source % AUDIT_SOURCES];

	/* With keys its pool promises no order to it. */
	if (delivery->source >= AUDIT_SOURCES || stress.settings.mode == MODE_KEY)
		return;
	CHECK(delivery->sequence > *last, "source %u: sequence %llu after %llu", delivery->source,
	      (ull)delivery->sequence, (ull)*last);
	*last = delivery->sequence;
}

static void
count_visit(struct outcome *outcome, const struct payload *payload)
{
	add(&outcome->running, 1);
	CHECK(payload->id == outcome->publisher, "publisher %u", payload->id);
	CHECK(payload->number <= get(&outcome->last),
	      "number %llu was committed after unsubscribe returned at %llu",
	      (ull)payload->number, (ull)get(&outcome->last));
	/* So that who waits for the end of this one has to. */
	if (payload->number % 16 == 0)
		sleep_ns(200 * MICROSECOND);
	if (payload->number > outcome->first)
		add(&outcome->calls, 1);
}

static int
visit(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct guest *guest = context;
	const struct payload *payload = payload_verify(event);
	uint32_t here = handlers_dispatcher();
	uint64_t call;

	CHECK(get(&guest->living) == LIVING, "a call after `released`");
	CHECK(!guest->left[here], "a call after it unsubscribed itself");
	CHECK(get(&guest->id) == 0 || get(&guest->id) == delivery->subscription.id,
	      "another's context");
	add(&guest->running, 1);
	if (guest->outcome)
		count_visit(guest->outcome, payload);
	check_order(guest, delivery);
	call = add(&guest->calls, 1) + 1;
	if (call == guest->leaves_after) {
		guest->left[here] = true;
		CHECK_OK(weir_unsubscribe(delivery->bus, delivery->subscription));
	}
	CHECK(get(&guest->living) == LIVING, "`released` while it runs");
	if (guest->outcome)
		add(&guest->outcome->running, -1);
	add(&guest->running, -1);
	return guest->fails_every && call % guest->fails_every == 0 ? 9 : 0;
}

/* One thread at a time calls `released`. */
static void
bury(struct guest *guest)
{
	static struct guest *grave[GRAVES];
	static unsigned next;

	memset(guest, 0xa5, sizeof *guest);
	if (SANITIZED) {
		free(guest);
		return;
	}
	free(grave[next % GRAVES]);
	grave[next++ % GRAVES] = guest;
}

static void
released(void *context)
{
	struct guest *guest = context;
	struct outcome *outcome = guest->outcome;

	CHECK(get(&guest->living) == LIVING, "released twice");
	CHECK(get(&guest->running) == 0, "released while it runs");
	bury(guest);
	add(&stress.released, 1);
	if (outcome)
		add(&outcome->released, 1);
}

static weir_subscription
subscribe(const char *pattern, struct guest settings, int32_t priority)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct guest *guest = malloc(sizeof *guest);
	weir_subscription subscription;

	CHECK(guest, "no memory");
	*guest = settings;
	guest->living = LIVING;
	options.released = released;
	options.priority = priority;
	add(&stress.subscribed, 1);
	CHECK_OK(weir_subscribe(stress.bus, pattern, visit, guest, &options, &subscription));
	/* One that leaves by itself may be gone. */
	if (!settings.leaves_after)
		set(&guest->id, subscription.id);
	return subscription;
}

/* It has ended. */
static void
check_stale(weir_subscription subscription)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;

	CHECK_STATUS(WEIR_ENOENT, weir_unsubscribe(stress.bus, subscription));
	CHECK_STATUS(WEIR_ENOENT, weir_unsubscribe_wait(stress.bus, subscription, 0));
	CHECK_STATUS(WEIR_ENOENT, weir_subscription_pause(stress.bus, subscription, 1));
	CHECK_STATUS(WEIR_ENOENT, weir_subscription_get_counts(stress.bus, subscription, &counts));
}

/* -- exactly what was published while it was there -------------------------- */

static void
wait_until_gone(weir_subscription subscription, struct outcome *outcome)
{
	weir_status status;

	add(&stress.waits, 1);
	add(&stress.waited, get(&outcome->running) != 0);
	status = weir_unsubscribe_wait(stress.bus, subscription, WEIR_FOREVER);
	CHECK(status == WEIR_OK || status == WEIR_ENOENT, "%s", weir_status_text(status));
	CHECK(get(&outcome->released) == 1, "released %llu times", (ull)outcome->released);
	check_stale(subscription);
}

/* Some of what was accepted is never handled. */
static bool
may_miss(void)
{
	return stress.settings.toggle || stress.settings.mode == MODE_SKIP;
}

/* Or until it has been called for all, or for a while. */
static void
wait_until_running(const struct outcome *outcome, uint64_t count)
{
	uint64_t end = now_ns() + 20 * MILLISECOND;

	while (!get(&outcome->running) && get(&outcome->calls) < count && now_ns() < end)
		;
}

static void
subscribe_exactly(struct source *source, weir_topic topic, const char *pattern)
{
	struct outcome outcome = { .first = source->number, .last = UINT64_MAX,
	                           .publisher = source->id };
	struct guest settings = { .outcome = &outcome };
	uint64_t count = chance_below(&source->chance, 40);
	weir_subscription subscription = subscribe(pattern, settings, 0);
	bool flush = chance_one_in(&source->chance, 3);

	for (uint64_t i = 0; i < count; i++)
		source_publish_surely(source, topic);
	if (flush) {
		CHECK_OK(weir_bus_flush(stress.bus, WEIR_FOREVER));
		CHECK(get(&outcome.calls) == count || may_miss(), "%llu calls of %llu",
		      (ull)outcome.calls, (ull)count);
	} else {
		wait_until_running(&outcome, count);
	}
	if (chance_one_in(&source->chance, 2)) {
		CHECK_OK(weir_unsubscribe(stress.bus, subscription));
		set(&outcome.last, source->number);
		for (int i = 0; i < 5; i++)
			source_publish_surely(source, topic);
	}
	wait_until_gone(subscription, &outcome);
	CHECK(outcome.calls <= count && (!flush || outcome.calls == count || may_miss()),
	      "%llu calls of %llu", (ull)outcome.calls, (ull)count);
}

static void *
run_exact(void *argument)
{
	weir_producer *producer;
	weir_status status;
	struct source *source;
	weir_topic topic;

	(void)argument;
	CHECK_OK(weir_topic_open(stress.bus, "private.to.guests", &topic));
	/* Lanes of those that came and went are free again once every pool is through with them. */
	while ((status = weir_producer_open(stress.bus, NULL, &producer)) == WEIR_ELIMIT)
		sleep_ns(MILLISECOND);
	CHECK_OK(status);
	source = source_begin(producer);
	while (stress_go_on())
		subscribe_exactly(source, topic,
		                  chance_one_in(&source->chance, 4) ? "private.to.*"
		                                                    : "private.to.guests");
	/* Alone now: sooner or later one is running when it has to end. */
	while (!get(&stress.waited))
		subscribe_exactly(source, topic, "private.to.guests");
	source_check(source);
	weir_producer_close(producer);
	source_end(source);
	return NULL;
}

/* -- wildly ----------------------------------------------------------------- */

struct wild { weir_subscription subscription; bool there, leaves; };

static void
come(struct wild *wild, struct chance *chance)
{
	static const char *const pattern[] = { ">", "work.>", "*.a.onward", "work.a.*", "made.>",
	                                       "private.>", "onward.*.create", "work.b.update" };
	struct guest settings = { .fails_every = chance_below(chance, 4) };

	wild->leaves = chance_one_in(chance, 3);
	settings.leaves_after = wild->leaves ? 1 + chance_below(chance, 10) : 0;
	wild->subscription = subscribe(pattern[chance_below(chance, 8)], settings,
	                               (int32_t)chance_below(chance, 5) - 2);
	wild->there = true;
}

static void
go(struct wild *wild, struct chance *chance)
{
	weir_status status = weir_unsubscribe(stress.bus, wild->subscription);
	uint64_t timeout = chance_one_in(chance, 4) ? 0 : WEIR_FOREVER;

	CHECK(status == WEIR_OK || (wild->leaves && status == WEIR_ENOENT), "%s",
	      weir_status_text(status));
	wild->there = false;
	if (chance_one_in(chance, 2))
		return;
	status = weir_unsubscribe_wait(stress.bus, wild->subscription, timeout);
	CHECK(status == WEIR_OK || status == WEIR_ENOENT || (!timeout && status == WEIR_ETIMEDOUT),
	      "%s", weir_status_text(status));
	if (status != WEIR_ETIMEDOUT)
		check_stale(wild->subscription);
}

static void
pause_or_resume(struct wild *wild, struct chance *chance)
{
	weir_status status = weir_subscription_pause(stress.bus, wild->subscription,
	                                             chance_below(chance, 2) != 0);

	CHECK(status == WEIR_OK || (wild->leaves && status == WEIR_ENOENT), "%s",
	      weir_status_text(status));
}

static void *
run_wild(void *argument)
{
	struct wild wild[WILD_COUNT] = { 0 };
	struct chance chance = chance_begin(1ull << 32);

	(void)argument;
	while (!get(&stress.stop)) {
		struct wild *one = &wild[chance_below(&chance, WILD_COUNT)];

		if (!one->there)
			come(one, &chance);
		else if (chance_one_in(&chance, 3))
			pause_or_resume(one, &chance);
		else
			go(one, &chance);
		if (chance_one_in(&chance, 4))
			sleep_ns(chance_below(&chance, 200) * MICROSECOND);
	}
	/* Those that are still there end with the bus. */
	return NULL;
}

/* -- producers and topics --------------------------------------------------- */

static weir_topic
some_topic(struct source *source)
{
	char name[32];
	weir_topic topic, again = { 0 };
	uint64_t number = chance_below(&source->chance, TOPICS_MADE_MAX);

	snprintf(name, sizeof name, "made.%llu.x", (ull)number);
	CHECK_OK(weir_topic_open(stress.bus, name, &topic));
	CHECK_OK(weir_topic_find(stress.bus, name, &again));
	CHECK(again.id == topic.id && strcmp(weir_topic_name(stress.bus, topic), name) == 0, "%s",
	      name);
	return topic;
}

/* Publishes for a while with a producer that is new to it; the producer's books must be ours. */
static void
visit_with(weir_producer *producer, bool leave_open)
{
	struct source *source = source_begin(producer);
	weir_topic topic = some_topic(source);

	for (uint32_t count = chance_below(&source->chance, 60); count; count--)
		source_publish(source, topic);
	source_check(source);
	if (leave_open)
		source_leave_open(source, topic);
	source_end(source);
}

/* A thread that uses its own producer and just ends. */
static void *
run_short(void *leave_open)
{
	weir_producer *producer, *again;
	weir_status status = weir_thread_get_producer(stress.bus, &producer);

	if (status == WEIR_ELIMIT)
		return NULL;
	CHECK_OK(status);
	CHECK_OK(weir_thread_get_producer(stress.bus, &again));
	CHECK(producer == again, "another producer for the same thread");
	visit_with(producer, leave_open != NULL);
	return NULL;
}

static void
come_and_go(struct chance *chance)
{
	static const uint32_t ring_size[] = { 0, 4096, 16384, 65536 };
	weir_producer_options options = WEIR_PRODUCER_OPTIONS_INIT;
	weir_producer *producer;
	weir_status status;

	options.ring_size = ring_size[chance_below(chance, 4)];
	status = weir_producer_open(stress.bus, &options, &producer);
	if (status == WEIR_ELIMIT)      /* until what closed producers left is delivered */
		return;
	CHECK_OK(status);
	visit_with(producer, chance_one_in(chance, 2));
	weir_producer_close(producer);
}

static void *
run_comers(void *argument)
{
	struct chance chance = chance_begin(2ull << 32);
	pthread_t thread;

	(void)argument;
	while (stress_go_on()) {
		if (get(&stress.sources) > COMERS_MAX) {
			sleep_ns(MILLISECOND);
		} else if (chance_one_in(&chance, 4)) {
			CHECK(pthread_create(&thread, NULL, run_short,
			                     chance_one_in(&chance, 2) ? &stress : NULL) == 0,
			      "no thread");
			pthread_join(thread, NULL);
		} else {
			come_and_go(&chance);
		}
		if (chance_one_in(&chance, 8))
			sleep_ns(chance_below(&chance, 500) * MICROSECOND);
	}
	return NULL;
}

/* -- all -------------------------------------------------------------------- */

/* -- pools ------------------------------------------------------------------ */

/* A pool that came meanwhile, with a subscription to everything. */
struct visitor {
	weir_pool *pool;
	struct audit audit;
	bool holds;                     /* counted in stress.holders */
};

/* Its pool misses no event, and is never ahead of the one in front. */
static int
stop_by(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct visitor *visitor = context;

	audit_event(&visitor->audit, event, delivery);
	if (visitor->audit.front == &handlers_audit)
		add(&stress.behind, 1);
	return 0;
}

static int
stop_by_own(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct visitor *visitor = context;

	audit_own_event(&visitor->audit, event, delivery);
	return 0;
}

/* A pool that comes or goes may be in a producer's way for a moment, even one that skips. */
static void
hold(struct visitor *visitor)
{
	if (visitor->holds)
		return;
	add(&stress.holders, 1);
	add(&stress.holders_come, 1);
	visitor->holds = true;
}

static void
let(struct visitor *visitor)
{
	add(&stress.holders, -1);
	visitor->holds = false;
}

/* before: a pool that it is to be behind, if that one allows it. */
static void
open_visitor(struct visitor *visitor, weir_pool *before, const struct audit *front,
             struct chance *chance)
{
	static const weir_wait waits[] = { WEIR_WAIT_ADAPTIVE, WEIR_WAIT_YIELD, WEIR_WAIT_POLL,
	                                   WEIR_WAIT_PARK };
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_subscription_options wanted = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	enum mode mode = (enum mode)chance_below(chance, 3);
	weir_subscription subscription;

	options.wait = waits[chance_below(chance, 4)];
	options.order = mode == MODE_KEY ? WEIR_ORDER_KEY : WEIR_ORDER_PRODUCER;
	options.behind = mode == MODE_SKIP ? WEIR_BEHIND_SKIP : WEIR_BEHIND_HOLD;
	options.sample_ns = chance_one_in(chance, 2) ? 1 : 0;
	options.dispatcher_count = 1 + (uint32_t)chance_below(chance, 3);
	options.batch_count_max = chance_one_in(chance, 2) ? 0 : 1 + (uint32_t)chance_below(chance, 8);
	options.after = &before;
	options.after_count = before && front->mode != MODE_SKIP;
	audit_begin(&visitor->audit, mode, AUDIT_SOURCES, options.after_count ? front : NULL);
	hold(visitor);
	CHECK_OK(weir_pool_open(stress.bus, &options, &visitor->pool));
	if (mode == MODE_SKIP)
		let(visitor);
	wanted.pool = visitor->pool;
	/* In this order, so that who gets events gets what else takes numbers of theirs. */
	CHECK_OK(weir_subscribe(stress.bus, "weir.>", stop_by_own, visitor, &wanted, &subscription));
	CHECK_OK(weir_subscribe(stress.bus, ">", stop_by, visitor, &wanted, &subscription));
}

static void
close_visitor(struct visitor *visitor)
{
	hold(visitor);
	CHECK_OK(weir_pool_close(visitor->pool, WEIR_FOREVER, NULL));
	let(visitor);
	add(&stress.pools, 1);
}

static void *
run_pools(void *argument)
{
	static struct visitor first, second;
	weir_pool *own = weir_bus_default_pool(stress.bus);
	struct chance chance = chance_begin(1ull << 33);

	(void)argument;
	while (!get(&stress.stop)) {
		bool two = chance_one_in(&chance, 2);

		open_visitor(&first, chance_one_in(&chance, 2) ? own : NULL, &handlers_audit, &chance);
		if (two)
			open_visitor(&second, first.pool, &first.audit, &chance);
		sleep_ns(chance_below(&chance, 5000) * MICROSECOND);
		if (chance_one_in(&chance, 3))
			CHECK_OK(weir_pool_flush(two ? second.pool : first.pool, WEIR_FOREVER));
		if (two)
			close_visitor(&second);
		close_visitor(&first);
		sleep_ns(chance_below(&chance, 5000) * MICROSECOND);
	}
	return NULL;
}

void
churn_begin(pthread_t thread[CHURN_THREADS])
{
	void *(*const run[CHURN_THREADS])(void *) = { run_exact, run_wild, run_comers,
	                                               run_pools };

	stress.publishers += 2;         /* run_exact, run_comers */
	for (int i = 0; i < CHURN_THREADS; i++)
		CHECK(pthread_create(&thread[i], NULL, run[i], NULL) == 0, "no thread");
}
