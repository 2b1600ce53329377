/* SPDX-License-Identifier: MIT */
/* bars_speed.c - rows that compare the time for an event with the yardstick's of the same round. */
#include <pthread.h>
#include <stdlib.h>

#include "bars.h"
#include "checked.h"
#include "load.h"
#include "yardstick.h"

enum { SIZE = 48, WARM = 10000 };

static bool
against_yardstick(struct bar_run *run, const struct bar *bar)
{
	enum load_way way = (enum load_way)bar->parameter;
	uint32_t per_commit = way == LOAD_BATCH_16                             ? 16
	                      : way == LOAD_BATCH_256 || way == LOAD_MANY_256 ? 256
	                                                                      : 1;
	struct bar_round round;

	do {
		uint64_t events;

		round.line_before = checked_ns(yardstick_line_ns());
		events = yardstick_events(round.line_before);
		round.raw[0] = checked_ns(yardstick_event_ns(SIZE, per_commit, events));
		round.raw[1] = load_event_ns(NULL, way, events);
		round.raw[2] = checked_ns(yardstick_event_ns(SIZE, per_commit, events));
		round.raw[3] = 0;
		round.line_after = checked_ns(yardstick_line_ns());
		if (round.raw[1] <= 0)
			return false;
		round.value = round.raw[1] / ((round.raw[0] + round.raw[2]) / 2);
	} while (bar_round(run, &round));
	return true;
}

/* -- what sampling costs ---------------------------------------------------- */

/* All of it on one processor: one thread publishes and polls, so no line comes from elsewhere. */
static double
rate_polled(int handlers, uint64_t sample_ns, uint64_t events)
{
	enum { BURST = 256 };
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT;
	uint64_t payload[SIZE / sizeof(uint64_t)] = { 0 }, sum = 0, done = 0, began;
	weir_subscription subscription;
	weir_producer *producer;
	weir_topic topic;
	weir_bus *bus;

	options.stats_dir = "";
	pool_options.dispatcher_count = WEIR_MANUAL;
	pool_options.sample_ns = sample_ns;
	if (rig_failed(weir_bus_open(&options, &pool_options, &bus), "weir_bus_open") ||
	    rig_failed(weir_topic_open(bus, "bench.before.update", &topic), "weir_topic_open") ||
	    rig_failed(weir_producer_open(bus, NULL, &producer), "weir_producer_open"))
		return -1;
	while (handlers--)
		if (rig_failed(weir_subscribe(bus, ">", rig_sum, &sum, NULL, &subscription), "weir_subscribe"))
			return -1;
	began = machine_ns();
	for (; done < events; done += BURST) {
		for (int i = 0; i < BURST; i++)
			weir_publish(producer, topic, payload, SIZE);
		while (weir_pool_poll(weir_bus_default_pool(bus), BURST))
			;
	}
	began = machine_ns() - began;
	weir_producer_close(producer);
	return rig_failed(weir_bus_close(bus, 0, NULL), "weir_bus_close") ? -1 : (double)done * 1e3 / (double)began;
}

static double
rate_1_without(uint64_t events)
{
	return rate_polled(1, WEIR_FOREVER, events);
}

static double
rate_1(uint64_t events)
{
	return rate_polled(1, 0, events);
}

static double
rate_8_without(uint64_t events)
{
	return rate_polled(8, WEIR_FOREVER, events);
}

static double
rate_8(uint64_t events)
{
	return rate_polled(8, 0, events);
}

static bool
sampling(struct bar_run *run, const struct bar *bar)
{
	return bar->parameter == 1 ? bar_between(run, rate_1_without, rate_1)
	                           : bar_between(run, rate_8_without, rate_8);
}

/* -- several producers on one processor ------------------------------------- */

enum { PRODUCERS_MAX = 64 };

struct crowd {
	struct rig *rig;
	pthread_barrier_t barrier;
	uint64_t each, begun;
};

/* What one producer writes: events numbered from 0. */
static void *
produce(void *argument)
{
	struct crowd *crowd = argument;
	weir_producer *producer;
	bool ok = !rig_failed(weir_producer_open(crowd->rig->bus, NULL, &producer),
	                      "weir_producer_open");

	checked_pin(machine_producer_cpu());
	if (pthread_barrier_wait(&crowd->barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
		crowd->begun = machine_ns();
	if (!ok)
		return NULL;
	ok = load_shared(producer, crowd->rig, crowd->each);
	weir_producer_close(producer);
	return ok ? crowd : NULL;
}

static double
crowd_run(struct crowd *crowd, uint32_t producers)
{
	pthread_t threads[PRODUCERS_MAX];
	bool ok = true;
	void *done;

	pthread_barrier_init(&crowd->barrier, NULL, producers);
	for (uint32_t i = 0; i < producers; i++) {
		rig_expect(crowd->rig, crowd->each);
		if (pthread_create(&threads[i], NULL, produce, crowd))
			abort();        /* the others wait at the barrier for ever */
	}
	for (uint32_t i = 0; i < producers; i++) {
		pthread_join(threads[i], &done);
		ok = ok && done;
	}
	ok = ok && rig_settle(crowd->rig);
	pthread_barrier_destroy(&crowd->barrier);
	return ok ? (double)(machine_ns() - crowd->begun) : -1;
}

/* Millions of events a second. */
static double
rate(uint32_t producers, uint64_t events)
{
	struct crowd crowd = { .rig = rig_open(NULL), .each = events / producers };
	double ns;

	if (!crowd.rig)
		return -1;
	ns = load_timed(crowd.rig, LOAD_COPY, SIZE, WARM);
	if (ns > 0)
		ns = crowd_run(&crowd, producers);
	return rig_close(crowd.rig) && ns > 0 ? (double)(crowd.each * producers) * 1e3 / ns : -1;
}

/* parameter: how many, compared with how many (in the upper half). */
static bool
many_producers(struct bar_run *run, const struct bar *bar)
{
	uint32_t many = bar->parameter & 0xffff, few = bar->parameter >> 16;
	struct bar_round round;

	do {
		uint64_t events;

		round.line_before = checked_ns(yardstick_line_ns());
		/* Each has a processor for some milliseconds, several times. */
		events = (many > 3 ? 20 : 2) * yardstick_events(round.line_before);
		round.raw[0] = rate(few, events);
		round.raw[1] = rate(many, events);
		round.raw[2] = rate(few, events);
		round.raw[3] = 0;
		round.line_after = checked_ns(yardstick_line_ns());
		if (round.raw[0] <= 0 || round.raw[1] <= 0 || round.raw[2] <= 0)
			return false;
		round.value = round.raw[1] / ((round.raw[0] + round.raw[2]) / 2);
	} while (bar_round(run, &round));
	return true;
}

#define AGAINST { "yardstick_ns_before", "weir_ns", "yardstick_ns_after", NULL }

const struct bar bars_speed[] = {
	{ .name = "in-place", .what = "in place, one event a commit", .unit = "x yardstick",
	  .limit = 1.5, .raw = AGAINST, .run = against_yardstick, .parameter = LOAD_IN_PLACE },
	{ .name = "copy", .what = "weir_publish copying", .unit = "x yardstick",
	  .limit = 2.2, .raw = AGAINST, .run = against_yardstick, .parameter = LOAD_COPY },
	{ .name = "batch-16", .what = "in place, 16 events a commit", .unit = "x yardstick",
	  .limit = 1.7, .raw = AGAINST, .run = against_yardstick, .parameter = LOAD_BATCH_16 },
	{ .name = "batch-256", .what = "in place, 256 events a commit", .unit = "x yardstick",
	  .limit = 1.7, .raw = AGAINST, .run = against_yardstick, .parameter = LOAD_BATCH_256 },
	{ .name = "many-256", .what = "weir_publish_many of 256 events", .unit = "x yardstick",
	  .limit = 1, .raw = AGAINST, .run = against_yardstick, .parameter = LOAD_MANY_256 },
	{ .name = "sampling-1", .what = "sampled times, one handler, from the own cache",
	  .unit = "x without them", .limit = 0.98, .at_least = true, .run = sampling, .parameter = 1,
	  .raw = { "M/s_without", "M/s_with", "M/s_without", NULL } },
	{ .name = "sampling-8", .what = "sampled times, eight handlers, from the own cache",
	  .unit = "x without them", .limit = 0.98, .at_least = true, .run = sampling, .parameter = 8,
	  .raw = { "M/s_without", "M/s_with", "M/s_without", NULL } },
	{ .name = "producers-3", .what = "3 producers on one processor", .unit = "x 1 producer",
	  .limit = 0.8, .at_least = true, .run = many_producers, .parameter = 1u << 16 | 3,
	  .raw = { "1_producer_M/s_before", "3_producers_M/s", "1_producer_M/s_after", NULL } },
	{ .name = "producers-64", .what = "64 producers on one processor", .unit = "x 2 producers",
	  .limit = 0.75, .at_least = true, .run = many_producers, .parameter = 2u << 16 | PRODUCERS_MAX,
	  .raw = { "2_producers_M/s_before", "64_producers_M/s", "2_producers_M/s_after", NULL } },
	{ 0 },
};
