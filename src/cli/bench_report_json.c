/* SPDX-License-Identifier: MIT */
/* bench_report_json.c - all, unrounded, in one object. Times are nanoseconds but for *_seconds. */
#include "bench_report.h"

#include "json_line.h"
#include "text/timestamp.h"

#include <math.h>
#include <string.h>

/* The counts do not reach 2^63. */
static void
put_count(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

/* Below 0 is not known. */
static void
put_real(json_t *object, const char *name, double value)
{
	json_object_set_new(object, name,
			    value >= 0 && isfinite(value) ? json_real(value) : json_null());
}

static void
put_text(json_t *object, const char *name, const char *value)
{
	json_t *string = value != NULL ? json_string(value) : NULL;

	json_object_set_new(object, name, string != NULL ? string : json_null());
}

static void
put_flag(json_t *object, const char *name, bool value)
{
	json_object_set_new(object, name, json_boolean(value));
}

/* -- parameters ------------------------------------------------------------- */

static json_t *
make_sizes(const struct wi_bench_sizes *sizes)
{
	json_t *object = json_object(), *list = json_array();

	for (uint32_t i = 0; i < sizes->count; i++)
		json_array_append_new(list, json_integer(sizes->each[i]));
	put_flag(object, "range", sizes->is_range);
	json_object_set_new(object, "bytes", list);
	return object;
}

static json_t *
make_on(const struct wi_bench_on *on)
{
	json_t *object = json_object();

	put_text(object, "pattern", on->pattern);
	put_text(object, "pool", on->pool);
	put_count(object, "times", on->times);
	put_text(object, "cost", on->cost_ns == 0 ? "none" : on->sleeps ? "sleep" : "work");
	put_count(object, "cost_ns", on->cost_ns);
	return object;
}

static json_t *
make_pool(const struct wi_pool_spec *spec)
{
	json_t *object = json_object(), *after = json_array();

	put_text(object, "pool", spec->name);
	put_count(object, "dispatchers", wi_bench_plan_dispatchers(spec));
	put_text(object, "wait", wi_pool_wait_text(spec->wait));
	put_flag(object, "wait_fitted", !spec->wait_given);
	put_text(object, "order", spec->order == WEIR_ORDER_KEY ? "key" : "producer");
	put_text(object, "behind", spec->behind == WEIR_BEHIND_SKIP ? "skip" : "hold");
	put_text(object, "cpus", spec->cpus);
	put_count(object, "nice", spec->nice);
	for (uint32_t i = 0; i < spec->after_count; i++)
		json_array_append_new(after, json_string(spec->after[i]));
	json_object_set_new(object, "after", after);
	return object;
}

json_t *
wi_bench_report_parameters(const struct wi_bench_report *report)
{
	const struct wi_bench_options *options = report->options;
	json_t *object = json_object(), *pools = json_array(), *ons = json_array();

	put_text(object, "scenario", options->scenario);
	put_text(object, "summary", options->summary);
	put_text(object, "loop", options->rate > 0 ? "open" : "closed");
	put_count(object, "producers", options->producer_count);
	put_count(object, "rate", options->rate);
	put_count(object, "burst", options->burst);
	json_object_set_new(object, "size", make_sizes(&options->sizes));
	put_count(object, "topics", options->topic_count);
	put_count(object, "hot_percent", options->hot_percent);
	put_count(object, "keys", options->key_count);
	put_count(object, "commit", options->commit_count);
	put_flag(object, "in_place", options->in_place || (options->commit_count > 1 && !options->many));
	put_flag(object, "many", options->many);
	put_count(object, "ring_size", options->ring_size);
	put_count(object, "duration_ns", options->duration_ns);
	put_count(object, "warmup_ns", options->warmup_ns);
	put_count(object, "repeat", options->repeat);
	put_flag(object, "producers_pinned", report->plan->producers_pinned);
	for (size_t i = 0; i < wi_bench_plan_pool_count(report->plan); i++)
		json_array_append_new(pools, make_pool(wi_bench_plan_pool(report->plan, i)));
	for (size_t i = 0; i < options->on_count; i++)
		json_array_append_new(ons, make_on(&options->ons[i]));
	json_object_set_new(object, "pools", pools);
	json_object_set_new(object, "on", ons);
	return object;
}

/* -- runs ------------------------------------------------------------------- */

static void
put_usage(json_t *object, const struct wi_bench_usage *usage)
{
	put_real(object, "cpu_seconds", (double)usage->cpu_ns / 1e9);
	put_count(object, "voluntary_switches", usage->voluntary);
	put_count(object, "involuntary_switches", usage->involuntary);
}

static json_t *
make_thread(const struct wi_bench_run_thread *thread)
{
	json_t *object = json_object();

	put_text(object, "thread", thread->name);
	put_text(object, "kind", thread->is_producer ? "producer" : "dispatcher");
	put_count(object, "events", thread->event_count);
	put_usage(object, &thread->usage);
	if (thread->is_producer) {
		put_count(object, "full_count", thread->full_count);
		put_real(object, "full_seconds", (double)thread->full_ns / 1e9);
	}
	return object;
}

static json_t *
make_pool_counts(const struct wi_bench_run_pool *pool)
{
	json_t *object = json_object();

	put_text(object, "pool", pool->name);
	put_count(object, "seen", pool->counts.seen);
	put_count(object, "routed", pool->counts.routed);
	put_count(object, "unrouted", pool->counts.unrouted);
	put_count(object, "skipped_behind", pool->counts.skipped_behind);
	put_count(object, "batches", pool->counts.batches);
	put_count(object, "parks", pool->counts.parks);
	put_count(object, "wakes", pool->counts.wakes);
	put_count(object, "late_wakes", pool->counts.late_wakes);
	put_count(object, "steals", pool->counts.steals);
	put_count(object, "stuck", pool->counts.stuck);
	return object;
}

static json_t *
make_quantiles(const struct wi_bench_quantiles *quantiles)
{
	json_t *object = json_object();

	put_count(object, "count", quantiles->count);
	put_real(object, "mean", quantiles->mean);
	for (int i = 0; i < WI_BENCH_PERCENTILES; i++)
		put_count(object, wi_bench_percent_names[i], quantiles->at[i]);
	put_count(object, "max", quantiles->max);
	return object;
}

static json_t *
make_latency(const struct wi_bench_on *on, const struct wi_bench_quantiles *kinds)
{
	json_t *object = json_object();

	put_text(object, "pattern", on->pattern);
	put_text(object, "pool", on->pool);
	for (int kind = 0; kind < WI_BENCH_KINDS; kind++)
		json_object_set_new(object, wi_bench_kind_names[kind],
				    make_quantiles(&kinds[kind]));
	return object;
}

static json_t *
make_pair(const double *values)
{
	json_t *list = json_array();

	for (int i = 0; i < 2; i++)
		json_array_append_new(list, values[i] >= 0 ? json_real(values[i]) : json_null());
	return list;
}

static void
put_figures(json_t *object, const struct wi_bench_run *run)
{
	put_count(object, "events", run->event_count);
	put_count(object, "payload_bytes", run->byte_count);
	put_count(object, "handler_calls", run->call_count);
	put_real(object, "seconds", (double)run->dispatch_ns / 1e9);
	put_real(object, "events_per_second", wi_bench_rate(run));
	put_real(object, "event_ns", wi_bench_event_ns(run));
	json_object_set_new(object, "line_ns", make_pair(run->line_ns));
	json_object_set_new(object, "yardstick_ns", make_pair(run->yardstick_ns));
	put_real(object, "yardstick_ratio", wi_bench_ratio(run));
	put_real(object, "cpu_ns_per_event", wi_bench_cpu_ns(run));
	put_real(object, "switches_per_million_events", wi_bench_switches(run));
	put_usage(object, &run->usage);
	put_count(object, "full_count", run->full_count);
	put_real(object, "full_seconds", (double)run->full_ns / 1e9);
	put_real(object, "others_processors", run->others);
	put_real(object, "stolen_processors", run->stolen);
	put_flag(object, "disturbed", wi_bench_is_disturbed(run));
}

static json_t *
make_run(const struct wi_bench_report *report, size_t index)
{
	const struct wi_bench_run *run = &report->runs[index];
	json_t *object = json_object(), *threads = json_array(), *pools = json_array(),
	       *latency = json_array();

	put_figures(object, run);
	if (report->options->rate > 0) {
		put_count(object, "events_meant", run->meant_count);
		put_count(object, "late_max_ns", run->late_max_ns);
		put_count(object, "backwards", run->backwards_count);
		for (size_t i = 0; i < report->options->on_count; i++)
			json_array_append_new(latency, make_latency(&report->options->ons[i],
				report->quantiles[index * report->options->on_count + i]));
	}
	for (size_t i = 0; i < run->thread_count; i++)
		json_array_append_new(threads, make_thread(&run->threads[i]));
	for (size_t i = 0; i < run->pool_count; i++)
		json_array_append_new(pools, make_pool_counts(&run->pools[i]));
	json_object_set_new(object, "threads", threads);
	json_object_set_new(object, "pools", pools);
	json_object_set_new(object, "latency", latency);
	put_flag(object, "cut_short", run->cut);
	put_count(object, "wrong", run->wrong_count);
	if (run->wrong_count > 0)
		put_text(object, "wrong_first", run->wrong);
	/* Null where it could not be known. */
	json_object_set_new(object, "lost", run->drained ? json_integer(run->lost) : json_null());
	return object;
}

/* -- all -------------------------------------------------------------------- */

static void
put_spread(json_t *object, const char *name, struct wi_bench_spread spread)
{
	json_t *figures = json_object();

	if (spread.count == 0) {
		json_decref(figures);
		json_object_set_new(object, name, json_null());
		return;
	}
	put_real(figures, "median", spread.median);
	put_real(figures, "quartile_low", spread.low);
	put_real(figures, "quartile_high", spread.high);
	put_real(figures, "min", spread.min);
	put_real(figures, "max", spread.max);
	json_object_set_new(object, name, figures);
}

static void
append_percentile(json_t *list, double percent, uint64_t ns)
{
	json_array_append_new(list, json_pack("[f, I]", percent, (json_int_t)ns));
}

/* The whole curve: eight from one nine to the next, as far as there are events beyond them. */
static json_t *
make_percentiles(const struct histogram *histogram)
{
	json_t *list = json_array();

	for (int step = 0; histogram->total > 0; step++) {
		double beyond = pow(10, -step / 8.0), percent = 100 * (1 - beyond);

		if ((double)histogram->total * beyond < 0.9999)
			break;
		append_percentile(list, percent, histogram_percentile(histogram, percent));
	}
	if (histogram->total > 0)
		append_percentile(list, 100, histogram->max);
	return list;
}

static json_t *
make_latency_of_all(const struct wi_bench_on *on, const struct wi_bench_latency *latency)
{
	struct wi_bench_quantiles kinds[WI_BENCH_KINDS];
	json_t *object;

	for (int kind = 0; kind < WI_BENCH_KINDS; kind++)
		kinds[kind] = wi_bench_quantiles_of(wi_bench_kind_of(latency, kind));
	object = make_latency(on, kinds);
	for (int kind = 0; kind < WI_BENCH_KINDS; kind++)
		json_object_set_new(json_object_get(object, wi_bench_kind_names[kind]),
				    "percentiles",
				    make_percentiles(wi_bench_kind_of(latency, kind)));
	return object;
}

static json_t *
make_latencies(const struct wi_bench_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; report->latency != NULL && i < report->options->on_count; i++)
		json_array_append_new(list, make_latency_of_all(&report->options->ons[i],
								&report->latency[i]));
	return list;
}

static json_t *
make_lost(const struct wi_bench_report *report)
{
	int64_t lost = 0;

	for (size_t i = 0; i < report->run_count; i++) {
		if (!report->runs[i].drained)
			return json_null();
		lost += report->runs[i].lost;
	}
	return json_integer(lost);
}

static void
put_head(json_t *root, const struct wi_bench_report *report)
{
	char time[WI_TIMESTAMP_SIZE];

	wi_timestamp_format((uint64_t)report->start_time * UINT64_C(1000000000), time);
	put_text(root, "weir", weir_version());
	put_text(root, "kind", "bench");
	put_text(root, "command", report->command);
	put_text(root, "time", time);
}

json_t *
wi_bench_report_json(const struct wi_bench_report *report)
{
	json_t *root = json_object(), *runs = json_array();

	put_head(root, report);
	json_object_set_new(root, "parameters", wi_bench_report_parameters(report));
	json_object_set_new(root, "machine", facts_json(&report->facts, weir_version()));
	for (size_t i = 0; i < report->run_count; i++)
		json_array_append_new(runs, make_run(report, i));
	json_object_set_new(root, "runs", runs);
	put_spread(root, "events_per_second", wi_bench_report_spread(report, wi_bench_rate));
	put_spread(root, "event_ns", wi_bench_report_spread(report, wi_bench_event_ns));
	put_spread(root, "yardstick_ratio", wi_bench_report_spread(report, wi_bench_ratio));
	put_spread(root, "cpu_ns_per_event", wi_bench_report_spread(report, wi_bench_cpu_ns));
	json_object_set_new(root, "latency", make_latencies(report));
	if (report->options->rate > 0)
		put_flag(root, "rate_reached", wi_bench_report_reached_rate(report));
	put_count(root, "signal", (uint64_t)report->signal);
	json_object_set_new(root, "lost", make_lost(report));
	return root;
}

bool
wi_bench_report_write_json(const struct wi_bench_report *report, FILE *stream)
{
	return wi_json_line(wi_bench_report_json(report), stream);
}
