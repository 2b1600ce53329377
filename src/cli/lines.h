/* SPDX-License-Identifier: MIT */
/* lines.h - a file as lines, of any length up to a limit and holding any bytes. */
#ifndef WI_CLI_LINES_H
#define WI_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wi_lines_result {
	WI_LINES_LINE,
	WI_LINES_TOO_LONG, /* the line was passed over; go on */
	WI_LINES_END,
	WI_LINES_INTERRUPTED, /* stop_fd is readable */
	WI_LINES_FAILED /* errno */
};

struct wi_lines {
	int fd;
	int stop_fd;
	/* The caller's, after open: a stop is the end. What is in a pipe or a socket then is
	 * still read, as nobody else will; a file's last line, if it was not wholly read, is
	 * not. */
	bool ends_on_stop;
	bool stopping;
	size_t rest; /* then: to be read */
	size_t line_size_max;
	char *buffer;
	/* Of the buffer: unread from start, no newline from there to scanned, read up to end. */
	size_t capacity, start, scanned, end;
	bool at_end, skipping;
	uint64_t number;     /* of the last line, from 1 */
	uint64_t byte_count; /* read from fd */
};

/* Both descriptors stay the caller's. stop_fd is looked at before each read, and never read; -1:
 * none. */
void wi_lines_open(struct wi_lines *lines, int fd, size_t line_size_max, int stop_fd);
void wi_lines_close(struct wi_lines *lines);

/*
 * The next line, without its line feed, a carriage return before that, and a byte order mark at
 * the beginning of the file. ret_line is valid until the next call and not NUL-terminated.
 */
enum wi_lines_result wi_lines_next(struct wi_lines *lines, const char **ret_line, size_t *ret_size);

#endif
