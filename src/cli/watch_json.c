/* SPDX-License-Identifier: MIT */
/* watch_json.c - see watch_text.h. */
#include "watch_text.h"

#include <jansson.h>
#include <math.h>

static void
put(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name,
			    json_integer(value < INT64_MAX ? (json_int_t)value : INT64_MAX));
}

static void
put_rate(json_t *object, const char *name, double rate)
{
	json_object_set_new(object, name, isfinite(rate) ? json_real(rate) : json_null());
}

static void
put_text(json_t *object, const char *name, const char *text)
{
	json_object_set_new(object, name, json_string(text));
}

json_t *
wi_watch_json_head(const struct wi_snapshot *snapshot)
{
	const weir_counters_header *header = &snapshot->look.header;
	json_t *object = json_object();

	put_text(object, "name", snapshot->name);
	put(object, "pid", header->pid);
	put_text(object, "version", snapshot->version);
	put_text(object, "state", wi_snapshot_state_text(snapshot->state));
	put(object, "heartbeat", header->heartbeat);
	put(object, "heartbeat_age_ns", snapshot->age_ns);
	put(object, "uptime_ns", snapshot->uptime_ns);
	put(object, "interval_ns", snapshot->interval_ns);
	put_rate(object, "published_per_s", snapshot->published);
	put_rate(object, "published_bytes_per_s", snapshot->bytes);
	put_rate(object, "handled_per_s", snapshot->handled);
	put_rate(object, "failed_per_s", snapshot->failed);
	put_rate(object, "refused_per_s", snapshot->refused);
	put(object, "in_flight", header->in_flight);
	put_rate(object, "fullest", snapshot->fullest);
	put(object, "stuck", snapshot->stuck);
	json_object_set_new(object, "lost", snapshot->at_rest ? json_integer(header->lost) : json_null());
	put(object, "topics", header->topic_count);
	return object;
}

static json_t *
pools(const struct wi_snapshot *snapshot)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < snapshot->pool_count; i++) {
		const struct wi_shown_pool *pool = &snapshot->pools[i];
		json_t *object = json_object();

		put_text(object, "name", pool->name);
		put(object, "dispatchers", pool->now.dispatcher_count);
		put(object, "seen", pool->now.seen);
		put(object, "routed", pool->now.routed);
		put(object, "unrouted", pool->now.unrouted);
		put(object, "skipped_behind", pool->now.skipped_behind);
		put(object, "batches", pool->now.batches);
		put(object, "parks", pool->now.parks);
		put(object, "wakes", pool->now.wakes);
		put(object, "late_wakes", pool->now.late_wakes);
		put(object, "steals", pool->now.steals);
		put(object, "stuck", pool->now.stuck);
		put_rate(object, "seen_per_s", pool->seen);
		put_rate(object, "routed_per_s", pool->routed);
		put_rate(object, "skipped_per_s", pool->skipped);
		put_rate(object, "batches_per_s", pool->batches);
		put_rate(object, "parks_per_s", pool->parks);
		put_rate(object, "wakes_per_s", pool->wakes);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
dispatchers(const struct wi_snapshot *snapshot)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < snapshot->dispatcher_count; i++) {
		const struct wi_shown_dispatcher *dispatcher = &snapshot->dispatchers[i];
		json_t *object = json_object();

		put_text(object, "name", dispatcher->name);
		put(object, "thread", dispatcher->now.thread);
		json_object_set_new(object, "in",
				    dispatcher->in != NULL ? json_string(dispatcher->in) : json_null());
		put(object, "held_ns", dispatcher->held_ns);
		json_object_set_new(object, "stuck", json_boolean(dispatcher->stuck));
		put_rate(object, "routed_per_s", dispatcher->routed);
		put_rate(object, "batches_per_s", dispatcher->batches);
		put_rate(object, "parks_per_s", dispatcher->parks);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
rings(const struct wi_snapshot *snapshot)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < snapshot->ring_count; i++) {
		const struct wi_shown_ring *ring = &snapshot->rings[i];
		json_t *object = json_object();

		put_text(object, "name", ring->name);
		put(object, "source", ring->now.source);
		json_object_set_new(object, "open", json_boolean(ring->now.open));
		put(object, "size", ring->now.ring_size);
		put(object, "in_ring", ring->now.in_ring);
		put_rate(object, "fill", ring->fill);
		put(object, "committed", ring->now.committed);
		put(object, "bytes", ring->now.bytes);
		put(object, "refused", ring->refused_sum);
		put_rate(object, "committed_per_s", ring->committed);
		put_rate(object, "bytes_per_s", ring->bytes);
		put_rate(object, "refused_per_s", ring->refused);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
handlers(const struct wi_snapshot *snapshot)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < snapshot->handler_count; i++) {
		const struct wi_shown_handler *handler = &snapshot->handlers[i];
		json_t *object = json_object();

		put_text(object, "name", handler->name);
		put_text(object, "pattern", handler->pattern);
		put_text(object, "pool", handler->pool);
		put_text(object, "state", wi_snapshot_handler_state(handler->now.state));
		put(object, "due", handler->now.due);
		put(object, "ok", handler->now.ok);
		put(object, "failed", handler->now.failed);
		put(object, "running", handler->now.running);
		put(object, "skipped", handler->skipped_sum);
		put(object, "quarantines", handler->now.quarantines);
		json_object_set_new(object, "code",
				    handler->code_count > 0 && !handler->code_other
					    ? json_integer(handler->code)
					    : json_null());
		put_rate(object, "ok_per_s", handler->ok);
		put_rate(object, "failed_per_s", handler->failed);
		put_rate(object, "skipped_per_s", handler->skipped);
		json_array_append_new(list, object);
	}
	return list;
}

json_t *
wi_watch_json(const struct wi_snapshot *snapshot)
{
	json_t *object = wi_watch_json_head(snapshot);

	json_object_set_new(object, "pools", pools(snapshot));
	json_object_set_new(object, "dispatchers", dispatchers(snapshot));
	json_object_set_new(object, "rings", rings(snapshot));
	json_object_set_new(object, "handlers", handlers(snapshot));
	return object;
}
