/* SPDX-License-Identifier: MIT */
/* bench_latency.c - one-way latency on an idle ring, in percentiles. */
#include "bench.h"
#include "checked.h"
#include "latency.h"
#include "stats.h"
#include "yardstick.h"

enum { EVENTS = 50000 };

static double samples[EVENTS], line_ns;

static bool
begin(struct bench_run *run)
{
	line_ns = checked_ns(yardstick_line_ns());
	run->context = latency_open();
	return run->context != NULL;
}

static bool
body(struct bench_run *run)
{
	static const struct {
		const char *name;
		double part;
	} columns[] = { { "p50_ns", 0.5 },     { "p90_ns", 0.9 },       { "p99_ns", 0.99 },
		        { "p99.9_ns", 0.999 }, { "p99.99_ns", 0.9999 }, { "max_ns", 1 } };

	if (!latency_run(run->context, line_ns, samples, EVENTS))
		return false;
	run->items = EVENTS;
	run->seconds = 0;
	for (uint32_t i = 0; i < EVENTS; i++)
		run->seconds += samples[i] / 1e9;
	run->extras[6].name = "line_ns";
	run->extras[6].value = line_ns;
	for (int i = 0; i < 6; i++) {
		run->extras[i].name = columns[i].name;
		run->extras[i].value = stats_quantile(samples, EVENTS, columns[i].part);
	}
	return true;
}

static bool
end(struct bench_run *run)
{
	return latency_close(run->context);
}

const struct bench bench_latency[] = {
	{ "latency/one_way", NULL, { 0 }, begin, body, end },
	{ 0 },
};
