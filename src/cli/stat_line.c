/* SPDX-License-Identifier: MIT */
/* stat_line.c - see stat_line.h. */
#include "stat_line.h"

#include "watch_text.h"

#include <inttypes.h>
#include <jansson.h>

void
wi_stat_line_text(const struct wi_snapshot *snapshot, bool titled, FILE *stream)
{
	const weir_counters_header *header = &snapshot->look.header;
	struct wi_figure lost = {"-"};

	if (snapshot->at_rest)
		snprintf(lost.text, sizeof(lost.text), "%" PRId64, header->lost);
	if (titled)
		fprintf(stream, "%11s %11s %9s %9s %11s %8s %6s %6s\n", "published/s", "handled/s",
			"failed/s", "refused/s", "in flight", "fullest", "stuck", "lost");
	fprintf(stream, "%11s %11s %9s %9s %11s %8s %6s %6s\n",
		wi_watch_text_rate(snapshot->published).text,
		wi_watch_text_rate(snapshot->handled).text,
		wi_watch_text_rate(snapshot->failed).text,
		wi_watch_text_rate(snapshot->refused).text,
		wi_figures_count(header->in_flight).text,
		wi_watch_text_share(snapshot->fullest).text,
		wi_figures_count(snapshot->stuck).text, lost.text);
}

void
wi_stat_line_json(const struct wi_snapshot *snapshot, FILE *stream)
{
	json_t *object = wi_watch_json_head(snapshot);

	json_dumpf(object, stream, JSON_COMPACT | JSON_REAL_PRECISION(6));
	fputc('\n', stream);
	json_decref(object);
}
