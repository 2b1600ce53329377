/* SPDX-License-Identifier: MIT */
/* tune_load.c - see tune_load.h. What the file holds may be anything; nothing of it is a name here. */
#include "tune_load.h"

#include "bench_options.h"
#include "command.h"
#include "quantity.h"
#include "stopwatch.h"
#include "tune_ini.h"
#include "watch.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

enum {
	HEADER = 16,                    /* of a record, which is also rounded up to this */
	SIZE_LEAST = 8,                 /* the load's events carry their moment */
	SIZE_MOST = 1 << 20,
	RING_DEFAULT = 256 << 10,
	PRODUCERS_MOST = 1000,
	PARTS = 16,                     /* topics, where somebody gets only some of them */
	TOPICS_MOST = 1 << 20,
	ONS_MOST = 256,
	PLACES = 16                     /* of pools in a ring */
};

#define CLOCK_NS 20             /* of a measured call is the reading of the clock */
#define COST_LEAST_NS 50        /* the load's own handler takes about so long */
#define COST_MOST_NS WI_STOPWATCH_S
#define RATE_MOST 1e9
#define WHOLE 0.95              /* who gets that share of the events gets all */

struct load {
	double rate, size;              /* events a second; mean payload */
	uint64_t producers, topics;
};

/* -- who publishes ---------------------------------------------------------- */

/* NAN and nonsense is nothing. */
static double
positive(double value)
{
	return value > 0 && value < RATE_MOST * 1e6 ? value : 0;
}

static void
count_producers(struct load *load, const struct wi_snapshot *now)
{
	double bytes = 0;

	for (uint32_t i = 0; i < now->ring_count; i++) {
		const struct wi_shown_ring *ring = &now->rings[i];

		if (positive(ring->committed) == 0)
			continue;
		load->producers += load->producers < PRODUCERS_MOST;
		load->rate += positive(ring->committed);
		bytes += positive(ring->bytes);
	}
	load->rate = load->rate < RATE_MOST ? load->rate : RATE_MOST;
	if (load->rate > 0)
		load->size = bytes / load->rate - HEADER;
	load->size = load->size > SIZE_LEAST ? load->size : SIZE_LEAST;
	load->size = load->size < SIZE_MOST ? load->size : SIZE_MOST;
}

/* Only where the events need a larger one than the default: otherwise it is what is looked for. */
static void
write_ring(const struct load *load, FILE *stream)
{
	uint64_t size = RING_DEFAULT;

	while ((double)size < 16 * load->size)
		size *= 2;
	if (4 * load->size > RING_DEFAULT)
		fprintf(stream, "\n[bus]\nring-size = %" PRIu64 "\n", size);
}

/* -- who handles ------------------------------------------------------------ */

static const weir_counters_times *
find_times(const struct wi_look *look, uint64_t subscription)
{
	for (uint32_t i = 0; i < look->header.section[WEIR_COUNTERS_TIMES].count; i++)
		if (look->times[i].kind == WEIR_COUNTERS_HANDLING &&
		    look->times[i].subscription == subscription)
			return &look->times[i];
	return NULL;
}

static uint64_t
sum_counts(const weir_counters_times *times)
{
	uint64_t sum = 0;

	for (int i = 0; times != NULL && i < WEIR_COUNTERS_BUCKET_COUNT; i++)
		sum += times->count[i];
	return sum;
}

/* The mean of a call since the snapshot before, or of all, if there is none since. Below 0: none. */
static double
call_ns(const struct wi_snapshot *before, const struct wi_snapshot *now, uint64_t subscription)
{
	const weir_counters_times *new = find_times(&now->look, subscription);
	const weir_counters_times *old = find_times(&before->look, subscription);
	uint64_t count = sum_counts(new), sum = new != NULL ? new->sum_ns : 0;
	uint64_t old_count = sum_counts(old), old_sum = old != NULL ? old->sum_ns : 0;

	if (count == 0)
		return -1;
	if (count > old_count && sum >= old_sum) {
		count -= old_count;
		sum -= old_sum;
	}
	return (double)sum / (double)count;
}

static double
calls(const struct wi_shown_handler *handler)
{
	return positive(handler->ok) + positive(handler->failed);
}

/* The bus's own events are not published by this load. */
static bool
counts(const struct wi_shown_handler *handler)
{
	return calls(handler) > 0 && strncmp(handler->pattern, "weir.", 5) != 0;
}

/* What a pool that skips passes over is due all the same. */
static double
share_of(const struct load *load, const struct wi_snapshot *now,
	 const struct wi_shown_handler *handler)
{
	double share = calls(handler) / load->rate;

	if (now->pools[handler->now.pool].now.behind == WEIR_BEHIND_SKIP)
		return 1;
	return share < 1 ? share : 1;
}

static void
write_on(const struct wi_snapshot *now, const struct wi_shown_handler *handler, const char *pattern,
	 double cost_ns, unsigned *number, FILE *stream)
{
	if (*number == ONS_MOST)
		return;
	fprintf(stream, "\n[on.%u]\npattern = %s\npool = %s\n", ++*number, pattern,
		now->pools[handler->now.pool].name);
	if (cost_ns >= COST_LEAST_NS)
		fprintf(stream, "cost = %.0fns\n", cost_ns);
}

/* Of 16 topics in turn it gets as many as its share of the events is. */
static void
write_handler(const struct load *load, const struct wi_snapshot *before,
	      const struct wi_snapshot *now, const struct wi_shown_handler *handler,
	      unsigned *number, FILE *stream)
{
	double share = share_of(load, now, handler);
	double cost_ns = fmin(call_ns(before, now, handler->now.id) - CLOCK_NS, COST_MOST_NS);
	unsigned parts = (unsigned)(share * PARTS + 0.5);
	char pattern[32];

	fprintf(stream, "\n; %.3g calls/s%s\n", calls(handler),
		call_ns(before, now, handler->now.id) < 0
			? "; no times are shown, so the call's cost is taken as 0" : "");
	if (share >= WHOLE) {
		write_on(now, handler, WI_BENCH_PATTERN, cost_ns, number, stream);
		return;
	}
	for (unsigned i = 0; i < parts || i == 0; i++) {
		snprintf(pattern, sizeof(pattern), "bench.t%03u.update", i);
		write_on(now, handler, pattern, cost_ns, number, stream);
	}
}

/* -- all -------------------------------------------------------------------- */

static void
count_topics(struct load *load, const struct wi_snapshot *now)
{
	load->topics = now->look.header.topic_count;
	load->topics = load->topics < 1 ? 1 : load->topics;
	load->topics = load->topics < TOPICS_MOST ? load->topics : TOPICS_MOST;
	for (uint32_t i = 0; i < now->handler_count; i++)
		if (counts(&now->handlers[i]) && share_of(load, now, &now->handlers[i]) < WHOLE)
			load->topics = PARTS;
}

/* How its pools go together is promised to somebody; how they wait is ours to vary. */
static void
write_pool(const struct wi_snapshot *now, uint32_t index, FILE *stream)
{
	const struct wi_shown_pool *pool = &now->pools[index];
	uint32_t after = pool->now.after;

	fprintf(stream, "\n[pool.%s]\norder = %s\nbehind = %s\n", pool->name,
		pool->now.order == WEIR_ORDER_KEY ? "key" : "producer",
		pool->now.behind == WEIR_BEHIND_SKIP ? "skip" : "hold");
	for (uint32_t i = 0, first = 1; i < index; i++)
		if (after >> i & 1) {
			fprintf(stream, "%s%s", first ? "after = " : ", ", now->pools[i].name);
			first = 0;
		}
	if (after != 0)
		fputc('\n', stream);
}

static const char *
check(const struct load *load, const struct wi_snapshot *now)
{
	uint32_t handlers = 0;

	if (load->producers == 0 || load->rate < 1)
		return "nothing was published in the second that it was watched";
	for (uint32_t i = 0; i < now->handler_count; i++)
		if (counts(&now->handlers[i])) {
			handlers++;
			if (now->handlers[i].now.pool >= now->pool_count)
				return "damaged: a handler is in no pool";
		}
	if (handlers == 0)
		return "no handler was called in the second that it was watched";
	if (now->pool_count > PLACES)
		return "damaged: it has more pools than a ring has places";
	if (now->pool_count == 0 || strcmp(now->pools[0].name, "default") != 0)
		return "its first pool is not called default, as it is in a load";
	for (uint32_t i = 0; i < now->pool_count; i++) {
		if (!wi_tune_is_name(now->pools[i].name))
			return "a pool has a name that no INI file can have";
		if (now->pools[i].now.after >> i != 0)
			return "a pool is after one that was opened later";
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(now->pools[i].name, now->pools[k].name) == 0)
				return "damaged: two pools have the same name";
	}
	return NULL;
}

char *
wi_tune_load_make(const struct wi_snapshot *before, const struct wi_snapshot *now,
		  const char **ret_problem)
{
	struct load load = {.rate = 0};
	char *text = NULL;
	unsigned number = 0;
	size_t size;
	FILE *stream;

	count_producers(&load, now);
	*ret_problem = check(&load, now);
	if (*ret_problem != NULL)
		return NULL;
	count_topics(&load, now);
	stream = open_memstream(&text, &size);
	if (stream == NULL) {
		*ret_problem = "out of memory";
		return NULL;
	}
	fprintf(stream, "; what process %" PRIu32 " (%s) did\n[load]\nproducers = %" PRIu64 "\n",
		now->look.header.pid, now->name, load.producers);
	fprintf(stream, "rate = %.0f\nsize = %.0f\ntopics = %" PRIu64 "\n", load.rate, load.size,
		load.topics);
	write_ring(&load, stream);
	for (uint32_t i = 0; i < now->pool_count; i++)
		write_pool(now, i, stream);
	for (uint32_t i = 0; i < now->handler_count; i++)
		if (counts(&now->handlers[i]))
			write_handler(&load, before, now, &now->handlers[i], &number, stream);
	if (fclose(stream) == 0)
		return text;
	free(text);
	*ret_problem = "out of memory";
	return NULL;
}

/* One that is stopped has nothing to show. */
static int
judge(const struct wi_watch *watch, const struct wi_snapshot *snapshot)
{
	int code = wi_watch_judge(watch, snapshot);

	return code == WI_EXIT_OK && snapshot->state != WI_SNAPSHOT_ALIVE ? WI_EXIT_UNAVAILABLE
									   : code;
}

static int
watch_for_a_second(const struct wi_watch *watch, const struct wi_snapshot *before, char **ret_text)
{
	struct wi_snapshot *now;
	const char *problem;
	int code = judge(watch, before);

	if (code != WI_EXIT_OK)
		return code;
	wi_watch_wait(watch, before, WI_STOPWATCH_S);
	code = wi_watch_look(watch, before, &now);
	if (code != WI_EXIT_OK)
		return code;
	code = judge(watch, now);
	if (code == WI_EXIT_OK) {
		*ret_text = wi_tune_load_make(before, now, &problem);
		if (*ret_text == NULL) {
			wi_watch_complain(watch, "%s: %s", watch->path, problem);
			code = strncmp(problem, "damaged", 7) == 0 ? WI_EXIT_DATA
								    : WI_EXIT_UNAVAILABLE;
		}
	}
	wi_snapshot_free(now);
	return code;
}

int
wi_tune_load_derive(const char *program, const char *from, char **ret_text)
{
	struct wi_watch watch = {.program = program, .fd = -1};
	struct wi_snapshot *before;
	int code;

	*ret_text = NULL;
	if (!wi_quantity_count(from, 1, INT32_MAX, &watch.pid))
		watch.file = from;
	code = wi_watch_open(&watch);
	if (code == WI_EXIT_OK)
		code = wi_watch_look(&watch, NULL, &before);
	if (code == WI_EXIT_OK) {
		code = watch_for_a_second(&watch, before, ret_text);
		wi_snapshot_free(before);
	}
	wi_watch_close(&watch);
	return code;
}
