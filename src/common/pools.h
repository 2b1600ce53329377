/* SPDX-License-Identifier: MIT */
/* pools.h - the pools that a command line or a configuration names. */
#ifndef WI_COMMON_POOLS_H
#define WI_COMMON_POOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/weir.h>

enum { WI_POOL_AFTER_MAX = 16 };

struct wi_pool_spec {
	char *text;                     /* "NAME\0rest", cut up */
	const char *name;
	uint64_t dispatcher_count, batch_count_max, sleep_ns, spin_ns, nice;
	weir_wait wait;
	weir_order order;
	weir_behind behind;
	char *cpus;                     /* NULL: any */
	bool wait_given, cpus_given;
	const char *after[WI_POOL_AFTER_MAX];
	uint32_t after_count;
	/* The caller's, for weir_pool_options; then it is also its to be nice, see nice.h. */
	void (*thread_begin)(void *context, uint32_t dispatcher);
	void (*thread_end)(void *context, uint32_t dispatcher);
	void *thread_context;
	weir_pool *pool;                /* once open */
};

struct wi_pool_specs {
	struct wi_pool_spec *each;
	size_t count;
};

/*
 * One setting of a pool: dispatchers, wait, batch, sleep, spin, cpus, nice, order, behind, after.
 * `value` is cut up and kept. NULL, or "NAME: what it must be", or which settings there are.
 */
const char *wi_pool_spec_set(struct wi_pool_spec *spec, const char *name, char *value);

/* "adaptive", "spin", ... NULL, or what is wrong. */
const char *wi_pool_wait_parse(const char *text, weir_wait *ret_wait);

/* "NAME[:dispatchers=2,wait=park,...]". NULL, or what is wrong. wi_pools_fini() also then. */
const char *wi_pools_add(struct wi_pool_specs *specs, const char *text);
void wi_pools_fini(struct wi_pool_specs *specs);

/*
 * In the order given, since a pool can only be behind one that exists. *ret_failed: the pool that
 * could not.
 */
weir_status wi_pools_open(struct wi_pool_specs *specs, weir_bus *bus, const char **ret_failed);

/* What wi_pools_open() answered, in words. */
const char *wi_pools_problem(weir_status status);

/* All but `after`. */
weir_pool_options wi_pool_options(const struct wi_pool_spec *spec);

/* A wait's name. */
const char *wi_pool_wait_text(weir_wait wait);

/* NULL: the bus has none of that name. */
weir_pool *wi_pools_find(weir_bus *bus, const char *name);

#endif
