/* SPDX-License-Identifier: MIT */
/* unit.h - what the unit tests share: cmocka, a bus that must balance, gates, children, chance. */
#ifndef WI_TESTS_UNIT_H
#define WI_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>
#include <weir/weir.h>

#define UNIT_SECOND   1000000000ull
#define UNIT_PATIENCE (20 * UNIT_SECOND) /* a wait that ends this way has failed */

#define assert_ok(call)             assert_int_equal(call, WEIR_OK)
#define assert_status(status, call) assert_int_equal(call, status)

/* -- a bus ------------------------------------------------------------------ */

/* No counters file, no messages, unless the options say otherwise. NULL: defaults. */
weir_bus *unit_open(const weir_bus_options *options, const weir_pool_options *pool);

/* The same with rings of `ring_size` bytes. */
weir_bus *unit_open_ring(uint32_t ring_size);

weir_topic unit_topic(weir_bus *bus, const char *name);
weir_producer *unit_producer(weir_bus *bus);
weir_subscription unit_subscribe(weir_bus *bus, const char *pattern, weir_handler_fn handler,
				 void *context);
weir_subscription unit_subscribe_in(weir_bus *bus, weir_pool *pool, const char *pattern,
				    weir_handler_fn handler, void *context);

/* At rest: every identity holds and lost is 0. */
void unit_assert_balanced(weir_bus *bus);

/* Flush, unit_assert_balanced(), close: WEIR_OK with nothing undelivered. */
void unit_close(weir_bus *bus);

weir_producer_counts unit_producer_counts(const weir_producer *producer);
weir_producer_counts unit_all_producer_counts(weir_bus *bus);
weir_pool_counts unit_pool_counts(weir_bus *bus);
weir_pool_counts unit_counts_of_pool(const weir_pool *pool);
weir_subscription_counts unit_subscription_counts(weir_bus *bus, weir_subscription subscription);
weir_subscription_counts unit_all_subscription_counts(weir_bus *bus);

/* -- handlers --------------------------------------------------------------- */

/* context: a uint64_t that is counted up (atomically). Returns 0. */
int unit_count(const weir_event *event, const weir_delivery *delivery, void *context);

/* Blocks its handler until it is opened. */
struct unit_gate {
	sem_t entered, go;
};

void unit_gate_init(struct unit_gate *gate);
/* context: a gate. Says that it is in, waits for one pass, returns 0. */
int unit_gate_handler(const weir_event *event, const weir_delivery *delivery, void *context);
/* Until a handler is in; and let `count` calls go. */
void unit_gate_wait(struct unit_gate *gate);
void unit_gate_pass(struct unit_gate *gate, unsigned count);

/* Polls until *word is at least `least`; fails the test after UNIT_PATIENCE. */
void unit_wait_for(const uint64_t *word, uint64_t least);
uint64_t unit_load(const uint64_t *word);

/* -- the process ------------------------------------------------------------ */

uint64_t unit_now(void); /* monotonic */

/* Runs it in a forked child; its return value, or 1000 + what ended it (SIGALRM after 10 s). */
int unit_in_child(int (*run)(void *context), void *context);

/* For code in such a child: leaves run() with the line where it went wrong. */
#define child_expect(condition)                                                                    \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			unit_say("line %d: not so: %s\n", __LINE__, #condition);                   \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)
void unit_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

unsigned unit_count_files(void);
unsigned unit_count_mappings(void);
unsigned unit_count_threads(void);
/* A thread that was joined may still be listed for a moment. */
void unit_assert_threads(unsigned expected);
/* Bytes that malloc has given out; what its caches keep counts, so let a loop warm up first. */
size_t unit_memory_in_use(void);

/* A new empty directory; removed with what is in it by unit_remove_directory(). */
char *unit_make_directory(void);
void unit_remove_directory(char *path);

/* -- chance ----------------------------------------------------------------- */

struct unit_random {
	uint64_t state;
};

/* Seeded from $WEIR_TEST_SEED, else from the clock; the seed is printed. */
struct unit_random unit_random_init(void);
uint64_t unit_random(struct unit_random *random);
uint32_t unit_random_below(struct unit_random *random, uint32_t limit);

#endif
