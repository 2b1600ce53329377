/* SPDX-License-Identifier: MIT */
/* compare_choice.c - see compare_choice.h. */
#include "compare_choice.h"

#include <math.h>
#include <string.h>

#include "compare_progress.h"

/* A second look at what is that near to the best: the first may have had bad luck. */
#define NEAR 1.3

static const double trial_seconds = 0.05;
static const char *const places[] = { "split", "free" };

static double
score_of(const struct sample *sample, const struct cell *cell)
{
	return cell->rate ? sample->p50 * sample->p99 : sample->ns;
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
	status = peer_measure(entry->peer, entry->cell, &trial->choice, trial_seconds,
	                      comparison->timeout, &sample, entry->error);
	entry->failed |= status == RUN_FAILED;
	if (status != RUN_OK)
		return false;
	trial->wall_seconds = fmax(trial->wall_seconds, sample.wall_seconds - trial_seconds);
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

static const struct trial *
best_of(const struct entry *entry)
{
	const struct trial *best = NULL;

	for (size_t i = 0; i < entry->trial_count; i++)
		if (!best || entry->trials[i].score < best->score)
			best = &entry->trials[i];
	return best;
}

static void
try_all(const struct comparison *comparison, struct entry *entry)
{
	const json_t *waits = json_object_get(entry->peer->list, "waits");
	bool few = entry->peer->slow_start || comparison->quick;
	const struct trial *best;

	for (size_t p = 0; p < sizeof places / sizeof *places; p++)
		for (size_t w = 0; w < json_array_size(waits); w++) {
			const char *wait = json_string_value(json_array_get(waits, w));

			if (wait && !(few && p))
				add(comparison, entry, wait, places[p]);
		}
	best = best_of(entry);
	if (few && best)
		add(comparison, entry, best->choice.wait, places[1]);
}

static void
look_again(const struct comparison *comparison, struct entry *entry)
{
	const struct trial *best = best_of(entry);
	double near = best ? best->score * NEAR : 0;

	for (size_t i = 0; i < entry->trial_count && !entry->failed; i++)
		if (entry->trials[i].score <= near)
			try(comparison, entry, &entry->trials[i]);
}

static void
choose(const struct comparison *comparison, struct entry *entry)
{
	const struct trial *best;

	try_all(comparison, entry);
	if (!comparison->quick && !entry->peer->slow_start)
		look_again(comparison, entry);
	best = best_of(entry);
	if (!best)
		return;
	entry->choice = best->choice;
	entry->wall_seconds = best->wall_seconds;
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
