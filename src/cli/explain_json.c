/* SPDX-License-Identifier: MIT */
/* explain_json.c - see explain.h. */
#include "explain.h"

#include <jansson.h>

#include "config.h"
#include "watch_text.h"

static void
put(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name,
			    json_integer(value < INT64_MAX ? (json_int_t)value : INT64_MAX));
}

static void
put_text(json_t *object, const char *name, const char *text)
{
	json_object_set_new(object, name, json_string(text));
}

static json_t *
handler(const struct wi_explain_handler *one)
{
	const weir_counters_subscription *now = &one->shown->now;
	json_t *object = json_object();

	json_object_set_new(object, "place",
			    one->place > 0 ? json_integer(one->place) : json_null());
	put_text(object, "name", one->shown->name);
	put_text(object, "pattern", one->shown->pattern);
	put_text(object, "state", wi_snapshot_handler_state(now->state));
	json_object_set_new(object, "priority", json_integer(now->priority));
	put(object, "failed", now->failed);
	put(object, "failed_batches", now->failed_batches);
	json_object_set_new(object, "last_code",
			    now->last_code != 0 ? json_integer(now->last_code) : json_null());
	put(object, "quarantines", now->quarantines);
	return object;
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
		const struct wi_shown_dispatcher *dispatcher = &explain->snapshot->dispatchers[i];
		json_t *object;

		if (!wi_explain_is_stuck(dispatcher, pool))
			continue;
		object = json_object();
		put_text(object, "dispatcher", dispatcher->name);
		put_text(object, "in", dispatcher->in);
		put(object, "lasted_ns", dispatcher->now.lasted_ns);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
pools(const struct wi_explain *explain)
{
	json_t *list = json_array(), *handlers;

	for (uint32_t i = 0; i < explain->pool_count; i++) {
		const struct wi_explain_pool *pool = &explain->pools[i];
		const weir_counters_pool *now = &pool->shown->now;
		json_t *object = json_object();

		put_text(object, "name", pool->shown->name);
		json_object_set_new(object, "after", after(explain->snapshot, pool->index));
		put(object, "dispatchers", now->dispatcher_count);
		put_text(object, "order", wi_explain_order(now));
		put_text(object, "behind", wi_explain_behind(now));
		put_text(object, "wait", wi_explain_wait(now));
		put(object, "waiting", now->waiting);
		json_object_set_new(object, "stuck", stuck(explain, pool));
		handlers = json_array();
		for (size_t h = 0; h < pool->count; h++)
			json_array_append_new(handlers,
					      handler(&explain->handlers[pool->first + h]));
		json_object_set_new(object, "handlers", handlers);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
near_ones(const struct wi_explain *explain)
{
	json_t *list = json_array();

	for (size_t i = 0; i < explain->near_count; i++) {
		json_t *object = json_object();

		put_text(object, "pattern", explain->near[i]->pattern);
		put_text(object, "name", explain->near[i]->name);
		put_text(object, "pool", explain->near[i]->pool);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
plugins(const struct wi_explain *explain)
{
	json_t *list = json_array();

	for (size_t i = 0; explain->config != NULL && i < explain->config->plugin_count; i++)
		if (explain->config->plugins[i].enabled) {
			json_t *object = json_object();

			put_text(object, "name", explain->config->plugins[i].name);
			put_text(object, "pool", explain->config->plugins[i].pool);
			json_array_append_new(list, object);
		}
	return list;
}

void
wi_explain_json(const struct wi_explain *explain, FILE *stream)
{
	static const char *const sources[] = {[WI_EXPLAIN_PROCESS] = "process",
					      [WI_EXPLAIN_OPTIONS] = "options",
					      [WI_EXPLAIN_CONFIG] = "config"};
	const struct wi_snapshot *snapshot = explain->snapshot;
	json_t *object = json_object();

	put_text(object, "topic", explain->topic);
	put_text(object, "source", sources[explain->source]);
	json_object_set_new(object, "bus",
			    explain->source == WI_EXPLAIN_PROCESS ? wi_watch_json_head(snapshot)
								  : json_null());
	put(object, "subscriptions", snapshot->handler_count);
	put(object, "left_out",
	    snapshot->look.header.section[WEIR_COUNTERS_SUBSCRIPTIONS].left_out);
	put(object, "matching", explain->matching);
	put(object, "getting", explain->getting);
	/* The counters file does not tell who wants them; handlers of --on do not. */
	json_object_set_new(object, "replayed",
			    explain->source == WI_EXPLAIN_PROCESS ? json_null() : json_false());
	json_object_set_new(object, "pools", pools(explain));
	json_object_set_new(object, "near", near_ones(explain));
	json_object_set_new(object, "plugins", plugins(explain));
	json_dumpf(object, stream, JSON_COMPACT | JSON_REAL_PRECISION(6));
	fputc('\n', stream);
	json_decref(object);
}
