/* SPDX-License-Identifier: MIT */
/* database.h - one SQLite file, opened so that what is in it can do no harm; and its tables. */
#ifndef WI_JOURNAL_DATABASE_H
#define WI_JOURNAL_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <sqlite3.h>

#include "chain.h"

enum { WI_DATABASE_VERSION = 1 };       /* user_version */

/* Links are refused, whatever else. */
enum wi_database_use {
	WI_DATABASE_WRITE,
	WI_DATABASE_READ,
	WI_DATABASE_READ_STILL,         /* nobody writes it nor will: no side file is made */
	WI_DATABASE_SALVAGE,            /* the same, though it is shorter than it should be */
};

/* An SQLite code. */
int wi_database_open(const char *path, enum wi_database_use use, sqlite3 **ret_database);

/* What a file that is ours holds: each object's SQL, word for word. */
struct wi_database_form {
	const char *const *tables;
	size_t table_count;
	int application, version;       /* application_id, user_version */
};

/* The tables, into an empty database; within a transaction. */
int wi_database_create_as(sqlite3 *database, const struct wi_database_form *as);

/*
 * WI_EMPTY: nothing in it yet. WI_FOREIGN: something else, or its tables are not those that
 * wi_database_create_as() makes. WI_NEWER: made by a later version. Else an SQLite code.
 */
enum wi_database_kind { WI_OURS, WI_EMPTY, WI_FOREIGN, WI_NEWER };
int wi_database_look_as(sqlite3 *database, const struct wi_database_form *as,
                        enum wi_database_kind *ret_kind);

/* The same for journals. */
int wi_database_create(sqlite3 *database);
int wi_database_look(sqlite3 *database, enum wi_database_kind *ret_kind);

/* The row of the table "file". */
int wi_database_head(sqlite3 *database, struct wi_head *ret_head);
int wi_database_set_head(sqlite3 *database, const struct wi_head *head);

/*
 * Where a write or a synchronization may have failed before: all of the write-ahead log is written
 * again as it is read, and synchronized. The system may hold for written what never came to the disk;
 * a checkpoint of that, and then a loss of power, would leave a file whose log ends before what was
 * brought into it. Nobody else can write meanwhile. Without a log: nothing.
 */
int wi_database_rewrite_log(sqlite3 *database);

/* A statement with one column, a number. */
int wi_database_number(sqlite3 *database, const char *sql, int64_t *ret_number);

/* -- rows ------------------------------------------------------------------- */

/*
 * Columns of every statement that gives rows to wi_database_row(), from the first.
 * The texts and bytes of ret_row are valid until the statement's next step.
 */
#define WI_ROW_COLUMNS                                                                           \
	"j.seq, j.kind, j.time, j.source, j.sequence, j.key, j.trace, j.payload, j.hash, t.name " \
	"FROM journal j LEFT JOIN topics t ON t.id = j.topic"
/* False: it holds what no journal writes. */
bool wi_database_row(sqlite3_stmt *statement, struct wi_row *ret_row,
                     uint8_t ret_hash[WI_HASH_SIZE]);

#endif
