/* SPDX-License-Identifier: MIT */
/* journal_bare.c - see journal_bare.h. The same columns, and a checkpoint as often as the journal's. */
#include "journal_bare.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

static int
insert(sqlite3_stmt *statement, uint64_t number, const void *payload, uint32_t size)
{
	static const unsigned char hash[32];

	sqlite3_bind_int64(statement, 1, (int64_t)number);
	sqlite3_bind_int64(statement, 2, 1);
	sqlite3_bind_int64(statement, 3, (int64_t)(number + 1700000000000000000));
	sqlite3_bind_int64(statement, 4, 3);
	sqlite3_bind_int64(statement, 5, 1);
	sqlite3_bind_int64(statement, 6, (int64_t)number);
	sqlite3_bind_null(statement, 7);
	sqlite3_bind_null(statement, 8);
	sqlite3_bind_blob(statement, 9, payload, (int)size, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 10, hash, sizeof hash, SQLITE_STATIC);
	sqlite3_step(statement);
	return sqlite3_reset(statement);
}

static int
step(sqlite3_stmt *statement)
{
	sqlite3_step(statement);
	return sqlite3_reset(statement);
}

static int
loop(sqlite3 *database, uint64_t rows, uint64_t batch, uint32_t size)
{
	sqlite3_stmt *begin = NULL, *commit = NULL, *row = NULL;
	char *payload = calloc(1, size + 1);
	int code = SQLITE_OK;

	sqlite3_prepare_v2(database, "BEGIN IMMEDIATE", -1, &begin, NULL);
	sqlite3_prepare_v2(database, "COMMIT", -1, &commit, NULL);
	sqlite3_prepare_v2(database, "INSERT INTO journal VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)", -1,
	                   &row, NULL);
	for (uint64_t i = 0; i < rows && code == SQLITE_OK;) {
		code = step(begin);
		for (uint64_t end = i + batch; i < end && i < rows && code == SQLITE_OK; i++)
			code = insert(row, i + 1, payload, size);
		if (code == SQLITE_OK)
			code = step(commit);
	}
	sqlite3_finalize(begin);
	sqlite3_finalize(commit);
	sqlite3_finalize(row);
	free(payload);
	return code;
}

static int
set_up(sqlite3 *database, const char *synchronous)
{
	char sql[64];
	int code = sqlite3_exec(database,
	                        "PRAGMA page_size=4096; PRAGMA journal_mode=WAL;"
	                        "PRAGMA wal_autocheckpoint=4096;"
	                        "CREATE TABLE journal(seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, "
	                        "time INTEGER NOT NULL, topic INTEGER NOT NULL, source INTEGER NOT NULL, "
	                        "sequence INTEGER NOT NULL, key INTEGER, trace BLOB, "
	                        "payload BLOB NOT NULL, hash BLOB NOT NULL) STRICT;",
	                        NULL, NULL, NULL);

	snprintf(sql, sizeof sql, "PRAGMA synchronous=%s", synchronous);
	return code == SQLITE_OK ? sqlite3_exec(database, sql, NULL, NULL, NULL) : code;
}

double
journal_bare_ns(const char *path, const char *synchronous, uint64_t rows, uint64_t batch, uint32_t size)
{
	char log[4096];
	sqlite3 *database;
	uint64_t start;
	double ns = -1;

	unlink(path);
	if (sqlite3_open(path, &database) == SQLITE_OK && set_up(database, synchronous) == SQLITE_OK) {
		start = machine_ns();
		if (loop(database, rows, batch, size) == SQLITE_OK)
			ns = (double)(machine_ns() - start);
	}
	sqlite3_close(database);
	unlink(path);
	snprintf(log, sizeof log, "%s-wal", path);
	unlink(log);
	snprintf(log, sizeof log, "%s-shm", path);
	unlink(log);
	return ns;
}
