/* SPDX-License-Identifier: MIT */
/* progress.h - one moving line on a terminal's standard error, and messages that do not tear it. */
#ifndef WI_CLI_PROGRESS_H
#define WI_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum { WI_PROGRESS_PERIOD_MS = 200 };

struct wi_progress {
	const char *program; /* the name that messages begin with */
	bool on;    /* stderr is a terminal that can redraw a line */
	bool drawn; /* there is a line to take away; under the lock of stderr */
	uint64_t next_ns;
};

/* wanted: false where standard output goes to the same terminal, line by line. */
void wi_progress_init(struct wi_progress *progress, const char *program, bool wanted);

/* True a few times a second, never where progress is off. */
bool wi_progress_due(struct wi_progress *progress);
void wi_progress_draw(struct wi_progress *progress, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void wi_progress_clear(struct wi_progress *progress);

/* A line on stderr that begins with the program's name. Any thread. */
void wi_progress_message(struct wi_progress *progress, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
