/* SPDX-License-Identifier: MIT */
/* export_text.c - see export_text.h. */
#include "export_text.h"

#include <inttypes.h>
#include <string.h>

#include <weir/weir.h>

enum kind {
	OF_POOL,
	OF_HANDLER,
	OF_PRODUCER,
	OF_BLAME
};

enum unit {
	COUNT,
	NANOSECONDS
};

/* A family whose samples are a field of each row, by one label more if there are several fields. */
struct family {
	const char *name, *type, *help;
	enum kind kind;
	enum unit unit;
	const char *label;
	struct part {
		size_t index;
		const char *value;
	} part[7];
};

#define AT(KIND, FIELD) offsetof(struct wi_export_##KIND, FIELD) / sizeof(uint64_t)
#define POOL(NAME, TYPE, FIELD, UNIT, HELP) \
	{"weir_pool_" NAME, TYPE, HELP, OF_POOL, UNIT, NULL, {{AT(pool, FIELD), ""}}}
#define QUEUE(NAME, FIELD, HELP) \
	{"weir_queue_" NAME, "gauge", HELP, OF_POOL, COUNT, NULL, {{AT(pool, FIELD), ""}}}
#define HANDLER(NAME, TYPE, FIELD, HELP) \
	{"weir_handler_" NAME, TYPE, HELP, OF_HANDLER, COUNT, NULL, {{AT(handler, FIELD), ""}}}
#define PRODUCER(NAME, TYPE, FIELD, UNIT, HELP) \
	{NAME, TYPE, HELP, OF_PRODUCER, UNIT, NULL, {{AT(producer, FIELD), ""}}}

static const struct family families[] = {
	PRODUCER("weir_events_published_total", "counter", committed, COUNT,
		 "Events that were committed."),
	PRODUCER("weir_events_published_bytes_total", "counter", bytes, COUNT,
		 "Bytes of the events that were committed."),
	{"weir_events_refused_total", "counter", "Publishes that were refused, by reason.",
	 OF_PRODUCER, COUNT, "reason",
	 {{AT(producer, full), "full"}, {AT(producer, size), "size"}, {AT(producer, busy), "busy"},
	  {AT(producer, hops), "hops"}, {AT(producer, closed), "closed"},
	  {AT(producer, invalid), "invalid"}}},
	PRODUCER("weir_events_discarded_total", "counter", discarded, COUNT,
		 "Publishes while the bus was disabled."),
	PRODUCER("weir_events_aborted_total", "counter", aborted, COUNT,
		 "Reservations that were aborted."),
	PRODUCER("weir_rings", "gauge", rings, COUNT, "Rings, one a producer."),
	PRODUCER("weir_ring_size_bytes", "gauge", ring_size, COUNT, "Room of the ring."),
	PRODUCER("weir_ring_used_bytes", "gauge", in_ring, COUNT,
		 "Bytes that the slowest pool is not through with."),
	PRODUCER("weir_ring_full", "gauge", full_now, COUNT,
		 "Rings whose last publish was refused for want of room."),
	PRODUCER("weir_ring_full_times_total", "counter", full_count, COUNT,
		 "Times that the ring became full."),
	PRODUCER("weir_ring_full_seconds_total", "counter", full_ns, NANOSECONDS,
		 "Time from the first to the last refusal of each time that it was full."),
	{"weir_ring_full_blame_seconds_total", "counter",
	 "Part of that time by the handler that the pool furthest behind was in; (none): in no handler.",
	 OF_BLAME, NANOSECONDS, NULL, {{AT(blame, ns), ""}}},

	POOL("seen_events_total", "counter", seen, COUNT, "Events that the pool is through with."),
	POOL("routed_events_total", "counter", routed, COUNT, "Events that had a handler in it."),
	POOL("unrouted_events_total", "counter", unrouted, COUNT, "Events that had none in it."),
	POOL("skipped_events_total", "counter", skipped, COUNT,
	     "Events that it skipped because it was behind."),
	POOL("batches_total", "counter", batches, COUNT, "Batches."),
	POOL("parks_total", "counter", parks, COUNT, "Times that a dispatcher went to sleep."),
	POOL("wakes_total", "counter", wakes, COUNT, "Times that a sleeping dispatcher was woken."),
	POOL("late_wakes_total", "counter", late_wakes, COUNT, "Wakes that came too late."),
	POOL("steals_total", "counter", steals, COUNT,
	     "Batches that a dispatcher took from a neighbour's ring."),
	POOL("stuck_calls_total", "counter", stuck_calls, COUNT,
	     "Calls that took longer than a second."),
	POOL("busy_seconds_total", "counter", busy_ns, NANOSECONDS,
	     "Time that its dispatchers spent in batches that are over."),
	POOL("dispatchers", "gauge", dispatchers, COUNT, "Dispatchers."),
	POOL("dispatchers_busy", "gauge", busy, COUNT, "Dispatchers that are in a batch."),
	POOL("dispatchers_stuck", "gauge", stuck, COUNT,
	     "Dispatchers whose call has not returned for a second."),
	QUEUE("depth", waiting, "Events committed that the pool is not through with."),
	QUEUE("bytes", waiting_bytes, "Bytes of their records."),

	HANDLER("due_events_total", "counter", due, "Events that were its own to handle."),
	HANDLER("invocations_total", "counter", calls, "Calls that returned."),
	HANDLER("failures_total", "counter", failed, "Calls that returned something else than 0."),
	{"weir_handler_skipped_events_total", "counter",
	 "Events that were due and not handled, by reason.", OF_HANDLER, COUNT, "reason",
	 {{AT(handler, skipped_quarantine), "quarantine"}, {AT(handler, skipped_paused), "paused"},
	  {AT(handler, skipped_unsubscribed), "unsubscribed"}}},
	HANDLER("failed_batches_total", "counter", failed_batches, "Batches whose end failed."),
	HANDLER("quarantines_total", "counter", quarantines, "Times that it was put in quarantine."),
	HANDLER("running", "gauge", running, "Calls that run."),
	HANDLER("subscriptions", "gauge", subscriptions, "Subscriptions of this name."),
	HANDLER("quarantined", "gauge", quarantined, "Subscriptions in quarantine."),
	HANDLER("paused", "gauge", paused, "Subscriptions that are paused."),
};

enum { FAMILY_COUNT = sizeof(families) / sizeof(families[0]) };

/* -- parts of a line --------------------------------------------------------- */

static void
write_head(const char *name, const char *type, const char *help, FILE *stream)
{
	fprintf(stream, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The names are valid UTF-8 without controls, but may have quotes and backslashes. */
static void
write_quoted(const char *value, FILE *stream)
{
	putc('"', stream);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			putc('\\', stream);
		putc(*value, stream);
	}
	putc('"', stream);
}

static void
write_label(const char *name, const char *value, FILE *stream)
{
	fprintf(stream, ",%s=", name);
	write_quoted(value, stream);
}

static void
write_bus(const char *name, const struct wi_export_bus *bus, FILE *stream)
{
	fprintf(stream, "%s{bus=", name);
	write_quoted(bus->name, stream);
	fprintf(stream, ",pid=\"%" PRIu64 "\"", bus->pid);
}

static void
write_labels(const char *name, const struct wi_export_bus *bus, const struct wi_export_row *row,
	     FILE *stream)
{
	write_bus(name, bus, stream);
	if (row->producer[0] != '\0')
		write_label("producer", row->producer, stream);
	if (row->pool[0] != '\0')
		write_label("pool", row->pool, stream);
	if (row->handler[0] != '\0')
		write_label("handler", row->handler, stream);
}

static void
write_value(uint64_t value, enum unit unit, FILE *stream)
{
	if (unit == NANOSECONDS)
		fprintf(stream, "} %" PRIu64 ".%09" PRIu64 "\n", value / 1000000000, value % 1000000000);
	else
		fprintf(stream, "} %" PRIu64 "\n", value);
}

/* -- of rows ----------------------------------------------------------------- */

static const struct wi_export_table *
table_of(const struct wi_export_bus *bus, enum kind kind)
{
	switch (kind) {
	case OF_POOL:
		return &bus->rows.pools;
	case OF_HANDLER:
		return &bus->rows.handlers;
	case OF_PRODUCER:
		return &bus->rows.producers;
	default:
		return &bus->rows.blames;
	}
}

static void
write_family(const struct family *family, const struct wi_export_buses *buses, FILE *stream)
{
	write_head(family->name, family->type, family->help, stream);
	for (size_t b = 0; b < buses->count; b++) {
		const struct wi_export_bus *bus = &buses->each[b];
		const struct wi_export_table *table = table_of(bus, family->kind);

		for (uint32_t i = 0; i < table->count; i++)
			for (const struct part *part = family->part; part->value != NULL; part++) {
				write_labels(family->name, bus, table->each[i], stream);
				if (family->label != NULL)
					write_label(family->label, part->value, stream);
				write_value(table->each[i]->of.value[part->index], family->unit, stream);
			}
	}
}

/* What is not a sum: of several rings the fullest. */
static void
write_rings(const struct wi_export_buses *buses, bool high_water, FILE *stream)
{
	const char *name = high_water ? "weir_ring_high_water_bytes" : "weir_ring_fill_ratio";

	write_head(name, "gauge",
		   high_water ? "The most bytes that were found waiting in the ring."
			      : "Used bytes by size, from 0 to 1; of several rings the fullest.",
		   stream);
	for (size_t b = 0; b < buses->count; b++)
		for (uint32_t i = 0; i < buses->each[b].rows.producers.count; i++) {
			const struct wi_export_row *row = buses->each[b].rows.producers.each[i];

			write_labels(name, &buses->each[b], row, stream);
			if (high_water)
				write_value(row->fullest, COUNT, stream);
			else
				fprintf(stream, "} %.6f\n", row->fill);
		}
}

/* -- times ------------------------------------------------------------------- */

/* Powers of two in nanoseconds, at which buckets of the file end: each one to 4 ms, then each other. */
enum { EXPONENT_FIRST = 6, EXPONENT_FINE = 22, EXPONENT_LAST = 32 };

static void
write_times_row(const char *name, const struct wi_export_bus *bus, const struct wi_export_row *row,
		FILE *stream)
{
	const weir_counters_times *times = row->times;
	char part[64], edge[32];
	uint64_t count = 0;
	uint32_t i = 0;

	snprintf(part, sizeof(part), "%s_bucket", name);
	for (uint32_t exponent = EXPONENT_FIRST; exponent <= EXPONENT_LAST;
	     exponent += exponent < EXPONENT_FINE ? 1 : 2) {
		const uint32_t end = weir_counters_bucket(UINT64_C(1) << exponent);

		for (; i < end; i++)
			count = wi_export_add(count, times->count[i]);
		snprintf(edge, sizeof(edge), "%.10g", (double)(UINT64_C(1) << exponent) / 1e9);
		write_labels(part, bus, row, stream);
		write_label("le", edge, stream);
		write_value(count, COUNT, stream);
	}
	for (; i < WEIR_COUNTERS_BUCKET_COUNT; i++)
		count = wi_export_add(count, times->count[i]);
	write_labels(part, bus, row, stream);
	write_label("le", "+Inf", stream);
	write_value(count, COUNT, stream);
	snprintf(part, sizeof(part), "%s_sum", name);
	write_labels(part, bus, row, stream);
	write_value(times->sum_ns, NANOSECONDS, stream);
	snprintf(part, sizeof(part), "%s_count", name);
	write_labels(part, bus, row, stream);
	write_value(count, COUNT, stream);
}

static void
write_times(const char *name, enum kind kind, const char *help,
	    const struct wi_export_buses *buses, FILE *stream)
{
	write_head(name, "histogram", help, stream);
	for (size_t b = 0; b < buses->count; b++) {
		const struct wi_export_table *table = table_of(&buses->each[b], kind);

		for (uint32_t i = 0; i < table->count; i++)
			if (table->each[i]->times != NULL)
				write_times_row(name, &buses->each[b], table->each[i], stream);
	}
}

/* -- of buses ---------------------------------------------------------------- */

static void
write_up(const struct wi_export_buses *buses, FILE *stream)
{
	write_head("weir_bus_up", "gauge",
		   "1: the bus writes its counters; 0: it is stopped, hangs as a whole, is gone or closed, "
		   "or its file is none.", stream);
	for (size_t b = 0; b < buses->count; b++) {
		const struct wi_snapshot *snapshot = buses->each[b].snapshot;

		write_bus("weir_bus_up", &buses->each[b], stream);
		write_value(snapshot != NULL && snapshot->state == WI_SNAPSHOT_ALIVE, COUNT, stream);
	}
	write_head("weir_bus_info", "gauge", "1, with the version of its library.", stream);
	for (size_t b = 0; b < buses->count; b++) {
		if (buses->each[b].snapshot == NULL)
			continue;
		write_bus("weir_bus_info", &buses->each[b], stream);
		write_label("version", buses->each[b].snapshot->version, stream);
		write_value(1, COUNT, stream);
	}
}

static uint64_t
left_out(const weir_counters_header *header)
{
	uint64_t sum = 0;

	for (int s = 0; s < WEIR_COUNTERS_SECTION_COUNT; s++)
		sum += header->section[s].left_out;
	return sum;
}

static uint64_t
started_at(const struct wi_snapshot *snapshot)
{
	return snapshot->look.header.started;
}

static uint64_t
age_of(const struct wi_snapshot *snapshot)
{
	return snapshot->age_ns;
}

static uint64_t
in_flight(const struct wi_snapshot *snapshot)
{
	return snapshot->look.header.in_flight;
}

static uint64_t
topics(const struct wi_snapshot *snapshot)
{
	return snapshot->look.header.topic_count;
}

static uint64_t
entries_left_out(const struct wi_snapshot *snapshot)
{
	return left_out(&snapshot->look.header);
}

static void
write_buses(const struct wi_export_buses *buses, FILE *stream)
{
	static const struct {
		const char *name, *help;
		enum unit unit;
		uint64_t (*value)(const struct wi_snapshot *snapshot);
	} gauges[] = {
		{"weir_bus_start_time_seconds", "When the bus was opened, since 1970.", NANOSECONDS,
		 started_at},
		{"weir_bus_heartbeat_age_seconds", "Since it wrote its counters last.", NANOSECONDS, age_of},
		{"weir_bus_in_flight_events", "Events that not every pool is through with.", COUNT,
		 in_flight},
		{"weir_bus_topics", "Topics.", COUNT, topics},
		{"weir_bus_left_out_entries", "Entries that its counters file has no room for.", COUNT,
		 entries_left_out},
	};

	for (size_t g = 0; g < sizeof(gauges) / sizeof(gauges[0]); g++) {
		write_head(gauges[g].name, "gauge", gauges[g].help, stream);
		for (size_t b = 0; b < buses->count; b++) {
			if (buses->each[b].snapshot == NULL)
				continue;
			write_bus(gauges[g].name, &buses->each[b], stream);
			write_value(gauges[g].value(buses->each[b].snapshot), gauges[g].unit, stream);
		}
	}
}

static void
write_lost(const struct wi_export_buses *buses, FILE *stream)
{
	write_head("weir_bus_lost_events", "gauge",
		   "Events that are in no other count: 0. Only of a bus that rests.", stream);
	for (size_t b = 0; b < buses->count; b++) {
		const struct wi_snapshot *snapshot = buses->each[b].snapshot;

		if (snapshot == NULL || !snapshot->at_rest)
			continue;
		write_bus("weir_bus_lost_events", &buses->each[b], stream);
		fprintf(stream, "} %" PRId64 "\n", snapshot->look.header.lost);
	}
}

static void
write_export(const struct wi_export_buses *buses, FILE *stream)
{
	write_head("weir_build_info", "gauge", "1, with the version of weir export.", stream);
	fprintf(stream, "weir_build_info{version=\"%s\"} 1\n", weir_version());
	write_head("weir_export_buses", "gauge", "Buses that are shown.", stream);
	fprintf(stream, "weir_export_buses %zu\n", buses->count);
	write_head("weir_export_left_out_buses", "gauge", "Buses that are too many to be shown.", stream);
	fprintf(stream, "weir_export_left_out_buses %zu\n", buses->left_out);
	write_head("weir_export_dead_files", "gauge",
		   "Counters files whose process has ended without closing its bus.", stream);
	fprintf(stream, "weir_export_dead_files %zu\n", buses->dead);
}

void
wi_export_text(const struct wi_export_buses *buses, FILE *stream)
{
	write_export(buses, stream);
	write_up(buses, stream);
	write_buses(buses, stream);
	write_lost(buses, stream);
	for (size_t f = 0; f < FAMILY_COUNT; f++)
		write_family(&families[f], buses, stream);
	write_rings(buses, false, stream);
	write_rings(buses, true, stream);
	write_times("weir_queue_wait_seconds", OF_POOL,
		    "From an event's time to its first call in the pool, by sampling.", buses, stream);
	write_times("weir_handler_duration_seconds", OF_HANDLER, "One call, by sampling.", buses, stream);
}
