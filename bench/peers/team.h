/* SPDX-License-Identifier: MIT */
/*
 * team.h - the threads of a load: pinned, started together, waited for.
 *
 * Who never comes to its end (an event was lost) is reported: the program prints its line and ends.
 */
#ifndef PEERS_TEAM_H
#define PEERS_TEAM_H

#include <pthread.h>
#include <sched.h>

#include "peer.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { TEAM_MAX = PEER_PRODUCERS + PEER_CONSUMERS };

struct team;

struct member {
	void (*body)(struct member *me);
	void *context;          /* the peer's */
	struct peer_load *load;
	struct team *team;
	uint32_t index;         /* among the producers or consumers */
	bool consumes;
	uint64_t begin_ns;      /* a producer's, as it leaves the barrier */
	pthread_t thread;
};

struct team {
	struct peer_load *load;
	uint32_t count, arrived;
	struct member members[TEAM_MAX];
};

void team_begin(struct team *team, struct peer_load *load);
void team_add_producers(struct team *team, void (*body)(struct member *me), void *context);
void team_add_consumer(struct team *team, void (*body)(struct member *me), void *context);

/* Start all, wait for all; sets load->begin_ns. False after load->error was set. */
bool team_run(struct team *team);

/* For peers with consumers of their own: wait until each has handled what is expected. */
bool team_wait_for_handlers(struct peer_load *load);

/* The first number of the index-th producer's events; of index producer_count: their end. */
static inline uint64_t
team_first(const struct peer_load *load, uint32_t index)
{
	return load->events / load->producer_count * index;
}

/* No room: as politely as weir's producers in the benchmarks. */
static inline void
team_pause_full(bool shares)
{
	if (!shares) {
		machine_pause(8);
		return;
	}
	machine_pause(50);
	sched_yield();
}

static inline void
team_pause_empty(unsigned pauses)
{
	if (pauses)
		machine_pause(pauses);
	else
		sched_yield();
}

#ifdef __cplusplus
}
#endif
#endif
