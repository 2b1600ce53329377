/* SPDX-License-Identifier: MIT */
/*
 * producer.h - a thread's right to publish, and the lane that stays when it is given back.
 *
 * A lane is the bus's side: the ring, and for each pool the lease of it. Dispatchers walk
 * lanes; lanes are made when producers open and last as long as the bus. A closed producer's
 * lane is used again once every pool is through with it: positions and sequences go on, so
 * nobody has to be told. A ring of another size takes the old one's place at the same position.
 *
 * The producer's side is private: weir_producer in <weir/inline.h>, the front of which lies in a
 * page that reads as zeros in a forked child, and what is here. A producer that is still open when
 * the bus closes keeps its pages, with the gate shut, until it is closed.
 *
 * The gate (edge E5, a Dekker pair with the heavy fence on the closer's side):
 *
 *   publisher                          closer: wi_lanes_shut()
 *     state = INSIDE                     gate |= why
 *     compiler barrier                   twice:
 *     end > limit? -> slow path            limit = 0
 *     ... tail = end (E1)                  heavy fence: every publisher fences
 *     state = 0                            wait until nobody is INSIDE
 *
 * INSIDE is in the tail, or in `more` for a reservation that is not the first.
 *
 *   slow path, inside: gate shut? -> refuse; else limit = new
 */
#ifndef WI_CORE_PRODUCER_H
#define WI_CORE_PRODUCER_H

#include <pthread.h>
#include <weir/weir.h>

#include "core/full.h"
#include "core/lease.h"
#include "core/ring.h"
#include "core/topic.h"
#include "core/wake.h"

#define WI_PRODUCER_MAGIC 0x7765697270726f64ull
enum { WI_PRODUCER_INTERNAL_MAX = 1024 };

/* Why a limit is used up. */
enum {
	WI_GATE_CLOSED = 1,     /* the bus closes, or the producer is closed */
	WI_GATE_DISABLED = 2,   /* weir_bus_enable(bus, 0) */
};

enum wi_producer_kind {
	WI_PRODUCER_USER,
	WI_PRODUCER_THREAD,     /* a thread's own */
	WI_PRODUCER_DISPATCHER, /* stays open while the bus delivers what is left */
};

struct wi_lane;
struct wi_lanes;

struct wi_producer {
	struct weir_producer hot;
	WI_ALIGNED struct wi_lanes *lanes;      /* NULL once the bus is gone */
	struct wi_lane *lane;
	uint32_t source;                /* the lane's, which is gone with the bus */
	struct wi_ring *orphan_ring;    /* once the bus is gone */
	struct wi_wake *wake;
	uint64_t room;                  /* the limit, where every publish takes the slow path */
	uint64_t kept;                  /* bytes of the ring that only failure events may use */
	uint32_t gate;
	uint32_t slowest;               /* the cursor that held the limit last */
	bool fences;                    /* a copy of wake->publisher_fences, which an orphan outlives */
	bool slow;                      /* hot.limit stays 0: publishers fence, or a debug build */
	bool hops_exceeded;             /* what this thread handles was caused by too many events */
	bool in_replayed;               /* what this thread handles is replayed, and so is what it publishes */
	const weir_trace *inherited_trace;      /* of what it handles, or NULL */
	uint32_t inside_thread;         /* debug builds: who is inside */
	uint64_t first_sequence;        /* what the lane counted when this producer opened */
	uint64_t first_position;
	weir_producer_counts counts;    /* all but attempted, committed and bytes, which follow from hot */
	unsigned char *scratch;         /* where reservations lie while the bus is disabled */
	uint64_t scratch_size, scratch_used, scratch_last;
	uint32_t scratch_count;
	struct wi_producer *thread_next;
	uint64_t thread_bus;            /* serial of the bus, for a thread's own */
	size_t mapping_size;
	enum wi_producer_kind kind;
};

enum wi_lane_state { WI_LANE_CLOSED, WI_LANE_OPEN };

struct wi_lane {
	struct wi_ring *ring;
	struct wi_producer *producer;
	enum wi_lane_state state;
	uint32_t index;
	uint32_t source;
	uint64_t first_sequence;        /* of the producer that has it */
	char name[32];
	bool onward;                    /* a dispatcher's own; never given to a user */
	struct wi_ring *old_rings[WI_RING_SIZES];       /* one of each size: a dispatcher may still look at it */
	struct wi_lease lease[WI_CURSOR_COUNT_MAX];
	struct wi_full full;            /* the producer's */
};

struct wi_lanes {
	struct wi_lane **lane;
	uint32_t count;                 /* stored last (release), E8 */
	uint32_t user_count, user_count_max;
	uint32_t internal_count;
	uint32_t open_count;            /* user and thread producers, for who decides whether to spin */
	uint32_t last_source;
	uint32_t gate;                  /* what a producer that opens now begins with */
	uint32_t ring_size;
	uint32_t hop_count_max;
	uint32_t cursor_count;          /* cursors [0, cursor_count) may be in use */
	uint32_t cursors_used, cursors_taken;   /* bits: followed by a pool; not to be given to another */
	uint32_t cursors_skip;          /* bits: producers may move them (WEIR_BEHIND_SKIP) */
	struct wi_pool *pool[WI_CURSOR_COUNT_MAX];      /* whose cursor it is; the memory stays: see pool.c */
	struct wi_pool *spare_pools;    /* memory of closed ones */
	uint64_t last_pool_serial;
	/* A producer is refused because of this cursor; NULL: nobody wants to know. */
	void (*blame)(struct wi_lanes *lanes, struct wi_lane *lane, uint32_t cursor);
	uint64_t serial;
	weir_clock clock;
	struct wi_wake *wake;
	struct wi_topics *topics;
	weir_producer_counts closed;    /* of producers that are no more */
};

weir_status wi_lanes_init(struct wi_lanes *lanes, uint32_t user_count_max);

/*
 * Producers that are still open become orphans: valid handles with a shut gate and no bus.
 * with_rings: their rings go with them, since reservations stay valid; else the rings are leaked,
 * because a dispatcher may still read them.
 */
void wi_lanes_orphan(struct wi_lanes *lanes, bool with_rings);

/* The same, and frees all lanes: nobody is in a dispatcher any more. */
void wi_lanes_fini(struct wi_lanes *lanes);

weir_status wi_producer_open(struct wi_lanes *lanes, const weir_producer_options *options,
                             enum wi_producer_kind kind, struct wi_producer **ret_producer);
void wi_producer_close(struct wi_producer *producer);

/*
 * So many cursors in every ring, at what is committed, all of them at one place. While producers
 * run: the cursor is shown at the tail of a moment, the heavy fence makes every refresh of a limit
 * from then on see it, and the tail is read again. A limit taken before ends at most a ring's
 * length beyond that second tail, so from there nothing is overwritten unread. skip: from then on
 * producers may move them. False: so many of the 16 are not free.
 */
bool wi_lanes_open_cursors(struct wi_lanes *lanes, uint32_t count, bool skip, uint32_t *ret_cursors);
/* again: they may be given to other pools. */
void wi_lanes_close_cursors(struct wi_lanes *lanes, uint32_t cursors, bool again);

/* This thread's own on this bus, if it has one. */
struct wi_producer *wi_producer_of_thread(const struct wi_lanes *lanes);
weir_status wi_producer_open_for_thread(struct wi_lanes *lanes, struct wi_producer **ret_producer);

/*
 * Shuts the gates of all producers (but those of dispatchers, unless `all`), for `why`, and of
 * those that open later. On return no publish that passed before is still inside. False: the
 * deadline came first. Where the heavy fence fails, a millisecond has to do for what publishers
 * have stored.
 */
bool wi_lanes_shut(struct wi_lanes *lanes, uint32_t why, bool all, uint64_t deadline);
void wi_lanes_unshut(struct wi_lanes *lanes, uint32_t why);

void wi_producer_sum(const struct wi_producer *producer, weir_producer_counts *sum);
void wi_lanes_sum(struct wi_lanes *lanes, weir_producer_counts *sum);
void wi_lanes_each(struct wi_lanes *lanes, void (*visit)(void *context, const struct wi_lane *lane),
                   void *context);

/* The end of what the slowest cursor leaves; at most 16 loads. Remembers which it was. */
uint64_t wi_producer_limit(struct wi_producer *producer);

/*
 * For the producer's thread, which wants room up to `end`: if all other pools leave it, moves the
 * cursors of WEIR_BEHIND_SKIP pools that do not, or that are more than three quarters of the ring
 * behind, to the tail (E11). False: the others do not, or there are none. At most 16 loads, and a
 * few tries for each cursor moved.
 */
WI_COLD bool wi_producer_skip(struct wi_producer *producer, uint64_t end);

static inline bool
wi_producer_in_child(const struct wi_producer *producer)
{
	return wi_load_relaxed(&producer->hot.alive) != WI_PRODUCER_MAGIC;
}

/* A call is under way: on another thread, or interrupted on this one. */
static inline bool
wi_producer_inside(const struct wi_producer *producer)
{
	return (wi_load_acquire(&producer->hot.tail->open.state) |
	        wi_load_acquire(&producer->hot.more.state)) & WEIR_INSIDE_;        /* E5 */
}

#endif
