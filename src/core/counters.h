/* SPDX-License-Identifier: MIT */
/*
 * counters.h - the file in which a bus shows its counters (layout: <weir/counters.h>).
 *
 * Written with pwrite() and not through a mapping: a full or truncated file
 * system then costs a snapshot and not the process (SIGBUS). Readers may map it.
 */
#ifndef WI_CORE_COUNTERS_H
#define WI_CORE_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <weir/counters.h>

struct wi_counters {
	int file;                       /* -1: none */
	char *path;
	unsigned char *snapshot;        /* what will be written */
	size_t snapshot_size;
	bool write_failed;
};

/*
 * The sections with room for so many entries. directory: NULL for the default, "" for nowhere.
 * False: no file, and *ret_reason says why; the bus works without it.
 */
bool wi_counters_open(struct wi_counters *counters, const char *directory, const char *name,
                      uint64_t serial, const uint32_t capacity[WEIR_COUNTERS_SECTION_COUNT],
                      const char **ret_reason);
void wi_counters_close(struct wi_counters *counters);

weir_counters_header *wi_counters_header(struct wi_counters *counters);

/* Empties all sections, for a new snapshot. */
void wi_counters_begin(struct wi_counters *counters);

/* The next entry of a section, zeroed; NULL: no room, which is noted. */
void *wi_counters_entry(struct wi_counters *counters, int section);

/* Writes the snapshot. False the first time that it cannot be written. */
bool wi_counters_write(struct wi_counters *counters);

#endif
