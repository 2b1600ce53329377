/* SPDX-License-Identifier: MIT */
/* bench_plan.c - see bench_plan.h. */
#include "bench_plan.h"

#include "cpu_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_DEFAULT = 1024, YARDSTICK_SIZE_MAX = 4096 };

size_t
wi_bench_plan_pool_count(const struct wi_bench_plan *plan)
{
	return 1 + plan->others.count;
}

struct wi_pool_spec *
wi_bench_plan_pool(const struct wi_bench_plan *plan, size_t index)
{
	return index == 0 ? &plan->first.each[0] : &plan->others.each[index - 1];
}

unsigned
wi_bench_plan_dispatchers(const struct wi_pool_spec *spec)
{
	return spec->dispatcher_count > 0 ? (unsigned)spec->dispatcher_count : 1;
}

static const char *
parse_pools(struct wi_bench_plan *plan, const struct wi_bench_options *options)
{
	const char *wrong = NULL;

	for (size_t i = 0; i < options->pool_count && wrong == NULL; i++) {
		char *text;

		if (asprintf(&text, "%s:%s", options->pools[i].name, options->pools[i].options) < 0)
			return "out of memory";
		wrong = wi_pools_add(i == 0 ? &plan->first : &plan->others, text);
		free(text);
	}
	return wrong;
}

/*
 * Producers on the first processors, one each as far as one is left for the dispatchers, and these
 * on the rest. A single processor is for all, and nothing is pinned.
 */
static void
fit_processors(struct wi_bench_plan *plan, const struct wi_bench_options *options)
{
	cpu_set_t all;
	int count, producers;

	sched_getaffinity(0, sizeof(all), &all);
	count = CPU_COUNT(&all);
	producers = (int)options->producer_count < count ? (int)options->producer_count : count - 1;
	plan->producers_pinned = count > 1;
	plan->producer_cpus = plan->dispatcher_cpus = all;
	for (int i = 0; count > 1 && i < count; i++)
		CPU_CLR(cpu_list_get(&all, (unsigned)i),
			i < producers ? &plan->dispatcher_cpus : &plan->producer_cpus);
	if (options->producer_cpus != NULL) {
		cpu_list_parse(options->producer_cpus, &plan->producer_cpus);
		plan->producers_pinned = strcmp(options->producer_cpus, "any") != 0;
	}
	if (options->cpus != NULL)
		cpu_list_parse(options->cpus, &plan->dispatcher_cpus);
	if (!CPU_EQUAL(&plan->dispatcher_cpus, &all))
		cpu_list_format(&plan->dispatcher_cpus, plan->dispatcher_list,
				   sizeof(plan->dispatcher_list));
}

/* Those that keep a processor busy while they wait, or are to be fitted. */
static unsigned
count_busy(const struct wi_bench_plan *plan)
{
	unsigned count = 0;

	for (size_t i = 0; i < wi_bench_plan_pool_count(plan); i++) {
		const struct wi_pool_spec *spec = wi_bench_plan_pool(plan, i);

		if (!spec->wait_given || spec->wait == WEIR_WAIT_SPIN ||
		    spec->wait == WEIR_WAIT_YIELD)
			count += wi_bench_plan_dispatchers(spec);
	}
	return count;
}

/* All processors that a dispatcher may run on. */
static cpu_set_t
cpus_of_pools(const struct wi_bench_plan *plan)
{
	cpu_set_t all, of_pool;

	CPU_ZERO(&all);
	for (size_t i = 0; i < wi_bench_plan_pool_count(plan); i++) {
		struct wi_pool_spec *spec = wi_bench_plan_pool(plan, i);

		if (!spec->cpus_given && plan->dispatcher_list[0] != '\0')
			of_pool = plan->dispatcher_cpus;
		else
			cpu_list_parse(spec->cpus != NULL ? spec->cpus : "any", &of_pool);
		CPU_OR(&all, &all, &of_pool);
	}
	return all;
}

/*
 * Who has a processor alone spins, so that no wake-up is measured. Dispatchers that share theirs
 * yield: spinning, they would take it from each other. Where producers and dispatchers meet they
 * sleep as by default.
 */
static void
fit_waits(struct wi_bench_plan *plan, const struct wi_bench_options *options)
{
	cpu_set_t dispatchers = cpus_of_pools(plan), both;
	unsigned count = count_busy(plan);
	weir_wait wait;

	CPU_AND(&both, &plan->producer_cpus, &dispatchers);
	if (CPU_COUNT(&both) > 0 &&
	    count + options->producer_count > (uint64_t)CPU_COUNT(&plan->producer_cpus))
		wait = WEIR_WAIT_ADAPTIVE;
	else
		wait = count > (unsigned)CPU_COUNT(&dispatchers) ? WEIR_WAIT_YIELD : WEIR_WAIT_SPIN;
	plan->producers_share = CPU_COUNT(&both) > 0 ||
				options->producer_count > (uint64_t)CPU_COUNT(&plan->producer_cpus);
	for (size_t i = 0; i < wi_bench_plan_pool_count(plan); i++) {
		struct wi_pool_spec *spec = wi_bench_plan_pool(plan, i);

		if (!spec->wait_given) {
			spec->wait = wait;
			plan->waits_fitted = true;
		}
		if (!spec->cpus_given && plan->dispatcher_list[0] != '\0')
			spec->cpus = plan->dispatcher_list;
	}
}

const char *
wi_bench_plan_make(struct wi_bench_plan *plan, struct wi_bench_options *options)
{
	const char *wrong;

	*plan = (struct wi_bench_plan){.waits_fitted = false};
	wrong = parse_pools(plan, options);
	if (wrong != NULL)
		return wrong;
	fit_processors(plan, options);
	fit_waits(plan, options);
	for (size_t i = 0; i < wi_bench_plan_pool_count(plan); i++) {
		if (wi_bench_plan_pool(plan, i)->order != WEIR_ORDER_KEY)
			continue;
		if (options->many)
			return WI_BENCH_MANY_BY_KEY;
		if (options->key_count == 0)
			options->key_count = KEYS_DEFAULT;
	}
	return NULL;
}

void
wi_bench_plan_fini(struct wi_bench_plan *plan)
{
	wi_pools_fini(&plan->first);
	wi_pools_fini(&plan->others);
}

bool
wi_bench_plan_has_yardstick(const struct wi_bench_plan *plan,
			    const struct wi_bench_options *options)
{
	uint32_t size = wi_bench_sizes_constant(&options->sizes);

	return options->rate == 0 && options->producer_count == 1 && plan->others.count == 0 &&
	       !plan->producers_share && size >= 8 && size <= YARDSTICK_SIZE_MAX;
}
