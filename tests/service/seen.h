/* SPDX-License-Identifier: MIT */
/* seen.h - a bus whose events are handled on the test's own thread, and what they were. */
#ifndef WI_TESTS_SEEN_H
#define WI_TESTS_SEEN_H

#include "unit.h"

#include <weir/service.h>

enum { SEEN_MAX = 64, SEEN_BYTES_MAX = 1024 };

struct seen {
	char topic[256];
	unsigned char bytes[SEEN_BYTES_MAX];    /* what `envelope` points into */
	weir_envelope envelope;
	int has_key, has_trace;
	uint64_t key, time;
	weir_trace trace;
	uint32_t hops, source;
};

struct seen_bus {
	weir_bus *bus;
	weir_pool *pool;
	weir_service *service;          /* "order" */
	uint32_t count;
	struct seen seen[SEEN_MAX];
};

/*
 * With WEIR_CLOCK_NONE events go the plain way; else they go the slow one, since publishers read the clock
 * while no dispatcher has a thread.
 */
extern weir_clock seen_clock;
/* Runs the tests both ways. */
#define seen_run(tests)                                                                            \
	((seen_clock = WEIR_CLOCK_NONE, cmocka_run_group_tests_name("plain", tests, NULL, NULL)) || \
	 (seen_clock = WEIR_CLOCK_TICK, cmocka_run_group_tests_name("slow", tests, NULL, NULL)))

/* A manual pool, rings of 4 KiB, a handler for all that keeps what it sees. */
void seen_open(struct seen_bus *bus);
/* Until there are none left; how many were handled since the last call, which seen[0] on are. */
uint32_t seen_poll(struct seen_bus *bus);
/* And `expected` of them, or the test fails. */
void seen_expect(struct seen_bus *bus, uint32_t expected);
/* The books of bus and service balance; closes both. */
void seen_close(struct seen_bus *bus);

weir_service_counts seen_counts(const weir_service *service);
weir_call_options seen_options(weir_operation operation);

#endif
