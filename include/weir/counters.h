/* SPDX-License-Identifier: MIT */
/*
 * counters.h - the layout of the file in which a running bus shows its counters.
 *
 * One file for each bus, made by weir_bus_open() and removed by weir_bus_close():
 *
 *   {stats_dir}/{name}.{pid}.{number}.weir      mode 0600
 *
 * stats_dir: of the bus's options; by default $XDG_RUNTIME_DIR/weir, else /dev/shm/weir-{uid}.
 *
 * Only the bus writes it, from one thread of its own and never from a publish or a
 * dispatch, ten times a second while events flow and once a second otherwise. The bus
 * never reads it: what another process does to the file changes nothing in the bus.
 * So it can be read while the process runs, when it hangs, and after it was killed.
 *
 * All numbers are in the machine's byte order. Times are CLOCK_REALTIME in nanoseconds.
 *
 * To read a consistent state: map the file or read it whole; read `sequence`, which must be
 * even; use the contents; read `sequence` again, and start over if it moved.
 * A reader accepts a file whose magic and `layout` it knows, and walks each section with the entry
 * size that the section names: later versions of the same layout may have longer entries.
 */
#ifndef WEIR_COUNTERS_H
#define WEIR_COUNTERS_H

#include <stdint.h>

#define WEIR_COUNTERS_MAGIC  0x31544e4352494557ull    /* "WEIRCNT1" in little-endian bytes */
#define WEIR_COUNTERS_LAYOUT 2u

enum {
	WEIR_COUNTERS_POOLS,
	WEIR_COUNTERS_DISPATCHERS,
	WEIR_COUNTERS_PRODUCERS,
	WEIR_COUNTERS_SUBSCRIPTIONS,
	WEIR_COUNTERS_TIMES,
	WEIR_COUNTERS_SECTION_COUNT
};

typedef struct weir_counters_section {
	uint64_t offset;           /* of the first entry, from the beginning of the file */
	uint32_t entry_size;       /* bytes */
	uint32_t count;            /* entries in use now */
	uint32_t capacity;         /* entries that have room; what is beyond it is not shown */
	uint32_t left_out;         /* entries that had no room */
} weir_counters_section;

typedef struct weir_counters_header {
	uint64_t magic;
	uint32_t layout;
	uint32_t header_size;
	uint64_t file_size;
	uint64_t sequence;         /* odd while the bus writes */
	uint64_t heartbeat;        /* when it was written last */
	uint64_t started;          /* when the bus was opened */
	int64_t  lost;             /* as weir_bus_counts.lost: means something only at rest */
	uint64_t in_flight;
	uint32_t pid;
	uint32_t topic_count;
	char     name[64];
	char     version[16];
	weir_counters_section section[WEIR_COUNTERS_SECTION_COUNT];
} weir_counters_header;

typedef struct weir_counters_pool {
	char     name[64];
	uint64_t seen, routed, unrouted, skipped_behind;
	uint64_t batches, parks, wakes, late_wakes, steals, stuck;
	uint32_t dispatcher_count;
	uint32_t wait;             /* weir_wait */
	uint32_t order;            /* weir_order */
	uint32_t behind;           /* weir_behind */
	uint32_t after;            /* bit i: it gets what the pool at index i of this section is through with */
	uint32_t batch_count_max;  /* its options */
	uint64_t batch_ns_max, spin_ns, sleep_ns;
	uint64_t waiting;          /* events committed that it is not through with, as far as batches are over */
	uint64_t waiting_bytes;    /* their records */
	uint64_t busy_ns;          /* sum over its dispatchers */
} weir_counters_pool;

typedef struct weir_counters_dispatcher {
	uint32_t pool;             /* index in the pools' section */
	uint32_t index;            /* in its pool */
	uint32_t thread;           /* the kernel's number */
	uint32_t in_batch;         /* 1: between the beginning and the end of a batch */
	uint64_t subscription;     /* id of the handler that it is in, or was in last in this batch; 0: none */
	uint64_t routed, unrouted, batches, parks, wakes, late_wakes, steals;
	uint64_t busy_ns;          /* time of the passes over its rings that found events and are over */
	uint64_t lasted_ns;        /* the bus has seen it in this one call for so long; 0: in none, or another each time */
} weir_counters_dispatcher;

/*
 * For how long a ring was full, and of which handler's making: at every refusal the time since the
 * refusal before counts for what the pool that is furthest behind does. If one of its dispatchers
 * has this ring in hand, that is what the dispatcher is in; else each of them counts for its part.
 */
typedef struct weir_counters_blame {
	uint64_t subscription;     /* id of a handler; 0: in no handler (asleep, or without a processor) */
	uint64_t ns;               /* 0: this entry is not in use */
	uint32_t pool;             /* index in the pools' section; UINT32_MAX: it has been closed */
	uint32_t reserved;
} weir_counters_blame;

enum {
	WEIR_COUNTERS_BLAME_COUNT = 6,
	WEIR_COUNTERS_IN_COUNT = 8
};

typedef struct weir_counters_producer {
	char     name[32];
	uint32_t source;
	uint32_t open;             /* 0: closed; its ring may still hold events */
	uint32_t ring_size;        /* bytes */
	uint32_t in_ring;          /* bytes that the slowest pool is not through with */
	uint64_t committed, bytes;
	uint64_t refused_full, refused_size, refused_busy, refused_hops, refused_closed, refused_invalid;
	uint64_t discarded, aborted;
	uint32_t high_water;       /* bytes: the most that was found waiting in the ring */
	uint32_t slowest;          /* index of the pool furthest behind in it; UINT32_MAX: none is behind */
	uint64_t full_count;       /* times that the ring became full: a publish was refused after one was not */
	uint64_t full_ns;          /* it was full for so long: from the first to the last refusal of each time */
	uint64_t full_since;       /* now full, or refused last: when that began; 0: the last publish had room */
	weir_counters_blame blame[WEIR_COUNTERS_BLAME_COUNT];  /* of full_ns; what had no entry left is in none */
	/* What the dispatchers of that pool were in, at the last look while it was full; one in 100 us. */
	uint32_t in_pool;          /* index; UINT32_MAX: never full, or the pool has been closed */
	uint32_t in_count;         /* dispatchers, of which the first ones are in: */
	uint64_t in[WEIR_COUNTERS_IN_COUNT];    /* id of the handler; 0: none */
} weir_counters_producer;

typedef struct weir_counters_subscription {
	char     name[64];
	char     pattern[256];
	uint64_t id;
	uint32_t pool;             /* index in the pools' section */
	uint32_t state;            /* weir_subscription_state */
	int32_t  priority;
	int32_t  last_code;        /* of its last failure; 0: it has not failed */
	uint64_t serial;           /* order of subscribing: within a pool, after priority, that of the calls */
	uint32_t flags;            /* of its options: WEIR_SUBSCRIPTION_REPLAYED */
	uint32_t reserved;
	uint64_t due, ok, failed, running;
	uint64_t skipped_quarantine, skipped_paused, skipped_unsubscribed;
	uint64_t failed_batches, quarantines;
	uint64_t failure_count[8];
	int32_t  failure_code[8];
} weir_counters_subscription;

/*
 * Times, by sampling: now and then a dispatcher reads the clock around the calls of one event. Each
 * sample stands for all events since the one before. Entries are there for what has been sampled.
 * No waiting with WEIR_CLOCK_NONE, and of replayed events. One whose publisher gave it a time has waited since then.
 *
 * Waiting: from the event's time to its first call in the pool; that time is exact to 10 us, unless
 * the bus has WEIR_CLOCK_PRECISE. Handling: one call, with about 20 ns of reading the clock.
 */
enum {
	WEIR_COUNTERS_WAITING,     /* of a pool's events */
	WEIR_COUNTERS_HANDLING     /* of a subscription's calls */
};
enum { WEIR_COUNTERS_BUCKET_COUNT = 128 };

typedef struct weir_counters_times {
	uint32_t kind;
	uint32_t pool;             /* index in the pools' section */
	uint64_t subscription;     /* id; 0 for WEIR_COUNTERS_WAITING */
	uint64_t samples;          /* that were measured */
	uint64_t sum_ns;           /* of all that they stand for */
	uint64_t max_ns;           /* of those measured */
	uint64_t count[WEIR_COUNTERS_BUCKET_COUNT];     /* what they stand for, by time */
} weir_counters_times;

/*
 * The bucket of a time: 1 ns wide below 8 ns, from there four to each power of two (an error of at
 * most an eighth from the middle); the last one has all from 7.5 s on.
 */
static inline uint32_t
weir_counters_bucket(uint64_t ns)
{
	uint32_t exponent, bucket;

	if (ns < 4)
		return (uint32_t)ns;
	exponent = 63 - (uint32_t)__builtin_clzll(ns);
	bucket = (exponent - 1) * 4 + ((uint32_t)(ns >> (exponent - 2)) & 3);
	return bucket < WEIR_COUNTERS_BUCKET_COUNT ? bucket : WEIR_COUNTERS_BUCKET_COUNT - 1;
}

/* The least time of a bucket; of WEIR_COUNTERS_BUCKET_COUNT: where the last but open one would end. */
static inline uint64_t
weir_counters_bucket_least(uint32_t bucket)
{
	return bucket < 4 ? bucket : (uint64_t)(4 + bucket % 4) << (bucket / 4 - 1);
}

#endif
