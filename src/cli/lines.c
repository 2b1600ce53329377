/* SPDX-License-Identifier: MIT */
/* lines.c - getline() has no limit, and cannot wait for a signal as well. */
#include "lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 256 * 1024 };

void
wi_lines_open(struct wi_lines *lines, int fd, size_t line_size_max, int stop_fd)
{
	*lines = (struct wi_lines){.fd = fd, .stop_fd = stop_fd, .line_size_max = line_size_max};
}

void
wi_lines_close(struct wi_lines *lines)
{
	free(lines->buffer);
	lines->buffer = NULL;
}

static bool
make_room(struct wi_lines *lines)
{
	char *buffer;

	if (lines->start > 0) {
		memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
		lines->scanned -= lines->start;
		lines->end -= lines->start;
		lines->start = 0;
	}
	if (lines->capacity - lines->end >= READ_SIZE)
		return true;
	buffer = realloc(lines->buffer, 2 * lines->capacity + READ_SIZE);
	if (buffer == NULL)
		return false;
	lines->buffer = buffer;
	lines->capacity = 2 * lines->capacity + READ_SIZE;
	return true;
}

/* Until there is something to read, or the end. False: it is time to stop. */
static bool
wait_ready(const struct wi_lines *lines)
{
	struct pollfd fds[2] = {{.fd = lines->stop_fd, .events = POLLIN},
				{.fd = lines->fd, .events = POLLIN}};

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return true; /* read() says what is wrong */
	return fds[0].revents == 0;
}

static void
begin_rest(struct wi_lines *lines)
{
	struct stat status;
	int size = 0;

	lines->stopping = true;
	if (fstat(lines->fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)))
		lines->rest = ioctl(lines->fd, FIONREAD, &size) == 0 && size > 0 ? (size_t)size : 0;
	else
		lines->end = lines->scanned = lines->start;
}

static ssize_t
read_some(struct wi_lines *lines)
{
	size_t size = READ_SIZE;
	ssize_t count;

	if (lines->stopping)
		size = lines->rest < size ? lines->rest : size;
	count = size > 0 ? read(lines->fd, lines->buffer + lines->end, size) : 0;
	if (lines->stopping && count > 0)
		lines->rest -= (size_t)count;
	return count;
}

static enum wi_lines_result
fill(struct wi_lines *lines)
{
	ssize_t count;

	if (!make_room(lines))
		return WI_LINES_FAILED;
	do {
		if (!lines->stopping && lines->stop_fd >= 0 && !wait_ready(lines)) {
			if (!lines->ends_on_stop)
				return WI_LINES_INTERRUPTED;
			begin_rest(lines);
		}
		count = read_some(lines);
	} while (count < 0 && (errno == EINTR || errno == EAGAIN));
	if (count < 0)
		return WI_LINES_FAILED;
	lines->at_end = count == 0;
	lines->end += (size_t)count;
	lines->byte_count += (uint64_t)count;
	return WI_LINES_LINE;
}

/* The line from start to `end`, which is past the buffer's last byte at the end of the file. */
static enum wi_lines_result
take(struct wi_lines *lines, size_t end, const char **ret_line, size_t *ret_size)
{
	const char *line = lines->buffer + lines->start;
	size_t size = end - lines->start;
	bool too_long = lines->skipping;

	lines->start = lines->scanned = end < lines->end ? end + 1 : end;
	lines->skipping = false;
	lines->number++;
	if (lines->number == 1 && size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		size -= 3;
	}
	if (size > 0 && line[size - 1] == '\r')
		size--;
	if (too_long || size > lines->line_size_max)
		return WI_LINES_TOO_LONG;
	*ret_line = line;
	*ret_size = size;
	return WI_LINES_LINE;
}

enum wi_lines_result
wi_lines_next(struct wi_lines *lines, const char **ret_line, size_t *ret_size)
{
	for (;;) {
		size_t unseen = lines->end - lines->scanned;
		const char *newline = NULL;
		enum wi_lines_result result;

		if (unseen > 0)
			newline = memchr(lines->buffer + lines->scanned, '\n', unseen);
		if (newline != NULL)
			return take(lines, (size_t)(newline - lines->buffer), ret_line, ret_size);
		if (lines->at_end)
			return lines->start < lines->end || lines->skipping
				       ? take(lines, lines->end, ret_line, ret_size)
				       : WI_LINES_END;
		lines->scanned = lines->end;
		/* Room for a byte order mark and a carriage return beside the longest line. */
		if (lines->end - lines->start > lines->line_size_max + 4) {
			lines->skipping = true;
			lines->start = lines->scanned = lines->end = 0;
		}
		if ((result = fill(lines)) != WI_LINES_LINE)
			return result;
	}
}
