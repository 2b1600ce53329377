/* SPDX-License-Identifier: MIT */
/* beside.h - what the bars put beside a rig's pool: a journal or plugins, in one of their own. */
#ifndef BENCH_BESIDE_H
#define BENCH_BESIDE_H

#include <time.h>

#include "rig.h"

enum beside_what { BESIDE_NOTHING, BESIDE_JOURNAL, BESIDE_PLUGINS };

/* What goes to it, which is a part of the load. */
#define BESIDE_TOPIC "bench.rows.update"
enum { BESIDE_PLUGIN_COUNT = 3 };

struct beside {
	struct {
		_Alignas(MACHINE_LINE) uint64_t sum;
	} of[BESIDE_PLUGIN_COUNT];      /* what each plugin's handler added */
	_Alignas(MACHINE_LINE) struct rig *rig;
	weir_topic topic;               /* BESIDE_TOPIC */
	weir_pool *pool;
	clockid_t clock;                /* the processor time of the pool's thread */
	struct wi_plugins *plugins;
	struct weir_journal *journal;
};

/*
 * The journal is `batched` and holds on errors. Its pool sleeps 1 ms where it finds nothing: one that
 * parks is woken for each event, and commits of two rows take four times the processor time.
 * False after a message. What was opened is closed by beside_close() in any case.
 */
bool beside_open(struct beside *beside, struct rig *rig, enum beside_what what, weir_behind behind);

/*
 * No file of this process can grow from now on, until it is freed. Publishes a row (its first word
 * 0), at which the journal holds on return.
 */
bool beside_fill_disk(struct beside *beside);
bool beside_free_disk(struct beside *beside);

/* Waits for all that was published: the journal has recorded `rows` (less if its pool skips). */
bool beside_close(struct beside *beside, uint64_t rows);

/* One plugin with so many subscriptions of rig_sum() to `pattern`, adding to *sum. */
bool beside_plugin(struct beside *beside, const char *name, const char *pattern, int count,
                   uint64_t *sum);

#endif
