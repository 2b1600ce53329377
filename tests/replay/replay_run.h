/* SPDX-License-Identifier: MIT */
/* replay_run.h - other programs, from a test: the tool, and what makes journals. */
#ifndef WI_TESTS_REPLAY_RUN_H
#define WI_TESTS_REPLAY_RUN_H

#include <sys/types.h>

/* Begins a program; its arguments up to NULL. Output and messages go to these files, NULL: nowhere. */
pid_t begin_program(const char *out, const char *err, const char *const *arguments);
/* Its wait status. */
int end_program(pid_t child);
/* Until it has ended well. */
void run_program(const char *const *arguments);

#endif
