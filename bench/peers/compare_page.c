/* SPDX-License-Identifier: MIT */
/* compare_page.c - what was measured, as Markdown between two lines of a page. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compare_figure.h"
#include "compare_print.h"

enum { PAGE_MOST = 1 << 20 };

#define BEGIN "<!-- peers -->\n"
#define END "<!-- /peers -->\n"

static void
write_head(FILE *out, const struct outcome *outcome)
{
	const struct comparison *comparison = outcome->comparison;
	const struct machine_facts *machine = &outcome->machine;

	fprintf(out,
	        "%.10s, %s, %d processors%s, %s; line time %s ns during the run; medians [quartiles] "
	        "of at most %zu good rounds.",
	        machine->date, machine->facts.processor, machine->facts.allowed,
	        machine->facts.is_virtual ? " of a virtual machine" : "", machine->facts.kernel,
	        figure_range(comparison->line_low, comparison->line_high), comparison->rounds);
	for (int p = 0; p < PEERS; p++)
		if (peers[p].state != PEER_THERE)
			fprintf(out, " Not measured: %s.", peers[p].name);
	fprintf(out, "\n\n");
}

static void
write_peers(FILE *out)
{
	const char *separator = "\nVersions: ";

	for (int p = 0; p < PEERS; p++) {
		if (peers[p].state != PEER_THERE)
			continue;
		fprintf(out, "%s%s %s", separator, peers[p].name, peers[p].version);
		separator = ", ";
	}
	fprintf(out, ".\n");
}

static void
write_verdicts(FILE *out, const struct outcome *outcome)
{
	fprintf(out, "| beside | bar | measured | |\n|---|---|---|---|\n");
	for (int i = 0; i < VERDICTS; i++) {
		const struct verdict *verdict = &outcome->verdicts[i];
		bool missed = verdict->verdict == VERDICT_MISSED;

		fprintf(out, "| %s | %s %g %s | %s", verdict->what,
		        verdict->above      ? "above"
		        : verdict->at_least ? "at least"
		                            : "at most",
		        verdict->limit, verdict->unit, figure_spread(&verdict->reached));
		if (verdict->nearest && verdict->of_many)
			fprintf(out, " (%s%s)", verdict->nearest->peer->name,
			        verdict->at_least ? ""
			                          : figure_ns_more(&verdict->nearest->p50_more));
		fprintf(out, " | %s%s%s |\n", missed ? "**" : "",
		        missed ? "missed" : verdict_names[verdict->verdict], missed ? "**" : "");
	}
}

static void
write_entry(FILE *out, const struct entry *entry)
{
	bool open = entry && entry->cell->class == CLASS_OPEN;
	const struct spread *spread = !entry ? NULL : open ? &entry->p50 : &entry->ns;

	if (!entry)
		fprintf(out, " |");
	else if (entry->failed)
		fprintf(out, " failed |");
	else if (!spread->count)
		fprintf(out, " - |");
	else if (entry->peer == &peers[0])
		fprintf(out, " %s |", figure(spread->median));
	else
		fprintf(out, " %s; %s x |", figure(spread->median),
		        figure_spread(open ? &entry->p50_ratio : &entry->ns_ratio));
}

static void
write_class(FILE *out, const struct comparison *comparison, enum class class)
{
	static const char *const captions[CLASSES] = {
		"Single, each event a publish of its own: ns an event; weir's events/s by the peer's.",
		"Batched, both commit so many at once: the same.",
		"Open loop, sent by the clock: p50 in ns; the peer's p50 by weir's.",
	};

	fprintf(out, "\n%s\n\n| |", captions[class]);
	for (size_t f = 0; f < comparison->field_count; f++)
		if (comparison->fields[f].cell->class == class)
			fprintf(out, " %s |", cell_name(comparison->fields[f].cell));
	fprintf(out, "\n|---|");
	for (size_t f = 0; f < comparison->field_count; f++)
		if (comparison->fields[f].cell->class == class)
			fprintf(out, "---|");
	for (int p = 0; p < PEERS; p++) {
		if (peers[p].state != PEER_THERE)
			continue;
		fprintf(out, "\n| %s |", peers[p].name);
		for (size_t f = 0; f < comparison->field_count; f++)
			if (comparison->fields[f].cell->class == class)
				write_entry(out, compare_entry(comparison, &peers[p],
				                               (int)(comparison->fields[f].cell - cells)));
	}
	fprintf(out, "\n");
}

/* The whole file, ended by a zero; the caller's. NULL after a message. */
static char *
read_page(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, PAGE_MOST + 1);
	bool ok = file && text && fread(text, 1, PAGE_MOST, file) && feof(file);

	if (file)
		fclose(file);
	if (ok)
		return text;
	fprintf(stderr, "weir-peers: %s: cannot be read\n", path);
	free(text);
	return NULL;
}

static bool
write_page(const struct outcome *outcome, const char *path, const char *chart, bool whole,
           const char *page)
{
	const char *begin = strstr(page, BEGIN);
	const char *end = begin ? strstr(begin, END) : NULL;
	FILE *out;

	if (!end) {
		fprintf(stderr, "weir-peers: %s: no lines %.14s and %.15s\n", path, BEGIN, END);
		return false;
	}
	out = fopen(path, "w");
	if (!out) {
		fprintf(stderr, "weir-peers: %s: %s\n", path, strerror(errno));
		return false;
	}
	fprintf(out, "%.*s", (int)(begin - page), page);
	fprintf(out, BEGIN "![weir beside its peers](%s)\n\n", chart);
	write_head(out, outcome);
	write_verdicts(out, outcome);
	for (int class = 0; whole && class < CLASSES; class++)
		write_class(out, outcome->comparison, (enum class)class);
	if (whole)
		write_peers(out);
	fputs(end, out);
	if (fclose(out)) {
		fprintf(stderr, "weir-peers: %s: %s\n", path, strerror(errno));
		return false;
	}
	return true;
}

bool
print_page(const struct outcome *outcome, const char *path, const char *chart, bool whole)
{
	char *page = read_page(path);
	bool ok = page && write_page(outcome, path, chart, whole, page);

	free(page);
	return ok;
}
