/* SPDX-License-Identifier: MIT */
/*
 * fault_journal_damage.c - a journal's file with bits flipped, blocks zeroed, swapped or written over, and
 *                          cut short: nothing crashes, no row is taken for good that is not what was
 *                          written, and what is not damaged is read.
 *
 * $WEIR_JOURNAL_DAMAGES: how many.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "look.h"
#include "script.h"
#include "support.h"

enum { ROWS = 800, PAGE = 4096 };

static struct {
	char *bytes;
	size_t size;
	uint64_t digests[ROWS + 1];     /* of each row */
	uint64_t rows;
} original;

static struct script place;
static char path[400];

static uint64_t
digest(const struct wi_row *row)
{
	uint64_t sum = mix(row->seq) ^ mix(row->time + 1) ^ mix(row->sequence + 2) ^ row->size;

	for (uint32_t i = 0; i < row->size; i++)
		sum = mix(sum ^ ((const unsigned char *)row->payload)[i]);
	for (uint32_t i = 0; i < row->topic_size; i++)
		sum = mix(sum ^ (unsigned char)row->topic[i]);
	return sum + row->source + row->kind;
}

static void
note(void *context, const struct wi_row *row)
{
	(void)context;
	original.digests[row->seq] = digest(row);
	original.rows++;
}

static void
compare(void *context, const struct wi_row *row)
{
	uint64_t number = *(const uint64_t *)context;

	CHECK(row->seq <= original.rows && digest(row) == original.digests[row->seq],
	      "damage %llu: row %llu is taken for good and is not what was written", (ull)number,
	      (ull)row->seq);
}

/* -- a good file ------------------------------------------------------------ */

static void
make_journal(void)
{
	char problem[WI_STORE_PROBLEM_SIZE], payload[3000];
	struct wi_store *store;
	struct stat status;
	int fd;

	script_begin(&place, WI_DURABILITY_NONE);
	place.options.rotate_size = 0;
	CHECK(wi_store_open(&place.options, &store, problem) == 0, "%s", problem);
	memset(payload, 'x', sizeof payload);
	for (uint32_t i = 1; i <= ROWS; i++) {
		const char *topic = i % 2 ? "order.after.create" : "user.failed.delete";
		struct wi_row row = {
			.kind = WI_ROW_EVENT, .time = i, .sequence = i, .source = 1, .topic = topic,
			.topic_size = (uint32_t)strlen(topic), .payload = payload,
			/* A few take pages of their own. */
			.size = i % 50 ? i % 200 : 1000 + i % 2000,
		};

		payload[0] = (char)i;
		CHECK(wi_store_write(store, &row, NULL, 1) == 0, "%s", wi_store_problem(store));
	}
	wi_store_close(store);
	snprintf(path, sizeof path, "%s/audit-000001.db", place.directory);
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && fstat(fd, &status) == 0, "%s", path);
	original.size = (size_t)status.st_size;
	original.bytes = malloc(original.size);
	CHECK(original.bytes && read(fd, original.bytes, original.size) == (ssize_t)original.size,
	      "%s", path);
	close(fd);
	look_at_file(path, note, NULL);
	CHECK(original.rows == ROWS, "rows %llu", (ull)original.rows);
}

/* -- damage ----------------------------------------------------------------- */

/* True: it was cut. */
static bool
damage(struct chance *chance, char *bytes, size_t *size)
{
	uint32_t pages = (uint32_t)(*size / PAGE), kind = chance_below(chance, 8);
	size_t at = chance_below(chance, (uint32_t)*size);
	char page[PAGE];

	switch (kind) {
	case 0: case 1: case 2:
		for (uint32_t i = 0, n = 1 + chance_below(chance, 8); i < n; i++)
			bytes[chance_below(chance, (uint32_t)*size)] ^= (char)(1 << chance_below(chance, 8));
		return false;
	case 3:
		memset(bytes + at / 512 * 512, 0, 512);
		return false;
	case 4:
		for (size_t i = at; i < *size && i < at + 64; i++)
			bytes[i] = (char)chance_next(chance);
		return false;
	case 5:
		at = PAGE * (size_t)chance_below(chance, pages);
		memcpy(page, bytes + at, PAGE);
		memcpy(bytes + at, bytes + PAGE * (size_t)chance_below(chance, pages), PAGE);
		return false;
	case 6:         /* in the first page, where the schema is, or in a page's head */
		at = PAGE * (size_t)(chance_one_in(chance, 2) ? 0 : chance_below(chance, pages));
		bytes[at + chance_below(chance, at ? 16 : PAGE)] ^= (char)(1 << chance_below(chance, 8));
		return false;
	default:
		*size = chance_one_in(chance, 2) ? at : PAGE * (size_t)chance_below(chance, pages);
		return true;
	}
}

static void
write_file(const char *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);

	CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size, "%s", path);
	close(fd);
}

/* A writer refuses it, or goes on; either way without harm to those rows that are good. */
static void
open_to_write(uint64_t number)
{
	char problem[WI_STORE_PROBLEM_SIZE];
	struct wi_store *store;

	if (wi_store_open(&place.options, &store, problem) == 0)
		wi_store_close(store);
	look_at_file(path, compare, &number);
}

static void
run(uint64_t times)
{
	uint64_t found = 0, unreadable = 0, good = 0, of = 0, silent = 0;
	struct chance chance = chance_begin(1);
	char *bytes = malloc(original.size);

	for (uint64_t i = 0; i < times; i++) {
		size_t size = original.size;
		struct look look;

		memcpy(bytes, original.bytes, original.size);
		damage(&chance, bytes, &size);
		write_file(bytes, size);
		look = look_at_file(path, compare, &i);
		found += !look_is_good(&look);
		unreadable += look.unreadable;
		/* Without a finding every row is there. Only the end of a chain can be cut off unseen. */
		if (look_is_good(&look) && look.rows < ROWS) {
			silent++;
			CHECK(look.last == look.rows, "damage %llu: %llu rows of %llu", (ull)i,
			      (ull)look.rows, (ull)look.last);
		}
		if (!look.unreadable) {
			good += look.rows;
			of += ROWS;
		}
		if (i % 4 == 0)
			open_to_write(i);
	}
	printf("%llu damages: found %llu, of these %llu files that could not be opened at all; of the rest "
	       "%.1f %% of the rows were read; %llu with rows missing at the end, unseen\n", (ull)times,
	       (ull)found, (ull)unreadable, of ? 100.0 * (double)good / (double)of : 0, (ull)silent);
	free(bytes);
}

/* What a stranger made: everything that SQLite would run by itself. */
static void
run_hostile(void)
{
	static const char *const sql[] = {
		"DROP TABLE topics; CREATE VIEW topics AS SELECT 1 id, 'a' name",
		"DROP TABLE journal; CREATE VIEW journal AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL "
		"SELECT n + 1 FROM r) SELECT n seq, 1 kind, 1 time, 1 topic, 1 source, 1 sequence, NULL key,"
		" NULL trace, x'' payload, x'' hash FROM r",
		"CREATE TRIGGER t BEFORE INSERT ON journal BEGIN SELECT load_extension('x'); END",
		"CREATE VIRTUAL TABLE v USING fts5(x)",
		"ALTER TABLE journal ADD COLUMN x INTEGER GENERATED ALWAYS AS (abs(seq)) VIRTUAL",
		"CREATE INDEX i ON journal(abs(time))",
	};
	char problem[WI_STORE_PROBLEM_SIZE];
	struct wi_store *store;

	for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
		sqlite3 *database;
		struct look look;

		write_file(original.bytes, original.size);
		CHECK(sqlite3_open(path, &database) == SQLITE_OK, "%s", path);
		CHECK(sqlite3_exec(database, sql[i], NULL, NULL, NULL) == SQLITE_OK, "%s: %s", sql[i],
		      sqlite3_errmsg(database));
		sqlite3_close(database);
		look = look_at_file(path, NULL, NULL);
		CHECK(look.unreadable == 1, "%s: was read", sql[i]);
		CHECK(wi_store_open(&place.options, &store, problem) != 0, "%s: was opened", sql[i]);
	}
	printf("%zu hostile schemas were refused\n", sizeof sql / sizeof *sql);
}

int
main(void)
{
	const char *given = getenv("WEIR_JOURNAL_DAMAGES");
	uint64_t times = given ? strtoull(given, NULL, 10) : 300;

	support_begin("fault_journal_damage");
	alarm((unsigned)(60 + times / 50));
	support_phase("damaging");
	make_journal();
	run(times);
	run_hostile();
	script_end(&place);
	free(original.bytes);
	return 0;
}
