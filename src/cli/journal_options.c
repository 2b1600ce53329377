/* SPDX-License-Identifier: MIT */
/* journal_options.c - the options of `weir journal`, their help and their limits. */
#include "journal_options.h"

#include "command.h"
#include "core/pattern.h"
#include "key_hash.h"
#include "quantity.h"
#include "text/timestamp.h"
#include "text/traceparent.h"

#include <argp.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum option_key {
	OPTION_TOPIC = 256,
	OPTION_FROM,
	OPTION_TO,
	OPTION_KEY,
	OPTION_TRACE,
	OPTION_LIMIT,
	OPTION_FORMAT,
	OPTION_JSON,
	OPTION_LOOSE,
	OPTION_FULL,
	OPTION_SOURCE,
	OPTION_HASH
};

static const struct argp_option options_help[] = {
	{NULL, 0, NULL, 0, "Which rows (show, export):", 1},
	{"topic", OPTION_TOPIC, "PATTERN", 0,
	 "Topics that match; may be given again. export: '>' if none is given, which leaves out what "
	 "begins with weir.: the bus's own events, and rows about gaps and openings. show: all", 0},
	{"from", OPTION_FROM, "TIME", 0, "Not before: RFC 3339, or seconds since 1970", 0},
	{"to", OPTION_TO, "TIME", 0, "Not after", 0},
	{"key", OPTION_KEY, "KEY", 0, "With this key: a whole number, or a text, which is hashed as "
	 "in the input of weir run", 0},
	{"trace", OPTION_TRACE, "ID", 0, "Of this trace: 32 hexadecimal digits, or a traceparent", 0},
	{"limit", OPTION_LIMIT, "N", 0, "At most the first N of them", 0},
	{"loose", OPTION_LOOSE, NULL, 0,
	 "Also rows that cannot be checked, because what is before them is damaged, marked so", 0},

	{NULL, 0, NULL, 0, "How:", 2},
	{"format", OPTION_FORMAT, "FORMAT", 0,
	 "export: ndjson, which weir run reads (default), or cloudevents, 1.0, one a line", 0},
	{"source", OPTION_SOURCE, "URI", 0, "The source of cloud events (/weir/journal/ID)", 0},
	{"full", OPTION_FULL, NULL, 0, "show: whole payloads, not their first 160 characters", 0},
	{"json", OPTION_JSON, NULL, 0, "verify: one JSON object. show: one for each row", 0},
	{"hash", OPTION_HASH, "ROW:HASH", 0,
	 "verify: this row must have this hash, which was kept elsewhere", 0},
	{NULL, 0, NULL, 0, "Help:", -1},
	{0}};

static const char doc[] =
	"Look at journals, also at those that are being written, and at damaged ones.\v"
	"verify checks every row against the one before, over all files, and says where the chain "
	"ends. show prints rows for people, export for programs. FILE is a journal as its setting "
	"`path' names it, which stands for all of its files, or one of these.\n\n"
	"Rows that are not what was written are reported on standard error and left out.\n\n"
	"Exit status: 0 done; 1 the chain is broken, or something could not be read; 64 wrong usage; "
	"66 there is no such journal, or none that can be opened.";

void
wi_journal_options_time(struct argp_state *state, const char *name, const char *text, uint64_t *ret_ns)
{
	size_t size = strlen(text);

	if (strspn(text, "0123456789.") == size ? wi_timestamp_from_seconds(text, size, ret_ns) :
	                                          wi_timestamp_from_rfc3339(text, size, ret_ns))
		return;
	argp_error(state, "--%s: '%s' is neither an RFC 3339 time, as 2024-05-01T12:00:00Z, nor seconds "
	           "since 1970", name, text);
}

static int
digit(char byte)
{
	return isdigit((unsigned char)byte) ? byte - '0' :
	       byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 :
	       byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

static bool
parse_hex(const char *text, uint8_t *ret_bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);

		if (low < 0)
			return false;
		ret_bytes[i] = (uint8_t)(high << 4 | low);
	}
	return text[2 * count] == '\0';
}

static void
parse_trace(struct argp_state *state, struct wi_journal_options *options, const char *text)
{
	weir_trace trace;

	options->has_trace = true;
	if (parse_hex(text, options->trace, sizeof options->trace))
		return;
	if (!wi_traceparent_parse(text, strlen(text), &trace))
		argp_error(state, "--trace: '%s' is neither 32 hexadecimal digits nor a traceparent", text);
	memcpy(options->trace, trace.trace_id, sizeof options->trace);
}

static void
parse_key(struct wi_journal_options *options, const char *text)
{
	options->has_key = true;
	if (!wi_quantity_count(text, 0, UINT64_MAX, &options->key))
		options->key = wi_key_hash_bytes(text, strlen(text));
}

static void
parse_anchor(struct argp_state *state, struct wi_journal_options *options, char *text)
{
	char *colon = strchr(text, ':');

	options->has_anchor = true;
	if (colon)
		*colon = '\0';
	if (!colon || !wi_quantity_count(text, 1, INT64_MAX, &options->anchor_seq) ||
	    !parse_hex(colon + 1, options->anchor_hash, sizeof options->anchor_hash))
		argp_error(state, "--hash: is to be a row's number, a colon and 64 hexadecimal digits");
}

static void
add_text(struct argp_state *state, const char ***list, size_t *count, const char *text)
{
	const char **more = realloc(*list, (*count + 1) * sizeof *more);

	if (!more)
		argp_failure(state, WI_EXIT_FAILED, 0, "out of memory");
	*list = more;
	more[(*count)++] = text;
}

void
wi_journal_options_topic(struct argp_state *state, const char ***list, size_t *count, const char *text)
{
	if (!wi_pattern_valid(text))
		argp_error(state, "--topic: '%s' is not a pattern: words joined by dots, * for any, "
		           "> at the end for any rest", text);
	add_text(state, list, count, text);
}

static void
take_argument(struct argp_state *state, struct wi_journal_options *options, char *argument)
{
	static const struct { const char *name; enum wi_journal_action action; } actions[] = {
		{"verify", WI_JOURNAL_VERIFY}, {"show", WI_JOURNAL_SHOW}, {"export", WI_JOURNAL_EXPORT},
	};

	if (options->action != WI_JOURNAL_NONE) {
		add_text(state, (const char ***)&options->files, &options->file_count, argument);
		return;
	}
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (strcmp(argument, actions[i].name) == 0)
			options->action = actions[i].action;
	if (options->action == WI_JOURNAL_NONE)
		argp_error(state, "'%s' is none of verify, show, export", argument);
}

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct wi_journal_options *options = state->input;

	switch (key) {
	case OPTION_TOPIC:
		wi_journal_options_topic(state, &options->patterns, &options->pattern_count, argument);
		return 0;
	case OPTION_FROM:
		wi_journal_options_time(state, "from", argument, &options->from);
		return 0;
	case OPTION_TO:
		wi_journal_options_time(state, "to", argument, &options->to);
		return 0;
	case OPTION_KEY:
		parse_key(options, argument);
		return 0;
	case OPTION_TRACE:
		parse_trace(state, options, argument);
		return 0;
	case OPTION_LIMIT:
		if (!wi_quantity_count(argument, 1, UINT64_MAX, &options->limit))
			argp_error(state, "--limit: '%s' is not a whole number from 1", argument);
		return 0;
	case OPTION_FORMAT:
		options->cloudevents = strcmp(argument, "cloudevents") == 0;
		if (!options->cloudevents && strcmp(argument, "ndjson") != 0)
			argp_error(state, "--format: '%s' is neither ndjson nor cloudevents", argument);
		return 0;
	case OPTION_SOURCE:
		options->source = argument;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case OPTION_LOOSE:
		options->loose = true;
		return 0;
	case OPTION_FULL:
		options->full = true;
		return 0;
	case OPTION_HASH:
		parse_anchor(state, options, argument);
		return 0;
	case ARGP_KEY_ARG:
		take_argument(state, options, argument);
		return 0;
	case ARGP_KEY_END:
		if (options->action == WI_JOURNAL_NONE)
			argp_error(state, "say what to do: verify, show or export");
		if (!options->file_count)
			argp_error(state, "no FILE is given");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void
wi_journal_options_parse(struct wi_journal_options *options, int argc, char **argv)
{
	static const struct argp journal_argp = {
		.options = options_help,
		.parser = parse_option,
		.args_doc = "verify|show|export FILE...",
		.doc = doc,
	};

	*options = (struct wi_journal_options){.to = UINT64_MAX, .limit = UINT64_MAX};
	argp_parse(&journal_argp, argc, argv, 0, NULL, options);
}

void
wi_journal_options_fini(struct wi_journal_options *options)
{
	free(options->files);
	free(options->patterns);
}
