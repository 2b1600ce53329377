/* SPDX-License-Identifier: MIT */
/*
 * fault_fork.c - the process forks 200 times while its threads publish, subscribe and flush.
 *
 * In the child every call answers WEIR_EFORKED, does nothing and does not hang, whatever locks
 * were held at the fork; the child ends. The parent notices nothing: its books balance and every
 * event is handled once, in order.
 */
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

enum { FORKS = SANITIZED ? 40 : 200, PUBLISHERS = 2, SOURCES = 16 };

static weir_bus *bus;
static weir_pool *pool;
static weir_topic topic;
static weir_subscription subscription;
static weir_producer *producer[PUBLISHERS], *reserving, *idle, *threads_own;
static void *reserved;
static uint64_t stop, accepted[PUBLISHERS], last[SOURCES];

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint64_t number;

	(void)context;
	memcpy(&number, weir_event_data(event), sizeof number);
	CHECK(delivery->source < SOURCES && number == last[delivery->source] + 1,
	      "source %u: %llu after %llu", delivery->source, (ull)number,
	      (ull)last[delivery->source]);
	last[delivery->source] = number;
	return 0;
}

/* -- the parent's threads --------------------------------------------------- */

static void
publish_next(uint32_t own, struct chance *chance)
{
	uint64_t number = accepted[own] + 1, *data;
	weir_status status;

	if (chance_one_in(chance, 2)) {
		status = weir_publish(producer[own], topic, &number, sizeof number);
	} else {
		status = weir_reserve(producer[own], topic, NULL, sizeof number, (void **)&data);
		if (status == WEIR_OK) {
			*data = number;
			status = weir_commit(producer[own]);
		}
	}
	CHECK(status == WEIR_OK || status == WEIR_EFULL, "%s", weir_status_text(status));
	if (status == WEIR_OK)
		accepted[own] = number;
	else
		sleep_ns(20 * MICROSECOND);
}

static void *
run_publisher(void *argument)
{
	uint32_t own = (uint32_t)(uintptr_t)argument;
	struct chance chance = chance_begin(own);

	while (!get(&stop)) {
		publish_next(own, &chance);
		if (chance_one_in(&chance, 200))
			sleep_ns(50 * MICROSECOND);
	}
	return NULL;
}

static int
ignore(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	return 0;
}

/* Holds the locks of the control plane for a good part of the time. */
static void *
run_control(void *argument)
{
	weir_producer *some;
	weir_subscription one;

	(void)argument;
	while (!get(&stop)) {
		CHECK_OK(weir_subscribe(bus, "fork.*", ignore, NULL, NULL, &one));
		CHECK_OK(weir_unsubscribe_wait(bus, one, WEIR_FOREVER));
		if (weir_producer_open(bus, NULL, &some) == WEIR_OK)
			weir_producer_close(some);
		CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	}
	return NULL;
}

/* -- the child -------------------------------------------------------------- */

static int failures;

/* In the child nothing may be printed that takes a lock: the line goes into the exit status. */
#define EXPECT(condition)                                                                        \
	do {                                                                                     \
		if (!(condition) && !failures)                                                   \
			failures = __LINE__;                                                     \
	} while (0)
#define FORKED(call) EXPECT((call) == WEIR_EFORKED)

static int
visit_topic(void *context, weir_topic one)
{
	(void)context, (void)one;
	failures = __LINE__;
	return 0;
}

static int
visit_pool(void *context, weir_pool *one, const char *name)
{
	(void)context, (void)one, (void)name;
	failures = __LINE__;
	return 0;
}

static int
visit_subscription(void *context, weir_subscription one, const char *name, const char *pattern,
                   weir_pool *of)
{
	(void)context, (void)one, (void)name, (void)pattern, (void)of;
	failures = __LINE__;
	return 0;
}

static void
publish_in_child(weir_producer *with)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	void *data = NULL;

	FORKED(weir_publish(with, topic, "x", 1));
	FORKED(weir_publish(with, topic, NULL, 0));
	FORKED(weir_publish_with(with, topic, &attributes, "x", 1));
	FORKED(weir_publish_wait(with, topic, NULL, "x", 1, WEIR_FOREVER));
	FORKED(weir_reserve(with, topic, NULL, 1, &data));
	FORKED(weir_reserve(with, topic, &attributes, 1, &data));
	EXPECT(!data);
	weir_trim(with, 0);
	FORKED(weir_commit(with));
	weir_abort(with);
	FORKED(weir_producer_get_counts(with, &counts));
	EXPECT(counts.attempted == 0);
	weir_producer_close(with);
	FORKED(weir_publish(with, topic, "x", 1));
}

static void
look_in_child(void)
{
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;
	weir_pool_counts pool_counts = WEIR_POOL_COUNTS_INIT;
	weir_subscription_counts subscription_counts = WEIR_SUBSCRIPTION_COUNTS_INIT;

	FORKED(weir_bus_get_counts(bus, &counts, NULL, NULL, NULL));
	FORKED(weir_pool_get_counts(pool, &pool_counts));
	FORKED(weir_subscription_get_counts(bus, subscription, &subscription_counts));
	weir_bus_each_topic(bus, visit_topic, NULL);
	weir_bus_each_pool(bus, visit_pool, NULL);
	weir_bus_each_subscription(bus, visit_subscription, NULL);
	EXPECT(!weir_topic_name(bus, topic));
	EXPECT(!weir_bus_default_pool(bus));
}

static void
control_in_child(void)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_subscription another = { 0 };
	weir_producer *some = NULL;
	weir_topic found = { 0 };

	FORKED(weir_topic_open(bus, "fork.new", &found));
	FORKED(weir_topic_find(bus, "fork.after.create", &found));
	FORKED(weir_subscribe(bus, ">", ignore, NULL, NULL, &another));
	FORKED(weir_unsubscribe(bus, subscription));
	FORKED(weir_unsubscribe_wait(bus, subscription, WEIR_FOREVER));
	FORKED(weir_subscription_pause(bus, subscription, 1));
	FORKED(weir_producer_open(bus, NULL, &some));
	FORKED(weir_thread_get_producer(bus, &some));
	FORKED(weir_bus_flush(bus, WEIR_FOREVER));
	FORKED(weir_pool_flush(pool, WEIR_FOREVER));
	weir_bus_enable(bus, 0);
	FORKED(weir_bus_close(bus, WEIR_FOREVER, &report));
	EXPECT(!some && !found.id && !another.id && !report.delivered && !report.undelivered);
}

static void
run_child(int round)
{
	alarm(20);
	for (int i = 0; i < PUBLISHERS; i++)
		publish_in_child(producer[i]);
	publish_in_child(reserving);
	publish_in_child(idle);
	publish_in_child(threads_own);
	memset(reserved, 1, 8);         /* a reservation's memory stays */
	control_in_child();
	look_in_child();
	/* exit() also runs what the library left for the end of the process or thread. */
	if (round % 10 || SANITIZED)
		_exit(failures ? 1 + failures % 200 : 0);
	exit(failures ? 1 + failures % 200 : 0);
}

/* -- the parent ------------------------------------------------------------- */

static void
fork_once(int round)
{
	int status = 0;
	pid_t child = fork();

	CHECK(child >= 0, "fork");
	if (child == 0)
		run_child(round);
	CHECK(waitpid(child, &status, 0) == child, "waitpid");
	CHECK(WIFEXITED(status), "child %d ended by signal %d", round, WTERMSIG(status));
	CHECK(WEXITSTATUS(status) == 0, "child %d: not so in the line that is %d modulo 200", round,
	      WEXITSTATUS(status) - 1);
}

static void
open_bus(weir_fence fence)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT;

	options.fence = fence;
	options.name = "fault_fork";
	options.stats_dir = ".";
	pool_options.dispatcher_count = 2;
	CHECK_OK(weir_bus_open(&options, &pool_options, &bus));
	pool = weir_bus_default_pool(bus);
	CHECK_OK(weir_topic_open(bus, "fork.after.create", &topic));
	CHECK_OK(weir_subscribe(bus, ">", handle, NULL, NULL, &subscription));
	for (int i = 0; i < PUBLISHERS; i++)
		CHECK_OK(weir_producer_open(bus, NULL, &producer[i]));
	CHECK_OK(weir_producer_open(bus, NULL, &idle));
	CHECK_OK(weir_producer_open(bus, NULL, &reserving));
	CHECK_OK(weir_thread_get_producer(bus, &threads_own));
	CHECK_OK(weir_reserve(reserving, topic, NULL, 8, &reserved));
}

/* A child that ends leaves the counters file of its parent alone. */
static unsigned
count_counters_files(void)
{
	unsigned count;
	char pattern[64];
	glob_t found;

	snprintf(pattern, sizeof pattern, "fault_fork.%ld.*.weir", (long)getpid());
	count = glob(pattern, 0, NULL, &found) == 0 ? (unsigned)found.gl_pathc : 0;
	globfree(&found);
	return count;
}

static void
close_bus(void)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;
	uint64_t sum = 0, handled = 0;

	weir_abort(reserving);
	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	books_check(bus);
	for (int i = 0; i < PUBLISHERS; i++)
		sum += accepted[i];
	for (int i = 0; i < SOURCES; i++)
		handled += last[i];
	CHECK_OK(weir_bus_get_counts(bus, NULL, &counts, NULL, NULL));
	CHECK(sum == handled && sum == counts.committed,
	      "accepted %llu, handled %llu, committed %llu", (ull)sum, (ull)handled,
	      (ull)counts.committed);
	CHECK(counts.aborted == 1, "aborted %llu", (ull)counts.aborted);
	CHECK(count_counters_files() == 1, "counters files: %u", count_counters_files());
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
	CHECK(count_counters_files() == 0, "counters files: %u", count_counters_files());
	for (int i = 0; i < PUBLISHERS; i++)
		weir_producer_close(producer[i]);
	weir_producer_close(reserving);
	weir_producer_close(idle);
	printf("%d forks while %llu events passed\n", FORKS / 2, (ull)sum);
}

static void
run(weir_fence fence)
{
	pthread_t thread[PUBLISHERS], control;

	memset(last, 0, sizeof last);
	memset(accepted, 0, sizeof accepted);
	set(&stop, 0);
	open_bus(fence);
	for (int i = 0; i < PUBLISHERS; i++)
		CHECK(pthread_create(&thread[i], NULL, run_publisher, (void *)(uintptr_t)i) == 0,
		      "thread");
	CHECK(pthread_create(&control, NULL, run_control, NULL) == 0, "thread");
	for (int round = 0; round < FORKS / 2; round++)
		fork_once(round);
	set(&stop, 1);
	for (int i = 0; i < PUBLISHERS; i++)
		pthread_join(thread[i], NULL);
	pthread_join(control, NULL);
	close_bus();
}

int
main(void)
{
	support_begin("fault_fork");
	run(WEIR_FENCE_AUTO);
	run(WEIR_FENCE_PUBLISHER);
	return 0;
}
