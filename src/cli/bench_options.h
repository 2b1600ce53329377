/* SPDX-License-Identifier: MIT */
/*
 * bench_options.h - what `weir bench` is to do, as settings with names: those of the command line,
 * of an INI file and of scenarios are the same.
 */
#ifndef WI_CLI_BENCH_OPTIONS_H
#define WI_CLI_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/weir.h>

#define WI_BENCH_MANY_BY_KEY "--many with order=key: weir_publish_many() gives no keys"
#define WI_BENCH_PATTERN         "bench.*.update"
#define WI_BENCH_DURATION_MAX_NS UINT64_C(3600000000000)

enum { WI_BENCH_SIZES_MAX = 64, WI_BENCH_PROBLEM_SIZE = 200 };

/* Subscriptions of one pattern in one pool. */
struct wi_bench_on {
	char *text;             /* what the pointers lead into */
	const char *pattern;
	const char *pool;       /* "default" too */
	uint64_t cost_ns;       /* of a call, beside the check of the event */
	bool sleeps;            /* it sleeps so long, and does not work */
	bool has_cost;
	uint64_t times;         /* how many */
};

/* Its options as --pool takes them: "wait=spin,after=a+b". */
struct wi_bench_pool_text {
	char *name, *options;
};

/* Either a list, taken in turn, or from the first to the second, each as often. */
struct wi_bench_sizes {
	uint32_t each[WI_BENCH_SIZES_MAX];
	uint32_t count;
	bool is_range;
};

struct wi_bench_options {
	const char *scenario, *summary;
	uint64_t producer_count, commit_count, topic_count, hot_percent, key_count, ring_size;
	uint64_t rate;                  /* events a second of all producers; 0: a closed loop */
	uint64_t burst;                 /* that many at once */
	uint64_t duration_ns, warmup_ns, repeat;
	uint64_t cost_ns;               /* of those in `ons` that have none of their own */
	struct wi_bench_sizes sizes;
	bool in_place, many, json, no_yardstick;
	char *producer_cpus, *cpus;     /* NULL: as fits the machine */
	char *hgrm, *hlog, *report;     /* where to write them, or NULL */
	struct wi_bench_on *ons;
	size_t on_count;
	bool ons_are_old;               /* of an earlier layer: the next one replaces them */
	struct wi_bench_pool_text *pools; /* the first is the default one */
	size_t pool_count;
	char problem[WI_BENCH_PROBLEM_SIZE];
};

/* Defaults: those of the scenario 1p1c. False: out of memory. */
bool wi_bench_options_init(struct wi_bench_options *options);
void wi_bench_options_fini(struct wi_bench_options *options);

/* What is set from here on stands over what was set before: its `on`s replace earlier ones. */
void wi_bench_options_layer(struct wi_bench_options *options);

/* NULL, or what is wrong with the value, valid until the next call: "'x' is not ...". */
const char *wi_bench_options_set(struct wi_bench_options *options, const char *name,
				 const char *value);
bool wi_bench_options_has(const char *name);

/* "PATTERN[@POOL][:cost=500ns,times=3]", "NAME[:wait=spin,...]". As above. */
const char *wi_bench_options_add_on(struct wi_bench_options *options, const char *spec);
const char *wi_bench_options_add_pool(struct wi_bench_options *options, const char *spec);

/* One more pool, or more options of one that there is. As above. */
const char *wi_bench_options_set_pool(struct wi_bench_options *options, const char *name,
				      const char *pool_options);

/* A member of the `on` that was added last: pool, cost, sleep, times. As above. */
const char *wi_bench_options_set_on(struct wi_bench_options *options, const char *name,
				    const char *value);

/* When all is set: what does not go together. As above, but a whole sentence. */
const char *wi_bench_options_check(struct wi_bench_options *options);

/* Prints into options->problem and returns it. */
const char *wi_bench_problem(struct wi_bench_options *options, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

uint32_t wi_bench_sizes_max(const struct wi_bench_sizes *sizes);
uint32_t wi_bench_sizes_min(const struct wi_bench_sizes *sizes);
/* The same for all events, or 0. */
uint32_t wi_bench_sizes_constant(const struct wi_bench_sizes *sizes);

#endif
