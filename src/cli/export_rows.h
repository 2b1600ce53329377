/* SPDX-License-Identifier: MIT */
/*
 * export_rows.h - a counters file as rows that may become series: as many as are asked for at most,
 * the rest summed into one, and never two with the same labels.
 */
#ifndef WI_CLI_EXPORT_ROWS_H
#define WI_CLI_EXPORT_ROWS_H

#include "watch/snapshot.h"

/* What has no row of its own. */
#define WI_EXPORT_OTHERS "(others)"

/* All fields of the structs below are uint64_t: rows of the same labels are added field by field. */
struct wi_export_pool {
	uint64_t seen, routed, unrouted, skipped, batches, parks, wakes, late_wakes, steals, stuck_calls;
	uint64_t dispatchers, busy, stuck, waiting, waiting_bytes, busy_ns;
};

struct wi_export_handler {
	uint64_t due, calls, failed, running, failed_batches, quarantines;
	uint64_t skipped_quarantine, skipped_paused, skipped_unsubscribed;
	uint64_t subscriptions, quarantined, paused;
};

struct wi_export_producer {
	uint64_t committed, bytes, discarded, aborted;
	uint64_t full, size, busy, hops, closed, invalid;       /* refused */
	uint64_t rings, ring_size, in_ring, full_count, full_ns, full_now;
};

struct wi_export_blame {
	uint64_t ns;
};

enum { WI_EXPORT_VALUE_COUNT = 16 };

struct wi_export_row {
	char pool[65], handler[257], producer[33];      /* labels; "": it has none */
	union {
		struct wi_export_pool pool;
		struct wi_export_handler handler;
		struct wi_export_producer producer;
		struct wi_export_blame blame;
		uint64_t value[WI_EXPORT_VALUE_COUNT];
	} of;
	double fill;                    /* of a producer's rings, the fullest: 0 to 1 */
	uint64_t fullest;               /* and the most bytes that were found in one */
	weir_counters_times *times;     /* of a pool waiting, of a handler handling; NULL: not sampled */
};

struct wi_export_table {
	struct wi_export_row **each;
	uint32_t count, max;            /* not counting the row of the others */
	struct wi_export_row *others;   /* also in each[]; NULL: there are none */
	void *tree;
};

struct wi_export_rows {
	struct wi_export_table pools, handlers, producers, blames;
};

struct wi_export_limits {
	uint64_t handlers, producers;
};

/* False: no memory, and *rows is empty. */
bool wi_export_rows_make(struct wi_export_rows *rows, const struct wi_look *look,
			 const struct wi_export_limits *limits);
void wi_export_rows_fini(struct wi_export_rows *rows);

/* Without going round: a file may say anything. */
static inline uint64_t
wi_export_add(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

#endif
