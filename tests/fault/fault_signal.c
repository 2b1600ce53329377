/* SPDX-License-Identifier: MIT */
/*
 * fault_signal.c - a signal handler publishes with the producer that it interrupted, and its own.
 *
 * A timer interrupts the publishing thread some thousand times a second, at any instruction. On the
 * interrupted producer a publish either succeeds (the thread was outside) or is WEIR_EBUSY; every
 * call is counted once, by us and by the engine, and what succeeded is handled, in order.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* A sanitizer makes the handler longer than the shorter one. */
#define PERIOD_NS (SANITIZED ? MILLISECOND : 100 * MICROSECOND)

enum who { THREAD, INTERRUPTING, OWN, WHOS };

struct event { uint64_t number; uint64_t who; };

/* What became of the calls, and the number of the last event that was accepted. */
struct ledger { uint64_t accepted, busy, full; };

static weir_bus *bus;
static weir_topic topic;
static weir_producer *shared, *own;
static struct ledger ledger[WHOS];
static uint64_t handled[WHOS], signals;

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct event *data = weir_event_data(event);

	(void)delivery, (void)context;
	CHECK(data->who < WHOS && data->number == handled[data->who] + 1,
	      "who %llu: number %llu after %llu", (ull)data->who, (ull)data->number,
	      (ull)handled[data->who]);
	handled[data->who] = data->number;
	return 0;
}

static void
count(struct ledger *of, weir_status status)
{
	if (status == WEIR_OK)
		of->accepted++;
	else if (status == WEIR_EFULL)
		of->full++;
	else if (status == WEIR_EBUSY)
		of->busy++;
	else
		CHECK_OK(status);
}

static void
interrupt(int number)
{
	struct event shared_event = { ledger[INTERRUPTING].accepted + 1, INTERRUPTING };
	struct event own_event = { ledger[OWN].accepted + 1, OWN };

	(void)number;
	signals++;
	count(&ledger[INTERRUPTING],
	      weir_publish(shared, topic, &shared_event, sizeof shared_event));
	count(&ledger[OWN], weir_publish_with(own, topic, NULL, &own_event, sizeof own_event));
	CHECK(ledger[OWN].busy == 0, "a producer that nobody interrupted is busy");
}

static timer_t
start_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct itimerspec period = { { 0, PERIOD_NS }, { 0, PERIOD_NS } };
	struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESTART };
	timer_t timer;

	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "timer");
	CHECK(timer_settime(timer, 0, &period, NULL) == 0, "timer");
	return timer;
}

/* -- what is interrupted ---------------------------------------------------- */

static void
publish(void)
{
	struct event event = { ledger[THREAD].accepted + 1, THREAD };

	count(&ledger[THREAD], weir_publish(shared, topic, &event, sizeof event));
}

static void
publish_slowly(void)
{
	struct event event = { ledger[THREAD].accepted + 1, THREAD };
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;

	attributes.flags = WEIR_ATTRIBUTE_KEY;
	count(&ledger[THREAD], weir_publish_with(shared, topic, &attributes, &event, sizeof event));
}

/* Several in place; while they are open, publishing is refused to the thread as well. */
static void
publish_in_place(uint32_t amid)
{
	struct event *data;
	uint64_t open = 0;

	while (open < 3) {
		weir_status status =
		        weir_reserve(shared, topic, NULL, sizeof *data + 16, (void **)&data);

		if (status != WEIR_OK) {
			count(&ledger[THREAD], status);
			break;
		}
		*data = (struct event){ ledger[THREAD].accepted + ++open, THREAD };
		weir_trim(shared, sizeof *data);
	}
	while (amid--)
		publish();
	CHECK_OK(weir_commit(shared));
	ledger[THREAD].accepted += open;
}

static void
run_thread(uint64_t duration, struct chance *chance)
{
	uint64_t end = now_ns() + duration;
	timer_t timer = start_timer();

	while (now_ns() < end)
		for (int i = 0; i < 100; i++) {
			publish();
			publish_slowly();
			publish_in_place(chance_one_in(chance, 50) ? 200 : 0);
		}
	timer_delete(timer);
	signal(SIGUSR1, SIG_IGN);
}

/* -- the books -------------------------------------------------------------- */

static void
check_producer(weir_producer *producer, struct ledger ours)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;

	CHECK_OK(weir_producer_get_counts(producer, &counts));
	CHECK(counts.committed == ours.accepted, "committed %llu, ours %llu",
	      (ull)counts.committed, (ull)ours.accepted);
	CHECK(counts.refused_full == ours.full, "full %llu, ours %llu",
	      (ull)counts.refused_full, (ull)ours.full);
	CHECK(counts.refused_busy == ours.busy, "busy %llu, ours %llu",
	      (ull)counts.refused_busy, (ull)ours.busy);
	CHECK(counts.attempted == ours.accepted + ours.full + ours.busy, "attempted %llu",
	      (ull)counts.attempted);
}

static void
check_books(void)
{
	struct ledger both = { ledger[THREAD].accepted + ledger[INTERRUPTING].accepted,
	                       ledger[THREAD].busy + ledger[INTERRUPTING].busy,
	                       ledger[THREAD].full + ledger[INTERRUPTING].full };

	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	for (int i = 0; i < WHOS; i++)
		CHECK(handled[i] == ledger[i].accepted, "who %d: handled %llu of %llu", i,
		      (ull)handled[i], (ull)ledger[i].accepted);
	check_producer(shared, both);
	check_producer(own, ledger[OWN]);
	books_check(bus);
}

static void
run(weir_fence fence, uint32_t ring_size, weir_wait wait)
{
	struct chance chance = chance_begin(ring_size);
	weir_bus_options options = quiet_options();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_subscription subscription;

	options.fence = fence;
	options.ring_size = ring_size;
	pool.wait = wait;
	CHECK_OK(weir_bus_open(&options, &pool, &bus));
	CHECK_OK(weir_topic_open(bus, "signal.after.create", &topic));
	CHECK_OK(weir_subscribe(bus, ">", handle, NULL, NULL, &subscription));
	CHECK_OK(weir_producer_open(bus, NULL, &shared));
	CHECK_OK(weir_producer_open(bus, NULL, &own));
	for (int i = 0; i < WHOS; i++)
		ledger[i] = (struct ledger){ 0 }, handled[i] = 0;
	signals = 0;
	run_thread(support_duration_ns() / 4, &chance);
	check_books();
	printf("fence %d, ring %u: %llu signals; on the interrupted producer %llu accepted, %llu "
	       "busy, %llu full; on its own %llu accepted\n",
	       fence, ring_size, (ull)signals, (ull)ledger[INTERRUPTING].accepted,
	       (ull)ledger[INTERRUPTING].busy, (ull)ledger[INTERRUPTING].full,
	       (ull)ledger[OWN].accepted);
	CHECK(ledger[INTERRUPTING].busy, "never interrupted a publish");
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
	weir_producer_close(shared);
	weir_producer_close(own);
}

int
main(void)
{
	support_begin("fault_signal");
	run(WEIR_FENCE_AUTO, 4096, WEIR_WAIT_ADAPTIVE);
	run(WEIR_FENCE_AUTO, 256 * 1024, WEIR_WAIT_PARK);
	run(WEIR_FENCE_PUBLISHER, 4096, WEIR_WAIT_PARK);
	run(WEIR_FENCE_PUBLISHER, 256 * 1024, WEIR_WAIT_ADAPTIVE);
	return 0;
}
