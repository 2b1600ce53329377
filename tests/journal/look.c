/* SPDX-License-Identifier: MIT */
/* look.c - see look.h. */
#include "look.h"

#include "files.h"

#include <stdlib.h>
#include <string.h>

static void
count_good(struct look *look, const struct wi_row *row)
{
	look->rows++;
	look->events += row->kind == WI_ROW_EVENT;
	look->gaps += row->kind == WI_ROW_GAP;
	look->opened += row->kind == WI_ROW_OPENED;
	look->closed += row->kind == WI_ROW_CLOSED;
}

static void
look_at(struct look *look, struct wi_reader *reader,
        void (*visit)(void *context, const struct wi_row *row), void *context)
{
	enum wi_reader_result result;
	struct wi_row row;

	while ((result = wi_reader_next(reader, &row)) != WI_READER_END) {
		look->loose += result == WI_READER_LOOSE;
		look->broken += result == WI_READER_BROKEN;
		if (result == WI_READER_HOLE) {
			look->holes++;
			if (wi_reader_hole_end(reader))
				look->missing += wi_reader_hole_end(reader) - row.seq + 1;
		}
		if (result != WI_READER_ROW)
			continue;
		count_good(look, &row);
		if (visit)
			visit(context, &row);
	}
}

struct look
look_at_file(const char *path, void (*visit)(void *context, const struct wi_row *row), void *context)
{
	struct look look = { .files = 1, .linked = true };
	char problem[WI_READER_PROBLEM_SIZE];
	uint8_t hash[WI_HASH_SIZE];
	struct wi_reader *reader;

	if (!wi_reader_open(path, &reader, problem)) {
		look.unreadable = 1;
		return look;
	}
	look_at(&look, reader, visit, context);
	look.last = wi_reader_end(reader, hash);
	wi_reader_close(reader);
	return look;
}

static bool
follows(const struct wi_reader *reader, uint64_t last, const uint8_t hash[WI_HASH_SIZE])
{
	const struct wi_head *head = wi_reader_head(reader);

	return head && head->seq_before == last &&
	       memcmp(head->hash_before, hash, WI_HASH_SIZE) == 0;
}

struct look
look_at_journal(const char *path, void (*visit)(void *context, const struct wi_row *row), void *context)
{
	struct look look = { .linked = true };
	char file[WI_FILES_PATH_MAX], problem[WI_READER_PROBLEM_SIZE];
	uint8_t hash[WI_HASH_SIZE] = { 0 };
	struct wi_reader *reader;
	struct wi_files files;
	uint64_t *numbers;
	size_t count;

	if (!wi_files_locate(&files, path) || !wi_files_list(&files, &numbers, &count)) {
		look.unreadable = 1;
		return look;
	}
	for (size_t i = 0; i < count; i++) {
		wi_files_path(&files, numbers[i], file);
		look.files++;
		if (!wi_reader_open(file, &reader, problem)) {
			look.unreadable++;
			continue;
		}
		if (!follows(reader, look.last, hash))
			look.linked = false;
		look_at(&look, reader, visit, context);
		look.last = wi_reader_end(reader, hash);
		wi_reader_close(reader);
	}
	free(numbers);
	return look;
}

bool
look_is_good(const struct look *look)
{
	return !look->loose && !look->broken && !look->holes && !look->unreadable && look->linked;
}
