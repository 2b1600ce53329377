/* SPDX-License-Identifier: MIT */
/* progress.c - where stderr is no terminal, nothing but messages is written to it. */
#include "progress.h"

#include "stopwatch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void
wi_progress_init(struct wi_progress *progress, const char *program, bool wanted)
{
	const char *term = getenv("TERM");

	*progress = (struct wi_progress){
		.program = program,
		.on = wanted && isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0,
		/* What is over sooner than this needs no progress. */
		.next_ns = wi_stopwatch_now() + WI_PROGRESS_PERIOD_MS * WI_STOPWATCH_MS,
	};
}

bool
wi_progress_due(struct wi_progress *progress)
{
	uint64_t now_ns;

	if (!progress->on || (now_ns = wi_stopwatch_now()) < progress->next_ns)
		return false;
	progress->next_ns = now_ns + WI_PROGRESS_PERIOD_MS * WI_STOPWATCH_MS;
	return true;
}

static size_t
terminal_width(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

/* With stderr locked. */
static void
clear_line(struct wi_progress *progress)
{
	if (progress->drawn)
		fputs("\r\033[K", stderr);
	progress->drawn = false;
}

void
wi_progress_draw(struct wi_progress *progress, const char *format, ...)
{
	char line[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	flockfile(stderr);
	/* A line that wraps cannot be taken away with one carriage return. */
	fprintf(stderr, "\r%.*s\033[K", (int)terminal_width() - 1, line);
	progress->drawn = true;
	funlockfile(stderr);
}

void
wi_progress_clear(struct wi_progress *progress)
{
	flockfile(stderr);
	clear_line(progress);
	funlockfile(stderr);
}

void
wi_progress_message(struct wi_progress *progress, const char *format, ...)
{
	va_list arguments;

	flockfile(stderr);
	clear_line(progress);
	fprintf(stderr, "%s: ", progress->program);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	funlockfile(stderr);
}
