/* SPDX-License-Identifier: MIT */
/*
 * spool_file.h - the spool's SQLite file: opened, locked, checked; its transactions; its counts. For
 *                spool.c, whose calls are each one transaction or one look.
 *
 * A write-ahead log with synchronous = FULL: a commit is one synchronization, of the log. SQLite before
 * 3.51.3 may lose commits where one connection checkpoints a log that has nothing left to bring into
 * the file while another one's commit begins the log anew. So only the owner checkpoints, and only
 * right after a commit of its own: what that has written keeps the log from being begun anew.
 */
#ifndef WI_NOTIFY_SPOOL_FILE_H
#define WI_NOTIFY_SPOOL_FILE_H

#include "spool.h"

#include "../journal/database.h"
#include "../journal/files.h"

#include <pthread.h>

enum { WI_SPOOL_STATEMENTS_MAX = 48, WI_SPOOL_INSTANCE_SIZE = 17 };

/* Keyed by where its text lies, which is therefore a constant. */
struct wi_spool_statement {
	const char *sql;
	sqlite3_stmt *statement;
};

struct wi_spool {
	struct wi_spool_options options;
	struct wi_files files;
	char path[WI_FILES_PATH_MAX];
	int lock;                       /* -1: shared */
	char instance[WI_SPOOL_INSTANCE_SIZE];

	pthread_mutex_t mutex;          /* of all that follows, held while the disk is waited for */
	sqlite3 *database;              /* NULL: a failure has closed it */
	bool failed;                    /* a write, or a synchronization, since it was last brought in order */
	int log_pages;                  /* in the write-ahead log after the last commit */
	struct wi_spool_counts now;     /* in the open transaction */
	uint64_t number;                /* of the last message */
	uint64_t number_before;         /* when the transaction began */
	int64_t version;                /* data_version when it was last asked */
	uint64_t groups_cleared;
	struct wi_spool_statement statements[WI_SPOOL_STATEMENTS_MAX];
	uint32_t statement_count;

	pthread_mutex_t look;           /* of what is below: never held for long */
	uint64_t count;                 /* given to ids */
	struct wi_spool_counts counts;  /* committed */
	char problem[WI_NOTIFY_PROBLEM_SIZE];
};

/* -- statements: SQLite codes ----------------------------------------------- */

/* types: i: int64_t; t: text; b: bytes and size_t. sql: a constant. */
int wi_spool_query(struct wi_spool *spool, sqlite3_stmt **ret_statement, const char *sql,
                   const char *types, ...);
/* Ends a walk over rows: what its last step gave. */
int wi_spool_done(sqlite3_stmt *statement, int code);
/* A statement without rows. */
int wi_spool_run(struct wi_spool *spool, const char *sql, const char *types, ...);
int wi_spool_read_counts(struct wi_spool *spool);
void wi_spool_publish_counts(struct wi_spool *spool);

/* -- transactions ----------------------------------------------------------- */

/* Takes the mutex; ended by wi_spool_end(), which gives it back. */
int wi_spool_begin(struct wi_spool *spool);
/*
 * code: of what was done. True: committed, and synchronized. False: nothing of it is there, unless the
 * file cannot be opened again after a COMMIT that failed.
 */
bool wi_spool_end(struct wi_spool *spool, int code);
/* For reading alone: the same without a transaction. */
int wi_spool_begin_read(struct wi_spool *spool);
bool wi_spool_end_read(struct wi_spool *spool, int code);

#endif
