/* SPDX-License-Identifier: MIT */
/*
 * compare.c - the program weir-peers: weir beside its peers, with verdicts, tables and a chart.
 *
 * The peers are programs of their own (peer-NAME). This one chooses for each how it waits and where
 * it runs, runs them in rounds between runs of weir, and says what came out.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "compare_print.h"
#include "compare_rounds.h"
#include "compare_verdicts.h"
#include "machine.h"

/* All of it is to take 30 minutes at most, 3 with --quick: some is for building. */
#define BUDGET (28 * 60.0)
#define BUDGET_QUICK (2.7 * 60)

enum { ROUNDS = 15, ROUNDS_QUICK = 3, LINE_TIMES_MOST = 64 };

static struct {
	bool json, list, update_docs;
	const char *programs, *chart, *root;
	double line_times[LINE_TIMES_MOST];
} options = { .programs = WEIR_PEERS, .root = WEIR_ROOT };

static struct comparison comparison = { .timeout = 60 };

enum { KEY_PROGRAMS = 256, KEY_CHART, KEY_UPDATE_DOCS, KEY_TIMEOUT, KEY_LINE_TIMES, KEY_ROOT };

static void
parse_line_times(char *argument)
{
	for (char *word = strtok(argument, ","); word && comparison.line_time_count < LINE_TIMES_MOST;
	     word = strtok(NULL, ","))
		options.line_times[comparison.line_time_count++] = atof(word);
	comparison.line_times = options.line_times;
}

static double
parse_number(const char *argument, double least, const char *option, struct argp_state *state)
{
	char *end;
	double number = strtod(argument, &end);

	if (*end || !(number >= least) || number > 1e6)
		argp_error(state, "%s takes a number from %g on", option, least);
	return number;
}

static void
check(struct argp_state *state)
{
	if (comparison.only_peer && !peer_named(comparison.only_peer))
		argp_error(state, "no peer is called %s (see --list)", comparison.only_peer);
	if (comparison.only_scenario &&
	    cell_find(CLASS_SINGLE, comparison.only_scenario, 48, 1) < 0)
		argp_error(state, "no scenario is called %s (see --list)", comparison.only_scenario);
	if (options.update_docs &&
	    (comparison.quick || comparison.only_peer || comparison.only_scenario))
		argp_error(state, "--update-docs takes a whole run");
}

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	switch (key) {
	case 'q': comparison.quick = true; return 0;
	case 'j': options.json = true; return 0;
	case 'l': options.list = true; return 0;
	case 'p': comparison.only_peer = argument; return 0;
	case 's': comparison.only_scenario = argument; return 0;
	case 'n':
		comparison.rounds = (size_t)parse_number(argument, 1, "--rounds", state);
		return 0;
	case KEY_PROGRAMS: options.programs = argument; return 0;
	case KEY_CHART: options.chart = argument; return 0;
	case KEY_UPDATE_DOCS: options.update_docs = true; return 0;
	case KEY_TIMEOUT:
		comparison.timeout = parse_number(argument, 0.1, "--timeout", state);
		return 0;
	case KEY_LINE_TIMES: parse_line_times(argument); return 0;
	case KEY_ROOT: options.root = argument; return 0;
	case ARGP_KEY_END: check(state); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option argp_options[] = {
	{ "quick", 'q', NULL, 0, "Few rounds, not all cells, 3 minutes at most: for a look", 0 },
	{ "json", 'j', NULL, 0, "Everything, with each round, as JSON", 0 },
	{ "list", 'l', NULL, 0, "Peers, cells and bars, unmeasured", 0 },
	{ "peer", 'p', "NAME", 0, "Only this peer", 0 },
	{ "scenario", 's', "NAME", 0, "Only the cells of this scenario", 0 },
	{ "rounds", 'n', "N", 0, "So many good rounds, however long that takes", 0 },
	{ "chart", KEY_CHART, "FILE", 0, "Draw the chart (SVG, by gnuplot) into FILE", 0 },
	{ "update-docs", KEY_UPDATE_DOCS, NULL, 0,
	  "Write chart and tables into docs/ and README.md", 0 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0, "A program that takes longer has failed (60)", 0 },
	{ "programs", KEY_PROGRAMS, "DIRECTORY", 0, "Where the programs peer-NAME are", 0 },
	{ "line-times", KEY_LINE_TIMES, "NS,...", OPTION_HIDDEN, "Not read but given: a test", 0 },
	{ "root", KEY_ROOT, "DIRECTORY", OPTION_HIDDEN, "Of the sources: a test", 0 },
	{ 0 },
};

static const struct argp argp = {
	argp_options, parse, NULL,
	"Measure weir beside its peers: in each round a peer stands between two runs of weir, and "
	"its figure is taken by the mean of the two. Rounds in which the time of a cache line moved "
	"by more than 15 % are dropped. Exits 1 if a bar is missed or a peer failed, 77 if there are "
	"not two processors.",
	NULL, NULL, NULL,
};

static void
list(void)
{
	struct verdict verdicts[VERDICTS];

	peers_find(options.programs, comparison.timeout);
	for (int i = 0; i < PEERS; i++)
		printf("%-14s %-8s %-20s %s\n", peers[i].name, peers[i].kind,
		       peers[i].version ? peers[i].version : "-",
		       peers[i].state == PEER_THERE ? peers[i].what : peers[i].error);
	printf("\n");
	for (int i = 0; i < CELLS; i++)
		printf("%-10s %s%s\n", class_names[cells[i].class], cell_name(&cells[i]),
		       cells[i].quick ? "" : "  (not in --quick)");
	printf("\n");
	verdicts_list(verdicts);
	for (int i = 0; i < VERDICTS; i++)
		printf("%-36s %s %g %s\n", verdicts[i].what,
		       verdicts[i].above      ? "above"
		       : verdicts[i].at_least ? "at least"
		                              : "at most",
		       verdicts[i].limit, verdicts[i].unit);
}

/* What was not asked for is not missing. */
static size_t
count_failed(void)
{
	size_t failed = 0;

	for (int i = 0; i < PEERS; i++)
		failed += peers[i].state == PEER_FAILED;
	for (size_t f = 0; f < comparison.field_count; f++)
		for (size_t i = 0; i < comparison.fields[f].count; i++)
			failed += comparison.fields[f].entries[i].failed;
	return failed;
}

static bool
update_docs(const struct outcome *outcome)
{
	char paths[3][512];

	snprintf(paths[0], sizeof paths[0], "%s/docs/peers.svg", options.root);
	snprintf(paths[1], sizeof paths[1], "%s/docs/benchmarks.md", options.root);
	snprintf(paths[2], sizeof paths[2], "%s/README.md", options.root);
	return print_chart(outcome, paths[0]) && print_page(outcome, paths[1], "peers.svg", true) &&
	       print_page(outcome, paths[2], "docs/peers.svg", false);
}

static bool
report(struct outcome *outcome, struct verdict *verdicts)
{
	bool ok = true;

	compare_summarize(&comparison);
	verdicts_reach(&comparison, verdicts);
	for (int i = 0; i < VERDICTS; i++)
		outcome->missed += verdicts[i].verdict == VERDICT_MISSED;
	outcome->failed = count_failed();
	if (options.json)
		ok = print_json(outcome);
	else
		print_text(outcome);
	if (ferror(stdout) || fflush(stdout) || !ok) {
		fprintf(stderr, "weir-peers: cannot write to standard output\n");
		ok = false;
	}
	/* Without gnuplot the figures are there all the same. */
	if (options.chart && print_chart(outcome, options.chart))
		fprintf(stderr, "weir-peers: the chart is %s\n", options.chart);
	if (options.update_docs && !outcome->interrupted)
		ok &= update_docs(outcome);
	return ok;
}

static void
prepare(void)
{
	if (!comparison.rounds) {
		comparison.budget = comparison.quick ? BUDGET_QUICK : BUDGET;
		comparison.rounds = comparison.quick ? ROUNDS_QUICK : ROUNDS;
	}
	comparison.seconds = comparison.quick ? 0.1 : 0.2;
	comparison.open_seconds = comparison.quick ? 0.5 : 2;
	run_catch_interrupts();
	peers_find(options.programs, comparison.timeout);
	compare_plan(&comparison);
}

int
main(int argc, char **argv)
{
	struct verdict verdicts[VERDICTS];
	struct outcome outcome = { .comparison = &comparison, .verdicts = verdicts };
	bool ok;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (options.list) {
		list();
		return 0;
	}
	if (!comparison.line_time_count &&
	    (!machine_begin() || machine_producer_cpu() == machine_dispatcher_cpu()))
		return 77;
	prepare();
	if (peers[0].state != PEER_THERE) {
		fprintf(stderr, "weir-peers: weir: %s\n", peers[0].error);
		return EX_UNAVAILABLE;
	}
	if (comparison.budget > 0)
		fprintf(stderr, "weir-peers: %zu cells; this takes at most %.0f minutes\n",
		        comparison.field_count, comparison.budget / 60 + 0.5);
	outcome.machine = machine_facts();
	compare_measure(&comparison);
	outcome.interrupted = run_interrupted();
	ok = report(&outcome, verdicts);
	compare_free(&comparison);
	if (outcome.interrupted)
		return 128 + outcome.interrupted;
	return !ok || outcome.missed || outcome.failed;
}
