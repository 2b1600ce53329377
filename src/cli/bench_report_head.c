/* SPDX-License-Identifier: MIT */
/* bench_report_head.c - the parameters and the machine, before anything is measured. */
#include "bench_report.h"

#include "cpu_list.h"
#include "figures.h"

#include <inttypes.h>
#include <string.h>

static void
write_label(const char *label, FILE *stream)
{
	fprintf(stream, "  %-11s ", label);
}

static const char *
plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* "16 KiB": rings are powers of two. */
static void
write_binary(uint64_t bytes, FILE *stream)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
	int unit = 0;

	for (; bytes >= 1024 && bytes % 1024 == 0 && unit < 3; unit++)
		bytes /= 1024;
	fprintf(stream, "%" PRIu64 " %s", bytes, units[unit]);
}

/* text: a list, or "" for any. */
static void
write_cpus(const char *text, FILE *stream)
{
	if (*text == '\0')
		fputs(", any processor", stream);
	else
		fprintf(stream, ", processor%s %s",
			text[strspn(text, "0123456789")] == '\0' ? "" : "s", text);
}

static void
write_producers(const struct wi_bench_report *report, FILE *stream)
{
	const struct wi_bench_options *options = report->options;
	char cpus[256] = "";

	write_label("producers", stream);
	fprintf(stream, "%" PRIu64, options->producer_count);
	if (report->plan->producers_pinned)
		cpu_list_format(&report->plan->producer_cpus, cpus, sizeof(cpus));
	write_cpus(cpus, stream);
	fputs("\n              ", stream);
	if (options->rate == 0) {
		fputs("closed loop: each event as soon as there is room\n", stream);
		return;
	}
	fprintf(stream, "open loop: %s events/s", wi_figures_count(options->rate).text);
	if (options->burst > 1)
		fprintf(stream, ", %s at once", wi_figures_count(options->burst).text);
	fputs(options->producer_count > 1 ? ", all together\n" : "\n", stream);
}

static void
write_sizes(const struct wi_bench_sizes *sizes, FILE *stream)
{
	for (uint32_t i = 0; i < sizes->count; i++)
		fprintf(stream, "%s%s", i == 0 ? "" : sizes->is_range ? " to " : ", ",
			wi_figures_count(sizes->each[i]).text);
	fputs(" bytes", stream);
}

static void
write_events(const struct wi_bench_options *options, FILE *stream)
{
	write_label("events", stream);
	write_sizes(&options->sizes, stream);
	if (options->many || options->commit_count > 1)
		fprintf(stream, options->many ? ", %s at once, copied" : ", written in place, %s a commit",
			wi_figures_count(options->commit_count).text);
	else
		fputs(options->in_place ? ", written in place" : ", copied", stream);
	fprintf(stream, "; %s topic%s", wi_figures_count(options->topic_count).text,
		plural(options->topic_count));
	if (options->hot_percent > 0)
		fprintf(stream, ", %" PRIu64 " %% of all to the first", options->hot_percent);
	else if (options->topic_count > 1)
		fputs(options->topic_count > 64 ? " in random order" : " in turn", stream);
	if (options->key_count > 0)
		fprintf(stream, "; %s key%s", wi_figures_count(options->key_count).text,
			plural(options->key_count));
	fputc('\n', stream);
}

static void
write_pool(const struct wi_pool_spec *spec, const char *label, FILE *stream)
{
	unsigned count = wi_bench_plan_dispatchers(spec);

	write_label(label, stream);
	fprintf(stream, "%s: %u dispatcher%s", spec->name, count, plural(count));
	write_cpus(spec->cpus != NULL ? spec->cpus : "", stream);
	fprintf(stream, ", wait %s", wi_pool_wait_text(spec->wait));
	if (spec->order == WEIR_ORDER_KEY)
		fputs(", order key", stream);
	if (spec->behind == WEIR_BEHIND_SKIP)
		fputs(", skips", stream);
	if (spec->nice > 0)
		fprintf(stream, ", nice %" PRIu64, spec->nice);
	for (uint32_t i = 0; i < spec->after_count; i++)
		fprintf(stream, "%s%s", i == 0 ? ", after " : "+", spec->after[i]);
	fputc('\n', stream);
}

static void
write_on(const struct wi_bench_on *on, const char *label, FILE *stream)
{
	write_label(label, stream);
	fprintf(stream, "%s @%s", on->pattern, on->pool);
	if (on->times > 1)
		fprintf(stream, ", %s times", wi_figures_count(on->times).text);
	if (on->cost_ns > 0)
		fprintf(stream, ", %s %s a call", on->sleeps ? "sleeps" : "works",
			wi_figures_time(on->cost_ns).text);
	fputc('\n', stream);
}

void
wi_bench_report_write_load(const struct wi_bench_report *report, const char *program, FILE *stream)
{
	const struct wi_bench_options *options = report->options;
	size_t pool_count = wi_bench_plan_pool_count(report->plan);

	fprintf(stream, "%s%s%s%s%s\n\n", program, options->scenario ? " " : "",
		options->scenario ? options->scenario : "", options->summary ? " - " : "",
		options->summary ? options->summary : "");
	write_producers(report, stream);
	write_events(options, stream);
	for (size_t i = 0; i < pool_count; i++)
		write_pool(wi_bench_plan_pool(report->plan, i),
			   i > 0	    ? ""
			   : pool_count > 1 ? "pools"
					    : "pool",
			   stream);
	if (report->plan->waits_fitted)
		fputs("              (waits that were not given are fitted to the processors)\n",
		      stream);
	for (size_t i = 0; i < options->on_count; i++)
		write_on(&options->ons[i],
			 i > 0			 ? ""
			 : options->on_count > 1 ? "handlers"
						 : "handler",
			 stream);
}

void
wi_bench_report_write_machine(const struct wi_bench_report *report, FILE *stream)
{
	write_label("machine", stream);
	facts_write(&report->facts, weir_version(), "              ", stream);
}

void
wi_bench_report_write_head(const struct wi_bench_report *report, FILE *stream)
{
	const struct wi_bench_options *options = report->options;

	wi_bench_report_write_load(report, "weir bench", stream);
	write_label("runs", stream);
	fprintf(stream, "%s of %s after %s of warm-up; rings of ",
		wi_figures_count(options->repeat).text, wi_figures_time(options->duration_ns).text,
		wi_figures_time(options->warmup_ns).text);
	write_binary(options->ring_size, stream);
	fputc('\n', stream);
	wi_bench_report_write_machine(report, stream);
	if (report->facts.allowed < 2)
		fputs("              no line time and no yardstick: they need two processors\n",
		      stream);
	fflush(stream);
}
