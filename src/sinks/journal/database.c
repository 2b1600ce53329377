/* SPDX-License-Identifier: MIT */
/* database.c - every statement here is a constant text; what varies is bound. */
#include "database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The order of the columns is that of the insert in store.c. Whoever owns the file can drop the
 * triggers: they keep from accidents, the chain tells of intent.
 */
static const char *const tables[] = {
	"CREATE TABLE file(id BLOB NOT NULL, number INTEGER NOT NULL, created INTEGER NOT NULL, "
	"seq_before INTEGER NOT NULL, hash_before BLOB NOT NULL, before TEXT NOT NULL) STRICT",
	"CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
	"CREATE TABLE journal(seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, time INTEGER NOT NULL, "
	"topic INTEGER NOT NULL, source INTEGER NOT NULL, sequence INTEGER NOT NULL, key INTEGER, "
	"trace BLOB, payload BLOB NOT NULL, hash BLOB NOT NULL) STRICT",
	"CREATE TRIGGER journal_update BEFORE UPDATE ON journal BEGIN "
	"SELECT RAISE(ABORT, 'a journal is only added to'); END",
	"CREATE TRIGGER journal_delete BEFORE DELETE ON journal BEGIN "
	"SELECT RAISE(ABORT, 'a journal is only added to'); END",
};

/* The number is "weir". */
static const struct wi_database_form form = {
	tables, sizeof tables / sizeof *tables, 0x77656972, WI_DATABASE_VERSION
};

/* -- open ------------------------------------------------------------------- */

static int
harden(sqlite3 *database, bool salvage)
{
	static const struct { int option, value; } options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
	};
	int code = SQLITE_OK;

	for (size_t i = 0; i < sizeof options / sizeof *options && code == SQLITE_OK; i++)
		code = sqlite3_db_config(database, options[i].option, options[i].value, NULL);
	sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
	/*
	 * SQLite refuses a file that was cut, unless its schema may be written, which turns the first
	 * option off; nothing is, the file is open for reading.
	 */
	if (code == SQLITE_OK && salvage) {
		code = sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
		if (code == SQLITE_OK)
			code = sqlite3_db_config(database, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
	}
	if (code == SQLITE_OK)
		code = sqlite3_exec(database, "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;",
		                    NULL, NULL, NULL);
	return code;
}

/* "file:" and the path with what has a meaning in a URI as %xx; to be freed. */
static char *
still_uri(const char *path)
{
	static const char digits[] = "0123456789abcdef", tail[] = "?immutable=1";
	char *uri = malloc(5 + 3 * strlen(path) + sizeof tail), *at;

	if (!uri)
		return NULL;
	at = stpcpy(uri, "file:");
	for (; *path; path++) {
		if (*path != '%' && *path != '?' && *path != '#') {
			*at++ = *path;
			continue;
		}
		*at++ = '%';
		*at++ = digits[(unsigned char)*path >> 4];
		*at++ = digits[*path & 15];
	}
	strcpy(at, tail);
	return uri;
}

int
wi_database_open(const char *path, enum wi_database_use use, sqlite3 **ret_database)
{
	bool still = use == WI_DATABASE_READ_STILL || use == WI_DATABASE_SALVAGE;
	int flags = SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
	            SQLITE_OPEN_EXRESCODE;
	char *uri = still ? still_uri(path) : NULL;
	int code;

	*ret_database = NULL;
	if (still && !uri)
		return SQLITE_NOMEM;
	flags |= use == WI_DATABASE_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	code = sqlite3_open_v2(still ? uri : path, ret_database, flags | (still ? SQLITE_OPEN_URI : 0),
	                       NULL);
	free(uri);
	if (code == SQLITE_OK)
		code = harden(*ret_database, use == WI_DATABASE_SALVAGE);
	if (code != SQLITE_OK) {
		sqlite3_close(*ret_database);
		*ret_database = NULL;
	}
	return code;
}

/* -- tables ----------------------------------------------------------------- */

int
wi_database_create_as(sqlite3 *database, const struct wi_database_form *as)
{
	char pragmas[80];
	int code = SQLITE_OK;

	for (size_t i = 0; i < as->table_count && code == SQLITE_OK; i++)
		code = sqlite3_exec(database, as->tables[i], NULL, NULL, NULL);
	snprintf(pragmas, sizeof pragmas, "PRAGMA application_id=%d; PRAGMA user_version=%d;",
	         as->application, as->version);
	if (code == SQLITE_OK)
		code = sqlite3_exec(database, pragmas, NULL, NULL, NULL);
	return code;
}

int
wi_database_create(sqlite3 *database)
{
	return wi_database_create_as(database, &form);
}

static int
rewrite(sqlite3_file *log)
{
	char bytes[4096];
	sqlite3_int64 size = 0;
	int code = log->pMethods->xFileSize(log, &size), part;

	for (sqlite3_int64 at = 0; at < size && code == SQLITE_OK; at += part) {
		part = size - at < (sqlite3_int64)sizeof bytes ? (int)(size - at) : (int)sizeof bytes;
		code = log->pMethods->xRead(log, bytes, part, at);
		if (code == SQLITE_OK)
			code = log->pMethods->xWrite(log, bytes, part, at);
	}
	return code == SQLITE_OK && size ? log->pMethods->xSync(log, SQLITE_SYNC_FULL) : code;
}

int
wi_database_rewrite_log(sqlite3 *database)
{
	sqlite3_file *log = NULL;
	int code = sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL), ended;

	if (code == SQLITE_OK)
		code = sqlite3_file_control(database, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
	if (code == SQLITE_OK && log && log->pMethods)
		code = rewrite(log);
	ended = sqlite3_get_autocommit(database) ? SQLITE_OK :
	                                           sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
	return code == SQLITE_OK ? ended : code;
}

int
wi_database_number(sqlite3 *database, const char *sql, int64_t *ret_number)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		*ret_number = sqlite3_column_int64(statement, 0);
		code = SQLITE_OK;
	} else if (code == SQLITE_DONE) {
		code = SQLITE_CORRUPT;
	}
	sqlite3_finalize(statement);
	return code;
}

static bool
is_ours(const struct wi_database_form *as, const char *sql)
{
	for (size_t i = 0; i < as->table_count; i++)
		if (sql && strcmp(sql, as->tables[i]) == 0)
			return true;
	return false;
}

/*
 * Every object is one of ours, word for word, and none is missing: nothing that a stranger put into
 * the schema is ever run.
 */
static int
look_at_tables(sqlite3 *database, const struct wi_database_form *as, size_t *ret_ours,
               size_t *ret_others)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(database, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL",
	                              -1, &statement, NULL);

	*ret_ours = *ret_others = 0;
	if (code != SQLITE_OK)
		return code;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		if (is_ours(as, (const char *)sqlite3_column_text(statement, 0)))
			++*ret_ours;
		else
			++*ret_others;
	}
	sqlite3_finalize(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

int
wi_database_look_as(sqlite3 *database, const struct wi_database_form *as,
                    enum wi_database_kind *ret_kind)
{
	int64_t application = 0, version = 0;
	size_t ours, others;
	int code;

	code = wi_database_number(database, "PRAGMA application_id", &application);
	if (code == SQLITE_OK)
		code = wi_database_number(database, "PRAGMA user_version", &version);
	if (code == SQLITE_OK)
		code = look_at_tables(database, as, &ours, &others);
	if (code != SQLITE_OK)
		return code;
	if (application == 0 && version == 0 && ours + others == 0)
		*ret_kind = WI_EMPTY;
	else if (application == as->application && version > as->version)
		*ret_kind = WI_NEWER;
	else if (application == as->application && version == as->version &&
	         ours == as->table_count && others == 0)
		*ret_kind = WI_OURS;
	else
		*ret_kind = WI_FOREIGN;
	return SQLITE_OK;
}

int
wi_database_look(sqlite3 *database, enum wi_database_kind *ret_kind)
{
	return wi_database_look_as(database, &form, ret_kind);
}

/* -- the head --------------------------------------------------------------- */

static bool
take_blob(sqlite3_stmt *statement, int column, uint8_t *ret_bytes, int size)
{
	const void *blob = sqlite3_column_blob(statement, column);

	if (sqlite3_column_type(statement, column) != SQLITE_BLOB || !blob ||
	    sqlite3_column_bytes(statement, column) != size)
		return false;
	memcpy(ret_bytes, blob, (size_t)size);
	return true;
}

static bool
take_head(sqlite3_stmt *statement, struct wi_head *ret_head)
{
	const char *before = (const char *)sqlite3_column_text(statement, 5);

	memset(ret_head, 0, sizeof *ret_head);
	ret_head->number = (uint64_t)sqlite3_column_int64(statement, 1);
	ret_head->created = (uint64_t)sqlite3_column_int64(statement, 2);
	ret_head->seq_before = (uint64_t)sqlite3_column_int64(statement, 3);
	if (!before || strlen(before) >= sizeof ret_head->before)
		return false;
	strcpy(ret_head->before, before);
	return take_blob(statement, 0, ret_head->id, sizeof ret_head->id) &&
	       take_blob(statement, 4, ret_head->hash_before, sizeof ret_head->hash_before);
}

int
wi_database_head(sqlite3 *database, struct wi_head *ret_head)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(database,
	                              "SELECT id, number, created, seq_before, hash_before, before "
	                              "FROM file LIMIT 1",
	                              -1, &statement, NULL);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		code = take_head(statement, ret_head) ? SQLITE_OK : SQLITE_CORRUPT;
	else if (code == SQLITE_DONE)
		code = SQLITE_CORRUPT;
	sqlite3_finalize(statement);
	return code;
}

int
wi_database_set_head(sqlite3 *database, const struct wi_head *head)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(database, "INSERT INTO file VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	                              -1, &statement, NULL);

	if (code != SQLITE_OK)
		return code;
	sqlite3_bind_blob(statement, 1, head->id, sizeof head->id, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, (int64_t)head->number);
	sqlite3_bind_int64(statement, 3, (int64_t)head->created);
	sqlite3_bind_int64(statement, 4, (int64_t)head->seq_before);
	sqlite3_bind_blob(statement, 5, head->hash_before, sizeof head->hash_before, SQLITE_STATIC);
	sqlite3_bind_text(statement, 6, head->before, -1, SQLITE_STATIC);
	code = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* -- rows ------------------------------------------------------------------- */

bool
wi_database_row(sqlite3_stmt *statement, struct wi_row *ret_row, uint8_t ret_hash[WI_HASH_SIZE])
{
	int64_t kind = sqlite3_column_int64(statement, 1);
	int64_t source = sqlite3_column_int64(statement, 3);
	bool fits;

	*ret_row = (struct wi_row){
		.seq = (uint64_t)sqlite3_column_int64(statement, 0),
		.kind = (enum wi_row_kind)kind,
		.time = (uint64_t)sqlite3_column_int64(statement, 2),
		.source = (uint32_t)source,
		.sequence = (uint64_t)sqlite3_column_int64(statement, 4),
		.has_key = sqlite3_column_type(statement, 5) != SQLITE_NULL,
		.key = (uint64_t)sqlite3_column_int64(statement, 5),
		.has_trace = sqlite3_column_type(statement, 6) != SQLITE_NULL,
		.payload = sqlite3_column_blob(statement, 7),
		.size = (uint32_t)sqlite3_column_bytes(statement, 7),
		.topic = (const char *)sqlite3_column_text(statement, 9),
		.topic_size = (uint32_t)sqlite3_column_bytes(statement, 9),
	};
	fits = take_blob(statement, 8, ret_hash, WI_HASH_SIZE);
	if (ret_row->has_trace)
		fits = take_blob(statement, 6, ret_row->trace, WI_TRACE_SIZE) && fits;
	if (!fits)
		memset(ret_hash, 0, WI_HASH_SIZE);
	return fits && kind >= WI_ROW_EVENT && kind <= WI_ROW_CLOSED && source >= 0 &&
	       source <= UINT32_MAX && ret_row->topic && strlen(ret_row->topic) == ret_row->topic_size;
}
