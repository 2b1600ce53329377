/* SPDX-License-Identifier: MIT */
/*
 * notify_beside.c - what another pool notices of the notifier: its events a second at full load, and how
 *                   late an event is at 100,000 a second, while an endpoint answers, is down, or drips.
 *
 * A hundred events a second are for the notifier. As a test it only looks whether all books balance.
 *
 * usage: notify_beside [SECONDS [ROUNDS]]      of each measurement (0.5); medians of so many (5), in turns
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "notifier.h"

enum { SAMPLES_MAX = 2000000, PACE_NS = 10000 };

static struct receiver *receiver;
static weir_host *host;
static weir_producer *producer;
static weir_topic other, alert;
static uint64_t handled, sample_count, seconds_ns;
static uint32_t *samples;

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const uint64_t *sent = weir_event_data(event);

	(void)delivery, (void)context;
	add(&handled, 1);
	if (sample_count < SAMPLES_MAX)
		samples[sample_count++] = (uint32_t)(now_ns() - *sent);
	return 0;
}

/* At full load no clock is read for each event. */
static int
count(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	add(&handled, 1);
	return 0;
}

static void
send_alert(uint64_t now, uint64_t *next)
{
	if (now < *next)
		return;
	*next = now + 10 * MILLISECOND;
	CHECK_OK(weir_publish_wait(producer, alert, NULL, "{\"n\":1}", 7, SECOND));
}

/* Events that the other pool handled in a second. */
static double
load(void)
{
	uint64_t start = now_ns(), now = start, next = start, before;
	weir_subscription subscription;

	CHECK_OK(weir_subscribe(weir_host_bus(host), "load.after.other", count, NULL, NULL, &subscription));
	before = get(&handled);
	while (now - start < seconds_ns) {
		for (int i = 0; i < 256; i++)
			CHECK_OK(weir_publish_wait(producer, other, NULL, &now, sizeof now, SECOND));
		now = now_ns();
		send_alert(now, &next);
	}
	CHECK_OK(weir_pool_flush(weir_bus_default_pool(weir_host_bus(host)), 20 * SECOND));
	now = now_ns();
	CHECK_OK(weir_unsubscribe_wait(weir_host_bus(host), subscription, SECOND));
	return (double)(get(&handled) - before) / ((double)(now - start) / (double)SECOND);
}

static int
compare(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return a < b ? -1 : a > b;
}

static void
pace(uint32_t *ret_half, uint32_t *ret_p99)
{
	uint64_t start = now_ns(), now = start, next = start, next_event = start;
	weir_subscription subscription;

	sample_count = 0;
	CHECK_OK(weir_subscribe(weir_host_bus(host), "load.after.other", handle, NULL, NULL, &subscription));
	while (now - start < seconds_ns) {
		now = now_ns();
		if (now < next_event)
			continue;
		next_event += PACE_NS;
		CHECK_OK(weir_publish_wait(producer, other, NULL, &now, sizeof now, SECOND));
		send_alert(now, &next);
	}
	CHECK_OK(weir_unsubscribe_wait(weir_host_bus(host), subscription, 20 * SECOND));
	qsort(samples, sample_count, sizeof *samples, compare);
	CHECK(sample_count > 0, "no samples");
	*ret_half = samples[sample_count / 2];
	*ret_p99 = samples[sample_count * 99 / 100];
}

/* -- in turns --------------------------------------------------------------- */

enum { CASES = 4, ROUNDS_MAX = 15 };

static const struct beside {
	const char *name;
	bool plugin;
	const struct receiver_step *step;
	bool down;
} cases[CASES] = {
	{ "not there, its pool is", false, NULL, false },
	{ "its endpoint answers", true, &(const struct receiver_step){ .status = 200 }, false },
	{ "its endpoint drips", true,
	  &(const struct receiver_step){ .way = RECEIVER_DRIP, .gap_ns = 100000000 }, false },
	{ "its endpoint is down", true, NULL, true },
};

static struct { double rate[ROUNDS_MAX], half[ROUNDS_MAX], p99[ROUNDS_MAX]; uint64_t accepted, sent; } seen[CASES];

static void
open_case(const struct beside *beside)
{
	const char *config;

	unlink(rig_path("spool.db"));
	if (!beside->plugin)
		config = rig_write("rig.ini", "[bus]\nstats_dir=none\n[control]\nsocket=none\n"
		                              "[pool.notify]\nbehind=skip\n");
	else
		config = notify_config_port(beside->down ? 1 : receiver_port(receiver), "behind=skip",
		                       "channel.hook.retry=10ms..100ms\n");
	if (beside->step)
		receiver_plan(receiver, beside->step, 1);
	CHECK(rig_open(config, NULL, &host) == WEIR_OK, "%s", rig_problem);
	CHECK_OK(weir_topic_open(weir_host_bus(host), "load.after.other", &other));
	CHECK_OK(weir_topic_open(weir_host_bus(host), "load.after.create", &alert));
	CHECK_OK(weir_producer_open(weir_host_bus(host), NULL, &producer));
}

static void
measure(uint32_t i, uint32_t round)
{
	struct wi_spool_counts counts;
	uint32_t half, p99;

	support_phase(cases[i].name);
	open_case(&cases[i]);
	seen[i].rate[round] = load();
	pace(&half, &p99);
	seen[i].half[round] = half;
	seen[i].p99[round] = p99;
	CHECK_OK(weir_host_drain(host, 20 * SECOND));
	books_check(weir_host_bus(host));
	weir_producer_close(producer);
	rig_close(host);
	if (!cases[i].plugin)
		return;
	counts = notify_counts();
	CHECK(counts.accepted > 0, "nothing was accepted");
	seen[i].accepted += counts.accepted;
	seen[i].sent += counts.sent;
}

static int
compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static double
median(double *list, uint32_t count)
{
	qsort(list, count, sizeof *list, compare_doubles);
	return list[count / 2];
}

int
main(int argc, char **argv)
{
	static const char *const modules[] = { "weir-notify.so", NULL };
	uint32_t rounds = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 5;

	support_begin("notify_beside");
	alarm(120);
	seconds_ns = (uint64_t)((argc > 1 ? strtod(argv[1], NULL) : 0.5) * 1e9);
	CHECK(rounds >= 1 && rounds <= ROUNDS_MAX, "1 to 15 rounds");
	samples = malloc(SAMPLES_MAX * sizeof *samples);
	CHECK(samples, "memory");
	rig_begin(modules);
	receiver = receiver_open(0, NULL);
	for (uint32_t round = 0; round < rounds; round++)
		for (uint32_t i = 0; i < CASES; i++)
			measure(i, round);
	receiver_close(receiver);
	printf("%-24s %14s %11s %11s\n", "the notifier", "other pool", "half", "99%");
	for (uint32_t i = 0; i < CASES; i++)
		printf("%-24s %10.2f M/s %8.1f us %8.1f us %9llu accepted %7llu sent\n", cases[i].name,
		       median(seen[i].rate, rounds) / 1e6, median(seen[i].half, rounds) / 1e3,
		       median(seen[i].p99, rounds) / 1e3, (ull)seen[i].accepted, (ull)seen[i].sent);
	free(samples);
	rig_end();
	return 0;
}
