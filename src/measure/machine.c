/* SPDX-License-Identifier: MIT */
/* machine.c - see machine.h. */
#include "machine.h"

#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static cpu_set_t allowed;
static int cpus[2];

int
machine_begin(void)
{
	int found = 0;

	if (sched_getaffinity(0, sizeof allowed, &allowed))
		return 0;
	for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			cpus[found++] = cpu;
	if (found == 1)
		cpus[1] = cpus[0];
	return CPU_COUNT(&allowed);
}

int
machine_producer_cpu(void)
{
	return cpus[0];
}

int
machine_dispatcher_cpu(void)
{
	return cpus[1];
}

bool
machine_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof set, &set);
}

bool
machine_unpin(void)
{
	return !sched_setaffinity(0, sizeof allowed, &allowed);
}

uint64_t
machine_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void
machine_sleep_ns(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };

	while (nanosleep(&t, &t))
		;
}

/* Against the system's clock over 20 ms, once. */
double
machine_ns_per_tick(void)
{
	static double known;
	uint64_t ns, ticks;

	if (known)
		return known;
	ns = machine_ns();
	ticks = machine_ticks();
	while (machine_ns() - ns < 20000000)
		;
	ticks = machine_ticks() - ticks;
	known = (double)(machine_ns() - ns) / (double)ticks;
	return known;
}

struct machine_used
machine_used(void)
{
	unsigned long long user, nice, system, idle, wait, irq, softirq, steal;
	FILE *file = fopen("/proc/stat", "re");
	double hertz = (double)sysconf(_SC_CLK_TCK);
	int got;

	if (!file)
		return (struct machine_used){ 0 };
	got = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
	             &idle, &wait, &irq, &softirq, &steal);
	fclose(file);
	if (got != 8)
		return (struct machine_used){ 0 };
	return (struct machine_used){ .busy = (double)(user + nice + system + irq + softirq) /
		                              hertz,
		                      .stolen = (double)steal / hertz };
}
