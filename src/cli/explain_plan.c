/* SPDX-License-Identifier: MIT */
/* explain_plan.c - see explain_plan.h. */
#include "explain_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "config.h"
#include "progress.h"
#include "run_bus.h"
#include "stopwatch.h"

enum { RING_SIZE = 4096 }; /* no event will be in it */

/* -- as counters ------------------------------------------------------------- */

/* The default pool, and the others as they are opened. */
struct pools {
	struct wi_pool_spec first;
	struct wi_pool_specs more;
};

static const struct wi_pool_spec *
pool_at(const struct pools *pools, size_t i)
{
	return i == 0 ? &pools->first : &pools->more.each[i - 1];
}

/* 0, the first: there is none of that name, which the bus will refuse. */
static uint32_t
find_pool(const struct pools *pools, const char *name)
{
	for (size_t i = 0; i <= pools->more.count; i++)
		if (strcmp(pool_at(pools, i)->name, name) == 0)
			return (uint32_t)i;
	return 0;
}

static void
put_pool(weir_counters_pool *entry, const struct pools *pools, const struct wi_pool_spec *spec)
{
	*entry = (weir_counters_pool){.dispatcher_count = spec->dispatcher_count > 0
								  ? (uint32_t)spec->dispatcher_count
								  : 1,
				      .wait = spec->wait,
				      .order = spec->order,
				      .behind = spec->behind};
	snprintf(entry->name, sizeof(entry->name), "%s", spec->name);
	for (uint32_t i = 0; i < spec->after_count; i++)
		entry->after |= 1u << find_pool(pools, spec->after[i]) % 32;
}

static void
put_handler(weir_counters_subscription *entry, const struct pools *pools,
	    const struct wi_handler *handler, uint64_t serial)
{
	*entry = (weir_counters_subscription){
		.id = serial,
		.serial = serial,
		.pool = handler->pool != NULL ? find_pool(pools, handler->pool) : 0};
	snprintf(entry->name, sizeof(entry->name), "%s", handler->pattern);
	snprintf(entry->pattern, sizeof(entry->pattern), "%s", handler->pattern);
}

static bool
make_snapshot(struct wi_explain_plan *plan, const struct pools *pools)
{
	const struct wi_run_options *options = &plan->options;
	struct wi_look look = {.torn = false};
	weir_counters_section *sections = look.header.section;

	sections[WEIR_COUNTERS_POOLS].count = (uint32_t)pools->more.count + 1;
	sections[WEIR_COUNTERS_SUBSCRIPTIONS].count = (uint32_t)options->handler_count;
	look.pools = calloc(pools->more.count + 1, sizeof(*look.pools));
	look.subscriptions = calloc(options->handler_count + 1, sizeof(*look.subscriptions));
	if (look.pools == NULL || look.subscriptions == NULL) {
		wi_look_fini(&look);
		return false;
	}
	for (size_t i = 0; i <= pools->more.count; i++)
		put_pool(&look.pools[i], pools, pool_at(pools, i));
	for (size_t i = 0; i < options->handler_count; i++)
		put_handler(&look.subscriptions[i], pools, &options->handlers[i], i + 1);
	plan->snapshot = wi_snapshot_make(&look, NULL, 0, true);
	return plan->snapshot != NULL;
}

/* -- whether it can be ------------------------------------------------------- */

static void
log_nothing(void *context, int level, const char *id, const char *text)
{
	(void)context, (void)level, (void)id, (void)text;
}

/* It is there for its refusals only, so its rings are small, and nobody spins. */
static int
try_bus(struct wi_explain_plan *plan, struct pools *pools, struct wi_progress *progress)
{
	struct wi_run_options *options = &plan->options;
	struct wi_run_bus wanted = {.options = WEIR_BUS_OPTIONS_INIT,
				    .pools = &pools->more,
				    .what = plan->config != NULL ? "pool" : "--pool"};
	weir_bus *bus = NULL;
	int code;

	wanted.options.stats_dir = "";
	wanted.options.ring_size = options->ring_size > 0 && options->ring_size < RING_SIZE
					   ? (uint32_t)options->ring_size
					   : RING_SIZE;
	wanted.options.log = log_nothing;
	pools->first.wait = WEIR_WAIT_PARK;
	wanted.first = pools->first;
	for (size_t i = 0; i < pools->more.count; i++)
		pools->more.each[i].wait = WEIR_WAIT_PARK;
	code = wi_run_bus_open(&wanted, progress, &bus);
	if (code == WI_EXIT_OK)
		code = wi_run_bus_subscribe(options, bus, wanted.what, progress);
	if (bus != NULL)
		weir_bus_close(bus, WEIR_FOREVER, NULL);
	return code;
}

/* -- the whole --------------------------------------------------------------- */

/* Copies, whose text stays the options' or the configuration's. */
static bool
take_pools(const struct wi_explain_plan *plan, struct pools *pools)
{
	const struct wi_config *config = plan->config;
	size_t count = config != NULL ? config->pool_count : plan->options.pools.count;

	pools->first = config != NULL ? config->first.spec : wi_run_options_first(&plan->options);
	pools->more = (struct wi_pool_specs){calloc(count + 1, sizeof(*pools->more.each)), count};
	for (size_t i = 0; pools->more.each != NULL && i < count; i++)
		pools->more.each[i] =
			config != NULL ? config->pools[i].spec : plan->options.pools.each[i];
	return pools->more.each != NULL;
}

int
wi_explain_plan_make(struct wi_explain_plan *plan, int argc, char **argv)
{
	char problem[WI_SECTIONS_PROBLEM_SIZE];
	struct wi_progress progress;
	struct pools pools = {.more = {.count = 0}};
	int code = WI_EXIT_FAILED;

	*plan = (struct wi_explain_plan){.config = NULL};
	wi_progress_init(&progress, "weir explain", false);
	wi_run_options_parse(&plan->options, false, argc, argv);
	if (plan->options.config != NULL) {
		plan->config = wi_config_read(plan->options.config, NULL, problem);
		if (plan->config == NULL) {
			wi_progress_message(&progress, "%s", problem);
			return WI_EXIT_USAGE;
		}
	}
	if (take_pools(plan, &pools) && make_snapshot(plan, &pools))
		code = try_bus(plan, &pools, &progress);
	else
		wi_progress_message(&progress, "out of memory");
	free(pools.more.each);
	return code;
}

void
wi_explain_plan_fini(struct wi_explain_plan *plan)
{
	wi_snapshot_free(plan->snapshot);
	wi_config_free(plan->config);
	wi_run_options_fini(&plan->options);
}
