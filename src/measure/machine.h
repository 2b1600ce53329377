/* SPDX-License-Identifier: MIT */
/* machine.h - the processors that measurements run on, pinning, clocks and pauses. */
#ifndef MEASURE_MACHINE_H
#define MEASURE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

enum { MACHINE_LINE = 128 };    /* what different threads write lies this far apart */

/*
 * How many processors this process may use; 0: errno says why that is not known. Producers run on
 * the first of them, dispatchers on the second, or with only one on that. Before any pinning.
 */
int machine_begin(void);
int machine_producer_cpu(void);
int machine_dispatcher_cpu(void);

/*
 * Pin the calling thread; or give it back the processors that the process began with. False: errno.
 */
bool machine_pin(int cpu);
bool machine_unpin(void);

uint64_t machine_ns(void);
void machine_sleep_ns(uint64_t ns);

static inline void
machine_pause(unsigned times)
{
	while (times--)
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#elif defined(__aarch64__)
		__asm__ __volatile__("isb");
#else
		__asm__ __volatile__("" ::: "memory");
#endif
}

/*
 * The cheapest clock that both processors share. The fence makes the reading
 * come after everything that the program did before it.
 */
static inline uint64_t
machine_ticks(void)
{
#if defined(__x86_64__)
	__builtin_ia32_lfence();
	return __builtin_ia32_rdtsc();
#else
	return machine_ns();
#endif
}

double machine_ns_per_tick(void);

/* Seconds of processor time since the machine started, in hundredths; 0 if that is not told. */
struct machine_used {
	double busy;            /* of everybody */
	double stolen;          /* by the hypervisor, for others */
};

struct machine_used machine_used(void);

#endif
