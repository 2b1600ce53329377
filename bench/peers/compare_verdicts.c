/* SPDX-License-Identifier: MIT */
/* compare_verdicts.c - see compare_verdicts.h. */
#include "compare_verdicts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What is compared. All but the last: the peer's figure by weir's, so more is better. */
enum measure { SPEED, P50_BELOW, P99_BELOW, P50_NEAR };

struct bar {
	const char *what;
	const char *peer;               /* one, or all of these kinds */
	const char *kinds[2];
	enum class class;
	const char *scenario;
	int batch;
	enum measure measure;
	double limit;
};

static const struct bar bars[VERDICTS] = {
	{ "LMAX Disruptor, 1p1c", "disruptor", { 0 }, CLASS_SINGLE, "1p1c", 1, SPEED, 1.5 },
	{ "LMAX Disruptor, 1p3c", "disruptor", { 0 }, CLASS_SINGLE, "1p3c", 1, SPEED, 1.5 },
	{ "LMAX Disruptor, pipeline", "disruptor", { 0 }, CLASS_SINGLE, "pipeline", 1, SPEED, 1.5 },
	{ "LMAX Disruptor, diamond", "disruptor", { 0 }, CLASS_SINGLE, "diamond", 1, SPEED, 1.5 },
	{ "LMAX Disruptor, 3p1c", "disruptor", { 0 }, CLASS_SINGLE, "3p1c", 1, SPEED, 5 },
	{ "best bare queue, 1p1c", NULL, { "bare" }, CLASS_SINGLE, "1p1c", 1, SPEED, 1.5 },
	{ "ZeroMQ inproc, 1p1c", "zeromq", { 0 }, CLASS_SINGLE, "1p1c", 1, SPEED, 20 },
	{ "nng inproc, 1p1c", "nng", { 0 }, CLASS_SINGLE, "1p1c", 1, SPEED, 20 },
	{ "GLib's GAsyncQueue, 1p1c", "glib", { 0 }, CLASS_SINGLE, "1p1c", 1, SPEED, 10 },
	{ "libuv's async, 1p1c", "libuv", { 0 }, CLASS_SINGLE, "1p1c", 1, SPEED, 10 },
	{ "mutex and condition, 1p1c", "mutex-cond", { 0 }, CLASS_SINGLE, "1p1c", 1, SPEED, 10 },
	{ "all that route or wake, p50", NULL, { "routed", "waking" }, CLASS_OPEN, "1p1c", 1,
	  P50_BELOW, 1 },
	{ "all that route or wake, p99", NULL, { "routed", "waking" }, CLASS_OPEN, "1p1c", 1,
	  P99_BELOW, 1 },
	{ "bare queues, p50", NULL, { "bare" }, CLASS_OPEN, "1p1c", 1, P50_NEAR, 1.15 },
	{ "LMAX Disruptor, 1p1c, 16 a commit", "disruptor", { 0 }, CLASS_BATCHED, "1p1c", 16,
	  SPEED, 1 },
	{ "LMAX Disruptor, 1p1c, 256 a commit", "disruptor", { 0 }, CLASS_BATCHED, "1p1c", 256,
	  SPEED, 1 },
	{ "best bare queue, 1p1c, 16 a commit", NULL, { "bare" }, CLASS_BATCHED, "1p1c", 16, SPEED,
	  1 },
	{ "best bare queue, 1p1c, 256 a commit", NULL, { "bare" }, CLASS_BATCHED, "1p1c", 256,
	  SPEED, 1 },
};

/* In this order of enum verdict's values. */
const char *const verdict_names[] = { "met", "MISSED", "not measured" };

static const char *const units[] = {
	[SPEED] = "x its events/s",
	[P50_BELOW] = "x weir's p50",
	[P99_BELOW] = "x weir's p99",
	[P50_NEAR] = "x its p50, or +15 ns",
};

#define NEAR_NS 15

static bool
is_about(const struct bar *bar, const struct peer *peer)
{
	if (bar->peer)
		return !strcmp(bar->peer, peer->name);
	for (size_t k = 0; k < 2; k++)
		if (bar->kinds[k] && peer_is(peer, bar->kinds[k]))
			return true;
	return false;
}

static struct spread
reached(const struct bar *bar, const struct entry *entry)
{
	struct spread inverse = entry->p50_ratio;

	switch (bar->measure) {
	case SPEED: return entry->ns_ratio;
	case P50_BELOW: return entry->p50_ratio;
	case P99_BELOW: return entry->p99_ratio;
	default: break;
	}
	return (struct spread){
		.median = 1 / inverse.median,
		.quartiles = { 1 / inverse.quartiles[1], 1 / inverse.quartiles[0] },
		.count = inverse.count,
	};
}

/* How far this side of the bar: met from 1 on (above it, where equal is not enough). */
static double
margin(const struct bar *bar, const struct entry *entry)
{
	double ratio = reached(bar, entry).median;

	if (bar->measure != P50_NEAR)
		return ratio / bar->limit;
	if (entry->p50_more.median <= NEAR_NS)
		return fmax(1, bar->limit / ratio);
	return bar->limit / ratio;
}

static void
describe(const struct bar *bar, struct verdict *verdict)
{
	*verdict = (struct verdict){
		.what = bar->what,
		.unit = units[bar->measure],
		.limit = bar->limit,
		.at_least = bar->measure != P50_NEAR,
		.of_many = !bar->peer,
		.above = bar->measure == P50_BELOW || bar->measure == P99_BELOW,
		.verdict = VERDICT_NONE,
	};
}

static void
name_unmeasured(struct verdict *verdict, const struct peer *peer)
{
	size_t used = strlen(verdict->unmeasured);

	snprintf(verdict->unmeasured + used, sizeof verdict->unmeasured - used, "%s%s",
	         used ? ", " : "", peer->name);
}

static void
reach(const struct comparison *comparison, const struct bar *bar, struct verdict *verdict)
{
	int cell = cell_find(bar->class, bar->scenario, 48, bar->batch);
	double least = INFINITY;

	for (int p = 1; p < PEERS; p++) {
		const struct entry *entry;

		if (!is_about(bar, &peers[p]) ||
		    (peers[p].state == PEER_THERE && !peer_claims(&peers[p], &cells[cell])))
			continue;
		entry = compare_entry(comparison, &peers[p], cell);
		if (!entry || !entry->kept || entry->failed) {
			name_unmeasured(verdict, &peers[p]);
			continue;
		}
		if (margin(bar, entry) >= least)
			continue;
		least = margin(bar, entry);
		verdict->nearest = entry;
		verdict->reached = reached(bar, entry);
	}
	if (verdict->nearest)
		verdict->verdict = (verdict->above ? least > 1 : least >= 1) ? VERDICT_MET
		                                                             : VERDICT_MISSED;
}

void
verdicts_reach(const struct comparison *comparison, struct verdict verdicts[VERDICTS])
{
	verdicts_list(verdicts);
	for (int i = 0; i < VERDICTS; i++)
		reach(comparison, &bars[i], &verdicts[i]);
}

void
verdicts_list(struct verdict verdicts[VERDICTS])
{
	for (int i = 0; i < VERDICTS; i++)
		describe(&bars[i], &verdicts[i]);
}
