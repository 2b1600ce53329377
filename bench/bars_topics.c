/* SPDX-License-Identifier: MIT */
/* bars_topics.c - rows about a million topics: subscribing while events flow, and memory. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bars.h"
#include "checked.h"
#include "load.h"
#include "stats.h"

enum { TOPICS = 1000000, PAIRS = 201, NAME_SIZE = 32 };

/*
 * The subscribing thread has the first processor. The dispatcher and the thread
 * that publishes share the second: it yields when its ring is full, the dispatcher
 * parks when it is empty, so that dispatch goes on the whole time.
 */
struct traffic {
	struct rig *rig;
	pthread_t thread;
	uint32_t stop, rounds;
	bool ok;
};

static void *
publish(void *argument)
{
	struct traffic *traffic = argument;
	struct rig *rig = traffic->rig;

	checked_pin(machine_dispatcher_cpu());
	traffic->ok = true;
	while (traffic->ok && !__atomic_load_n(&traffic->stop, __ATOMIC_ACQUIRE)) {
		traffic->ok = load_shared(rig->producer, rig, 1000);
		__atomic_store_n(&traffic->rounds, traffic->rounds + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static bool
traffic_begin(struct traffic *traffic)
{
	struct rig_options options = { .topic_count = TOPICS, .wait = WEIR_WAIT_PARK };

	*traffic = (struct traffic){ .rig = rig_open(&options) };
	if (!traffic->rig)
		return false;
	if (pthread_create(&traffic->thread, NULL, publish, traffic))
		return rig_close(traffic->rig) && false;
	while (!__atomic_load_n(&traffic->rounds, __ATOMIC_ACQUIRE))
		machine_sleep_ns(100000);
	return true;
}

/* Events a second in millions while the rounds went on; below 0 if the books do not balance. */
static double
traffic_end(struct traffic *traffic, uint32_t rounds, uint64_t ns)
{
	rounds = __atomic_load_n(&traffic->rounds, __ATOMIC_ACQUIRE) - rounds;
	__atomic_store_n(&traffic->stop, 1, __ATOMIC_RELEASE);
	pthread_join(traffic->thread, NULL);
	for (uint32_t i = 0; i < traffic->rounds; i++)
		rig_expect(traffic->rig, 1000);
	if (!rig_settle(traffic->rig))
		traffic->ok = false;
	return rig_close(traffic->rig) && traffic->ok ? rounds * 1e6 / (double)ns : -1;
}

static int
ignore(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event;
	(void)delivery;
	(void)context;
	return 0;
}

/* Microseconds for each call; false after a message. */
static bool
pair_us(struct rig *rig, const char *pattern, double *ret_subscribe, double *ret_unsubscribe)
{
	weir_subscription subscription;
	uint64_t begun = machine_ns(), half;

	if (rig_failed(weir_subscribe(rig->bus, pattern, ignore, NULL, NULL, &subscription),
	               "weir_subscribe"))
		return false;
	half = machine_ns();
	if (rig_failed(weir_unsubscribe(rig->bus, subscription), "weir_unsubscribe"))
		return false;
	*ret_subscribe = (double)(half - begun) / 1e3;
	*ret_unsubscribe = (double)(machine_ns() - half) / 1e3;
	return true;
}

static bool
exact_round(struct rig *rig, struct bar_round *round)
{
	static double subscribe[PAIRS], unsubscribe[PAIRS], both[PAIRS];
	static uint32_t seed = 1;
	char name[NAME_SIZE];

	for (int i = 0; i < PAIRS; i++) {
		seed = seed * 1664525 + 1013904223;
		snprintf(name, sizeof name, "bench.t%02u.update", (seed >> 8) % TOPICS);
		if (!pair_us(rig, name, &subscribe[i], &unsubscribe[i]))
			return false;
		both[i] = subscribe[i] + unsubscribe[i];
	}
	stats_sort(subscribe, PAIRS);
	stats_sort(unsubscribe, PAIRS);
	stats_sort(both, PAIRS);
	*round = (struct bar_round){ .value = stats_quantile(both, PAIRS, 0.5) };
	round->raw[0] = stats_quantile(subscribe, PAIRS, 0.5);
	round->raw[1] = stats_quantile(unsubscribe, PAIRS, 0.5);
	round->raw[2] = stats_quantile(both, PAIRS, 0.99);
	return true;
}

static bool
all_round(struct rig *rig, struct bar_round *round)
{
	*round = (struct bar_round){ 0 };
	if (!pair_us(rig, ">", &round->raw[0], &round->raw[1]))
		return false;
	round->value = round->raw[0] / 1e3;
	return true;
}

static bool
with_traffic(struct bar_run *run, const struct bar *bar)
{
	struct traffic traffic;
	struct bar_round round;
	uint32_t rounds;
	uint64_t begun;
	double rate;
	bool ok;

	if (!traffic_begin(&traffic))
		return false;
	rounds = __atomic_load_n(&traffic.rounds, __ATOMIC_ACQUIRE);
	begun = machine_ns();
	do
		ok = bar->parameter ? all_round(traffic.rig, &round)
		                    : exact_round(traffic.rig, &round);
	while (ok && bar_round(run, &round));
	rate = traffic_end(&traffic, rounds, machine_ns() - begun);
	bar_note(run, "%.1f M events/s were dispatched meanwhile", rate);
	return ok && rate > 0;
}

/* -- memory ----------------------------------------------------------------- */

static double
resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long size, resident;
	int got = file ? fscanf(file, "%lu %lu", &size, &resident) : 0;

	if (file)
		fclose(file);
	return got == 2 ? (double)resident * (double)sysconf(_SC_PAGESIZE) : NAN;
}

/*
 * One subscription that reaches every topic is there before them, so that what
 * routing needs for a topic is counted. The wait lets retired tables be freed.
 */
static double
bytes_per_topic(const void *argument)
{
	const uint32_t count = *(const uint32_t *)argument;
	struct rig_options options = { .pattern = ">", .handler = ignore, .wait = WEIR_WAIT_PARK };
	struct rig *rig = rig_open(&options);
	double before, after, names = 0;
	char name[NAME_SIZE];
	weir_topic topic;

	if (!rig)
		return NAN;
	before = resident_bytes();
	for (uint32_t i = 0; i < count; i++) {
		names += snprintf(name, sizeof name, "t%07u.after.update", i) + 1;
		if (rig_failed(weir_topic_open(rig->bus, name, &topic), "weir_topic_open"))
			return NAN;
	}
	machine_sleep_ns(500000000);
	after = resident_bytes();
	return rig_close(rig) ? (after - before - names) / count : NAN;
}

static bool
memory(struct bar_run *run, const struct bar *bar)
{
	struct bar_round round = { .value = 0 };

	do {
		round.value = bar_in_child(bytes_per_topic, &bar->parameter);
		if (isnan(round.value))
			return false;
	} while (bar_round(run, &round));
	return true;
}

const struct bar bars_topics[] = {
	{ .name = "subscribe", .what = "exact subscribe + unsubscribe, 1,000,000 topics",
	  .unit = "us", .limit = 50, .run = with_traffic, .parameter = 0,
	  .raw = { "subscribe_us", "unsubscribe_us", "pair_p99_us", NULL } },
	{ .name = "subscribe-all", .what = "one `>` subscription, 1,000,000 topics",
	  .unit = "ms", .limit = 100, .run = with_traffic, .parameter = 1,
	  .raw = { "subscribe_us", "unsubscribe_us", NULL, NULL } },
	{ .name = "memory-1000000", .what = "a topic beyond its name, 1,000,000 topics",
	  .unit = "bytes", .limit = 128, .once = true, .run = memory, .parameter = 1000000 },
	{ .name = "memory-1100000", .what = "a topic beyond its name, 1,100,000 topics",
	  .unit = "bytes", .limit = 128, .once = true, .run = memory, .parameter = 1100000 },
	{ 0 },
};
