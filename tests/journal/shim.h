/* SPDX-License-Identifier: MIT */
/*
 * shim.h - SQLite's way to files, with a counter in it: at the n-th call the process ends, or the call
 *          fails, once or from then on. While it is full, nothing is written.
 *
 * Becomes SQLite's default, so that what is tested need not know of it. The words lie in shared
 * memory: a parent sets them for its children and reads what they came to.
 */
#ifndef WI_TESTS_SHIM_H
#define WI_TESTS_SHIM_H

#include <stdbool.h>
#include <stdint.h>

/* The calls that are counted, as a set. */
enum {
	SHIM_WRITE = 1, SHIM_SYNC = 2, SHIM_TRUNCATE = 4, SHIM_OPEN = 8, SHIM_DELETE = 16, SHIM_SHM = 32,
	SHIM_READ = 64,
	SHIM_CHANGES = SHIM_WRITE | SHIM_SYNC | SHIM_TRUNCATE | SHIM_OPEN | SHIM_DELETE | SHIM_SHM
};

struct shim {
	uint32_t kinds;         /* that are counted */
	uint64_t calls;         /* so far */
	uint64_t kill_at;       /* before this one; 0: never */
	uint64_t fail_at;       /* this one, 0: none */
	uint64_t fail_until;    /* and those behind it, up to this */
	uint64_t failed;        /* how many did */
	uint32_t full;          /* writes answer SQLITE_FULL */
	uint32_t power;         /* what is not synchronized is lost, or not, when it ends at kill_at */
};

extern struct shim *shim;

/* Once, before SQLite is used. */
void shim_begin(void);
/* All words to 0 but kinds. */
void shim_reset(uint32_t kinds);

#endif
