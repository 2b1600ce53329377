/* SPDX-License-Identifier: MIT */
/* facts.c - see facts.h. */
#include "facts.h"

#include <limits.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif
#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

#include "base/cpus.h"
#include "cpu_list.h"
#include "machine.h"
#include "stats.h"
#include "text_file.h"

/* The first processor's; Arm has no names there. */
static void
read_processor(struct facts *facts, const char *root)
{
	FILE *file = text_file_open(root, "/proc/cpuinfo");
	char line[4096];

	while (file && fgets(line, sizeof line, file)) {
		if (!strncmp(line, "flags", 5) && strstr(line, " hypervisor"))
			facts->is_virtual = true;
		if (!facts->processor[0])
			sscanf(line, "model name : %127[ -~]", facts->processor);
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

#define SYS_CPU "/sys/devices/system/cpu"
#define SYS_CLOCK "/sys/devices/system/clocksource/clocksource0"

static void
read_frequency(struct facts *facts, const char *root, int cpu)
{
	text_file_line(facts->governor, sizeof facts->governor, root,
	               SYS_CPU "/cpu%d/cpufreq/scaling_governor", cpu);
	text_file_line(facts->driver, sizeof facts->driver, root,
	               SYS_CPU "/cpu%d/cpufreq/scaling_driver", cpu);
}

/* "always [madvise] never": the one in brackets. */
static void
read_memory(struct facts *facts, const char *root)
{
	char line[128];
	uint64_t unused;
	struct rlimit limit;
	const char *bracket;

	text_file_line(line, sizeof line, root, "/sys/kernel/mm/transparent_hugepage/enabled");
	bracket = strchr(line, '[');
	if (bracket)
		sscanf(bracket, "[%15[a-z]]", facts->huge_pages);
	text_file_bytes(root, "/proc/meminfo", "MemTotal", &facts->memory);
	text_file_bytes(root, "/proc/meminfo", "SwapTotal", &facts->swap);
	if (text_file_bytes(root, "/proc/meminfo", "SwapFree", &unused) && unused <= facts->swap)
		facts->swap_used = facts->swap - unused;
	facts->lockable = UINT64_MAX;
	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY)
		facts->lockable = limit.rlim_cur;
}

/* user nice system idle iowait irq softirq steal; guests are part of user. */
static void
read_times(struct facts *facts, const char *root)
{
	unsigned long long t[8], all = 0;
	char line[256];

	facts->stolen = facts->load = -1;
	text_file_line(line, sizeof line, root, "/proc/loadavg");
	if (sscanf(line, "%lf", &facts->load) != 1 || !(facts->load >= 0 && facts->load < 1e9))
		facts->load = -1;
	text_file_line(line, sizeof line, root, "/proc/stat");
	if (sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3],
	           &t[4], &t[5], &t[6], &t[7]) != 8)
		return;
	for (int i = 0; i < 8; i++)
		all += t[i];
	if (all >= t[7] && all > 0)
		facts->stolen = (double)t[7] / (double)all;
}

static bool
read_membarrier(void)
{
	long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	return commands > 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

struct facts
facts_read(const char *root)
{
	struct facts facts = { .online = (int)sysconf(_SC_NPROCESSORS_ONLN) };
	unsigned quota = wi_cpus_quota(root);
	char line[128];

	if (!sched_getaffinity(0, sizeof facts.allowed_cpus, &facts.allowed_cpus))
		facts.allowed = CPU_COUNT(&facts.allowed_cpus);
	if (quota != UINT_MAX)
		facts.quota = quota / 100.0;
	facts.topology = topology_read(root, &facts.allowed_cpus);
	read_processor(&facts, root);
	read_hypervisor(&facts);
	read_software(&facts);
	read_frequency(&facts, root, cpu_list_get(&facts.allowed_cpus, 0));
	text_file_line(facts.clock_source, sizeof facts.clock_source, root,
	               SYS_CLOCK "/current_clocksource");
	text_file_line(facts.clock_sources, sizeof facts.clock_sources, root,
	               SYS_CLOCK "/available_clocksource");
	facts.isolates_tables =
	        text_file_line(line, sizeof line, root, SYS_CPU "/vulnerabilities/meltdown") &&
	        strstr(line, "PTI");
	read_memory(&facts, root);
	read_times(&facts, root);
	facts.has_membarrier = read_membarrier();
	facts.clock_ns = read_clock();
	return facts;
}
