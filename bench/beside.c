/* SPDX-License-Identifier: MIT */
/* beside.c - see beside.h. */
#include "beside.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "checked.h"
#include "plugin/plugins.h"

#define PATIENCE (20 * 1000000000ull)
#define SLEEP_NS 1000000

/* -- plugins ---------------------------------------------------------------- */

static bool
open_plugins(struct beside *beside)
{
	struct wi_plugins_options options = { .bus = beside->rig->bus };

	return !rig_failed(wi_plugins_open(&options, &beside->plugins), "wi_plugins_open");
}

bool
beside_plugin(struct beside *beside, const char *name, const char *pattern, int count,
              uint64_t *sum)
{
	char handler[32], context[32], many[16], problem[WI_PLUGIN_PROBLEM_SIZE] = "";
	const struct wi_setting settings[] = {
		{ "handler", handler }, { "context", context }, { "pattern", pattern },
		{ "count", many },
	};
	const struct wi_plugin_config config = {
		.name = name, .file = WEIR_BESIDE_PLUGIN, .pool = beside->pool,
		.settings = settings, .setting_count = sizeof settings / sizeof *settings,
	};
	bool ok;

	snprintf(handler, sizeof handler, "%p", (void *)rig_sum);
	snprintf(context, sizeof context, "%p", (void *)sum);
	snprintf(many, sizeof many, "%d", count);
	checked_unpin();
	ok = (beside->plugins || open_plugins(beside)) &&
	     wi_plugins_load(beside->plugins, &config, problem) == WEIR_OK &&
	     wi_plugins_enable(beside->plugins, name, problem) == WEIR_OK;
	checked_pin(machine_producer_cpu());
	if (*problem)
		fprintf(stderr, "%s\n", problem);
	return ok;
}

static bool
open_three(struct beside *beside)
{
	static const char *const names[BESIDE_PLUGIN_COUNT] = { "one", "two", "three" };

	for (int i = 0; i < BESIDE_PLUGIN_COUNT; i++)
		if (!beside_plugin(beside, names[i], BESIDE_TOPIC, 1, &beside->of[i].sum))
			return false;
	return true;
}

/* -- the journal ------------------------------------------------------------ */

#ifdef WEIR_JOURNAL
#include <weir/journal.h>

#include "journal_file.h"

static bool
open_journal(struct beside *beside)
{
	static const char *const topics[] = { BESIDE_TOPIC };
	weir_journal_options options = WEIR_JOURNAL_OPTIONS_INIT;
	char path[JOURNAL_FILE_SIZE];
	weir_status status;

	journal_file_path(path, "beside");
	journal_file_remove(path);
	options.path = path;
	options.pool = beside->pool;
	options.topics = topics;
	options.topic_count = 1;
	checked_unpin();
	status = weir_journal_open(beside->rig->bus, &options, &beside->journal);
	checked_pin(machine_producer_cpu());
	return !rig_failed(status, "weir_journal_open");
}

static bool
recorded(const struct beside *beside, uint64_t rows)
{
	weir_journal_counts counts = WEIR_JOURNAL_COUNTS_INIT;
	weir_pool_counts pool = WEIR_POOL_COUNTS_INIT;

	if (rig_failed(weir_journal_get_counts(beside->journal, &counts), "the journal's counts") ||
	    rig_failed(weir_pool_get_counts(beside->pool, &pool), "the pool's counts"))
		return false;
	if (!counts.dropped &&
	    (counts.events == rows || (pool.skipped_behind && counts.events < rows)))
		return true;
	fprintf(stderr, "of %" PRIu64 " recorded %" PRIu64 ", dropped %" PRIu64 "\n", rows,
	        counts.events, counts.dropped);
	return false;
}

static bool
close_journal(struct beside *beside, uint64_t rows)
{
	char path[JOURNAL_FILE_SIZE];
	bool ok = recorded(beside, rows);

	if (rig_failed(weir_journal_close(beside->journal, PATIENCE), "weir_journal_close"))
		ok = false;
	journal_file_path(path, "beside");
	journal_file_remove(path);
	return ok;
}

static bool
holds(const struct beside *beside)
{
	weir_journal_counts counts = WEIR_JOURNAL_COUNTS_INIT;

	return weir_journal_get_counts(beside->journal, &counts) == WEIR_OK && counts.holding_since;
}
#else
static bool
open_journal(struct beside *beside)
{
	(void)beside;
	fprintf(stderr, "built without the journal\n");
	return false;
}

static bool
close_journal(struct beside *beside, uint64_t rows)
{
	(void)beside;
	(void)rows;
	return false;
}

static bool
holds(const struct beside *beside)
{
	(void)beside;
	return false;
}
#endif

/* As on a full disk, writes fail; SQLite is told EFBIG for ENOSPC. */
static bool
let_files_grow(bool grow)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	if (getrlimit(RLIMIT_FSIZE, &limit))
		return false;
	limit.rlim_cur = grow ? limit.rlim_max : 1;
	return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

bool
beside_fill_disk(struct beside *beside)
{
	uint64_t end = machine_ns() + PATIENCE, word = 0;

	if (!let_files_grow(false) ||
	    rig_failed(weir_publish(beside->rig->producer, beside->topic, &word, sizeof word),
	               "weir_publish"))
		return false;
	while (!holds(beside) && machine_ns() < end)
		machine_sleep_ns(100000);
	return holds(beside);
}

bool
beside_free_disk(struct beside *beside)
{
	return holds(beside) && let_files_grow(true);
}

/* -- both ------------------------------------------------------------------- */

static void
note_clock(void *context, uint32_t dispatcher)
{
	struct beside *beside = context;

	(void)dispatcher;
	pthread_getcpuclockid(pthread_self(), &beside->clock);
}

bool
beside_open(struct beside *beside, struct rig *rig, enum beside_what what, weir_behind behind)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_status status;

	*beside = (struct beside){ .rig = rig };
	if (rig_failed(weir_topic_open(rig->bus, BESIDE_TOPIC, &beside->topic), "weir_topic_open"))
		return false;
	if (what == BESIDE_NOTHING)
		return true;
	options.name = "beside";
	options.behind = behind;
	options.wait = WEIR_WAIT_POLL;
	options.sleep_ns = SLEEP_NS;
	options.thread_begin = note_clock;
	options.thread_context = beside;
	checked_unpin();
	status = weir_pool_open(rig->bus, &options, &beside->pool);
	checked_pin(machine_producer_cpu());
	if (rig_failed(status, "weir_pool_open"))
		return false;
	return what == BESIDE_JOURNAL ? open_journal(beside) : open_three(beside);
}

bool
beside_close(struct beside *beside, uint64_t rows)
{
	bool ok = !rig_failed(weir_bus_flush(beside->rig->bus, PATIENCE), "weir_bus_flush");

	if (beside->journal && !close_journal(beside, rows))
		ok = false;
	if (beside->plugins &&
	    rig_failed(wi_plugins_close(beside->plugins, PATIENCE), "wi_plugins_close"))
		ok = false;
	return ok;
}
