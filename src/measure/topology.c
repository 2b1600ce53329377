/* SPDX-License-Identifier: MIT */
/* topology.c - see topology.h. */
#include "topology.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/cpus.h"
#include "text_file.h"

enum { LIST_SIZE = 4096 };

/* The groups of allowed processors that share something. */
struct groups {
	int count, most;        /* groups; members of the greatest */
	cpu_set_t first;        /* members of the first group, */
	cpu_set_t heads;        /*   and the first member of each */
};

static int
head_of(const cpu_set_t *set)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, set))
			return cpu;
	return -1;
}

static bool
read_set(const char *root, const char *format, int number, const cpu_set_t *allowed,
         cpu_set_t *ret_set)
{
	char list[LIST_SIZE], path[128];
	cpu_set_t set;

	snprintf(path, sizeof path, format, number);
	if (!text_file_line(list, sizeof list, root, "%s", path) || !wi_cpus_parse(list, &set))
		return false;
	CPU_AND(ret_set, &set, allowed);
	return true;
}

static void
add_group(struct groups *groups, const cpu_set_t *members)
{
	int count = CPU_COUNT(members);

	if (groups->count++ == 0)
		groups->first = *members;
	CPU_SET(head_of(members), &groups->heads);
	groups->most = count > groups->most ? count : groups->most;
}

/* By a file of each processor that lists whom it shares with; none at all if one is missing. */
static struct groups
read_groups(const char *root, const char *format, const cpu_set_t *allowed)
{
	struct groups groups = { 0 };

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		cpu_set_t members;

		if (!CPU_ISSET(cpu, allowed))
			continue;
		if (!read_set(root, format, cpu, allowed, &members) || !CPU_ISSET(cpu, &members))
			return (struct groups){ 0 };
		if (head_of(&members) == cpu)
			add_group(&groups, &members);
	}
	return groups;
}

static struct groups
read_nodes(const char *root, const cpu_set_t *allowed)
{
	struct groups groups = { 0 };
	char list[LIST_SIZE];
	cpu_set_t online;

	if (!text_file_line(list, sizeof list, root, "/sys/devices/system/node/online") ||
	    !wi_cpus_parse(list, &online))
		return groups;
	for (int node = 0; node < CPU_SETSIZE; node++) {
		cpu_set_t members;

		if (CPU_ISSET(node, &online) &&
		    read_set(root, "/sys/devices/system/node/node%d/cpulist", node, allowed,
		             &members) &&
		    CPU_COUNT(&members) > 0)
			add_group(&groups, &members);
	}
	return groups;
}

#define CPU "/sys/devices/system/cpu/cpu%d/"

/* The second name is that of older kernels. */
static struct groups
read_either(const char *root, const char *format, const char *older, const cpu_set_t *allowed)
{
	struct groups groups = read_groups(root, format, allowed);

	return groups.count > 0 ? groups : read_groups(root, older, allowed);
}

struct topology
topology_read(const char *root, const cpu_set_t *allowed)
{
	struct groups cores = read_either(root, CPU "topology/core_cpus_list",
	                                  CPU "topology/thread_siblings_list", allowed);
	struct groups packages = read_either(root, CPU "topology/package_cpus_list",
	                                     CPU "topology/core_siblings_list", allowed);
	struct groups caches = read_groups(root, CPU "cache/index3/shared_cpu_list", allowed);
	struct groups nodes = read_nodes(root, allowed);

	return (struct topology){
		.cores = cores.count,
		.threads = cores.most,
		.packages = packages.count,
		.caches = caches.count,
		.nodes = nodes.count,
		.one_of_each_core = cores.heads,
		.first_cache = caches.first,
		.first_node = nodes.first,
	};
}
