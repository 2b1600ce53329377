/* SPDX-License-Identifier: MIT */
/* stat_line.c - see stat_line.h. */
#include "stat_line.h"

#include "json_line.h"
#include "watch_text.h"

#include <inttypes.h>
#include <jansson.h>

void
wi_stat_line_text(const struct wi_snapshot *snapshot, bool titled, bool wide, FILE *stream)
{
	const weir_counters_header *header = &snapshot->look.header;
	static const struct wi_times_summary none;
	const struct wi_times_summary *waiting =
		snapshot->slowest != NULL ? &snapshot->slowest->waiting.of : &none;
	struct wi_figure lost = {"-"};

	if (snapshot->at_rest)
		snprintf(lost.text, sizeof(lost.text), "%" PRId64, header->lost);
	if (titled)
		fprintf(stream, "%11s %9s %8s %9s %9s %9s %7s %5s %5s%s\n", "published/s",
			"handled/s", "failed/s", "refused/s", "in flight", "wait p99", "fullest",
			"stuck", "lost", wide ? "  busiest    full" : "");
	fprintf(stream, "%11s %9s %8s %9s %9s %9s %7s %5s %5s",
		wi_watch_text_rate(snapshot->published).text,
		wi_watch_text_rate(snapshot->handled).text,
		wi_watch_text_rate(snapshot->failed).text,
		wi_watch_text_rate(snapshot->refused).text,
		wi_figures_count(header->in_flight).text,
		wi_watch_text_time(waiting, waiting->p99_ns).text,
		wi_watch_text_share(snapshot->fullest).text, wi_figures_count(snapshot->stuck).text,
		lost.text);
	if (wide)
		fprintf(stream, " %8s %7s", wi_watch_text_share(snapshot->busiest).text,
			wi_watch_text_share(snapshot->full).text);
	fputc('\n', stream);
}

void
wi_stat_line_json(const struct wi_snapshot *snapshot, FILE *stream)
{
	wi_json_line(wi_watch_json(snapshot), stream);
}
