/* SPDX-License-Identifier: MIT */
/* bench_rig.c - see bench_rig.h. */
#include "bench_rig.h"

#include "command.h"
#include "handlers.h"
#include "nice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURN_MAX = 64, ORDER_MIN = 1 << 16 };

static int
failed(struct wi_bench_rig *rig, const char *what, weir_status status)
{
	wi_progress_message(rig->progress, "%s: %s", what, weir_status_text(status));
	return WI_EXIT_FAILED;
}

/* Whether SPIN is wise was thought of when it was chosen; full rings are in the report. */
static void
log_message(void *context, int level, const char *id, const char *text)
{
	enum { LEVEL_ERROR = 3, LEVEL_WARNING = 4 };
	struct wi_bench_rig *rig = context;

	if (level > LEVEL_WARNING)
		return;
	if (level <= LEVEL_ERROR || (strcmp(id, "WEIR-SPIN") != 0 && strcmp(id, "WEIR-FULL") != 0))
		wi_progress_message(rig->progress, "%s: %s", id, text);
}

/* -- pools ------------------------------------------------------------------ */

static void
thread_begin(void *context, uint32_t dispatcher)
{
	struct wi_bench_pool *pool = context;

	wi_be_nice((int)pool->spec->nice);
	wi_bench_dispatcher_begin(&pool->dispatchers[dispatcher]);
}

static bool
init_pool(struct wi_bench_rig *rig, struct wi_bench_pool *pool, struct wi_pool_spec *spec)
{
	size_t size;

	pool->spec = spec;
	pool->dispatcher_count = wi_bench_plan_dispatchers(spec);
	size = pool->dispatcher_count * sizeof(*pool->dispatchers);
	pool->dispatchers = aligned_alloc(MACHINE_LINE, size);
	if (pool->dispatchers == NULL)
		return false;
	memset(pool->dispatchers, 0, size);
	spec->thread_begin = thread_begin;
	spec->thread_context = pool;
	for (unsigned i = 0; rig->options->rate > 0 && i < pool->dispatcher_count; i++) {
		pool->dispatchers[i].latency = calloc(rig->options->on_count,
						      sizeof(*pool->dispatchers[i].latency));
		if (pool->dispatchers[i].latency == NULL)
			return false;
	}
	return true;
}

static int
open_pools(struct wi_bench_rig *rig)
{
	weir_bus_options bus = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options first = wi_pool_options(rig->pools[0].spec);
	const char *name = "default";
	weir_status status;

	bus.ring_size = (uint32_t)rig->options->ring_size;
	bus.log = log_message;
	bus.log_context = rig;
	status = weir_bus_open(&bus, &first, &rig->bus);
	if (status == WEIR_OK)
		status = wi_pools_open(&rig->plan->others, rig->bus, &name);
	if (status != WEIR_OK) {
		wi_progress_message(rig->progress, "--pool %s: %s", name, wi_pools_problem(status));
		return status == WEIR_EINVAL || status == WEIR_ENOENT || status == WEIR_ELIMIT
			       ? WI_EXIT_USAGE : WI_EXIT_FAILED;
	}
	for (size_t i = 0; i < rig->pool_count; i++)
		rig->pools[i].pool =
			i == 0 ? weir_bus_default_pool(rig->bus) : rig->pools[i].spec->pool;
	return 0;
}

/* -- topics ----------------------------------------------------------------- */

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/*
 * Each as often: a few in turn, more in random order, since a processor foresees a million places
 * that follow each other. With a hot one the order is drawn.
 */
static bool
order_topics(struct wi_bench_rig *rig, const weir_topic *topics)
{
	uint32_t count = (uint32_t)rig->options->topic_count,
		 hot = (uint32_t)rig->options->hot_percent;
	uint64_t seed = 88172645463325252u;

	rig->topic_count = hot > 0 && count < ORDER_MIN ? ORDER_MIN : count;
	rig->topics = calloc(rig->topic_count, sizeof(*rig->topics));
	if (rig->topics == NULL)
		return false;
	for (uint32_t i = 0; i < rig->topic_count; i++) {
		if (hot > 0 && (count == 1 || next_random(&seed) % 100 < hot)) {
			rig->topics[i] = topics[0];
			continue;
		}
		if (hot > 0) {
			rig->topics[i] = topics[1 + next_random(&seed) % (count - 1)];
			continue;
		}
		rig->topics[i] = topics[i];
		if (count > TURN_MAX) {
			uint32_t other = (uint32_t)(next_random(&seed) % (i + 1));

			rig->topics[i] = rig->topics[other];
			rig->topics[other] = topics[i];
		}
	}
	return true;
}

static int
open_topics(struct wi_bench_rig *rig)
{
	uint32_t count = (uint32_t)rig->options->topic_count;
	weir_topic *topics = calloc(count, sizeof(*topics));
	weir_status status = topics != NULL ? WEIR_OK : WEIR_ENOMEM;
	char name[64];

	for (uint32_t i = 0; i < count && status == WEIR_OK; i++) {
		snprintf(name, sizeof(name), "bench.t%03u.update", i);
		status = weir_topic_open(rig->bus, name, &topics[i]);
	}
	if (status == WEIR_OK && !order_topics(rig, topics))
		status = WEIR_ENOMEM;
	free(topics);
	return status == WEIR_OK ? 0 : failed(rig, "cannot open the topics", status);
}

/* -- subscriptions ---------------------------------------------------------- */

static struct wi_bench_pool *
find_pool(struct wi_bench_rig *rig, const char *name)
{
	for (size_t i = 0; i < rig->pool_count; i++)
		if (strcmp(rig->pools[i].spec->name, name) == 0)
			return &rig->pools[i];
	return NULL;
}

static bool
matches_all(const char *pattern)
{
	return strcmp(pattern, ">") == 0 || strcmp(pattern, "bench.>") == 0 ||
	       strcmp(pattern, WI_BENCH_PATTERN) == 0;
}

/* The bus numbers producers from 1 on, those of dispatchers too; with room, and each is checked. */
static uint32_t
source_limit(const struct wi_bench_rig *rig)
{
	uint64_t count = rig->options->producer_count;

	for (size_t i = 0; i < rig->pool_count; i++)
		count += rig->pools[i].dispatcher_count;
	return (uint32_t)(2 * count + 64);
}

static int
subscribe(struct wi_bench_rig *rig, struct wi_bench_handler *handler, size_t on_index)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	const struct wi_bench_on *on = &rig->options->ons[on_index];
	const struct wi_bench_pool *pool = find_pool(rig, on->pool);
	bool by_key = pool->spec->order == WEIR_ORDER_KEY;
	weir_status status;

	*handler = (struct wi_bench_handler){
		.on = on,
		.latency_index = (uint32_t)on_index,
		.source_count = source_limit(rig),
		.key_count = by_key ? (uint32_t)rig->options->key_count : 0,
		.is_open_loop = rig->options->rate > 0,
		.gets_all = !by_key && pool->spec->behind == WEIR_BEHIND_HOLD &&
			    matches_all(on->pattern),
		.over = &rig->over,
	};
	rig->handler_count++;
	if (!wi_bench_handler_init(handler))
		return failed(rig, "cannot subscribe", WEIR_ENOMEM);
	options.pool = pool->pool;
	status = weir_subscribe(rig->bus, on->pattern,
				handler->is_open_loop ? wi_bench_handle_timed : wi_bench_handle,
				handler, &options, &handler->subscription);
	if (status == WEIR_OK)
		return 0;
	wi_progress_message(rig->progress, "--on: pattern '%s': %s", on->pattern,
			    wi_handler_problem(status));
	return status == WEIR_EINVAL ? WI_EXIT_USAGE : WI_EXIT_FAILED;
}

static int
subscribe_all(struct wi_bench_rig *rig)
{
	size_t count = 0;
	int code = 0;

	for (size_t i = 0; i < rig->options->on_count; i++)
		count += rig->options->ons[i].times;
	rig->handlers = calloc(count, sizeof(*rig->handlers));
	if (rig->handlers == NULL)
		return failed(rig, "cannot subscribe", WEIR_ENOMEM);
	for (size_t i = 0; i < rig->options->on_count; i++)
		for (uint64_t t = 0; t < rig->options->ons[i].times && code == 0; t++)
			code = subscribe(rig, &rig->handlers[rig->handler_count], i);
	return code;
}

/* -- all -------------------------------------------------------------------- */

int
wi_bench_rig_open(struct wi_bench_rig *rig, const struct wi_bench_options *options,
		  struct wi_bench_plan *plan, struct wi_progress *progress)
{
	int code;

	*rig = (struct wi_bench_rig){.options = options, .plan = plan, .progress = progress};
	rig->pool_count = wi_bench_plan_pool_count(plan);
	rig->pools = calloc(rig->pool_count, sizeof(*rig->pools));
	if (rig->pools == NULL) {
		rig->pool_count = 0;
		return failed(rig, "cannot open a bus", WEIR_ENOMEM);
	}
	for (size_t i = 0; i < rig->pool_count; i++)
		if (!init_pool(rig, &rig->pools[i], wi_bench_plan_pool(plan, i)))
			return failed(rig, "cannot open a bus", WEIR_ENOMEM);
	code = open_pools(rig);
	/* A pattern takes in a million topics at once sooner than one by one. */
	if (code == 0)
		code = open_topics(rig);
	return code == 0 ? subscribe_all(rig) : code;
}

void
wi_bench_rig_reset_latency(struct wi_bench_rig *rig)
{
	for (size_t p = 0; p < rig->pool_count && rig->options->rate > 0; p++)
		for (unsigned d = 0; d < rig->pools[p].dispatcher_count; d++)
			memset(rig->pools[p].dispatchers[d].latency, 0,
			       rig->options->on_count * sizeof(struct wi_bench_latency));
}

bool
wi_bench_rig_close(struct wi_bench_rig *rig, uint64_t timeout_ns)
{
	if (rig->bus != NULL && weir_bus_close(rig->bus, timeout_ns, NULL) != WEIR_OK)
		return false;
	for (size_t p = 0; p < rig->pool_count; p++) {
		for (unsigned d = 0;
		     rig->pools[p].dispatchers != NULL && d < rig->pools[p].dispatcher_count; d++)
			free(rig->pools[p].dispatchers[d].latency);
		free(rig->pools[p].dispatchers);
	}
	for (size_t i = 0; i < rig->handler_count; i++)
		wi_bench_handler_fini(&rig->handlers[i]);
	free(rig->pools);
	free(rig->handlers);
	free(rig->topics);
	*rig = (struct wi_bench_rig){.bus = NULL};
	return true;
}
