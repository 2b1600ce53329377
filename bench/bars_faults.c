/* SPDX-License-Identifier: MIT */
/* bars_faults.c - rows about handlers that fail or do not return, for those beside them. */
#include <semaphore.h>
#include <stdio.h>

#include "bars.h"
#include "checked.h"
#include "load.h"
#include "yardstick.h"

enum { SIZE = 48, WARM = 10000 };
#define SECOND 1000000000ull
#define PATIENCE (10 * SECOND)

static int
succeed(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event;
	(void)delivery;
	(void)context;
	return 0;
}

static int
fail(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event;
	(void)delivery;
	(void)context;
	return 1;
}

/* `count` more subscriptions to what the rig's handler gets. */
static bool
add_handlers(struct rig *rig, uint32_t count, weir_handler_fn handler,
             const weir_subscription_options *options, weir_subscription *ret_last)
{
	while (count--)
		if (rig_failed(weir_subscribe(rig->bus, "bench.*.update", handler, NULL, options,
		                              ret_last),
		               "weir_subscribe"))
			return false;
	return true;
}

/* -- a handler that always fails -------------------------------------------- */

/* Millions of events a second through the rig's own handler; below 0 on failure. */
static double
rate_beside(weir_handler_fn handler, uint64_t events)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;
	struct rig *rig = rig_open(NULL);
	weir_subscription second;
	double seconds = -1;

	if (!rig)
		return -1;
	if (add_handlers(rig, 1, handler, NULL, &second) &&
	    load_timed(rig, LOAD_COPY, SIZE, WARM) > 0)
		seconds = load_timed(rig, LOAD_COPY, SIZE, events);
	if (rig_failed(weir_bus_flush(rig->bus, PATIENCE), "weir_bus_flush") ||
	    rig_failed(weir_subscription_get_counts(rig->bus, second, &counts), "the counts") ||
	    (handler == fail ? counts.failed : counts.ok) != WARM + events)
		seconds = -1;
	return rig_close(rig) && seconds > 0 ? (double)events / seconds / 1e6 : -1;
}

static double
beside_success(uint64_t events)
{
	return rate_beside(succeed, events);
}

static double
beside_failure(uint64_t events)
{
	return rate_beside(fail, events);
}

static bool
failing(struct bar_run *run, const struct bar *bar)
{
	(void)bar;
	return bar_between(run, beside_success, beside_failure);
}

/* -- handlers in quarantine ------------------------------------------------- */

/* One event puts them there, for an hour. */
static bool
quarantine(struct rig *rig, uint32_t count)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription last;

	options.quarantine_failure_count = 1;
	options.quarantine_ns = 3600 * SECOND;
	return add_handlers(rig, count, fail, &options, &last) &&
	       load_run(rig, LOAD_COPY, SIZE, 1) &&
	       !rig_failed(weir_bus_flush(rig->bus, PATIENCE), "weir_bus_flush");
}

static double
ns_beside_quarantined(uint32_t count, uint64_t events)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;
	struct rig *rig = rig_open(NULL);
	double seconds = -1;

	if (!rig)
		return -1;
	if (quarantine(rig, count) && load_timed(rig, LOAD_COPY, SIZE, WARM) > 0)
		seconds = load_timed(rig, LOAD_COPY, SIZE, events);
	if (rig_failed(weir_bus_flush(rig->bus, PATIENCE), "weir_bus_flush") ||
	    rig_failed(weir_bus_get_counts(rig->bus, NULL, NULL, NULL, &counts), "the counts") ||
	    counts.failed != count || counts.skipped_quarantine != count * (WARM + events))
		seconds = -1;
	return rig_close(rig) && seconds > 0 ? seconds * 1e9 / (double)events : -1;
}

/*
 * All of an event's time, for each of them: without them the producer may be what takes longest,
 * and the difference would be too small.
 */
static bool
quarantined(struct bar_run *run, const struct bar *bar)
{
	struct bar_round round = { 0 };

	do {
		round.line_before = checked_ns(yardstick_line_ns());
		round.raw[0] = ns_beside_quarantined(bar->parameter,
		                                     yardstick_events(round.line_before) / 8);
		round.line_after = checked_ns(yardstick_line_ns());
		if (round.raw[0] <= 0)
			return false;
		round.value = round.raw[0] / bar->parameter;
	} while (bar_round(run, &round));
	return true;
}

/* -- unsubscribing beside a handler that does not return -------------------- */

enum { ENDINGS = 300, EVENTS = 20 };        /* what a stuck dispatcher leaves must fit the ring */

struct stuck {
	sem_t entered, gate;
	bool free;              /* another dispatcher is */
	uint64_t others;        /* events that the handlers which leave have got */
};

static int
be_stuck(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct stuck *stuck = context;

	(void)event;
	(void)delivery;
	sem_post(&stuck->entered);
	while (sem_wait(&stuck->gate))
		;
	return 0;
}

static int
count_other(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct stuck *stuck = context;

	(void)event;
	(void)delivery;
	__atomic_fetch_add(&stuck->others, 1, __ATOMIC_RELAXED);
	return 0;
}

static bool
begin_stuck(struct rig *rig, struct stuck *stuck, weir_topic *ret_other)
{
	weir_subscription id;
	weir_topic topic;

	sem_init(&stuck->entered, 0, 0);
	sem_init(&stuck->gate, 0, 0);
	if (rig_failed(weir_topic_open(rig->bus, "stuck.on.this", &topic), "weir_topic_open") ||
	    rig_failed(weir_topic_open(rig->bus, "other.on.this", ret_other), "weir_topic_open") ||
	    rig_failed(weir_subscribe(rig->bus, "stuck.on.this", be_stuck, stuck, NULL, &id),
	               "weir_subscribe") ||
	    rig_failed(weir_publish(rig->producer, topic, "", 0), "weir_publish"))
		return false;
	while (sem_wait(&stuck->entered))
		;
	return true;
}

static bool
publish_to_others(weir_producer *producer, weir_topic topic)
{
	for (int i = 0; i < EVENTS; i++)
		if (rig_failed(weir_publish(producer, topic, "", 0), "weir_publish"))
			return false;
	return true;
}

static bool
wait_for_others(const struct stuck *stuck, uint64_t count)
{
	uint64_t end = machine_ns() + PATIENCE;

	while (__atomic_load_n(&stuck->others, __ATOMIC_RELAXED) < count && machine_ns() < end)
		machine_sleep_ns(10000);
	return machine_ns() < end;
}

/*
 * One handler comes, is called if there is a dispatcher for it, and leaves while more events come.
 * Milliseconds that leaving took; below 0 on failure.
 */
static double
leave_ms(struct rig *rig, struct stuck *stuck, weir_producer *producer, weir_topic topic)
{
	uint64_t before = __atomic_load_n(&stuck->others, __ATOMIC_RELAXED), begun;
	weir_subscription other;

	if (rig_failed(weir_subscribe(rig->bus, "other.on.this", count_other, stuck, NULL, &other),
	               "weir_subscribe") ||
	    !publish_to_others(producer, topic) ||
	    (stuck->free && !wait_for_others(stuck, before + EVENTS)) ||
	    !publish_to_others(producer, topic))
		return -1;
	begun = machine_ns();
	if (rig_failed(weir_unsubscribe_wait(rig->bus, other, PATIENCE), "weir_unsubscribe_wait"))
		return -1;
	return (double)(machine_ns() - begun) / 1e6;
}

/* The longest of `count`; below 0 on failure. */
static double
longest_ms(struct rig *rig, struct stuck *stuck, uint32_t count)
{
	weir_producer *producer;
	double longest = -1;
	weir_topic other;

	if (rig_failed(weir_producer_open(rig->bus, NULL, &producer), "weir_producer_open"))
		return -1;
	if (begin_stuck(rig, stuck, &other))
		while (count--) {
			double ms = leave_ms(rig, stuck, producer, other);

			if (ms < 0) {
				longest = -1;
				break;
			}
			longest = ms > longest ? ms : longest;
		}
	sem_post(&stuck->gate);
	weir_producer_close(producer);
	return longest;
}

static bool
unsubscribe(struct bar_run *run, const struct bar *bar)
{
	const uint32_t count = bar_quick(run) ? ENDINGS / 5 : ENDINGS;
	struct rig_options options = { .wait = WEIR_WAIT_PARK, .unpinned = true,
		                       .dispatcher_count = bar->parameter };
	struct stuck stuck = { .free = bar->parameter > 1 };
	struct rig *rig = rig_open(&options);
	struct bar_round round = { 0 };

	if (!rig)
		return false;
	round.value = longest_ms(rig, &stuck, count);
	round.raw[0] = (double)stuck.others;
	if (!rig_close(rig) || round.value < 0)
		return false;
	bar_round(run, &round);
	return true;
}

const struct bar bars_faults[] = {
	{ .name = "failing", .what = "throughput beside a handler that always fails",
	  .unit = "x beside one that works", .limit = 0.9, .at_least = true, .run = failing,
	  .raw = { "M/s_before", "M/s_beside_failing", "M/s_after", NULL } },
	{ .name = "quarantined", .what = "an event, for each of 64 quarantined handlers",
	  .unit = "ns", .limit = 2, .run = quarantined, .parameter = 64,
	  .raw = { "event_ns", NULL, NULL, NULL } },
	{ .name = "unsubscribe-1", .what = "unsubscribe_wait beside a stuck one, 1 dispatcher",
	  .unit = "ms, the longest", .limit = 10, .once = true, .run = unsubscribe,
	  .parameter = 1,
	  .raw = { "events_delivered", NULL, NULL, NULL } },
	{ .name = "unsubscribe-2", .what = "unsubscribe_wait beside a stuck one, 2 dispatchers",
	  .unit = "ms, the longest", .limit = 10, .once = true, .run = unsubscribe,
	  .parameter = 2,
	  .raw = { "events_delivered", NULL, NULL, NULL } },
	{ 0 },
};
