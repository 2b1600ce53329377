/* SPDX-License-Identifier: MIT */
/*
 * stress_close.c - thousands of buses that open, carry some events from some threads, and close.
 *
 * Whatever publish accepted before or while the bus closed must have been handled when close
 * returns; what it refused was refused as WEIR_ECLOSED. Threads go on publishing after the bus is
 * gone, with producers that are closed by hand, by the end of the thread, or before the close. No
 * thread, file or mapping may stay: a leak of one in each cycle is thousands.
 */
#include <pthread.h>
#include <stdio.h>

#include "support.h"

enum { WARM_UP = 100, THREADS = 2, CYCLES_MIN = 300 };

/* One cycle. */
struct cycle {
	weir_bus *bus;
	weir_topic topic;
	uint64_t handled, accepted, refused;
	uint32_t publishing;            /* threads that have a producer and go on to publish */
	uint64_t closed;                /* weir_bus_close() has returned */
};

enum manner { CLOSE_BEFORE, CLOSE_AFTER, LEAVE_OPEN, THREADS_OWN, MANNERS };

struct publisher {
	struct cycle *cycle;
	struct chance chance;
	enum manner manner;
	pthread_t thread;
};

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct cycle *cycle = context;

	(void)delivery;
	CHECK(event->size == 8, "size %u", event->size);
	add(&cycle->handled, 1);
	return 0;
}

static void
publish(struct publisher *own, weir_producer *producer)
{
	weir_status status = weir_publish(producer, own->cycle->topic, "8 bytes", 8);

	if (status == WEIR_OK) {
		add(&own->cycle->accepted, 1);
	} else {
		CHECK_STATUS(WEIR_ECLOSED, status);
		add(&own->cycle->refused, 1);
	}
}

static void *
run_publisher(void *argument)
{
	struct publisher *own = argument;
	struct cycle *cycle = own->cycle;
	weir_producer *producer;

	if (own->manner == THREADS_OWN)
		CHECK_OK(weir_thread_get_producer(cycle->bus, &producer));
	else
		CHECK_OK(weir_producer_open(cycle->bus, NULL, &producer));
	add(&cycle->publishing, 1);
	for (uint32_t count = chance_below(&own->chance, 4); count; count--)
		publish(own, producer);
	if (own->manner == CLOSE_BEFORE) {
		weir_producer_close(producer);
		return NULL;
	}
	if (own->manner == LEAVE_OPEN) {
		void *data;

		weir_reserve(producer, cycle->topic, NULL, 8, &data);
	}
	while (!get(&cycle->closed))
		sleep_ns(20 * MICROSECOND);
	CHECK_STATUS(WEIR_ECLOSED, weir_commit(producer));
	CHECK_STATUS(WEIR_ECLOSED, weir_publish(producer, cycle->topic, "8 bytes", 8));
	if (own->manner != THREADS_OWN)
		weir_producer_close(producer);
	return NULL;
}

static void
open_bus(struct cycle *cycle, struct chance *chance)
{
	static const weir_wait wait[] = { WEIR_WAIT_ADAPTIVE, WEIR_WAIT_SPIN, WEIR_WAIT_PARK };
	weir_bus_options options = quiet_options();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_subscription subscription;

	options.ring_size = 4096u << chance_below(chance, 3);
	options.fence = (weir_fence)chance_below(chance, 2);
	pool.dispatcher_count = 1 + chance_below(chance, 2);
	/* One in eight: spinning takes a processor from those who publish. */
	pool.wait = chance_one_in(chance, 8) ? WEIR_WAIT_SPIN : wait[2 * chance_below(chance, 2)];
	*cycle = (struct cycle){ 0 };
	CHECK_OK(weir_bus_open(&options, &pool, &cycle->bus));
	CHECK_OK(weir_topic_open(cycle->bus, "close.after.create", &cycle->topic));
	CHECK_OK(weir_subscribe(cycle->bus, "close.>", handle, cycle, NULL, &subscription));
}

/* Gives the number of events. */
static uint64_t
run_cycle(struct chance *chance, uint64_t *refused)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	struct publisher publisher[THREADS];
	struct cycle cycle;
	uint32_t count = chance_below(chance, THREADS + 1);

	open_bus(&cycle, chance);
	for (uint32_t i = 0; i < count; i++) {
		publisher[i] = (struct publisher){ &cycle, { chance_next(chance) },
		                                   (enum manner)chance_below(chance, MANNERS), 0 };
		CHECK(pthread_create(&publisher[i].thread, NULL, run_publisher, &publisher[i]) == 0,
		      "no thread");
	}
	while (get(&cycle.publishing) < count)
		;
	CHECK_OK(weir_bus_close(cycle.bus, WEIR_FOREVER, &report));
	CHECK(report.undelivered == 0, "undelivered %llu", (ull)report.undelivered);
	CHECK(get(&cycle.handled) >= report.delivered, "delivered %llu, handled %llu",
	      (ull)report.delivered, (ull)cycle.handled);
	set(&cycle.closed, 1);
	for (uint32_t i = 0; i < count; i++)
		pthread_join(publisher[i].thread, NULL);
	CHECK(cycle.handled == cycle.accepted, "accepted %llu, handled %llu",
	      (ull)cycle.accepted, (ull)cycle.handled);
	*refused += cycle.refused;
	return cycle.accepted;
}

int
main(void)
{
	uint64_t cycles = 0, events = 0, refused = 0, end;
	struct holdings before;
	struct chance chance;

	support_begin("stress_close");
	chance = chance_begin(0);
	support_phase("warming up");
	while (cycles < WARM_UP)
		events += run_cycle(&chance, &refused), cycles++;
	before = holdings_take();
	support_phase("running");
	end = now_ns() + support_duration_ns();
	while (now_ns() < end || cycles < CYCLES_MIN)
		events += run_cycle(&chance, &refused), cycles++;
	holdings_check(before, 16);
	printf("%llu cycles, %llu events accepted and handled, %llu refused by a bus that closes\n",
	       (ull)cycles, (ull)events, (ull)refused);
	CHECK(refused, "no publish met a bus that closes");
	return 0;
}
