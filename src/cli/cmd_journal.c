/* SPDX-License-Identifier: MIT */
/* cmd_journal.c - `weir journal`: verify, show and export what a journal holds. */
#include "command.h"
#include "core/pattern.h"
#include "figures.h"
#include "journal_options.h"
#include "journal_text.h"
#include "journal_walk.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct journal {
	struct wi_journal_options options;
	struct wi_journal_walk walk;
	struct wi_journal_writer writer;
	const struct wi_head *head;     /* whose id the writer has */
	uint64_t written;
	json_t *files, *problems;       /* of verify --json */
	bool anchored, failed;
};

/* -- which rows ------------------------------------------------------------- */

static bool
topic_wanted(const struct wi_journal_options *options, const char *topic)
{
	for (size_t i = 0; i < options->pattern_count; i++)
		if (wi_pattern_matches(options->patterns[i], topic))
			return true;
	/* Both mean all, but `>` is all but the bus's own. */
	return !options->pattern_count &&
	       (options->action == WI_JOURNAL_SHOW || !wi_name_own(topic));
}

static bool
wanted(const struct wi_journal_options *options, const struct wi_row *row, bool loose)
{
	return (!loose || options->loose) && row->time >= options->from && row->time <= options->to &&
	       (!options->has_key || (row->has_key && row->key == options->key)) &&
	       (!options->has_trace || (row->has_trace &&
	                                memcmp(row->trace, options->trace, 16) == 0)) &&
	       topic_wanted(options, row->topic);
}

/* -- show, export ----------------------------------------------------------- */

static bool
write_row(void *context, const struct wi_row *row, const uint8_t hash[WI_HASH_SIZE], bool loose)
{
	struct journal *journal = context;
	const struct wi_journal_options *options = &journal->options;

	if (journal->head != journal->walk.head) {
		journal->head = journal->walk.head;
		wi_journal_writer_set_id(&journal->writer, journal->head ? journal->head->id : NULL);
	}
	if (!wanted(options, row, loose))
		return true;
	if (options->action == WI_JOURNAL_SHOW && options->json)
		wi_journal_write_ndjson(&journal->writer, row, hash, loose);
	else if (options->action == WI_JOURNAL_SHOW)
		wi_journal_write_text(&journal->writer, row, loose);
	else if (options->cloudevents)
		wi_journal_write_cloudevent(&journal->writer, row, loose);
	else
		wi_journal_write_ndjson(&journal->writer, row, NULL, loose);
	return ++journal->written < options->limit && !ferror(stdout);
}

static void
report_problem(void *context, uint64_t first, uint64_t last, const char *text)
{
	const struct journal *journal = context;

	wi_journal_complain(&journal->walk, "weir journal", first, last, text);
}

static int
run_rows(struct journal *journal)
{
	int code;

	wi_journal_writer_init(&journal->writer, stdout);
	journal->writer.terminal = isatty(STDOUT_FILENO);
	journal->writer.full = journal->options.full;
	journal->writer.source = journal->options.source;
	journal->walk.row = write_row;
	journal->walk.problem = report_problem;
	code = wi_journal_walk(&journal->walk, journal->options.files, journal->options.file_count);
	wi_journal_writer_fini(&journal->writer);
	return code;
}

/* -- verify ----------------------------------------------------------------- */

static bool
check_anchor(void *context, const struct wi_row *row, const uint8_t hash[WI_HASH_SIZE], bool loose)
{
	struct journal *journal = context;
	const struct wi_journal_options *options = &journal->options;

	if (!loose && options->has_anchor && row->seq == options->anchor_seq &&
	    memcmp(hash, options->anchor_hash, WI_HASH_SIZE) == 0)
		journal->anchored = true;
	return true;
}

static void
print_file(void *context)
{
	const struct journal *journal = context;
	const struct wi_journal_sum *file = &journal->walk.file;

	wi_journal_put_safe(stdout, journal->walk.path);
	printf("  %s rows", wi_figures_count(file->rows).text);
	if (file->first)
		printf(", %s to %s", wi_figures_count(file->first).text,
		       wi_figures_count(file->last).text);
	if (file->problems)
		printf("  %s PROBLEMS\n", wi_figures_count(file->problems).text);
	else
		printf("  ok\n");
}

static void
print_sum(const struct journal *journal)
{
	const struct wi_journal_sum *all = &journal->walk.all;
	char hex[2 * WI_HASH_SIZE + 1];

	printf("%s rows: %s events, %s gaps, opened %s times, closed %s times\n",
	       wi_figures_count(all->rows).text, wi_figures_count(all->events).text,
	       wi_figures_count(all->gaps).text, wi_figures_count(all->opened).text,
	       wi_figures_count(all->closed).text);
	wi_journal_hex(journal->walk.end_hash, WI_HASH_SIZE, hex);
	printf("%s  ends with %" PRIu64 ":%s\n", all->problems ? "BROKEN" : "whole", journal->walk.end,
	       hex);
}

static void
keep_problem(void *context, uint64_t first, uint64_t last, const char *text)
{
	struct journal *journal = context;
	json_t *problem = json_pack("{s:s, s:s}", "file", journal->walk.path, "what", text);

	if (first && problem)
		json_object_set_new(problem, "first", json_integer((json_int_t)first));
	if (last && problem)
		json_object_set_new(problem, "last", json_integer((json_int_t)last));
	if (!problem || json_array_append_new(journal->problems, problem) != 0)
		journal->failed = true;
}

static void
keep_file(void *context)
{
	struct journal *journal = context;
	const struct wi_journal_sum *file = &journal->walk.file;
	json_t *one = json_pack("{s:s, s:I, s:I, s:I, s:I}", "file", journal->walk.path, "rows",
	                        (json_int_t)file->rows, "first", (json_int_t)file->first, "last",
	                        (json_int_t)file->last, "problems", (json_int_t)file->problems);

	if (!one || json_array_append_new(journal->files, one) != 0)
		journal->failed = true;
}

static void
print_json(struct journal *journal)
{
	const struct wi_journal_sum *all = &journal->walk.all;
	char hex[2 * WI_HASH_SIZE + 1];
	json_t *root;

	wi_journal_hex(journal->walk.end_hash, WI_HASH_SIZE, hex);
	root = json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:O, s:O}", "whole", !all->problems,
	                 "rows", (json_int_t)all->rows, "events", (json_int_t)all->events, "gaps",
	                 (json_int_t)all->gaps, "opened", (json_int_t)all->opened, "closed",
	                 (json_int_t)all->closed, "end", (json_int_t)journal->walk.end, "hash", hex,
	                 "files", journal->files, "problems", journal->problems);
	if (!root || json_dumpf(root, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) != 0)
		journal->failed = true;
	putchar('\n');
	json_decref(root);
}

static int
run_verify(struct journal *journal)
{
	const struct wi_journal_options *options = &journal->options;
	int code;

	journal->files = json_array();
	journal->problems = json_array();
	journal->walk.row = check_anchor;
	journal->walk.problem = options->json ? keep_problem : report_problem;
	journal->walk.file_end = options->json ? keep_file : print_file;
	code = wi_journal_walk(&journal->walk, options->files, options->file_count);
	if (code != WI_EXIT_NO_INPUT && options->has_anchor && !journal->anchored) {
		fprintf(stderr, "weir journal: row %" PRIu64 " with this hash is not there\n",
		        options->anchor_seq);
		journal->walk.all.problems++;
		code = WI_EXIT_FAILED;
	}
	if (code != WI_EXIT_NO_INPUT && options->json)
		print_json(journal);
	else if (code != WI_EXIT_NO_INPUT)
		print_sum(journal);
	json_decref(journal->files);
	json_decref(journal->problems);
	return code;
}

int
wi_cmd_journal(int argc, char **argv)
{
	struct journal journal = { .walk.context = &journal };
	int code;

	wi_journal_options_parse(&journal.options, argc, argv);
	code = journal.options.action == WI_JOURNAL_VERIFY ? run_verify(&journal) : run_rows(&journal);
	wi_journal_options_fini(&journal.options);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "weir journal: cannot write to standard output: %s\n", strerror(errno));
		return WI_EXIT_FAILED;
	}
	return journal.failed ? WI_EXIT_FAILED : code;
}
