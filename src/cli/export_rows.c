/* SPDX-License-Identifier: MIT */
/* export_rows.c - see export_rows.h. */
#include "export_rows.h"

#include "watch/clean.h"

#include <inttypes.h>
#include <math.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

enum { POOLS_MAX = 64 };

_Static_assert(sizeof(((struct wi_export_row *)0)->of) == WI_EXPORT_VALUE_COUNT * sizeof(uint64_t),
	       "all fields are added");

/* Which row an entry of a section is in; handlers are asked for by id. */
struct place {
	uint64_t id;
	struct wi_export_row *row;
};

struct making {
	struct wi_export_rows *rows;
	const struct wi_look *look;
	struct wi_export_row **pools, **producers;      /* by their index in the file */
	struct place *handlers;                         /* by id, sorted */
};

/* -- tables ------------------------------------------------------------------ */

static int
compare_rows(const void *a, const void *b)
{
	const struct wi_export_row *first = a, *second = b;
	int order = strcmp(first->pool, second->pool);

	if (order == 0)
		order = strcmp(first->handler, second->handler);
	return order != 0 ? order : strcmp(first->producer, second->producer);
}

static struct wi_export_row *
append(struct wi_export_table *table, const struct wi_export_row *labels)
{
	struct wi_export_row **each, *row;

	if ((table->count & (table->count - 1)) == 0) {
		each = realloc(table->each, (table->count ? table->count * 2u : 1u) * sizeof(*each));
		if (each == NULL)
			return NULL;
		table->each = each;
	}
	row = calloc(1, sizeof(*row));
	if (row == NULL)
		return NULL;
	memcpy(row->pool, labels->pool, sizeof(row->pool));
	memcpy(row->handler, labels->handler, sizeof(row->handler));
	memcpy(row->producer, labels->producer, sizeof(row->producer));
	if (tsearch(row, &table->tree, compare_rows) == NULL) {
		free(row);
		return NULL;
	}
	table->each[table->count++] = row;
	return row;
}

static struct wi_export_row *
find_row(struct wi_export_table *table, const struct wi_export_row *labels)
{
	struct wi_export_row **found = tfind(labels, &table->tree, compare_rows);

	return found != NULL ? *found : NULL;
}

static void
name_others(const struct wi_export_row *labels, struct wi_export_row *others)
{
	if (labels->pool[0] != '\0')
		strcpy(others->pool, WI_EXPORT_OTHERS);
	if (labels->handler[0] != '\0')
		strcpy(others->handler, WI_EXPORT_OTHERS);
	if (labels->producer[0] != '\0')
		strcpy(others->producer, WI_EXPORT_OTHERS);
}

/* The row of these labels, or of the others when there are enough. NULL: no memory. */
static struct wi_export_row *
get_row(struct wi_export_table *table, const struct wi_export_row *labels)
{
	struct wi_export_row others = {.fill = 0}, *row = find_row(table, labels);

	if (row != NULL)
		return row;
	if (table->count < table->max)
		return append(table, labels);
	if (table->others == NULL) {
		name_others(labels, &others);
		/* Somebody may have that very name. */
		row = find_row(table, &others);
		table->others = row != NULL ? row : append(table, &others);
	}
	return table->others;
}

static void
add_values(struct wi_export_row *row, const struct wi_export_row *more)
{
	for (int i = 0; i < WI_EXPORT_VALUE_COUNT; i++)
		row->of.value[i] = wi_export_add(row->of.value[i], more->of.value[i]);
	row->fill = fmax(row->fill, more->fill);
	if (more->fullest > row->fullest)
		row->fullest = more->fullest;
}

static void
keep_nothing(void *row)
{
	(void)row;
}

static void
fini_table(struct wi_export_table *table)
{
	tdestroy(table->tree, keep_nothing);
	for (uint32_t i = 0; i < table->count; i++) {
		free(table->each[i]->times);
		free(table->each[i]);
	}
	free(table->each);
	*table = (struct wi_export_table){.count = 0};
}

/* -- pools ------------------------------------------------------------------- */

static bool
add_pool(struct making *making, uint32_t i)
{
	const weir_counters_pool *pool = &making->look->pools[i];
	struct wi_export_row more = {.fill = 0};

	wi_clean_name(pool->name, sizeof(pool->name), more.pool);
	if (more.pool[0] == '\0')
		snprintf(more.pool, sizeof(more.pool), "#%" PRIu32, i);
	more.of.pool = (struct wi_export_pool){
		.seen = pool->seen, .routed = pool->routed, .unrouted = pool->unrouted,
		.skipped = pool->skipped_behind, .batches = pool->batches, .parks = pool->parks,
		.wakes = pool->wakes, .late_wakes = pool->late_wakes, .steals = pool->steals,
		.stuck_calls = pool->stuck, .dispatchers = pool->dispatcher_count,
		.waiting = pool->waiting, .waiting_bytes = pool->waiting_bytes,
		.busy_ns = pool->busy_ns};
	making->pools[i] = get_row(&making->rows->pools, &more);
	if (making->pools[i] != NULL)
		add_values(making->pools[i], &more);
	return making->pools[i] != NULL;
}

static struct wi_export_row *
pool_of(const struct making *making, uint32_t index)
{
	return index < making->look->header.section[WEIR_COUNTERS_POOLS].count ? making->pools[index]
									       : NULL;
}

static void
add_dispatcher(struct making *making, const weir_counters_dispatcher *dispatcher)
{
	struct wi_export_row *row = pool_of(making, dispatcher->pool);

	if (row == NULL)
		return;
	row->of.pool.busy += dispatcher->in_batch != 0;
	row->of.pool.stuck += dispatcher->lasted_ns >= WI_SNAPSHOT_STUCK_NS;
}

/* -- handlers ---------------------------------------------------------------- */

static bool
add_handler(struct making *making, uint32_t i)
{
	const weir_counters_subscription *now = &making->look->subscriptions[i];
	const struct wi_export_row *pool = pool_of(making, now->pool);
	struct wi_export_row more = {.fill = 0};
	struct place *place = &making->handlers[i];

	strcpy(more.pool, pool != NULL ? pool->pool : "?");
	wi_clean_name(now->name, sizeof(now->name), more.handler);
	if (more.handler[0] == '\0')
		wi_clean_name(now->pattern, sizeof(now->pattern), more.handler);
	if (more.handler[0] == '\0')
		strcpy(more.handler, "?");
	more.of.handler = (struct wi_export_handler){
		.due = now->due, .calls = wi_export_add(now->ok, now->failed),
		.failed = now->failed, .running = now->running,
		.failed_batches = now->failed_batches, .quarantines = now->quarantines,
		.skipped_quarantine = now->skipped_quarantine,
		.skipped_paused = now->skipped_paused,
		.skipped_unsubscribed = now->skipped_unsubscribed,
		.subscriptions = 1, .quarantined = now->state == WEIR_SUBSCRIPTION_QUARANTINED,
		.paused = now->state == WEIR_SUBSCRIPTION_PAUSED};
	*place = (struct place){now->id, get_row(&making->rows->handlers, &more)};
	if (place->row != NULL)
		add_values(place->row, &more);
	return place->row != NULL;
}

static int
compare_places(const void *a, const void *b)
{
	const struct place *first = a, *second = b;

	return (first->id > second->id) - (first->id < second->id);
}

static struct wi_export_row *
handler_of(const struct making *making, uint64_t id)
{
	const struct place wanted = {id, NULL};
	const struct place *place =
		bsearch(&wanted, making->handlers,
			making->look->header.section[WEIR_COUNTERS_SUBSCRIPTIONS].count,
			sizeof(wanted), compare_places);

	return place != NULL ? place->row : NULL;
}

/* -- producers --------------------------------------------------------------- */

static bool
add_producer(struct making *making, uint32_t i)
{
	const weir_counters_producer *now = &making->look->producers[i];
	struct wi_export_row more = {.fullest = now->high_water};

	wi_clean_name(now->name, sizeof(now->name), more.producer);
	if (more.producer[0] == '\0')
		snprintf(more.producer, sizeof(more.producer), "#%" PRIu32, now->source);
	more.of.producer = (struct wi_export_producer){
		.committed = now->committed, .bytes = now->bytes, .discarded = now->discarded,
		.aborted = now->aborted, .full = now->refused_full, .size = now->refused_size,
		.busy = now->refused_busy, .hops = now->refused_hops,
		.closed = now->refused_closed, .invalid = now->refused_invalid, .rings = 1,
		.ring_size = now->ring_size, .in_ring = now->in_ring,
		.full_count = now->full_count, .full_ns = now->full_ns,
		.full_now = now->full_since != 0};
	if (now->ring_size > 0)
		more.fill = fmin((double)now->in_ring / now->ring_size, 1);
	making->producers[i] = get_row(&making->rows->producers, &more);
	if (making->producers[i] != NULL)
		add_values(making->producers[i], &more);
	return making->producers[i] != NULL;
}

static bool
add_blame(struct making *making, const char *producer, const weir_counters_blame *blame)
{
	const struct wi_export_row *handler = handler_of(making, blame->subscription);
	const struct wi_export_row *pool = pool_of(making, blame->pool);
	struct wi_export_row more = {.of.blame.ns = blame->ns}, *row;

	strcpy(more.producer, producer);
	strcpy(more.pool, handler != NULL ? handler->pool : pool != NULL ? pool->pool : "(closed)");
	strcpy(more.handler, handler != NULL		? handler->handler
			     : blame->subscription == 0 ? "(none)"
							: "(gone)");
	row = get_row(&making->rows->blames, &more);
	if (row != NULL)
		add_values(row, &more);
	return row != NULL;
}

/* `producer`: instead of each one's own name, or NULL. */
static bool
add_blames(struct making *making, const char *producer)
{
	const struct wi_look *look = making->look;

	for (uint32_t i = 0; i < look->header.section[WEIR_COUNTERS_PRODUCERS].count; i++)
		for (int b = 0; b < WEIR_COUNTERS_BLAME_COUNT; b++) {
			const weir_counters_blame *blame = &look->producers[i].blame[b];

			if (blame->ns > 0 &&
			    !add_blame(making, producer ? producer : making->producers[i]->producer, blame))
				return false;
		}
	return true;
}

/* Producers of one name, and the others, may blame many: then it is said of all together. */
static bool
make_blames(struct making *making, const struct wi_export_limits *limits)
{
	struct wi_export_table *blames = &making->rows->blames;

	blames->max = (uint32_t)(limits->producers + 1) * WEIR_COUNTERS_BLAME_COUNT;
	if (!add_blames(making, NULL))
		return false;
	if (blames->others == NULL)
		return true;
	fini_table(blames);
	blames->max = UINT32_MAX;      /* there are not more than handlers, and pools without one */
	return add_blames(making, "(all)");
}

/* -- times ------------------------------------------------------------------- */

static bool
add_times(struct making *making, const weir_counters_times *times)
{
	struct wi_export_row *row = times->kind == WEIR_COUNTERS_WAITING
					    ? pool_of(making, times->pool)
				    : times->kind == WEIR_COUNTERS_HANDLING
					    ? handler_of(making, times->subscription)
					    : NULL;

	if (row == NULL)
		return true;
	if (row->times == NULL && (row->times = calloc(1, sizeof(*row->times))) == NULL)
		return false;
	row->times->samples = wi_export_add(row->times->samples, times->samples);
	row->times->sum_ns = wi_export_add(row->times->sum_ns, times->sum_ns);
	for (int i = 0; i < WEIR_COUNTERS_BUCKET_COUNT; i++)
		row->times->count[i] = wi_export_add(row->times->count[i], times->count[i]);
	return true;
}

/* -- all --------------------------------------------------------------------- */

static bool
fill(struct making *making, const struct wi_export_limits *limits)
{
	const struct wi_look *look = making->look;
	const weir_counters_section *section = look->header.section;
	const uint32_t handlers = section[WEIR_COUNTERS_SUBSCRIPTIONS].count;

	for (uint32_t i = 0; i < section[WEIR_COUNTERS_POOLS].count; i++)
		if (!add_pool(making, i))
			return false;
	for (uint32_t i = 0; i < section[WEIR_COUNTERS_DISPATCHERS].count; i++)
		add_dispatcher(making, &look->dispatchers[i]);
	for (uint32_t i = 0; i < handlers; i++)
		if (!add_handler(making, i))
			return false;
	qsort(making->handlers, handlers, sizeof(*making->handlers), compare_places);
	for (uint32_t i = 0; i < section[WEIR_COUNTERS_PRODUCERS].count; i++)
		if (!add_producer(making, i))
			return false;
	for (uint32_t i = 0; i < section[WEIR_COUNTERS_TIMES].count; i++)
		if (!add_times(making, &look->times[i]))
			return false;
	return make_blames(making, limits);
}

bool
wi_export_rows_make(struct wi_export_rows *rows, const struct wi_look *look,
		    const struct wi_export_limits *limits)
{
	const weir_counters_section *section = look->header.section;
	struct making making = {.rows = rows, .look = look};
	bool good;

	*rows = (struct wi_export_rows){
		.pools.max = POOLS_MAX, .handlers.max = (uint32_t)limits->handlers,
		.producers.max = (uint32_t)limits->producers};
	making.pools = calloc(section[WEIR_COUNTERS_POOLS].count + 1u, sizeof(*making.pools));
	making.producers =
		calloc(section[WEIR_COUNTERS_PRODUCERS].count + 1u, sizeof(*making.producers));
	making.handlers =
		calloc(section[WEIR_COUNTERS_SUBSCRIPTIONS].count + 1u, sizeof(*making.handlers));
	good = making.pools != NULL && making.producers != NULL && making.handlers != NULL &&
	       fill(&making, limits);
	free(making.pools);
	free(making.producers);
	free(making.handlers);
	if (!good)
		wi_export_rows_fini(rows);
	return good;
}

void
wi_export_rows_fini(struct wi_export_rows *rows)
{
	fini_table(&rows->pools);
	fini_table(&rows->handlers);
	fini_table(&rows->producers);
	fini_table(&rows->blames);
}
