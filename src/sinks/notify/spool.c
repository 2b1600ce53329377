/* SPDX-License-Identifier: MIT */
/*
 * spool.c - each change is one transaction, with the counts in a row of their own: a process that is
 *           killed leaves all of it or nothing, and nobody adds up later.
 *
 * synchronous = FULL with journal_mode = TRUNCATE: the journal is cut and synchronized before COMMIT
 * returns, so that what was accepted is there also after a loss of power.
 */
#include "spool.h"

#include "../journal/database.h"
#include "../journal/files.h"
#include "message_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
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
	BUSY_SHARED_MS = 5000
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

struct wi_spool {
	struct wi_spool_options options;
	struct wi_files files;
	char path[WI_FILES_PATH_MAX];
	int lock;                       /* -1: shared */
	char instance[2 * INSTANCE_BYTES + 1];

	pthread_mutex_t mutex;          /* of all that follows, held while the disk is waited for */
	sqlite3 *database;              /* NULL: a failure has closed it */
	struct wi_spool_counts now;     /* in the open transaction */
	uint64_t number;                /* of the last message */
	int64_t version;                /* data_version when it was last asked */
	uint64_t groups_cleared;

	pthread_mutex_t look;           /* of what is below: never held for long */
	uint64_t count;                 /* given to ids */
	struct wi_spool_counts counts;  /* committed */
	char problem[WI_NOTIFY_PROBLEM_SIZE];
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

/* i: int64_t; t: text; b: bytes and size_t. */
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

static int
query(sqlite3 *database, sqlite3_stmt **ret_statement, const char *sql, const char *types, ...)
{
	va_list arguments;
	int code = sqlite3_prepare_v2(database, sql, -1, ret_statement, NULL);

	if (code != SQLITE_OK)
		return code;
	va_start(arguments, types);
	code = bind(*ret_statement, types, arguments);
	va_end(arguments);
	return code;
}

/* A statement without rows. */
static int
run(sqlite3 *database, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement;
	va_list arguments;
	int code = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);

	if (code != SQLITE_OK)
		return code;
	va_start(arguments, types);
	code = bind(statement, types, arguments);
	va_end(arguments);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Ends a walk over rows: what its last step gave. */
static int
done(sqlite3_stmt *statement, int code)
{
	sqlite3_finalize(statement);
	return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

/* -- the counts ------------------------------------------------------------- */

static bool
add_up(const struct wi_spool_counts *counts)
{
	return counts->accepted == counts->sent + counts->given_up + counts->waiting +
	                                   counts->suppressed + counts->digested &&
	       counts->failed <= counts->given_up;
}

static int
read_counts(struct wi_spool *spool)
{
	uint64_t *const all[] = {
		&spool->number, &spool->now.waiting, &spool->now.failed, &spool->now.bytes,
		&spool->now.accepted, &spool->now.sent, &spool->now.given_up, &spool->now.suppressed,
		&spool->now.digested,
	};
	sqlite3_stmt *statement;
	const char *instance;
	uint64_t count;
	int code = query(spool->database, &statement, "SELECT number, waiting, failed, bytes, accepted, "
	                 "sent, given_up, suppressed, digested, count, instance FROM spool", "");

	if (code == SQLITE_OK && (code = sqlite3_step(statement)) != SQLITE_ROW)
		code = code == SQLITE_DONE ? SQLITE_CORRUPT : code;
	if (code != SQLITE_ROW)
		return done(statement, code);
	for (int i = 0; i < (int)(sizeof all / sizeof *all); i++)
		*all[i] = (uint64_t)sqlite3_column_int64(statement, i);
	count = (uint64_t)sqlite3_column_int64(statement, 9);
	instance = (const char *)sqlite3_column_text(statement, 10);
	if (!add_up(&spool->now) || !instance || strlen(instance) != 2 * INSTANCE_BYTES ||
	    strspn(instance, "0123456789abcdef") != 2 * INSTANCE_BYTES ||
	    (*spool->instance && strcmp(instance, spool->instance) != 0))
		return done(statement, SQLITE_CORRUPT);
	strcpy(spool->instance, instance);
	pthread_mutex_lock(&spool->look);
	if (spool->count < count)
		spool->count = count;
	pthread_mutex_unlock(&spool->look);
	return done(statement, SQLITE_ROW);
}

static int
write_counts(struct wi_spool *spool)
{
	const struct wi_spool_counts *now = &spool->now;
	uint64_t count;

	pthread_mutex_lock(&spool->look);
	count = spool->count;
	pthread_mutex_unlock(&spool->look);
	return run(spool->database, "UPDATE spool SET number = ?, waiting = ?, failed = ?, bytes = ?, "
	           "accepted = ?, sent = ?, given_up = ?, suppressed = ?, digested = ?, count = max(count, ?)",
	           "iiiiiiiiii", spool->number, now->waiting, now->failed, now->bytes, now->accepted,
	           now->sent, now->given_up, now->suppressed, now->digested, count);
}

static void
publish_counts(struct wi_spool *spool)
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
	code = run(spool->database, "BEGIN IMMEDIATE", "");
	if (code == SQLITE_OK)
		code = wi_database_create_as(spool->database, &form);
	if (code == SQLITE_OK)
		code = run(spool->database, "INSERT INTO spool VALUES(?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
		           "ti", instance, (int64_t)time(NULL));
	return code == SQLITE_OK ? run(spool->database, "COMMIT", "") : code;
}

/* What the rows say is what the counts say, and SQLite finds nothing wrong. */
static int
check_rows(struct wi_spool *spool)
{
	int64_t waiting = 0, failed = 0, bytes = 0;
	sqlite3_stmt *statement;
	bool good;
	int code = query(spool->database, &statement, "PRAGMA quick_check(1)", "");

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	good = code == SQLITE_ROW &&
	       strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
	code = done(statement, code);
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
	sqlite3_close(spool->database);
	spool->database = NULL;
}

static bool
connect(struct wi_spool *spool)
{
	enum wi_database_kind kind = WI_FOREIGN;
	int code = wi_database_open(spool->path, WI_DATABASE_WRITE, &spool->database);

	if (code != SQLITE_OK)
		return say_code(spool, code, "cannot be opened");
	sqlite3_busy_timeout(spool->database, spool->options.shared ? BUSY_SHARED_MS : BUSY_OWNER_MS);
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
		code = sqlite3_exec(spool->database, "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL",
		                    NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = read_counts(spool);
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
	publish_counts(spool);
	wi_spool_changed(spool);
	*ret_spool = spool;
	return true;
}

void
wi_spool_close(struct wi_spool *spool)
{
	close_database(spool);
	if (spool->lock >= 0)
		close(spool->lock);
	pthread_mutex_destroy(&spool->mutex);
	pthread_mutex_destroy(&spool->look);
	free(spool);
}

/* -- looking ---------------------------------------------------------------- */

void
wi_spool_get_counts(struct wi_spool *spool, struct wi_spool_counts *ret_counts)
{
	pthread_mutex_lock(&spool->look);
	*ret_counts = spool->counts;
	pthread_mutex_unlock(&spool->look);
}

void
wi_spool_problem(struct wi_spool *spool, char ret_problem[WI_NOTIFY_PROBLEM_SIZE])
{
	pthread_mutex_lock(&spool->look);
	memcpy(ret_problem, spool->problem, WI_NOTIFY_PROBLEM_SIZE);
	pthread_mutex_unlock(&spool->look);
}

const char *
wi_spool_instance(const struct wi_spool *spool)
{
	return spool->instance;
}

/*
 * It goes into the file with what is put: one that was given before a crash and never put was never
 * seen by anybody, and may be given again.
 */
uint64_t
wi_spool_count(struct wi_spool *spool)
{
	uint64_t count;

	pthread_mutex_lock(&spool->look);
	count = ++spool->count;
	pthread_mutex_unlock(&spool->look);
	return count;
}

bool
wi_spool_owned(const struct wi_spool *spool)
{
	return wi_files_locked(&spool->files);
}

/* -- transactions ----------------------------------------------------------- */

/*
 * After a failed write, what the system keeps of the file is not trusted: it is opened again. Somebody
 * who holds the lock, a full disk, and a lack of memory leave it as it is.
 */
static bool
fail(struct wi_spool *spool, int code, const char *what)
{
	say_code(spool, code, what);
	if (spool->database && !sqlite3_get_autocommit(spool->database))
		run(spool->database, "ROLLBACK", "");
	if ((code & 0xff) != SQLITE_BUSY && (code & 0xff) != SQLITE_NOMEM)
		close_database(spool);
	pthread_mutex_unlock(&spool->mutex);
	return false;
}

/* Locks; ended by end() or fail(). */
static int
begin(struct wi_spool *spool)
{
	int code;

	pthread_mutex_lock(&spool->mutex);
	if (!ready(spool))
		return SQLITE_CANTOPEN;
	code = run(spool->database, "BEGIN IMMEDIATE", "");
	return code == SQLITE_OK ? read_counts(spool) : code;
}

static bool
end(struct wi_spool *spool, int code)
{
	if (code == SQLITE_CANTOPEN && !spool->database) {
		/* ready() has said why. */
		pthread_mutex_unlock(&spool->mutex);
		return false;
	}
	if (code == SQLITE_OK)
		code = write_counts(spool);
	if (code == SQLITE_OK)
		code = run(spool->database, "COMMIT", "");
	if (code != SQLITE_OK)
		return fail(spool, code, "cannot be written");
	publish_counts(spool);
	pthread_mutex_unlock(&spool->mutex);
	return true;
}

/* For reading alone: the same without a transaction. */
static bool
end_read(struct wi_spool *spool, int code)
{
	if (code != SQLITE_OK && spool->database)
		return fail(spool, code, "cannot be read");
	pthread_mutex_unlock(&spool->mutex);
	return code == SQLITE_OK;
}

static int
begin_read(struct wi_spool *spool)
{
	pthread_mutex_lock(&spool->mutex);
	return ready(spool) ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* -- putting ---------------------------------------------------------------- */

static int
suppress_oldest(struct wi_spool *spool)
{
	sqlite3_stmt *statement;
	int code = query(spool->database, &statement, "DELETE FROM messages WHERE number = (SELECT "
	                 "min(number) FROM messages INDEXED BY messages_old WHERE failed = 0) "
	                 "RETURNING bytes", "");

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_DONE)
		code = SQLITE_CORRUPT;
	if (code == SQLITE_ROW) {
		spool->now.waiting--;
		spool->now.suppressed++;
		spool->now.bytes -= (uint64_t)sqlite3_column_int64(statement, 0);
		code = sqlite3_step(statement);
	}
	return done(statement, code);
}

/* When it is due: at the end of its group's time, which it begins where none runs. */
static int
find_due(struct wi_spool *spool, const struct wi_spool_item *item, uint64_t now, uint64_t *ret_due)
{
	const struct wi_message *message = item->message;
	sqlite3_stmt *statement;
	uint64_t until = 0;
	int code;

	*ret_due = message->due;
	if (!item->digest_ns || !*message->group)
		return SQLITE_OK;
	code = query(spool->database, &statement, "SELECT until FROM groups WHERE channel = ? AND grp = ?",
	             "tt", message->channel, message->group);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		until = (uint64_t)sqlite3_column_int64(statement, 0);
	code = done(statement, code);
	if (code != SQLITE_OK)
		return code;
	if (until > now && until <= now + item->digest_ns) {
		*ret_due = until;
		return SQLITE_OK;
	}
	return run(spool->database, "INSERT OR REPLACE INTO groups VALUES(?, ?, ?)", "tti",
	           message->channel, message->group, now + item->digest_ns);
}

static int
insert(struct wi_spool *spool, const struct wi_message *message, uint64_t due)
{
	uint64_t bytes = wi_message_size(message);
	int code = SQLITE_OK;

	while (code == SQLITE_OK && spool->now.waiting &&
	       (spool->now.waiting >= spool->options.messages_max ||
	        spool->now.bytes + bytes > spool->options.bytes_max))
		code = suppress_oldest(spool);
	if (code != SQLITE_OK)
		return code;
	spool->now.accepted++;
	spool->now.waiting++;
	spool->now.bytes += bytes;
	return run(spool->database, "INSERT INTO messages VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, "
	           "'', ?, ?)", "itttittiiiitb", (int64_t)++spool->number, message->id,
	           message->channel, message->topic, message->time, message->group, message->brief,
	           bytes, due, message->expires, message->expires - message->due, message->headers,
	           message->body, message->body_size);
}

/* Groups whose time is over, and more than there can be messages, are forgotten. */
static int
clear_groups(struct wi_spool *spool, uint64_t now)
{
	if (now - spool->groups_cleared < 1000000000u)
		return SQLITE_OK;
	spool->groups_cleared = now;
	return run(spool->database, "DELETE FROM groups WHERE until <= ?1 OR rowid NOT IN (SELECT rowid "
	           "FROM groups ORDER BY until DESC LIMIT ?2)", "ii", now, spool->options.messages_max);
}

bool
wi_spool_put(struct wi_spool *spool, const struct wi_spool_item *items, size_t count, uint64_t now)
{
	int code = begin(spool);
	uint64_t due;

	for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
		code = find_due(spool, &items[i], now, &due);
		if (code == SQLITE_OK)
			code = insert(spool, items[i].message, due);
	}
	if (code == SQLITE_OK)
		code = clear_groups(spool, now);
	return end(spool, code);
}

/* -- taking ----------------------------------------------------------------- */

#define COLUMNS "number, id, channel, topic, time, grp, brief, headers, body, tries, due, expires"

static const char *
text_of(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? text : "";
}

/* Points into the row. False: it holds what no spool writes. */
static bool
take_row(sqlite3_stmt *statement, struct wi_message *message)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	const char *id = text_of(statement, 1);

	memset(message, 0, sizeof *message);
	if (!*id || strlen(id) >= sizeof message->id || strspn(id, allowed) != strlen(id))
		return false;
	strcpy(message->id, id);
	message->number = (uint64_t)sqlite3_column_int64(statement, 0);
	message->channel = text_of(statement, 2);
	message->topic = text_of(statement, 3);
	message->time = (uint64_t)sqlite3_column_int64(statement, 4);
	message->group = text_of(statement, 5);
	message->brief = text_of(statement, 6);
	message->headers = text_of(statement, 7);
	message->body = sqlite3_column_blob(statement, 8);
	message->body_size = (size_t)sqlite3_column_bytes(statement, 8);
	message->tries = (uint32_t)sqlite3_column_int64(statement, 9);
	message->due = (uint64_t)sqlite3_column_int64(statement, 10);
	message->expires = (uint64_t)sqlite3_column_int64(statement, 11);
	return message->body_size <= WI_NOTIFY_BODY_MAX;
}

static int
copy_row(sqlite3_stmt *statement, struct wi_message **ret_message)
{
	struct wi_message message;

	if (!take_row(statement, &message))
		return SQLITE_CORRUPT;
	*ret_message = wi_message_copy(&message);
	return *ret_message ? SQLITE_ROW : SQLITE_NOMEM;
}

bool
wi_spool_next(struct wi_spool *spool, const char *channel, uint64_t now,
              struct wi_message **ret_message, uint64_t *ret_due)
{
	sqlite3_stmt *statement = NULL;
	int code = begin_read(spool);

	*ret_message = NULL;
	*ret_due = UINT64_MAX;
	if (code == SQLITE_OK)
		code = query(spool->database, &statement, "SELECT " COLUMNS " FROM messages WHERE channel = ? "
		             "AND failed = 0 ORDER BY due, number LIMIT 1", "t", channel);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		*ret_due = (uint64_t)sqlite3_column_int64(statement, 10);
		if (*ret_due <= now)
			code = copy_row(statement, ret_message);
	}
	return end_read(spool, done(statement, code));
}

bool
wi_spool_group(struct wi_spool *spool, const char *channel, const char *group, uint32_t limit,
               struct wi_message **ret_messages, uint32_t *ret_count, uint64_t *ret_total)
{
	sqlite3_stmt *statement = NULL;
	int code = begin_read(spool);

	*ret_count = 0;
	*ret_total = 0;
	if (code == SQLITE_OK)
		code = query(spool->database, &statement, "SELECT " COLUMNS " FROM messages WHERE channel = ? "
		             "AND grp = ? AND grp <> '' AND failed = 0 ORDER BY number", "tt", channel, group);
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(statement);
		if (code != SQLITE_ROW)
			break;
		++*ret_total;
		if (*ret_count == limit)
			continue;
		code = copy_row(statement, &ret_messages[*ret_count]);
		*ret_count += code == SQLITE_ROW;
	}
	if (end_read(spool, done(statement, code)))
		return true;
	while (*ret_count)
		wi_message_free(ret_messages[--*ret_count]);
	return false;
}

/* -- what became of it ------------------------------------------------------ */

/*
 * A statement with RETURNING bytes, channel: how many rows there were, their bytes, and the channel of
 * the last. Only of messages that wait.
 */
struct taken {
	uint64_t rows, bytes;
	char channel[WI_NOTIFY_NAME_MAX + 1];
};

static int
take(sqlite3_stmt *statement, int code, struct taken *ret_taken)
{
	memset(ret_taken, 0, sizeof *ret_taken);
	if (code != SQLITE_OK)
		return done(statement, code);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		ret_taken->rows++;
		ret_taken->bytes += (uint64_t)sqlite3_column_int64(statement, 0);
		snprintf(ret_taken->channel, sizeof ret_taken->channel, "%s", text_of(statement, 1));
	}
	return done(statement, code);
}

bool
wi_spool_sent(struct wi_spool *spool, uint64_t number)
{
	sqlite3_stmt *statement = NULL;
	struct taken taken = { 0 };
	int code = begin(spool);

	if (code == SQLITE_OK)
		code = take(statement, query(spool->database, &statement, "DELETE FROM messages WHERE "
		                             "number = ? AND failed = 0 RETURNING bytes, channel", "i",
		                             number), &taken);
	spool->now.waiting -= taken.rows;
	spool->now.bytes -= taken.bytes;
	spool->now.sent += taken.rows;
	if (code == SQLITE_OK && taken.rows)
		code = run(spool->database, "UPDATE channels SET streak = 0, until = 0, status = 0, text = '' "
		           "WHERE name = ? AND NOT off AND (streak OR until OR status)", "t", taken.channel);
	return end(spool, code);
}

bool
wi_spool_again(struct wi_spool *spool, const struct wi_message *message, uint64_t due,
               int32_t status, const char *text, const struct wi_spool_channel *channel)
{
	int code = begin(spool);

	if (code == SQLITE_OK)
		code = run(spool->database, "UPDATE messages SET tries = tries + 1, due = ?, status = ?, "
		           "text = ? WHERE number = ? AND failed = 0", "iiti", due, (int64_t)status, text,
		           message->number);
	if (code == SQLITE_OK)
		code = run(spool->database, "INSERT OR REPLACE INTO channels VALUES(?, ?, ?, ?, ?, ?)",
		           "tiiiit", message->channel, (int64_t)channel->off, (int64_t)channel->streak,
		           channel->until, (int64_t)channel->status, channel->text);
	return end(spool, code);
}

static int
trim_failed(struct wi_spool *spool)
{
	int code = SQLITE_OK;

	while (code == SQLITE_OK && spool->now.failed > spool->options.failed_max) {
		code = run(spool->database, "DELETE FROM messages WHERE number = (SELECT min(number) FROM "
		           "messages INDEXED BY messages_failed WHERE failed = 1)", "");
		spool->now.failed--;
	}
	return code;
}

static int
note_given_up(struct wi_spool *spool, const struct taken *taken)
{
	spool->now.waiting -= taken->rows;
	spool->now.bytes -= taken->bytes;
	spool->now.given_up += taken->rows;
	spool->now.failed += taken->rows;
	return trim_failed(spool);
}

bool
wi_spool_give_up(struct wi_spool *spool, uint64_t number, uint64_t now, int32_t status,
                 const char *text)
{
	sqlite3_stmt *statement = NULL;
	struct taken taken = { 0 };
	int code = begin(spool);

	if (code == SQLITE_OK)
		code = take(statement, query(spool->database, &statement, "UPDATE messages SET failed = 1, "
		                             "tries = tries + 1, due = ?, status = ?, text = ? WHERE number "
		                             "= ? AND failed = 0 RETURNING bytes, channel", "iiti", now,
		                             (int64_t)status, text, number), &taken);
	if (code == SQLITE_OK)
		code = note_given_up(spool, &taken);
	return end(spool, code);
}

bool
wi_spool_expire(struct wi_spool *spool, uint64_t now)
{
	sqlite3_stmt *statement = NULL;
	struct taken taken = { 0 };
	int64_t first = INT64_MAX;
	int code = begin_read(spool);

	/* Looked for without a lock on the file first. */
	if (code == SQLITE_OK)
		code = wi_database_number(spool->database, "SELECT coalesce(min(expires), "
		                          "9223372036854775807) FROM messages WHERE failed = 0", &first);
	if (!end_read(spool, code) || (uint64_t)first > now)
		return code == SQLITE_OK;
	code = begin(spool);
	if (code == SQLITE_OK)
		code = take(statement, query(spool->database, &statement, "UPDATE messages SET failed = 1, "
		                             "due = ?1, text = CASE text WHEN '' THEN 'its time was over' "
		                             "ELSE 'its time was over; before: ' || text END WHERE failed = 0 "
		                             "AND expires <= ?1 RETURNING bytes, channel", "i", now), &taken);
	if (code == SQLITE_OK)
		code = note_given_up(spool, &taken);
	return end(spool, code);
}

bool
wi_spool_digest(struct wi_spool *spool, const char *group, const struct wi_message *message,
                uint64_t until)
{
	struct wi_message alone = *message;
	sqlite3_stmt *statement = NULL;
	struct taken taken = { 0 };
	int code = begin(spool);

	alone.group = "";
	if (code == SQLITE_OK)
		code = take(statement, query(spool->database, &statement, "DELETE FROM messages WHERE "
		                             "channel = ? AND grp = ? AND grp <> '' AND failed = 0 RETURNING "
		                             "bytes, channel", "tt", message->channel, group), &taken);
	if (code == SQLITE_OK && !taken.rows)
		return end(spool, code);
	/* It stands in the place of one of them. */
	spool->now.waiting -= taken.rows;
	spool->now.bytes -= taken.bytes;
	spool->now.digested += taken.rows - 1;
	spool->now.accepted--;
	if (code == SQLITE_OK)
		code = insert(spool, &alone, alone.due);
	if (code == SQLITE_OK)
		code = run(spool->database, "INSERT OR REPLACE INTO groups VALUES(?, ?, ?)", "tti",
		           message->channel, group, until);
	return end(spool, code);
}

/* -- channels --------------------------------------------------------------- */

bool
wi_spool_changed(struct wi_spool *spool)
{
	int64_t version = spool->version;
	int code = begin_read(spool);

	if (code == SQLITE_OK)
		code = wi_database_number(spool->database, "PRAGMA data_version", &version);
	if (code == SQLITE_OK && version != spool->version)
		code = read_counts(spool);
	if (code == SQLITE_OK && version != spool->version) {
		spool->version = version;
		publish_counts(spool);
		pthread_mutex_unlock(&spool->mutex);
		return true;
	}
	end_read(spool, code);
	return false;
}

static void
take_channel(sqlite3_stmt *statement, struct wi_spool_channel *channel)
{
	snprintf(channel->name, sizeof channel->name, "%s", text_of(statement, 0));
	channel->off = sqlite3_column_int64(statement, 1) != 0;
	channel->streak = (uint32_t)sqlite3_column_int64(statement, 2);
	channel->until = (uint64_t)sqlite3_column_int64(statement, 3);
	channel->status = (int32_t)sqlite3_column_int64(statement, 4);
	snprintf(channel->text, sizeof channel->text, "%s", text_of(statement, 5));
}

bool
wi_spool_get_channel(struct wi_spool *spool, const char *name, struct wi_spool_channel *ret_channel)
{
	sqlite3_stmt *statement = NULL;
	int code = begin_read(spool);

	memset(ret_channel, 0, sizeof *ret_channel);
	snprintf(ret_channel->name, sizeof ret_channel->name, "%s", name);
	if (code == SQLITE_OK)
		code = query(spool->database, &statement, "SELECT * FROM channels WHERE name = ?", "t", name);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		take_channel(statement, ret_channel);
	return end_read(spool, done(statement, code));
}

bool
wi_spool_each_channel(struct wi_spool *spool,
                      void (*visit)(void *context, const struct wi_spool_channel *channel),
                      void *context)
{
	sqlite3_stmt *statement = NULL;
	int code = begin_read(spool);

	if (code == SQLITE_OK)
		code = query(spool->database, &statement, "SELECT n.name, coalesce(c.off, 0), "
		             "coalesce(c.streak, 0), max(coalesce(c.until, 0), coalesce((SELECT min(due) FROM "
		             "messages WHERE channel = n.name AND failed = 0), 0)), coalesce(c.status, 0), "
		             "coalesce(c.text, ''), (SELECT count(*) FROM messages WHERE channel = n.name AND "
		             "failed = 0), (SELECT count(*) FROM messages WHERE channel = n.name AND failed = 1) "
		             "FROM (SELECT channel AS name FROM messages UNION SELECT name FROM channels) AS n "
		             "LEFT JOIN channels AS c ON c.name = n.name ORDER BY n.name", "");
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		struct wi_spool_channel channel;

		code = sqlite3_step(statement);
		if (code != SQLITE_ROW)
			break;
		take_channel(statement, &channel);
		channel.waiting = (uint64_t)sqlite3_column_int64(statement, 6);
		channel.failed = (uint64_t)sqlite3_column_int64(statement, 7);
		visit(context, &channel);
	}
	return end_read(spool, done(statement, code));
}

/* -- for `weir notify` ------------------------------------------------------ */

bool
wi_spool_look(struct wi_spool *spool, struct wi_spool_counts *ret_counts)
{
	int code = begin_read(spool);

	if (code == SQLITE_OK)
		code = read_counts(spool);
	*ret_counts = spool->now;
	return end_read(spool, code);
}

bool
wi_spool_each_failed(struct wi_spool *spool,
                     void (*visit)(void *context, const struct wi_spool_failed *failed),
                     void *context)
{
	sqlite3_stmt *statement = NULL;
	int code = begin_read(spool);

	if (code == SQLITE_OK)
		code = query(spool->database, &statement, "SELECT " COLUMNS ", status, text FROM messages "
		             "WHERE failed = 1 ORDER BY number", "");
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		struct wi_message message;
		struct wi_spool_failed failed = { &message, 0, NULL };

		code = sqlite3_step(statement);
		if (code != SQLITE_ROW)
			break;
		if (!take_row(statement, &message)) {
			code = SQLITE_CORRUPT;
			break;
		}
		failed.status = (int32_t)sqlite3_column_int64(statement, 12);
		failed.text = text_of(statement, 13);
		visit(context, &failed);
	}
	return end_read(spool, done(statement, code));
}

/* Channels of the messages that will wait again, and the one that is named. */
static int
turn_on(struct wi_spool *spool, const char *id, const char *channel, uint64_t *ret_channels)
{
	static const char chosen[] = "(SELECT channel FROM messages WHERE failed = 1 AND id = ?1)";
	int64_t off = 0;
	char sql[400];
	int code;

	snprintf(sql, sizeof sql, "UPDATE channels SET off = 0, streak = 0, until = 0, status = 0, text = '' "
	         "WHERE off AND %s%s", id ? "name IN " : channel ? "name = ?1" : "?1 IS NULL", id ? chosen : "");
	code = run(spool->database, sql, "t", id ? id : channel);
	if (code == SQLITE_OK)
		code = wi_database_number(spool->database, "SELECT changes()", &off);
	*ret_channels = (uint64_t)off;
	snprintf(sql, sizeof sql, "UPDATE channels SET streak = 0, until = 0 WHERE %s%s",
	         id ? "name IN " : channel ? "name = ?1" : "?1 IS NULL", id ? chosen : "");
	return code == SQLITE_OK ? run(spool->database, sql, "t", id ? id : channel) : code;
}

bool
wi_spool_retry(struct wi_spool *spool, const char *id, const char *channel, uint64_t now,
               uint64_t *ret_messages, uint64_t *ret_channels)
{
	sqlite3_stmt *statement = NULL;
	struct taken taken = { 0 };
	char sql[400];
	int code = begin(spool);

	*ret_channels = 0;
	if (code == SQLITE_OK)
		code = turn_on(spool, id, channel, ret_channels);
	snprintf(sql, sizeof sql, "UPDATE messages SET failed = 0, tries = 0, due = ?1, expires = ?1 + life "
	         "WHERE failed = 1 AND %s RETURNING bytes, channel",
	         id ? "id = ?2" : channel ? "channel = ?2" : "?2 IS NULL");
	if (code == SQLITE_OK)
		code = take(statement, query(spool->database, &statement, sql, "it", now, id ? id : channel),
		            &taken);
	spool->now.waiting += taken.rows;
	spool->now.bytes += taken.bytes;
	spool->now.failed -= taken.rows;
	spool->now.given_up -= taken.rows;
	*ret_messages = taken.rows;
	return end(spool, code);
}
