/* SPDX-License-Identifier: MIT */
/*
 * bench.h - the C face of the benchmark harness.
 *
 * A benchmark is C: begin() sets up, body() runs a loop of its own and reports
 * its seconds and the items in them, end() tears down and checks. The harness
 * repeats body() until it has seen enough seconds; its own cost for an iteration,
 * as large as what is measured, falls on the whole loop and not on one event.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BENCH_EXTRAS = 8 };

struct bench_run {
	int64_t value;          /* of the parameter; 0 if there is none */
	void *context;          /* begin()'s */
	double seconds;         /* of the last body() */
	uint64_t items;
	struct {
		const char *name;
		double value;
	} extras[BENCH_EXTRAS]; /* more columns of the report, of the last body() */
};

struct bench {
	const char *name;       /* "publish/copy"; NULL ends a list */
	const char *parameter;  /* NULL: none, runs once with value 0 */
	int64_t values[8];      /* of the parameter, ends at the first 0 */
	bool (*begin)(struct bench_run *run);
	bool (*body)(struct bench_run *run);
	bool (*end)(struct bench_run *run);     /* also after a body() that failed */
};

/* One list for each bench_*.c. */
extern const struct bench bench_publish[], bench_dispatch[], bench_fanout[], bench_route[],
	bench_subscribe[], bench_park[], bench_latency[];

#ifdef __cplusplus
}
#endif
#endif
