/* SPDX-License-Identifier: MIT */
/* publishers.c - how events get from the tapes into the rings. */
#include "publishers.h"

#include "stopwatch.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WAIT_SLICE_NS (50 * WI_STOPWATCH_MS) /* how late a full ring may notice the stop */

weir_status
wi_publishers_open(struct wi_publishers *publishers, weir_bus *bus, unsigned count)
{
	*publishers = (struct wi_publishers){.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	pthread_mutex_init(&publishers->gate, NULL);
	publishers->list = calloc(count, sizeof(*publishers->list));
	if (publishers->list == NULL || publishers->done_fd < 0)
		return WEIR_ENOMEM;
	for (; publishers->count < count; publishers->count++) {
		struct wi_publisher *publisher = &publishers->list[publishers->count];
		weir_status status = weir_producer_open(bus, NULL, &publisher->producer);

		if (status != WEIR_OK)
			return status;
		publisher->all = publishers;
	}
	return WEIR_OK;
}

/* The ring is full: wait_publish() until it is published, refused for good, or time to stop. */
static weir_status
wait_publish(struct wi_publisher *publisher, const struct wi_tape_event *event)
{
	uint64_t start_ns = wi_stopwatch_now();
	weir_status status;

	do
		status = weir_publish_wait(publisher->producer, event->topic, &event->attributes,
					   event->data, event->size, WAIT_SLICE_NS);
	while (status == WEIR_ETIMEDOUT && !atomic_load(&publisher->all->stopping));
	publisher->wait_count++;
	publisher->wait_ns += wi_stopwatch_now() - start_ns;
	return status;
}

/* One pass over the tape; rest_count is how far it came. False: not to the end. */
static bool
publish_tape(struct wi_publisher *publisher)
{
	struct wi_tape_cursor cursor = wi_tape_begin(&publisher->tape);
	struct wi_tape_event event;

	for (publisher->rest_count = 0; wi_tape_next(&cursor, &event); publisher->rest_count++) {
		weir_status status;

		if (atomic_load(&publisher->all->stopping))
			return false;
		status = weir_publish_with(publisher->producer, event.topic, &event.attributes,
					   event.data, event.size);
		if (status == WEIR_EFULL)
			status = wait_publish(publisher, &event);
		if (status != WEIR_OK) {
			/* A stop that ended the wait is no failure. */
			publisher->status = status == WEIR_ETIMEDOUT ? WEIR_OK : status;
			return false;
		}
	}
	publisher->rest_count = 0;
	return true;
}

static void *
run(void *context)
{
	struct wi_publisher *publisher = context;
	struct wi_publishers *all = publisher->all;

	pthread_mutex_lock(&all->gate);
	pthread_mutex_unlock(&all->gate);
	while (publisher->pass_count < all->repeat && publish_tape(publisher))
		publisher->pass_count++;
	if (publisher->status != WEIR_OK)
		wi_publishers_stop(all);
	eventfd_write(all->done_fd, 1);
	return NULL;
}

weir_status
wi_publishers_start(struct wi_publishers *publishers, uint64_t repeat)
{
	weir_status status = WEIR_OK;

	publishers->repeat = repeat;
	pthread_mutex_lock(&publishers->gate);
	for (unsigned i = 0; i < publishers->count && status == WEIR_OK; i++) {
		if (pthread_create(&publishers->list[i].thread, NULL, run, &publishers->list[i]) ==
		    0)
			publishers->started_count++;
		else
			status = WEIR_ENOMEM;
	}
	if (status != WEIR_OK)
		wi_publishers_stop(publishers);
	pthread_mutex_unlock(&publishers->gate);
	return status;
}

bool
wi_publishers_done(struct wi_publishers *publishers)
{
	eventfd_t count;

	if (eventfd_read(publishers->done_fd, &count) == 0)
		publishers->done_count += (unsigned)count;
	return publishers->done_count == publishers->started_count;
}

void
wi_publishers_stop(struct wi_publishers *publishers)
{
	atomic_store(&publishers->stopping, true);
}

void
wi_publishers_join(struct wi_publishers *publishers)
{
	for (unsigned i = 0; i < publishers->started_count; i++)
		pthread_join(publishers->list[i].thread, NULL);
	publishers->started_count = 0;
	for (unsigned i = 0; i < publishers->count; i++) {
		if (publishers->list[i].producer != NULL)
			weir_producer_close(publishers->list[i].producer);
		publishers->list[i].producer = NULL;
	}
}

void
wi_publishers_close(struct wi_publishers *publishers)
{
	wi_publishers_join(publishers);
	for (unsigned i = 0; i < publishers->count; i++)
		wi_tape_fini(&publishers->list[i].tape);
	free(publishers->list);
	if (publishers->done_fd >= 0)
		close(publishers->done_fd);
	pthread_mutex_destroy(&publishers->gate);
	*publishers = (struct wi_publishers){.done_fd = -1};
}
