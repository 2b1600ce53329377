/* SPDX-License-Identifier: MIT */
/* facts.h - what this machine is: without it a figure says nothing. */
#ifndef MEASURE_FACTS_H
#define MEASURE_FACTS_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "topology.h"

struct facts {
	char processor[128];            /* its model, "" where the system does not tell, */
	char hypervisor[32];            /*   as here: there is none, or it is not known */
	char governor[32], driver[32];  /* of the first allowed processor's frequency */
	char clock_source[32], clock_sources[128];
	char kernel[128], libc[64], compiler[128];
	char huge_pages[16];            /* "always", "madvise", "never" */
	bool is_virtual;
	bool has_membarrier;            /* the private expedited one, as the kernel tells */
	bool isolates_tables;           /* page table isolation: each system call pays */
	int online, allowed;            /* processors of the machine, and of this process */
	cpu_set_t allowed_cpus;
	struct topology topology;       /* of the allowed ones */
	double quota;                   /* of its control group, in processors; 0: none */
	double clock_ns;                /* what a reading of CLOCK_MONOTONIC costs */
	double stolen;                  /* share of the time since the start that the hypervisor
	                                 * gave to others, 0 to 1; below 0: not told */
	double load;                    /* average of a minute; below 0: not told */
	uint64_t memory, swap, swap_used;       /* bytes; 0 also where it is not told */
	uint64_t lockable;              /* RLIMIT_MEMLOCK in bytes; UINT64_MAX: no limit */
};

/* root: stands before all paths, "" but in tests. */
struct facts facts_read(const char *root);

/*
 * For people: some lines of at most 80 columns, the first without the indent. version: weir's.
 */
void facts_write(const struct facts *facts, const char *version, const char *indent, FILE *stream);

/* All of them; NULL: no memory. In facts_json.c, since not everybody who measures has jansson. */
struct json_t *facts_json(const struct facts *facts, const char *version);

#endif
