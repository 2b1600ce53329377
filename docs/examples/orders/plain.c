/* SPDX-License-Identifier: MIT */
/* plain.c - see plain.h. What is not weir here is as short and as quick as it can be. */
#include "plain.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

/* -- the handlers ----------------------------------------------------------- */

static void
open_topics(struct listeners *listeners)
{
	static const char *const phases[] = {[WEIR_PHASE_BEFORE] = "before",
					     [WEIR_PHASE_AFTER] = "after",
					     [WEIR_PHASE_FAILED] = "failed"};
	static const char *const actions[] = {[ORDER_CREATE] = "create", [ORDER_UPDATE] = "update",
	                                      [ORDER_PAY] = "pay", [ORDER_DELETE] = "delete"};
	char name[64];

	for (int phase = WEIR_PHASE_BEFORE; phase <= WEIR_PHASE_FAILED; phase++)
		for (int action = ORDER_CREATE; action <= ORDER_DELETE; action++) {
			snprintf(name, sizeof(name), "order.%s.%s", phases[phase], actions[action]);
			check(weir_topic_open(listeners->bus, name,
					      &listeners->topics[phase][action]),
			      name);
		}
}

/*
 * The journal's own code, called at once: its pool has no thread, so that whoever polls it writes.
 */
void
listeners_open(struct listeners *listeners, const char *path)
{
	weir_journal_options options = WEIR_JOURNAL_OPTIONS_INIT;
	weir_bus_options bus = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;

	*listeners = (struct listeners){0};
	bus.stats_dir = "";
	pool.dispatcher_count = WEIR_MANUAL;
	check(weir_bus_open(&bus, &pool, &listeners->bus), "the bus of a journal");
	check(weir_producer_open(listeners->bus, NULL, &listeners->producer), "its producer");
	open_topics(listeners);
	options.path = path;
	check(weir_journal_open(listeners->bus, &options, &listeners->journal), path);
}

void
listeners_close(struct listeners *listeners)
{
	check(weir_journal_close(listeners->journal, 10000000000), "closing a journal");
	weir_producer_close(listeners->producer);
	check(weir_bus_close(listeners->bus, 10000000000, NULL), "closing its bus");
}

/* Into the transaction that listeners_commit() ends. */
static void
listeners_take(struct listeners *listeners, const struct announcement *announcement)
{
	weir_topic topic = listeners->topics[announcement->phase][announcement->action];
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_envelope envelope = WEIR_ENVELOPE_INIT;
	char text[4 * ORDERS_JSON_SIZE];
	int length;

	attributes.flags = WEIR_ATTRIBUTE_KEY;
	attributes.key = announcement->number;
	length = snprintf(text, sizeof(text),
			  "{\"data\":%s,\"result\":%s,\"code\":%d,\"error\":\"%s\"}",
			  announcement->data, announcement->result, announcement->code,
			  announcement->problem);
	check(weir_publish_with(listeners->producer, topic, &attributes, text, (uint32_t)length),
	      "a journal's row");
	listeners->events++;
	if (announcement->phase != WEIR_PHASE_AFTER)
		return;
	envelope.result = weir_json(announcement->result);
	if (projection_take(&listeners->projection, &envelope))
		fail("a projection cannot read %s", announcement->result);
}

static void
listeners_commit(struct listeners *listeners)
{
	while (weir_pool_poll(weir_bus_default_pool(listeners->bus), UINT32_MAX) > 0)
		;
}

/* -- announcements ---------------------------------------------------------- */

static void
announce_begin(const struct order_request *request, struct announcement *announcement)
{
	*announcement = (struct announcement){
		.phase = WEIR_PHASE_BEFORE,
		.action = request->action,
		.number = request->number,
		.result = "null",
		.problem = "",
	};
	order_request_json(request, announcement->data);
}

static void
announce_end(const struct order_result *result, struct announcement *announcement)
{
	announcement->phase = result->code ? WEIR_PHASE_FAILED : WEIR_PHASE_AFTER;
	announcement->code = result->code;
	announcement->problem = result->problem;
	if (result->code == 0)
		order_change_json(&result->change, announcement->result);
}

/* -- called by the request's thread ----------------------------------------- */

void
direct_open(struct direct *direct, struct orders *orders, const char *path)
{
	direct->orders = orders;
	pthread_mutex_init(&direct->lock, NULL);
	listeners_open(&direct->listeners, path);
}

void
direct_close(struct direct *direct)
{
	listeners_close(&direct->listeners);
	pthread_mutex_destroy(&direct->lock);
}

static void
direct_announce(struct direct *direct, const struct announcement *announcement)
{
	pthread_mutex_lock(&direct->lock);
	listeners_take(&direct->listeners, announcement);
	listeners_commit(&direct->listeners);
	pthread_mutex_unlock(&direct->lock);
}

int
direct_serve(struct direct *direct, const struct order_request *request,
	     struct order_result *ret_result)
{
	struct announcement announcement;

	announce_begin(request, &announcement);
	direct_announce(direct, &announcement);
	orders_perform(direct->orders, request, ret_result);
	announce_end(ret_result, &announcement);
	direct_announce(direct, &announcement);
	return ret_result->code;
}

/* -- called by a thread behind a queue -------------------------------------- */

/* All that is there, in one transaction of the journal. NULL: the end. */
static struct queue_entry *
queue_take(struct queue *queue)
{
	struct queue_entry *all;

	pthread_mutex_lock(&queue->lock);
	queue->busy = false;
	if (!queue->first)
		pthread_cond_broadcast(&queue->emptied);
	while (!queue->first && !queue->stop)
		pthread_cond_wait(&queue->filled, &queue->lock);
	all = queue->first;
	queue->first = NULL;
	queue->end = &queue->first;
	queue->busy = true;
	pthread_mutex_unlock(&queue->lock);
	return all;
}

static void *
queue_run(void *context)
{
	struct queue *queue = context;
	struct queue_entry *entry;

	while ((entry = queue_take(queue))) {
		for (unsigned count = 0; entry; count++) {
			struct queue_entry *next = entry->next;

			listeners_take(&queue->listeners, &entry->announcement);
			free(entry);
			entry = next;
			if (count % 256 == 255)         /* a ring has room for more */
				listeners_commit(&queue->listeners);
		}
		listeners_commit(&queue->listeners);
	}
	return NULL;
}

void
queue_open(struct queue *queue, struct orders *orders, const char *path)
{
	*queue = (struct queue){.orders = orders};
	queue->end = &queue->first;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->filled, NULL);
	pthread_cond_init(&queue->emptied, NULL);
	listeners_open(&queue->listeners, path);
	if (pthread_create(&queue->thread, NULL, queue_run, queue))
		fail("no thread for the queue");
}

void
queue_drain(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->first || queue->busy)
		pthread_cond_wait(&queue->emptied, &queue->lock);
	pthread_mutex_unlock(&queue->lock);
}

void
queue_close(struct queue *queue)
{
	queue_drain(queue);
	pthread_mutex_lock(&queue->lock);
	queue->stop = true;
	pthread_cond_signal(&queue->filled);
	pthread_mutex_unlock(&queue->lock);
	pthread_join(queue->thread, NULL);
	listeners_close(&queue->listeners);
	pthread_cond_destroy(&queue->emptied);
	pthread_cond_destroy(&queue->filled);
	pthread_mutex_destroy(&queue->lock);
}

static void
queue_announce(struct queue *queue, const struct announcement *announcement)
{
	struct queue_entry *entry = malloc(sizeof(*entry));

	if (!entry)
		fail("out of memory");
	*entry = (struct queue_entry){.announcement = *announcement};
	pthread_mutex_lock(&queue->lock);
	*queue->end = entry;
	queue->end = &entry->next;
	pthread_cond_signal(&queue->filled);
	pthread_mutex_unlock(&queue->lock);
}

int
queue_serve(struct queue *queue, const struct order_request *request,
	    struct order_result *ret_result)
{
	struct announcement announcement;

	announce_begin(request, &announcement);
	queue_announce(queue, &announcement);
	orders_perform(queue->orders, request, ret_result);
	announce_end(ret_result, &announcement);
	queue_announce(queue, &announcement);
	return ret_result->code;
}
