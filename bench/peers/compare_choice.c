/* SPDX-License-Identifier: MIT */
/* compare_choice.c - see compare_choice.h. */
#include "compare_choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare_progress.h"

/* A second look at what is that near to the best: the first may have had bad luck. */
#define NEAR 1.3

/* How many of the best are tried unpinned, and looked at again. */
enum { UNPINNED = 2, AGAIN = 3 };

/*
 * A Java or JavaScript peer warms up for 2 s at least, but in trials and with --quick only so long,
 * and on until two loads in a row agree. Trials come first, so --quick need only leave it set.
 */
#define WARMUP "0.6"
#define WARMUP_LESS 1.4

/* How many waits of one that starts slowly are tried with --quick: the first it lists. */
enum { SLOW_QUICK = 3 };

/* Open loop: long enough for a p99 to be more than one event. */
static double
trial_seconds(const struct cell *cell)
{
	return cell->rate ? 0.4 : 0.05;
}

/* A p99 is mostly what the hypervisor took away: it decides only where the p50 are alike. */
static double
score_of(const struct sample *sample, const struct cell *cell)
{
	return cell->rate ? sample->p50 * pow(sample->p99, 0.1) : sample->ns;
}

static bool
try(const struct comparison *comparison, struct entry *entry, struct trial *trial)
{
	struct sample sample;
	double score;
	int status;

	if (run_interrupted())
		return false;
	progress_show(comparison->budget, "choosing: %s, %s, %s %s", cell_name(entry->cell),
	              entry->peer->name, trial->choice.wait, trial->choice.place);
	setenv("PEER_WARMUP", WARMUP, 1);
	status = peer_measure(entry->peer, entry->cell, &trial->choice, trial_seconds(entry->cell),
	                      comparison->timeout, &sample, entry->error);
	if (!comparison->quick)
		unsetenv("PEER_WARMUP");
	entry->failed |= status == RUN_FAILED;
	if (status != RUN_OK)
		return false;
	trial->wall_seconds = fmax(trial->wall_seconds, sample.wall_seconds - trial_seconds(entry->cell));
	if (entry->peer->slow_start && !comparison->quick)
		trial->wall_seconds += WARMUP_LESS;
	score = score_of(&sample, entry->cell);
	trial->score = trial->score > 0 ? fmin(trial->score, score) : score;
	return true;
}

static bool
add(const struct comparison *comparison, struct entry *entry, const char *wait, const char *place)
{
	struct trial trial = { .choice = { wait, place } };

	if (entry->trial_count == TRIALS_MOST || entry->failed ||
	    !try(comparison, entry, &trial))
		return false;
	entry->trials[entry->trial_count++] = trial;
	return true;
}

static int
compare_trials(const void *a, const void *b)
{
	double x = ((const struct trial *)a)->score, y = ((const struct trial *)b)->score;

	return (x > y) - (x < y);
}

/* The best first. */
static void
sort(struct entry *entry)
{
	qsort(entry->trials, entry->trial_count, sizeof *entry->trials, compare_trials);
}

static void
try_all(const struct comparison *comparison, struct entry *entry, size_t unpinned)
{
	const json_t *waits = json_object_get(entry->peer->list, "waits");
	size_t count = json_array_size(waits);
	const char *best[UNPINNED];

	if (comparison->quick && entry->peer->slow_start && count > SLOW_QUICK)
		count = SLOW_QUICK;
	for (size_t w = 0; w < count; w++) {
		const char *wait = json_string_value(json_array_get(waits, w));

		if (wait)
			add(comparison, entry, wait, "split");
	}
	sort(entry);
	if (unpinned > entry->trial_count)
		unpinned = entry->trial_count;
	for (size_t i = 0; i < unpinned; i++)
		best[i] = entry->trials[i].choice.wait;
	for (size_t i = 0; i < unpinned; i++)
		add(comparison, entry, best[i], "free");
	sort(entry);
}

static void
look_again(const struct comparison *comparison, struct entry *entry)
{
	double near = entry->trial_count ? entry->trials[0].score * NEAR : 0;

	for (size_t i = 0; i < entry->trial_count && i < AGAIN && !entry->failed; i++)
		if (entry->trials[i].score <= near)
			try(comparison, entry, &entry->trials[i]);
	sort(entry);
}

static void
choose(const struct comparison *comparison, struct entry *entry)
{
	bool few = comparison->quick || entry->peer->slow_start;

	/* In an open loop where the kernel has put the threads would decide the p99, run by run. */
	try_all(comparison, entry, entry->cell->rate ? 0 : few ? 1 : UNPINNED);
	if (!few)
		look_again(comparison, entry);
	if (!entry->trial_count)
		return;
	entry->choice = entry->trials[0].choice;
	entry->wall_seconds = entry->trials[0].wall_seconds;
}

void
choice_find(struct comparison *comparison, struct field *field)
{
	int like = comparison->quick ? cells[field->cell - cells].like : -1;

	for (size_t i = 0; i < field->count && !run_interrupted(); i++) {
		struct entry *entry = &field->entries[i];
		const struct entry *other = NULL;

		if (like >= 0 && &cells[like] != field->cell)
			other = compare_entry(comparison, entry->peer, like);
		if (other && other->choice.wait && !other->failed) {
			entry->choice = other->choice;
			entry->wall_seconds = other->wall_seconds;
		} else {
			choose(comparison, entry);
		}
	}
}
