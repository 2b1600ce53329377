/* SPDX-License-Identifier: MIT */
/* bars_latency.c - one-way latency against the time of a cache line in the same round. */
#include "bars.h"
#include "checked.h"
#include "latency.h"
#include "stats.h"
#include "yardstick.h"

enum { EVENTS = 20000 };

static double samples[EVENTS];

/* Less the way back, which only the line time after the round can tell. */
static double
median_ns(void)
{
	struct latency *latency = latency_open();
	bool ok;

	if (!latency)
		return -1;
	ok = latency_run(latency, 0, samples, EVENTS);
	return latency_close(latency) && ok ? stats_quantile(samples, EVENTS, 0.5) : -1;
}

static bool
one_way(struct bar_run *run, const struct bar *bar)
{
	struct bar_round round = { 0 };
	double line;

	(void)bar;
	do {
		round.line_before = checked_ns(yardstick_line_ns());
		round.raw[2] = median_ns();
		round.line_after = checked_ns(yardstick_line_ns());
		if (round.raw[2] < 0)
			return false;
		line = (round.line_before + round.line_after) / 2;
		round.raw[0] = round.raw[2] - line;
		round.raw[1] = 1.5 * line + 20;
		round.value = round.raw[0] / round.raw[1];
	} while (bar_round(run, &round));
	return true;
}

const struct bar bars_latency[] = {
	{ .name = "latency", .what = "one-way latency, idle ring, p50", .limit = 1,
	  .unit = "x (1.5 line_ns + 20 ns)", .run = one_way,
	  .raw = { "p50_ns", "allowed_ns", "there_and_back_ns", NULL } },
	{ 0 },
};
