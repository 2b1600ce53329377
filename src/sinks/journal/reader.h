/* SPDX-License-Identifier: MIT */
/*
 * reader.h - the rows of one file of a journal, each checked against the one before.
 *
 * Reads what it can of a file that is damaged, and says of every row whether it is what was written.
 * Beside a running writer it sees what is committed, and holds no read transaction for long.
 */
#ifndef WI_JOURNAL_READER_H
#define WI_JOURNAL_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "chain.h"

enum { WI_READER_PROBLEM_SIZE = 512 };

struct wi_reader;

/* False: nothing of it can be read, and why. */
bool wi_reader_open(const char *path, struct wi_reader **ret_reader,
                    char ret_problem[WI_READER_PROBLEM_SIZE]);
void wi_reader_close(struct wi_reader *reader);

/* Valid as long as the reader. */
const struct wi_head *wi_reader_head(const struct wi_reader *reader);

enum wi_reader_result {
	WI_READER_ROW,          /* as it was written, behind the row that it was written behind */
	WI_READER_LOOSE,        /* what is before it is missing or damaged: it cannot be checked */
	WI_READER_BROKEN,       /* a row whose hash is not that of what it says */
	WI_READER_HOLE,         /* rows cannot be read: from ret_row->seq to wi_reader_hole_end() */
	WI_READER_END
};

/*
 * The next row; its texts and bytes are valid until the next call. Of a hole, the numbers that a
 * journal would have had there; wi_reader_problem() says what SQLite met.
 */
enum wi_reader_result wi_reader_next(struct wi_reader *reader, struct wi_row *ret_row);
uint64_t wi_reader_hole_end(const struct wi_reader *reader);
const char *wi_reader_problem(const struct wi_reader *reader);

/*
 * Ends the read transaction, for who takes his time; the next row begins another. Rows are gone
 * with it.
 */
void wi_reader_rest(struct wi_reader *reader);

/* The next row will be this one, which can then not be checked: what is before it was not read. */
void wi_reader_seek(struct wi_reader *reader, uint64_t seq);

/*
 * The last row that is there now; the one before the file's first if there is none. UINT64_MAX:
 * unknown.
 */
uint64_t wi_reader_last(struct wi_reader *reader);

/* Where the chain ends, so far as it was read: the last row's number and hash. */
uint64_t wi_reader_end(const struct wi_reader *reader, uint8_t ret_hash[WI_HASH_SIZE]);

#endif
