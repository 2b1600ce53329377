/* SPDX-License-Identifier: MIT */
/* loader.h - read the input line by line and lay its events on the producers' tapes, or publish
 * them. */
#ifndef WI_CLI_LOADER_H
#define WI_CLI_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "event_line.h"
#include "lines.h"

struct wi_loader;
struct wi_progress;
struct wi_publishers;
struct wi_topics;

enum wi_loader_result {
	WI_LOADER_DONE,
	WI_LOADER_BAD_LINE, /* only if strict */
	WI_LOADER_INTERRUPTED,
	WI_LOADER_FAILED /* a message was written */
};

/* Takes one good event; false: it is bad after all, and the parser's error says why. */
typedef bool (*wi_loader_take_fn)(struct wi_loader *loader, const struct wi_event_line *line,
				  uint32_t topic_index);

struct wi_loader {
	/* Given by the caller. */
	const char *name; /* of the input, for messages */
	int fd;
	bool strict;
	uint64_t line_size_max;
	uint32_t payload_size_max;
	struct wi_topics *topics;
	wi_loader_take_fn take; /* NULL: on the publishers' tapes */
	void *context;          /* of take */
	struct wi_publishers *publishers;
	int stop_fd;            /* readable: stop; -1: none */
	bool ends_on_stop;      /* see lines.h */
	struct wi_progress *progress;
	/* The results. */
	bool stopped; /* also by take: WI_LOADER_INTERRUPTED */
	uint64_t line_count, empty_count, bad_count, event_count, byte_count, ns;
	/* Its own. */
	struct wi_lines lines;
	struct wi_event_line_parser parser;
	uint64_t input_size; /* 0: not known */
	uint64_t start_ns;
	unsigned next_publisher; /* for events without a key */
};

enum wi_loader_result wi_loader_run(struct wi_loader *loader);

#endif
