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
#define WEIR_COUNTERS_LAYOUT 1u

enum {
	WEIR_COUNTERS_POOLS,
	WEIR_COUNTERS_DISPATCHERS,
	WEIR_COUNTERS_PRODUCERS,
	WEIR_COUNTERS_SUBSCRIPTIONS,
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
} weir_counters_pool;

typedef struct weir_counters_dispatcher {
	uint32_t pool;             /* index in the pools' section */
	uint32_t index;            /* in its pool */
	uint32_t thread;           /* the kernel's number */
	uint32_t in_batch;         /* 1: between the beginning and the end of a batch */
	uint64_t subscription;     /* id of the handler that it is in, or was in last in this batch; 0: none */
	uint64_t routed, unrouted, batches, parks, wakes, late_wakes, steals;
} weir_counters_dispatcher;

typedef struct weir_counters_producer {
	char     name[32];
	uint32_t source;
	uint32_t open;             /* 0: closed; its ring may still hold events */
	uint32_t ring_size;        /* bytes */
	uint32_t in_ring;          /* bytes that the slowest pool is not through with */
	uint64_t committed, bytes;
	uint64_t refused_full, refused_size, refused_busy, refused_hops, refused_closed, refused_invalid;
	uint64_t discarded, aborted;
} weir_counters_producer;

typedef struct weir_counters_subscription {
	char     name[64];
	char     pattern[256];
	uint64_t id;
	uint32_t pool;             /* index in the pools' section */
	uint32_t state;            /* weir_subscription_state */
	int32_t  priority;
	uint32_t reserved;
	uint64_t due, ok, failed, running;
	uint64_t skipped_quarantine, skipped_paused, skipped_unsubscribed;
	uint64_t failed_batches, quarantines;
	uint64_t failure_count[8];
	int32_t  failure_code[8];
} weir_counters_subscription;

#endif
