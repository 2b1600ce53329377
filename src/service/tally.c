/* SPDX-License-Identifier: MIT */
/* tally.c - see tally.h. */
#include "tally.h"

#include <errno.h>
#include <stdlib.h>

enum { CHUNKS = WI_THREAD_COUNT_MAX / WI_TALLY_CHUNK };

_Static_assert(offsetof(weir_service_counts, before) == sizeof(size_t) &&
                       sizeof(weir_service_counts) == sizeof(size_t) + WI_TALLY_COUNT * sizeof(uint64_t),
               "a tally has what the counts show, in their order");

void
wi_tallies_fini(struct wi_tallies *tallies)
{
	for (int i = 0; i < CHUNKS; i++)
		free(tallies->chunk[i]);
}

static void
add(const struct wi_tally *tally, weir_service_counts *counts)
{
	uint64_t *sum = &counts->before;

	for (int i = 0; i < WI_TALLY_COUNT; i++)
		sum[i] += __atomic_load_n(&tally->count[i], __ATOMIC_RELAXED);
}

void
wi_tallies_sum(const struct wi_tallies *tallies, weir_service_counts *counts)
{
	add(&tallies->shared, counts);
	for (int i = 0; i < CHUNKS; i++) {
		const struct wi_tally *chunk = __atomic_load_n(&tallies->chunk[i], __ATOMIC_ACQUIRE);

		for (int j = 0; chunk && j < WI_TALLY_CHUNK; j++)
			add(&chunk[j], counts);
	}
}

struct wi_tally *
wi_tallies_make(struct wi_tallies *tallies)
{
	struct wi_tally **place, *chunk, *other = NULL;
	int saved = errno;

	if (wi_thread.number == WI_THREAD_NONE)
		return &tallies->shared;
	place = &tallies->chunk[wi_thread.number / WI_TALLY_CHUNK];
	chunk = aligned_alloc(_Alignof(struct wi_tally), WI_TALLY_CHUNK * sizeof *chunk);
	errno = saved;
	if (!chunk)
		return &tallies->shared;
	memset(chunk, 0, WI_TALLY_CHUNK * sizeof *chunk);
	if (!__atomic_compare_exchange_n(place, &other, chunk, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		free(chunk);
		chunk = other;
	}
	return &chunk[wi_thread.number % WI_TALLY_CHUNK];
}

static int
index_of(weir_status status)
{
	static const weir_status known[] = {
		WEIR_EFULL, WEIR_ETOOBIG, WEIR_EBUSY, WEIR_ELOOP, WEIR_ECLOSED, WEIR_EINVAL,
	};
	int i = 0;

	while (i < WI_TALLY_COUNT - WI_TALLY_STATUS - 1 && known[i] != status)
		i++;
	return WI_TALLY_STATUS + i;
}

/* Into the shared one: these are rare, and whoever is refused has time. */
void
wi_tallies_count_refused(struct wi_tallies *tallies, weir_phase phase, weir_status status)
{
	uint64_t *count = tallies->shared.count;

	__atomic_fetch_add(&count[WI_TALLY_REFUSED + phase - 1], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&count[index_of(status)], 1, __ATOMIC_RELAXED);
}
