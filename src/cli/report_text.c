/* SPDX-License-Identifier: MIT */
/* report_text.c - the report for people: figures in columns, names last, as they may be long. */
#include "report.h"

#include "figures.h"
#include "loader.h"
#include "run_options.h"

#include <inttypes.h>
#include <string.h>

enum { TOPIC_SHOWN_MAX = 20 };

static struct wi_figure
byte_rate(uint64_t bytes, uint64_t ns)
{
	return wi_figures_bytes(ns > 0 ? (double)bytes * 1e9 / (double)ns : 0);
}

static void
write_rate(FILE *stream, const char *what, uint64_t count, const char *unit, uint64_t bytes,
	   uint64_t ns)
{
	fprintf(stream, "  %-10s %14s %-6s  %9s  in %9s %9s %s/s", what,
		wi_figures_count(count).text, unit, wi_figures_bytes((double)bytes).text,
		wi_figures_time(ns).text, wi_figures_rate(count, ns).text, unit);
	fprintf(stream, "%*s%9s/s\n", (int)(strlen("events ") - strlen(unit)), "",
		byte_rate(bytes, ns).text);
}

static void
write_rates(const struct wi_report *report, FILE *stream)
{
	const struct wi_loader *loader = report->loader;

	write_rate(stream, "read", loader->line_count, "lines", loader->byte_count, loader->ns);
	write_rate(stream, "dispatched", report->event_count, "events", report->payload_size,
		   report->dispatch_ns);
	if (report->wait_count > 0)
		fprintf(stream, "  %-10s %14s times   %9s  waited for room%s\n", "ring full",
			wi_figures_count(report->wait_count).text,
			wi_figures_time(report->wait_ns).text,
			report->options->producer_count > 1 ? ", the producers together" : "");
}

static int
pattern_width(const struct wi_run_options *options)
{
	size_t width = strlen("pattern");

	for (size_t i = 0; i < options->handler_count; i++)
		if (strlen(options->handlers[i].pattern) > width)
			width = strlen(options->handlers[i].pattern);
	return width < 40 ? (int)width : 40;
}

static void
write_subscriptions(const struct wi_report *report, FILE *stream)
{
	int width = pattern_width(report->options);

	fprintf(stream, "\n  %14s %14s %12s %12s  %-*s  %s\n", "due", "ok", "failed", "skipped",
		width, "pattern", "handler");
	for (size_t i = 0; i < report->options->handler_count; i++) {
		const weir_subscription_counts *counts = &report->subscriptions[i];
		const struct wi_handler *handler = &report->options->handlers[i];

		fprintf(stream, "  %14s %14s %12s %12s  %-*s  %s%s%s\n",
			wi_figures_count(counts->due).text, wi_figures_count(counts->ok).text,
			wi_figures_count(counts->failed).text,
			wi_figures_count(counts->skipped_quarantine + counts->skipped_paused +
					 counts->skipped_unsubscribed)
				.text,
			width, handler->pattern, handler->action,
			handler->pool ? "@" : "", handler->pool ? handler->pool : "");
	}
	if (report->pool.unrouted > 0 && report->options->pools.count == 0)
		fprintf(stream, "  %14s matched no pattern\n",
			wi_figures_count(report->pool.unrouted).text);
}

/* What must not be, or may hold others up: only where it was. */
static void
write_trouble(const weir_pool_counts *counts, FILE *stream)
{
	if (counts->late_wakes > 0)
		fprintf(stream, "  %s woken too late", wi_figures_count(counts->late_wakes).text);
	if (counts->stuck > 0)
		fprintf(stream, "  %s calls took too long", wi_figures_count(counts->stuck).text);
}

/* The default pool alone has nothing to tell that the handlers' table does not. */
static void
write_pools(const struct wi_report *report, FILE *stream)
{
	if (report->pool_count < 2 && report->pool.skipped_behind == 0)
		return;
	fprintf(stream, "\n  %14s %14s %12s %12s  %s\n", "seen", "routed", "unrouted", "skipped",
		"pool");
	for (size_t i = 0; i < report->pool_count; i++) {
		const weir_pool_counts *counts = &report->pools[i].counts;

		fprintf(stream, "  %14s %14s %12s %12s  %s", wi_figures_count(counts->seen).text,
			wi_figures_count(counts->routed).text,
			wi_figures_count(counts->unrouted).text,
			wi_figures_count(counts->skipped_behind).text, report->pools[i].name);
		write_trouble(counts, stream);
		fputc('\n', stream);
	}
}

static void
write_topics(const struct wi_report *report, FILE *stream)
{
	size_t shown = report->topic_count;
	uint64_t rest = report->event_count;

	if (shown == 0)
		return;
	if (shown > TOPIC_SHOWN_MAX && !report->options->all)
		shown = TOPIC_SHOWN_MAX;
	fprintf(stream, "\n  %14s  %7s  %s\n", "events", "share", "topic");
	for (size_t i = 0; i < shown; i++) {
		const struct wi_report_topic *topic = &report->topics[i];

		fprintf(stream, "  %14s  %5.1f %%  %s\n", wi_figures_count(topic->event_count).text,
			100.0 * (double)topic->event_count / (double)report->event_count,
			topic->name);
		rest -= topic->event_count;
	}
	if (shown < report->topic_count)
		fprintf(stream, "  %14s  %5.1f %%  in %s more topics (--all shows them)\n",
			wi_figures_count(rest).text,
			100.0 * (double)rest / (double)report->event_count,
			wi_figures_count(report->topic_count - shown).text);
}

void
wi_report_write_text(const struct wi_report *report, FILE *stream)
{
	uint64_t bad_count = report->loader->bad_count;

	fprintf(stream, "%s\n\n", report->loader->name);
	write_rates(report, stream);
	write_subscriptions(report, stream);
	write_pools(report, stream);
	write_topics(report, stream);
	fprintf(stream, "\n  %s bad line%s, ", wi_figures_count(bad_count).text,
		bad_count == 1 ? "" : "s");
	if (report->drained)
		fprintf(stream, "lost %" PRId64 "\n", report->bus.lost);
	else
		fprintf(stream, "%s not delivered when the time to drain was over\n",
			wi_figures_count(report->bus.in_flight).text);
	if (report->signal != 0)
		fprintf(stream, "  interrupted by SIG%s after %s of %s events\n",
			sigabbrev_np(report->signal), wi_figures_count(report->event_count).text,
			wi_figures_count(report->loader->event_count * report->options->repeat)
				.text);
}
