/* SPDX-License-Identifier: MIT */
/*
 * journal.h - record events in SQLite files, before those act on them who come behind.
 *
 * For a program that embeds the journal (libweir-journal.a, pkg-config weir-journal); the same comes as
 * a plugin, weir-journal.so. How it keeps its promises, the files, and how to read them:
 * docs/api/journal.md.
 *
 *   weir_pool_open(journal), weir_pool_open(work, after journal)
 *   weir_journal_open(bus, in pool journal) ... weir_journal_close(), then weir_bus_close()
 */
#ifndef WEIR_JOURNAL_H
#define WEIR_JOURNAL_H

#include <weir/weir.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_journal weir_journal;

/* What a crash of the process, and one of the machine, may cost of what was committed. */
typedef enum weir_journal_durability {
	/* Crash of the process: nothing. Of the machine: the latest commits, since the last checkpoint. */
	WEIR_JOURNAL_BATCHED = 0,
	/* Crash of the process: nothing. Of the machine: the file may be damaged beyond repair. */
	WEIR_JOURNAL_NONE,
	/* Nothing, if the storage keeps what it has confirmed: each commit waits for it. */
	WEIR_JOURNAL_COMMIT
} weir_journal_durability;

/* When rows cannot be written: disk full, input/output error, file moved away. */
typedef enum weir_journal_on_error {
	/* Tries again until it works: rings fill, producers get WEIR_EFULL, and nothing behind the
	 * journal's pool is handled unrecorded. */
	WEIR_JOURNAL_HOLD = 0,
	/* The batch has failed, the pools behind go on, and a row says later what is missing. */
	WEIR_JOURNAL_DROP
} weir_journal_on_error;

typedef struct weir_journal_options {
	size_t size;
	/*
	 * "DIR/audit.db": rows go to DIR/audit-000001.db and so on, made with mode 0600; the folder must
	 * exist. Written by one process at a time, which holds DIR/audit.db.lock.
	 */
	const char *path;
	weir_pool *pool;                /* default: the bus's default pool; better one of its own */
	weir_journal_durability durability;
	weir_journal_on_error on_error;
	const char *const *topics;      /* patterns; an event that matches several is one row */
	uint32_t topic_count;           /* 0: ">", all but the bus's own */
	uint64_t rotate_size;           /* a new file at about so many bytes; 0: never */
	uint64_t rotate_ns;             /* a new file after so long; 0: never */
	uint32_t checkpoint_pages;      /* of 4 KiB: the write-ahead log's size, about; default 4096 */
	/* Any of the bus's dispatchers or the caller; level as in syslog. NULL: nowhere. */
	void (*log)(void *context, int level, const char *id, const char *text);
	void *log_context;
} weir_journal_options;

typedef struct weir_journal_counts {
	size_t size;
	uint64_t events;                /* recorded */
	uint64_t dropped;               /* due and not recorded; rows of kind "gap" tell of them */
	uint64_t rows;                  /* events, gaps, opened, closed */
	uint64_t commits;
	uint64_t failures;              /* writes that failed, each try */
	uint64_t files;                 /* begun or gone on with */
	uint64_t commit_ns, commit_ns_max;      /* all commits together, and the longest */
	uint64_t holding_since;         /* CLOCK_REALTIME; 0: not holding */
	int32_t code;                   /* SQLite's, of the last failure while it lasts; else 0 */
} weir_journal_counts;

/*
 * weir_journal_open - record what matches, from the events committed after the return.
 *
 * Events that a replay publishes (WEIR_ATTRIBUTE_REPLAYED) are not recorded again.
 * Returns: WEIR_OK; WEIR_EINVAL (a pattern, no path); WEIR_EBUSY (another process, or this one,
 *          writes this journal); WEIR_EIO (SQLite or the system refused, or the end of the chain is
 *          damaged: the log says what); WEIR_ENOMEM; what weir_subscribe() returns.
 */
WEIR_API weir_status weir_journal_open(weir_bus *bus, const weir_journal_options *options,
                                       weir_journal **ret_journal);

/*
 * weir_journal_close - record what was committed, end the subscriptions, close the file.
 *
 * Before weir_bus_close(). What cannot be recorded until timeout_ns is given up, counted, and logged.
 * Returns: WEIR_OK; WEIR_EIO (closed, but not everything is recorded); WEIR_ETIMEDOUT (a write has
 *          not come back: call it again); WEIR_EDEADLK (in a handler); WEIR_EFORKED.
 */
WEIR_API weir_status weir_journal_close(weir_journal *journal, uint64_t timeout_ns);

/* Any thread; does not wait for a write. */
WEIR_API weir_status weir_journal_get_counts(weir_journal *journal, weir_journal_counts *ret_counts);

#define WEIR_JOURNAL_OPTIONS_INIT WEIR_INIT_(weir_journal_options)
#define WEIR_JOURNAL_COUNTS_INIT  WEIR_INIT_(weir_journal_counts)

#ifdef __cplusplus
}
#endif
#endif
