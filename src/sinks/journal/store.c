/* SPDX-License-Identifier: MIT */
/* store.c - see store.h. */
#include "store.h"

#include "common/now.h"
#include "database.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a row takes in the file beside its payload: numbers, hash, cell. */
enum { ROW_BYTES = 80, ROTATE_AGAIN_S = 1 };

/* Where the chain ends. */
struct end {
	uint64_t seq;
	uint8_t hash[WI_HASH_SIZE];
};

struct wi_store {
	struct wi_store_options options;
	struct wi_files files;
	int lock;

	sqlite3 *database;              /* NULL: the next write opens it */
	sqlite3_stmt *begin, *insert, *commit;
	uint32_t *topics;               /* of the file, by the caller's number */
	uint32_t topic_count;

	struct wi_head head;            /* of the file that is being written */
	struct end end;                 /* what is recorded */
	struct end tried;               /* where a commit that failed would have ended; seq 0: none */
	bool known;                     /* `end` is what it was when we last knew */
	bool failed;                    /* the next opening checks what a failure has left */
	bool late;

	uint64_t bytes;                 /* about, of the file */
	uint64_t rotate_again;          /* not before */
	int log_pages;                  /* in the write-ahead log after the last commit */
	struct stat log;                /* the log's file, st_ino 0: not known yet */

	struct wi_store_counts counts;
	char problem[WI_STORE_PROBLEM_SIZE];
};

/* -- failing ---------------------------------------------------------------- */

static int __attribute__((format(printf, 4, 5)))
fail(struct wi_store *store, uint64_t number, int code, const char *format, ...)
{
	int used, size = sizeof store->problem;
	va_list arguments;
	char name[256];

	wi_files_name(&store->files, number, name, sizeof name);
	used = snprintf(store->problem, sizeof store->problem, "%.200s/%s: ",
	                store->files.directory, name);
	va_start(arguments, format);
	used += vsnprintf(store->problem + used, (size_t)(size - used), format, arguments);
	va_end(arguments);
	(void)used;
	return code;
}

/* With what SQLite says of the code. */
static int
fail_sqlite(struct wi_store *store, uint64_t number, int code, const char *what)
{
	return fail(store, number, code, "%s: %s (%d)", what, sqlite3_errstr(code), code);
}

static int
fail_system(struct wi_store *store, uint64_t number, const char *what)
{
	int code = errno == ENOSPC ? SQLITE_FULL : errno == ENOMEM ? SQLITE_NOMEM : SQLITE_CANTOPEN;

	return fail(store, number, code, "%s: %s", what, strerror(errno));
}

/* -- one file --------------------------------------------------------------- */

static void
close_database(struct wi_store *store)
{
	sqlite3_finalize(store->begin);
	sqlite3_finalize(store->insert);
	sqlite3_finalize(store->commit);
	sqlite3_close(store->database);
	store->begin = store->insert = store->commit = NULL;
	store->database = NULL;
	if (store->topics)
		memset(store->topics, 0, store->topic_count * sizeof *store->topics);
}

static int
note_pages(void *context, sqlite3 *database, const char *name, int pages)
{
	struct wi_store *store = context;

	(void)database, (void)name;
	store->log_pages = pages;
	return SQLITE_OK;
}

static int
set_durability(struct wi_store *store)
{
	static const char *const sql[] = {
		[WI_DURABILITY_BATCHED] = "PRAGMA synchronous=NORMAL",
		[WI_DURABILITY_NONE] = "PRAGMA synchronous=OFF",
		[WI_DURABILITY_COMMIT] = "PRAGMA synchronous=FULL",
	};

	return sqlite3_exec(store->database, sql[store->options.durability], NULL, NULL, NULL);
}

/* 0644 and the umask is what SQLite would make; its side files get the mode of this one. */
static int
make_file(struct wi_store *store, uint64_t number, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), directory;

	if (fd < 0)
		return fail_system(store, number, "cannot be made");
	close(fd);
	directory = open(store->files.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return fail_system(store, number, "its folder cannot be opened");
	if (store->options.durability != WI_DURABILITY_NONE && fsync(directory) != 0) {
		close(directory);
		return fail_system(store, number, "its folder cannot be synchronized");
	}
	close(directory);
	return SQLITE_OK;
}

static int
connect(struct wi_store *store, uint64_t number)
{
	char path[WI_FILES_PATH_MAX];
	int code;

	wi_files_path(&store->files, number, path);
	code = wi_database_open(path, WI_DATABASE_WRITE, &store->database);
	if (code != SQLITE_OK)
		return fail_sqlite(store, number, code, "cannot be opened");
	sqlite3_wal_hook(store->database, note_pages, store);
	memset(&store->log, 0, sizeof store->log);
	return SQLITE_OK;
}

/* The mode is kept in the file, so this writes only once. */
static int
write_ahead(struct wi_store *store)
{
	int code = sqlite3_exec(store->database, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);

	if (code == SQLITE_OK)
		code = set_durability(store);
	if (code != SQLITE_OK)
		return fail_sqlite(store, store->head.number, code, "cannot be written");
	return SQLITE_OK;
}

static int
prepare(struct wi_store *store)
{
	static const char insert[] =
		"INSERT INTO journal VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
	const struct { const char *sql; sqlite3_stmt **statement; } all[] = {
		{ "BEGIN IMMEDIATE", &store->begin },
		{ insert, &store->insert },
		{ "COMMIT", &store->commit },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		int code = sqlite3_prepare_v3(store->database, all[i].sql, -1,
		                              SQLITE_PREPARE_PERSISTENT, all[i].statement, NULL);

		if (code != SQLITE_OK)
			return fail_sqlite(store, store->head.number, code, "cannot be written");
	}
	return SQLITE_OK;
}

/* -- the end of the chain --------------------------------------------------- */

/*
 * Checks the rows from `from`, whose hash before it is in *end, or, with from 0, the last row alone;
 * *end becomes where the chain ends. What does not fit is SQLITE_CORRUPT.
 */
static int
walk(sqlite3 *database, uint64_t from, struct end *end)
{
	sqlite3_stmt *statement;
	uint8_t stored[WI_HASH_SIZE], computed[WI_HASH_SIZE];
	struct wi_row row;
	int code = sqlite3_prepare_v2(database,
	                              "SELECT " WI_ROW_COLUMNS " WHERE j.seq >= ?1 ORDER BY j.seq",
	                              -1, &statement, NULL);

	if (code != SQLITE_OK)
		return code;
	sqlite3_bind_int64(statement, 1, (int64_t)from);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		bool fits = wi_database_row(statement, &row, stored) && row.seq == end->seq + 1;

		if (fits)
			wi_chain_row(end->hash, &row, computed);
		if (!fits || memcmp(stored, computed, sizeof stored) != 0) {
			code = SQLITE_CORRUPT;
			break;
		}
		end->seq = row.seq;
		memcpy(end->hash, stored, sizeof stored);
	}
	sqlite3_finalize(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* The hash of a row as it is stored. */
static int
read_hash(sqlite3 *database, uint64_t seq, uint8_t ret_hash[WI_HASH_SIZE])
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(database, "SELECT hash FROM journal WHERE seq = ?1", -1,
	                              &statement, NULL);

	if (code != SQLITE_OK)
		return code;
	sqlite3_bind_int64(statement, 1, (int64_t)seq);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW && sqlite3_column_bytes(statement, 0) == WI_HASH_SIZE) {
		memcpy(ret_hash, sqlite3_column_blob(statement, 0), WI_HASH_SIZE);
		code = SQLITE_OK;
	} else if (code == SQLITE_ROW || code == SQLITE_DONE) {
		code = SQLITE_CORRUPT;
	}
	sqlite3_finalize(statement);
	return code;
}

/* Where the chain ends in a file that nobody in this process has followed: its last row is checked. */
static int
find_end(sqlite3 *database, const struct wi_head *head, struct end *ret_end)
{
	int64_t last = 0;
	int code = wi_database_number(database, "SELECT ifnull(max(seq), 0) FROM journal", &last);

	if (code != SQLITE_OK)
		return code;
	ret_end->seq = head->seq_before;
	wi_chain_head(head, ret_end->hash);
	if (last == 0)
		return SQLITE_OK;
	if ((uint64_t)last <= head->seq_before)
		return SQLITE_CORRUPT;
	if ((uint64_t)last > head->seq_before + 1) {
		ret_end->seq = (uint64_t)last - 1;
		code = read_hash(database, ret_end->seq, ret_end->hash);
	}
	return code == SQLITE_OK ? walk(database, (uint64_t)last, ret_end) : code;
}

/* -- beginning a file ------------------------------------------------------- */

/* The end of the file before, which is not being written any more. */
static int
follow_file(struct wi_store *store, uint64_t number, struct wi_head *ret_head)
{
	enum wi_database_kind kind = WI_EMPTY;
	char path[WI_FILES_PATH_MAX];
	struct wi_head before;
	struct end end;
	sqlite3 *database;
	int code;

	wi_files_path(&store->files, number, path);
	code = wi_database_open(path, WI_DATABASE_WRITE, &database);
	if (code == SQLITE_OK)
		code = wi_database_look(database, &kind);
	if (code == SQLITE_OK && kind != WI_OURS)
		code = SQLITE_NOTADB;
	if (code == SQLITE_OK)
		code = wi_database_head(database, &before);
	if (code == SQLITE_OK)
		code = find_end(database, &before, &end);
	sqlite3_close(database);
	if (code != SQLITE_OK)
		return fail_sqlite(store, number, code, "its end, where the journal is to go on");
	memcpy(ret_head->id, before.id, sizeof ret_head->id);
	ret_head->seq_before = end.seq;
	memcpy(ret_head->hash_before, end.hash, WI_HASH_SIZE);
	wi_files_name(&store->files, number, ret_head->before, sizeof ret_head->before);
	return SQLITE_OK;
}

/* What the new file is to say; `store->end` if it is known, else the file before is asked. */
static int
make_head(struct wi_store *store, uint64_t number, uint64_t before)
{
	struct wi_head head = { .number = number, .created = wi_now(CLOCK_REALTIME) };
	int code = SQLITE_OK;

	if (!before) {
		if (getrandom(head.id, sizeof head.id, 0) != sizeof head.id)
			return fail_system(store, number, "no random number for the journal's id");
		/* A version 4 UUID. */
		head.id[6] = (uint8_t)((head.id[6] & 0x0f) | 0x40);
		head.id[8] = (uint8_t)((head.id[8] & 0x3f) | 0x80);
	} else if (store->known) {
		memcpy(head.id, store->head.id, sizeof head.id);
		head.seq_before = store->end.seq;
		memcpy(head.hash_before, store->end.hash, WI_HASH_SIZE);
		wi_files_name(&store->files, before, head.before, sizeof head.before);
	} else {
		code = follow_file(store, before, &head);
	}
	if (code == SQLITE_OK)
		store->head = head;
	return code;
}

/* Into the empty database: after this, or if the process ends before, the file is whole or empty. */
static int
begin_file(struct wi_store *store, uint64_t number, uint64_t before)
{
	int code = make_head(store, number, before);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_exec(store->database, "PRAGMA page_size=4096", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = write_ahead(store);
	if (code == SQLITE_OK)
		code = sqlite3_exec(store->database, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = wi_database_create(store->database);
	if (code == SQLITE_OK)
		code = wi_database_set_head(store->database, &store->head);
	if (code == SQLITE_OK)
		code = sqlite3_exec(store->database, "COMMIT", NULL, NULL, NULL);
	/* Into the file itself at once: the file before has ended for this one. */
	if (code == SQLITE_OK)
		code = sqlite3_wal_checkpoint_v2(store->database, NULL, SQLITE_CHECKPOINT_TRUNCATE,
		                                 NULL, NULL);
	if (code != SQLITE_OK)
		return fail_sqlite(store, number, code, "cannot be begun");
	store->end.seq = store->head.seq_before;
	wi_chain_head(&store->head, store->end.hash);
	return SQLITE_OK;
}

/* -- going on with a file --------------------------------------------------- */

/*
 * After a failure. The write-ahead log may hold pages that the system could not write and has
 * forgotten to be dirty: go_on() has written them again, now they are brought into the file, and the
 * log begins from its start. Then the rows since the last good commit are read back.
 */
static int
check_after_failure(struct wi_store *store)
{
	struct end end = store->end;
	int code = sqlite3_wal_checkpoint_v2(store->database, NULL, SQLITE_CHECKPOINT_TRUNCATE,
	                                     NULL, NULL);

	if (code != SQLITE_OK)
		return fail_sqlite(store, store->head.number, code,
		                   "what a failure left cannot be checkpointed");
	if (end.seq == store->head.seq_before) {
		/* Begun, but nobody was told: until now this was the end of the file before. */
		wi_chain_head(&store->head, end.hash);
		store->end = end;
	} else {
		code = read_hash(store->database, end.seq, end.hash);
		if (code == SQLITE_OK && memcmp(end.hash, store->end.hash, WI_HASH_SIZE) != 0)
			code = SQLITE_CORRUPT;
	}
	if (code == SQLITE_OK)
		code = walk(store->database, end.seq + 1, &end);
	if (code != SQLITE_OK)
		return fail_sqlite(store, store->head.number, code,
		                   "the rows that were recorded are not there");
	if (end.seq == store->end.seq)
		return SQLITE_OK;
	if (end.seq != store->tried.seq ||
	    memcmp(end.hash, store->tried.hash, WI_HASH_SIZE) != 0)
		return fail(store, store->head.number, SQLITE_CORRUPT,
		            "somebody else has written to it");
	store->counts.rows += end.seq - store->end.seq;
	store->end = end;
	store->late = true;
	return SQLITE_OK;
}

static int
go_on(struct wi_store *store, uint64_t number)
{
	struct wi_head head;
	int code = wi_database_head(store->database, &head);

	if (code == SQLITE_OK && head.number != number)
		code = SQLITE_MISMATCH;
	if (code != SQLITE_OK)
		return fail_sqlite(store, number, code, "is not this journal's file of that number");
	if (store->known && head.number != store->head.number)
		return fail(store, number, SQLITE_CORRUPT, "is not the file that was being written");
	store->head = head;
	code = write_ahead(store);
	if (code != SQLITE_OK)
		return code;
	/* A failure may also have been that of a process before this one. */
	code = wi_database_rewrite_log(store->database);
	if (code != SQLITE_OK)
		return fail_sqlite(store, number, code, "its log cannot be written");
	if (store->known)
		return check_after_failure(store);
	code = find_end(store->database, &head, &store->end);
	if (code != SQLITE_OK)
		return fail_sqlite(store, number, code, "the end of its chain");
	return SQLITE_OK;
}

static int
look(struct wi_store *store, uint64_t number, enum wi_database_kind *ret_kind)
{
	int code = wi_database_look(store->database, ret_kind);

	if (code != SQLITE_OK)
		return fail_sqlite(store, number, code, "cannot be read");
	if (*ret_kind == WI_FOREIGN)
		return fail(store, number, SQLITE_NOTADB, "is a database, but not a journal");
	if (*ret_kind == WI_NEWER)
		return fail(store, number, SQLITE_NOTADB, "was made by a later version of weir");
	return SQLITE_OK;
}

/* Opens the file of that number, which may have been left empty, with `before` as the one before it. */
static int
open_file(struct wi_store *store, uint64_t number, uint64_t before)
{
	enum wi_database_kind kind;
	char path[WI_FILES_PATH_MAX];
	struct stat status;
	int code = connect(store, number);

	if (code == SQLITE_OK)
		code = look(store, number, &kind);
	if (code == SQLITE_OK)
		code = kind == WI_EMPTY ? begin_file(store, number, before) : go_on(store, number);
	if (code == SQLITE_OK)
		code = prepare(store);
	if (code != SQLITE_OK) {
		close_database(store);
		return code;
	}
	wi_files_path(&store->files, number, path);
	store->bytes = stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
	store->tried.seq = 0;
	store->known = true;
	store->failed = false;
	store->counts.files++;
	return SQLITE_OK;
}

static int
begin_next(struct wi_store *store, uint64_t number, uint64_t before)
{
	char path[WI_FILES_PATH_MAX];
	int code;

	wi_files_path(&store->files, number, path);
	code = make_file(store, number, path);
	return code == SQLITE_OK ? open_file(store, number, before) : code;
}

/*
 * The file of the highest number. If it was left empty, by a process that ended, or while the disk was
 * full, it is begun behind the one before.
 */
static int
open_last(struct wi_store *store)
{
	uint64_t *numbers, last, before;
	size_t count;

	if (!wi_files_list(&store->files, &numbers, &count))
		return fail_system(store, 1, "its folder cannot be read");
	last = count ? numbers[count - 1] : 0;
	before = count > 1 ? numbers[count - 2] : 0;
	free(numbers);
	if (store->known && last < store->head.number)
		return fail(store, store->head.number, SQLITE_CANTOPEN, "is not there any more");
	if (store->failed)
		store->counts.reopened++;
	if (last == 0)
		return begin_next(store, 1, 0);
	return open_file(store, last, before);
}

/* -- writing ---------------------------------------------------------------- */

/*
 * The file that is written still has its name, and so has its log: else rows would go where nobody
 * finds them. One look for each commit.
 */
static int
check_names(struct wi_store *store)
{
	char path[WI_FILES_PATH_MAX + 4];
	struct stat log;
	int moved = 0, code;

	code = sqlite3_file_control(store->database, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	if (code != SQLITE_OK || moved)
		return fail(store, store->head.number, SQLITE_READONLY_DBMOVED,
		            "was moved, removed or replaced");
	wi_files_path(&store->files, store->head.number, path);
	strcat(path, "-wal");
	if (stat(path, &log) != 0)
		return fail(store, store->head.number, SQLITE_READONLY_DBMOVED,
		            "its write-ahead log was removed");
	if (store->log.st_ino && (log.st_ino != store->log.st_ino || log.st_dev != store->log.st_dev))
		return fail(store, store->head.number, SQLITE_READONLY_DBMOVED,
		            "its write-ahead log was replaced");
	store->log = log;
	return SQLITE_OK;
}

static int
step(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	/* Resets also when the step failed: its code is that of the step. */
	sqlite3_reset(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* The number of a topic in this file, made on first use. */
static int
ask_topic(struct wi_store *store, const struct wi_row *row, int64_t *ret_id)
{
	static const char *const sql[] = {
		"INSERT OR IGNORE INTO topics(name) VALUES(?1)",
		"SELECT id FROM topics WHERE name = ?1",
	};
	int code = SQLITE_OK;

	for (int i = 0; i < 2 && code == SQLITE_OK; i++) {
		sqlite3_stmt *statement;

		code = sqlite3_prepare_v2(store->database, sql[i], -1, &statement, NULL);
		if (code != SQLITE_OK)
			return code;
		sqlite3_bind_text(statement, 1, row->topic, (int)row->topic_size, SQLITE_STATIC);
		code = sqlite3_step(statement);
		if (code == SQLITE_ROW)
			*ret_id = sqlite3_column_int64(statement, 0);
		code = code == (i ? SQLITE_ROW : SQLITE_DONE) ? SQLITE_OK : code;
		sqlite3_finalize(statement);
	}
	return code;
}

static int
find_topic(struct wi_store *store, const struct wi_row *row, uint32_t number, int64_t *ret_id)
{
	int code;

	if (number < store->topic_count && store->topics[number]) {
		*ret_id = store->topics[number];
		return SQLITE_OK;
	}
	if (number >= store->topic_count) {
		uint32_t count = number < 512 ? 1024 : 2 * number;
		uint32_t *topics = realloc(store->topics, count * sizeof *topics);

		if (!topics)
			return SQLITE_NOMEM;
		memset(topics + store->topic_count, 0,
		       (count - store->topic_count) * sizeof *topics);
		store->topics = topics;
		store->topic_count = count;
	}
	code = ask_topic(store, row, ret_id);
	if (code == SQLITE_OK && number)
		store->topics[number] = (uint32_t)*ret_id;
	return code;
}

static int
insert(struct wi_store *store, struct wi_row *row, uint32_t topic_number, struct end *end)
{
	sqlite3_stmt *statement = store->insert;
	int64_t topic = 0;
	int code = find_topic(store, row, topic_number, &topic);

	if (code != SQLITE_OK)
		return code;
	row->seq = ++end->seq;
	wi_chain_row(end->hash, row, end->hash);
	sqlite3_bind_int64(statement, 1, (int64_t)row->seq);
	sqlite3_bind_int64(statement, 2, row->kind);
	sqlite3_bind_int64(statement, 3, (int64_t)row->time);
	sqlite3_bind_int64(statement, 4, topic);
	sqlite3_bind_int64(statement, 5, row->source);
	sqlite3_bind_int64(statement, 6, (int64_t)row->sequence);
	if (row->has_key)
		sqlite3_bind_int64(statement, 7, (int64_t)row->key);
	else
		sqlite3_bind_null(statement, 7);
	if (row->has_trace)
		sqlite3_bind_blob(statement, 8, row->trace, WI_TRACE_SIZE, SQLITE_STATIC);
	else
		sqlite3_bind_null(statement, 8);
	sqlite3_bind_blob64(statement, 9, row->size ? row->payload : "", row->size, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 10, end->hash, WI_HASH_SIZE, SQLITE_STATIC);
	return step(statement);
}

static int
write_rows(struct wi_store *store, struct wi_row *rows, const uint32_t *topic_numbers,
           uint32_t count)
{
	struct end end = store->end;
	uint64_t bytes = 0;
	int code = check_names(store);

	if (code != SQLITE_OK)
		return code;
	code = step(store->begin);
	for (uint32_t i = 0; i < count && code == SQLITE_OK; i++) {
		code = insert(store, &rows[i], topic_numbers ? topic_numbers[i] : 0, &end);
		bytes += ROW_BYTES + rows[i].size;
	}
	if (code == SQLITE_OK) {
		/* From here on the rows may be in the file, whatever the answer is. */
		store->tried = end;
		code = step(store->commit);
	}
	if (code != SQLITE_OK)
		return fail_sqlite(store, store->head.number, code, "cannot be written");
	store->end = end;
	store->bytes += bytes;
	store->counts.rows += count;
	store->counts.commits++;
	return SQLITE_OK;
}

/* The rows are recorded, whatever this meets; a failure is dealt with by the next write. */
static void
checkpoint(struct wi_store *store)
{
	int code;

	if (store->log_pages < (int)store->options.checkpoint_pages)
		return;
	code = sqlite3_wal_checkpoint_v2(store->database, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
	                                 NULL);
	if (code == SQLITE_OK || code == SQLITE_BUSY)
		return;
	fail_sqlite(store, store->head.number, code, "cannot be checkpointed");
	store->failed = true;
	close_database(store);
}

static bool
rotation_due(const struct wi_store *store)
{
	uint64_t now;

	if (store->end.seq == store->head.seq_before)
		return false;
	if (store->options.rotate_size && store->bytes >= store->options.rotate_size)
		return true;
	if (!store->options.rotate_ns)
		return false;
	now = wi_now(CLOCK_REALTIME);
	return now > store->head.created && now - store->head.created >= store->options.rotate_ns;
}

/* Everything into the file itself, which is then one file for good, as if it had never had a log. */
static bool
end_file(struct wi_store *store)
{
	int code = sqlite3_wal_checkpoint_v2(store->database, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
	                                     NULL);

	if (code == SQLITE_BUSY)
		return false;           /* somebody reads: later */
	if (code != SQLITE_OK) {
		fail_sqlite(store, store->head.number, code, "cannot be checkpointed");
		store->failed = true;
		close_database(store);
		return false;
	}
	sqlite3_finalize(store->begin);
	sqlite3_finalize(store->insert);
	sqlite3_finalize(store->commit);
	store->begin = store->insert = store->commit = NULL;
	/*
	 * This writes the first page under a rollback journal, where NORMAL is not enough: if power is
	 * lost, SQLite may restore that page from a journal of which only a part came to the disk. If
	 * somebody reads, or it fails, the file stays as it is: everything is in it, and readers take
	 * a file that is not the last one as it stands.
	 */
	if (store->options.durability != WI_DURABILITY_NONE)
		sqlite3_exec(store->database, "PRAGMA synchronous=FULL", NULL, NULL, NULL);
	sqlite3_exec(store->database, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
	close_database(store);
	return true;
}

/* What fails here is tried again with the next write; no row depends on it. */
static void
rotate(struct wi_store *store)
{
	uint64_t number = store->head.number, now;

	if (!store->database || !rotation_due(store))
		return;
	now = wi_now(CLOCK_REALTIME);
	if (now < store->rotate_again && store->rotate_again - now <= ROTATE_AGAIN_S * 1000000000ull)
		return;
	store->rotate_again = now + ROTATE_AGAIN_S * 1000000000ull;
	if (!end_file(store))
		return;
	store->rotate_again = 0;
	if (begin_next(store, number + 1, number) != SQLITE_OK)
		store->failed = true;
}

/* -- the store -------------------------------------------------------------- */

int
wi_store_ready(struct wi_store *store)
{
	return store->database ? SQLITE_OK : open_last(store);
}

int
wi_store_write(struct wi_store *store, struct wi_row *rows, const uint32_t *topic_numbers,
               uint32_t count)
{
	int code = wi_store_ready(store);

	if (code == SQLITE_OK)
		code = write_rows(store, rows, topic_numbers, count);
	if (code != SQLITE_OK) {
		store->failed = true;
		close_database(store);
		return code;
	}
	store->tried.seq = 0;
	checkpoint(store);
	rotate(store);
	return SQLITE_OK;
}

static int
refuse_locked(struct wi_store *store, pid_t owner, char ret_problem[WI_STORE_PROBLEM_SIZE])
{
	const char *directory = store->files.directory;
	const char *stem = store->files.stem, *suffix = store->files.suffix;

	if (errno == EWOULDBLOCK && owner > 0)
		snprintf(ret_problem, WI_STORE_PROBLEM_SIZE,
		         "%.200s/%s%s: process %ld writes this journal; one at a time can", directory,
		         stem, suffix, (long)owner);
	else if (errno == EWOULDBLOCK)
		snprintf(ret_problem, WI_STORE_PROBLEM_SIZE,
		         "%.200s/%s%s: another process writes this journal; one at a time can",
		         directory, stem, suffix);
	else
		snprintf(ret_problem, WI_STORE_PROBLEM_SIZE, "%.200s/%s%s.lock: %s", directory, stem,
		         suffix, strerror(errno));
	return errno == EWOULDBLOCK ? SQLITE_BUSY : SQLITE_CANTOPEN;
}

int
wi_store_open(const struct wi_store_options *options, struct wi_store **ret_store,
              char ret_problem[WI_STORE_PROBLEM_SIZE])
{
	struct wi_store *store = calloc(1, sizeof *store);
	pid_t owner;
	int code;

	if (!store) {
		snprintf(ret_problem, WI_STORE_PROBLEM_SIZE, "%s: out of memory", options->path);
		return SQLITE_NOMEM;
	}
	store->options = *options;
	if (!store->options.checkpoint_pages)
		store->options.checkpoint_pages = WI_STORE_PAGES_DEFAULT;
	if (!wi_files_locate(&store->files, options->path)) {
		snprintf(ret_problem, WI_STORE_PROBLEM_SIZE, "%s: %s", options->path,
		         errno == EINVAL ? "is not the name of a file" : strerror(errno));
		free(store);
		return SQLITE_CANTOPEN;
	}
	store->lock = wi_files_lock(&store->files, &owner);
	if (store->lock < 0) {
		code = refuse_locked(store, owner, ret_problem);
		free(store);
		return code;
	}
	code = open_last(store);
	if (code != SQLITE_OK) {
		snprintf(ret_problem, WI_STORE_PROBLEM_SIZE, "%s", store->problem);
		wi_store_close(store);
		return code;
	}
	*ret_store = store;
	return SQLITE_OK;
}

static void
release(struct wi_store *store)
{
	close(store->lock);
	free(store->topics);
	free(store);
}

void
wi_store_close(struct wi_store *store)
{
	if (store->database)
		end_file(store);
	close_database(store);
	release(store);
}

void
wi_store_forget(struct wi_store *store)
{
	/* The connection is leaked: SQLite's handles must not be touched in a child, not even to end. */
	release(store);
}

const char *
wi_store_problem(const struct wi_store *store)
{
	return store->problem;
}

bool
wi_store_take_late(struct wi_store *store)
{
	bool late = store->late;

	store->late = false;
	return late;
}

struct wi_store_counts
wi_store_get_counts(const struct wi_store *store)
{
	struct wi_store_counts counts = store->counts;

	counts.seq = store->end.seq;
	return counts;
}
