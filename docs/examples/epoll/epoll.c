/* SPDX-License-Identifier: MIT */
/*
 * epoll.c - an event loop that handles a bus's events on its own thread, beside a timer.
 *
 * The default pool is a manual one: it has no thread, and its descriptor is readable while events
 * may wait. A worker publishes; the loop ends when it has seen all, and then closes the bus.
 *
 * Build it against an installed weir:
 *   cc -o epoll epoll.c $(pkg-config --cflags --libs weir) -pthread
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <weir/weir.h>

enum { REPORTS = 5, AT_ONCE = 256 };

static weir_bus *bus;
static unsigned reports; /* plain: all handlers run on the loop's thread */

static void
check(int done, const char *what)
{
	if (done)
		return;
	fprintf(stderr, "epoll: %s failed\n", what);
	exit(EXIT_FAILURE);
}

static int
on_report(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const unsigned *number = weir_event_data(event);

	(void)context;
	printf("%s %u\n", weir_topic_name(delivery->bus, weir_event_topic(event)), *number);
	reports++;
	return 0;
}

static void *
work(void *argument)
{
	weir_producer *producer;
	weir_topic topic;

	(void)argument;
	check(weir_thread_get_producer(bus, &producer) == WEIR_OK, "producer");
	check(weir_topic_open(bus, "report.after.create", &topic) == WEIR_OK, "topic");
	for (unsigned number = 1; number <= REPORTS; number++) {
		check(weir_publish(producer, topic, &number, sizeof(number)) == WEIR_OK, "publish");
		usleep(2000);
	}
	return NULL;
}

static void
watch(int loop, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	check(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

int
main(void)
{
	const struct itimerspec period = {{0, 1000000}, {0, 1000000}};
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	int loop = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0), events;
	unsigned long long ticks = 0, passed;
	weir_subscription subscription;
	struct epoll_event event;
	pthread_t worker;

	options.dispatcher_count = WEIR_MANUAL;
	check(weir_bus_open(NULL, &options, &bus) == WEIR_OK, "open");
	check(weir_subscribe(bus, "report.>", on_report, NULL, NULL, &subscription) == WEIR_OK,
	      "subscribe");
	check(weir_pool_get_fd(weir_bus_default_pool(bus), &events) == WEIR_OK, "descriptor");
	check(timerfd_settime(timer, 0, &period, NULL) == 0, "timer");
	watch(loop, events);
	watch(loop, timer);
	check(pthread_create(&worker, NULL, work, NULL) == 0, "thread");
	while (reports < REPORTS || ticks == 0) {
		check(epoll_wait(loop, &event, 1, -1) == 1, "epoll_wait");
		if (event.data.fd == events)
			weir_pool_poll(weir_bus_default_pool(bus), AT_ONCE);
		else if (read(timer, &passed, sizeof(passed)) == sizeof(passed))
			ticks += passed;
	}
	pthread_join(worker, NULL);
	check(weir_bus_close(bus, WEIR_FOREVER, NULL) == WEIR_OK, "close");
	close(timer);
	close(loop);
	printf("%u reports, the timer ticked meanwhile\n", reports);
	return EXIT_SUCCESS;
}
