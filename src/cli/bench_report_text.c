/* SPDX-License-Identifier: MIT */
/* bench_report_text.c - tables for people, at most 80 columns. */
#include "bench_report.h"

#include "figures.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS_MAX = 16, THREADS_SHOWN = 8 };

static uint64_t
whole(double value)
{
	return value > 0 ? (uint64_t)(value + 0.5) : 0;
}

static struct wi_figure
rate_of(double per_second)
{
	return wi_figures_rate(whole(per_second * 1000), UINT64_C(1000000000000));
}

/* Three digits that matter; "-" for what is not known. */
static struct wi_figure
number(double value)
{
	struct wi_figure figure = {"-"};
	int digits = value >= 99.95 || value == 0 ? 0 : value >= 9.995 ? 1 : 2;

	if (value < 0)
		return figure;
	if (value >= 999.5)
		snprintf(figure.text, sizeof(figure.text), "%s",
			 wi_figures_count(whole(value)).text);
	else if (value > 0 && value < 0.01)
		snprintf(figure.text, sizeof(figure.text), "%.2g", value);
	else
		snprintf(figure.text, sizeof(figure.text), "%.*f", digits, value);
	return figure;
}

static bool
has_figure(const struct wi_bench_report *report, double (*figure)(const struct wi_bench_run *run))
{
	return wi_bench_report_spread(report, figure).count > 0;
}

static double
line_before(const struct wi_bench_run *run)
{
	return run->line_ns[0];
}

/* -- runs ------------------------------------------------------------------- */

static void
write_marks(const struct wi_bench_run *run, FILE *stream)
{
	fprintf(stream, "%s%s\n", wi_bench_is_disturbed(run) ? " *" : "", run->cut ? " cut" : "");
}

static void
write_closed_run(const struct wi_bench_report *report, size_t index, FILE *stream)
{
	const struct wi_bench_run *run = &report->runs[index];

	fprintf(stream, "  %3zu%13s%9s%10s%8s", index + 1, wi_figures_count(run->event_count).text,
		wi_figures_time(run->dispatch_ns).text, rate_of(wi_bench_rate(run)).text,
		number(wi_bench_event_ns(run)).text);
	if (has_figure(report, line_before))
		fprintf(stream, "%7s%6s", number(run->line_ns[0]).text,
			number(run->line_ns[1]).text);
	if (has_figure(report, wi_bench_ratio))
		fprintf(stream, "%7s%6s%7s", number(run->yardstick_ns[0]).text,
			number(run->yardstick_ns[1]).text, number(wi_bench_ratio(run)).text);
	write_marks(run, stream);
}

static void
write_closed_runs(const struct wi_bench_report *report, FILE *stream)
{
	bool lines = has_figure(report, line_before),
	     yardsticks = has_figure(report, wi_bench_ratio);

	fprintf(stream, "\n  run       events     time  events/s ns each%s%s\n",
		lines ? "      line ns" : "", yardsticks ? "    yardstick  ratio" : "");
	for (size_t i = 0; i < report->run_count; i++)
		write_closed_run(report, i, stream);
}

/* Total times of the first handler; all of them follow below. */
static void
write_open_runs(const struct wi_bench_report *report, FILE *stream)
{
	bool lines = has_figure(report, line_before);

	fprintf(stream, "\n  run      events events/s late max      p50      p99      max%s\n",
		lines ? "     line ns" : "");
	for (size_t i = 0; i < report->run_count; i++) {
		const struct wi_bench_run *run = &report->runs[i];
		const struct wi_bench_quantiles *total =
			&report->quantiles[i * report->options->on_count][2];

		fprintf(stream, "  %3zu%12s%9s%9s%9s%9s%9s", i + 1,
			wi_figures_count(run->event_count).text, rate_of(wi_bench_rate(run)).text,
			wi_figures_time(run->late_max_ns).text, wi_figures_time(total->at[0]).text,
			wi_figures_time(total->at[2]).text, wi_figures_time(total->max).text);
		if (lines)
			fprintf(stream, "%7s%5s", number(run->line_ns[0]).text,
				number(run->line_ns[1]).text);
		write_marks(run, stream);
	}
}

static void
write_spread(const struct wi_bench_report *report, const char *what,
	     double (*figure)(const struct wi_bench_run *run), struct wi_figure (*format)(double),
	     FILE *stream)
{
	struct wi_bench_spread spread = wi_bench_report_spread(report, figure);

	if (spread.count > 0)
		fprintf(stream, "  %-19s%9s%12s%10s%12s%10s\n", what, format(spread.median).text,
			format(spread.low).text, format(spread.high).text, format(spread.min).text,
			format(spread.max).text);
}

static void
write_spreads(const struct wi_bench_report *report, FILE *stream)
{
	fprintf(stream, "\n  %-19s%9s%22s%12s%10s\n", "", "median", "quartiles", "least",
		"greatest");
	write_spread(report, "events/s", wi_bench_rate, rate_of, stream);
	if (report->options->rate == 0)
		write_spread(report, "ns an event", wi_bench_event_ns, number, stream);
	write_spread(report, "x yardstick", wi_bench_ratio, number, stream);
	write_spread(report, "cpu an event", wi_bench_cpu_ns, wi_figures_nanoseconds, stream);
	write_spread(report, "switches/1M events", wi_bench_switches, number, stream);
}

/* -- latency ---------------------------------------------------------------- */

static void
write_latency(const struct wi_bench_report *report, FILE *stream)
{
	fprintf(stream, "\n  %-10s", "latency");
	for (int i = 0; i < WI_BENCH_PERCENTILES; i++)
		fprintf(stream, "%11s", wi_bench_percent_names[i]);
	fprintf(stream, "%11s\n", "max");
	for (size_t on = 0; on < report->options->on_count; on++) {
		fprintf(stream, "  %s @%s, %s calls\n", report->options->ons[on].pattern,
			report->options->ons[on].pool,
			wi_figures_count(report->latency[on].total.total).text);
		for (int kind = 0; kind < WI_BENCH_KINDS; kind++) {
			struct wi_bench_quantiles quantiles =
				wi_bench_quantiles_of(wi_bench_kind_of(&report->latency[on], kind));

			fprintf(stream, "    %-8s", wi_bench_kind_names[kind]);
			for (int i = 0; i < WI_BENCH_PERCENTILES; i++)
				fprintf(stream, "%11s", wi_figures_time(quantiles.at[i]).text);
			fprintf(stream, "%11s\n", wi_figures_time(quantiles.max).text);
		}
	}
}

/* -- threads and pools ------------------------------------------------------ */

static void
add_thread(struct wi_bench_run_thread *to, const struct wi_bench_run_thread *from)
{
	to->event_count += from->event_count;
	to->full_count += from->full_count;
	to->full_ns += from->full_ns;
	to->usage.cpu_ns += from->usage.cpu_ns;
	to->usage.voluntary += from->usage.voluntary;
	to->usage.involuntary += from->usage.involuntary;
}

static void
write_thread(const struct wi_bench_run_thread *thread, FILE *stream)
{
	double each = thread->event_count > 0
			      ? (double)thread->usage.cpu_ns / (double)thread->event_count
			      : 0;

	fprintf(stream, "  %-14s%14s%9s%9s%11s%11s", thread->name,
		wi_figures_count(thread->event_count).text,
		wi_figures_time(thread->usage.cpu_ns).text, wi_figures_nanoseconds(each).text,
		wi_figures_count(thread->usage.voluntary).text,
		wi_figures_count(thread->usage.involuntary).text);
	if (thread->full_count > 0)
		fprintf(stream, "%10s", wi_figures_count(thread->full_count).text);
	fputc('\n', stream);
}

/* All runs have the same threads; of a great many only the first and the sum are shown. */
static void
write_threads(const struct wi_bench_report *report, FILE *stream)
{
	const struct wi_bench_run *first = &report->runs[0];
	size_t producers = report->options->producer_count;
	struct wi_bench_run_thread rest = {.name = "more producers"};

	fprintf(stream, "\n  %-14s%14s%9s%9s%11s%11s%10s\n", "thread", "events", "cpu", "each",
		"voluntary", "forced", "full");
	for (size_t t = 0; t < first->thread_count; t++) {
		struct wi_bench_run_thread sum = first->threads[t];

		for (size_t i = 1; i < report->run_count; i++)
			if (t < report->runs[i].thread_count)
				add_thread(&sum, &report->runs[i].threads[t]);
		if (producers > THREADS_MAX && t >= THREADS_SHOWN && t < producers) {
			add_thread(&rest, &sum);
			if (t + 1 < producers)
				continue;
			snprintf(rest.name, sizeof(rest.name), "%zu more",
				 producers - THREADS_SHOWN);
			sum = rest;
		}
		write_thread(&sum, stream);
	}
}

static void
write_pools(const struct wi_bench_report *report, FILE *stream)
{
	fprintf(stream, "\n  %-16s%14s%12s%12s%10s%11s\n", "pool", "seen", "skipped", "batches",
		"a batch", "parks");
	for (size_t p = 0; p < report->runs[0].pool_count; p++) {
		weir_pool_counts sum = {0};

		for (size_t i = 0; i < report->run_count; i++) {
			const weir_pool_counts *counts = &report->runs[i].pools[p].counts;

			if (p >= report->runs[i].pool_count)
				continue;
			sum.seen += counts->seen;
			sum.skipped_behind += counts->skipped_behind;
			sum.batches += counts->batches;
			sum.parks += counts->parks;
			sum.late_wakes += counts->late_wakes;
		}
		fprintf(stream, "  %-16s%14s%12s%12s%10s%11s", report->runs[0].pools[p].name,
			wi_figures_count(sum.seen).text, wi_figures_count(sum.skipped_behind).text,
			wi_figures_count(sum.batches).text,
			number(sum.batches > 0 ? (double)(sum.seen - sum.skipped_behind) /
							 (double)sum.batches
					       : -1)
				.text,
			wi_figures_count(sum.parks).text);
		if (sum.late_wakes > 0)
			fprintf(stream, "  %s woken late", wi_figures_count(sum.late_wakes).text);
		fputc('\n', stream);
	}
}

/* -- the end ---------------------------------------------------------------- */

static void
write_sending(const struct wi_bench_report *report, FILE *stream)
{
	uint64_t sent = 0, meant = 0, backwards = 0;

	for (size_t i = 0; i < report->run_count; i++) {
		if (!report->runs[i].cut) {
			sent += report->runs[i].event_count;
			meant += report->runs[i].meant_count;
		}
		backwards += report->runs[i].backwards_count;
	}
	if (!wi_bench_report_reached_rate(report))
		fprintf(stream, "  Target rate not achieved: %s of %s events were sent in time\n",
			wi_figures_count(sent).text, wi_figures_count(meant).text);
	if (backwards > 0)
		fprintf(stream,
			"  the processors' clocks differ: %s events came before they were sent\n",
			wi_figures_count(backwards).text);
	fputs("  latency counts from when an event was to be sent, readings of the clock in it\n",
	      stream);
}

static void
write_full(const struct wi_bench_report *report, FILE *stream)
{
	uint64_t count = 0, ns = 0, send_ns = 0;

	for (size_t i = 0; i < report->run_count; i++) {
		count += report->runs[i].full_count;
		ns += report->runs[i].full_ns;
		send_ns += report->runs[i].send_ns * report->options->producer_count;
	}
	fprintf(stream, "  rings were full %s times", wi_figures_count(count).text);
	if (count > 0)
		fprintf(stream, ", for %s: %.1f %% of the producers' time",
			wi_figures_time(ns).text,
			send_ns > 0 ? 100.0 * (double)ns / (double)send_ns : 0);
	fputc('\n', stream);
}

static void
write_lines_moved(const struct wi_bench_report *report, FILE *stream)
{
	size_t moved = 0;

	for (size_t i = 0; i < report->run_count; i++) {
		const double *line = report->runs[i].line_ns;

		moved += line[0] > 0 && line[1] > 0 && fabs(line[1] - line[0]) > 0.15 * line[0];
	}
	if (moved > 0)
		fprintf(stream,
			"  the time of a line moved by more than 15 %% in %zu of %zu runs\n", moved,
			report->run_count);
}

static void
write_disturbed(const struct wi_bench_report *report, FILE *stream)
{
	double others = 0, stolen = 0;
	size_t count = 0;

	for (size_t i = 0; i < report->run_count; i++) {
		const struct wi_bench_run *run = &report->runs[i];

		count += wi_bench_is_disturbed(run);
		others = fmax(others, run->others);
		stolen = fmax(stolen, run->stolen);
	}
	if (count > 0)
		fprintf(stream,
			"  * DISTURBED: others used up to %.2f processors, %.2f were stolen\n",
			others, stolen);
}

static void
write_books(const struct wi_bench_report *report, FILE *stream)
{
	int64_t lost = 0;

	for (size_t i = 0; i < report->run_count; i++) {
		const struct wi_bench_run *run = &report->runs[i];

		lost += run->lost;
		if (run->wrong_count > 0)
			fprintf(stream, "  run %zu: %s events came WRONG: %s\n", i + 1,
				wi_figures_count(run->wrong_count).text, run->wrong);
		if (!run->drained) {
			fprintf(stream,
				"  run %zu: handlers did not come back; what is lost is not "
				"known\n",
				i + 1);
			return;
		}
	}
	fprintf(stream, "  lost %" PRId64 "\n", lost);
}

void
wi_bench_report_write_text(const struct wi_bench_report *report, FILE *stream)
{
	bool is_open = report->options->rate > 0;

	if (report->run_count > 0) {
		if (is_open)
			write_open_runs(report, stream);
		else
			write_closed_runs(report, stream);
		write_spreads(report, stream);
		if (is_open)
			write_latency(report, stream);
		write_threads(report, stream);
		write_pools(report, stream);
		fputc('\n', stream);
		if (is_open)
			write_sending(report, stream);
		write_full(report, stream);
		write_lines_moved(report, stream);
		write_disturbed(report, stream);
		if (!is_open)
			fputs("  no latency: in a closed loop an event waits for those before it; "
			      "see --rate\n",
			      stream);
		write_books(report, stream);
	}
	if (report->signal != 0)
		fprintf(stream, "  interrupted by SIG%s in run %zu of %" PRIu64 "\n",
			sigabbrev_np(report->signal), report->run_count > 0 ? report->run_count : 1,
			report->options->repeat);
}
