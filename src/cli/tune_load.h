/* SPDX-License-Identifier: MIT */
/* tune_load.h - a load from what a running process shows in its counters file. */
#ifndef WI_CLI_TUNE_LOAD_H
#define WI_CLI_TUNE_LOAD_H

/*
 * Watches for a second. from: a process id, or a counters file. *ret_text: an INI file for weir
 * bench, to be freed. 0, or an exit code after one line on standard error: 65, 66 or 69.
 */
int wi_tune_load_derive(const char *program, const char *from, char **ret_text);

struct wi_snapshot;

/*
 * The same from two snapshots a while apart. NULL: *ret_problem says why there is no load in them.
 */
char *wi_tune_load_make(const struct wi_snapshot *before, const struct wi_snapshot *now,
			const char **ret_problem);

#endif
