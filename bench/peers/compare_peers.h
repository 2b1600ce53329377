/* SPDX-License-Identifier: MIT */
/* compare_peers.h - the peers: which there are, what they say of themselves, one run of one. */
#ifndef BENCH_COMPARE_PEERS_H
#define BENCH_COMPARE_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#include "compare_run.h"

struct cell;

struct peer {
	const char *name;
	const char *package;            /* Debian's, for the program to be built or run */
	bool slow_start;                /* a run takes seconds beside what is timed */
	enum { PEER_THERE, PEER_MISSING, PEER_FAILED } state;
	char path[512];
	char error[256];                /* unless PEER_THERE */
	json_t *list;                   /* what --list answers */
	const char *kind;               /* routed, bare, waking, emitter or weir */
	const char *what, *version;     /* in `list`; NULL without */
};

enum { PEERS = 14 };

/* The first one is weir itself. */
extern struct peer peers[PEERS];

/* Look for each one's program in a directory, and ask it. */
void peers_find(const char *directory, double timeout);

struct peer *peer_named(const char *name);
bool peer_is(const struct peer *peer, const char *kind);

/* Does it claim to be able to do this? */
bool peer_claims(const struct peer *peer, const struct cell *cell);

/* How a run waits and where it runs. */
struct choice {
	const char *wait, *place;
};

/* What one run measured. Of latencies, in ns, only open loops have any. */
struct sample {
	double ns;                      /* an event */
	double p50, p90, p99, p999, max, behind;
	double cpu_seconds, wall_seconds;
};

/* RUN_OK, or what was wrong in error[256]. seconds: of the timed part. */
int peer_measure(const struct peer *peer, const struct cell *cell, const struct choice *choice,
                 double seconds, double timeout, struct sample *ret_sample, char *error);

#endif
