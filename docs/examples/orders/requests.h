/* SPDX-License-Identifier: MIT */
/* requests.h - threads that ask for things, a thousand times a second each, and take the time. */
#ifndef ORDERS_REQUESTS_H
#define ORDERS_REQUESTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orders.h"

enum { REQUESTS_THREADS = 3, REQUESTS_RATE = 1000, REQUESTS_KNOWN = 256 };

/* A way to serve requests, and what the threads found out about it. */
struct way {
	const char *name;
	struct orders *orders;          /* that `serve` works on: for numbers */
	int (*serve)(void *context, const struct order_request *request,
		     struct order_result *ret_result);
	void *context;
};

/* Of one thread and one way. */
struct requests_seen {
	uint64_t tried, done, refused;
	/* Of each request: all of it, and what of it was not the database's. */
	uint32_t *whole_ns, *announcing_ns;
	size_t room;
};

struct requests_figures {
	uint64_t tried, done, refused;
	uint32_t whole_ns[2], announcing_ns[2];         /* median, p99 */
};

enum { REQUESTS_WAYS = 3 };

struct requests_thread {
	struct requests *requests;
	pthread_t thread;
	uint64_t random;
	/* Orders that it knows of, for each way; 0: none. */
	uint64_t known[REQUESTS_WAYS][REQUESTS_KNOWN];
	struct requests_seen seen[REQUESTS_WAYS];
};

struct requests {
	const struct way *ways;
	int way;                        /* -1: it is over; read between the barriers */
	pthread_barrier_t gate;
	atomic_bool stop;
	struct requests_thread threads[REQUESTS_THREADS];
};

/* ways: REQUESTS_WAYS of them, which stay. */
void requests_open(struct requests *requests, const struct way *ways);
/* No thread asks for anything between an end and the next begin. */
void requests_begin(struct requests *requests, int way);
void requests_end(struct requests *requests);
void requests_close(struct requests *requests);

/* After the close, once for each way. */
void requests_get_figures(struct requests *requests, int way, struct requests_figures *ret_figures);

#endif
