/* SPDX-License-Identifier: MIT */
/* report_json.c - the report for programs: every figure, unrounded, in one object. */
#include "report.h"

#include "json_line.h"
#include "loader.h"
#include "run_options.h"

#include <jansson.h>

/* The counts do not reach 2^63. */
static void
put_count(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void
put_real(json_t *object, const char *name, double value)
{
	json_object_set_new(object, name, json_real(value));
}

/* File names may hold any bytes, JSON only UTF-8. */
static void
put_text(json_t *object, const char *name, const char *value)
{
	json_t *string = json_string(value);

	json_object_set_new(object, name, string != NULL ? string : json_null());
}

static double
per_second(uint64_t count, uint64_t ns)
{
	return ns > 0 ? (double)count * 1e9 / (double)ns : 0;
}

static json_t *
make_read(const struct wi_loader *loader)
{
	json_t *object = json_object();

	put_count(object, "lines", loader->line_count);
	put_count(object, "empty", loader->empty_count);
	put_count(object, "bad", loader->bad_count);
	put_count(object, "events", loader->event_count);
	put_count(object, "bytes", loader->byte_count);
	put_real(object, "seconds", (double)loader->ns / 1e9);
	put_real(object, "lines_per_second", per_second(loader->line_count, loader->ns));
	put_real(object, "bytes_per_second", per_second(loader->byte_count, loader->ns));
	return object;
}

static json_t *
make_dispatch(const struct wi_report *report)
{
	json_t *object = json_object();

	put_count(object, "producers", report->options->producer_count);
	put_count(object, "repeat", report->options->repeat);
	put_count(object, "events", report->event_count);
	put_count(object, "payload_bytes", report->payload_size);
	put_real(object, "seconds", (double)report->dispatch_ns / 1e9);
	put_real(object, "events_per_second", per_second(report->event_count, report->dispatch_ns));
	put_count(object, "full_waits", report->wait_count);
	put_real(object, "full_wait_seconds", (double)report->wait_ns / 1e9);
	return object;
}

static json_t *
make_failures(const weir_subscription_counts *counts)
{
	const size_t count = sizeof(counts->failure_code) / sizeof(counts->failure_code[0]);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *object;

		if (counts->failure_count[i] == 0)
			continue;
		object = json_object();
		json_object_set_new(object, "code", json_integer(counts->failure_code[i]));
		put_count(object, "count", counts->failure_count[i]);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
make_subscription(const struct wi_handler *handler, const weir_subscription_counts *counts)
{
	json_t *object = json_object();

	put_text(object, "pattern", handler->pattern);
	put_text(object, "handler", handler->action);
	put_text(object, "pool", handler->pool != NULL ? handler->pool : "default");
	put_count(object, "due", counts->due);
	put_count(object, "ok", counts->ok);
	put_count(object, "failed", counts->failed);
	put_count(object, "running", counts->running);
	put_count(object, "skipped_quarantine", counts->skipped_quarantine);
	put_count(object, "skipped_paused", counts->skipped_paused);
	put_count(object, "skipped_unsubscribed", counts->skipped_unsubscribed);
	json_object_set_new(object, "failures", make_failures(counts));
	return object;
}

static json_t *
make_subscriptions(const struct wi_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->options->handler_count; i++)
		json_array_append_new(list, make_subscription(&report->options->handlers[i],
							      &report->subscriptions[i]));
	return list;
}

static json_t *
make_topics(const struct wi_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->topic_count; i++) {
		json_t *object = json_object();

		put_text(object, "topic", report->topics[i].name);
		put_count(object, "events", report->topics[i].event_count);
		json_array_append_new(list, object);
	}
	return list;
}

/* name: NULL for the sum of all. */
static json_t *
make_pool(const char *name, const weir_pool_counts *pool)
{
	json_t *object = json_object();

	if (name != NULL)
		put_text(object, "pool", name);
	put_count(object, "seen", pool->seen);
	put_count(object, "routed", pool->routed);
	put_count(object, "unrouted", pool->unrouted);
	put_count(object, "skipped_behind", pool->skipped_behind);
	put_count(object, "batches", pool->batches);
	put_count(object, "parks", pool->parks);
	put_count(object, "wakes", pool->wakes);
	put_count(object, "late_wakes", pool->late_wakes);
	put_count(object, "steals", pool->steals);
	put_count(object, "stuck", pool->stuck);
	return object;
}

static json_t *
make_pools(const struct wi_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->pool_count; i++)
		json_array_append_new(list, make_pool(report->pools[i].name,
						      &report->pools[i].counts));
	return list;
}

bool
wi_report_write_json(const struct wi_report *report, FILE *stream)
{
	json_t *root = json_object();

	put_text(root, "input", report->options->input);
	json_object_set_new(root, "read", make_read(report->loader));
	json_object_set_new(root, "dispatch", make_dispatch(report));
	json_object_set_new(root, "subscriptions", make_subscriptions(report));
	json_object_set_new(root, "topics", make_topics(report));
	json_object_set_new(root, "pool", make_pool(NULL, &report->pool));
	json_object_set_new(root, "pools", make_pools(report));
	put_count(root, "in_flight", report->bus.in_flight);
	put_count(root, "signal", (uint64_t)report->signal);
	/* Null where it could not be known. */
	json_object_set_new(root, "lost",
			    report->drained ? json_integer(report->bus.lost) : json_null());
	return wi_json_line(root, stream);
}
