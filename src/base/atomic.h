/* SPDX-License-Identifier: MIT */
/*
 * atomic.h - the only file of the engine that spells a memory order (beside <weir/inline.h>).
 *
 * Built on the compiler's builtins over plain integers and pointers, so that
 * public headers need no <stdatomic.h> and sanitizers see every access. Each
 * acquire, release and fence in the engine carries an edge of docs/ordering.md.
 * `local` fences order this thread against its own signal handlers and against
 * another thread's heavy fence (fence.h), and cost no instruction.
 */
#ifndef WI_BASE_ATOMIC_H
#define WI_BASE_ATOMIC_H

#define wi_load_relaxed(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define wi_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define wi_store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define wi_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
/* For counters with one writer: a plain add that readers never see torn. */
#define wi_add_own(p, v) wi_store_relaxed(p, wi_load_relaxed(p) + (v))
/*
 * The same by 1 on the dispatch path. gcc 12 makes three instructions of two relaxed
 * accesses; one add to memory does, since nobody else writes there. Sanitizers see the three.
 */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define wi_count_own(p) __asm__("addq $1, %0" : "+m"(*(p)) : : "cc")
#else
#define wi_count_own(p) wi_add_own(p, 1)
#endif
#define wi_add(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)
#define wi_sub(p, v) __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST)
#define wi_or(p, v) __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define wi_and(p, v) __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)
#define wi_exchange(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
/* True when *p was *expected and is v now; else *expected is what was found. */
#define wi_cas(p, expected, v) \
	__atomic_compare_exchange_n(p, expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)
#define wi_cas_acquire(p, expected, v) \
	__atomic_compare_exchange_n(p, expected, v, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
#define wi_fence_full() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define wi_fence_local() __atomic_signal_fence(__ATOMIC_SEQ_CST)

static inline void
wi_pause(unsigned times)
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

#endif
