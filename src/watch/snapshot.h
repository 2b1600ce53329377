/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - what views show: a look at a counters file, and what changed since the one before.
 *
 * Rates are by the second, over the time between the heartbeats of the two looks; NAN where there
 * is none: at the first look, and when the bus writes no more. A counter that is less than before
 * began again from 0. All text is clean (clean.h). Indices are within the arrays.
 */
#ifndef WI_WATCH_SNAPSHOT_H
#define WI_WATCH_SNAPSHOT_H

#include "watch/look.h"

enum wi_snapshot_state {
	WI_SNAPSHOT_ALIVE,
	WI_SNAPSHOT_STALE,      /* no heartbeat for 2 s: the process is stopped, or hangs as a whole */
	WI_SNAPSHOT_CLOSED,     /* the bus has been closed */
	WI_SNAPSHOT_GONE        /* the process has ended and has not closed it */
};

/* Who is in a handler for so long is stuck, as for the bus itself. */
#define WI_SNAPSHOT_STUCK_NS UINT64_C(1000000000)

struct wi_shown_pool {
	char name[65];
	weir_counters_pool now;
	double seen, routed, skipped, batches, parks, wakes;    /* rates */
};

struct wi_shown_dispatcher {
	char name[80];                  /* pool/index */
	weir_counters_dispatcher now;
	const char *in;                 /* the handler; NULL: none */
	uint64_t held_ns;               /* for so long it has been seen in the same call */
	bool stuck;
	double routed, batches, parks;  /* rates */
};

struct wi_shown_ring {
	char name[33];
	weir_counters_producer now;
	double fill;                    /* 0 to 1 */
	uint64_t refused_sum;
	double committed, bytes, refused;       /* rates */
};

struct wi_shown_handler {
	char name[65], pattern[257];
	weir_counters_subscription now;
	const char *pool;
	uint64_t skipped_sum;
	int32_t code;                   /* that it failed with most often */
	uint64_t code_count;            /* 0: it has not failed */
	bool code_other;                /* no code: all that came after the first seven */
	double ok, failed, skipped;     /* rates */
};

struct wi_snapshot {
	struct wi_look look;
	enum wi_snapshot_state state;
	char name[65], version[17];
	uint64_t uptime_ns, age_ns;     /* of the bus; of the heartbeat */
	uint64_t interval_ns;           /* that the rates are over; 0: none */
	double published, bytes, handled, failed, refused;      /* rates */
	double fullest;                 /* ring's fill, 0 to 1 */
	uint64_t stuck;                 /* dispatchers now */
	bool at_rest;                   /* the header's `lost` means something */
	struct wi_shown_pool *pools;
	struct wi_shown_dispatcher *dispatchers;
	struct wi_shown_ring *rings;
	struct wi_shown_handler *handlers;
	uint32_t pool_count, dispatcher_count, ring_count, handler_count;
};

/*
 * Takes the look over, also when it fails. `before`: the snapshot of the look before, or NULL.
 * now_ns: CLOCK_REALTIME. NULL: no memory.
 */
struct wi_snapshot *wi_snapshot_make(struct wi_look *look, const struct wi_snapshot *before,
				     uint64_t now_ns, bool process_lives);
void wi_snapshot_free(struct wi_snapshot *snapshot);

/* "active", ... and "unknown", for what the file may also hold. */
const char *wi_snapshot_handler_state(uint32_t state);
const char *wi_snapshot_state_text(enum wi_snapshot_state state);

#endif
