/* SPDX-License-Identifier: MIT */
/* bars_cycles.c - a row about what is left of a bus: open, publish, close, many times over. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#include "bars.h"
#include "checked.h"
#include "rig.h"

enum { CYCLES = 100000, CYCLES_QUICK = 2000, WARM = 200 };
#define SECOND 1000000000ull
#define PATIENCE (10 * SECOND)

/* -- what the process has --------------------------------------------------- */

struct possessions {
	int64_t threads, mappings, descriptors;
};

static int64_t
count_entries(const char *path)
{
	DIR *directory = opendir(path);
	int64_t count = 0;

	if (!directory)
		return -1;
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static int64_t
count_lines(const char *path)
{
	FILE *file = fopen(path, "r");
	int64_t count = 0;
	int c;

	if (!file)
		return -1;
	while ((c = getc(file)) != EOF)
		count += c == '\n';
	fclose(file);
	return count;
}

static struct possessions
look(void)
{
	return (struct possessions){
		.threads = count_entries("/proc/self/task"),
		.mappings = count_lines("/proc/self/maps"),
		.descriptors = count_entries("/proc/self/fd"),
	};
}

/* -- the cycles ------------------------------------------------------------- */

struct cycles {
	uint64_t published, handled, released;
	uint64_t delivered;             /* says close: what was left for it to wait for */
	uint64_t count;
};

static int
count_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event;
	(void)delivery;
	++((struct cycles *)context)->handled;
	return 0;
}

static void
count_release(void *context)
{
	++((struct cycles *)context)->released;
}

/* A thread's own producer, one closed before the bus, one after it. */
static weir_status
open_producer(weir_bus *bus, uint64_t cycle, weir_producer **ret_producer)
{
	return cycle % 3 ? weir_producer_open(bus, NULL, ret_producer)
	                 : weir_thread_get_producer(bus, ret_producer);
}

static bool
publish_some(struct cycles *cycles, weir_bus *bus, weir_producer *producer)
{
	weir_topic topic;

	if (rig_failed(weir_topic_open(bus, "bench.cycle.update", &topic), "weir_topic_open"))
		return false;
	for (uint64_t i = 0; i < cycles->count % 4; i++) {
		if (rig_failed(weir_publish(producer, topic, &i, sizeof i), "weir_publish"))
			return false;
		cycles->published++;
	}
	return true;
}

static bool
cycle(struct cycles *cycles)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_subscription subscription;
	weir_producer *producer;
	weir_bus *bus;

	options.released = count_release;
	if (rig_failed(weir_bus_open(NULL, NULL, &bus), "weir_bus_open") ||
	    rig_failed(weir_subscribe(bus, "bench.>", count_event, cycles, &options, &subscription),
	               "weir_subscribe") ||
	    rig_failed(open_producer(bus, cycles->count, &producer), "a producer") ||
	    !publish_some(cycles, bus, producer))
		return false;
	if (cycles->count % 3 == 1)
		weir_producer_close(producer);
	if (rig_failed(weir_bus_close(bus, PATIENCE, &report), "weir_bus_close"))
		return false;
	if (cycles->count % 3 == 2)
		weir_producer_close(producer);
	cycles->delivered += report.delivered;
	cycles->count++;
	return !report.undelivered && cycles->handled == cycles->published &&
	       cycles->released == cycles->count && cycles->delivered <= cycles->published;
}

static bool
run_cycles(struct cycles *cycles, uint64_t count)
{
	while (count--) {
		if (cycle(cycles))
			continue;
		fprintf(stderr, "cycle %" PRIu64 ": published %" PRIu64 ", handled %" PRIu64
		        ", released %" PRIu64 "\n", cycles->count, cycles->published,
		        cycles->handled, cycles->released);
		return false;
	}
	return true;
}

/* Threads that were joined leave /proc a little later. */
static void
wait_for_threads(int64_t count)
{
	uint64_t end = machine_ns() + SECOND;

	while (count_entries("/proc/self/task") > count && machine_ns() < end)
		machine_sleep_ns(1000000);
}

static double
grown(int64_t before, int64_t after)
{
	return after > before ? (double)(after - before) : 0;
}

static bool
nothing_left(struct bar_run *run, const struct bar *bar)
{
	const uint64_t count = bar_quick(run) ? CYCLES_QUICK : CYCLES;
	struct possessions before, after;
	struct cycles cycles = { 0 };
	struct bar_round round = { 0 };
	uint64_t begun;

	(void)bar;
	checked_unpin();
	if (!run_cycles(&cycles, WARM))
		return false;
	wait_for_threads(1);
	before = look();
	begun = machine_ns();
	if (!run_cycles(&cycles, count))
		return false;
	round.raw[3] = (double)(machine_ns() - begun) / 1e3 / (double)count;
	wait_for_threads(before.threads);
	after = look();
	round.raw[0] = grown(before.threads, after.threads);
	round.raw[1] = grown(before.mappings, after.mappings);
	round.raw[2] = grown(before.descriptors, after.descriptors);
	round.value = round.raw[0] + round.raw[1] + round.raw[2];
	bar_note(run, "%" PRIu64 " cycles, %.0f us each; %" PRIu64 " events, %" PRIu64
	         " of them waited for by close; %" PRId64 " maps", count, round.raw[3],
	         cycles.handled, cycles.delivered, after.mappings);
	bar_round(run, &round);
	return true;
}

const struct bar bars_cycles[] = {
	{ .name = "cycles", .what = "threads, maps, fds left of 100,000 open to close",
	  .unit = "more than before", .limit = 0, .once = true, .run = nothing_left,
	  .raw = { "threads", "mappings", "descriptors", "us_each" } },
	{ 0 },
};
