/* SPDX-License-Identifier: MIT */
/* tune_json.c - the search as one object, unrounded. */
#include "tune_report.h"

#include "json_line.h"
#include "stats.h"
#include "text/timestamp.h"

#include <math.h>
#include <stdlib.h>

enum { SORTED_MAX = 4096 };

static void
put_real(json_t *object, const char *name, double value)
{
	json_object_set_new(object, name, isfinite(value) ? json_real(value) : json_null());
}

static void
put_count(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void
put_text(json_t *object, const char *name, const char *value)
{
	json_t *string = value != NULL ? json_string(value) : NULL;

	json_object_set_new(object, name, string != NULL ? string : json_null());
}

static json_t *
make_goal(const struct wi_tune_options *options)
{
	static const char *const units[] = {[WI_TUNE_THROUGHPUT] = "events/s",
					    [WI_TUNE_LATENCY] = "ns",
					    [WI_TUNE_CPU] = "s/1M events"};
	json_t *goal = json_object();

	put_text(goal, "name", wi_tune_goal_name(options->goal));
	put_text(goal, "unit", units[options->goal]);
	put_text(goal, "better", options->goal == WI_TUNE_THROUGHPUT ? "more" : "less");
	if (options->load.rate > 0)
		put_count(goal, "rate", options->load.rate);
	if (options->p99_max_ns > 0)
		put_count(goal, "p99_max_ns", options->p99_max_ns);
	return goal;
}

static json_t *
make_varied(const struct wi_tune_grid *grid)
{
	json_t *list = json_array();

	for (unsigned d = 0; d < grid->space.count; d++) {
		json_t *dimension = json_object(), *values = json_array();

		for (unsigned l = 0; l < grid->space.level_count[d]; l++)
			json_array_append_new(values, json_string(grid->dimensions[d].values[l]));
		put_text(dimension, "name", grid->dimensions[d].name);
		json_object_set_new(dimension, "values", values);
		put_text(dimension, "default",
			 grid->dimensions[d].values[grid->space.base.level[d]]);
		json_array_append_new(list, dimension);
	}
	return list;
}

/* -- trials ----------------------------------------------------------------- */

static double
figure_of(const struct wi_tune_trial *trial, int figure)
{
	return figure < 0 ? trial->value : trial->at_ns[figure];
}

/* figure: a percentile, or below 0 the goal's value. */
static double
quantile(const struct wi_tune_trials *trials, int figure, double part)
{
	double values[SORTED_MAX];
	size_t count = trials->count < SORTED_MAX ? trials->count : SORTED_MAX;

	for (size_t i = 0; i < count; i++)
		values[i] = figure_of(&trials->each[i], figure);
	stats_sort(values, count);
	return stats_quantile(values, count, part);
}

static json_t *
make_settings(const struct wi_tune_grid *grid, const struct wi_tune_point *point)
{
	json_t *settings = json_object();

	for (unsigned d = 0; d < grid->space.count; d++)
		if (wi_tune_grid_means(grid, point, d))
			put_text(settings, grid->dimensions[d].name,
				 grid->dimensions[d].values[point->level[d]]);
	return settings;
}

static void
put_latency(json_t *object, const struct wi_tune_trials *trials)
{
	static const struct {
		const char *name;
		int index;
	} names[] = {{"p50_ns", 0}, {"p99_ns", 2}, {"p999_ns", 3}};
	json_t *percentiles = json_array();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		put_real(object, names[i].name, quantile(trials, names[i].index, 0.5));
	for (int i = 0; i < WI_TUNE_PERCENTILES; i++)
		json_array_append_new(percentiles, json_pack("[f, f]", wi_tune_percents[i],
							     quantile(trials, i, 0.5)));
	json_object_set_new(object, "percentiles", percentiles);
}

static bool
is_late(const struct wi_tune_trials *trials)
{
	size_t late = 0;

	for (size_t i = 0; i < trials->count; i++)
		late += trials->each[i].late;
	return 2 * late > trials->count;
}

static json_t *
make_trials(const struct wi_tune_report *report, size_t index)
{
	const struct wi_tune_trials *trials = &report->trier->settings[index];
	json_t *object = json_object(), *values = json_array();

	for (size_t i = 0; i < trials->count; i++)
		json_array_append_new(values, json_real(trials->each[i].value));
	json_object_set_new(object, "settings",
			    make_settings(report->grid, &report->search->settings[index].point));
	json_object_set_new(object, "values", values);
	put_real(object, "median", quantile(trials, -1, 0.5));
	put_real(object, "low", quantile(trials, -1, 0.25));
	put_real(object, "high", quantile(trials, -1, 0.75));
	put_real(object, "throughput", wi_tune_trials_median(trials, wi_tune_throughput));
	put_real(object, "cpu", wi_tune_trials_median(trials, wi_tune_cpu));
	if (report->options->load.rate > 0) {
		put_latency(object, trials);
		json_object_set_new(object, "rate_reached", json_boolean(!is_late(trials)));
	}
	return object;
}

/* -- verdicts --------------------------------------------------------------- */

static json_t *
make_difference(const struct wi_tune_options *options, const struct wi_tune_difference *difference)
{
	double a = wi_tune_ratio(options, difference->low),
	       b = wi_tune_ratio(options, difference->high);
	json_t *object = json_object();

	put_real(object, "ratio", wi_tune_ratio(options, difference->middle));
	put_real(object, "low", a < b ? a : b);
	put_real(object, "high", a < b ? b : a);
	put_real(object, "level", difference->level);
	put_count(object, "pairs", difference->pairs);
	put_real(object, "p", difference->p);
	json_object_set_new(object, "told", json_boolean(difference->told));
	return object;
}

static json_t *
make_effect(const struct wi_tune_report *report, unsigned d, const size_t *numbers)
{
	static const char *const verdicts[] = {[WI_TUNE_UNKNOWN] = "unknown",
					       [WI_TUNE_HARDLY] = "hardly",
					       [WI_TUNE_MATTERS] = "matters"};
	const struct wi_tune_effect *effect = &report->search->effects[d];
	const struct wi_tune_dimension *dimension = &report->grid->dimensions[d];
	json_t *object = json_object();

	put_text(object, "name", dimension->name);
	put_text(object, "best_value", dimension->values[effect->best]);
	put_real(object, "gain", wi_tune_gain(report->options, effect->gain.middle));
	put_text(object, "worst_value", dimension->values[effect->worst]);
	put_real(object, "loss", wi_tune_gain(report->options, effect->loss.middle));
	json_object_set_new(object, "matters", json_boolean(effect->verdict == WI_TUNE_MATTERS));
	put_text(object, "verdict", verdicts[effect->verdict]);
	put_real(object, "p", effect->p);
	put_count(object, "beside", numbers[effect->beside]);
	return object;
}

static json_t *
make_effects(const struct wi_tune_report *report, const size_t *numbers)
{
	json_t *list = json_array();

	for (unsigned d = 0; d < report->grid->space.count; d++)
		if (report->search->effects[d].tried)
			json_array_append_new(list, make_effect(report, d, numbers));
	return list;
}

static json_t *
make_alike(const struct wi_tune_search *search, const size_t *numbers)
{
	json_t *list = json_array();

	for (size_t i = 0; i < search->compared_count; i++)
		if (search->compared[i] != search->best && !search->behind[i].told)
			json_array_append_new(list, json_integer(
				(json_int_t)numbers[search->compared[i]]));
	return list;
}

static json_t *
make_compared(const struct wi_tune_report *report, const size_t *numbers)
{
	const struct wi_tune_search *search = report->search;
	json_t *list = json_array();

	for (size_t i = 0; i < search->compared_count; i++) {
		json_t *object = make_difference(report->options, &search->behind[i]);

		put_count(object, "trial", numbers[search->compared[i]]);
		json_array_append_new(list, object);
	}
	return list;
}

/* -- all -------------------------------------------------------------------- */

static json_t *
make_all(const struct wi_tune_report *report, size_t *numbers)
{
	json_t *root = json_object(), *trials = json_array();
	char time[WI_TIMESTAMP_SIZE];

	wi_timestamp_format((uint64_t)report->bench->start_time * UINT64_C(1000000000), time);
	put_text(root, "weir", weir_version());
	put_text(root, "kind", "tune");
	put_text(root, "command", report->options->command);
	put_text(root, "time", time);
	json_object_set_new(root, "goal", make_goal(report->options));
	json_object_set_new(root, "machine", facts_json(&report->bench->facts, weir_version()));
	json_object_set_new(root, "varied", make_varied(report->grid));
	/* Settings that were thought of and not tried have no place in the list. */
	for (size_t i = 0; i < report->search->count; i++) {
		numbers[i] = json_array_size(trials);
		if (i < report->trier->setting_count && report->trier->settings[i].count > 0)
			json_array_append_new(trials, make_trials(report, i));
	}
	json_object_set_new(root, "trials", trials);
	put_count(root, "default", numbers[0]);
	put_count(root, "best", numbers[report->search->best]);
	put_count(root, "first", numbers[report->search->first]);
	json_object_set_new(root, "alike", make_alike(report->search, numbers));
	json_object_set_new(root, "compared", make_compared(report, numbers));
	json_object_set_new(root, "over_default",
			    make_difference(report->options, &report->search->over_default));
	json_object_set_new(root, "effects", make_effects(report, numbers));
	/* As it is with the best settings. */
	json_object_set_new(root, "load", wi_bench_report_parameters(report->bench));
	put_text(root, "ini", report->ini);
	put_text(root, "load_ini", report->load_ini);
	put_text(root, "c", report->c);
	put_real(root, "seconds", (double)report->took_ns / 1e9);
	put_count(root, "trial_count", report->trier->done);
	put_count(root, "seed", report->options->seed);
	json_object_set_new(root, "exhaustive", json_boolean(report->options->exhaustive));
	put_count(root, "signal", (uint64_t)report->signal);
	return root;
}

json_t *
wi_tune_report_json(const struct wi_tune_report *report)
{
	size_t *numbers = calloc(report->search->count + 1, sizeof(*numbers));
	json_t *root = numbers != NULL ? make_all(report, numbers) : NULL;

	free(numbers);
	return root;
}

bool
wi_tune_report_write_json(const struct wi_tune_report *report, FILE *stream)
{
	return wi_json_line(wi_tune_report_json(report), stream);
}
