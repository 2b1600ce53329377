/* SPDX-License-Identifier: MIT */
/* facts.c - see facts.h. */
#include "facts.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif
#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

#include "base/cpus.h"
#include "machine.h"
#include "stats.h"

static void
read_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "re");

	line[0] = '\0';
	if (!file)
		return;
	if (fgets(line, size, file))
		line[strcspn(line, "\n")] = '\0';
	fclose(file);
}

/* The first processor's; Arm has no names there. */
static void
read_processor(struct facts *facts)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[512];

	while (file && fgets(line, sizeof line, file)) {
		if (!strncmp(line, "flags", 5) && strstr(line, " hypervisor"))
			facts->is_virtual = true;
		if (!facts->processor[0])
			sscanf(line, "model name : %127[^\n]", facts->processor);
		if (line[0] == '\n')
			break;
	}
	if (file)
		fclose(file);
}

static void
read_hypervisor(struct facts *facts)
{
#if defined(__x86_64__) || defined(__i386__)
	unsigned unused, name[3];

	if (!facts->is_virtual)
		return;
	__cpuid(0x40000000, unused, name[0], name[1], name[2]);
	snprintf(facts->hypervisor, sizeof facts->hypervisor, "%.12s", (const char *)name);
	facts->hypervisor[strcspn(facts->hypervisor, " ")] = '\0';
	if (!strncmp(facts->hypervisor, "KVMKVMKVM", 9))
		strcpy(facts->hypervisor, "KVM");
#else
	(void)facts;
#endif
}

static void
read_software(struct facts *facts)
{
	struct utsname name;

	if (!uname(&name))
		snprintf(facts->kernel, sizeof facts->kernel, "%.40s %.80s", name.sysname,
		         name.release);
#if defined(__GLIBC__)
	snprintf(facts->libc, sizeof facts->libc, "glibc %s", gnu_get_libc_version());
#endif
#if defined(__clang__)
	snprintf(facts->compiler, sizeof facts->compiler, "clang %d.%d.%d", __clang_major__,
	         __clang_minor__, __clang_patchlevel__);
#elif defined(__GNUC__)
	snprintf(facts->compiler, sizeof facts->compiler, "gcc %d.%d.%d", __GNUC__, __GNUC_MINOR__,
	         __GNUC_PATCHLEVEL__);
#endif
}

static double
read_clock(void)
{
	enum { BATCHES = 21, READINGS = 1000 };
	double each[BATCHES];

	for (int b = 0; b < BATCHES; b++) {
		uint64_t begin = machine_ns();

		for (int i = 1; i < READINGS; i++)
			machine_ns();
		each[b] = (double)(machine_ns() - begin) / READINGS;
	}
	stats_sort(each, BATCHES);
	return stats_quantile(each, BATCHES, 0.5);
}

struct facts
facts_read(void)
{
	struct facts facts = { .online = (int)sysconf(_SC_NPROCESSORS_ONLN) };
	unsigned quota = wi_cpus_quota("");
	cpu_set_t allowed;

	if (!sched_getaffinity(0, sizeof allowed, &allowed))
		facts.allowed = CPU_COUNT(&allowed);
	if (quota != UINT_MAX)
		facts.quota = quota / 100.0;
	read_processor(&facts);
	read_hypervisor(&facts);
	read_software(&facts);
	read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", facts.governor,
	          sizeof facts.governor);
	read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource",
	          facts.clock_source, sizeof facts.clock_source);
	facts.clock_ns = read_clock();
	return facts;
}
