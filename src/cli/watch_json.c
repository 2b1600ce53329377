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
