/* SPDX-License-Identifier: MIT */
/* cpu_list.c - see cpu_list.h. */
#include "cpu_list.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cpus.h"

/* The engine's parser takes commas; within the command line's lists of options it is a plus. */
static bool
parse_list(const char *text, cpu_set_t *ret_set)
{
	char copy[256];

	if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy)
		return false;
	for (char *plus = copy; (plus = strchr(plus, '+')); )
		*plus = ',';
	return wi_cpus_parse(copy, ret_set);
}

const char *
cpu_list_parse(const char *text, cpu_set_t *ret_set)
{
	cpu_set_t allowed, wanted, both;

	if (sched_getaffinity(0, sizeof allowed, &allowed))
		return "the processors of this process cannot be asked for";
	*ret_set = allowed;
	if (!strcmp(text, "any"))
		return NULL;
	if (!parse_list(text, &wanted))
		return "is not a list of processors, as 0+2 or 1-3, or any";
	CPU_AND(&both, &wanted, &allowed);
	if (!CPU_EQUAL(&both, &wanted))
		return "names a processor that this process may not use";
	*ret_set = wanted;
	return NULL;
}

void
cpu_list_format(const cpu_set_t *set, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE && at < size; cpu++) {
		int first = cpu;

		if (!CPU_ISSET(cpu, set))
			continue;
		while (cpu + 1 < CPU_SETSIZE && CPU_ISSET(cpu + 1, set))
			cpu++;
		at += (size_t)snprintf(text + at, size - at, first == cpu ? "%s%d" : "%s%d-%d",
				       at > 0 ? "," : "", first, cpu);
	}
}

int
cpu_list_get(const cpu_set_t *set, unsigned index)
{
	int count = CPU_COUNT(set);

	if (count == 0)
		return -1;
	index %= (unsigned)count;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, set) && index-- == 0)
			return cpu;
	return -1;
}
