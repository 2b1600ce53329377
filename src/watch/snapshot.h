/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - what views show: a look at a counters file, and what changed since the one before.
 *
 * Rates are by the second, over the time between the heartbeats of the two looks (the interval);
 * NAN where there is none: at the first look, and when the bus writes no more. A counter that is
 * less than before began again from 0. Shares are from 0 to 1. All text is clean (clean.h). Indices
 * are within the arrays.
 */
#ifndef WI_WATCH_SNAPSHOT_H
#define WI_WATCH_SNAPSHOT_H

#include "watch/look.h"
#include "watch/times.h"

enum wi_snapshot_state {
	WI_SNAPSHOT_ALIVE,
	WI_SNAPSHOT_STALE,      /* no heartbeat for 2 s: the process is stopped, or hangs as a whole */
	WI_SNAPSHOT_CLOSED,     /* the bus has been closed */
	WI_SNAPSHOT_GONE        /* the process has ended and has not closed it */
};

/* Who is in a handler for so long is stuck, as for the bus itself. */
#define WI_SNAPSHOT_STUCK_NS UINT64_C(1000000000)

/* Times of what was measured in the interval, or of all since the bus was opened. */
struct wi_shown_times {
	struct wi_times_summary of;
	bool ever;
};

struct wi_shown_pool {
	char name[65];
	weir_counters_pool now;
	uint32_t was;   /* its index in the snapshot before; UINT32_MAX: none */
	double busy;    /* share of its dispatchers' time; NAN: no interval */
	double busy_ns; /* their time, in the interval; if there is none, ever */
	double seen, routed, skipped, batches, parks, wakes;    /* rates */
	struct wi_shown_times waiting;    /* not known where nothing came in the interval */
	const weir_counters_times *times; /* NULL: none */
};

struct wi_shown_dispatcher {
	char name[80];                  /* pool/index */
	weir_counters_dispatcher now;
	const char *in;                 /* the handler; NULL: none */
	uint64_t held_ns;               /* for so long it has been seen in the same call */
	bool stuck;
	double busy;                    /* share of its time; NAN: no interval */
	uint64_t open_ns;               /* at least so long in the batch that is not over */
	double routed, batches, parks;  /* rates */
};

/* In what a pool's dispatchers were while a ring was full. */
struct wi_shown_blame {
	const char *in;   /* the handler; NULL: none */
	const char *pool; /* NULL: it has been closed */
	uint64_t subscription;
	uint32_t place; /* of the pool */
	uint64_t ns;
};

struct wi_shown_span {
	uint64_t ns; /* full for so long; the parts need not add up to it */
	uint32_t blame_count;
	struct wi_shown_blame blame[WEIR_COUNTERS_BLAME_COUNT]; /* the greatest first */
};

struct wi_shown_full {
	struct wi_shown_span interval, ever;
	/* When it became full last: what the dispatchers of the pool were in. */
	const char *pool; /* NULL: not known */
	uint32_t in_count;
	const char *in[WEIR_COUNTERS_IN_COUNT]; /* NULL: in no handler */
};

struct wi_shown_ring {
	char name[33];
	weir_counters_producer now;
	double fill, high;         /* shares of the ring: now, the most */
	const char *slowest;       /* the pool furthest behind; NULL: none */
	double full;               /* share of the interval; NAN: none */
	struct wi_shown_full *why; /* NULL: it was never full */
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
	double share;                   /* of its pool's busy time; NAN: not known */
	double open_ns;                 /* of calls that have not returned */
	struct wi_shown_times handling;
	const weir_counters_times *times; /* NULL: none */
};

struct wi_snapshot {
	struct wi_look look;
	enum wi_snapshot_state state;
	char name[65], version[17];
	uint64_t uptime_ns, age_ns;     /* of the bus; of the heartbeat */
	uint64_t interval_ns;           /* that the rates are over; 0: none */
	double published, bytes, handled, failed, refused;      /* rates */
	double fullest;                                         /* ring's fill */
	double busiest;                                         /* pool's share; NAN: no interval */
	double full; /* of the interval: the ring that was full longest; NAN */
	const struct wi_shown_pool
		*slowest; /* whose events waited longest, by the 99th; NULL: not known */
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

/* As it was named, or its pattern. */
const char *wi_snapshot_handler_name(const struct wi_shown_handler *handler);

/* "active", ... and "unknown", for what the file may also hold. */
const char *wi_snapshot_handler_state(uint32_t state);
const char *wi_snapshot_state_text(enum wi_snapshot_state state);

#endif
