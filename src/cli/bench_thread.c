/* SPDX-License-Identifier: MIT */
/* bench_thread.c - see bench_thread.h. */
#include "bench_thread.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

struct wi_bench_thread_id
wi_bench_thread_self(void)
{
	struct wi_bench_thread_id self = {.tid = gettid()};

	pthread_getcpuclockid(pthread_self(), &self.clock);
	return self;
}

void
wi_bench_thread_show(struct wi_bench_thread_id *thread)
{
	struct wi_bench_thread_id self = wi_bench_thread_self();

	thread->clock = self.clock;
	__atomic_store_n(&thread->tid, self.tid, __ATOMIC_RELEASE);
}

static void
read_switches(pid_t tid, struct wi_bench_usage *usage)
{
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)tid);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &usage->voluntary);
		sscanf(line, "nonvoluntary_ctxt_switches: %" SCNu64, &usage->involuntary);
	}
	fclose(file);
}

struct wi_bench_usage
wi_bench_thread_usage(const struct wi_bench_thread_id *thread)
{
	pid_t tid = __atomic_load_n(&thread->tid, __ATOMIC_ACQUIRE);
	struct wi_bench_usage usage = {0};
	struct timespec time;

	if (tid == 0)
		return usage;
	read_switches(tid, &usage);
	if (clock_gettime(thread->clock, &time) == 0)
		usage.cpu_ns = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
	return usage;
}

static uint64_t
ns_of(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_usec * 1000;
}

struct wi_bench_usage
wi_bench_process_usage(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		return (struct wi_bench_usage){0};
	return (struct wi_bench_usage){.cpu_ns = ns_of(usage.ru_utime) + ns_of(usage.ru_stime),
				       .voluntary = (uint64_t)usage.ru_nvcsw,
				       .involuntary = (uint64_t)usage.ru_nivcsw};
}

struct wi_bench_usage
wi_bench_usage_since(struct wi_bench_usage now, struct wi_bench_usage then)
{
	return (struct wi_bench_usage){.cpu_ns = now.cpu_ns - then.cpu_ns,
				       .voluntary = now.voluntary - then.voluntary,
				       .involuntary = now.involuntary - then.involuntary};
}
