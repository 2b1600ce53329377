/* SPDX-License-Identifier: MIT */
/*
 * memory.h - the one place where the engine takes and returns memory.
 *
 * Every request can be made to fail by number (wi_memory_fail_at), so that tests
 * can fail each of them in turn.
 */
#ifndef WI_BASE_MEMORY_H
#define WI_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed; NULL when there is none. wi_memory_lines(): WI_LINE-aligned and -rounded. */
void *wi_memory_take(size_t size);
void *wi_memory_lines(size_t size);
void  wi_memory_give(void *memory);

enum wi_map_kind {
	WI_MAP_FAULTED,         /* every page is there on return */
	WI_MAP_LAZY,            /* address space only, pages come when touched */
	WI_MAP_WIPED_IN_CHILD,  /* lazy; reads as zeros in a forked child */
};

/* Whole zeroed pages; NULL when there are none, or the kernel cannot do what is asked. */
void *wi_memory_map(size_t size, enum wi_map_kind kind);
size_t wi_memory_page(void);
/* Pages that are mapped read as zeros in a child forked from now on. */
bool wi_memory_wipe_in_child(void *memory, size_t size);
void  wi_memory_unmap(void *memory, size_t size);

/* Tests only: the n-th request from now on (1: the next) fails, and all later ones if `forever`. */
void wi_memory_fail_at(uint64_t number, bool forever);

/* True when this request is to fail; for the other scarce things (threads, files). */
bool wi_memory_fails(void);

#endif
