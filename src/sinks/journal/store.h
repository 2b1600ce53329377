/* SPDX-License-Identifier: MIT */
/*
 * store.h - the one writer of a journal: rows go in, all or none, each tied to the one before.
 *
 * One connection, which is also the only one that checkpoints: SQLite before 3.51.3 may lose rows when
 * two do both at the same moment. Nothing here waits or tries again; a write that fails closes the
 * connection, and the next one opens the file anew, brings what is in the write-ahead log into it,
 * looks at the end of the chain, and only then goes on. What a failed sync has left is never trusted.
 *
 * One thread at a time; not in a forked child.
 */
#ifndef WI_JOURNAL_STORE_H
#define WI_JOURNAL_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "chain.h"

enum wi_durability {
	WI_DURABILITY_BATCHED = 0,      /* synchronous = NORMAL */
	WI_DURABILITY_NONE,             /* OFF */
	WI_DURABILITY_COMMIT            /* FULL */
};

enum { WI_STORE_PROBLEM_SIZE = 512, WI_STORE_PAGES_DEFAULT = 4096 };

struct wi_store_options {
	const char *path;               /* see files.h */
	enum wi_durability durability;
	uint64_t rotate_size;           /* a new file at about so many bytes; 0: never */
	uint64_t rotate_ns;             /* a new file after so long; 0: never */
	uint32_t checkpoint_pages;      /* of 4 KiB in the write-ahead log; 0: WI_STORE_PAGES_DEFAULT */
};

struct wi_store;

struct wi_store_counts {
	uint64_t rows, commits, files;  /* since it was opened; files: begun or gone on with */
	uint64_t reopened;              /* after a failure */
	uint64_t seq;                   /* of the last row */
};

/*
 * An SQLite code, or 0; ret_problem names the file and says why. Refused if another process, or this
 * one, has the journal open for writing.
 */
int wi_store_open(const struct wi_store_options *options, struct wi_store **ret_store,
                  char ret_problem[WI_STORE_PROBLEM_SIZE]);
/* Checkpoints if it can. */
void wi_store_close(struct wi_store *store);
/* In a forked child: gives the memory back and leaves the files alone. */
void wi_store_forget(struct wi_store *store);

/*
 * Opens the journal again if a failure has closed it; wi_store_write() does the same. An SQLite code,
 * or 0.
 */
int wi_store_ready(struct wi_store *store);

/*
 * Once after wi_store_ready(): the rows of the last write, which had failed, were found in the file.
 * They are recorded, and are not to be written again.
 */
bool wi_store_take_late(struct wi_store *store);

/*
 * Writes all rows or none, and sets their seq. topic_numbers: of each row's topic, small and the
 * same as long as the store is open; 0: none, slower.
 *
 * An SQLite code, or 0: then the rows will survive what the durability says. On failure
 * wi_store_problem() says why, and they may be in the file all the same: wi_store_take_late().
 */
int wi_store_write(struct wi_store *store, struct wi_row *rows, const uint32_t *topic_numbers,
                   uint32_t count);
const char *wi_store_problem(const struct wi_store *store);

struct wi_store_counts wi_store_get_counts(const struct wi_store *store);

#endif
