/* SPDX-License-Identifier: MIT */
/* replay_report.c - see replay_report.h. */
#include "replay_report.h"

#include "figures.h"
#include "json_line.h"

#include <jansson.h>

static bool
write_json(const struct wi_replay_report *report, FILE *stream)
{
	json_t *topics = json_object(), *object;

	for (uint32_t i = 0; i < report->events->names.count; i++)
		if (report->events->topics[i].count > 0)
			json_object_set_new(
				topics, report->events->names.entries[i].name,
				json_integer((json_int_t)report->events->topics[i].count));
	object = json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:i, s:b}",
			   "journal", report->journal, "dry_run", report->options->dry_run, "first",
			   (json_int_t)report->first, "last", (json_int_t)report->last, "events",
			   (json_int_t)report->events->count, "through",
			   (json_int_t)report->through, "topics", topics, "gaps",
			   (json_int_t)report->gaps, "problems", (json_int_t)report->problems,
			   "position", (json_int_t)report->position, "duration_ns",
			   (json_int_t)report->duration_ns, "lost", (json_int_t)report->lost,
			   "signal", report->signal, "complete", report->complete);
	return wi_json_line(object, stream);
}

static void
write_topics(const struct wi_replay_report *report, FILE *stream)
{
	for (uint32_t i = 0; i < report->events->names.count; i++)
		if (report->events->topics[i].count > 0)
			fprintf(stream, "%16s  %s\n",
				wi_figures_count(report->events->topics[i].count).text,
				report->events->names.entries[i].name);
}

static void
write_text(const struct wi_replay_report *report, FILE *stream)
{
	struct wi_figure events = wi_figures_count(report->events->count);

	if (report->first > 0)
		fprintf(stream, "journal %s, rows %s to %s\n", report->journal,
			wi_figures_count(report->first).text, wi_figures_count(report->last).text);
	else
		fprintf(stream, "journal %s, no rows\n", report->journal);
	write_topics(report, stream);
	if (report->options->dry_run)
		fprintf(stream, "%16s  events would be published\n", events.text);
	else
		fprintf(stream, "%16s  events through all pools, in %s: %s/s\n",
			wi_figures_count(report->through).text,
			wi_figures_time(report->duration_ns).text,
			wi_figures_rate(report->through, report->duration_ns).text);
	if (!report->options->dry_run && report->through < report->events->count)
		fprintf(stream, "%16s  more were sent\n",
			wi_figures_count(report->events->count - report->through).text);
	if (report->gaps > 0)
		fprintf(stream, "%16s  rows say that events were not recorded\n",
			wi_figures_count(report->gaps).text);
	if (report->position > 0 && !report->options->dry_run)
		fprintf(stream, "The next run with this position goes on behind row %s.\n",
			wi_figures_count(report->position).text);
}

bool
wi_replay_report_write(const struct wi_replay_report *report, FILE *stream)
{
	bool good = true;

	if (report->options->json)
		good = write_json(report, stream);
	else
		write_text(report, stream);
	return fflush(stream) == 0 && !ferror(stream) && good;
}
