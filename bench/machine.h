/* SPDX-License-Identifier: MIT */
/* machine.h - the two processors that measurements run on, pinning, clocks and pauses. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdint.h>

enum { MACHINE_LINE = 128 };    /* what different threads write lies this far apart */

/*
 * The first two processors that this process may use: producers run on the
 * first, dispatchers on the second. machine_begin() must come before any pinning
 * and says on stderr what is missing when it returns 0.
 */
int machine_begin(void);
int machine_producer_cpu(void);
int machine_dispatcher_cpu(void);

/* Pin the calling thread; or give it back the processors that the process began with. */
void machine_pin(int cpu);
void machine_unpin(void);

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

#endif
