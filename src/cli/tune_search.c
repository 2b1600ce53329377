/* SPDX-License-Identifier: MIT */
/* tune_search.c - see tune_search.h. What the trials say in the end is in tune_verdict.c. */
#include "tune_search.h"

#include "ranks.h"
#include "tune_verdict.h"

#include <stdlib.h>
#include <string.h>

enum {
	BEAM = 12,                      /* combinations that are thought of at once */
	FIELD_MAX = 1 + BEAM + 2,       /*   and those who run against them */
	CHALLENGERS_MAX = 256,
	ROUNDS_SPARE = 2,               /* times as many: some pairs are the wrong way round */
	RACE_ROUNDS_MIN = 2,
	RACE_ROUNDS_MAX = 6,
	PASSES_MAX = 4,
	FINAL_LEAST = 6,
};

/* Shares of all trials. */
#define SCREENING_SHARE 0.4
#define FINAL_SHARE 0.3

/* The base, and all that differ from it in one dimension. */
struct pass {
	size_t base;
	struct wi_tune_change each[CHALLENGERS_MAX];
	size_t count, most;
	unsigned from, until;           /* rounds */
};

/* -- points and rounds ------------------------------------------------------ */

static bool
fit(const struct wi_tune_space *space, struct wi_tune_point *point)
{
	return space->fit == NULL || space->fit(space->context, point);
}

static bool
is_same(const struct wi_tune_space *space, const struct wi_tune_point *a,
	const struct wi_tune_point *b)
{
	return memcmp(a->level, b->level, space->count) == 0;
}

/* As a number whose digits are the levels. False after the last. */
static bool
next_point(const struct wi_tune_space *space, struct wi_tune_point *point)
{
	for (unsigned d = space->count; d-- > 0;) {
		if (++point->level[d] < space->level_count[d])
			return true;
		point->level[d] = 0;
	}
	return false;
}

/* A point stands for itself and not for another that means the same. */
static bool
stands_for_itself(const struct wi_tune_space *space, const struct wi_tune_point *point)
{
	struct wi_tune_point fitted = *point;

	return fit(space, &fitted) && is_same(space, &fitted, point);
}

uint64_t
wi_tune_space_count(const struct wi_tune_space *space, uint64_t limit)
{
	struct wi_tune_point point = {{0}};
	uint64_t count = 0;

	do
		count += stands_for_itself(space, &point);
	while (count < limit && next_point(space, &point));
	return count;
}

void
wi_tune_search_init(struct wi_tune_search *search, const struct wi_tune_space *space,
		    const struct wi_tune_measure *measure, uint64_t seed)
{
	*search = (struct wi_tune_search){.space = space,
					  .measure = measure,
					  .random = seed * UINT64_C(6364136223846793005) +
						    UINT64_C(1442695040888963407)};
	wi_tune_search_add(search, space->base);
}

void
wi_tune_search_fini(struct wi_tune_search *search)
{
	for (size_t i = 0; i < search->count; i++)
		free(search->settings[i].samples);
	free(search->settings);
	search->settings = NULL;
	search->count = 0;
}

static size_t
run_out(struct wi_tune_search *search)
{
	search->ended = search->no_memory = true;
	return WI_TUNE_NONE;
}

size_t
wi_tune_search_add(struct wi_tune_search *search, struct wi_tune_point point)
{
	struct wi_tune_setting *settings;

	if (!fit(search->space, &point))
		return WI_TUNE_NONE;
	for (size_t i = 0; i < search->count; i++)
		if (is_same(search->space, &search->settings[i].point, &point))
			return i;
	settings = realloc(search->settings, (search->count + 1) * sizeof(*settings));
	if (settings == NULL)
		return run_out(search);
	search->settings = settings;
	settings[search->count] = (struct wi_tune_setting){.point = point};
	return search->count++;
}

unsigned
wi_tune_search_changes(const struct wi_tune_search *search, size_t index)
{
	const struct wi_tune_space *space = search->space;
	unsigned count = 0;

	for (unsigned d = 0; d < space->count; d++)
		count += search->settings[index].point.level[d] != space->base.level[d];
	return count;
}

static uint64_t
draw(struct wi_tune_search *search)
{
	search->random = search->random * UINT64_C(6364136223846793005) +
			 UINT64_C(1442695040888963407);
	return search->random >> 33;
}

static uint64_t
left(const struct wi_tune_search *search)
{
	return search->ended ? 0 : search->measure->left(search->measure->context);
}

static bool
try(struct wi_tune_search *search, size_t index)
{
	struct wi_tune_sample sample = {.round = search->round}, *samples;
	/* By value: trial() may look at the settings, and they may move. */
	struct wi_tune_point point = search->settings[index].point;
	struct wi_tune_setting *setting;

	if (search->ended ||
	    !search->measure->trial(search->measure->context, &point, index, &sample.score)) {
		search->ended = true;
		return false;
	}
	setting = &search->settings[index];
	samples = realloc(setting->samples, (setting->count + 1) * sizeof(*samples));
	if (samples == NULL)
		return run_out(search) != WI_TUNE_NONE;
	setting->samples = samples;
	samples[setting->count++] = sample;
	return true;
}

bool
wi_tune_search_round(struct wi_tune_search *search, const size_t *who, size_t count)
{
	size_t *order = calloc(count + 1, sizeof(*order));
	bool good = order != NULL && left(search) >= count;

	if (order == NULL)
		run_out(search);
	for (size_t i = 0; good && i < count; i++) {
		size_t other = draw(search) % (i + 1);

		order[i] = order[other];
		order[other] = who[i];
	}
	for (size_t i = 0; good && i < count; i++)
		good = try(search, order[i]);
	search->round++;
	free(order);
	return good;
}

/* -- one dimension at a time ------------------------------------------------ */

/* One that comes out as it was, or as another, means nothing there. */
static bool
add_change(struct wi_tune_search *search, struct pass *pass, size_t from, unsigned dimension,
	   unsigned level)
{
	struct wi_tune_point point = search->settings[from].point;
	size_t index;

	if (pass->count == pass->most || point.level[dimension] == level)
		return false;
	point.level[dimension] = (uint8_t)level;
	index = wi_tune_search_add(search, point);
	if (index == WI_TUNE_NONE || index == from ||
	    search->settings[index].point.level[dimension] != level)
		return false;
	pass->each[pass->count++] = (struct wi_tune_change){dimension, level, index, from};
	return true;
}

static bool
add_changes(struct wi_tune_search *search, struct pass *pass, size_t from, unsigned dimension)
{
	bool added = false;

	for (unsigned level = 0; level < search->space->level_count[dimension]; level++)
		added = add_change(search, pass, from, dimension, level) || added;
	return added;
}

/*
 * All that differ from the base in one dimension, no more than that, the first ones first. One that
 * means nothing beside the base is looked at beside the first change with which it does.
 */
static void
find_challengers(struct wi_tune_search *search, struct pass *pass, size_t base, size_t most)
{
	*pass = (struct pass){.base = base, .from = search->round,
			      .most = most < CHALLENGERS_MAX ? most : CHALLENGERS_MAX};
	for (unsigned d = 0; d < search->space->count; d++) {
		size_t before = pass->count;

		if (add_changes(search, pass, base, d))
			continue;
		for (size_t i = 0; i < before && !add_changes(search, pass, pass->each[i].index, d);)
			i++;
	}
}

static void
play(struct wi_tune_search *search, struct pass *pass, unsigned rounds)
{
	size_t who[CHALLENGERS_MAX + 1] = {pass->base};

	for (size_t i = 0; i < pass->count; i++)
		who[i + 1] = pass->each[i].index;
	while (rounds-- > 0 && wi_tune_search_round(search, who, pass->count + 1))
		;
	pass->until = search->round;
}

/* As many rounds as may tell a difference. False: there is no time for them. */
static bool
screen(struct wi_tune_search *search, struct pass *pass)
{
	uint64_t room;
	size_t needed;

	find_challengers(search, pass, 0, CHALLENGERS_MAX);
	needed = ranks_signed_count(WI_TUNE_LEVEL / 2 / (double)pass->count);
	room = (uint64_t)(SCREENING_SHARE * (double)left(search)) / (pass->count + 1);
	if (pass->count == 0 || room < needed)
		return false;
	play(search, pass, (unsigned)(room < ROUNDS_SPARE * needed ? room : ROUNDS_SPARE * needed));
	return true;
}

/* -- combinations ----------------------------------------------------------- */

struct combination {
	struct wi_tune_point point;
	double promise;         /* the sum of what each of its changes gained alone */
};

struct beam {
	struct combination each[BEAM];
	size_t count;
};

static void
put(struct beam *beam, const struct combination *combination)
{
	size_t at = beam->count < BEAM ? beam->count++ : BEAM;

	for (; at > 0 && beam->each[at - 1].promise < combination->promise; at--)
		if (at < BEAM)
			beam->each[at] = beam->each[at - 1];
	if (at < BEAM)
		beam->each[at] = *combination;
}

static double
gain_of(const struct wi_tune_search *search, const struct pass *pass,
	const struct wi_tune_change *change)
{
	return wi_tune_search_advantage(search, change->index, change->from, pass->from);
}

/* The most promising of all combinations of the changes, if each gained the same beside others. */
static void
combine(struct wi_tune_search *search, const struct pass *pass, struct beam *beam)
{
	const struct wi_tune_point *base = &search->settings[pass->base].point;

	*beam = (struct beam){.each[0].point = *base, .count = 1};
	for (unsigned d = 0; d < search->space->count; d++) {
		struct beam next = *beam;

		for (size_t c = 0; c < pass->count; c++) {
			const struct wi_tune_change *challenger = &pass->each[c];

			if (challenger->dimension != d)
				continue;
			for (size_t i = 0; i < beam->count; i++) {
				struct combination combination = beam->each[i];

				combination.point.level[d] = (uint8_t)challenger->level;
				if (!fit(search->space, &combination.point) ||
				    combination.point.level[d] != challenger->level)
					continue;
				combination.promise += gain_of(search, pass, challenger);
				put(&next, &combination);
			}
		}
		*beam = next;
	}
}

/* -- races ------------------------------------------------------------------ */

struct field {
	size_t who[FIELD_MAX];
	size_t count;
};

static void
enter(struct field *field, size_t index)
{
	for (size_t i = 0; i < field->count; i++)
		if (field->who[i] == index)
			return;
	if (index != WI_TUNE_NONE && field->count < FIELD_MAX)
		field->who[field->count++] = index;
}

/* Who came in second, for the final; the last ones are those nearest to who leads then. */
static void
remember(struct wi_tune_search *search, size_t index)
{
	for (size_t i = WI_TUNE_FINALISTS_MAX - 1; i > 0; i--)
		search->seconds[i] = search->seconds[i - 1];
	search->seconds[0] = index;
}

/* Half of them goes after so many rounds, until two have run; the field is in order then. */
static void
race(struct wi_tune_search *search, struct field *field, unsigned rounds)
{
	struct field running = *field;
	unsigned from = search->round;

	for (;;) {
		for (unsigned r = 0; r < rounds; r++)
			if (!wi_tune_search_round(search, running.who, running.count))
				break;
		wi_tune_verdict_sort(search, running.who, running.count, from);
		memcpy(field->who, running.who, running.count * sizeof(*running.who));
		if (running.count == 2 || search->ended)
			break;
		running.count = running.count / 2 > 2 ? running.count / 2 : 2;
	}
	search->leader = field->who[0];
	remember(search, field->who[1]);
}

/* Those that the combinations promise and the default; no more than there is time for. */
static void
race_combinations(struct wi_tune_search *search, const struct pass *pass)
{
	struct field field = {.count = 0};
	struct beam beam;

	combine(search, pass, &beam);
	enter(&field, pass->base);
	for (size_t i = 0; i < beam.count; i++)
		enter(&field, wi_tune_search_add(search, beam.each[i].point));
	if (field.count > 1)
		race(search, &field, RACE_ROUNDS_MAX / 2);
}

/* -- around who leads ------------------------------------------------------- */

/* Trials of a pass over all dimensions for each round of the races in it, about. */
static uint64_t
trials_of_descent(const struct wi_tune_space *space)
{
	uint64_t trials = 1;

	for (unsigned d = 0; d < space->count; d++)
		trials += space->level_count[d] > 1 ? space->level_count[d] + 2 : 0;
	return trials;
}

/*
 * One dimension after the other: its levels run against each other, and who leads then is where the
 * next one begins. So what is good only beside another choice is found if that one is good alone.
 * True: another pass may gain something.
 */
static bool
descend(struct wi_tune_search *search, struct pass *pass, uint64_t reserved)
{
	uint64_t rounds = (left(search) - reserved) * 2 / 3 / trials_of_descent(search->space);
	double gain = 0;

	rounds = rounds < RACE_ROUNDS_MIN ? RACE_ROUNDS_MIN : rounds;
	rounds = rounds > RACE_ROUNDS_MAX ? RACE_ROUNDS_MAX : rounds;
	for (unsigned d = 0; d < search->space->count; d++) {
		struct field field = {.who = {search->leader}, .count = 1};
		size_t first = pass->count, before = search->leader;
		unsigned from = search->round;

		if (left(search) < reserved + rounds * search->space->level_count[d])
			break;
		add_changes(search, pass, search->leader, d);
		for (size_t i = first; i < pass->count; i++)
			enter(&field, pass->each[i].index);
		if (field.count > 1)
			race(search, &field, (unsigned)rounds);
		gain += wi_tune_search_advantage(search, search->leader, before, from);
	}
	pass->until = search->round;
	return gain >= WI_TUNE_LITTLE;
}

/* -- all -------------------------------------------------------------------- */

static void
decide(struct wi_tune_search *search)
{
	struct field finalists = {.count = 0};
	unsigned from = search->round;

	search->stage = WI_TUNE_FINAL;
	enter(&finalists, 0);
	enter(&finalists, search->leader);
	for (size_t i = 0; i < WI_TUNE_FINALISTS_MAX && finalists.count < WI_TUNE_FINALISTS_MAX &&
			   (finalists.count + 1) * FINAL_LEAST <= left(search);
	     i++)
		enter(&finalists, search->seconds[i]);
	while (finalists.count > 1 && left(search) >= finalists.count &&
	       search->round - from < RANKS_COUNT_MAX &&
	       wi_tune_search_round(search, finalists.who, finalists.count))
		if (wi_tune_verdict_is_look(finalists.count, search->round - from) &&
		    wi_tune_verdict_is_decided(search, finalists.who, finalists.count, from))
			break;
	search->final_rounds = search->round - from;
	wi_tune_verdict_final(search, finalists.who, finalists.count, from);
}

/*
 * With time for rounds that can tell, all levels beside the default first, and what they promise
 * together; with less the time is better spent around who leads.
 */
void
wi_tune_search_run(struct wi_tune_search *search)
{
	uint64_t reserved = (uint64_t)(FINAL_SHARE * (double)left(search));
	struct pass screened = {.until = 0}, passed = {.most = CHALLENGERS_MAX};

	if (search->count == 0)
		return;
	search->stage = WI_TUNE_SCREENING;
	if (screen(search, &screened)) {
		search->stage = WI_TUNE_COMBINING;
		race_combinations(search, &screened);
	}
	search->stage = WI_TUNE_COMBINING;
	for (int i = 0; i < PASSES_MAX && left(search) > reserved; i++)
		if (!descend(search, &passed, reserved))
			break;
	decide(search);
	if (screened.until > 0)
		wi_tune_verdict_effects(search, screened.each, screened.count, screened.until,
					true);
	else
		wi_tune_verdict_effects(search, passed.each, passed.count, passed.until, false);
	search->stage = WI_TUNE_DONE;
}

void
wi_tune_search_exhaust(struct wi_tune_search *search, unsigned repeats)
{
	struct wi_tune_point point = {{0}};
	size_t *who, count = 0;

	search->stage = WI_TUNE_EXHAUSTIVE;
	do
		if (stands_for_itself(search->space, &point))
			wi_tune_search_add(search, point);
	while (!search->ended && next_point(search->space, &point));
	who = calloc(search->count + 1, sizeof(*who));
	if (who == NULL)
		run_out(search);
	for (; who != NULL && count < search->count; count++)
		who[count] = count;
	while (!search->ended && repeats-- > 0 && wi_tune_search_round(search, who, count))
		;
	if (!search->no_memory)
		wi_tune_verdict_exhaustive(search);
	free(who);
	search->stage = WI_TUNE_DONE;
}
