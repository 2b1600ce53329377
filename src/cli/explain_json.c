/* SPDX-License-Identifier: MIT */
/* explain_json.c - see explain.h. */
#include "explain.h"

#include <jansson.h>

#include "config.h"
#include "json_line.h"

/* JSON's whole numbers have a sign here. */
static json_int_t
number(uint64_t value)
{
	return value < INT64_MAX ? (json_int_t)value : INT64_MAX;
}

static json_t *
or_null(int64_t value)
{
	return value != 0 ? json_integer(value) : json_null();
}

static json_t *
bus(const struct wi_explain *explain)
{
	const struct wi_snapshot *snapshot = explain->snapshot;

	if (explain->source != WI_EXPLAIN_PROCESS)
		return json_null();
	return json_pack("{s:s, s:I, s:s, s:s, s:I}", "name", snapshot->name, "pid",
			 number(snapshot->look.header.pid), "version", snapshot->version, "state",
			 wi_snapshot_state_text(snapshot->state), "heartbeat_age_ns",
			 number(snapshot->age_ns));
}

static json_t *
handler(const struct wi_explain_handler *one)
{
	const weir_counters_subscription *now = &one->shown->now;

	return json_pack("{s:o, s:s, s:s, s:s, s:i, s:b, s:I, s:I, s:o, s:I}", "place",
			 or_null(one->place), "name", one->shown->name, "pattern",
			 one->shown->pattern, "state", wi_snapshot_handler_state(now->state),
			 "priority", (int)now->priority, "replayed",
			 (int)(now->flags & WEIR_SUBSCRIPTION_REPLAYED), "failed", number(now->failed),
			 "failed_batches", number(now->failed_batches), "last_code",
			 or_null(now->last_code), "quarantines", number(now->quarantines));
}

static json_t *
handlers(const struct wi_explain *explain, const struct wi_explain_pool *pool)
{
	json_t *list = json_array();

	for (size_t i = 0; i < pool->count; i++)
		json_array_append_new(list, handler(&explain->handlers[pool->first + i]));
	return list;
}

static json_t *
after(const struct wi_snapshot *snapshot, uint32_t pool)
{
	json_t *list = json_array();

	for (uint32_t other = 0; other < snapshot->pool_count; other++)
		if (wi_explain_is_after(snapshot, pool, other))
			json_array_append_new(list, json_string(snapshot->pools[other].name));
	return list;
}

static json_t *
stuck(const struct wi_explain *explain, const struct wi_explain_pool *pool)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < explain->snapshot->dispatcher_count; i++) {
		const struct wi_shown_dispatcher *one = &explain->snapshot->dispatchers[i];

		if (wi_explain_is_stuck(one, pool))
			json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "dispatcher",
							      one->name, "in", one->in, "lasted_ns",
							      number(one->now.lasted_ns)));
	}
	return list;
}

static json_t *
pools(const struct wi_explain *explain)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < explain->pool_count; i++) {
		const struct wi_explain_pool *pool = &explain->pools[i];
		const weir_counters_pool *now = &pool->shown->now;

		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:I, s:s, s:s, s:s, s:I, s:o, s:o}", "name",
				  pool->shown->name, "after", after(explain->snapshot, pool->index),
				  "dispatchers", number(now->dispatcher_count), "order",
				  wi_explain_order(now), "behind", wi_explain_behind(now), "wait",
				  wi_explain_wait(now), "waiting", number(now->waiting), "stuck",
				  stuck(explain, pool), "handlers", handlers(explain, pool)));
	}
	return list;
}

static json_t *
near_ones(const struct wi_explain *explain)
{
	json_t *list = json_array();

	for (size_t i = 0; i < explain->near_count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "pattern",
						      explain->near[i]->pattern, "name",
						      explain->near[i]->name, "pool",
						      explain->near[i]->pool));
	return list;
}

static json_t *
plugins(const struct wi_explain *explain)
{
	const struct wi_config *config = explain->config;
	json_t *list = json_array();

	for (size_t i = 0; config != NULL && i < config->plugin_count; i++)
		if (config->plugins[i].enabled)
			json_array_append_new(list, json_pack("{s:s, s:s}", "name",
							      config->plugins[i].name, "pool",
							      config->plugins[i].pool));
	return list;
}

void
wi_explain_json(const struct wi_explain *explain, FILE *stream)
{
	static const char *const sources[] = {[WI_EXPLAIN_PROCESS] = "process",
					      [WI_EXPLAIN_OPTIONS] = "options",
					      [WI_EXPLAIN_CONFIG] = "config"};
	const weir_counters_section *sections = explain->snapshot->look.header.section;
	json_t *object =
		json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "topic",
			  explain->topic, "source", sources[explain->source], "bus", bus(explain),
			  "subscriptions", number(explain->snapshot->handler_count), "left_out",
			  number(sections[WEIR_COUNTERS_SUBSCRIPTIONS].left_out), "matching",
			  number(explain->matching), "getting", number(explain->getting), "pools",
			  pools(explain), "near", near_ones(explain), "plugins", plugins(explain));

	wi_json_line(object, stream);
}
