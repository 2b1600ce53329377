/* SPDX-License-Identifier: MIT */
/* cpus.c - see cpus.h. */
#include "base/cpus.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

static bool
read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool done;

	if (!file)
		return false;
	done = fgets(line, (int)size, file) != NULL;
	fclose(file);
	return done;
}

/* Hundredths of a processor that one directory of the v2 tree allows; UINT_MAX: no limit. */
static unsigned
quota_of_v2(const char *directory)
{
	char path[PATH_MAX + 16], line[64];
	unsigned long long quota, period;

	snprintf(path, sizeof path, "%s/cpu.max", directory);
	if (!read_line(path, line, sizeof line) || sscanf(line, "%llu %llu", &quota, &period) != 2 || !period)
		return UINT_MAX;
	return (unsigned)WI_MIN(quota * 100 / period, (unsigned long long)UINT_MAX);
}

static unsigned
quota_of_v1(const char *directory)
{
	char path[PATH_MAX + 32], line[64];
	long long quota, period;

	snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", directory);
	if (!read_line(path, line, sizeof line) || sscanf(line, "%lld", &quota) != 1 || quota <= 0)
		return UINT_MAX;
	snprintf(path, sizeof path, "%s/cpu.cfs_period_us", directory);
	if (!read_line(path, line, sizeof line) || sscanf(line, "%lld", &period) != 1 || period <= 0)
		return UINT_MAX;
	return (unsigned)WI_MIN(quota * 100 / period, (long long)UINT_MAX);
}

/* The least that the directory and its parents, up to the mount at `base_size` bytes, allow. */
static unsigned
quota_of_path(char *directory, size_t base_size, unsigned (*quota_of)(const char *))
{
	unsigned least = UINT_MAX;

	for (;;) {
		unsigned quota = quota_of(directory);
		char *slash;

		least = WI_MIN(least, quota);
		slash = strrchr(directory, '/');
		if (strlen(directory) <= base_size || !slash)
			return least;
		*slash = '\0';
	}
}

unsigned
wi_cpus_quota(const char *root)
{
	char path[PATH_MAX], line[PATH_MAX];
	unsigned least = UINT_MAX, quota;
	FILE *file;

	snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
	file = fopen(path, "re");
	if (!file)
		return UINT_MAX;
	while (fgets(line, sizeof line, file)) {
		char directory[2 * PATH_MAX], *controllers = strchr(line, ':'), *group;
		bool v2;
		int base_size;

		line[strcspn(line, "\n")] = '\0';
		group = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!group)
			continue;
		*group++ = '\0';
		v2 = controllers[1] == '\0';
		if (!v2 && !strstr(controllers, "cpu"))
			continue;
		base_size = snprintf(directory, sizeof directory, "%s/sys/fs/cgroup%s%s", root,
		                     v2 ? "" : "/", v2 ? "" : controllers + 1);
		snprintf(directory + base_size, sizeof directory - (size_t)base_size, "%s",
		         strcmp(group, "/") == 0 ? "" : group);
		quota = quota_of_path(directory, (size_t)base_size, v2 ? quota_of_v2 : quota_of_v1);
		least = WI_MIN(least, quota);
	}
	fclose(file);
	return least;
}

unsigned
wi_cpus_allowed(void)
{
	unsigned quota = wi_cpus_quota(""), count = 1;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		count = (unsigned)CPU_COUNT(&set);
	if (quota != UINT_MAX)
		count = WI_MIN(count, quota / 100);
	return WI_MAX(count, 1u);
}

bool
wi_cpus_parse(const char *text, cpu_set_t *ret_set)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (;;) {
		unsigned long first, last;
		char *end;

		if (*text < '0' || *text > '9')
			return false;
		errno = 0;
		first = last = strtoul(text, &end, 10);
		if (*end == '-') {
			if (end[1] < '0' || end[1] > '9')
				return false;
			last = strtoul(end + 1, &end, 10);
		}
		if (errno || last >= CPU_SETSIZE || first > last)
			return false;
		while (first <= last)
			CPU_SET(first++, &set);
		if (*end == '\0')
			break;
		if (*end != ',')
			return false;
		text = end + 1;
	}
	*ret_set = set;
	return true;
}

void
wi_cpus_share(const cpu_set_t *set, unsigned index, unsigned count, cpu_set_t *ret_set)
{
	unsigned place = 0;

	*ret_set = *set;
	if ((unsigned)CPU_COUNT(set) < count)
		return;
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, set) && place++ % count != index)
			CPU_CLR(cpu, ret_set);
}
