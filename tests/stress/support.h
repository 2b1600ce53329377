/* SPDX-License-Identifier: MIT */
/* support.h - what stress and fault tests share: seeds, checks, a watchdog, a look at /proc. */
#ifndef WI_TESTS_SUPPORT_H
#define WI_TESTS_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/weir.h>

typedef unsigned long long ull;         /* what %llu takes */

#define MICROSECOND 1000ull
#define MILLISECOND 1000000ull
#define SECOND 1000000000ull

/* The memory of a sanitizer's own is not ours to count. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Shared words of the tests themselves; plain fields are plain because the engine orders them. */
#define get(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define set(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define add(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)

/* -- one program ------------------------------------------------------------ */

/*
 * Names the program, takes the seed from $WEIR_SEED or the clock and prints it, and
 * starts the watchdog: a program that takes longer than $WEIR_STRESS_SECONDS and a minute hangs.
 */
void support_begin(const char *name);

/* How long a test that runs for a time is to run. */
uint64_t support_duration_ns(void);

/* What the program does now, for the watchdog's last words; a constant string. */
void support_phase(const char *phase);

/* Ends the program, with the seed, when it is not so. */
#define CHECK(condition, ...)                                                                    \
	do {                                                                                     \
		if (__builtin_expect(!(condition), 0))                                           \
			support_fail(__FILE__, __LINE__, #condition, __VA_ARGS__);               \
	} while (0)
void support_fail(const char *file, int line, const char *condition, const char *format, ...)
	__attribute__((noreturn, cold, format(printf, 4, 5)));
#define CHECK_STATUS(expected, call)                                                             \
	do {                                                                                     \
		weir_status status_ = (call);                                                    \
		CHECK(status_ == (expected), "%s: %s", #call, weir_status_text(status_));        \
	} while (0)
#define CHECK_OK(call) CHECK_STATUS(WEIR_OK, call)

/* -- chance ----------------------------------------------------------------- */

struct chance { uint64_t state; };

/* A stream of its own for each number, all from the program's seed. */
struct chance chance_begin(uint64_t number);
uint64_t chance_next(struct chance *chance);
uint32_t chance_below(struct chance *chance, uint32_t limit);
/* True once in `times`. */
bool chance_one_in(struct chance *chance, uint32_t times);

/* Mixes a number: the same gives the same. */
uint64_t mix(uint64_t number);

/* -- time ------------------------------------------------------------------- */

uint64_t now_ns(void);
void sleep_ns(uint64_t ns);
/* Until *word is at least `least`; fails after 20 s. */
void wait_for(const uint64_t *word, uint64_t least, const char *what);

/*
 * How long the machine was away at most: a thread sleeps a millisecond at a time and notes the
 * worst that became of it. What judges latencies adds ten times this to what it allows: under load,
 * threads that work wait longer for a processor than one that only sleeps.
 */
void canary_begin(void);
uint64_t canary_end(void);

/* -- the process ------------------------------------------------------------ */

struct holdings { unsigned threads, files, mappings; };

struct holdings holdings_take(void);

/*
 * Threads and files as before. Mappings may be more by `slack` lines: glibc keeps up to 40 MB of
 * stacks of dead threads, two lines each, and grows its heap; a leak comes back with every cycle
 * and is larger. Not looked at under a sanitizer.
 */
void holdings_check(struct holdings before, unsigned slack);

/* How nice the thread of that name is; -100: there is none. */
int thread_nice(const char *name);

/* Kilobytes of resident memory. */
uint64_t resident_kb(void);

/* -- the books -------------------------------------------------------------- */

/* At rest: every identity of <weir/weir.h> holds and lost is 0. */
void books_check(weir_bus *bus);

/* Options without counters file and messages. */
weir_bus_options quiet_options(void);

#endif
