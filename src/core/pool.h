/* SPDX-License-Identifier: MIT */
/*
 * pool.h - a group of dispatchers with a cursor of its own in every ring.
 *
 * With WEIR_ORDER_PRODUCER the dispatchers of a pool share one cursor in each ring, and the lease
 * says whose turn it is. With WEIR_ORDER_KEY each has one of its own and looks at every header: a
 * key belongs to one of them (wi_pool_owner), so its events never run at once, whichever producers
 * they come from. What follows such a pool, and a producer's room, follow the slowest of its
 * cursors.
 *
 * A dispatcher's first line is its slot: what others read of it. It says in which
 * subscription it is (E7) and which version of the routes it uses (E9); the
 * reclaimer waits on these two, never on the thread. Everything else in it is its
 * own, apart from counters that anybody may read.
 */
#ifndef WI_CORE_POOL_H
#define WI_CORE_POOL_H

#include <pthread.h>
#include <sched.h>

#include "core/producer.h"
#include "core/route.h"
#include "core/times.h"

enum { WI_DISPATCHER_COUNT_MAX = 256 };

struct wi_pool;
struct wi_reclaimer;

/* `pinned` while a manual pool looks for the current table: every version. */
#define WI_PINNED_ALL UINT64_MAX

/* A call as it is seen from outside: see stuck.h. */
struct wi_call {
	const struct wi_subscription *in;       /* NULL: none */
	uint64_t boundary, count;
};

struct wi_watch {
	struct wi_call call;            /* at the last look, */
	uint64_t looked;                /*   which was then */
	uint64_t lasted;                /* at least */
	bool told;
	uint64_t stuck;                 /* calls that were told */
};

/* A batch of one lane. Not on the stack, which a handler may unwind. */
struct wi_batch {
	struct wi_lane *lane;           /* NULL: none */
	struct wi_ring *ring;
	uint64_t start, bound;
	uint64_t position, sequence;    /* where the last walk began: position, and number of the event before it, */
	const unsigned char *first;     /*   its first record, in the ring or in a copy, */
	uint64_t end;                   /*   where it is to end, */
	uint64_t unrouted;              /*   and what the dispatcher had counted */
	uint32_t left;                  /* events that it may still take */
};

struct wi_dispatcher {
	/* The slot. */
	WI_ALIGNED struct wi_subscription *in;  /* being called, or called last in this batch; NULL between batches */
	uint64_t pinned;                /* table version in use; 0: none */
	uint64_t boundary;              /* odd: in a batch */

	/* Its own. */
	WI_ALIGNED struct wi_pool *pool;
	struct wi_table *table;         /* the one pinned */
	struct wi_producer *producer;
	struct wi_tally *owed;          /* subscriptions whose batch_end is to be called, */
	struct wi_tally *gathered;      /*   and those with failures to be told */
	weir_delivery delivery;
	uint32_t index;                 /* in the pool; its number in leases is index + 1 */
	uint32_t cursor;                /* index in every ring of the one that it moves */
	unsigned char *copy;            /* WEIR_BEHIND_SKIP: what it has copied out of a ring */
	const struct weir_tail_ *producer_tail; /* not idle: a handler left reservations open */
	size_t tally_offset;            /* of its tally in every subscription */
	uint32_t flags;                 /* topic_flags of the last event without the topic, */
	uint32_t overhead;              /*   and what follows from them: see change_flags() */
	uint64_t now;                   /* last reading of the monotonic clock */
	uint64_t ticked;                /* when this dispatcher moved the bus's tick last */
	uint32_t check_count;           /* events until the clock is read within a batch */
	uint32_t batch_count_max;       /* the pool's, or what is left to a poll */
	uint64_t sample_at;             /* not before: the next sample of times */
	uint64_t sampled;               /* when the last one was taken */
	uint32_t sample_passes;         /* walks since */
	uint32_t random;
	uint64_t *seen;                 /* of each lane: its cursor as this dispatcher last knew it */
	uint64_t *waiting;              /* of a neighbour's lane: the cursor that had events behind it */
	uint32_t *busy;                 /* lanes that are looked at in each pass */
	uint32_t *quiet_count;          /* of each lane: looks that found nothing */
	uint32_t busy_count;
	uint32_t next_idle_lane;        /* where the rotation over all others stands */
	uint64_t idle_since;
	uint32_t idle_passes;
	uint64_t park_credit, park_credited;    /* see wait.c */
	struct wi_batch batch;          /* under way */

	/* Counters: written here, read by anybody. */
	WI_ALIGNED uint64_t routed;
	uint64_t unrouted, skipped_behind, batches, parks, wakes, late_wakes, steals;
	uint64_t busy_ns;               /* passes that found events */
	struct wi_times waited;         /* from an event's time to its first call */

	WI_ALIGNED struct wi_watch watch;       /* the keeper's */

	WI_ALIGNED pthread_t thread;
	pthread_t predecessor;          /* ended by what it called; its successor joins it */
	bool has_predecessor;
	bool replaced;                  /* it has a successor already */
	bool begun;                     /* thread_begin has returned, thread_end has not been called */
	bool hooks_unwound;             /* thread_begin did not return: no hooks from now on */
	uint32_t thread_id;             /* the kernel's */
	bool started;
	uint32_t finished;              /* the thread touches nothing of the bus any more */
};

struct wi_pool {
	/* First, so that a trace point has it at hand where it has the pool (probe.h). */
	WI_ALIGNED char name[64];

	/* Read in every pass. */
	WI_ALIGNED struct wi_routes routes;
	struct wi_lanes *lanes;
	struct wi_wake *wake;
	weir_bus *bus;
	uint32_t cursors;               /* bits: its own in every ring; one, with WEIR_ORDER_KEY one for each dispatcher */
	uint32_t dispatcher_count;
	uint32_t batch_count_max;
	uint64_t batch_ns_max;
	uint64_t spin_ns, sleep_ns;
	uint64_t stuck_after_ns;
	uint64_t sample_ns;
	weir_wait wait;
	weir_order order;
	weir_behind behind;
	uint32_t hop_count_max;
	uint32_t after;                 /* bits: the cursors that it follows instead of the tail */
	uint32_t followers;             /* pools that follow it */
	unsigned cpus_allowed;          /* processors' worth of time the process has */
	uint32_t *dispatcher_total;     /* of the bus */
	void (*thread_begin)(void *context, uint32_t dispatcher);
	void (*thread_end)(void *context, uint32_t dispatcher);
	void *thread_context;
	cpu_set_t cpus;
	bool pinned;
	bool has_cursors, counted;      /* how far creation came */
	void (*tell)(weir_bus *bus, int level, const char *id, const char *text);

	bool manual;                    /* no thread: see manual.h */
	struct wi_reclaimer *reclaimer; /* the bus's */
	uint64_t arm_count, write_count;        /* its descriptor: armed, writes read away */

	WI_ALIGNED uint32_t stop;       /* finish the batch and leave */
	uint32_t polling;               /* a manual pool's lock; held for good once it is closed */
	WI_ALIGNED uint32_t awake;      /* dispatchers that are not asleep */
	uint32_t nap;                   /* futex of those that are not the last one awake */
	uint32_t nappers;
	uint32_t abandoned;             /* closed while a handler did not return */
	uint32_t unread;                /* no dispatcher reads the routes any more */
	uint32_t closing;               /* control lock, as the rest: */
	uint32_t users;                 /* who looks at it without the lock; the last one destroys */
	uint32_t buried;                /*   what is closed */
	uint64_t serial;                /* of all pools of the bus; from 1 */
	struct wi_pool *spare_next;
	struct wi_part *retired;        /* parts of its routes that wait for their grace period */

	struct wi_subscription *quiet;          /* of a manual pool: `released` is to be called */
	struct wi_subscription *subscriptions;  /* live ones, newest first; control lock */
	struct wi_subscription *free;           /* used before, for the next */
	struct wi_dispatcher dispatcher[];
};

/*
 * The options are checked by the caller; `after`: cursors. Threads run on return, and every event
 * committed from then on is seen.
 */
weir_status wi_pool_create(weir_bus *bus, const weir_pool_options *options, uint32_t after,
                           struct wi_lanes *lanes, uint32_t *dispatcher_total,
                           void (*tell)(weir_bus *, int, const char *, const char *),
                           struct wi_pool **ret_pool);

/* Asks the dispatchers to leave; false if one is still there at the deadline. */
bool wi_pool_stop(struct wi_pool *pool, uint64_t deadline);

/*
 * Only after wi_pool_stop() said true. The memory goes to the next pool of as many dispatchers:
 * producers may still look at it (blame.h).
 */
void wi_pool_destroy(struct wi_pool *pool);

/* The memory, when there are no producers any more. */
void wi_pool_free_spares(struct wi_lanes *lanes);

/*
 * Takes the leases of a pool that stops, for ever, and gives its rings up; those that a stuck
 * handler is in have to wait until it returns. Again until true.
 */
bool wi_pool_bury(struct wi_pool *pool);

void wi_pool_sum(const struct wi_pool *pool, weir_pool_counts *sum);
void wi_pool_counts_add(weir_pool_counts *sum, const weir_pool_counts *more);

/* Events of all rings that the pool is through with. */
uint64_t wi_pool_through(const struct wi_pool *pool);

/* What may be dispatched: all that is committed, or what the pools in front are through with. */
static inline uint64_t
wi_pool_bound(const struct wi_pool *pool, const struct wi_ring *ring)
{
	uint64_t bound = UINT64_MAX;

	if (WI_LIKELY(!pool->after))
		return wi_load_acquire(&ring->tail.position);                       /* E1 */
	for (uint32_t after = pool->after; after; after &= after - 1)
		bound = WI_MIN(bound, wi_load_acquire(&ring->cursor[__builtin_ctz(after)].position)); /* E10 */
	return bound;
}

/*
 * Which dispatcher of a WEIR_ORDER_KEY pool an event is for. Without a key they take turns, by a
 * number that all of them see alike.
 */
static inline uint32_t
wi_pool_owner(const struct wi_pool *pool, const weir_event *event, uint64_t sequence)
{
	uint64_t key;

	if (!weir_event_key(event, &key))
		return (uint32_t)(sequence % pool->dispatcher_count);
	/*
	 * By 2^64 / golden ratio, and the upper bits: keys that count up, or are multiples of
	 * something, spread.
	 */
	return (uint32_t)((key * 0x9e3779b97f4a7c15u >> 32) * pool->dispatcher_count >> 32);
}

/* The dispatcher that the calling thread is, or NULL. */
struct wi_dispatcher *wi_dispatcher_of_thread(void);
/* Sets it, and notes the thread; gives back what it was. */
struct wi_dispatcher *wi_dispatcher_enter(struct wi_dispatcher *dispatcher);

/* A manual pool's lock. Never waited for: somebody else may be in a handler. */
static inline bool
wi_pool_take(struct wi_pool *pool)
{
	uint32_t nobody = 0;

	return wi_load_relaxed(&pool->polling) == 0 && wi_cas_acquire(&pool->polling, &nobody, 1u);
}

/* The last access of a poll to its pool. */
static inline void
wi_pool_let(struct wi_pool *pool)
{
	wi_store_release(&pool->polling, 0u);
}

/*
 * A handler has forked, and the child has returned from it: nothing else may be called there, and
 * there is no other thread. Ends the child.
 */
WI_COLD void wi_dispatcher_leave_child(void) __attribute__((noreturn));

#endif
