/* SPDX-License-Identifier: MIT */
/*
 * tally.h - what became of a service's events, counted by each thread for itself.
 *
 * A thread that has a number (thread.h) has a tally in each service where it has counted; they are
 * kept in chunks, made on first use. Those without a number, or without memory, share one.
 */
#ifndef WI_SERVICE_TALLY_H
#define WI_SERVICE_TALLY_H

#include <weir/service.h>

#include "thread.h"

enum { WI_TALLY_CHUNK = 16 };

/* In the order of the members of weir_service_counts. */
enum {
	WI_TALLY_PUBLISHED,             /* and the two that follow: by phase */
	WI_TALLY_REFUSED = 3,           /* as well */
	WI_TALLY_STATUS = 6,            /* refusals once more, by their status */
	WI_TALLY_COUNT = 13,
};

struct wi_tally {
	_Alignas(128) uint64_t count[WI_TALLY_COUNT];
};

struct wi_tallies {
	struct wi_tally *chunk[WI_THREAD_COUNT_MAX / WI_TALLY_CHUNK];
	struct wi_tally shared;
};

void wi_tallies_fini(struct wi_tallies *tallies);
void wi_tallies_sum(const struct wi_tallies *tallies, weir_service_counts *counts);

/* This thread's, made if it has none; or the shared one. */
__attribute__((cold, noinline)) struct wi_tally *wi_tallies_make(struct wi_tallies *tallies);
__attribute__((cold, noinline)) void wi_tallies_count_refused(struct wi_tallies *tallies, weir_phase phase,
                                                              weir_status status);

/* One event of this phase published. */
static inline void
wi_tallies_count(struct wi_tallies *tallies, weir_phase phase)
{
	uint32_t number = wi_thread.number, index = phase - 1u;
	struct wi_tally *chunk = NULL, *tally;
	uint64_t *count;

	if (number < WI_THREAD_COUNT_MAX)
		chunk = __atomic_load_n(&tallies->chunk[number / WI_TALLY_CHUNK], __ATOMIC_ACQUIRE);
	tally = chunk ? &chunk[number % WI_TALLY_CHUNK] : wi_tallies_make(tallies);
	count = &tally->count[WI_TALLY_PUBLISHED + index];
	if (__builtin_expect(tally == &tallies->shared, 0))
		__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
	else
		__atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

#endif
