/* SPDX-License-Identifier: MIT */
/*
 * count.c - how many instructions some calls execute, by the processor's trap flag: NAME COUNT, a line
 *           each. code.py runs it with a library that has trace points, and with one that has none.
 *
 * The least of some tries: the kernel's code that reads the clock begins anew when the clock has
 * been moved meanwhile.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

/* So many that in one no timer interrupt makes the reading of a clock begin anew, also step by step. */
enum { TRIES = 40, BATCH = 64 };

static volatile unsigned traps;
static weir_bus *bus;
static weir_pool *pool;
static weir_producer *producer;
static weir_topic topic;
static int code;

static void
on_trap(int signal)
{
	(void)signal;
	traps++;
}

static inline __attribute__((always_inline)) void
flip_trap_flag(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\txorq $0x100, (%%rsp)\n\tpopfq\n\t"
	                 "lea 128(%%rsp), %%rsp" ::: "memory", "cc");
}

static void
check(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "count: not so: %s\n", what);
	exit(1);
}
#define CHECK(condition) check(condition, #condition)

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	return code;
}

static void
publish(unsigned count)
{
	while (count--)
		CHECK(weir_publish(producer, topic, "abcdefgh", 8) == WEIR_OK);
}

static void
poll_all(void)
{
	while (weir_pool_poll(pool, 1000))
		;
}

static __attribute__((noinline)) void
poll_once(void)
{
	weir_pool_poll(pool, 1000);
}

static __attribute__((noinline)) void
publish_once(void)
{
	weir_publish(producer, topic, "abcdefgh", 8);
}

static __attribute__((noinline)) void
publish_refused(void)
{
	weir_topic unknown = {.id = 4711};

	weir_publish(producer, unknown, "abcdefgh", 8);
}

static __attribute__((noinline)) void
publish_with_key(void)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;

	attributes.flags = WEIR_ATTRIBUTE_KEY;
	weir_publish_with(producer, topic, &attributes, "abcdefgh", 8);
}

static __attribute__((noinline)) void
reserve_with_key(void)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	void *place;

	attributes.flags = WEIR_ATTRIBUTE_KEY;
	if (weir_reserve(producer, topic, &attributes, 8, &place) == WEIR_OK) {
		*(uint64_t *)place = 1;
		weir_commit(producer);
	}
}

/* before: how many events are published first. */
static void
measure(const char *name, void (*call)(void), unsigned before)
{
	unsigned least = UINT32_MAX;

	for (int i = 0; i < TRIES; i++) {
		publish(before);
		traps = 0;
		flip_trap_flag();
		call();
		flip_trap_flag();
		if (traps < least)
			least = traps;
		poll_all();
	}
	printf("%s %u\n", name, least);
}

static int
find_pool(void *context, weir_pool *found, const char *name)
{
	(void)name;
	*(weir_pool **)context = found;
	return 0;
}

int
main(void)
{
	struct sigaction action = {.sa_handler = on_trap};
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT;
	weir_producer_options producer_options = WEIR_PRODUCER_OPTIONS_INIT;
	weir_subscription subscription;

	sigaction(SIGTRAP, &action, NULL);
	options.stats_dir = "";
	options.clock = WEIR_CLOCK_NONE;
	pool_options.dispatcher_count = WEIR_MANUAL;
	pool_options.batch_ns_max = WEIR_FOREVER;
	pool_options.sample_ns = WEIR_FOREVER;
	CHECK(weir_bus_open(&options, &pool_options, &bus) == WEIR_OK);
	weir_bus_each_pool(bus, find_pool, &pool);
	CHECK(weir_topic_open(bus, "part.after.make", &topic) == WEIR_OK);
	CHECK(weir_producer_open(bus, &producer_options, &producer) == WEIR_OK);
	CHECK(weir_subscribe(bus, "part.after.make", handle, NULL, NULL, &subscription) == WEIR_OK);
	publish(1);
	poll_all();

	measure("publish", publish_once, 0);
	measure("publish-key", publish_with_key, 0);
	measure("reserve-key", reserve_with_key, 0);
	measure("refused", publish_refused, 0);
	measure("batch-1", poll_once, 1);
	measure("batch-64", poll_once, BATCH);
	code = 7;
	measure("batch-64-failing", poll_once, BATCH);
	code = 0;
	CHECK(weir_bus_close(bus, WEIR_FOREVER, NULL) == WEIR_OK);
	weir_producer_close(producer);
	return 0;
}
