/* SPDX-License-Identifier: MIT */
/*
 * peer.h - the face of a peer: what it is, and how a load is run through it.
 *
 * Each peer is a program of its own: peer_main.c with one `peer`. A load is opened, run once and
 * closed. run() holds both loops, compiled in the peer's own file, so that nothing of what is
 * compared is called through a pointer for each event but the handler.
 */
#ifndef PEERS_PEER_H
#define PEERS_PEER_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "machine.h"    /* C alone */

enum {
	PEER_TOPICS = 64,
	PEER_CAPACITY = 4096,           /* events that a ring or queue may hold */
	PEER_WAITS = 24,
	PEER_PRODUCERS = 3,
	PEER_CONSUMERS = 3,
	PEER_BATCH_MAX = 256,
};

enum peer_scenario {
	PEER_1P1C,
	PEER_1P3C,              /* each consumer sees each event */
	PEER_3P1C,
	PEER_PIPELINE,          /* three consumers, one behind the other */
	PEER_DIAMOND,           /* two, and a third when both are done */
	PEER_SCENARIOS,
};

#define PEER_ALL_SCENARIOS ((1u << PEER_SCENARIOS) - 1)

/* What a consumer does when there is nothing, and how the peer's calls are used. */
struct peer_wait {
	const char *name;       /* NULL ends a list */
	unsigned pauses;        /* after an empty look; 0: yield, or what the peer itself does */
	unsigned variant;       /* the peer's own */
};

#define PEER_BARE_WAITS(suffix, variant) \
	{ "pause-1" suffix, 1, variant }, { "pause-16" suffix, 16, variant }, \
	{ "pause-64" suffix, 64, variant }, { "yield" suffix, 0, variant }

/* Of one consumer, written by its handler alone: on a line of its own. */
struct consumer {
	__attribute__((aligned(MACHINE_LINE)))
	uint64_t sum;           /* of all payload words */
	uint64_t count;
	uint64_t wrong;         /* not 0: not in order; open loop: the moment of the event before */
	uint64_t expected;      /* count at which the end is stamped */
	uint64_t end_ns;
	uint32_t *late_ns;      /* open loop: of each event */
	const struct consumer *front[2];        /* who must have had an event before; NULL: nobody */
};

struct peer_load {
	enum peer_scenario scenario;
	uint32_t size;          /* of the payload: 8, 48 or 256 */
	uint32_t batch;         /* events a commit: 1, 16 or 256 */
	bool split;             /* producers on the first processor, consumers on the second */
	const struct peer_wait *wait;
	uint64_t events;        /* published in all; a multiple of the number of producers */
	uint64_t rate;          /* a second, one producer and one consumer; 0: closed loop */
	uint32_t producer_count, consumer_count;
	bool producers_share, consumers_share;  /* a processor, with each other */

	/* What became of it. */
	struct consumer *consumers;
	uint64_t begin_ns;      /* when the first producer began */
	uint64_t sent_sum, sent_late;           /* open loop */
	const char *error;      /* set by who notices; NULL: none */
};

struct peer {
	const char *name;       /* of the program, without peer- */
	const char *what;       /* one line: project and calls */
	const char *package;    /* Debian's; "" for none */
	const char *version;
	const char *kind;       /* routed, bare, waking, emitter or weir */
	unsigned scenarios;     /* bits 1u << PEER_... */
	bool batches;           /* 16 and 256 too */
	struct peer_wait waits[PEER_WAITS];

	/* NULL after load->error was set. */
	void *(*open)(struct peer_load *load);
	/* Returns when all consumers have handled all events; false after load->error was set. */
	bool (*run)(void *state, struct peer_load *load);
	void (*close)(void *state, struct peer_load *load);
};

extern const struct peer peer;

#ifdef __cplusplus
}
#endif
#endif
