/* SPDX-License-Identifier: MIT */
/* host_report.c - see host_report.h. */
#include "host_report.h"

#include "figures.h"
#include "host_tables.h"
#include "json_line.h"
#include "run_streams.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *
ask(weir_host *host, const char *request, const char *member)
{
	char *text = weir_host_control(host, request, strlen(request));
	json_t *answer = text != NULL ? json_loads(text, 0, NULL) : NULL;
	json_t *list = json_incref(json_object_get(answer, member));

	json_decref(answer);
	free(text);
	return list != NULL ? list : json_array();
}

void
wi_host_report_collect(struct wi_host_report *report, weir_host *host)
{
	report->bus = (weir_bus_counts)WEIR_BUS_COUNTS_INIT;
	report->plugins = ask(host, "{\"verb\":\"plugin.list\"}", "plugins");
	report->pools = ask(host, "{\"verb\":\"pool.list\"}", "pools");
	if (weir_bus_get_counts(weir_host_bus(host), &report->bus, NULL, NULL, NULL) != WEIR_OK)
		report->drained = false;
}

void
wi_host_report_fini(struct wi_host_report *report)
{
	json_decref(report->plugins);
	json_decref(report->pools);
}

static void
write_end(const struct wi_host_report *report, FILE *stream)
{
	uint64_t bad_count = report->streams->bad_count;

	fprintf(stream, "\n  %s bad line%s, ", wi_figures_count(bad_count).text,
		bad_count == 1 ? "" : "s");
	if (report->drained)
		fprintf(stream, "lost %" PRId64 "\n", report->bus.lost);
	else
		fprintf(stream, "%s not delivered when the time to drain was over\n",
			wi_figures_count(report->bus.in_flight).text);
	if (report->signal != 0)
		fprintf(stream, "  ended by SIG%s\n", sigabbrev_np(report->signal));
}

void
wi_host_report_write_text(const struct wi_host_report *report, FILE *stream)
{
	const struct wi_streams *streams = report->streams;

	fprintf(stream, "%s\n\n", report->input);
	fprintf(stream, "  %-10s %14s lines   %9s", "read",
		wi_figures_count(streams->line_count).text,
		wi_figures_bytes((double)streams->byte_count).text);
	if (strncmp(report->input, "unix:", 5) == 0)
		fprintf(stream, "  from %s connection%s",
			wi_figures_count(streams->stream_count).text,
			streams->stream_count == 1 ? "" : "s");
	fprintf(stream, "\n  %-10s %14s events\n\n", "published",
		wi_figures_count(streams->event_count).text);
	if (json_array_size(report->plugins) > 0) {
		wi_host_tables_plugins(stream, report->plugins);
		fputc('\n', stream);
	}
	wi_host_tables_pools(stream, report->pools);
	write_end(report, stream);
}

static void
put(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

bool
wi_host_report_write_json(const struct wi_host_report *report, FILE *stream)
{
	const struct wi_streams *streams = report->streams;
	json_t *object = json_object(), *read = json_object();

	put(read, "lines", streams->line_count);
	put(read, "empty", streams->empty_count);
	put(read, "bad", streams->bad_count);
	put(read, "events", streams->event_count);
	put(read, "bytes", streams->byte_count);
	put(read, "inputs", streams->stream_count);
	json_object_set_new(object, "read", read);
	json_object_set(object, "plugins", report->plugins);
	json_object_set(object, "pools", report->pools);
	put(object, "in_flight", report->bus.in_flight);
	json_object_set_new(object, "lost",
			    report->drained ? json_integer(report->bus.lost) : json_null());
	json_object_set_new(object, "signal",
			    report->signal != 0 ? json_string(sigabbrev_np(report->signal))
						: json_null());
	return wi_json_line(object, stream);
}
