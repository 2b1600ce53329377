/* SPDX-License-Identifier: MIT */
/* loader.c - what makes a line bad, who publishes its event, and how reading is told. */
#include "loader.h"

#include "figures.h"
#include "key_hash.h"
#include "progress.h"
#include "publishers.h"
#include "stopwatch.h"
#include "topics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { BAD_SHOWN_MAX = 20 };

static void
report_bad(struct wi_loader *loader, const char *reason)
{
	loader->bad_count++;
	if (loader->bad_count <= BAD_SHOWN_MAX)
		wi_progress_message(loader->progress, "%s: line %" PRIu64 ": %s", loader->name,
				    loader->lines.number, reason);
	if (loader->bad_count == BAD_SHOWN_MAX + 1)
		wi_progress_message(loader->progress, "%s: further bad lines are only counted",
				    loader->name);
}

static bool
is_empty(const char *line, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	return true;
}

static bool
find_topic(struct wi_loader *loader, const struct wi_event_line *line, uint32_t *ret_index)
{
	weir_status status =
		wi_topics_find(loader->topics, line->topic, line->topic_size, ret_index);

	if (status == WEIR_OK)
		return true;
	if (status == WEIR_EINVAL)
		return wi_event_line_fail(
			&loader->parser,
			"topic \"%.80s\" is not allowed: words of A-Z a-z 0-9 _ -, "
			"joined by dots, at most 255 bytes, not below \"weir.\"",
			line->topic);
	return wi_event_line_fail(&loader->parser, "topic \"%.80s\": %s", line->topic,
				  weir_status_text(status));
}

/* One key, one producer: that is what keeps its events in order. */
static struct wi_publisher *
choose_publisher(struct wi_loader *loader, const struct wi_event_line *line)
{
	unsigned count = loader->publishers->count;

	if (line->flags & WI_EVENT_LINE_KEY)
		return &loader->publishers
				->list[wi_key_hash_bytes(&line->key, sizeof(line->key)) % count];
	return &loader->publishers->list[loader->next_publisher++ % count];
}

static bool
take_to_tape(struct wi_loader *loader, const struct wi_event_line *line, uint32_t topic_index)
{
	struct wi_publisher *publisher = choose_publisher(loader, line);

	return wi_tape_append(&publisher->tape, loader->topics->entries[topic_index].topic,
			      topic_index, line) ||
	       wi_event_line_fail(&loader->parser, "out of memory");
}

static bool
load_line(struct wi_loader *loader, const char *text, size_t size)
{
	struct wi_event_line line;
	uint32_t topic_index;

	if (!wi_event_line_parse(&loader->parser, text, size, &line) ||
	    !find_topic(loader, &line, &topic_index))
		return false;
	if (line.data_size > loader->payload_size_max)
		return wi_event_line_fail(&loader->parser,
					  "\"data\" has %zu bytes, of which a ring takes %" PRIu32,
					  line.data_size, loader->payload_size_max);
	if (!(loader->take != NULL ? loader->take : take_to_tape)(loader, &line, topic_index))
		return false;
	loader->event_count += !loader->stopped;
	return true;
}

static void
draw(struct wi_loader *loader)
{
	uint64_t elapsed_ns = wi_stopwatch_now() - loader->start_ns;
	char percent[16] = "";

	if (loader->input_size > 0 && loader->lines.byte_count <= loader->input_size)
		snprintf(percent, sizeof(percent), "  %3.0f %%",
			 100.0 * (double)loader->lines.byte_count / (double)loader->input_size);
	wi_progress_draw(loader->progress, "reading %s lines%s  %s  %s lines/s",
			 wi_figures_count(loader->lines.number).text, percent,
			 wi_figures_bytes((double)loader->lines.byte_count).text,
			 wi_figures_rate(loader->lines.number, elapsed_ns).text);
}

static enum wi_loader_result
load(struct wi_loader *loader)
{
	for (;;) {
		const char *line;
		size_t size;
		bool good = true;

		switch (wi_lines_next(&loader->lines, &line, &size)) {
		case WI_LINES_LINE:
			if (is_empty(line, size))
				loader->empty_count++;
			else
				good = load_line(loader, line, size);
			break;
		case WI_LINES_TOO_LONG:
			good = wi_event_line_fail(&loader->parser,
						  "longer than %" PRIu64 " bytes (see --max-line)",
						  loader->line_size_max);
			break;
		case WI_LINES_END:
			return WI_LOADER_DONE;
		case WI_LINES_INTERRUPTED:
			return WI_LOADER_INTERRUPTED;
		case WI_LINES_FAILED:
			wi_progress_message(loader->progress, "%s: %s", loader->name,
					    strerror(errno));
			return WI_LOADER_FAILED;
		}
		if (loader->stopped)
			return WI_LOADER_INTERRUPTED;
		if (!good)
			report_bad(loader, loader->parser.error);
		if (!good && loader->strict)
			return WI_LOADER_BAD_LINE;
		if (wi_progress_due(loader->progress))
			draw(loader);
	}
}

enum wi_loader_result
wi_loader_run(struct wi_loader *loader)
{
	enum wi_loader_result result;
	struct stat stat;

	if (fstat(loader->fd, &stat) == 0 && S_ISREG(stat.st_mode))
		loader->input_size = (uint64_t)stat.st_size;
	loader->start_ns = wi_stopwatch_now();
	wi_event_line_init(&loader->parser);
	wi_lines_open(&loader->lines, loader->fd, loader->line_size_max, loader->stop_fd);
	loader->lines.ends_on_stop = loader->ends_on_stop;
	result = load(loader);
	loader->line_count = loader->lines.number;
	loader->byte_count = loader->lines.byte_count;
	wi_lines_close(&loader->lines);
	wi_event_line_fini(&loader->parser);
	loader->ns = wi_stopwatch_now() - loader->start_ns;
	wi_progress_clear(loader->progress);
	return result;
}
