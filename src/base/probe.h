/* SPDX-License-Identifier: MIT */
/*
 * probe.h - trace points (USDT, provider "weir"), for bpftrace, perf, SystemTap and gdb.
 *
 * A point is one nop, and a note in the library that says where it stands and where its arguments
 * are. So arguments are what the function has at hand anyway: an argument that would have to be
 * computed costs more than the nop. Where that cannot be (names of topics), the point is guarded: its
 * arguments are evaluated only while somebody looks, which costs a compare with memory, so guarded
 * points are for cold functions. No point in a loop over events. docs/tracing.md has the arguments,
 * tests/trace holds code and documentation to each other.
 *
 * Without <sys/sdt.h> (meson: -Dtrace=) there is nothing, and arguments are not evaluated.
 */
#ifndef WI_BASE_PROBE_H
#define WI_BASE_PROBE_H

#include "base/compiler.h"

#define WI_PROBES(probe)                                                                         \
	probe(publish__refused)                                                                  \
	probe(park)                                                                              \
	probe(wake)                                                                              \
	probe(dispatch__begin)                                                                   \
	probe(dispatch__end)                                                                     \
	probe(handler__sampled)                                                                  \
	probe(failure)                                                                           \
	probe(failure__again)                                                                    \
	probe(quarantine__begin)                                                                 \
	probe(quarantine__trial)                                                                 \
	probe(quarantine__end)                                                                   \
	probe(skip)                                                                              \
	probe(stuck)

#ifdef WI_TRACE

#ifdef __clang__
/* Of "nor" it takes the "o": it would store on the stack what it has in a register. */
#define STAP_SDT_ARG_CONSTRAINT nr
#endif
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

/* How many look, written by those: probe.c. */
#define WI_PROBE_SEMAPHORE(point)                                                                \
	extern unsigned short weir_##point##_semaphore                                  \
		__attribute__((visibility("hidden"), section(".probes")));
WI_PROBES(WI_PROBE_SEMAPHORE)

#define WI_PROBE_ON(point) WI_UNLIKELY(weir_##point##_semaphore)
#define WI_PROBE_2(point, ...) STAP_PROBE2(weir, point, __VA_ARGS__)
#define WI_PROBE_3(point, ...) STAP_PROBE3(weir, point, __VA_ARGS__)
#define WI_PROBE_4(point, ...) STAP_PROBE4(weir, point, __VA_ARGS__)
#define WI_PROBE_5(point, ...) STAP_PROBE5(weir, point, __VA_ARGS__)
#define WI_PROBE_6(point, ...) STAP_PROBE6(weir, point, __VA_ARGS__)
#define WI_PROBE_7(point, ...) STAP_PROBE7(weir, point, __VA_ARGS__)

#else

static inline void
wi_probe_nothing(int nothing, ...)
{
	(void)nothing;
}

#define WI_PROBE_ON(point) 0
#define WI_PROBE_2(point, ...) (0 ? wi_probe_nothing(0, __VA_ARGS__) : (void)0)
#define WI_PROBE_3 WI_PROBE_2
#define WI_PROBE_4 WI_PROBE_2
#define WI_PROBE_5 WI_PROBE_2
#define WI_PROBE_6 WI_PROBE_2
#define WI_PROBE_7 WI_PROBE_2

#endif

/* Refused for good: not a try of weir_publish_wait(). The caller guards. */
#define WI_PROBE_PUBLISH_REFUSED(source, topic, topic_name, size, status)                        \
	WI_PROBE_5(publish__refused, source, topic, topic_name, size, status)

/* The last one awake of its pool goes to sleep until a publisher wakes it; it is awake again. */
#define WI_PROBE_PARK(pool_name, dispatcher) WI_PROBE_2(park, pool_name, dispatcher)
#define WI_PROBE_WAKE(pool_name, dispatcher) WI_PROBE_2(wake, pool_name, dispatcher)

/* One batch of one producer's events; at the end: how many, and the ring's positions. */
#define WI_PROBE_DISPATCH_BEGIN(pool_name, dispatcher, source)                                   \
	WI_PROBE_3(dispatch__begin, pool_name, dispatcher, source)
#define WI_PROBE_DISPATCH_END(pool_name, dispatcher, source, events, from, to)                   \
	WI_PROBE_6(dispatch__end, pool_name, dispatcher, source, events, from, to)

/* One call whose time was taken; not for calls whose time is not taken anyway. */
#define WI_PROBE_HANDLER_SAMPLED(subscription, name, ns)                                         \
	WI_PROBE_3(handler__sampled, subscription, name, ns)

/*
 * The calls that failed under the same code right behind, in the same batch, are counted inline and
 * have one point together, when they are told. The caller guards the first of these.
 */
#define WI_PROBE_FAILURE(subscription, name, code, topic, topic_name, source, sequence)          \
	WI_PROBE_7(failure, subscription, name, code, topic, topic_name, source, sequence)
#define WI_PROBE_FAILURE_AGAIN(subscription, name, code, count)                                  \
	WI_PROBE_4(failure__again, subscription, name, code, count)

/* A period begins (also when a trial has failed); the trial that ends it; the handler is back. */
#define WI_PROBE_QUARANTINE_BEGIN(subscription, name) WI_PROBE_2(quarantine__begin, subscription, name)
#define WI_PROBE_QUARANTINE_TRIAL(subscription, name) WI_PROBE_2(quarantine__trial, subscription, name)
#define WI_PROBE_QUARANTINE_END(subscription, name) WI_PROBE_2(quarantine__end, subscription, name)

/* A pool with WEIR_BEHIND_SKIP has missed the events first .. last of a producer. */
#define WI_PROBE_SKIP(pool_name, source, first, last) WI_PROBE_4(skip, pool_name, source, first, last)

/* A call does not return: once for each such call. */
#define WI_PROBE_STUCK(pool_name, dispatcher, thread, subscription, name, ns)                    \
	WI_PROBE_6(stuck, pool_name, dispatcher, thread, subscription, name, ns)

#endif
