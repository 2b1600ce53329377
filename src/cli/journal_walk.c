/* SPDX-License-Identifier: MIT */
/* journal_walk.c - see journal_walk.h. */
#include "journal_walk.h"

#include "command.h"
#include "files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Where the file before ended. */
struct link {
	bool known;
	struct wi_head head;
	uint64_t seq;
	uint8_t hash[WI_HASH_SIZE];
};

static void
tell(struct wi_journal_walk *walk, uint64_t first, uint64_t last, const char *text)
{
	walk->file.problems++;
	walk->problem(walk->context, first, last, text);
}

static void
check_link(struct wi_journal_walk *walk, const struct link *before)
{
	const struct wi_head *head = walk->head;
	char text[128];

	if (!head) {
		tell(walk, 0, 0, "its head, which ties it to the file before, cannot be read");
		return;
	}
	if (!before->known)
		return;
	if (memcmp(head->id, before->head.id, sizeof head->id) != 0) {
		tell(walk, 0, 0, "is of another journal than the file before");
	} else if (head->number != before->head.number + 1) {
		snprintf(text, sizeof text, "is file %" PRIu64 ", and comes after file %" PRIu64,
		         head->number, before->head.number);
		tell(walk, 0, 0, text);
	} else if (head->seq_before != before->seq) {
		snprintf(text, sizeof text, "begins behind row %" PRIu64 ", the file before ends with %" PRIu64,
		         head->seq_before, before->seq);
		tell(walk, 0, 0, text);
	} else if (memcmp(head->hash_before, before->hash, WI_HASH_SIZE) != 0) {
		tell(walk, 0, 0, "begins behind another row than that with which the file before ends");
	}
}

static void
count_row(struct wi_journal_sum *sum, const struct wi_row *row)
{
	sum->rows++;
	sum->events += row->kind == WI_ROW_EVENT;
	sum->gaps += row->kind == WI_ROW_GAP;
	sum->opened += row->kind == WI_ROW_OPENED;
	sum->closed += row->kind == WI_ROW_CLOSED;
}

/* False: enough. */
static bool
take(struct wi_journal_walk *walk, struct wi_reader *reader, enum wi_reader_result result,
     const struct wi_row *row)
{
	uint8_t hash[WI_HASH_SIZE];

	if (result == WI_READER_HOLE) {
		tell(walk, row->seq, wi_reader_hole_end(reader), wi_reader_problem(reader));
		return true;
	}
	walk->file.last = row->seq;
	if (!walk->file.first)
		walk->file.first = row->seq;
	if (result == WI_READER_BROKEN) {
		tell(walk, row->seq, row->seq, "is not what was written");
		return true;
	}
	if (result == WI_READER_LOOSE)
		tell(walk, row->seq, row->seq, "cannot be checked: what was before it is not there");
	else
		count_row(&walk->file, row);
	wi_reader_end(reader, hash);
	return walk->row(walk->context, row, hash, result == WI_READER_LOOSE);
}

static void
add_up(struct wi_journal_walk *walk)
{
	const struct wi_journal_sum *file = &walk->file;
	struct wi_journal_sum *all = &walk->all;

	all->rows += file->rows;
	all->events += file->events;
	all->gaps += file->gaps;
	all->opened += file->opened;
	all->closed += file->closed;
	all->problems += file->problems;
	all->last = file->last ? file->last : all->last;
	if (!all->first)
		all->first = file->first;
	walk->files++;
}

/*
 * The row that is to be begun behind is the same as it was: its hash, or that with which the file
 * begins. What comes next is tied to it.
 */
static bool
find_behind(struct wi_journal_walk *walk, struct wi_reader *reader)
{
	uint64_t behind = walk->behind, before = walk->head ? walk->head->seq_before : 0;
	uint8_t hash[WI_HASH_SIZE];
	struct wi_row row;

	walk->behind = 0;
	if (before == behind)
		return memcmp(walk->head->hash_before, walk->behind_hash, WI_HASH_SIZE) == 0;
	if (before > behind) {
		tell(walk, behind + 1, before, "are in files that are not there");
		return true;
	}
	wi_reader_seek(reader, behind);
	if (wi_reader_next(reader, &row) != WI_READER_LOOSE || row.seq != behind)
		return false;
	wi_reader_end(reader, hash);
	return memcmp(hash, walk->behind_hash, WI_HASH_SIZE) == 0;
}

/* False: enough. */
static bool
walk_file(struct wi_journal_walk *walk, const char *path, struct link *link)
{
	char problem[WI_READER_PROBLEM_SIZE];
	enum wi_reader_result result;
	struct wi_reader *reader;
	struct wi_row row;
	bool more = true;

	walk->path = path;
	walk->head = NULL;
	memset(&walk->file, 0, sizeof walk->file);
	if (!wi_reader_open(path, &reader, problem)) {
		tell(walk, 0, 0, problem);
		link->known = false;
		add_up(walk);
		return true;
	}
	walk->head = wi_reader_head(reader);
	walk->reader = reader;
	check_link(walk, link);
	if (walk->behind && !find_behind(walk, reader)) {
		walk->lost = true;
		more = false;
	}
	while (more && (result = wi_reader_next(reader, &row)) != WI_READER_END)
		more = take(walk, reader, result, &row);
	link->known = walk->head != NULL;
	if (walk->head)
		link->head = *walk->head;
	link->seq = wi_reader_end(reader, link->hash);
	walk->end = link->seq;
	memcpy(walk->end_hash, link->hash, WI_HASH_SIZE);
	add_up(walk);
	if (walk->file_end)
		walk->file_end(walk->context);
	wi_reader_close(reader);
	walk->reader = NULL;
	walk->head = NULL;
	return more;
}

/*
 * The last file that begins before the row which is to be begun behind; the first if there is
 * none.
 */
static size_t
find_first(const struct wi_journal_walk *walk, const struct wi_files *files, const uint64_t *numbers,
           size_t count)
{
	char file[WI_FILES_PATH_MAX], problem[WI_READER_PROBLEM_SIZE];
	struct wi_reader *reader;

	for (size_t i = walk->behind ? count - 1 : 0; i > 0; i--) {
		const struct wi_head *head;
		bool found;

		wi_files_path(files, numbers[i], file);
		if (!wi_reader_open(file, &reader, problem))
			continue;
		head = wi_reader_head(reader);
		found = head && head->seq_before < walk->behind;
		wi_reader_close(reader);
		if (found)
			return i;
	}
	return 0;
}

/* The journal's files, to be freed; false: why there are none. */
static bool
list_files(const char *path, struct wi_files *files, uint64_t **ret_numbers, size_t *ret_count,
           char problem[WI_READER_PROBLEM_SIZE])
{
	*ret_numbers = NULL;
	*ret_count = 0;
	errno = 0;
	if (wi_files_locate(files, path) && wi_files_list(files, ret_numbers, ret_count)) {
		if (*ret_count)
			return true;
		errno = ENOENT;
	}
	free(*ret_numbers);
	*ret_numbers = NULL;
	snprintf(problem, WI_READER_PROBLEM_SIZE, "%.300s: %s", path,
	         errno == ENOENT ? "there is no such journal" : strerror(errno));
	return false;
}

/* A file's own name, or all files of a journal's. */
static int
walk_argument(struct wi_journal_walk *walk, const char *path, struct link *link, bool *ret_more)
{
	char file[WI_FILES_PATH_MAX], problem[WI_READER_PROBLEM_SIZE];
	struct wi_files files;
	struct stat status;
	uint64_t *numbers;
	size_t count;

	if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
		*ret_more = walk_file(walk, path, link);
		return WI_EXIT_OK;
	}
	if (!list_files(path, &files, &numbers, &count, problem)) {
		fprintf(stderr, "weir journal: %s\n", problem);
		return WI_EXIT_NO_INPUT;
	}
	for (size_t i = find_first(walk, &files, numbers, count); i < count && *ret_more; i++) {
		wi_files_path(&files, numbers[i], file);
		/* The last one may just be being made. */
		if (i == count - 1 && i > 0 && stat(file, &status) == 0 && status.st_size == 0)
			break;
		*ret_more = walk_file(walk, file, link);
	}
	free(numbers);
	return WI_EXIT_OK;
}

int
wi_journal_walk(struct wi_journal_walk *walk, char **files, size_t count)
{
	struct link link = { 0 };
	bool more = true;
	int code = WI_EXIT_OK;

	for (size_t i = 0; i < count && more && code == WI_EXIT_OK; i++)
		code = walk_argument(walk, files[i], &link, &more);
	if (code == WI_EXIT_OK && walk->all.problems)
		code = WI_EXIT_FAILED;
	return code;
}

/* -- beside the walk --------------------------------------------------------- */

static bool
look_at(const char *file, uint8_t ret_id[WI_JOURNAL_ID_SIZE], uint64_t *ret_last,
        char problem[WI_READER_PROBLEM_SIZE])
{
	struct wi_reader *reader;
	const struct wi_head *head;

	if (!wi_reader_open(file, &reader, problem))
		return false;
	head = wi_reader_head(reader);
	if (head) {
		memcpy(ret_id, head->id, WI_JOURNAL_ID_SIZE);
		*ret_last = wi_reader_last(reader);
	} else {
		snprintf(problem, WI_READER_PROBLEM_SIZE, "%.300s: its head cannot be read", file);
	}
	wi_reader_close(reader);
	return head != NULL;
}

bool
wi_journal_look(const char *program, const char *path, uint8_t ret_id[WI_JOURNAL_ID_SIZE],
                uint64_t *ret_last)
{
	char file[WI_FILES_PATH_MAX], problem[WI_READER_PROBLEM_SIZE] = "";
	uint64_t *numbers = NULL;
	struct wi_files files;
	struct stat status;
	size_t count = 0;
	bool good = false;

	if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
		good = look_at(path, ret_id, ret_last, problem);
	else
		list_files(path, &files, &numbers, &count, problem);
	/* The last one may just be being made. */
	while (count && !good) {
		wi_files_path(&files, numbers[--count], file);
		good = look_at(file, ret_id, ret_last, problem);
	}
	free(numbers);
	if (good)
		return true;
	fprintf(stderr, "%s: ", program);
	wi_journal_put_safe(stderr, problem);
	putc('\n', stderr);
	return false;
}

void
wi_journal_put_safe(FILE *stream, const char *text)
{
	for (; *text; text++)
		putc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, stream);
}

void
wi_journal_complain(const struct wi_journal_walk *walk, const char *program, uint64_t first,
                    uint64_t last, const char *text)
{
	uint64_t problems = walk->all.problems + walk->file.problems;

	if (problems == 21)
		fprintf(stderr, "%s: there are more; weir journal verify counts them\n", program);
	if (problems > 20)
		return;
	fprintf(stderr, "%s: ", program);
	wi_journal_put_safe(stderr, walk->path);
	if (first && last == first)
		fprintf(stderr, ": row %" PRIu64, first);
	else if (first && last)
		fprintf(stderr, ": rows %" PRIu64 " to %" PRIu64, first, last);
	else if (first)
		fprintf(stderr, ": rows from %" PRIu64, first);
	fputs(": ", stderr);
	wi_journal_put_safe(stderr, text);
	putc('\n', stderr);
}
