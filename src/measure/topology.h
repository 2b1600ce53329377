/* SPDX-License-Identifier: MIT */
/*
 * topology.h - which of the allowed processors share what, as /sys tells it.
 *
 * Of processors that share something only the allowed ones count: two threads of a core are no
 * matter to a process that may use one of them.
 */
#ifndef MEASURE_TOPOLOGY_H
#define MEASURE_TOPOLOGY_H

#include <sched.h>

/* Each 0 where it is not told. */
struct topology {
	int cores, packages, caches, nodes;     /* last level caches; NUMA nodes with processors */
	int threads;                            /* most that share a core */
	cpu_set_t one_of_each_core;             /* the first thread of each */
	cpu_set_t first_cache, first_node;      /* who shares them with the first processor */
};

struct topology topology_read(const char *root, const cpu_set_t *allowed);

#endif
