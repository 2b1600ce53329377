/* SPDX-License-Identifier: MIT */
/* journal_options.h - the command line of `weir journal`. */
#ifndef WI_CLI_JOURNAL_OPTIONS_H
#define WI_CLI_JOURNAL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wi_journal_action { WI_JOURNAL_NONE, WI_JOURNAL_VERIFY, WI_JOURNAL_SHOW, WI_JOURNAL_EXPORT };

struct wi_journal_options {
	enum wi_journal_action action;
	char **files;
	size_t file_count;
	/* What rows are wanted; all of it must fit. */
	const char **patterns;
	size_t pattern_count;
	bool has_key, has_trace;
	uint64_t key;
	uint8_t trace[16];
	uint64_t from, to;              /* nanoseconds since 1970, both included */
	uint64_t limit;
	/* How they are written. */
	bool json, cloudevents, loose, full;
	const char *source;             /* of cloud events; NULL: the journal's own */
	/* verify: this row must have this hash. */
	bool has_anchor;
	uint64_t anchor_seq;
	uint8_t anchor_hash[32];
};

/* Ends the program on wrong usage. */
void wi_journal_options_parse(struct wi_journal_options *options, int argc, char **argv);
void wi_journal_options_fini(struct wi_journal_options *options);

/* What other commands take as well: a time, a pattern of topics, which is added to a list. */
struct argp_state;
void wi_journal_options_time(struct argp_state *state, const char *name, const char *text,
                             uint64_t *ret_ns);
void wi_journal_options_topic(struct argp_state *state, const char ***list, size_t *count,
                              const char *text);

#endif
