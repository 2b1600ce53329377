/* SPDX-License-Identifier: MIT */
/* process.h - whose counters files there are, and whether their processes live. */
#ifndef WI_WATCH_PROCESS_H
#define WI_WATCH_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WI_PROCESS_PATH_SIZE = 4096 };

struct wi_process_file {
	char *path;
	uint32_t pid;   /* by the file's name */
	bool lives;
};

struct wi_process_files {
	struct wi_process_file *each;
	size_t count;
};

/*
 * The counters files of this user where a bus puts its own if it is told no other place
 * (docs/counters.md), or everywhere where one that has another environment may have put it; in order
 * of their processes' ids. False: no memory.
 */
bool wi_process_find(struct wi_process_files *ret_files, bool everywhere);
void wi_process_fini(struct wi_process_files *files);

/*
 * Whether the process runs that wrote at that time (CLOCK_REALTIME): one that was started later has
 * only its id. 0: any time.
 */
bool wi_process_lives(uint32_t pid, uint64_t wrote_ns);

#endif
