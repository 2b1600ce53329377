/* SPDX-License-Identifier: MIT */
/*
 * fault_stop.c - the process is stopped and continued under load, whatever its threads are doing;
 * and its threads are moved to other processors, and all to one, while they run.
 *
 * No clock may be taken for progress, and no processor for one's own: nothing is lost, nobody
 * counts as stuck or woken late, and what sleeps by time wakes up.
 */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

enum { PUBLISHERS = 2, SOURCES = 16 };

static weir_bus *bus;
static weir_topic topic;
static uint64_t stop, accepted, last[SOURCES];

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const uint64_t *number = weir_event_data(event);

	(void)context;
	CHECK(delivery->source < SOURCES && *number == last[delivery->source] + 1,
	      "source %u: %llu after %llu", delivery->source, (ull)*number,
	      (ull)last[delivery->source]);
	last[delivery->source] = *number;
	return 0;
}

static void *
run_publisher(void *argument)
{
	struct chance chance = chance_begin((uint64_t)(uintptr_t)argument);
	weir_producer *producer;
	uint64_t number = 1;

	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	while (!get(&stop)) {
		weir_status status =
		        weir_publish_wait(producer, topic, NULL, &number, sizeof number, SECOND);

		CHECK(status == WEIR_OK || status == WEIR_ETIMEDOUT, "%s",
		      weir_status_text(status));
		number += status == WEIR_OK;
		if (chance_one_in(&chance, 100))
			sleep_ns(chance_below(&chance, 300) * MICROSECOND);
	}
	add(&accepted, number - 1);
	weir_producer_close(producer);
	return NULL;
}

static int
ignore(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	return 0;
}

/* In the child: load for a time, and the books. */
static int
run_child(weir_wait wait, uint64_t duration)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	pthread_t thread[PUBLISHERS];
	weir_subscription one;
	uint64_t end = now_ns() + duration, handled = 0;

	options.ring_size = 16 * 1024;
	pool.wait = wait;
	pool.dispatcher_count = 2;
	CHECK_OK(weir_bus_open(&options, &pool, &bus));
	CHECK_OK(weir_topic_open(bus, "stop.after.create", &topic));
	CHECK_OK(weir_subscribe(bus, ">", handle, NULL, NULL, &one));
	for (uintptr_t i = 0; i < PUBLISHERS; i++)
		CHECK(pthread_create(&thread[i], NULL, run_publisher, (void *)i) == 0, "no thread");
	while (now_ns() < end) {
		CHECK_OK(weir_subscribe(bus, "stop.*.create", ignore, NULL, NULL, &one));
		CHECK_OK(weir_unsubscribe_wait(bus, one, WEIR_FOREVER));
		CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	}
	set(&stop, 1);
	for (int i = 0; i < PUBLISHERS; i++)
		pthread_join(thread[i], NULL);
	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	books_check(bus);
	for (int i = 0; i < SOURCES; i++)
		handled += last[i];
	CHECK(handled == accepted, "accepted %llu, handled %llu", (ull)accepted,
	      (ull)handled);
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
	printf("%llu events\n", (ull)handled);
	return 0;
}

/*
 * All threads of the process may use one processor only, or any; one that ends meanwhile does not
 * matter.
 */
static void
move_threads(pid_t process, const cpu_set_t *to)
{
	char path[64];
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%ld/task", (long)process);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks)))
		if (atoi(entry->d_name) > 0)
			sched_setaffinity(atoi(entry->d_name), sizeof *to, to);
	if (tasks)
		closedir(tasks);
}

/* The n-th of the processors in `all`, or all of them. */
static cpu_set_t
pick_processors(const cpu_set_t *all, uint32_t n)
{
	cpu_set_t picked;

	CPU_ZERO(&picked);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, all) && n-- == 0) {
			CPU_SET(cpu, &picked);
			return picked;
		}
	return *all;
}

static void
run_moved(weir_wait wait)
{
	struct chance chance = chance_begin(100 + (uint64_t)wait);
	int status, moves = 0;
	cpu_set_t all, some;
	pid_t child, ended;

	CHECK(sched_getaffinity(0, sizeof all, &all) == 0, "affinity");
	child = fork();
	CHECK(child >= 0, "fork");
	if (child == 0)
		_exit(run_child(wait, support_duration_ns()));
	while ((ended = waitpid(child, &status, WNOHANG)) == 0) {
		some = pick_processors(&all, chance_below(&chance, (uint32_t)CPU_COUNT(&all) + 1));
		move_threads(child, &some);
		moves++;
		sleep_ns(chance_below(&chance, 10000) * MICROSECOND);
	}
	CHECK(ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0,
	      "the child's status is %#x", (unsigned)status);
	printf("moved %d times\n", moves);
}

static void
run(weir_wait wait)
{
	struct chance chance = chance_begin((uint64_t)wait);
	int status, stops = 0;
	pid_t child = fork(), ended;

	CHECK(child >= 0, "fork");
	if (child == 0)
		_exit(run_child(wait, support_duration_ns()));
	for (;;) {
		sleep_ns(chance_below(&chance, 4000) * MICROSECOND);
		ended = waitpid(child, &status, WNOHANG);
		if (ended)
			break;
		kill(child, SIGSTOP);
		sleep_ns(chance_below(&chance, 3000) * MICROSECOND);
		/* Longer than any time-out of a sleeper, now and then. */
		if (stops++ == 10)
			sleep_ns(700 * MILLISECOND);
		kill(child, SIGCONT);
	}
	CHECK(ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0,
	      "the child's status is %#x", (unsigned)status);
	printf("stopped %d times\n", stops);
}

int
main(void)
{
	support_begin("fault_stop");
	run(WEIR_WAIT_PARK);
	run(WEIR_WAIT_ADAPTIVE);
	run_moved(WEIR_WAIT_ADAPTIVE);
	run_moved(WEIR_WAIT_PARK);
	return 0;
}
