/* SPDX-License-Identifier: MIT */
/*
 * fault_stuck.c - the bus closes with a deadline while a handler does not return.
 *
 * Close says WEIR_ETIMEDOUT, and how many events were finished and how many were not; the two add
 * up to what was committed. The handler returns later, into memory that must still be there, and
 * is not called again; `released` never comes; producers are orphans. What the handler uses is
 * leaked on purpose, so leaks are not looked for here.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

const char *__tsan_default_options(void);
const char *
__tsan_default_options(void)
{
	return "report_thread_leaks=0";
}

enum { STUCK_AT = 5, EVENTS = 20, LEFT = 2 * EVENTS - 2 * (STUCK_AT - 1) };

struct shared {
	weir_bus *bus;
	weir_topic stuck, plain;
	uint64_t finished, calls, inside, let_go, released, leaks_told, batch_ends;
};

/* Leaked with the bus: a handler that returns late writes here. */
static struct shared *
create_shared(void)
{
	static struct shared all[64];
	static int next;

	return &all[next++];
}

static void
hear(void *context, int level, const char *id, const char *text)
{
	struct shared *shared = context;

	(void)level, (void)text;
	if (strcmp(id, "WEIR-LEAK") == 0)
		add(&shared->leaks_told, 1);
}

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct shared *shared = context;
	uint64_t call = add(&shared->calls, 1) + 1;
	const uint64_t *number = weir_event_data(event);

	(void)delivery;
	if (*number == STUCK_AT) {
		set(&shared->inside, call);
		while (!get(&shared->let_go))
			sleep_ns(100 * MICROSECOND);
		set(&shared->inside, 0);
		return 0;
	}
	add(&shared->finished, 1);
	return 0;
}

static int
end_batch(const weir_delivery *delivery, void *context)
{
	(void)delivery;
	add(&((struct shared *)context)->batch_ends, 1);
	return 0;
}

static void
note_release(void *context)
{
	add(&((struct shared *)context)->released, 1);
}

static void
open_bus(struct shared *shared, uint32_t dispatchers, weir_wait wait, bool batched,
         weir_fence fence)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_subscription_options subscription = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription id;

	options.log = hear;
	options.log_context = shared;
	options.fence = fence;
	pool.dispatcher_count = dispatchers;
	pool.wait = wait;
	subscription.released = note_release;
	subscription.batch_end = batched ? end_batch : NULL;
	CHECK_OK(weir_bus_open(&options, &pool, &shared->bus));
	CHECK_OK(weir_topic_open(shared->bus, "stuck", &shared->stuck));
	CHECK_OK(weir_topic_open(shared->bus, "plain", &shared->plain));
	CHECK_OK(weir_subscribe(shared->bus, "stuck", handle, shared, &subscription, &id));
}

/* A bus with a handler that is stuck at event 5 of 20, and 20 events that nobody hears. */
static weir_producer *
get_stuck(struct shared *shared)
{
	weir_producer *producer;

	CHECK_OK(weir_producer_open(shared->bus, NULL, &producer));
	for (uint64_t number = 1; number <= EVENTS; number++) {
		CHECK_OK(weir_publish(producer, shared->stuck, &number, sizeof number));
		CHECK_OK(weir_publish(producer, shared->plain, &number, sizeof number));
	}
	wait_for(&shared->inside, 1, "the handler to get stuck");
	return producer;
}

static void
close_stuck(struct shared *shared, uint64_t timeout)
{
	weir_pool_counts before = WEIR_POOL_COUNTS_INIT;
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	uint64_t began = now_ns(), took;

	CHECK_OK(weir_pool_get_counts(weir_bus_default_pool(shared->bus), &before));
	CHECK_STATUS(WEIR_ETIMEDOUT, weir_bus_close(shared->bus, timeout, &report));
	took = now_ns() - began;
	CHECK(took >= timeout && took < timeout + SECOND, "close took %.1f ms", (double)took / 1e6);
	CHECK(before.seen + report.delivered + report.undelivered == 2 * EVENTS,
	      "seen %llu, delivered %llu, undelivered %llu", (ull)before.seen,
	      (ull)report.delivered, (ull)report.undelivered);
	/* The batch of the stuck one counts as a whole, with what was handled in it before. */
	CHECK(report.undelivered >= LEFT && report.undelivered <= 2 * EVENTS,
	      "undelivered %llu of %d, %d finished", (ull)report.undelivered, 2 * EVENTS,
	      2 * EVENTS - LEFT);
	CHECK(get(&shared->leaks_told) == 1, "leaks told %llu", (ull)shared->leaks_told);
}

static void
check_after(struct shared *shared, weir_producer *producer)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;

	CHECK_STATUS(WEIR_ECLOSED, weir_publish(producer, shared->plain, "x", 1));
	CHECK_OK(weir_producer_get_counts(producer, &counts));
	CHECK(counts.committed == 2 * EVENTS, "committed %llu", (ull)counts.committed);
}

static void
run(uint32_t dispatchers, weir_wait wait, bool batched, weir_fence fence, uint64_t timeout)
{
	struct shared *shared = create_shared();
	struct holdings before = holdings_take();
	weir_producer *producer;
	void *data;

	open_bus(shared, dispatchers, wait, batched, fence);
	producer = get_stuck(shared);
	CHECK_OK(weir_reserve(producer, shared->plain, NULL, 100, &data));
	close_stuck(shared, timeout);
	memset(data, 'x', 100);
	CHECK_STATUS(WEIR_ECLOSED, weir_commit(producer));
	check_after(shared, producer);
	CHECK(get(&shared->calls) == STUCK_AT, "calls %llu", (ull)shared->calls);
	weir_producer_close(producer);
	/* It returns after all: the thread ends, and nothing is called any more. */
	set(&shared->let_go, 1);
	for (uint64_t end = now_ns() + 5 * SECOND; holdings_take().threads != before.threads;) {
		CHECK(now_ns() < end, "the thread of the stuck handler does not end");
		sleep_ns(MILLISECOND);
	}
	CHECK(get(&shared->inside) == 0, "still inside");
	CHECK(get(&shared->calls) == STUCK_AT, "calls %llu after close", (ull)shared->calls);
	CHECK(get(&shared->released) == 0, "released although its handler was running");
}

int
main(void)
{
	static const weir_wait wait[] = { WEIR_WAIT_ADAPTIVE, WEIR_WAIT_PARK, WEIR_WAIT_SPIN };
	int rounds = 0;

	support_begin("fault_stuck");
	for (uint32_t dispatchers = 1; dispatchers <= 2; dispatchers++)
		for (int batched = 0; batched < 2; batched++)
			for (int fence = 0; fence < 2; fence++)
				for (int timed = 0; timed < 2; timed++, rounds++)
					run(dispatchers, wait[rounds % 3], batched != 0,
					    (weir_fence)fence, timed ? 30 * MILLISECOND : 0);
	printf("%d buses closed around a stuck handler\n", rounds);
	return 0;
}
