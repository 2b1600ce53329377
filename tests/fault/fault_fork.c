/* SPDX-License-Identifier: MIT */
/*
 * fault_fork.c - the process forks 200 times while its threads publish, subscribe and flush.
 *
 * In the child every call answers WEIR_EFORKED, does nothing and does not hang, whatever locks
 * were held at the fork; the child ends. The parent notices nothing: its books balance and every
 * event is handled once, in order. The same where a signal handler forks in the middle of a
 * publish and the child returns into it, where a handler forks, and by whatever call.
 */
#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
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
static volatile sig_atomic_t in_child, forks;

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
	printf("%d forks while %llu events passed\n", forks ? (int)forks : FORKS / 2, (ull)sum);
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

/* -- a signal handler forks ------------------------------------------------- */

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { INTERRUPTIONS = SANITIZED ? 30 : 120 };

/* Of these only fork() runs what pthread_atfork() was given. */
static pid_t
fork_plainly(void)
{
	return fork();
}

static pid_t
clone_plainly(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

#if __GLIBC_PREREQ(2, 34)
#define FORK_FOR_SIGNALS _Fork
#else
#define FORK_FOR_SIGNALS clone_plainly
#endif

static pid_t (*fork_somehow)(void);
static timer_t timer;
static struct chance delays;

/* Once, so that the next fork comes at another instruction however long this one takes. */
static void
arm_timer(void)
{
	uint32_t delay = 50 * MICROSECOND + chance_below(&delays, 100 * MICROSECOND);
	struct itimerspec once = { { 0, 0 }, { 0, delay } };

	if (timer_settime(timer, 0, &once, NULL) != 0)
		abort();
}

static void
fork_amid(int number)
{
	int status = 0;
	pid_t child;

	(void)number;
	if (in_child || forks >= INTERRUPTIONS)
		return;
	forks++;
	child = fork_somehow();
	if (child == 0) {
		in_child = 1;
		alarm(20);
		return;         /* into the publish */
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
		fprintf(stderr, "fork %d: child %d, status %#x\n", (int)forks, (int)child,
		        (unsigned)status);
		abort();
	}
	arm_timer();
}

static void
start_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct sigaction action = { .sa_handler = fork_amid, .sa_flags = SA_RESTART };

	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "timer");
	delays = chance_begin((uint64_t)forks);
	arm_timer();
}

/*
 * The call that was interrupted may have been through; from the next one on all is as in any child.
 */
static void
go_on_in_child(weir_producer *with)
{
	publish_in_child(with);
	publish_in_child(idle);
	control_in_child();
	look_in_child();
	_exit(failures ? 1 + failures % 200 : 0);
}

static void
publish_interrupted(weir_producer *with, unsigned turn, uint64_t *number)
{
	uint64_t next = *number + 1, *data;
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_status status;

	if (turn % 3 == 0) {
		status = weir_publish(with, topic, &next, sizeof next);
	} else if (turn % 3 == 1) {
		status = weir_publish_with(with, topic, &attributes, &next, sizeof next);
	} else {
		status = weir_reserve(with, topic, NULL, sizeof next, (void **)&data);
		if (status == WEIR_OK) {
			*data = next;
			status = weir_commit(with);
		}
	}
	if (in_child)
		go_on_in_child(with);
	CHECK(status == WEIR_OK || status == WEIR_EFULL, "%s", weir_status_text(status));
	*number += status == WEIR_OK;
}

static void
test_interrupted(weir_fence fence, pid_t (*somehow)(void))
{
	support_phase("a signal handler forks");
	memset(last, 0, sizeof last);
	memset(accepted, 0, sizeof accepted);
	fork_somehow = somehow;
	forks = 0;
	open_bus(fence);
	start_timer();
	for (unsigned turn = 0; forks < INTERRUPTIONS; turn++)
		publish_interrupted(producer[0], turn, &accepted[0]);
	if (in_child)           /* of the last fork, between two publishes */
		go_on_in_child(producer[0]);
	timer_delete(timer);
	signal(SIGUSR1, SIG_IGN);
	close_bus();
}

/* -- a handler forks -------------------------------------------------------- */

enum { HANDLER_FORKS = 20, AT_ONCE = 50 };

static uint64_t *calls_in_child, handled_by_forker;

/*
 * Every event is handled in the parent; a child either ends here or returns, and is not called
 * again.
 */
static int
fork_in_handler(const weir_event *event, const weir_delivery *delivery, void *context)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	int status = 0;
	pid_t child;

	(void)event, (void)context;
	if (in_child)
		add(calls_in_child, 1);
	if (handled_by_forker++ % AT_ONCE)
		return 0;
	child = fork_somehow();
	CHECK(child >= 0, "fork");
	if (child == 0) {
		in_child = 1;
		alarm(20);
		if (handled_by_forker / AT_ONCE % 2 == 0)
			return 0;       /* which a child should not do */
		FORKED(weir_publish(delivery->producer, topic, "x", 1));
		FORKED(weir_bus_close(bus, WEIR_FOREVER, &report));
		_exit(failures ? 1 + failures % 200 : 0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0, "status %#x", (unsigned)status);
	return 0;
}

static void
test_handler(pid_t (*somehow)(void))
{
	weir_bus_options options = quiet_options();
	weir_subscription first, second;
	weir_producer *with;

	support_phase("a handler forks");
	fork_somehow = somehow;
	handled_by_forker = 0;
	CHECK_OK(weir_bus_open(&options, NULL, &bus));
	CHECK_OK(weir_topic_open(bus, "fork.after.create", &topic));
	CHECK_OK(weir_subscribe(bus, ">", fork_in_handler, NULL, NULL, &first));
	CHECK_OK(weir_subscribe(bus, ">", fork_in_handler, NULL, NULL, &second));
	CHECK_OK(weir_producer_open(bus, NULL, &with));
	for (int i = 0; i < HANDLER_FORKS * AT_ONCE / 2; i++)
		CHECK_OK(weir_publish_wait(with, topic, NULL, "x", 1, WEIR_FOREVER));
	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	books_check(bus);
	CHECK(handled_by_forker == HANDLER_FORKS * AT_ONCE, "handled %llu", (ull)handled_by_forker);
	weir_producer_close(with);
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
}

/* -- children that become other programs ------------------------------------ */

static pid_t
spawn(void)
{
	char *const arguments[] = { (char[]){ "true" }, NULL };
	pid_t child = -1;

	CHECK(posix_spawnp(&child, "true", NULL, NULL, arguments, environ) == 0, "posix_spawn");
	return child;
}

static pid_t
vfork_and_exec(void)
{
	pid_t child = vfork();

	if (child == 0) {
		execlp("true", "true", (char *)NULL);
		_exit(127);
	}
	return child;
}

/* Where the child borrows the parent's memory, nothing may be wiped under the parent. */
static void
test_exec(void)
{
	pthread_t thread[PUBLISHERS];

	support_phase("other programs are started");
	memset(last, 0, sizeof last);
	memset(accepted, 0, sizeof accepted);
	set(&stop, 0);
	open_bus(WEIR_FENCE_AUTO);
	for (int i = 0; i < PUBLISHERS; i++)
		CHECK(pthread_create(&thread[i], NULL, run_publisher, (void *)(uintptr_t)i) == 0,
		      "thread");
	for (forks = 0; forks < FORKS / 4; forks++) {
		int status = 0;
		pid_t child = forks % 2 ? spawn() : vfork_and_exec();

		CHECK(waitpid(child, &status, 0) == child && status == 0, "status %#x",
		      (unsigned)status);
	}
	set(&stop, 1);
	for (int i = 0; i < PUBLISHERS; i++)
		pthread_join(thread[i], NULL);
	close_bus();
}

int
main(void)
{
	support_begin("fault_fork");
	calls_in_child = mmap(NULL, sizeof *calls_in_child, PROT_READ | PROT_WRITE,
	                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(calls_in_child != MAP_FAILED, "mmap");
	run(WEIR_FENCE_AUTO);
	run(WEIR_FENCE_PUBLISHER);
	test_interrupted(WEIR_FENCE_AUTO, fork_plainly);
	test_interrupted(WEIR_FENCE_AUTO, FORK_FOR_SIGNALS);
	test_interrupted(WEIR_FENCE_PUBLISHER, clone_plainly);
	test_handler(fork_plainly);
	/* Only fork() tells us at once. */
	CHECK(get(calls_in_child) == 0, "%llu calls in children", (ull)get(calls_in_child));
	test_handler(clone_plainly);
	test_exec();
	return 0;
}
