/* SPDX-License-Identifier: MIT */
/* compare_progress.h - one line on the terminal, on stderr, if that is one. */
#ifndef BENCH_COMPARE_PROGRESS_H
#define BENCH_COMPARE_PROGRESS_H

/* What is done now, and about how many seconds all of it still takes; 0: not known. */
void progress_show(double seconds_left, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void progress_clear(void);

#endif
