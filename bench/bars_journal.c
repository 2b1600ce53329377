/* SPDX-License-Identifier: MIT */
/*
 * bars_journal.c - rows that the journal keeps, through a bus, and what bare SQLite does in the same round.
 *
 * The bar is so many a second, or, where the disk does not give that, at most 1.3 times the time of the
 * bare loop with the same batches: the value is how much of the nearer of the two is reached.
 */
#include "bars.h"

#ifdef WEIR_JOURNAL
#include <weir/journal.h>

#include "checked.h"
#include "journal_bare.h"
#include "journal_file.h"
#include "machine.h"

enum { SIZE = 100 };

struct task {
	weir_journal_durability durability;
	uint32_t batch;                 /* of the pool, 0: its own */
	uint32_t ring_size;             /* where all rows fit, nothing but the journal runs */
	uint64_t rows;
	double per_s;                   /* rows a second that are enough */
};

static const struct task tasks[] = {
	{ WEIR_JOURNAL_BATCHED, 0, 0, 500000, 250000 },
	{ WEIR_JOURNAL_COMMIT, 1, 4 << 20, 10000, 5000 },
};

static bool
publish(weir_bus *bus, uint64_t rows)
{
	char payload[SIZE] = "";
	weir_producer *producer;
	weir_topic topic;

	if (weir_topic_open(bus, "order.after.create", &topic) != WEIR_OK ||
	    weir_producer_open(bus, NULL, &producer) != WEIR_OK)
		return false;
	for (uint64_t i = 0; i < rows; i++)
		if (weir_publish_wait(producer, topic, NULL, payload, SIZE, WEIR_FOREVER) != WEIR_OK)
			return false;
	weir_producer_close(producer);
	return weir_bus_flush(bus, WEIR_FOREVER) == WEIR_OK;
}

/* Nanoseconds until all rows are recorded; *ret_batch: how many a commit had. Below 0: failed. */
static double
journal_ns(const struct task *task, const char *path, uint64_t rows, uint64_t *ret_batch)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT;
	weir_journal_options journal_options = WEIR_JOURNAL_OPTIONS_INIT;
	weir_journal_counts counts = WEIR_JOURNAL_COUNTS_INIT;
	weir_bus_counts bus_counts = WEIR_BUS_COUNTS_INIT;
	weir_journal *journal = NULL;
	weir_bus *bus;
	uint64_t start;
	bool ok;
	double ns;

	options.stats_dir = "";
	options.ring_size = task->ring_size;
	pool_options.batch_count_max = task->batch;
	if (weir_bus_open(&options, &pool_options, &bus) != WEIR_OK)
		return -1;
	journal_options.path = path;
	journal_options.durability = task->durability;
	journal_file_remove(path);
	ok = weir_journal_open(bus, &journal_options, &journal) == WEIR_OK;
	start = machine_ns();
	ok = ok && publish(bus, rows);
	ns = (double)(machine_ns() - start);
	ok = ok && weir_journal_get_counts(journal, &counts) == WEIR_OK && counts.events == rows &&
	     weir_bus_get_counts(bus, &bus_counts, NULL, NULL, NULL) == WEIR_OK && !bus_counts.lost;
	if (journal && weir_journal_close(journal, WEIR_FOREVER) != WEIR_OK)
		ok = false;
	weir_bus_close(bus, WEIR_FOREVER, NULL);
	journal_file_remove(path);
	*ret_batch = counts.commits ? (rows + counts.commits - 1) / counts.commits : 1;
	return ok ? ns : -1;
}

static bool
run(struct bar_run *run, const struct bar *bar)
{
	const struct task *task = &tasks[bar->parameter];
	const char *synchronous = task->durability == WEIR_JOURNAL_COMMIT ? "FULL" : "NORMAL";
	uint64_t rows = bar_quick(run) ? task->rows / 4 : task->rows, batch;
	char path[JOURNAL_FILE_SIZE], bare[JOURNAL_FILE_SIZE];
	struct bar_round round = { 0 };
	double by_rate, by_loop;

	journal_file_path(path, "bars");
	journal_file_path(bare, "bare");
	do {
		double weir = journal_ns(task, path, rows, &batch);
		double loop = weir > 0 ? journal_bare_ns(bare, synchronous, rows, batch, SIZE) : -1;

		if (weir <= 0 || loop <= 0)
			return false;
		round.raw[0] = (double)rows * 1e9 / weir;
		round.raw[1] = (double)rows * 1e9 / loop;
		round.raw[2] = (double)batch;
		by_rate = round.raw[0] / task->per_s;
		by_loop = 1.3 * loop / weir;
		round.value = by_rate > by_loop ? by_rate : by_loop;
		bar_note(run, "%.0f rows/s in commits of %.0f; bare SQLite %.0f", round.raw[0],
		         round.raw[2], round.raw[1]);
	} while (bar_round(run, &round));
	return true;
}

#define RAW { "rows_per_s", "bare_rows_per_s", "rows_per_commit", NULL }

const struct bar bars_journal[] = {
	{ .name = "journal-batched", .what = "250,000 rows/s, or 1.3 x bare SQLite's time",
	  .unit = "of that", .limit = 1, .at_least = true, .run = run, .parameter = 0, .raw = RAW },
	{ .name = "journal-commit", .what = "5,000 commits/s to disk, or 1.3 x bare SQLite's",
	  .unit = "of that", .limit = 1, .at_least = true, .run = run, .parameter = 1, .raw = RAW },
	{ 0 },
};
#else
const struct bar bars_journal[] = { { 0 } };
#endif
