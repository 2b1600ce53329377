/* SPDX-License-Identifier: MIT */
/*
 * look.h - one look at a counters file (layout: <weir/counters.h>).
 *
 * The file may be anything: nothing in it is believed before it was compared with the size that the
 * file has. It is read and not mapped, since a file that is cut while it is mapped ends its reader.
 * Whoever watches takes no lock, sends nothing, and is seen by nobody.
 */
#ifndef WI_WATCH_LOOK_H
#define WI_WATCH_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/counters.h>

struct wi_look {
	weir_counters_header header;    /* the counts of its sections are those of the arrays */
	weir_counters_pool *pools;
	weir_counters_dispatcher *dispatchers;
	weir_counters_producer *producers;
	weir_counters_subscription *subscriptions;
	weir_counters_times *times;
	bool torn;                      /* its writer stopped or died while it wrote */
	bool unlinked;                  /* the bus has been closed */
};

enum { WI_LOOK_PROBLEM_SIZE = 160 };

/* The file, to be closed. -1: errno, or 0 and *ret_problem: what it is instead. Never waits. */
int wi_look_open(const char *path, const char **ret_problem);

/* False: `problem` says what is wrong with the file, and *look is empty. */
bool wi_look_take(struct wi_look *look, int fd, char problem[WI_LOOK_PROBLEM_SIZE]);

/* Whether the file has changed since, or is being changed. */
bool wi_look_is_old(const struct wi_look *look, int fd);

void wi_look_fini(struct wi_look *look);

#endif
