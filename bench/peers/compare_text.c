/* SPDX-License-Identifier: MIT */
/* compare_text.c - what was measured, as tables for a terminal. */
#include <stdio.h>
#include <string.h>

#include <weir/weir.h>

#include "compare_figure.h"
#include "compare_print.h"
#include "rounds.h"

enum { NAME_WIDTH = 14, COLUMN_WIDTH = 15 };

static const char *const headings[CLASSES] = {
	[CLASS_SINGLE] = "single: each event a publish of its own; ns an event, weir's events/s by "
	                 "the peer's",
	[CLASS_BATCHED] = "batched: both commit so many at once; ns an event, weir's events/s by the "
	                  "peer's",
	[CLASS_OPEN] = "open loop: sent by the clock; p50 in ns, the peer's p50 by weir's",
};

static void
print_head(const struct outcome *outcome)
{
	const struct comparison *comparison = outcome->comparison;
	const struct machine_facts *machine = &outcome->machine;

	printf("weir beside its peers, %s UTC%s\n\n", machine->date,
	       comparison->quick ? ", --quick: few rounds and not all cells, for a look" : "");
	printf("  machine     ");
	facts_write(&machine->facts, weir_version(), "              ", stdout);
	printf("  line time   %s ns during the run\n",
	       figure_range(comparison->line_low, comparison->line_high));
	printf("  runs        %g s each, open loop %g s; wanted %zu good rounds, begun %zu, in %.0f s\n",
	       comparison->seconds, comparison->open_seconds, comparison->rounds, comparison->rounds_begun,
	       comparison->seconds_taken);
	if (comparison->out_of_time)
		printf("  time        is over: fewer rounds than wanted\n");
	if (comparison->others > ROUNDS_OTHERS_MOST && !comparison->line_time_count)
		printf("  DISTURBED   other processes used %.2f processors\n", comparison->others);
	if (outcome->interrupted)
		printf("  INTERRUPTED this is what there was\n");
}

/* -- one table for each class: peers as rows, cells as columns --------------- */

static bool
has_class(const struct comparison *comparison, enum class class)
{
	for (size_t f = 0; f < comparison->field_count; f++)
		if (comparison->fields[f].cell->class == class)
			return true;
	return false;
}

static void
print_columns(const struct comparison *comparison, enum class class)
{
	char text[32];

	printf("\n%s\n\n  %-*s", headings[class], NAME_WIDTH, "");
	for (size_t f = 0; f < comparison->field_count; f++)
		if (comparison->fields[f].cell->class == class)
			printf("%*s", COLUMN_WIDTH, comparison->fields[f].cell->scenario);
	printf("\n  %-*s", NAME_WIDTH, "");
	for (size_t f = 0; f < comparison->field_count; f++) {
		const struct cell *cell = comparison->fields[f].cell;

		if (cell->class != class)
			continue;
		if (class == CLASS_SINGLE)
			snprintf(text, sizeof text, "%d bytes", cell->size);
		else if (class == CLASS_BATCHED)
			snprintf(text, sizeof text, "%d a commit", cell->batch);
		else
			snprintf(text, sizeof text, "%d/s", cell->rate);
		printf("%*s", COLUMN_WIDTH, text);
	}
	printf("\n");
}

static void
print_entry(const struct entry *entry)
{
	bool open = entry->cell->class == CLASS_OPEN;
	const struct spread *spread = open ? &entry->p50 : &entry->ns;
	const struct spread *ratio = open ? &entry->p50_ratio : &entry->ns_ratio;
	char text[32];

	if (entry->failed)
		snprintf(text, sizeof text, "FAILED");
	else if (!spread->count)
		snprintf(text, sizeof text, "none good");
	else if (entry->peer == &peers[0])
		snprintf(text, sizeof text, "%s       ", figure(spread->median));
	else
		snprintf(text, sizeof text, "%s %5sx", figure(spread->median),
		         figure(ratio->median));
	printf("%*s", COLUMN_WIDTH, text);
}

static void
print_row(const struct comparison *comparison, enum class class, const struct peer *peer)
{
	bool any = false;

	for (size_t f = 0; f < comparison->field_count; f++)
		any |= comparison->fields[f].cell->class == class &&
		       compare_entry(comparison, peer, (int)(comparison->fields[f].cell - cells));
	if (!any)
		return;
	printf("  %-*s", NAME_WIDTH, peer->name);
	for (size_t f = 0; f < comparison->field_count; f++) {
		const struct cell *cell = comparison->fields[f].cell;
		const struct entry *entry;

		if (cell->class != class)
			continue;
		entry = compare_entry(comparison, peer, (int)(cell - cells));
		if (entry)
			print_entry(entry);
		else
			printf("%*s", COLUMN_WIDTH, "-");
	}
	printf("\n");
}

static void
print_yardsticks(const struct comparison *comparison, enum class class)
{
	char text[32];

	printf("  %-*s", NAME_WIDTH, "(yardstick)");
	for (size_t f = 0; f < comparison->field_count; f++) {
		const struct field *field = &comparison->fields[f];

		if (field->cell->class != class)
			continue;
		if (field->yardstick.count && !field->cell->rate)
			snprintf(text, sizeof text, "%s       ", figure(field->yardstick.median));
		else
			snprintf(text, sizeof text, "-");
		printf("%*s", COLUMN_WIDTH, text);
	}
	printf("\n");
}

/* -- each with its spread ---------------------------------------------------- */

static void
print_details(const struct field *field)
{
	bool open = field->cell->class == CLASS_OPEN;

	printf("\n%s: %s\n\n  %-*s%-25s%-26s%-32s%-24s%s%s\n", class_names[field->cell->class],
	       cell_name(field->cell), NAME_WIDTH, "", "wait, place",
	       open ? "p50, ns" : "ns an event", open ? "p99, ns" : "weir's events/s by it",
	       open ? "its p50 by weir's" : "good, dropped", open ? "its p99 by weir's      " : "",
	       open ? "good, dropped" : "line, ns");
	for (size_t i = 0; i < field->count; i++) {
		const struct entry *entry = &field->entries[i];
		char rounds[32] = "";

		printf("  %-*s%-25s", NAME_WIDTH, entry->peer->name, figure_choice(&entry->choice));
		if (*entry->error) {
			printf("%s%s\n", entry->failed ? "FAILED: " : "", entry->error);
			continue;
		}
		if (i)
			snprintf(rounds, sizeof rounds, "%zu, %zu", entry->kept,
			         entry->count - entry->kept);
		printf("%-26s", figure_spread(open ? &entry->p50 : &entry->ns));
		if (open)
			printf("%-32s%-24s%-23s%s\n", figure_spread(&entry->p99),
			       i ? figure_spread(&entry->p50_ratio) : "",
			       i ? figure_spread(&entry->p99_ratio) : "", rounds);
		else
			printf("%-32s%-24s%s\n", i ? figure_spread(&entry->ns_ratio) : "", rounds,
			       i ? figure_range(entry->line_low, entry->line_high) : "");
	}
}

/* -- verdicts ---------------------------------------------------------------- */

static void
print_verdict(const struct verdict *verdict)
{
	char bar[64];

	snprintf(bar, sizeof bar, "%s %g %s",
	         verdict->above ? "above" : verdict->at_least ? "at least" : "at most",
	         verdict->limit, verdict->unit);
	printf("  %-36s %-36s %-22s %s", verdict->what, bar, figure_spread(&verdict->reached),
	       verdict_names[verdict->verdict]);
	if (verdict->nearest && verdict->of_many)
		printf("  (%s%s)", verdict->nearest->peer->name,
		       verdict->at_least ? "" : figure_ns_more(&verdict->nearest->p50_more));
	if (*verdict->unmeasured && verdict->nearest)
		printf("  without %s", verdict->unmeasured);
	printf("\n");
}

static void
print_troubles(const struct outcome *outcome)
{
	const struct comparison *comparison = outcome->comparison;

	for (int p = 0; p < PEERS; p++)
		if (peers[p].state != PEER_THERE)
			printf("%s: %s%s\n", peers[p].name,
			       peers[p].state == PEER_FAILED ? "FAILED: " : "not measured: ",
			       peers[p].error);
	for (size_t f = 0; f < comparison->field_count; f++)
		for (size_t i = 0; i < comparison->fields[f].count; i++) {
			const struct entry *entry = &comparison->fields[f].entries[i];

			if (*entry->error)
				printf("%s, %s: %s%s\n", entry->peer->name,
				       cell_name(entry->cell),
				       entry->failed ? "FAILED: " : "not measured: ", entry->error);
		}
}

void
print_text(const struct outcome *outcome)
{
	const struct comparison *comparison = outcome->comparison;

	print_head(outcome);
	for (int class = 0; class < CLASSES; class++) {
		if (!has_class(comparison, (enum class)class))
			continue;
		print_columns(comparison, (enum class)class);
		print_yardsticks(comparison, (enum class)class);
		for (int p = 0; p < PEERS; p++)
			print_row(comparison, (enum class)class, &peers[p]);
	}
	for (size_t f = 0; f < comparison->field_count; f++)
		print_details(&comparison->fields[f]);
	printf("\nbars, median [quartiles], whoever is nearest to it\n\n");
	for (int i = 0; i < VERDICTS; i++)
		print_verdict(&outcome->verdicts[i]);
	printf("\n");
	print_troubles(outcome);
	printf("%zu missed, %zu failed\n", outcome->missed, outcome->failed);
}
