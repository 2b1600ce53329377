/* SPDX-License-Identifier: MIT */
/*
 * spool_file.c - each change is one transaction, with the counts in a row of their own: a process that
 *                is killed leaves all of it or nothing, and nobody adds up later.
 */
#include "spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	VERSION = 1,
	APPLICATION = 0x77657370,       /* "wesp" */
	INSTANCE_BYTES = 8,
	BUSY_OWNER_MS = 1000,           /* a disable may wait for so long */
	BUSY_SHARED_MS = 5000,
	LOG_PAGES_MOST = 1000           /* of 4 KiB, before they are brought into the file */
};

static const char *const tables[] = {
	"CREATE TABLE spool(instance TEXT NOT NULL, created INTEGER NOT NULL, count INTEGER NOT NULL, "
	"number INTEGER NOT NULL, waiting INTEGER NOT NULL, failed INTEGER NOT NULL, bytes INTEGER NOT "
	"NULL, accepted INTEGER NOT NULL, sent INTEGER NOT NULL, given_up INTEGER NOT NULL, suppressed "
	"INTEGER NOT NULL, digested INTEGER NOT NULL) STRICT",
	"CREATE TABLE messages(number INTEGER PRIMARY KEY, id TEXT NOT NULL, channel TEXT NOT NULL, "
	"topic TEXT NOT NULL, time INTEGER NOT NULL, grp TEXT NOT NULL, brief TEXT NOT NULL, bytes "
	"INTEGER NOT NULL, due INTEGER NOT NULL, expires INTEGER NOT NULL, life INTEGER NOT NULL, tries "
	"INTEGER NOT NULL, failed INTEGER NOT NULL, status INTEGER NOT NULL, text TEXT NOT NULL, headers "
	"TEXT NOT NULL, body BLOB NOT NULL) STRICT",
	"CREATE INDEX messages_due ON messages(channel, due, number) WHERE failed = 0",
	"CREATE INDEX messages_old ON messages(number) WHERE failed = 0",
	"CREATE INDEX messages_grp ON messages(channel, grp, number) WHERE failed = 0 AND grp <> ''",
	"CREATE INDEX messages_expires ON messages(expires) WHERE failed = 0",
	"CREATE INDEX messages_failed ON messages(number) WHERE failed = 1",
	"CREATE TABLE channels(name TEXT PRIMARY KEY, off INTEGER NOT NULL, streak INTEGER NOT NULL, "
	"until INTEGER NOT NULL, status INTEGER NOT NULL, text TEXT NOT NULL) STRICT",
	"CREATE TABLE groups(channel TEXT NOT NULL, grp TEXT NOT NULL, until INTEGER NOT NULL, "
	"PRIMARY KEY(channel, grp)) STRICT",
};

static const struct wi_database_form form = {
	tables, sizeof tables / sizeof *tables, APPLICATION, VERSION
};

/* -- failing ---------------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3)))
say(struct wi_spool *spool, const char *format, ...)
{
	va_list arguments;
	int used;

	pthread_mutex_lock(&spool->look);
	used = snprintf(spool->problem, sizeof spool->problem, "spool %.300s: ", spool->path);
	va_start(arguments, format);
	vsnprintf(spool->problem + used, sizeof spool->problem - (size_t)used, format, arguments);
	va_end(arguments);
	pthread_mutex_unlock(&spool->look);
}

static bool
say_code(struct wi_spool *spool, int code, const char *what)
{
	if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
		say(spool, "it is damaged (%s): move it away, and a new one is begun",
		    sqlite3_errstr(code));
	else
		say(spool, "%s: %s (%d)", what, sqlite3_errstr(code), code);
	return false;
}

/* -- statements ------------------------------------------------------------- */

static int
bind(sqlite3_stmt *statement, const char *types, va_list arguments)
{
	int code = SQLITE_OK;

	for (int i = 1; *types && code == SQLITE_OK; i++, types++) {
		if (*types == 'i') {
			code = sqlite3_bind_int64(statement, i, va_arg(arguments, int64_t));
		} else if (*types == 't') {
			code = sqlite3_bind_text(statement, i, va_arg(arguments, const char *), -1,
			                         SQLITE_STATIC);
		} else {
			const void *bytes = va_arg(arguments, const void *);
			size_t size = va_arg(arguments, size_t);

			code = size ? sqlite3_bind_blob64(statement, i, bytes, size, SQLITE_STATIC) :
			              sqlite3_bind_zeroblob(statement, i, 0);
		}
	}
	return code;
}

/* Parsed once, as long as the file is open. */
static int
find(struct wi_spool *spool, const char *sql, sqlite3_stmt **ret_statement)
{
	struct wi_spool_statement *kept = spool->statements;
	int code;

	for (uint32_t i = 0; i < spool->statement_count; i++)
		if (kept[i].sql == sql) {
			*ret_statement = kept[i].statement;
			return SQLITE_OK;
		}
	*ret_statement = NULL;
	if (spool->statement_count == WI_SPOOL_STATEMENTS_MAX)
		return SQLITE_NOMEM;
	code = sqlite3_prepare_v3(spool->database, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_statement, NULL);
	if (code == SQLITE_OK)
		kept[spool->statement_count++] = (struct wi_spool_statement){ sql, *ret_statement };
	return code;
}

int
wi_spool_query(struct wi_spool *spool, sqlite3_stmt **ret_statement, const char *sql,
               const char *types, ...)
{
	va_list arguments;
	int code = find(spool, sql, ret_statement);

	if (code != SQLITE_OK)
		return code;
	va_start(arguments, types);
	code = bind(*ret_statement, types, arguments);
	va_end(arguments);
	return code;
}

int
wi_spool_done(sqlite3_stmt *statement, int code)
{
	sqlite3_reset(statement);
	/* They point to what is the caller's. */
	if (statement)
		sqlite3_clear_bindings(statement);
	return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

int
wi_spool_run(struct wi_spool *spool, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement;
	va_list arguments;
	int code = find(spool, sql, &statement);

	if (code != SQLITE_OK)
		return code;
	va_start(arguments, types);
	code = bind(statement, types, arguments);
	va_end(arguments);
	return wi_spool_done(statement, code == SQLITE_OK ? sqlite3_step(statement) : code);
}

/* -- the counts ------------------------------------------------------------- */

static bool
add_up(const struct wi_spool_counts *counts)
{
	return counts->accepted == counts->sent + counts->given_up + counts->waiting +
	                                   counts->suppressed + counts->digested &&
	       counts->failed <= counts->given_up;
}

int
wi_spool_read_counts(struct wi_spool *spool)
{
	uint64_t *const all[] = {
		&spool->number, &spool->now.waiting, &spool->now.failed, &spool->now.bytes,
		&spool->now.accepted, &spool->now.sent, &spool->now.given_up, &spool->now.suppressed,
		&spool->now.digested,
	};
	sqlite3_stmt *statement;
	const char *instance;
	uint64_t count;
	int code = wi_spool_query(spool, &statement, "SELECT number, waiting, failed, bytes, accepted, "
	                 "sent, given_up, suppressed, digested, count, instance FROM spool", "");

	if (code == SQLITE_OK && (code = sqlite3_step(statement)) != SQLITE_ROW)
		code = code == SQLITE_DONE ? SQLITE_CORRUPT : code;
	if (code != SQLITE_ROW)
		return wi_spool_done(statement, code);
	for (int i = 0; i < (int)(sizeof all / sizeof *all); i++)
		*all[i] = (uint64_t)sqlite3_column_int64(statement, i);
	count = (uint64_t)sqlite3_column_int64(statement, 9);
	instance = (const char *)sqlite3_column_text(statement, 10);
	if (!add_up(&spool->now) || !instance || strlen(instance) != 2 * INSTANCE_BYTES ||
	    strspn(instance, "0123456789abcdef") != 2 * INSTANCE_BYTES ||
	    (*spool->instance && strcmp(instance, spool->instance) != 0))
		return wi_spool_done(statement, SQLITE_CORRUPT);
	strcpy(spool->instance, instance);
	pthread_mutex_lock(&spool->look);
	if (spool->count < count)
		spool->count = count;
	pthread_mutex_unlock(&spool->look);
	return wi_spool_done(statement, SQLITE_ROW);
}

static int
write_counts(struct wi_spool *spool)
{
	const struct wi_spool_counts *now = &spool->now;
	uint64_t count;

	pthread_mutex_lock(&spool->look);
	count = spool->count;
	pthread_mutex_unlock(&spool->look);
	return wi_spool_run(spool, "UPDATE spool SET number = ?, waiting = ?, failed = ?, bytes = ?, "
	           "accepted = ?, sent = ?, given_up = ?, suppressed = ?, digested = ?, count = max(count, ?)",
	           "iiiiiiiiii", spool->number, now->waiting, now->failed, now->bytes, now->accepted,
	           now->sent, now->given_up, now->suppressed, now->digested, count);
}

void
wi_spool_publish_counts(struct wi_spool *spool)
{
	pthread_mutex_lock(&spool->look);
	spool->counts = spool->now;
	*spool->problem = '\0';
	pthread_mutex_unlock(&spool->look);
}

/* -- opening ---------------------------------------------------------------- */

/* 0600 from the start; its journal gets the mode of this one. */
static bool
make_file(struct wi_spool *spool)
{
	int fd = open(spool->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600), directory;
	struct stat status;
	bool good;

	if (fd < 0) {
		say(spool, errno == ELOOP ? "it is a symbolic link" : "%s", strerror(errno));
		return false;
	}
	good = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
	if (!good)
		say(spool, "it is not a regular file");
	else if ((good = (status.st_mode & 077) == 0) == false)
		say(spool, "others than its owner may read or write it: chmod 600");
	/* Closed before SQLite has any lock on it, which this would give up. */
	close(fd);
	directory = open(spool->files.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory >= 0) {
		fsync(directory);
		close(directory);
	}
	return good;
}

static int
begin_file(struct wi_spool *spool)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[INSTANCE_BYTES];
	char instance[2 * INSTANCE_BYTES + 1];
	int code;

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return SQLITE_IOERR;
	for (int i = 0; i < INSTANCE_BYTES; i++) {
		instance[2 * i] = digits[bytes[i] >> 4];
		instance[2 * i + 1] = digits[bytes[i] & 15];
	}
	instance[2 * INSTANCE_BYTES] = '\0';
	code = wi_spool_run(spool, "BEGIN IMMEDIATE", "");
	if (code == SQLITE_OK)
		code = wi_database_create_as(spool->database, &form);
	if (code == SQLITE_OK)
		code = wi_spool_run(spool, "INSERT INTO spool VALUES(?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
		           "ti", instance, (int64_t)time(NULL));
	return code == SQLITE_OK ? wi_spool_run(spool, "COMMIT", "") : code;
}

/* What the rows say is what the counts say, and SQLite finds nothing wrong. */
static int
check_rows(struct wi_spool *spool)
{
	int64_t waiting = 0, failed = 0, bytes = 0;
	sqlite3_stmt *statement;
	bool good;
	int code = wi_spool_query(spool, &statement, "PRAGMA quick_check(1)", "");

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	good = code == SQLITE_ROW &&
	       strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
	code = wi_spool_done(statement, code);
	if (code == SQLITE_OK && !good)
		code = SQLITE_CORRUPT;
	if (code == SQLITE_OK)
		code = wi_database_number(spool->database, "SELECT count(*) FROM messages WHERE failed = 0",
		                          &waiting);
	if (code == SQLITE_OK)
		code = wi_database_number(spool->database, "SELECT count(*) FROM messages WHERE failed = 1",
		                          &failed);
	if (code == SQLITE_OK)
		code = wi_database_number(spool->database, "SELECT coalesce(sum(bytes), 0) FROM messages "
		                          "WHERE failed = 0", &bytes);
	if (code == SQLITE_OK && ((uint64_t)waiting != spool->now.waiting ||
	                          (uint64_t)failed != spool->now.failed ||
	                          (uint64_t)bytes != spool->now.bytes))
		code = SQLITE_CORRUPT;
	return code;
}

static void
close_database(struct wi_spool *spool)
{
	while (spool->statement_count)
		sqlite3_finalize(spool->statements[--spool->statement_count].statement);
	sqlite3_close(spool->database);
	spool->database = NULL;
}

static int
note_pages(void *context, sqlite3 *database, const char *name, int pages)
{
	(void)database, (void)name;
	((struct wi_spool *)context)->log_pages = pages;
	return SQLITE_OK;
}

/*
 * All of the log into the file, so that the log begins anew. The commit before is what makes it safe,
 * see spool_file.h. SQLITE_BUSY: somebody reads.
 */
static int
empty_log(struct wi_spool *spool)
{
	int code = wi_spool_run(spool, "UPDATE spool SET count = count", "");

	return code == SQLITE_OK ? sqlite3_wal_checkpoint_v2(spool->database, NULL,
	                           SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) : code;
}

/* After a failure, also one of a process before this one, only a log that has begun anew is good again. */
static int
begin_log(struct wi_spool *spool)
{
	int code = sqlite3_exec(spool->database, "PRAGMA synchronous=FULL", NULL, NULL, NULL);

	if (code != SQLITE_OK || spool->options.shared)
		return code;
	sqlite3_wal_hook(spool->database, note_pages, spool);
	code = sqlite3_exec(spool->database, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = wi_database_rewrite_log(spool->database);
	if (code != SQLITE_OK)
		return code;
	code = empty_log(spool);
	if (code == SQLITE_BUSY && !spool->failed)
		return SQLITE_OK;
	if (code == SQLITE_OK)
		spool->failed = false;
	return code;
}

static bool
connect(struct wi_spool *spool)
{
	enum wi_database_kind kind = WI_FOREIGN;
	int code = wi_database_open(spool->path, WI_DATABASE_WRITE, &spool->database);

	if (code != SQLITE_OK)
		return say_code(spool, code, "cannot be opened");
	sqlite3_busy_timeout(spool->database, spool->options.shared ? BUSY_SHARED_MS : BUSY_OWNER_MS);
	sqlite3_wal_autocheckpoint(spool->database, 0);
	code = wi_database_look_as(spool->database, &form, &kind);
	if (code == SQLITE_OK && kind == WI_EMPTY && !spool->options.shared) {
		code = begin_file(spool);
		kind = WI_OURS;
	}
	if (code == SQLITE_OK && kind != WI_OURS) {
		say(spool, kind == WI_NEWER ? "it was made by a later version of weir" :
		                              "it is not a spool");
		return false;
	}
	if (code == SQLITE_OK)
		code = begin_log(spool);
	if (code == SQLITE_OK)
		code = wi_spool_read_counts(spool);
	if (code == SQLITE_OK && !spool->options.shared)
		code = check_rows(spool);
	return code == SQLITE_OK || say_code(spool, code, "cannot be opened");
}

static bool
ready(struct wi_spool *spool)
{
	if (spool->database)
		return true;
	if (connect(spool))
		return true;
	close_database(spool);
	return false;
}

static bool
take_lock(struct wi_spool *spool)
{
	pid_t owner;

	if (spool->options.shared)
		return true;
	spool->lock = wi_files_lock(&spool->files, &owner);
	if (spool->lock >= 0)
		return true;
	if (errno != EWOULDBLOCK)
		say(spool, "its lock: %s", strerror(errno));
	else if (owner)
		say(spool, "process %ld uses it", (long)owner);
	else
		say(spool, "another process uses it");
	return false;
}

static bool
prepare_path(struct wi_spool *spool, const char *path)
{
	snprintf(spool->path, sizeof spool->path, "%s", path);
	if (!wi_files_locate(&spool->files, path)) {
		say(spool, "its folder: %s", strerror(errno));
		return false;
	}
	snprintf(spool->path, sizeof spool->path, "%.*s/%s%s", WI_FILES_PATH_MAX - 257,
	         spool->files.directory, spool->files.stem, spool->files.suffix);
	if (spool->options.shared && access(spool->path, F_OK) != 0) {
		say(spool, "%s", strerror(errno));
		return false;
	}
	return true;
}

bool
wi_spool_open(const struct wi_spool_options *options, struct wi_spool **ret_spool,
              char ret_problem[WI_NOTIFY_PROBLEM_SIZE])
{
	struct wi_spool *spool = calloc(1, sizeof *spool);

	if (!spool) {
		snprintf(ret_problem, WI_NOTIFY_PROBLEM_SIZE, "out of memory");
		return false;
	}
	spool->options = *options;
	spool->options.path = NULL;
	spool->lock = -1;
	pthread_mutex_init(&spool->mutex, NULL);
	pthread_mutex_init(&spool->look, NULL);
	if (!prepare_path(spool, options->path) || !take_lock(spool) ||
	    (!options->shared && !make_file(spool)) || !ready(spool)) {
		wi_spool_problem(spool, ret_problem);
		wi_spool_close(spool);
		return false;
	}
	wi_spool_publish_counts(spool);
	wi_spool_changed(spool);
	*ret_spool = spool;
	return true;
}

/* After it the file is whole without its log, unless somebody reads, or writing has failed. */
void
wi_spool_close(struct wi_spool *spool)
{
	if (spool->database && !spool->options.shared)
		empty_log(spool);
	close_database(spool);
	if (spool->lock >= 0)
		close(spool->lock);
	pthread_mutex_destroy(&spool->mutex);
	pthread_mutex_destroy(&spool->look);
	free(spool);
}

/* -- transactions ----------------------------------------------------------- */

/*
 * After a failed write, what the system keeps of the file is not trusted: it is opened again. Somebody
 * who holds the lock, and a lack of memory leave it as it is.
 */
static bool
fail(struct wi_spool *spool, int code, const char *what)
{
	if (spool->database) {
		say_code(spool, code, what);
		if (!sqlite3_get_autocommit(spool->database))
			wi_spool_run(spool, "ROLLBACK", "");
		if ((code & 0xff) != SQLITE_BUSY && (code & 0xff) != SQLITE_NOMEM) {
			close_database(spool);
			spool->failed = true;
		}
	}
	pthread_mutex_unlock(&spool->mutex);
	return false;
}

int
wi_spool_begin(struct wi_spool *spool)
{
	int code;

	pthread_mutex_lock(&spool->mutex);
	if (!ready(spool))
		return SQLITE_CANTOPEN;
	code = wi_spool_run(spool, "BEGIN IMMEDIATE", "");
	if (code == SQLITE_OK)
		code = wi_spool_read_counts(spool);
	spool->number_before = spool->number;
	return code;
}

/*
 * Where it fails, the commit may be in the log all the same: the file says so when it is opened again,
 * by the number of its last message.
 */
static int
commit(struct wi_spool *spool)
{
	uint64_t number = spool->number;
	int code = wi_spool_run(spool, "COMMIT", "");

	if (code == SQLITE_OK || number == spool->number_before || sqlite3_get_autocommit(spool->database) == 0)
		return code;
	say_code(spool, code, "cannot be written");
	close_database(spool);
	spool->failed = true;
	return ready(spool) && spool->number == number ? SQLITE_OK : code;
}

/* What cannot be brought into the file now is safe in the log. */
static void
checkpoint(struct wi_spool *spool)
{
	int code;

	if (spool->options.shared || spool->log_pages < LOG_PAGES_MOST)
		return;
	code = sqlite3_wal_checkpoint_v2(spool->database, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (code == SQLITE_OK || code == SQLITE_BUSY)
		return;
	say_code(spool, code, "cannot be written");
	close_database(spool);
	spool->failed = true;
}

bool
wi_spool_end(struct wi_spool *spool, int code)
{
	if (code == SQLITE_OK)
		code = write_counts(spool);
	if (code == SQLITE_OK)
		code = commit(spool);
	if (code != SQLITE_OK)
		return fail(spool, code, "cannot be written");
	wi_spool_publish_counts(spool);
	checkpoint(spool);
	pthread_mutex_unlock(&spool->mutex);
	return true;
}

int
wi_spool_begin_read(struct wi_spool *spool)
{
	pthread_mutex_lock(&spool->mutex);
	return ready(spool) ? SQLITE_OK : SQLITE_CANTOPEN;
}

bool
wi_spool_end_read(struct wi_spool *spool, int code)
{
	if (code != SQLITE_OK)
		return fail(spool, code, "cannot be read");
	pthread_mutex_unlock(&spool->mutex);
	return true;
}
