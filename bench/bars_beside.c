/* SPDX-License-Identifier: MIT */
/*
 * bars_beside.c - rows about what a journal and plugins, in a pool of their own, cost the first.
 *
 * Each round is without, with, without, each time on a bus of its own. One topic is recorded, or
 * goes to the plugins: 20,000 events a second of it, which the first pool handles like all others.
 * There is no third processor: what is beside runs wherever the kernel puts it, and takes its time
 * from the producer or from the first pool's dispatcher, which both spin.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bars.h"
#include "beside.h"
#include "checked.h"
#include "load.h"
#include "paced.h"
#include "stats.h"
#include "yardstick.h"

enum { RING = 64 << 20, PATIENCE_S = 20 };
#define SECOND 1000000000ull

struct scene {
	enum beside_what what;
	weir_behind behind;
	bool full;                      /* the journal's disk */
};

static const struct scene alone = { BESIDE_NOTHING, WEIR_BEHIND_HOLD, false };

/* What is compared, and what is told beside it. */
struct seen {
	double value, more;
};

typedef bool (*measure_fn)(const struct scene *scene, bool quick, struct seen *ret_seen);

/* -- by the clock ----------------------------------------------------------- */

enum { GAP_NS = 10000, PACED_COUNT = 30000, ROW_EVERY = 5 };

/* While the journal holds, the producer and the first pool go on until the ring is full. */
static bool
fill_ring(struct rig *rig, struct paced *paced, uint64_t *sent)
{
	uint64_t words[PACED_SIZE / 8] = { 0 };
	weir_status status = WEIR_OK;

	while (!status && *sent < RING / sizeof words) {
		status = weir_publish(rig->producer, rig->topics[1], words, sizeof words);
		*sent += !status;
	}
	if (status != WEIR_EFULL ||
	    rig_failed(weir_pool_flush(weir_bus_default_pool(rig->bus), PATIENCE_S * SECOND),
	               "weir_pool_flush"))
		return false;
	return *sent * (sizeof(weir_event) + sizeof words) > RING - RING / 8 &&
	       paced->handled == *sent;
}

static bool
send_paced(struct rig *rig, struct paced *paced, const struct scene *scene)
{
	uint64_t rows = (64 + ROW_EVERY - 1) / ROW_EVERY * (paced->count / 64), sent = paced->count;
	struct beside beside;
	bool ok = beside_open(&beside, rig, scene->what, scene->behind);

	for (int i = 0; i < 64; i += ROW_EVERY)
		rig->topics[i] = beside.topic;
	if (ok && scene->full) {
		ok = beside_fill_disk(&beside);
		rows++, sent++;
	}
	ok = ok && paced_send(rig, paced->count, GAP_NS);
	if (beside.journal && scene->full) {
		ok = ok && fill_ring(rig, paced, &sent);
		ok = beside_free_disk(&beside) && ok;
	}
	return beside_close(&beside, rows) && ok && paced->handled == sent;
}

/* p50 and p99 in nanoseconds. */
static bool
latency(const struct scene *scene, bool quick, struct seen *ret_seen)
{
	struct paced paced = { .count = (quick ? PACED_COUNT / 5 : PACED_COUNT) / 64 * 64 };
	struct rig_options options = { .handler = paced_handle, .context = &paced,
		                       .ring_size = RING };
	struct rig *rig;
	bool ok;

	paced.late = calloc(paced.count, sizeof *paced.late);
	rig = paced.late ? rig_open(&options) : NULL;
	ok = rig && send_paced(rig, &paced, scene);
	ok = rig && rig_close(rig) && ok;
	if (ok) {
		stats_sort(paced.late, paced.count);
		ret_seen->value = stats_quantile(paced.late, paced.count, 0.5);
		ret_seen->value *= machine_ns_per_tick();
		ret_seen->more = stats_quantile(paced.late, paced.count, 0.99);
		ret_seen->more *= machine_ns_per_tick();
	}
	free(paced.late);
	return ok;
}

/* -- as fast as it goes ----------------------------------------------------- */

enum { ROW_GAP_NS = 50000, CHUNK = 1000, WORK_NS = 500, WORK_RING = 16 << 20 };

/* A call that does something: else the cost is that of a second reader of the ring. */
static int
work(const weir_event *event, const weir_delivery *delivery, void *context)
{
	static uint64_t ticks;
	uint64_t begun = machine_ticks();

	if (!ticks)
		ticks = (uint64_t)(WORK_NS / machine_ns_per_tick());
	while (machine_ticks() - begun < ticks)
		;
	return rig_sum(event, delivery, context);
}

/* For ns; adds to *events, and to *rows those of them that go to what is beside. */
static bool
load_until(struct rig *rig, weir_topic topic, uint64_t ns, uint64_t *events, uint64_t *rows)
{
	const uint64_t begun = machine_ns();
	uint64_t words[PACED_SIZE / 8] = { 0 }, now = begun;

	for (uint64_t first = *rows; now - begun < ns; now = machine_ns()) {
		if (!load_run(rig, LOAD_COPY, PACED_SIZE, CHUNK))
			return false;
		*events += CHUNK;
		for (; *rows - first < (now - begun) / ROW_GAP_NS; ++*rows, ++*events)
			if (rig_failed(weir_publish_wait(rig->producer, topic, NULL, words,
			                                 sizeof words, PATIENCE_S * SECOND),
			               "weir_publish_wait"))
				return false;
	}
	return rig_settle(rig);
}

static double
used_ns(const struct beside *beside)
{
	struct timespec used;

	if (!beside->pool || clock_gettime(beside->clock, &used))
		return 0;
	return (double)used.tv_sec * 1e9 + (double)used.tv_nsec;
}

static bool
load_beside(struct rig *rig, const struct scene *scene, uint64_t ns, struct seen *ret_seen)
{
	uint64_t events = 0, rows = 0, begun;
	struct beside beside;
	double used;
	bool ok = beside_open(&beside, rig, scene->what, scene->behind);

	if (ok && scene->full)
		ok = beside_fill_disk(&beside);
	ok = ok && load_until(rig, beside.topic, ns / 10, &events, &rows);
	used = used_ns(&beside);
	begun = machine_ns();
	events = 0;
	ok = ok && load_until(rig, beside.topic, ns, &events, &rows);
	ret_seen->value = (double)events * 1e3 / (double)(machine_ns() - begun);
	ret_seen->more = (used_ns(&beside) - used) / (double)(machine_ns() - begun);
	if (beside.journal && scene->full)
		ok = beside_free_disk(&beside) && ok;
	return beside_close(&beside, rows) && ok;
}

/* Millions a second, and the processors that the pool beside used. */
static bool
rate(const struct scene *scene, bool quick, struct seen *ret_seen)
{
	struct rig_options options = { .pattern = "", .ring_size = WORK_RING };
	struct rig *rig = rig_open(&options);
	weir_subscription subscription;
	bool ok;

	if (!rig)
		return false;
	rig->sums = true;
	ok = !rig_failed(weir_subscribe(rig->bus, "bench.*.update", work, &rig->sum, NULL,
	                                &subscription),
	                 "weir_subscribe") &&
	     load_beside(rig, scene, quick ? SECOND / 10 : SECOND / 4, ret_seen);
	return rig_close(rig) && ok;
}

/* -- in turns --------------------------------------------------------------- */

enum { TRIES_MAX = 200 };

/* What the bar does not hold for: how far it was from what it was without. */
static void
note_more(struct bar_run *run, const double *more, size_t count, const char *what)
{
	double sorted[TRIES_MAX];

	for (size_t i = 0; i < count; i++)
		sorted[i] = more[i];
	stats_sort(sorted, count);
	bar_note(run, "%s %.3g [%.3g %.3g]", what, stats_quantile(sorted, count, 0.5),
	         stats_quantile(sorted, count, 0.25), stats_quantile(sorted, count, 0.75));
}

static bool
in_turns(struct bar_run *run, measure_fn measure, const struct scene *scene)
{
	struct bar_round round = { 0 };
	struct seen before, with, after;
	double more[TRIES_MAX];
	size_t count = 0;

	do {
		round.line_before = checked_ns(yardstick_line_ns());
		if (!measure(&alone, bar_quick(run), &before) ||
		    !measure(scene, bar_quick(run), &with) ||
		    !measure(&alone, bar_quick(run), &after))
			return false;
		round.line_after = checked_ns(yardstick_line_ns());
		round.raw[0] = (before.value + after.value) / 2;
		round.raw[1] = with.value;
		round.raw[2] = (before.more + after.more) / 2;
		round.raw[3] = with.more;
		round.value = round.raw[1] / round.raw[0];
		more[count++] = measure == rate ? with.more : round.raw[3] / round.raw[2];
		note_more(run, more, count, measure == rate ? "processors used beside" : "p99 x");
	} while (bar_round(run, &round) && count < TRIES_MAX);
	return true;
}

static const struct scene scenes[] = {
	{ BESIDE_JOURNAL, WEIR_BEHIND_HOLD, false },
	{ BESIDE_PLUGINS, WEIR_BEHIND_HOLD, false },
	{ BESIDE_JOURNAL, WEIR_BEHIND_HOLD, true },
	{ BESIDE_JOURNAL, WEIR_BEHIND_SKIP, true },
};

static bool
run_latency(struct bar_run *run, const struct bar *bar)
{
	return in_turns(run, latency, &scenes[bar->parameter]);
}

static bool
run_rate(struct bar_run *run, const struct bar *bar)
{
	return in_turns(run, rate, &scenes[bar->parameter]);
}

/* -- a call through the host ------------------------------------------------ */

enum { CALLS = 16 };

/* Nanoseconds for an event with so many handlers, all in the first pool. */
static double
calls_ns(bool by_plugin, uint64_t events)
{
	struct rig_options options = { .subscription_count = CALLS,
		                       .pattern = by_plugin ? "" : NULL };
	struct rig *rig = rig_open(&options);
	struct beside beside = { .rig = rig };
	double seconds = -1;
	bool ok;

	if (!rig)
		return -1;
	rig->sums = true;
	if (!by_plugin || beside_plugin(&beside, "calls", "bench.*.update", CALLS, &rig->sum))
		seconds = load_timed(rig, LOAD_COPY, PACED_SIZE, events / 10);
	if (seconds > 0)
		seconds = load_timed(rig, LOAD_COPY, PACED_SIZE, events);
	ok = beside_close(&beside, 0);
	return rig_close(rig) && ok && seconds > 0 ? seconds * 1e9 / (double)events : -1;
}

static bool
plugin_call(struct bar_run *run, const struct bar *bar)
{
	const uint64_t events = bar_quick(run) ? 100000 : 500000;
	struct bar_round round = { 0 };

	(void)bar;
	do {
		round.line_before = checked_ns(yardstick_line_ns());
		round.raw[0] = calls_ns(false, events);
		round.raw[1] = calls_ns(true, events);
		round.raw[2] = calls_ns(false, events);
		round.line_after = checked_ns(yardstick_line_ns());
		if (round.raw[0] <= 0 || round.raw[1] <= 0 || round.raw[2] <= 0)
			return false;
		round.value = (round.raw[1] - (round.raw[0] + round.raw[2]) / 2) / CALLS;
	} while (bar_round(run, &round));
	return true;
}

#define P50 .unit = "x without it", .limit = 1.1, .run = run_latency, \
	.raw = { "p50_ns", "p50_ns_with", "p99_ns", "p99_ns_with" }
#define RATE .unit = "x without it", .limit = 0.9, .at_least = true, .run = run_rate, \
	.raw = { "M/s", "M/s_with", "processors", "processors_with" }

const struct bar bars_beside[] = {
#ifdef WEIR_JOURNAL
	{ .name = "beside-journal", .what = "p50 at 100,000/s beside a journal of 20,000 rows/s",
	  P50, .parameter = 0 },
	{ .name = "beside-holding", .what = "the same while the journal's disk is full",
	  P50, .parameter = 2 },
	{ .name = "rate-journal", .what = "throughput beside a journal of 20,000 rows/s",
	  RATE, .parameter = 0 },
	{ .name = "rate-skipping", .what = "the same, its disk full, its pool may skip",
	  RATE, .parameter = 3 },
#endif
	{ .name = "beside-plugins", .what = "p50 at 100,000/s beside 3 plugins, 20,000/s",
	  P50, .parameter = 1 },
	{ .name = "rate-plugins", .what = "throughput beside 3 plugins, 20,000/s",
	  RATE, .parameter = 1 },
	{ .name = "plugin-call", .what = "a plugin's handler, more than another's",
	  .unit = "ns a call", .limit = 5, .run = plugin_call,
	  .raw = { "16_calls_ns_before", "16_by_plugin_ns", "16_calls_ns_after", NULL } },
	{ 0 },
};
