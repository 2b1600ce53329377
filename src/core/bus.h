/* SPDX-License-Identifier: MIT */
/* bus.h - own all of the engine: build it up in order, take it down in reverse. */
#ifndef WI_CORE_BUS_H
#define WI_CORE_BUS_H

#include <pthread.h>

#include "core/counters.h"
#include "core/pool.h"
#include "core/reclaim.h"
#include "core/registry.h"

#define WI_BUS_MAGIC 0x77656972627573ull

struct weir_bus {
	uint64_t *guard;                /* WI_BUS_MAGIC, in a page that reads as zeros in a forked child */
	struct wi_wake wake;
	struct wi_topics topics;
	struct wi_lanes lanes;
	struct wi_registry registry;
	struct wi_reclaimer reclaimer;
	struct wi_pool *pool;           /* the default pool: pools[0] */
	struct wi_pool *pools[WI_CURSOR_COUNT_MAX];     /* in the order of opening; control lock */
	uint32_t pool_count;
	uint32_t pool_serial;           /* for names */
	weir_pool_counts pools_gone;    /* of closed ones; control lock */
	struct wi_subscription *spare;  /* free ones of closed pools; control lock */
	pthread_mutex_t control;        /* topics, routes, subscriptions: whoever changes them */
	uint64_t subscription_serial;
	uint32_t dispatcher_total;
	uint32_t closing;
	void (*log)(void *context, int level, const char *id, const char *text);
	void *log_context;
	char name[64];

	/* The bus's own thread: keeper.c. */
	struct wi_counters counters;
	pthread_t keeper;
	bool keeper_started;
	uint32_t keeper_stop;
	uint32_t keeper_work;           /* futex */
	uint64_t full_window;           /* for messages of full rings: since when, */
	bool full_told;                 /*   and whether there was one */
	uint64_t keeper_activity;       /* what it saw last, to tell whether events flow */
	struct wi_pool *keeper_pools[WI_CURSOR_COUNT_MAX];      /* held */
	uint32_t keeper_pool_count;
};

/* Options are checked and complete. */
weir_status wi_bus_open(const weir_bus_options *options, const weir_pool_options *pool_options,
                        weir_bus **ret_bus);
weir_status wi_bus_close(weir_bus *bus, uint64_t deadline, weir_close_report *report);

weir_status wi_bus_pool_open(weir_bus *bus, const weir_pool_options *options, struct wi_pool **ret_pool);
weir_status wi_bus_pool_close(weir_bus *bus, struct wi_pool *pool, uint64_t deadline, weir_close_report *report);
/*
 * All, or one with those that it is `after`; they are not destroyed before wi_bus_let_pools(). How
 * many; and how many were ever opened.
 */
uint32_t wi_bus_hold_pools(weir_bus *bus, struct wi_pool *only, struct wi_pool **ret_pools, uint32_t *ret_serial);
/* How many were ever opened. */
uint32_t wi_bus_let_pools(weir_bus *bus, struct wi_pool *const *pools, uint32_t count);
/* One of this bus's, and not closing. With the control lock. */
bool wi_bus_pool_is_open(const weir_bus *bus, const struct wi_pool *pool);
/* Where the pool with this serial stands in `pools`; UINT32_MAX: it is closed. With the control lock. */
uint32_t wi_bus_pool_place(const weir_bus *bus, uint64_t serial);
/* Waits for the pool, or for all (NULL). */
weir_status wi_bus_flush(weir_bus *bus, struct wi_pool *pool, uint64_t deadline);

static inline bool
wi_bus_in_child(const weir_bus *bus)
{
	return wi_load_relaxed(bus->guard) != WI_BUS_MAGIC;
}

/*
 * This process was forked while a bus was open: liburcu's registry names threads that it does not
 * have.
 */
bool wi_bus_parent_had_one(void);

void wi_bus_tell(weir_bus *bus, int level, const char *id, const char *text);

/* Sums over everything that ever was; each may be NULL. */
void wi_bus_sum(weir_bus *bus, weir_bus_counts *ret_bus, weir_producer_counts *ret_producers,
                weir_pool_counts *ret_pools, weir_subscription_counts *ret_subscriptions);

#endif
