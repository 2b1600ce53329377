/* SPDX-License-Identifier: MIT */
/* tune_text.c - the search for people. */
#include "tune_report.h"

#include "figures.h"
#include "stats.h"
#include "stopwatch.h"
#include "tune_ini.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 1024, LABEL = 14, WIDTH_MAX = 44 };

#define FAR 10          /* as a logarithm: one of the two does not keep to --p99-max */

double
wi_tune_ratio(const struct wi_tune_options *options, double difference)
{
	return exp(options->goal == WI_TUNE_THROUGHPUT ? difference : -difference);
}

double
wi_tune_gain(const struct wi_tune_options *options, double difference)
{
	double ratio = wi_tune_ratio(options, difference);

	return options->goal == WI_TUNE_THROUGHPUT ? ratio - 1 : 1 - ratio;
}

static void
write_label(const char *label, FILE *stream)
{
	fprintf(stream, "  %-*s", LABEL - 2, label);
}

static struct wi_figure
value_text(const struct wi_tune_options *options, double value)
{
	struct wi_figure figure;

	switch (options->goal) {
	case WI_TUNE_THROUGHPUT:
		return wi_figures_rate((uint64_t)(value + 0.5), WI_STOPWATCH_S);
	case WI_TUNE_LATENCY:
		return wi_figures_nanoseconds(value);
	default:
		snprintf(figure.text, sizeof(figure.text), "%.3g s", value);
		return figure;
	}
}

static const char *
value_name(const struct wi_tune_options *options)
{
	static const char *const names[] = {[WI_TUNE_THROUGHPUT] = "events/s",
					    [WI_TUNE_LATENCY] = "p99",
					    [WI_TUNE_CPU] = "cpu/1M events"};

	return names[options->goal];
}

/* "+8.4 %", as the goal's value goes. */
static struct wi_figure
change_text(const struct wi_tune_options *options, double difference)
{
	struct wi_figure figure;

	if (fabs(difference) > FAR)
		snprintf(figure.text, sizeof(figure.text), "too late");
	else
		snprintf(figure.text, sizeof(figure.text), "%+.1f %%",
			 (wi_tune_ratio(options, difference) - 1) * 100);
	return figure;
}

static struct wi_figure
p_text(double p)
{
	struct wi_figure figure;

	if (p < 0.0001)
		snprintf(figure.text, sizeof(figure.text), "p < 0.0001");
	else
		snprintf(figure.text, sizeof(figure.text), "p %.2g", p);
	return figure;
}

/* -- before ----------------------------------------------------------------- */

static void
write_goal(const struct wi_tune_report *report, FILE *stream)
{
	const struct wi_tune_options *options = report->options;

	write_label("goal", stream);
	switch (options->goal) {
	case WI_TUNE_THROUGHPUT:
		fputs("most events a second\n", stream);
		break;
	case WI_TUNE_LATENCY:
		fputs("least p99, from when an event was to be sent until its handlers returned\n",
		      stream);
		break;
	default:
		fputs("least processor time", stream);
		if (options->p99_max_ns > 0)
			fprintf(stream, ", with a p99 of at most %s",
				wi_figures_time(options->p99_max_ns).text);
		fputc('\n', stream);
	}
}

static void
write_varied(const struct wi_tune_report *report, FILE *stream)
{
	const struct wi_tune_grid *grid = report->grid;
	size_t width = 0;

	for (unsigned d = 0; d < grid->space.count; d++)
		if (strlen(grid->dimensions[d].name) > width)
			width = strlen(grid->dimensions[d].name);
	for (unsigned d = 0; d < grid->space.count; d++) {
		write_label(d == 0 ? "varied" : "", stream);
		fprintf(stream, "%-*s ", (int)width, grid->dimensions[d].name);
		for (unsigned l = 0; l < grid->space.level_count[d]; l++)
			fprintf(stream, " %s%s", grid->dimensions[d].values[l],
				l == grid->space.base.level[d] ? "*" : "");
		fputc('\n', stream);
	}
	write_label("", stream);
	fputs("(*: the default, where the search begins)\n", stream);
}

void
wi_tune_report_write_head(const struct wi_tune_report *report, FILE *stream)
{
	enum { GRID_MAX = 100000 };
	uint64_t count = wi_tune_space_count(&report->grid->space, GRID_MAX);

	wi_bench_report_write_load(report->bench, "weir tune", stream);
	write_goal(report, stream);
	write_varied(report, stream);
	write_label("settings", stream);
	fprintf(stream, "%s%s that differ; ", wi_figures_count(count).text,
		count >= GRID_MAX ? " and more" : "");
	if (report->options->exhaustive)
		fprintf(stream, "all of them, %llu times\n",
			(unsigned long long)report->options->load.repeat);
	else
		fprintf(stream, "%s to search them\n",
			wi_figures_time(report->options->budget_ns).text);
	wi_bench_report_write_machine(report->bench, stream);
	fflush(stream);
}

/* -- after ------------------------------------------------------------------ */

/* "default" and so on, as wide as the widest of the final. */
static void
setting_text(const struct wi_tune_report *report, size_t index, char text[TEXT_SIZE])
{
	wi_tune_grid_text(report->grid, &report->search->settings[index].point, text, TEXT_SIZE);
}

static void
write_over_default(const struct wi_tune_report *report, FILE *stream)
{
	const struct wi_tune_search *search = report->search;
	const struct wi_tune_difference *over = &search->over_default;
	double a = wi_tune_ratio(report->options, over->low),
	       b = wi_tune_ratio(report->options, over->high);

	write_label("", stream);
	if (search->best == 0) {
		fputs("nothing was found that is better\n", stream);
		return;
	}
	if (fabs(over->middle) > FAR) {
		fputs("the default is too late\n", stream);
		return;
	}
	fprintf(stream, "%.3g times the default's", wi_tune_ratio(report->options, over->middle));
	if (over->pairs > 1)
		fprintf(stream, " [%.3g to %.3g with %.0f %%, %zu pairs]", a < b ? a : b,
			a < b ? b : a, over->level * 100, over->pairs);
	if (over->told)
		fprintf(stream, ", %s\n", p_text(over->p).text);
	else
		fputs(", which cannot be told from noise\n", stream);
}

static void
write_best(const struct wi_tune_report *report, FILE *stream)
{
	const struct wi_tune_search *search = report->search;
	const struct wi_tune_trials *best = &report->trier->settings[search->best];
	const struct wi_tune_trials *normal = &report->trier->settings[0];
	char text[TEXT_SIZE];

	setting_text(report, search->best, text);
	fputc('\n', stream);
	write_label("best", stream);
	fprintf(stream, "%s\n", text);
	write_label("", stream);
	fprintf(stream, "%s %s", value_name(report->options),
		value_text(report->options, wi_tune_trials_median(best, wi_tune_value)).text);
	if (search->best != 0)
		fprintf(stream, ", the default's %s",
			value_text(report->options,
				   wi_tune_trials_median(normal, wi_tune_value)).text);
	fputs(" (medians of all trials)\n", stream);
	write_over_default(report, stream);
	if (!wi_tune_trials_keep(best, report->options)) {
		write_label("", stream);
		fprintf(stream, "no setting was found whose p99 is at most %s\n",
			wi_figures_time(report->options->p99_max_ns).text);
	}
	if (search->best != search->first) {
		setting_text(report, search->first, text);
		write_label("", stream);
		fprintf(stream, "first came %s;\n", text);
		write_label("", stream);
		fprintf(stream, "it cannot be told apart, is less than %.0f %% ahead, and changes more "
				"or costs more\n", WI_TUNE_LITTLE * 100);
	}
}

static double
tail(const struct wi_tune_trial *trial)
{
	return trial->at_ns[2];
}

static double
middle(const struct wi_tune_trial *trial)
{
	return trial->at_ns[0];
}

static void
write_compared_row(const struct wi_tune_report *report, size_t i, size_t width, FILE *stream)
{
	const struct wi_tune_search *search = report->search;
	const struct wi_tune_difference *behind = &search->behind[i];
	const struct wi_tune_trials *trials = &report->trier->settings[search->compared[i]];
	char text[TEXT_SIZE], cpu[32];

	setting_text(report, search->compared[i], text);
	snprintf(cpu, sizeof(cpu), "%.3g s", wi_tune_trials_median(trials, wi_tune_cpu));
	fprintf(stream, "  %-*s %12s", (int)width, text,
		value_text(report->options, wi_tune_trials_median(trials, wi_tune_value)).text);
	if (report->options->goal == WI_TUNE_LATENCY)
		fprintf(stream, " %12s",
			wi_figures_nanoseconds(wi_tune_trials_median(trials, middle)).text);
	if (report->options->goal == WI_TUNE_CPU)
		fprintf(stream, " %12s",
			wi_figures_nanoseconds(wi_tune_trials_median(trials, tail)).text);
	else
		fprintf(stream, " %14s", cpu);
	if (i == 0)
		fputs("       first\n", stream);
	else
		fprintf(stream, " %11s  %s\n", change_text(report->options, behind->middle).text,
			behind->told ? p_text(behind->p).text : "cannot be told apart");
}

static void
write_compared(const struct wi_tune_report *report, FILE *stream)
{
	const struct wi_tune_search *search = report->search;
	size_t width = 10;
	char text[TEXT_SIZE];

	if (search->compared_count < 2)
		return;
	for (size_t i = 0; i < search->compared_count; i++) {
		setting_text(report, search->compared[i], text);
		width = strlen(text) > width ? strlen(text) : width;
	}
	width = width < WIDTH_MAX ? width : WIDTH_MAX;
	fprintf(stream, "\n  %-*s %12s", (int)width,
		report->options->exhaustive ? "the first" : "compared",
		value_name(report->options));
	if (report->options->goal == WI_TUNE_LATENCY)
		fprintf(stream, " %12s", "p50");
	if (report->options->goal == WI_TUNE_CPU)
		fprintf(stream, " %12s", "p99");
	else
		fprintf(stream, " %14s", "cpu/1M events");
	fputs("   to first\n", stream);
	for (size_t i = 0; i < search->compared_count; i++)
		write_compared_row(report, i, width, stream);
}

static void
write_effect(const struct wi_tune_report *report, unsigned d, size_t width, FILE *stream)
{
	static const char *const verdicts[] = {[WI_TUNE_UNKNOWN] = "cannot be told from noise",
					       [WI_TUNE_HARDLY] = "hardly matters",
					       [WI_TUNE_MATTERS] = "matters"};
	const struct wi_tune_effect *effect = &report->search->effects[d];
	const struct wi_tune_dimension *dimension = &report->grid->dimensions[d];
	bool gains = effect->gain.middle > 0, loses = effect->loss.middle < 0;
	char text[TEXT_SIZE];

	fprintf(stream, "  %-*s %9s %9s %9s %9s  %s", (int)width, dimension->name,
		gains ? dimension->values[effect->best] : "-",
		gains ? change_text(report->options, effect->gain.middle).text : "",
		loses ? dimension->values[effect->worst] : "-",
		loses ? change_text(report->options, effect->loss.middle).text : "",
		verdicts[effect->verdict]);
	if (effect->verdict == WI_TUNE_MATTERS)
		fprintf(stream, ", %s", p_text(effect->p).text);
	if (effect->beside != 0) {
		setting_text(report, effect->beside, text);
		fprintf(stream, "; beside %s", text);
	}
	fputc('\n', stream);
}

static void
write_effects(const struct wi_tune_report *report, FILE *stream)
{
	size_t width = 8;
	bool any = false;

	for (unsigned d = 0; d < report->grid->space.count; d++) {
		any = any || report->search->effects[d].tried;
		if (strlen(report->grid->dimensions[d].name) > width)
			width = strlen(report->grid->dimensions[d].name);
	}
	if (!any)
		return;
	fprintf(stream, "\n  %-*s %9s %9s %9s %9s\n", (int)width, "each", "best", "gain", "worst",
		"loss");
	for (unsigned d = 0; d < report->grid->space.count; d++)
		if (report->search->effects[d].tried)
			write_effect(report, d, width, stream);
}

static void
write_indented(const char *title, const char *text, FILE *stream)
{
	fprintf(stream, "\n  %s\n\n", title);
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");

		if (length > 0)
			fprintf(stream, "    %.*s", (int)length, text);
		fputc('\n', stream);
		text += length + (text[length] == '\n');
	}
}

bool
wi_tune_report_finish(struct wi_tune_report *report)
{
	void (*const writers[])(const struct wi_bench_options *, const struct wi_bench_plan *,
				FILE *) = {wi_tune_write_ini, wi_tune_write_load, wi_tune_write_c};
	char **const texts[] = {&report->ini, &report->load_ini, &report->c};
	size_t size;

	wi_tune_grid_apply(report->grid, &report->search->settings[report->search->best].point);
	for (int i = 0; i < 3; i++) {
		FILE *stream = open_memstream(texts[i], &size);

		if (stream == NULL)
			return false;
		writers[i](report->grid->load, report->grid->plan, stream);
		if (fclose(stream) != 0)
			return false;
	}
	return true;
}

void
wi_tune_report_fini(struct wi_tune_report *report)
{
	free(report->ini);
	free(report->load_ini);
	free(report->c);
}

void
wi_tune_report_write_text(const struct wi_tune_report *report, FILE *stream)
{
	write_best(report, stream);
	write_compared(report, stream);
	write_effects(report, stream);
	write_indented("INI, for weir run --config:", report->ini, stream);
	write_indented("with the load, for weir bench:", report->load_ini, stream);
	write_indented("C:", report->c, stream);
	fprintf(stream, "\n  %s, %s trials of %s after %s of warm-up, %zu settings%s\n",
		wi_figures_time(report->took_ns).text, wi_figures_count(report->trier->done).text,
		wi_figures_time(report->options->load.duration_ns).text,
		wi_figures_time(report->options->load.warmup_ns).text, report->search->count,
		report->signal != 0 ? "; interrupted: what there was by then" : "");
}
