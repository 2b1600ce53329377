/* SPDX-License-Identifier: MIT */
/* watch.h - what `weir top` and `weir stat` share: which bus, and looks at its counters file. */
#ifndef WI_CLI_WATCH_H
#define WI_CLI_WATCH_H

#include "watch/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

struct wi_watch {
	const char *program;    /* "weir top" */
	const char *file;       /* as given, or NULL */
	uint64_t pid;           /* as given, or 0 */
	bool dead;              /* also of a process that has ended */
	bool quiet;             /* nothing is said */
	char *path;
	int fd;
};

/* Exit codes of command.h: WI_EXIT_OK, or what was said on standard error. */
int wi_watch_open(struct wi_watch *watch);
void wi_watch_close(struct wi_watch *watch);

/* The next snapshot. `before` stays the caller's. */
int wi_watch_look(const struct wi_watch *watch, const struct wi_snapshot *before,
		  struct wi_snapshot **ret_snapshot);

/*
 * Of a bus that is not watched any longer, or not yet: WI_EXIT_OK if it is alive, or may be looked
 * at all the same; otherwise the code, and it was said.
 */
int wi_watch_judge(const struct wi_watch *watch, const struct wi_snapshot *snapshot);

/* After an interval, but not before the bus has written again, if it writes at all. */
void wi_watch_wait(const struct wi_watch *watch, const struct wi_snapshot *before,
		   uint64_t interval_ns);

/* "2", "0.5" seconds, "500ms"; 10 ms to an hour. */
bool wi_watch_interval(const char *text, uint64_t *ret_ns);

struct wi_screen_size {
	size_t columns, rows;
};

/* Of the terminal that standard output is; 80 and 0: it is none. */
struct wi_screen_size wi_watch_screen_size(void);

/* One line on standard error, with the program's name. */
void wi_watch_complain(const struct wi_watch *watch, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
