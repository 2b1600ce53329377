/* SPDX-License-Identifier: MIT */
/*
 * plugin_cycles.c - a plugin is enabled and disabled again and again while two threads publish and
 * one looks; in some of the cycles it fails half-way, is given new settings, or fails so often that
 * it is disabled by itself, while it is disabled; another is switched by two threads at once.
 * $WEIR_PLUGIN_CYCLES: how often (300).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rig.h"

#define PUBLISHERS 2
#define LIMIT 50

static const char *const modules[] = { "good.so", "other.so", NULL };

static struct rig rig;
static struct control first = { .subscriptions = 3 }, second = { .subscriptions = 1 };
static uint64_t stop, published, looks, failed;

static void *
publish(void *context)
{
	weir_producer *producer;

	CHECK_OK(weir_producer_open(rig.bus, NULL, &producer));
	while (!get(&stop)) {
		for (uint64_t i = 0; i < 64; i++)
			CHECK_OK(weir_publish_wait(producer, rig.topic, NULL, &i, sizeof i,
						   20 * SECOND));
		add(&published, 64);
		sleep_ns(20 * MICROSECOND);
	}
	weir_producer_close(producer);
	return context;
}

static void *
look(void *context)
{
	while (!get(&stop)) {
		rig_info(&rig, "first");
		add(&looks, 1);
		sleep_ns(200 * MICROSECOND);
	}
	return context;
}

/* Whatever the other thread does with it meanwhile. */
static void *
toggle(void *context)
{
	char problem[WI_PLUGIN_PROBLEM_SIZE];

	while (!get(&stop)) {
		CHECK_OK(wi_plugins_enable(rig.plugins, "second", problem));
		CHECK_OK(wi_plugins_disable(rig.plugins, "second", 20 * SECOND, problem));
	}
	return context;
}

static void
fail_half_way(void)
{
	first.enable_code = 5;
	CHECK_STATUS(WEIR_EIO, rig_enable(&rig, "first"));
	first.enable_code = 0;
}

/* The limit is reached before, while or after it is disabled. */
static void
fail_often(struct chance *chance)
{
	set(&first.code, 5);
	if (chance_one_in(chance, 2))
		rig_await_state(&rig, "first", WI_PLUGIN_FAILED);
	else
		sleep_ns(chance_below(chance, 400) * MICROSECOND);
}

static void
cycle(struct chance *chance)
{
	char problem[WI_PLUGIN_PROBLEM_SIZE];

	first.more = 1;
	if (chance_one_in(chance, 5))
		fail_half_way();
	CHECK_OK(rig_enable(&rig, "first"));
	if (chance_one_in(chance, 5))
		CHECK_OK(rig_reconfigure(&rig, "first", "good", &first, "again", NULL, LIMIT));
	if (chance_one_in(chance, 2))
		wait_for(&first.events, get(&first.events) + 1, "an event");
	CHECK_OK(wi_plugins_enable(rig.plugins, "second", problem));
	if (chance_one_in(chance, 4))
		fail_often(chance);
	CHECK_OK(rig_disable(&rig, "first", 20 * SECOND));
	failed += rig_info(&rig, "first").state == WI_PLUGIN_FAILED;
	set(&first.code, 0);
	CHECK_OK(wi_plugins_disable(rig.plugins, "second", 20 * SECOND, problem));
}

int
main(void)
{
	const char *given = getenv("WEIR_PLUGIN_CYCLES");
	uint64_t cycles = given ? strtoull(given, NULL, 0) : 300, begin;
	pthread_t threads[PUBLISHERS + 2];
	struct holdings before;
	struct chance chance;

	support_begin("plugin_cycles");
	alarm((unsigned)(120 + cycles / 20));
	chance = chance_begin(1);
	rig_open(&rig, modules);
	CHECK_OK(rig_load(&rig, "first", "good", &first, LIMIT));
	CHECK_OK(rig_load(&rig, "second", "other", &second, 0));
	CHECK_OK(rig_enable(&rig, "first"));
	CHECK_OK(rig_disable(&rig, "first", 20 * SECOND));
	before = holdings_take();
	for (unsigned i = 0; i < PUBLISHERS + 2; i++)
		CHECK(pthread_create(&threads[i], NULL,
				     i < PUBLISHERS    ? publish
				     : i == PUBLISHERS ? look
						       : toggle,
				     NULL) == 0,
		      "thread");
	support_phase("cycles");
	begin = now_ns();
	for (uint64_t i = 0; i < cycles; i++)
		cycle(&chance);
	begin = now_ns() - begin;
	set(&stop, 1);
	for (unsigned i = 0; i < PUBLISHERS + 2; i++)
		CHECK(pthread_join(threads[i], NULL) == 0, "thread");
	rig_flush(&rig);
	rig_check_subscriptions(&rig, 0);
	holdings_check(before, 64);
	rig_close(&rig);
	CHECK(first.late == 0 && second.late == 0, "%llu calls outside enable and disable",
	      (ull)(first.late + second.late));
	CHECK(first.overlaps == 0 && second.overlaps == 0, "%llu calls at once",
	      (ull)(first.overlaps + second.overlaps));
	CHECK(first.disables == cycles + 1 && first.unloads == 1, "each enable has its disable");
	printf("%llu cycles, %llu us each, %llu ended by failures; %llu published, %llu handled, "
	       "%llu looks\n",
	       (ull)cycles, (ull)(begin / cycles / 1000), (ull)failed, (ull)published,
	       (ull)(first.events + second.events), (ull)looks);
	CHECK(failed > 0, "none ended by failures");
	return 0;
}
