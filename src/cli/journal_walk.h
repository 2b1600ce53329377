/* SPDX-License-Identifier: MIT */
/* journal_walk.h - all rows of all files that were named, and what is wrong between and in them. */
#ifndef WI_CLI_JOURNAL_WALK_H
#define WI_CLI_JOURNAL_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "reader.h"

/* What was found in one file, or in all. */
struct wi_journal_sum {
	uint64_t rows, events, gaps, opened, closed;    /* that are good */
	uint64_t first, last;                           /* numbers of rows, 0: there are none */
	uint64_t problems;
};

struct wi_journal_walk {
	/* Of the file that is being read. */
	const char *path;
	const struct wi_head *head;     /* NULL: cannot be read */
	struct wi_journal_sum file;

	struct wi_journal_sum all;
	/*
	 * If it is not 0: rows up to it are passed over, and it must have this hash, else `lost`
	 * is set and nothing is read.
	 */
	uint64_t behind;
	uint8_t behind_hash[WI_HASH_SIZE];
	bool lost;

	uint64_t files;
	uint64_t end;                   /* the last row's number */
	uint8_t end_hash[WI_HASH_SIZE];

	void *context;
	/* A good or loose row; its hash. False: enough. */
	bool (*row)(void *context, const struct wi_row *row, const uint8_t hash[WI_HASH_SIZE], bool loose);
	/* Rows from first to last (0: unknown), or the file where first is 0. */
	void (*problem)(void *context, uint64_t first, uint64_t last, const char *text);
	void (*file_end)(void *context);        /* may be NULL */
	struct wi_reader *reader;               /* of the file that is being read */
};

/* An exit status: 0, 1 (problems), 66. What cannot be opened at all is a message on standard error. */
int wi_journal_walk(struct wi_journal_walk *walk, char **files, size_t count);

/*
 * Which journal `path` is of, and its last row now. False: what is wrong was said on standard
 * error, by this program.
 */
bool wi_journal_look(const char *program, const char *path, uint8_t ret_id[WI_JOURNAL_ID_SIZE],
                     uint64_t *ret_last);

/* On standard error, up to 20 of them: what `problem` may be. */
void wi_journal_complain(const struct wi_journal_walk *walk, const char *program, uint64_t first,
                         uint64_t last, const char *text);

/* A path or a sentence of SQLite's may hold anything. */
void wi_journal_put_safe(FILE *stream, const char *text);

#endif
