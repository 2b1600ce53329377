/* SPDX-License-Identifier: MIT */
/*
 * reader.c - see reader.h.
 *
 * A row is good if its hash is that of itself behind the row before. What the row before says of its
 * own hash, and what its content gives, may differ if it is damaged: a row that fits either is good.
 */
#include "reader.h"

#include "database.h"
#include "files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	CHUNK = 4096,                   /* rows of a read transaction */
	BUSY_MS = 2000,
	/* Of a statement's step, in thousands: a file may be made so that a step would never end. */
	OPERATIONS_MAX = 200 * 1000
};

struct wi_reader {
	char path[WI_FILES_PATH_MAX];
	struct wi_files files;
	uint64_t number;                /* of the file; 0: its path is none of a journal's, files is not known */
	enum wi_database_use use;
	sqlite3 *database;
	sqlite3_stmt *forward, *backward;
	struct wi_head head;
	bool headless;

	uint64_t next;                  /* the number that the next row is to have */
	uint32_t of_chunk;              /* rows since the statement began, 0: it has not */
	uint8_t hashes[2][WI_HASH_SIZE];        /* of the row before: as stored, as computed */
	int hash_count;
	uint64_t last, hole_end;
	unsigned operations;
	char problem[WI_READER_PROBLEM_SIZE];
};

/* -- open ------------------------------------------------------------------- */

static int
count_operations(void *context)
{
	struct wi_reader *reader = context;

	return ++reader->operations > OPERATIONS_MAX;
}

static void
close_database(struct wi_reader *reader)
{
	sqlite3_finalize(reader->forward);
	sqlite3_finalize(reader->backward);
	sqlite3_close(reader->database);
	reader->forward = reader->backward = NULL;
	reader->database = NULL;
}

static int
prepare(struct wi_reader *reader)
{
	/* Within one chunk, so that a writer can begin its log anew in between. */
	static const char forward[] = "SELECT " WI_ROW_COLUMNS
				      " WHERE j.seq >= ?1 ORDER BY j.seq LIMIT 4096";
	static const char backward[] = "SELECT " WI_ROW_COLUMNS
				       " WHERE j.seq >= ?1 AND j.seq < ?2 ORDER BY j.seq DESC";
	int code = sqlite3_prepare_v2(reader->database, forward, -1, &reader->forward, NULL);

	_Static_assert(CHUNK == 4096, "the statement's limit");
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(reader->database, backward, -1, &reader->backward, NULL);
	return code;
}

static int
open_database(struct wi_reader *reader, enum wi_database_use use, enum wi_database_kind *ret_kind)
{
	int code = wi_database_open(reader->path, use, &reader->database);

	if (code != SQLITE_OK)
		return code;
	reader->use = use;
	reader->operations = 0;
	sqlite3_busy_timeout(reader->database, BUSY_MS);
	sqlite3_progress_handler(reader->database, 1000, count_operations, reader);
	code = wi_database_look(reader->database, ret_kind);
	if (code == SQLITE_OK && *ret_kind == WI_OURS)
		code = prepare(reader);
	if (code != SQLITE_OK)
		close_database(reader);
	return code;
}

/* Only the last file of a journal is written. */
static bool
is_last(const struct wi_reader *reader)
{
	uint64_t *numbers;
	size_t count;
	bool last;

	if (!wi_files_list(&reader->files, &numbers, &count))
		return true;
	last = !count || numbers[count - 1] <= reader->number;
	free(numbers);
	return last;
}

/* Somebody may write it, or has left rows in its log. */
static bool
is_live(const struct wi_reader *reader)
{
	char log[WI_FILES_PATH_MAX + 4];
	struct stat status;

	if (reader->number && wi_files_locked(&reader->files) && is_last(reader))
		return true;
	snprintf(log, sizeof log, "%.*s-wal", WI_FILES_PATH_MAX - 1, reader->path);
	return stat(log, &status) == 0 && status.st_size > 0;
}

static int
open_any(struct wi_reader *reader, enum wi_database_kind *ret_kind)
{
	bool live = is_live(reader);
	int code = open_database(reader, live ? WI_DATABASE_READ : WI_DATABASE_READ_STILL, ret_kind);

	if (code != SQLITE_OK && !live)
		code = open_database(reader, WI_DATABASE_SALVAGE, ret_kind);
	return code;
}

/* SQLite opens no link; a file given by a path with links in its folders is found first. */
static bool
find_path(struct wi_reader *reader, const char *path)
{
	struct wi_files files;
	const char *slash = strrchr(path, '/');

	reader->number = wi_files_locate_by_file(&reader->files, path);
	if (!wi_files_locate(&files, path))
		return false;
	snprintf(reader->path, sizeof reader->path, "%.*s/%.255s", WI_FILES_PATH_MAX - 257,
	         files.directory, slash ? slash + 1 : path);
	return true;
}

static bool
explain(const char *path, int code, enum wi_database_kind kind, char ret_problem[WI_READER_PROBLEM_SIZE])
{
	const char *what = code != SQLITE_OK ? sqlite3_errstr(code) :
	                   kind == WI_EMPTY  ? "nothing was written to it yet" :
	                   kind == WI_NEWER  ? "was made by a later version of weir" :
	                                       "is not a journal";

	snprintf(ret_problem, WI_READER_PROBLEM_SIZE, "%.300s: %s", path, what);
	return false;
}

bool
wi_reader_open(const char *path, struct wi_reader **ret_reader, char ret_problem[WI_READER_PROBLEM_SIZE])
{
	struct wi_reader *reader = calloc(1, sizeof *reader);
	enum wi_database_kind kind = WI_FOREIGN;
	int code;

	if (!reader)
		return explain(path, SQLITE_NOMEM, kind, ret_problem);
	code = find_path(reader, path) ? open_any(reader, &kind) : SQLITE_CANTOPEN;
	if (code != SQLITE_OK || kind != WI_OURS) {
		explain(path, code, kind, ret_problem);
		wi_reader_close(reader);
		return false;
	}
	reader->headless = wi_database_head(reader->database, &reader->head) != SQLITE_OK;
	if (!reader->headless) {
		reader->next = reader->head.seq_before + 1;
		reader->last = reader->head.seq_before;
		wi_chain_head(&reader->head, reader->hashes[0]);
		reader->hash_count = 1;
	}
	*ret_reader = reader;
	return true;
}

void
wi_reader_close(struct wi_reader *reader)
{
	close_database(reader);
	free(reader);
}

const struct wi_head *
wi_reader_head(const struct wi_reader *reader)
{
	return reader->headless ? NULL : &reader->head;
}

/* -- what cannot be read ---------------------------------------------------- */

static void
rewind_chunk(struct wi_reader *reader)
{
	sqlite3_reset(reader->forward);
	reader->of_chunk = 0;
	reader->operations = 0;
}

/* The first row that can be read from `from` on: SQLITE_ROW, SQLITE_DONE if there is none, or what else. */
static int
probe(struct wi_reader *reader, uint64_t from, uint64_t *ret_seq)
{
	int code;

	rewind_chunk(reader);
	sqlite3_bind_int64(reader->forward, 1, (int64_t)from);
	code = sqlite3_step(reader->forward);
	if (code == SQLITE_ROW) {
		*ret_seq = (uint64_t)sqlite3_column_int64(reader->forward, 0);
		if (*ret_seq < from || *ret_seq > INT64_MAX)
			code = SQLITE_CORRUPT;
	}
	rewind_chunk(reader);
	return code;
}

/* The lowest row above `from` that is reached from `seq`, which can be read, without a break. */
static uint64_t
reach_back(struct wi_reader *reader, uint64_t from, uint64_t seq)
{
	reader->operations = 0;
	sqlite3_bind_int64(reader->backward, 1, (int64_t)from);
	sqlite3_bind_int64(reader->backward, 2, (int64_t)seq);
	while (sqlite3_step(reader->backward) == SQLITE_ROW) {
		uint64_t before = (uint64_t)sqlite3_column_int64(reader->backward, 0);

		if (before >= seq || before < from)
			break;
		seq = before;
		reader->operations = 0;
	}
	sqlite3_reset(reader->backward);
	return seq;
}

/* Over what cannot be read, in steps that grow; then back to where reading stops from the other side. */
static enum wi_reader_result
skip_hole(struct wi_reader *reader, struct wi_row *ret_row)
{
	uint64_t seq = 0, from = reader->next, distance = 1;
	int code = SQLITE_CORRUPT;

	while (code != SQLITE_ROW && code != SQLITE_DONE && distance < (uint64_t)1 << 40) {
		code = probe(reader, from + distance, &seq);
		if (code != SQLITE_ROW && code != SQLITE_DONE)
			distance *= 2;
	}
	if (code == SQLITE_ROW)
		seq = reach_back(reader, from + 1, seq);
	memset(ret_row, 0, sizeof *ret_row);
	ret_row->seq = from;
	reader->hash_count = 0;
	reader->next = code == SQLITE_ROW ? seq : INT64_MAX;
	/* How far the hole goes at the end of a file, nobody knows. */
	reader->hole_end = code == SQLITE_ROW ? seq - 1 : 0;
	return WI_READER_HOLE;
}

/* -- rows ------------------------------------------------------------------- */

static bool
fits(const struct wi_reader *reader, const struct wi_row *row, const uint8_t stored[WI_HASH_SIZE])
{
	uint8_t hash[WI_HASH_SIZE];

	for (int i = 0; i < reader->hash_count; i++) {
		wi_chain_row(reader->hashes[i], row, hash);
		if (memcmp(hash, stored, WI_HASH_SIZE) == 0)
			return true;
	}
	return false;
}

static enum wi_reader_result
check(struct wi_reader *reader, const struct wi_row *row, const uint8_t stored[WI_HASH_SIZE], bool sound)
{
	bool loose = reader->hash_count == 0;

	if (sound && fits(reader, row, stored)) {
		reader->hash_count = 1;
		memcpy(reader->hashes[0], stored, WI_HASH_SIZE);
		return WI_READER_ROW;
	}
	reader->hash_count = 1;
	if (sound && !loose) {
		wi_chain_row(reader->hashes[0], row, reader->hashes[1]);
		reader->hash_count = 2;
	}
	memcpy(reader->hashes[0], stored, WI_HASH_SIZE);
	return sound && loose ? WI_READER_LOOSE : WI_READER_BROKEN;
}

/* A row that should not come yet: those before it are missing. */
static enum wi_reader_result
miss(struct wi_reader *reader, struct wi_row *row)
{
	reader->hole_end = row->seq - 1;
	row->seq = reader->next;
	reader->next = reader->hole_end + 1;
	reader->hash_count = 0;
	rewind_chunk(reader);
	snprintf(reader->problem, sizeof reader->problem, "they are not there");
	return WI_READER_HOLE;
}

static enum wi_reader_result
take(struct wi_reader *reader, struct wi_row *ret_row)
{
	uint8_t stored[WI_HASH_SIZE];
	bool sound = wi_database_row(reader->forward, ret_row, stored);
	enum wi_reader_result result;

	if (reader->headless && reader->next == 0)
		reader->next = ret_row->seq;
	if (ret_row->seq != reader->next)
		return miss(reader, ret_row);
	result = check(reader, ret_row, stored, sound);
	reader->last = ret_row->seq;
	reader->next = ret_row->seq + 1;
	reader->of_chunk++;
	return result;
}

static int
step(struct wi_reader *reader)
{
	int code;

	if (reader->next >= INT64_MAX)
		return SQLITE_DONE;
	if (reader->of_chunk == 0)
		sqlite3_bind_int64(reader->forward, 1, (int64_t)reader->next);
	reader->operations = 0;
	code = sqlite3_step(reader->forward);
	if (code == SQLITE_DONE && reader->of_chunk == CHUNK) {
		rewind_chunk(reader);
		return step(reader);
	}
	if (code == SQLITE_ROW && (sqlite3_column_int64(reader->forward, 0) < (int64_t)reader->next))
		code = SQLITE_CORRUPT;
	return code;
}

/* A writer has come since it was opened as one that nobody writes: what was read may be half written. */
static bool
wake(struct wi_reader *reader)
{
	enum wi_database_kind kind;

	if (reader->use == WI_DATABASE_READ || !is_live(reader))
		return false;
	close_database(reader);
	reader->of_chunk = 0;
	return open_database(reader, WI_DATABASE_READ, &kind) == SQLITE_OK && kind == WI_OURS;
}

enum wi_reader_result
wi_reader_next(struct wi_reader *reader, struct wi_row *ret_row)
{
	struct wi_reader before = *reader;
	enum wi_reader_result result;
	int code;

	if (!reader->database)
		return WI_READER_END;
	code = step(reader);
	if (code == SQLITE_DONE)
		return WI_READER_END;
	if (code == SQLITE_ROW) {
		result = take(reader, ret_row);
	} else {
		snprintf(reader->problem, sizeof reader->problem, "%s", sqlite3_errstr(code));
		result = skip_hole(reader, ret_row);
	}
	if (result == WI_READER_ROW || !wake(reader))
		return result;
	reader->next = before.next;
	reader->last = before.last;
	reader->hash_count = before.hash_count;
	memcpy(reader->hashes, before.hashes, sizeof reader->hashes);
	return wi_reader_next(reader, ret_row);
}

void
wi_reader_rest(struct wi_reader *reader)
{
	if (reader->database)
		rewind_chunk(reader);
}

void
wi_reader_seek(struct wi_reader *reader, uint64_t seq)
{
	wi_reader_rest(reader);
	reader->next = seq;
	reader->last = seq - 1;
	reader->hash_count = 0;
}

uint64_t
wi_reader_last(struct wi_reader *reader)
{
	int64_t last = 0;

	wi_reader_rest(reader);
	if (!reader->database ||
	    wi_database_number(reader->database, "SELECT max(seq) FROM journal", &last) != SQLITE_OK)
		return UINT64_MAX;
	return last > 0 ? (uint64_t)last : reader->head.seq_before;
}

uint64_t
wi_reader_hole_end(const struct wi_reader *reader)
{
	return reader->hole_end;
}

const char *
wi_reader_problem(const struct wi_reader *reader)
{
	return reader->problem;
}

uint64_t
wi_reader_end(const struct wi_reader *reader, uint8_t ret_hash[WI_HASH_SIZE])
{
	memcpy(ret_hash, reader->hashes[0], WI_HASH_SIZE);
	return reader->last;
}
