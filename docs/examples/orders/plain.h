/* SPDX-License-Identifier: MIT */
/*
 * plain.h - the same shop without weir, to compare with: the handlers are called by the request's
 *           own thread, or by another one, which takes announcements from a queue with a mutex.
 *
 * The handlers are the journal and the projection. Mail and warehouse are left out: a message takes
 * 10 ms, and nothing else would be seen.
 */
#ifndef ORDERS_PLAIN_H
#define ORDERS_PLAIN_H

#include <pthread.h>
#include <stdbool.h>

#include <weir/journal.h>
#include <weir/service.h>

#include "orders.h"
#include "projection.h"

/* What a request wants, or how it ended. */
struct announcement {
	weir_phase phase;
	enum order_action action;
	uint64_t number;
	char data[ORDERS_JSON_SIZE], result[ORDERS_JSON_SIZE];
	int code;
	const char *problem;
};

/* The handlers, with a journal and an orders database of their own. Of one thread at a time. */
struct listeners {
	weir_bus *bus;                  /* of the journal alone, without a thread */
	weir_producer *producer;
	weir_topic topics[WEIR_PHASE_FAILED + 1][ORDER_DELETE + 1];
	weir_journal *journal;
	struct projection projection;
	uint64_t events;
};

void listeners_open(struct listeners *listeners, const char *path);
void listeners_close(struct listeners *listeners);

/* -- called by the request's thread ----------------------------------------- */

struct direct {
	struct orders *orders;
	struct listeners listeners;
	pthread_mutex_t lock;           /* of the listeners */
};

void direct_open(struct direct *direct, struct orders *orders, const char *path);
void direct_close(struct direct *direct);
int direct_serve(struct direct *direct, const struct order_request *request,
                 struct order_result *ret_result);

/* -- called by a thread behind a queue -------------------------------------- */

struct queue_entry {
	struct queue_entry *next;
	struct announcement announcement;
};

struct queue {
	struct orders *orders;
	struct listeners listeners;     /* of the thread */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	struct queue_entry *first, **end;
	bool busy, stop;
};

void queue_open(struct queue *queue, struct orders *orders, const char *path);
void queue_close(struct queue *queue);
int queue_serve(struct queue *queue, const struct order_request *request,
                struct order_result *ret_result);
/* Wait until all that was announced is handled. */
void queue_drain(struct queue *queue);

#endif
