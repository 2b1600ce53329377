/* SPDX-License-Identifier: MIT */
/* compare_rounds.c - see compare_rounds.h. */
#include "compare_rounds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "compare_choice.h"
#include "compare_progress.h"
#include "machine.h"
#include "rounds.h"
#include "stats.h"
#include "yardstick.h"

enum { TRIES_PER_ROUND = 3 };

/* What a line time and what a yardstick take, for the estimate. */
#define LINE_SECONDS 0.03
#define YARDSTICK_SECONDS 0.1

/* -- who is in which cell --------------------------------------------------- */

/* In --quick the scenarios are measured with those that have a bar there. */
static bool
takes_part(const struct comparison *comparison, const struct peer *peer, const struct cell *cell)
{
	bool barred = !strcmp(peer->name, "disruptor") || comparison->only_peer;

	if (comparison->only_peer && strcmp(comparison->only_peer, peer->name))
		return false;
	if (comparison->quick && (cell->quick == QUICK_NO || (cell->quick == QUICK_BARRED && !barred)))
		return false;
	return peer_claims(peer, cell);
}

void
compare_plan(struct comparison *comparison)
{
	for (int c = 0; c < CELLS; c++) {
		struct field *field = &comparison->fields[comparison->field_count];
		const struct cell *cell = &cells[c];

		if (comparison->only_scenario && strcmp(comparison->only_scenario, cell->scenario))
			continue;
		*field = (struct field){ .cell = cell };
		for (int p = 0; p < PEERS && (!p || field->count); p++)
			if (p ? takes_part(comparison, &peers[p], cell) : peer_claims(&peers[p], cell))
				field->entries[field->count++] =
					(struct entry){ .peer = &peers[p], .cell = cell };
		if (field->count > 1)
			comparison->field_count++;
	}
}

/* -- rounds ----------------------------------------------------------------- */

static double
line_time(struct comparison *comparison)
{
	static size_t turn;
	double line;

	if (comparison->line_time_count) {
		line = comparison->line_times[turn++ % comparison->line_time_count];
	} else {
		line = checked_ns(yardstick_line_ns());
		machine_unpin();        /* programs inherit it */
	}
	comparison->line_low = fmin(comparison->line_low, line);
	comparison->line_high = fmax(comparison->line_high, line);
	return line;
}

static void
read_yardstick(struct comparison *comparison, struct field *field, double line)
{
	const struct cell *cell = field->cell;
	size_t size = (field->yardstick_count + 1) * sizeof *field->yardsticks;
	double *grown;

	if (comparison->line_time_count)
		return;
	grown = realloc(field->yardsticks, size);
	if (!grown)
		return;
	field->yardsticks = grown;
	grown[field->yardstick_count++] =
		checked_ns(yardstick_event_ns((uint32_t)cell->size, (uint32_t)cell->batch,
		                              yardstick_events(line)));
	machine_unpin();
}

static bool
pending(const struct comparison *comparison, const struct entry *entry)
{
	return entry->choice.wait && !entry->failed && entry->kept < comparison->rounds &&
	       entry->count < comparison->rounds * TRIES_PER_ROUND;
}

/*
 * Of a timed run. Open loop: a processor that is taken away for 2 ms leaves 200 late events behind,
 * which of 20,000 are the hundredth that a p99 begins at.
 */
static double
seconds_of(const struct comparison *comparison, const struct cell *cell)
{
	return cell->rate ? comparison->open_seconds : comparison->seconds;
}

/* What this field's next round takes, in seconds; 0: it has all it wants. */
static double
round_seconds(const struct comparison *comparison, const struct field *field)
{
	double each = seconds_of(comparison, field->cell) + LINE_SECONDS, all = 0;
	double weir = field->entries[0].wall_seconds + each;

	if (field->entries[0].failed || !field->entries[0].choice.wait)
		return 0;
	for (size_t i = 1; i < field->count; i++)
		if (pending(comparison, &field->entries[i]))
			all += field->entries[i].wall_seconds + each + weir;
	return all > 0 ? all + weir + 2 * YARDSTICK_SECONDS : 0;
}

static bool
run_entry(const struct comparison *comparison, struct entry *entry, struct sample *ret_sample)
{
	int status = peer_measure(entry->peer, entry->cell, &entry->choice,
	                          seconds_of(comparison, entry->cell), comparison->timeout, ret_sample,
	                          entry->error);

	entry->failed = status == RUN_FAILED || status == RUN_UNMEASURABLE;
	return status == RUN_OK;
}

static void
keep(struct entry *entry, const struct round *round)
{
	struct round *grown =
		realloc(entry->rounds, (entry->count + 1) * sizeof *entry->rounds);

	if (!grown)
		return;
	entry->rounds = grown;
	grown[entry->count] = *round;
	grown[entry->count].kept = rounds_steady(round->lines, ROUND_LINES);
	entry->kept += grown[entry->count].kept;
	entry->count++;
}

/* Weir, peer, weir, peer, ..., weir; each weir stands in two rounds. */
static void
field_round(struct comparison *comparison, struct field *field)
{
	struct entry *weir = &field->entries[0];
	struct round round = { 0 };

	round.lines[0] = line_time(comparison);
	read_yardstick(comparison, field, round.lines[0]);
	if (!run_entry(comparison, weir, &round.weir[0]))
		return;
	round.lines[1] = line_time(comparison);
	for (size_t i = 1; i < field->count && !run_interrupted(); i++) {
		struct entry *entry = &field->entries[i];
		bool ok;

		if (!pending(comparison, entry))
			continue;
		ok = run_entry(comparison, entry, &round.peer);
		round.lines[2] = line_time(comparison);
		if (!run_entry(comparison, weir, &round.weir[1]))
			return;
		round.lines[3] = line_time(comparison);
		if (ok)
			keep(entry, &round);
		round.weir[0] = round.weir[1];
		round.lines[0] = round.lines[2];
		round.lines[1] = round.lines[3];
	}
	read_yardstick(comparison, field, round.lines[1]);
}

static double
taken(const struct comparison *comparison)
{
	return (double)(machine_ns() - comparison->begun) / 1e9;
}

/* Seconds for the rounds that are still to come, if none more is dropped. */
static double
seconds_left(const struct comparison *comparison, double one_round)
{
	size_t most = 0;
	double left;

	for (size_t f = 0; f < comparison->field_count; f++)
		for (size_t i = 1; i < comparison->fields[f].count; i++) {
			const struct entry *entry = &comparison->fields[f].entries[i];

			if (pending(comparison, entry) && comparison->rounds - entry->kept > most)
				most = comparison->rounds - entry->kept;
		}
	left = (double)most * one_round;
	return comparison->budget > 0 ? fmin(left, comparison->budget - taken(comparison)) : left;
}

/* One more round of each field. False: there is nothing more to do, or no time for it. */
static bool
next_round(struct comparison *comparison)
{
	double all = 0;

	for (size_t f = 0; f < comparison->field_count; f++)
		all += round_seconds(comparison, &comparison->fields[f]);
	if (all <= 0)
		return false;
	comparison->rounds_begun++;
	for (size_t f = 0; f < comparison->field_count && !run_interrupted(); f++) {
		struct field *field = &comparison->fields[f];
		double one = round_seconds(comparison, field);

		if (one <= 0)
			continue;
		if (comparison->budget > 0 && taken(comparison) + one > comparison->budget) {
			comparison->out_of_time = true;
			return false;
		}
		progress_show(seconds_left(comparison, all), "round %zu: %s",
		              comparison->rounds_begun, cell_name(field->cell));
		field_round(comparison, field);
	}
	return !run_interrupted();
}

void
compare_measure(struct comparison *comparison)
{
	struct rounds_others others = rounds_others_begin();

	comparison->begun = machine_ns();
	comparison->line_low = INFINITY;
	for (size_t f = 0; f < comparison->field_count && !run_interrupted(); f++)
		choice_find(comparison, &comparison->fields[f]);
	while (!run_interrupted() && next_round(comparison))
		;
	progress_clear();
	comparison->seconds_taken = taken(comparison);
	comparison->others = rounds_others_end(&others);
}

/* -- what they amount to ---------------------------------------------------- */

/* Of a round: the peer's figure by the mean of the two of weir around it. */
static double
ratio(double peer, double weir_before, double weir_after)
{
	return peer / ((weir_before + weir_after) / 2);
}

enum figure { NS, P50, P99, NS_RATIO, P50_RATIO, P99_RATIO, P50_MORE };

static double
figure_of(const struct round *round, enum figure figure)
{
	const struct sample *before = &round->weir[0], *after = &round->weir[1];
	const struct sample *peer = &round->peer;

	switch (figure) {
	case NS: return peer->ns;
	case P50: return peer->p50;
	case P99: return peer->p99;
	case NS_RATIO: return ratio(peer->ns, before->ns, after->ns);
	case P50_RATIO: return ratio(peer->p50, before->p50, after->p50);
	case P99_RATIO: return ratio(peer->p99, before->p99, after->p99);
	default: return (before->p50 + after->p50) / 2 - peer->p50;
	}
}

static struct spread
spread_of(double *values, size_t count)
{
	stats_sort(values, count);
	return (struct spread){
		.median = stats_quantile(values, count, 0.5),
		.quartiles = { stats_quantile(values, count, 0.25),
		               stats_quantile(values, count, 0.75) },
		.count = count,
	};
}

static struct spread
entry_spread(const struct entry *entry, enum figure figure, double *values)
{
	size_t count = 0;

	for (size_t i = 0; i < entry->count; i++)
		if (entry->rounds[i].kept)
			values[count++] = figure_of(&entry->rounds[i], figure);
	return spread_of(values, count);
}

static void
summarize_entry(struct entry *entry, double *values)
{
	entry->ns = entry_spread(entry, NS, values);
	entry->p50 = entry_spread(entry, P50, values);
	entry->p99 = entry_spread(entry, P99, values);
	entry->ns_ratio = entry_spread(entry, NS_RATIO, values);
	entry->p50_ratio = entry_spread(entry, P50_RATIO, values);
	entry->p99_ratio = entry_spread(entry, P99_RATIO, values);
	entry->p50_more = entry_spread(entry, P50_MORE, values);
	entry->line_low = INFINITY;
	for (size_t i = 0; i < entry->count; i++)
		for (int l = 0; entry->rounds[i].kept && l < ROUND_LINES; l++) {
			entry->line_low = fmin(entry->line_low, entry->rounds[i].lines[l]);
			entry->line_high = fmax(entry->line_high, entry->rounds[i].lines[l]);
		}
}

/* Weir's own are the runs around the peers in the rounds that were kept. */
static void
summarize_weir(struct field *field, double *values)
{
	struct entry *weir = &field->entries[0];
	struct spread *spreads[] = { &weir->ns, &weir->p50, &weir->p99 };

	for (int figure = NS; figure <= P99; figure++) {
		size_t count = 0;

		for (size_t i = 1; i < field->count; i++)
			for (size_t r = 0; r < field->entries[i].count; r++) {
				const struct round *round = &field->entries[i].rounds[r];

				for (int w = 0; round->kept && w < 2; w++)
					values[count++] = figure == NS    ? round->weir[w].ns
					                  : figure == P50 ? round->weir[w].p50
					                                  : round->weir[w].p99;
			}
		*spreads[figure] = spread_of(values, count);
	}
}

void
compare_summarize(struct comparison *comparison)
{
	for (size_t f = 0; f < comparison->field_count; f++) {
		struct field *field = &comparison->fields[f];
		size_t most = 1;
		double *values;

		for (size_t i = 1; i < field->count; i++)
			most += 2 * field->entries[i].count;
		values = calloc(most, sizeof *values);
		if (!values)
			continue;
		for (size_t i = 1; i < field->count; i++)
			summarize_entry(&field->entries[i], values);
		summarize_weir(field, values);
		free(values);
		field->yardstick = spread_of(field->yardsticks, field->yardstick_count);
	}
}

void
compare_free(struct comparison *comparison)
{
	for (size_t f = 0; f < comparison->field_count; f++) {
		for (size_t i = 0; i < comparison->fields[f].count; i++)
			free(comparison->fields[f].entries[i].rounds);
		free(comparison->fields[f].yardsticks);
	}
}

const struct entry *
compare_entry(const struct comparison *comparison, const struct peer *peer, int cell)
{
	for (size_t f = 0; f < comparison->field_count; f++)
		for (size_t i = 0; i < comparison->fields[f].count; i++)
			if (comparison->fields[f].cell == &cells[cell] &&
			    comparison->fields[f].entries[i].peer == peer)
				return &comparison->fields[f].entries[i];
	return NULL;
}
