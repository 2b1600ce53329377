/* SPDX-License-Identifier: MIT */
/* The store: rows, the chain over files, who may write, what is refused. */
#include "unit.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "look.h"
#include "store.h"

struct fixture {
	char *directory, path[512], problem[WI_STORE_PROBLEM_SIZE];
	struct wi_store_options options;
	struct wi_store *store;
};

static int
set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	fixture->directory = unit_make_directory();
	snprintf(fixture->path, sizeof fixture->path, "%s/audit.db", fixture->directory);
	fixture->options.path = fixture->path;
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->store)
		wi_store_close(fixture->store);
	unit_remove_directory(fixture->directory);
	free(fixture);
	return 0;
}

static void
file_path(const struct fixture *fixture, unsigned number, const char *tail, char path[600])
{
	snprintf(path, 600, "%s/audit-%06u.db%s", fixture->directory, number, tail);
}

static void
open_store(struct fixture *fixture)
{
	assert_int_equal(wi_store_open(&fixture->options, &fixture->store, fixture->problem), 0);
}

static void
close_store(struct fixture *fixture)
{
	wi_store_close(fixture->store);
	fixture->store = NULL;
}

static int
write_some(struct fixture *fixture, uint32_t count, uint32_t size)
{
	struct wi_row *rows = calloc(count, sizeof *rows);
	uint32_t *topics = calloc(count, sizeof *topics);
	char *payload = malloc(size + 1);
	int code;

	memset(payload, 'p', size);
	for (uint32_t i = 0; i < count; i++) {
		topics[i] = 1 + i % 3;
		rows[i] = (struct wi_row){
			.kind = WI_ROW_EVENT, .time = 1000 + i, .sequence = i + 1, .source = 7,
			.topic = i % 3 == 0 ? "order.after.create" : i % 3 == 1 ? "a" : "b.c",
			.has_key = i % 2, .key = UINT64_MAX - i, .has_trace = i % 4 == 0,
			.payload = payload, .size = size,
		};
		rows[i].topic_size = (uint32_t)strlen(rows[i].topic);
		rows[i].trace[24] = 1;
	}
	code = wi_store_write(fixture->store, rows, topics, count);
	free(rows);
	free(topics);
	free(payload);
	return code;
}

static void
assert_rows(struct fixture *fixture, uint64_t rows)
{
	struct look look = look_at_journal(fixture->path, NULL, NULL);

	assert_true(look_is_good(&look));
	assert_int_equal(look.rows, rows);
	assert_int_equal(look.last, rows);
}

/* -- rows ------------------------------------------------------------------- */

static void
keep(void *context, const struct wi_row *row)
{
	struct wi_row *rows = context;

	if (row->seq > 8)
		return;
	rows[row->seq] = *row;
	rows[row->seq].topic = strdup(row->topic);
	rows[row->seq].payload = row->size ? memcpy(malloc(row->size), row->payload, row->size) : NULL;
}

static void
test_rows_come_back(void **state)
{
	struct fixture *fixture = *state;
	struct wi_row rows[9] = { 0 };

	open_store(fixture);
	assert_int_equal(write_some(fixture, 4, 5), 0);
	assert_int_equal(write_some(fixture, 4, 0), 0);
	look_at_journal(fixture->path, keep, rows);
	for (uint32_t seq = 1; seq <= 8; seq++) {
		uint32_t i = (seq - 1) % 4;

		assert_int_equal(rows[seq].seq, seq);
		assert_int_equal(rows[seq].kind, WI_ROW_EVENT);
		assert_int_equal(rows[seq].time, 1000 + i);
		assert_int_equal(rows[seq].sequence, i + 1);
		assert_int_equal(rows[seq].source, 7);
		assert_int_equal(rows[seq].has_key, i % 2);
		assert_true(rows[seq].key == (i % 2 ? UINT64_MAX - i : 0));
		assert_int_equal(rows[seq].has_trace, i % 4 == 0);
		assert_int_equal(rows[seq].trace[24], i % 4 == 0);
		assert_int_equal(rows[seq].size, seq <= 4 ? 5 : 0);
		if (seq <= 4)
			assert_memory_equal(rows[seq].payload, "ppppp", 5);
		assert_string_equal(rows[seq].topic,
		                    i % 3 == 0 ? "order.after.create" : i % 3 == 1 ? "a" : "b.c");
		free((char *)rows[seq].topic);
		free((void *)rows[seq].payload);
	}
	assert_rows(fixture, 8);
}

/* Also while the writer has it open, and after it has closed it. */
static void
test_goes_on(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 1; i <= 3; i++) {
		fixture->options.durability = (enum wi_durability)(i - 1);
		open_store(fixture);
		assert_int_equal(write_some(fixture, 10, 100), 0);
		assert_rows(fixture, 20 * (uint64_t)i - 10);
		assert_int_equal(write_some(fixture, 10, 100), 0);
		assert_int_equal(wi_store_get_counts(fixture->store).seq, 20 * i);
		close_store(fixture);
		assert_rows(fixture, 20 * (uint64_t)i);
	}
}

static void
test_checkpoints(void **state)
{
	struct fixture *fixture = *state;
	struct stat log;
	char path[600];

	fixture->options.checkpoint_pages = 10;
	open_store(fixture);
	for (int i = 0; i < 200; i++)
		assert_int_equal(write_some(fixture, 10, 1000), 0);
	file_path(fixture, 1, "-wal", path);
	assert_int_equal(stat(path, &log), 0);
	assert_in_range(log.st_size, 1, 40 * 4200);
	close_store(fixture);
	/* All of it is in the file itself. */
	assert_true(stat(path, &log) != 0 || log.st_size == 0);
	assert_rows(fixture, 2000);
}

/* -- files ------------------------------------------------------------------ */

static void
test_rotates_by_size(void **state)
{
	struct fixture *fixture = *state;
	struct look look;

	fixture->options.rotate_size = 100 * 1000;
	open_store(fixture);
	for (int i = 0; i < 50; i++)
		assert_int_equal(write_some(fixture, 10, 1000), 0);
	close_store(fixture);
	open_store(fixture);
	assert_int_equal(write_some(fixture, 1, 1), 0);
	assert_rows(fixture, 501);
	look = look_at_journal(fixture->path, NULL, NULL);
	assert_in_range(look.files, 4, 8);
}

static void
test_rotates_by_time(void **state)
{
	struct fixture *fixture = *state;

	fixture->options.rotate_ns = 1;
	open_store(fixture);
	for (int i = 0; i < 3; i++)
		assert_int_equal(write_some(fixture, 1, 1), 0);
	close_store(fixture);
	/* Each write began a file; the last one is empty but for its head. */
	assert_int_equal(look_at_journal(fixture->path, NULL, NULL).files, 4);
	assert_rows(fixture, 3);
}

/* A process that ended between making a file and writing its head. */
static void
test_begins_an_empty_file(void **state)
{
	struct fixture *fixture = *state;
	char path[600];
	int fd;

	open_store(fixture);
	assert_int_equal(write_some(fixture, 5, 10), 0);
	close_store(fixture);
	file_path(fixture, 2, "", path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	open_store(fixture);
	assert_int_equal(write_some(fixture, 5, 10), 0);
	assert_rows(fixture, 10);
	assert_int_equal(look_at_journal(fixture->path, NULL, NULL).files, 2);
}

static void
test_modes_and_names(void **state)
{
	struct fixture *fixture = *state;
	static const char *const tails[] = { "", "-wal", "-shm" };
	mode_t mask = umask(0);
	struct stat status;
	char path[600];

	open_store(fixture);
	assert_int_equal(write_some(fixture, 1, 1), 0);
	umask(mask);
	for (int i = 0; i < 3; i++) {
		file_path(fixture, 1, tails[i], path);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
	snprintf(path, sizeof path, "%s.lock", fixture->path);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void
test_file_names(void **state)
{
	static const struct { const char *path, *stem, *suffix; } good[] = {
		{ "audit.db", "audit", ".db" }, { "/tmp/a.b.c", "a.b", ".c" }, { "./audit", "audit", "" },
		{ ".hidden", ".hidden", "" },
	};
	struct wi_files files;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(wi_files_locate(&files, good[i].path));
		assert_string_equal(files.stem, good[i].stem);
		assert_string_equal(files.suffix, good[i].suffix);
	}
	assert_false(wi_files_locate(&files, "/tmp/"));
	assert_false(wi_files_locate(&files, "/nonexistent/audit.db"));
	assert_int_equal(wi_files_locate_by_file(&files, "/tmp/audit-000012.db"), 12);
	assert_string_equal(files.stem, "audit");
	assert_int_equal(wi_files_locate_by_file(&files, "audit-1234567.db"), 1234567);
	assert_int_equal(wi_files_locate_by_file(&files, "audit-0000012.db"), 0);
	assert_int_equal(wi_files_locate_by_file(&files, "audit-00012.db"), 0);
	assert_int_equal(wi_files_locate_by_file(&files, "audit-00001x.db"), 0);
	assert_int_equal(wi_files_locate_by_file(&files, "audit.db"), 0);
}

/* -- refusals --------------------------------------------------------------- */

static int
try_to_open(void *context)
{
	struct fixture *fixture = context;
	struct wi_store *store;
	char expected[64];

	snprintf(expected, sizeof expected, "process %ld writes this journal", (long)getppid());
	child_expect(wi_store_open(&fixture->options, &store, fixture->problem) == SQLITE_BUSY);
	child_expect(strstr(fixture->problem, expected));
	return 0;
}

static void
test_one_writer(void **state)
{
	struct fixture *fixture = *state;
	struct wi_store *second;

	open_store(fixture);
	assert_int_equal(wi_store_open(&fixture->options, &second, fixture->problem), SQLITE_BUSY);
	assert_int_equal(unit_in_child(try_to_open, fixture), 0);
	assert_int_equal(write_some(fixture, 1, 1), 0);
	close_store(fixture);
	open_store(fixture);
	assert_rows(fixture, 1);
}

static void
execute(struct fixture *fixture, unsigned number, const char *sql)
{
	sqlite3 *database;
	char path[600];

	file_path(fixture, number, "", path);
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(database);
}

static void
assert_refused(struct fixture *fixture, const char *why)
{
	assert_int_not_equal(wi_store_open(&fixture->options, &fixture->store, fixture->problem), 0);
	fixture->store = NULL;
	if (!strstr(fixture->problem, why))
		fail_msg("'%s' is not in '%s'", why, fixture->problem);
}

static void
test_foreign_files(void **state)
{
	static const struct { const char *sql, *why; } cases[] = {
		{ "CREATE TABLE other(a)", "not a journal" },
		{ "CREATE VIEW v AS SELECT 1", "not a journal" },
		{ "CREATE TRIGGER t AFTER INSERT ON journal BEGIN SELECT 1; END", "not a journal" },
		{ "CREATE INDEX i ON journal(time)", "not a journal" },
		{ "DROP TRIGGER journal_delete", "not a journal" },
		{ "PRAGMA user_version=2", "later version" },
		{ "PRAGMA application_id=1", "not a journal" },
	};
	struct fixture *fixture = *state;
	char path[600];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		open_store(fixture);
		assert_int_equal(write_some(fixture, 3, 3), 0);
		close_store(fixture);
		execute(fixture, 1, cases[i].sql);
		assert_refused(fixture, cases[i].why);
		assert_int_equal(look_at_journal(fixture->path, NULL, NULL).unreadable, 1);
		file_path(fixture, 1, "", path);
		assert_int_equal(unlink(path), 0);
	}
}

static void
test_damaged_end(void **state)
{
	struct fixture *fixture = *state;

	open_store(fixture);
	assert_int_equal(write_some(fixture, 5, 5), 0);
	close_store(fixture);
	execute(fixture, 1, "DROP TRIGGER journal_update; UPDATE journal SET time = 5 WHERE seq = 5;"
	                    "CREATE TRIGGER journal_update BEFORE UPDATE ON journal BEGIN "
	                    "SELECT RAISE(ABORT, 'a journal is only added to'); END");
	assert_refused(fixture, "the end of its chain");
}

static void
test_links(void **state)
{
	struct fixture *fixture = *state;
	char path[600], other[600];

	snprintf(other, sizeof other, "%s/elsewhere", fixture->directory);
	file_path(fixture, 1, "", path);
	assert_int_equal(symlink(other, path), 0);
	assert_refused(fixture, "cannot be opened");
	assert_true(access(other, F_OK) != 0);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof path, "%s.lock", fixture->path);
	unlink(path);
	assert_int_equal(symlink(other, path), 0);
	assert_refused(fixture, ".lock");
}

static void
test_seat_belts(void **state)
{
	struct fixture *fixture = *state;
	sqlite3 *database;
	char path[600];

	open_store(fixture);
	assert_int_equal(write_some(fixture, 5, 5), 0);
	close_store(fixture);
	file_path(fixture, 1, "", path);
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_not_equal(sqlite3_exec(database, "DELETE FROM journal", 0, 0, 0), SQLITE_OK);
	assert_int_not_equal(sqlite3_exec(database, "UPDATE journal SET key=1", 0, 0, 0), SQLITE_OK);
	sqlite3_close(database);
}

/* -- files that go away under it -------------------------------------------- */

static void
test_moved_away(void **state)
{
	static const char *const tails[] = { "", "-wal" };
	struct fixture *fixture = *state;
	char path[600], aside[600];

	for (int i = 0; i < 2; i++) {
		open_store(fixture);
		assert_int_equal(write_some(fixture, 5, 5), 0);
		file_path(fixture, 1, tails[i], path);
		snprintf(aside, sizeof aside, "%s/aside%d", fixture->directory, i);
		assert_int_equal(rename(path, aside), 0);
		assert_int_not_equal(write_some(fixture, 5, 5), 0);
		assert_true(strstr(wi_store_problem(fixture->store), "moved, removed") ||
		            strstr(wi_store_problem(fixture->store), "log was removed"));
		/* Not a new file in its place, which would not have what was recorded. */
		assert_int_not_equal(write_some(fixture, 5, 5), 0);
		if (access(path, F_OK) == 0)
			unlink(path);
		assert_int_equal(rename(aside, path), 0);
		assert_int_equal(write_some(fixture, 5, 5), 0);
		close_store(fixture);
		assert_rows(fixture, 10 * ((uint64_t)i + 1));
	}
}

/* Somebody writes to it behind our back, as SQLite allows it. */
static void
test_written_by_others(void **state)
{
	struct fixture *fixture = *state;

	open_store(fixture);
	assert_int_equal(write_some(fixture, 5, 5), 0);
	execute(fixture, 1, "INSERT INTO journal VALUES(6, 1, 1, 1, 1, 1, NULL, NULL, x'00', x'00')");
	assert_int_not_equal(write_some(fixture, 5, 5), 0);
	assert_int_not_equal(write_some(fixture, 5, 5), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(test_rows_come_back), T(test_goes_on), T(test_checkpoints), T(test_rotates_by_size),
		T(test_rotates_by_time), T(test_begins_an_empty_file), T(test_modes_and_names),
		T(test_file_names), T(test_one_writer), T(test_foreign_files), T(test_damaged_end),
		T(test_links), T(test_seat_belts), T(test_moved_away), T(test_written_by_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
