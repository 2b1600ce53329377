/* SPDX-License-Identifier: MIT */
/* cpus.h - the processors that this process may use, and lists of them ("2,4-7"). */
#ifndef WI_BASE_CPUS_H
#define WI_BASE_CPUS_H

#include <sched.h>
#include <stdbool.h>

/*
 * How many processors' worth of time the process gets: the affinity of the
 * calling thread, or the quota of its cgroup (v2 cpu.max, v1 cpu.cfs_quota_us,
 * of it and of all its parents) rounded down, whichever is less; at least 1.
 */
unsigned wi_cpus_allowed(void);

/* The same with the files below `root` instead of "/" (tests). */
unsigned wi_cpus_quota(const char *root);

/* False: not a list, or a number out of range. */
bool wi_cpus_parse(const char *text, cpu_set_t *ret_set);

/* Those of the set that one of `count` threads has to itself: each count-th. All, if there are fewer. */
void wi_cpus_share(const cpu_set_t *set, unsigned index, unsigned count, cpu_set_t *ret_set);

#endif
