/* SPDX-License-Identifier: MIT */
/*
 * bars.c - the program bars: measure each row of the table of bars and say whether it is met.
 *
 * Each row runs in a process of its own and sends its rounds through a pipe.
 * Rounds in which the line time moved by more than 15 % are dropped and counted;
 * the bar holds for the median of the rest. A row during which other processes
 * were busy is marked: no machine with two processors has one to spare for them.
 */
#include "bars.h"
#include "checked.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/weir.h>

#include "facts.h"
#include "machine.h"
#include "rounds.h"
#include "stats.h"
#include "yardstick.h"

enum { ROUNDS = 15, ROUNDS_QUICK = 5, TRIES_PER_ROUND = 8, NOTE_SIZE = 160 };

static const struct bar *const lists[] = {
	bars_speed, bars_latency, bars_code, bars_topics, bars_routes, bars_quiet, bars_pools, bars_faults,
	bars_cycles, bars_service, bars_journal, bars_beside,
};

static struct {
	bool quick, json, list;
	const char *row;
} options;

/* -- in the row's process --------------------------------------------------- */

struct bar_run {
	int pipe;
	int kept, tried, wanted;
};

/* What goes through the pipe; small enough to be written in one piece. */
struct message {
	enum { ROUND, NOTE } kind;
	bool kept;
	struct bar_round round;
	char note[NOTE_SIZE];
};

static void
tell(struct bar_run *run, const struct message *message)
{
	if (write(run->pipe, message, sizeof *message) != sizeof *message)
		_exit(1);
}

static bool
steady(const struct bar_round *round)
{
	const double lines[] = { round->line_before, round->line_after };

	return rounds_steady(lines, 2);
}

bool
bar_round(struct bar_run *run, const struct bar_round *round)
{
	struct message message = { .kind = ROUND, .round = *round, .kept = steady(round) };

	tell(run, &message);
	run->tried++;
	run->kept += message.kept;
	return run->kept < run->wanted && run->tried < run->wanted * TRIES_PER_ROUND;
}

bool
bar_between(struct bar_run *run, double (*base)(uint64_t events), double (*other)(uint64_t events))
{
	struct bar_round round = { 0 };
	uint64_t events;

	do {
		round.line_before = checked_ns(yardstick_line_ns());
		events = yardstick_events(round.line_before);
		round.raw[0] = base(events);
		round.raw[1] = other(events);
		round.raw[2] = base(events);
		round.line_after = checked_ns(yardstick_line_ns());
		if (round.raw[0] <= 0 || round.raw[1] <= 0 || round.raw[2] <= 0)
			return false;
		round.value = round.raw[1] / ((round.raw[0] + round.raw[2]) / 2);
	} while (bar_round(run, &round));
	return true;
}

bool
bar_quick(const struct bar_run *run)
{
	(void)run;
	return options.quick;
}

void
bar_note(struct bar_run *run, const char *format, ...)
{
	struct message message = { .kind = NOTE };
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message.note, sizeof message.note, format, arguments);
	va_end(arguments);
	tell(run, &message);
}

double
bar_in_child(double (*fn)(const void *argument), const void *argument)
{
	double value = NAN;
	int ends[2], status;
	pid_t child;

	if (pipe(ends))
		return NAN;
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		value = fn(argument);
		_exit(write(ends[1], &value, sizeof value) != sizeof value);
	}
	close(ends[1]);
	if (child < 0 || read(ends[0], &value, sizeof value) != sizeof value)
		value = NAN;
	close(ends[0]);
	if (child > 0 && (waitpid(child, &status, 0) != child || status))
		value = NAN;
	return value;
}

/* -- collecting ------------------------------------------------------------- */

struct result {
	const struct bar *bar;
	struct bar_round *rounds;       /* those that were kept */
	size_t kept, dropped, wanted;
	char note[NOTE_SIZE];
	bool failed;
	double median, quartiles[2], line_low, line_high;
	double others;                  /* processors that other processes used meanwhile */
};

static void
collect(struct result *result, int pipe)
{
	struct message message;

	while (read(pipe, &message, sizeof message) == sizeof message) {
		if (message.kind == NOTE)
			memcpy(result->note, message.note, sizeof result->note);
		else if (!message.kept)
			result->dropped++;
		else if (result->kept < result->wanted)
			result->rounds[result->kept++] = message.round;
	}
}

static void
summarize(struct result *result)
{
	double values[ROUNDS];

	result->line_low = INFINITY;
	for (size_t i = 0; i < result->kept; i++) {
		const struct bar_round *round = &result->rounds[i];
		double low = fmin(round->line_before, round->line_after);
		double high = fmax(round->line_before, round->line_after);

		values[i] = round->value;
		result->line_low = fmin(result->line_low, low);
		result->line_high = fmax(result->line_high, high);
	}
	stats_sort(values, result->kept);
	result->median = stats_quantile(values, result->kept, 0.5);
	result->quartiles[0] = stats_quantile(values, result->kept, 0.25);
	result->quartiles[1] = stats_quantile(values, result->kept, 0.75);
	if (result->kept < result->wanted)
		result->failed = true;
}

static bool
met(const struct result *result)
{
	const struct bar *bar = result->bar;

	return !result->failed &&
	       (bar->at_least ? result->median >= bar->limit : result->median <= bar->limit);
}

static void
measure(const struct bar *bar, struct result *result)
{
	struct rounds_others others = rounds_others_begin();
	int ends[2], status;
	pid_t child;

	*result = (struct result){ .bar = bar, .rounds = calloc(ROUNDS, sizeof *result->rounds) };
	result->wanted = bar->once ? 1 : options.quick ? ROUNDS_QUICK : ROUNDS;
	if (!result->rounds || pipe(ends)) {
		perror("bars");
		exit(1);
	}
	fflush(stdout);
	child = fork();
	if (!child) {
		struct bar_run run = { .pipe = ends[1], .wanted = (int)result->wanted };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		_exit(!bar->run(&run, bar));
	}
	close(ends[1]);
	if (child > 0)
		collect(result, ends[0]);
	close(ends[0]);
	result->failed = child < 0 || waitpid(child, &status, 0) != child || status;
	result->others = rounds_others_end(&others);
	summarize(result);
}

/* -- printing --------------------------------------------------------------- */

static void
print_head(void)
{
	struct facts facts = facts_read("");

	facts_write(&facts, weir_version(), "", stdout);
	printf("%-15s %-48s %9s %9s %19s %6s %7s %9s  %s\n", "row", "what", "bar", "median",
	       "quartiles", "rounds", "dropped", "line ns", "verdict");
}

static void
print_row(const struct result *result)
{
	const struct bar *bar = result->bar;
	char lines[32] = "-";

	if (result->kept && result->line_high > 0)
		snprintf(lines, sizeof lines, "%.0f-%.0f", result->line_low, result->line_high);
	printf("%-15s %-48s %s %6g %9.3g [%8.3g %8.3g] %6zu %7zu %9s  %s", bar->name, bar->what,
	       bar->at_least ? ">=" : "<=", bar->limit, result->median, result->quartiles[0],
	       result->quartiles[1], result->kept, result->dropped, lines,
	       met(result) ? "met" : "MISSED");
	printf("  (%s%s%s", bar->unit, *result->note ? "; " : "", result->note);
	if (result->others > ROUNDS_OTHERS_MOST)
		printf("; DISTURBED: other processes used %.2f processors", result->others);
	printf(")\n");
}

static void
print_json_round(const struct result *result, const struct bar_round *round)
{
	printf("{\"value\":%.6g", round->value);
	if (round->line_before > 0)
		printf(",\"line_ns\":[%.1f,%.1f]", round->line_before, round->line_after);
	for (int i = 0; i < 4 && result->bar->raw[i]; i++)
		printf(",\"%s\":%.6g", result->bar->raw[i], round->raw[i]);
	printf("}");
}

/* Nothing in a note or a name needs escaping but the quotes that notes do not have. */
static void
print_json_row(const struct result *result, bool first)
{
	const struct bar *bar = result->bar;

	printf("%s\n{\"row\":\"%s\",\"what\":\"%s\",\"unit\":\"%s\",", first ? "" : ",", bar->name,
	       bar->what, bar->unit);
	printf("\"bar\":%g,\"sense\":\"%s\",", bar->limit, bar->at_least ? "at least" : "at most");
	printf("\"median\":%.6g,\"quartiles\":[%.6g,%.6g],", result->median, result->quartiles[0],
	       result->quartiles[1]);
	printf("\"kept\":%zu,\"dropped\":%zu,", result->kept, result->dropped);
	printf("\"others\":%.3f,\"met\":%s,", result->others, met(result) ? "true" : "false");
	printf("\"note\":\"%s\",\"rounds\":[", result->note);
	for (size_t i = 0; i < result->kept; i++) {
		printf("%s", i ? "," : "");
		print_json_round(result, &result->rounds[i]);
	}
	printf("]}");
}

/* Did this row (or all, without --row) miss its bar? */
static int
run_rows(void)
{
	int missed = 0, rows = 0;

	for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
		for (const struct bar *bar = lists[l]; bar->name; bar++) {
			struct result result;

			if (options.row && strcmp(options.row, bar->name))
				continue;
			measure(bar, &result);
			if (options.json)
				print_json_row(&result, !rows);
			else
				print_row(&result);
			fflush(stdout);
			rows++;
			missed += !met(&result);
			free(result.rounds);
		}
	}
	return rows ? missed : -1;
}

static void
list_rows(void)
{
	for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
		for (const struct bar *bar = lists[l]; bar->name; bar++)
			printf("%-15s %-48s %s %g %s\n", bar->name, bar->what,
			       bar->at_least ? ">=" : "<=", bar->limit, bar->unit);
}

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	(void)state;
	switch (key) {
	case 'q': options.quick = true; return 0;
	case 'j': options.json = true; return 0;
	case 'l': options.list = true; return 0;
	case 'r': options.row = argument; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "quick", 'q', NULL, 0, "Fewer and shorter rounds: for a look, not for a verdict", 0 },
	{ "json", 'j', NULL, 0, "Every round that was kept, as JSON", 0 },
	{ "list", 'l', NULL, 0, "The rows and their bars, unmeasured", 0 },
	{ "row", 'r', "NAME", 0, "Only this row", 0 },
	{ 0 },
};

static const struct argp argp = {
	argp_options, parse, NULL,
	"Measure weir against its bars: each round is yardstick, weir, yardstick on two "
	"processors; rounds in which the time of a cache line moved by more than 15 % are dropped. "
	"Exits 1 if a bar is missed or could not be measured, 77 if there are not two processors.",
	NULL, NULL, NULL,
};

int
main(int argc, char **argv)
{
	int missed;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (options.list) {
		list_rows();
		return 0;
	}
	if (!checked_begin())
		return 77;
	if (options.json)
		printf("{\"quick\":%s,\"rows\":[", options.quick ? "true" : "false");
	else
		print_head();
	missed = run_rows();
	if (options.json)
		printf("],\"missed\":%d}\n", missed < 0 ? 0 : missed);
	else if (missed >= 0)
		printf("%d missed\n", missed);
	if (missed < 0)
		fprintf(stderr, "bars: no row is called %s (see --list)\n", options.row);
	return missed < 0 ? 64 : missed > 0;
}
