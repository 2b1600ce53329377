/* SPDX-License-Identifier: MIT */
/* compare_progress.c - see compare_progress.h. */
#include "compare_progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int shown;

static int
can_show(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb");
}

void
progress_show(double seconds_left, const char *format, ...)
{
	va_list arguments;

	if (!can_show())
		return;
	fprintf(stderr, "\r\033[K");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	if (seconds_left > 90)
		fprintf(stderr, "; at most %.0f minutes left", seconds_left / 60 + 0.5);
	else if (seconds_left > 0)
		fprintf(stderr, "; at most %.0f seconds left", seconds_left);
	fflush(stderr);
	shown = 1;
}

void
progress_clear(void)
{
	if (shown)
		fprintf(stderr, "\r\033[K");
	shown = 0;
}
