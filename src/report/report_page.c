/* SPDX-License-Identifier: MIT */
/* report_page.c - see report_page.h. */
#include "report_page.h"

#include "template.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file on its way to its name. */
struct page {
	char *target;           /* where links lead, so that they stay links */
	char *name;             /* beside it, until it is whole */
	FILE *stream;
};

static bool
fail(char problem[WI_REPORT_PROBLEM_SIZE], const char *path, const char *why)
{
	snprintf(problem, WI_REPORT_PROBLEM_SIZE, "cannot write %s: %s", path, why);
	return false;
}

/* A rename would put a file in the place of a device. */
static const char *
refusal(const char *path)
{
	struct stat status;

	if (*path == '\0')
		return "the name is empty";
	if (stat(path, &status) != 0)
		return NULL;
	if (S_ISDIR(status.st_mode))
		return "it is a directory";
	return S_ISREG(status.st_mode) ? NULL : "it is not a regular file";
}

/* The mode is that of any new file, which mkstemp() does not give. */
static int
open_beside(struct page *page)
{
	int fd = -1;

	for (unsigned try = 0; try < 100; try++) {
		if (asprintf(&page->name, "%s.%ld-%u", page->target, (long)getpid(), try) < 0) {
			page->name = NULL;
			errno = ENOMEM;
			return -1;
		}
		fd = open(page->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd >= 0)
			return fd;
		free(page->name);
		page->name = NULL;
		if (errno != EEXIST)
			break;
	}
	return -1;
}

static void
close_page(struct page *page)
{
	int error = errno;

	if (page->stream != NULL)
		fclose(page->stream);
	if (page->name != NULL)
		unlink(page->name);
	free(page->name);
	free(page->target);
	errno = error;
}

/* False: errno; close_page() either way. */
static bool
open_page(struct page *page, const char *path)
{
	int fd;

	*page = (struct page){.target = realpath(path, NULL)};
	if (page->target == NULL)
		page->target = strdup(path);
	if (page->target == NULL)
		return false;
	fd = open_beside(page);
	if (fd < 0)
		return false;
	page->stream = fdopen(fd, "w");
	if (page->stream == NULL)
		close(fd);
	return page->stream != NULL;
}

/*
 * In JSON a '<' stands in strings alone, and as an escape it can neither end the element that holds
 * the data nor begin a comment in it.
 */
static int
write_json(const char *text, size_t size, void *context)
{
	struct page *page = context;

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '<')
			fputs("\\u003c", page->stream);
		else
			putc(text[i], page->stream);
	}
	return ferror(page->stream) ? -1 : 0;
}

/* False: errno. */
static bool
fill(struct page *page, const json_t *result)
{
	FILE *stream = page->stream;

	errno = 0;
	if (fwrite(wi_report_before, 1, wi_report_before_size, stream) != wi_report_before_size ||
	    json_dump_callback(result, write_json, page,
			       JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9)) != 0 ||
	    fwrite(wi_report_after, 1, wi_report_after_size, stream) != wi_report_after_size)
		return false;
	return fflush(stream) == 0 && fsync(fileno(stream)) == 0;
}

/* False: errno. */
static bool
rename_page(struct page *page)
{
	FILE *stream = page->stream;

	page->stream = NULL;
	if (fclose(stream) != 0 || rename(page->name, page->target) != 0)
		return false;
	free(page->name);
	page->name = NULL;
	return true;
}

bool
wi_report_page_check(const char *path, char problem[WI_REPORT_PROBLEM_SIZE])
{
	const char *why = refusal(path);
	struct page page;
	bool can;

	if (why != NULL)
		return fail(problem, path, why);
	can = open_page(&page, path);
	close_page(&page);
	return can || fail(problem, path, strerror(errno));
}

bool
wi_report_page_write(const json_t *result, const char *path, char problem[WI_REPORT_PROBLEM_SIZE])
{
	const char *why = refusal(path);
	struct page page;
	bool written;

	if (why != NULL)
		return fail(problem, path, why);
	written = open_page(&page, path) && fill(&page, result) && rename_page(&page);
	close_page(&page);
	return written || fail(problem, path, errno != 0 ? strerror(errno) : "it is not JSON");
}
