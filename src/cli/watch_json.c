/* SPDX-License-Identifier: MIT */
/* watch_json.c - see watch_text.h. */
#include "watch_text.h"

#include "pools.h"

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

static void
put_text_or_null(json_t *object, const char *name, const char *text)
{
	json_object_set_new(object, name, text != NULL ? json_string(text) : json_null());
}

/* Null where nothing was measured. */
static void
put_times(json_t *object, const char *name, const struct wi_shown_times *times)
{
	json_t *inner = times->of.known ? json_object() : json_null();

	if (times->of.known) {
		put_text(inner, "since", times->ever ? "start" : "interval");
		put(inner, "samples", times->of.samples);
		put(inner, "sum_ns", times->of.sum_ns);
		put(inner, "p50_ns", times->of.p50_ns);
		put(inner, "p99_ns", times->of.p99_ns);
		put(inner, "max_ns", times->of.max_ns);
	}
	json_object_set_new(object, name, inner);
}

static json_t *
head(const struct wi_snapshot *snapshot)
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
	put_rate(object, "full", snapshot->full);
	put_rate(object, "busiest", snapshot->busiest);
	json_object_set_new(
		object, "waiting_p99_ns",
		snapshot->slowest != NULL
			? json_integer(
				  (json_int_t)(snapshot->slowest->waiting.of.p99_ns & INT64_MAX))
			: json_null());
	put(object, "stuck", snapshot->stuck);
	json_object_set_new(object, "lost", snapshot->at_rest ? json_integer(header->lost) : json_null());
	put(object, "topics", header->topic_count);
	return object;
}

static json_t *
after(const struct wi_snapshot *snapshot, const struct wi_shown_pool *pool)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < 32 && i < snapshot->pool_count; i++)
		if (pool->now.after & 1u << i)
			json_array_append_new(list, json_string(snapshot->pools[i].name));
	return list;
}

static const char *
wait_of(uint32_t wait)
{
	return wait <= WEIR_WAIT_PARK ? wi_pool_wait_text((weir_wait)wait) : "unknown";
}

static void
put_options(json_t *object, const weir_counters_pool *pool)
{
	put_text(object, "wait", wait_of(pool->wait));
	put_text(object, "order",
		 pool->order == WEIR_ORDER_PRODUCER ? "producer"
		 : pool->order == WEIR_ORDER_KEY    ? "key"
						    : "unknown");
	put_text(object, "behind",
		 pool->behind == WEIR_BEHIND_HOLD   ? "hold"
		 : pool->behind == WEIR_BEHIND_SKIP ? "skip"
						    : "unknown");
	put(object, "batch_count_max", pool->batch_count_max);
	put(object, "batch_ns_max", pool->batch_ns_max);
	put(object, "spin_ns", pool->spin_ns);
	put(object, "sleep_ns", pool->sleep_ns);
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
		put(object, "waiting", pool->now.waiting);
		put(object, "waiting_bytes", pool->now.waiting_bytes);
		put(object, "busy_ns", pool->now.busy_ns);
		put_rate(object, "busy", pool->busy);
		put_times(object, "waiting_times", &pool->waiting);
		json_object_set_new(object, "after", after(snapshot, pool));
		put_options(object, &pool->now);
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
		put_text_or_null(object, "in", dispatcher->in);
		put(object, "held_ns", dispatcher->held_ns);
		put(object, "busy_ns", dispatcher->now.busy_ns);
		put_rate(object, "busy", dispatcher->busy);
		json_object_set_new(object, "stuck", json_boolean(dispatcher->stuck));
		put_rate(object, "routed_per_s", dispatcher->routed);
		put_rate(object, "batches_per_s", dispatcher->batches);
		put_rate(object, "parks_per_s", dispatcher->parks);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
span(const struct wi_shown_span *shown)
{
	json_t *object = json_object(), *list = json_array();

	put(object, "ns", shown->ns);
	for (uint32_t i = 0; i < shown->blame_count; i++) {
		json_t *part = json_object();

		put_text_or_null(part, "in", shown->blame[i].in);
		put_text_or_null(part, "pool", shown->blame[i].pool);
		put(part, "ns", shown->blame[i].ns);
		json_array_append_new(list, part);
	}
	json_object_set_new(object, "of_it", list);
	return object;
}

/* What it was in when the ring became full last. */
static json_t *
last(const struct wi_shown_full *why)
{
	json_t *object, *list;

	if (why->pool == NULL)
		return json_null();
	object = json_object(), list = json_array();
	put_text(object, "pool", why->pool);
	for (uint32_t i = 0; i < why->in_count; i++)
		json_array_append_new(list,
				      why->in[i] != NULL ? json_string(why->in[i]) : json_null());
	json_object_set_new(object, "in", list);
	return object;
}

static void
put_full(json_t *object, const struct wi_shown_ring *ring)
{
	put_rate(object, "full", ring->full);
	put(object, "full_count", ring->now.full_count);
	put(object, "full_ns", ring->now.full_ns);
	put(object, "full_since", ring->now.full_since);
	if (ring->why == NULL)
		return;
	json_object_set_new(object, "full_interval", span(&ring->why->interval));
	json_object_set_new(object, "full_ever", span(&ring->why->ever));
	json_object_set_new(object, "full_last", last(ring->why));
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
		put(object, "high_water", ring->now.high_water);
		put_rate(object, "high", ring->high);
		put_text_or_null(object, "slowest", ring->slowest);
		put_full(object, ring);
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
		json_object_set_new(object, "last_code",
				    handler->now.failed > 0 ? json_integer(handler->now.last_code)
							    : json_null());
		json_object_set_new(object, "priority", json_integer(handler->now.priority));
		put(object, "skipped_quarantine", handler->now.skipped_quarantine);
		put(object, "failed_batches", handler->now.failed_batches);
		put_times(object, "handling_times", &handler->handling);
		put_rate(object, "share", handler->share);
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
	json_t *object = head(snapshot);

	json_object_set_new(object, "pools", pools(snapshot));
	json_object_set_new(object, "dispatchers", dispatchers(snapshot));
	json_object_set_new(object, "rings", rings(snapshot));
	json_object_set_new(object, "handlers", handlers(snapshot));
	return object;
}
