/* SPDX-License-Identifier: MIT */
/*
 * fault_thread.c - threads that end without a word, and processes that end in a handler.
 *
 * A thread's own producer closes when the thread ends, however it does: it returns, exits or is
 * cancelled, with or without reservations open, before or after the bus is gone. What it committed
 * is delivered, what it had open is aborted and counted, and the next thread uses the same ring.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

/* Its own stack for signals is given back when the thread is half gone: a false alarm. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "use_sigaltstack=0";
}

enum { THREADS = 400, PRODUCERS_MAX = 2 };

static weir_bus *bus;
static weir_topic topic;
static uint64_t handled, accepted, aborted, bus_gone, ready;

enum end { RETURNS, EXITS, IS_CANCELLED, ENDS };

struct doomed { enum end end; uint32_t events, reservations; };

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	add(&handled, 1);
	return 0;
}

static void
open_bus(void)
{
	weir_bus_options options = quiet_options();
	weir_subscription subscription;

	/* Two rings are enough only if those of dead threads are used again. */
	options.producer_count_max = PRODUCERS_MAX;
	options.ring_size = 4096;
	CHECK_OK(weir_bus_open(&options, NULL, &bus));
	CHECK_OK(weir_topic_open(bus, "thread.after.create", &topic));
	CHECK_OK(weir_subscribe(bus, "thread.>", handle, NULL, NULL, &subscription));
}

/* -- threads that end ------------------------------------------------------- */

static void
use_producer(const struct doomed *doomed, weir_producer *producer)
{
	void *data;

	for (uint32_t i = 0; i < doomed->events; i++)
		CHECK_OK(weir_publish_wait(producer, topic, NULL, "event", 5, WEIR_FOREVER));
	accepted += doomed->events;
	for (uint32_t i = 0; i < doomed->reservations; i++) {
		weir_status status = weir_reserve(producer, topic, NULL, 100, &data);

		if (status == WEIR_EFULL)
			break;
		CHECK_OK(status);
		aborted++;
	}
}

static void *
run_doomed(void *argument)
{
	const struct doomed *doomed = argument;
	weir_producer *producer;
	weir_status status;

	/* ELIMIT until what the dead left is delivered. */
	while ((status = weir_thread_get_producer(bus, &producer)) == WEIR_ELIMIT)
		sleep_ns(50 * MICROSECOND);
	CHECK_OK(status);
	use_producer(doomed, producer);
	set(&ready, 1);
	if (doomed->end == EXITS)
		pthread_exit(NULL);
	while (doomed->end == IS_CANCELLED)
		sleep(1);
	return NULL;
}

static void
test_ends(void)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;
	struct chance chance = chance_begin(0);
	pthread_t thread;

	support_phase("threads end");
	open_bus();
	for (int i = 0; i < THREADS; i++) {
		struct doomed doomed = { (enum end)chance_below(&chance, ENDS),
		                         chance_below(&chance, 10), chance_below(&chance, 4) };

		set(&ready, 0);
		CHECK(pthread_create(&thread, NULL, run_doomed, &doomed) == 0, "no thread");
		wait_for(&ready, 1, "the thread");
		if (doomed.end == IS_CANCELLED)
			pthread_cancel(thread);
		pthread_join(thread, NULL);
	}
	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	books_check(bus);
	CHECK_OK(weir_bus_get_counts(bus, NULL, &counts, NULL, NULL));
	CHECK(handled == accepted && counts.committed == accepted, "accepted %llu, handled %llu",
	      (ull)accepted, (ull)handled);
	CHECK(aborted && counts.aborted == aborted, "aborted %llu, ours %llu",
	      (ull)counts.aborted, (ull)aborted);
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
	printf("%d threads ended: %llu events handled, %llu reservations aborted\n", THREADS,
	       (ull)handled, (ull)aborted);
}

/* -- threads that outlive the bus ------------------------------------------- */

static void *
run_survivor(void *reserve)
{
	weir_producer *producer;
	void *data = NULL;

	CHECK_OK(weir_thread_get_producer(bus, &producer));
	if (reserve)
		CHECK_OK(weir_reserve(producer, topic, NULL, 1000, &data));
	add(&ready, 1);
	wait_for(&bus_gone, 1, "the bus to be gone");
	for (int i = 0; data && i < 1000; i++)
		((char *)data)[i] = 'x';
	CHECK_STATUS(WEIR_ECLOSED, weir_commit(producer));
	CHECK_STATUS(WEIR_ECLOSED, weir_publish(producer, topic, "x", 1));
	return NULL;
}

static void
test_survivors(void)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	pthread_t thread[PRODUCERS_MAX];
	struct holdings before;

	support_phase("threads outlive the bus");
	for (int round = 0; round < 50; round++) {
		open_bus();
		set(&ready, 0);
		set(&bus_gone, 0);
		for (uintptr_t i = 0; i < PRODUCERS_MAX; i++)
			CHECK(pthread_create(&thread[i], NULL, run_survivor, (void *)i) == 0,
			      "no thread");
		wait_for(&ready, PRODUCERS_MAX, "the threads");
		CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, &report));
		set(&bus_gone, 1);
		for (int i = 0; i < PRODUCERS_MAX; i++)
			pthread_join(thread[i], NULL);
		if (round == 10)
			before = holdings_take();
	}
	holdings_check(before, 8);
}

/* -- threads that are cancelled while they wait -------------------------------- */

static uint64_t let_go, entered, returned;

static int
be_slow(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	set(&entered, 1);
	wait_for(&let_go, 1, "being let go");
	return 0;
}

enum wait { FLUSH, POOL_CLOSE, BUS_CLOSE, UNSUBSCRIBE, WAITS };

struct waiting { enum wait what; weir_pool *pool; weir_subscription slow; };

static void *
run_waiting(void *argument)
{
	const struct waiting *waiting = argument;

	set(&ready, 1);
	switch (waiting->what) {
	case FLUSH: CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER)); break;
	case POOL_CLOSE: CHECK_OK(weir_pool_close(waiting->pool, WEIR_FOREVER, NULL)); break;
	case BUS_CLOSE: CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL)); break;
	default: CHECK_OK(weir_unsubscribe_wait(bus, waiting->slow, WEIR_FOREVER));
	}
	set(&returned, 1);
	for (;;)
		sleep(1);
	return NULL;
}

/* The call goes to its end; then the thread is cancelled where it sleeps itself. */
static void
test_cancelled_waits(enum wait what)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct waiting waiting = { .what = what };
	weir_producer *producer;
	pthread_t thread;

	support_phase("threads are cancelled while they wait");
	open_bus();
	let_go = entered = returned = ready = 0;
	CHECK_OK(weir_pool_open(bus, NULL, &waiting.pool));
	options.pool = waiting.pool;
	CHECK_OK(weir_subscribe(bus, "thread.>", be_slow, NULL, &options, &waiting.slow));
	CHECK_OK(weir_thread_get_producer(bus, &producer));
	CHECK_OK(weir_publish(producer, topic, "x", 1));
	wait_for(&entered, 1, "the handler");
	CHECK(pthread_create(&thread, NULL, run_waiting, &waiting) == 0, "no thread");
	wait_for(&ready, 1, "the thread");
	sleep_ns(5 * MILLISECOND);      /* until it sleeps */
	pthread_cancel(thread);
	sleep_ns(5 * MILLISECOND);
	CHECK(get(&returned) == 0, "it did not wait");
	set(&let_go, 1);
	pthread_join(thread, NULL);
	CHECK(returned == 1, "cancelled in the call");
	if (what == BUS_CLOSE)
		return;
	CHECK_OK(weir_bus_flush(bus, 10 * SECOND));
	books_check(bus);
	CHECK_OK(weir_bus_close(bus, 10 * SECOND, NULL));
}

/* -- one thread, many buses ------------------------------------------------- */

/* Its own producers of buses that are gone must not pile up: nobody can close them by hand. */
static void
test_many_buses(void)
{
	struct holdings before;

	support_phase("one thread uses many buses");
	for (int round = 0; round < 120; round++) {
		weir_producer *producer;

		if (round == 20)
			before = holdings_take();
		open_bus();
		CHECK_OK(weir_thread_get_producer(bus, &producer));
		CHECK_OK(weir_publish(producer, topic, "x", 1));
		CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
	}
	holdings_check(before, 8);
}

/* -- the process ends ------------------------------------------------------- */

static int
leave(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	exit(*(const int *)context);
}

/* Gives the exit status of a child in which a handler, or main, exits while events flow. */
static int
run_child(bool in_handler)
{
	int status = 0, code = 42;
	pid_t child = fork();

	CHECK(child >= 0, "fork");
	if (child == 0) {
		weir_subscription one;
		weir_producer *producer;

		alarm(20);
		open_bus();
		CHECK_OK(weir_thread_get_producer(bus, &producer));
		if (in_handler)
			CHECK_OK(weir_subscribe(bus, "thread.>", leave, &code, NULL, &one));
		for (int i = 0; i < 10; i++)
			weir_publish(producer, topic, "x", 1);
		while (in_handler)
			pause();
		exit(code);
	}
	CHECK(waitpid(child, &status, 0) == child, "waitpid");
	CHECK(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* -- publishes when all is over --------------------------------------------- */

/* In the child only. */
static weir_producer *late_producer;
static uint64_t late_publishes;

static void
publish_late(void)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;
	weir_producer *own;

	if (!late_producer)
		return;
	for (int i = 0; i < 20000; i++) {
		weir_status status = weir_publish(late_producer, topic, "x", 1);

		CHECK(status == WEIR_OK || status == WEIR_EFULL, "%s", weir_status_text(status));
		late_publishes += status == WEIR_OK;
	}
	CHECK_OK(weir_publish_wait(late_producer, topic, NULL, "x", 1, 5 * SECOND));
	CHECK_OK(weir_thread_get_producer(bus, &own));
	CHECK_OK(weir_bus_flush(bus, 5 * SECOND));
	CHECK_OK(weir_producer_get_counts(late_producer, &counts));
	CHECK(counts.committed == ++late_publishes, "committed %llu", (ull)counts.committed);
	books_check(bus);
}

/* Runs behind what atexit() was given. */
__attribute__((destructor)) static void
publish_last(void)
{
	publish_late();
}

/* Nobody closes the bus: its threads are there until the process is gone. */
static void
test_late(void)
{
	int status = 0;
	pid_t child;

	support_phase("publishes at the process's end");
	child = fork();
	CHECK(child >= 0, "fork");
	if (child == 0) {
		alarm(20);
		open_bus();
		CHECK_OK(weir_producer_open(bus, NULL, &late_producer));
		CHECK(atexit(publish_late) == 0, "atexit");
		exit(42);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 42,
	      "status %#x", (unsigned)status);
}

static void
test_exits(void)
{
	support_phase("the process ends");
	for (int i = 0; i < 20; i++) {
		int code = run_child(i % 2);

		CHECK(code == 42, "exit status %d", code);
	}
}

int
main(void)
{
	support_begin("fault_thread");
	/* Before there is a bus: a child with a bus of its own must be able to have one. */
	if (!SANITIZED) {
		test_exits();
		test_late();
	}
	test_ends();
	test_survivors();
	test_many_buses();
	for (int what = 0; what < WAITS; what++)
		test_cancelled_waits((enum wait)what);
	return 0;
}
