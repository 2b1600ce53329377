/* SPDX-License-Identifier: MIT */
/* memory.c - see memory.h. */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"

static uint64_t fail_countdown;         /* 0: nothing is to fail */
static bool fail_forever;

void
wi_memory_fail_at(uint64_t number, bool forever)
{
	wi_store_relaxed(&fail_forever, forever);
	wi_store_relaxed(&fail_countdown, number);
}

bool
wi_memory_fails(void)
{
	uint64_t left = wi_load_relaxed(&fail_countdown);

	if (WI_LIKELY(left == 0))
		return false;
	if (left > 1) {
		wi_sub(&fail_countdown, 1u);
		return false;
	}
	if (!wi_load_relaxed(&fail_forever))
		wi_store_relaxed(&fail_countdown, 0u);
	return true;
}

void *
wi_memory_take(size_t size)
{
	return wi_memory_fails() ? NULL : calloc(1, size);
}

void *
wi_memory_lines(size_t size)
{
	size_t rounded = WI_ROUND_UP(size, (size_t)WI_LINE);
	void *memory = wi_memory_fails() ? NULL : aligned_alloc(WI_LINE, rounded);

	return memory ? memset(memory, 0, rounded) : NULL;
}

void
wi_memory_give(void *memory)
{
	free(memory);
}

void *
wi_memory_map(size_t size, enum wi_map_kind kind)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS |
	            (kind == WI_MAP_FAULTED ? MAP_POPULATE : MAP_NORESERVE);
	void *memory = wi_memory_fails() ? MAP_FAILED
	                                 : mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	if (kind == WI_MAP_WIPED_IN_CHILD && !wi_memory_wipe_in_child(memory, size)) {
		munmap(memory, size);
		return NULL;
	}
	return memory;
}

size_t
wi_memory_page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

bool
wi_memory_wipe_in_child(void *memory, size_t size)
{
	return madvise(memory, size, MADV_WIPEONFORK) == 0;
}

void
wi_memory_unmap(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}
