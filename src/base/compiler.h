/* SPDX-License-Identifier: MIT */
/* compiler.h - attributes, cache-line alignment, assertions of layout. */
#ifndef WI_BASE_COMPILER_H
#define WI_BASE_COMPILER_H

#include <assert.h>
#include <stddef.h>

/*
 * What is written by different threads lies this far apart: two 64-byte lines,
 * since x86 prefetches lines in pairs and some Arm cores have 128-byte lines.
 */
#define WI_LINE 128
#define WI_ALIGNED _Alignas(WI_LINE)

#define WI_LIKELY(x) __builtin_expect(!!(x), 1)
#define WI_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define WI_COLD __attribute__((cold, noinline))

/* The variable's value is computed here, not where it is used: before a call that it would wait for. */
#define WI_COMPUTE_HERE(variable) __asm__ volatile ("" : "+r"(variable))

#define WI_CONTAINER(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))
#define WI_COUNT(array) (sizeof(array) / sizeof *(array))
/*
 * Each argument once: it may be the load of a word that others move, whose second value would be
 * another.
 */
#define WI_MIN(a, b) __extension__ ({                                                            \
	__typeof__(a) min_a_ = (a);                                                              \
	__typeof__(b) min_b_ = (b);                                                              \
	min_a_ < min_b_ ? min_a_ : min_b_;                                                       \
})
#define WI_MAX(a, b) __extension__ ({                                                            \
	__typeof__(a) max_a_ = (a);                                                              \
	__typeof__(b) max_b_ = (b);                                                              \
	max_a_ > max_b_ ? max_a_ : max_b_;                                                       \
})
#define WI_ROUND_UP(value, power_of_two) (((value) + (power_of_two) - 1) & ~((power_of_two) - 1))

/* Broken invariants of our own. Hot ones exist in debug builds only (b_ndebug=false). */
#define WI_ASSERT(condition) assert(condition)

#endif
