/* SPDX-License-Identifier: MIT */
/*
 * stress_manual.c - an event loop sleeps on a manual pool's descriptor: each event wakes it.
 *
 * The loop has no time limit, and nothing else looks: a wake-up that is lost shows as an event that
 * is not handled, unless the next one comes to its rescue. So a single producer waits until each of
 * its events is handled and publishes the next one at a random moment of the 20 us in which the
 * poller arms the descriptor. The same for `released`, with the keeper as the one who wakes. Then a
 * crowd: several producers, guests that come and go, and a thread that polls, flushes and closes
 * pools in between.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "support.h"

enum { PRODUCERS_MAX = 3, FENCES = 2 };
#define LATENCY_MAX (100 * MILLISECOND)

enum kind { ALONE, BEHIND, RELEASED, CROWD, KINDS };
static const char *const names[] = { "alone", "behind", "released", "crowd" };

static weir_bus *bus;
static weir_pool *pool;
static weir_topic topic;
static bool one_by_one;
static uint64_t stop, slowest, polls, empty_polls, guests, released;
static uint64_t handled[PRODUCERS_MAX];         /* shared */
static uint64_t plain;                          /* of whoever polls: the pool's lock orders it */
static int loop_fd, stop_fd;

struct event { uint64_t published, number; uint32_t producer; };

static void
note_latency(uint64_t since)
{
	uint64_t took = now_ns() - since, before = get(&slowest);

	while (took > before && !__atomic_compare_exchange_n(&slowest, &before, took, 0,
	                                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct event *data = weir_event_data(event);

	(void)delivery, (void)context;
	note_latency(data->published);
	CHECK(data->number == get(&handled[data->producer]) + 1, "number %llu after %llu",
	      (ull)data->number, (ull)get(&handled[data->producer]));
	plain++;
	set(&handled[data->producer], data->number);
	return 0;
}

/* -- the loop --------------------------------------------------------------- */

static void
watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	CHECK(epoll_ctl(loop_fd, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void *
run_loop(void *argument)
{
	struct chance chance = chance_begin(100);
	struct epoll_event event;

	(void)argument;
	for (;;) {
		CHECK(epoll_wait(loop_fd, &event, 1, -1) == 1, "epoll_wait");
		if (event.data.fd == stop_fd)
			return NULL;
		add(&polls, 1);
		if (!weir_pool_poll(pool, 1 + chance_below(&chance, 30)))
			add(&empty_polls, 1);
	}
}

/* -- who publishes ---------------------------------------------------------- */

static void
wait_gap(struct chance *chance)
{
	uint64_t most = chance_one_in(chance, 8) ? 200 * MICROSECOND : 20 * MICROSECOND;
	uint64_t gap = chance_below(chance, (uint32_t)most);
	uint64_t end = now_ns() + gap;

	if (chance_one_in(chance, 64))
		sleep_ns(gap);
	while (now_ns() < end)
		;
}

/* At first without sleeping: the next event is to come while the poller is busy with this one. */
static void
wait_for_loop(const uint64_t *word, uint64_t least, const char *what)
{
	uint64_t end = now_ns() + 200 * MICROSECOND;

	while (get(word) < least && now_ns() < end)
		;
	wait_for(word, least, what);
}

static void *
run_producer(void *argument)
{
	uint32_t own = (uint32_t)(uintptr_t)argument;
	struct chance chance = chance_begin(own);
	struct event event = { 0, 0, own };
	weir_producer *producer;

	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	for (event.number = 1; !get(&stop); event.number++) {
		event.published = now_ns();
		CHECK_OK(weir_publish_wait(producer, topic, NULL, &event, sizeof event,
		                           WEIR_FOREVER));
		if (one_by_one || event.number % 32 == 0)
			wait_for_loop(&handled[own], event.number, "event: its wake-up is lost");
		wait_gap(&chance);
	}
	wait_for(&handled[own], event.number - 1, "last event: its wake-up is lost");
	weir_producer_close(producer);
	return NULL;
}

/* -- guests ----------------------------------------------------------------- */

struct guest { uint64_t left, running, calls; };

static int
visit(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct guest *guest = context;

	(void)event, (void)delivery;
	guest->running = 1;
	guest->calls++;
	guest->running = 0;
	return 0;
}

static void
bury(void *context)
{
	struct guest *guest = context;

	CHECK(!guest->running, "released while it runs");
	if (one_by_one)
		note_latency(get(&guest->left));
	guest->running = 1;
	free(guest);
	add(&released, 1);
}

static void
invite(struct chance *chance)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct guest *guest = calloc(1, sizeof *guest);
	weir_subscription subscription;

	CHECK(guest, "no memory");
	options.pool = pool;
	options.released = bury;
	CHECK_OK(weir_subscribe(bus, "a.*", visit, guest, &options, &subscription));
	if (!one_by_one)
		sleep_ns(chance_below(chance, 200 * MICROSECOND));
	set(&guest->left, now_ns());
	add(&guests, 1);
	if (!one_by_one && chance_one_in(chance, 2))
		CHECK_OK(weir_unsubscribe_wait(bus, subscription, WEIR_FOREVER));
	else
		CHECK_OK(weir_unsubscribe(bus, subscription));
}

/* Nothing but the keeper wakes the loop: each has to be released before the next. */
static void *
run_guests(void *argument)
{
	struct chance chance = chance_begin(200);

	(void)argument;
	while (!get(&stop)) {
		invite(&chance);
		if (one_by_one)
			wait_for_loop(&released, get(&guests), "`released`: its wake-up is lost");
	}
	wait_for(&released, get(&guests), "last `released`");
	return NULL;
}

/* -- in between ------------------------------------------------------------- */

/* A pool in front of nobody, and behind, that opens, is polled a little, and closes. */
static void
open_and_close(struct chance *chance)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_pool *const front = pool;
	weir_pool *other;
	int fd;

	options.dispatcher_count = WEIR_MANUAL;
	options.after = &front;
	options.after_count = chance_below(chance, 2);
	CHECK_OK(weir_pool_open(bus, &options, &other));
	if (chance_one_in(chance, 2))
		CHECK_OK(weir_pool_get_fd(other, &fd));
	for (uint32_t i = chance_below(chance, 30); i; i--)
		weir_pool_poll(other, 5);
	CHECK_OK(weir_pool_close(other, WEIR_FOREVER, NULL));
}

static void *
run_meddler(void *argument)
{
	struct chance chance = chance_begin(300);

	(void)argument;
	while (!get(&stop)) {
		switch (chance_below(&chance, 4)) {
		case 0:
			CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
			break;
		case 1:
			open_and_close(&chance);
			break;
		default:
			weir_pool_poll(pool, 1 + chance_below(&chance, 4));
		}
		sleep_ns(chance_below(&chance, 300 * MICROSECOND));
	}
	return NULL;
}

/* -- a run ------------------------------------------------------------------ */

static void
open_bus(enum kind kind, weir_fence fence)
{
	weir_bus_options options = quiet_options();
	weir_pool_options settings = WEIR_POOL_OPTIONS_INIT;
	weir_subscription_options wanted = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;
	weir_pool *front;
	int fd;

	options.fence = fence;
	options.ring_size = kind == CROWD ? 4096 : 0;
	settings.wait = WEIR_WAIT_PARK;
	settings.dispatcher_count = kind == BEHIND ? 1 : WEIR_MANUAL;
	CHECK_OK(weir_bus_open(&options, &settings, &bus));
	CHECK_OK(weir_topic_open(bus, "a.b", &topic));
	pool = front = weir_bus_default_pool(bus);
	settings.dispatcher_count = WEIR_MANUAL;
	settings.after = &front;
	settings.after_count = 1;
	if (kind == BEHIND)
		CHECK_OK(weir_pool_open(bus, &settings, &pool));
	wanted.pool = pool;
	CHECK_OK(weir_subscribe(bus, "a.b", handle, NULL, &wanted, &subscription));
	CHECK_OK(weir_pool_get_fd(pool, &fd));
	loop_fd = epoll_create1(0);
	stop_fd = eventfd(0, 0);
	CHECK(loop_fd >= 0 && stop_fd >= 0, "descriptors");
	watch(fd);
	watch(stop_fd);
}

/* The books, and in plain memory what all polls together have handled. */
static void
close_bus(void)
{
	uint64_t all = 0;

	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	books_check(bus);
	for (int i = 0; i < PRODUCERS_MAX; i++)
		all += handled[i];
	CHECK(plain == all, "%llu calls of %llu", (ull)plain, (ull)all);
	CHECK(released == guests, "%llu of %llu guests released", (ull)released, (ull)guests);
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
	close(loop_fd);
	close(stop_fd);
}

static void
begin(enum kind kind)
{
	set(&stop, 0);
	slowest = polls = empty_polls = guests = released = plain = 0;
	one_by_one = kind != CROWD;
	for (int i = 0; i < PRODUCERS_MAX; i++)
		handled[i] = 0;
}

static void
run(enum kind kind, weir_fence fence, uint64_t duration)
{
	uint32_t producers = kind == CROWD ? PRODUCERS_MAX : kind != RELEASED, count = 0;
	pthread_t loop, thread[PRODUCERS_MAX + 2];
	uint64_t away, one = 1;

	support_phase(names[kind]);
	begin(kind);
	open_bus(kind, fence);
	canary_begin();
	CHECK(pthread_create(&loop, NULL, run_loop, NULL) == 0, "thread");
	for (; count < producers; count++)
		CHECK(pthread_create(&thread[count], NULL, run_producer,
		                     (void *)(uintptr_t)count) == 0, "thread");
	if (kind == CROWD)
		CHECK(pthread_create(&thread[count++], NULL, run_meddler, NULL) == 0, "thread");
	if (kind == CROWD || kind == RELEASED)
		CHECK(pthread_create(&thread[count++], NULL, run_guests, NULL) == 0, "thread");
	sleep_ns(duration);
	set(&stop, 1);
	while (count)
		pthread_join(thread[--count], NULL);
	CHECK(write(stop_fd, &one, sizeof one) == sizeof one, "write");
	pthread_join(loop, NULL);
	away = canary_end();
	printf("%s, fence %s: %llu events, %llu guests, %llu polls, %llu of them empty, "
	       "slowest %.2f ms (machine away %.2f)\n",
	       names[kind], fence == WEIR_FENCE_AUTO ? "auto" : "publisher", (ull)plain,
	       (ull)guests, (ull)polls, (ull)empty_polls, (double)slowest / 1e6,
	       (double)away / 1e6);
	CHECK(slowest < LATENCY_MAX + 10 * away, "%.1f ms", (double)slowest / 1e6);
	CHECK(polls > 10, "never woken");
	close_bus();
}

int
main(void)
{
	struct holdings before;
	uint64_t each;

	support_begin("stress_manual");
	before = holdings_take();
	each = support_duration_ns() * 2 / (KINDS * FENCES);
	for (enum kind kind = ALONE; kind < KINDS; kind++)
		for (int fence = 0; fence < FENCES; fence++)
			run(kind, (weir_fence)fence, each);
	holdings_check(before, 16);
	return 0;
}
