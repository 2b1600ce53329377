/* SPDX-License-Identifier: MIT */
/* pools.h - the pools that the command line names beside the default one. */
#ifndef WI_CLI_POOLS_H
#define WI_CLI_POOLS_H

#include <stddef.h>
#include <stdint.h>

#include <weir/weir.h>

enum { WI_POOL_AFTER_MAX = 16 };

struct wi_pool_spec {
	char *text;                     /* "NAME\0rest", cut up */
	const char *name;
	uint64_t dispatcher_count, batch_count_max, sleep_ns, spin_ns;
	weir_wait wait;
	weir_order order;
	weir_behind behind;
	char *cpus;
	const char *after[WI_POOL_AFTER_MAX];
	uint32_t after_count;
	weir_pool *pool;                /* once open */
};

struct wi_pool_specs {
	struct wi_pool_spec *each;
	size_t count;
};

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

/* "default" is the bus's; NULL: there is none of that name. */
weir_pool *wi_pools_find(const struct wi_pool_specs *specs, weir_bus *bus, const char *name);

#endif
