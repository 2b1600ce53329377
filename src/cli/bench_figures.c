/* SPDX-License-Identifier: MIT */
/* bench_figures.c - see bench_figures.h. */
#include "bench_figures.h"

#include "stopwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned
dispatcher_total(const struct wi_bench_rig *rig)
{
	unsigned count = 0;

	for (size_t p = 0; p < rig->pool_count; p++)
		count += rig->pools[p].dispatcher_count;
	return count;
}

bool
wi_bench_figures_begin(struct wi_bench_figures *figures, struct wi_bench_rig *rig,
		       struct wi_bench_load *load, struct wi_bench_run *run)
{
	unsigned at = 0, count = dispatcher_total(rig);

	*figures = (struct wi_bench_figures){.rig = rig, .load = load, .run = run};
	figures->dispatcher_usage = calloc(count, sizeof(*figures->dispatcher_usage));
	figures->dispatcher_calls = calloc(count, sizeof(*figures->dispatcher_calls));
	figures->run->pools = calloc(figures->rig->pool_count, sizeof(*figures->run->pools));
	if (figures->dispatcher_usage == NULL || figures->dispatcher_calls == NULL ||
	    figures->run->pools == NULL)
		return false;
	wi_bench_rig_reset_latency(figures->rig);
	for (size_t p = 0; p < figures->rig->pool_count; p++) {
		struct wi_bench_pool *pool = &figures->rig->pools[p];

		figures->run->pools[p] = (struct wi_bench_run_pool){
			.name = pool->spec->name, .counts = WEIR_POOL_COUNTS_INIT};
		weir_pool_get_counts(pool->pool, &figures->run->pools[p].counts);
		for (unsigned d = 0; d < pool->dispatcher_count; d++, at++) {
			figures->dispatcher_usage[at] =
				wi_bench_thread_usage(&pool->dispatchers[d].thread);
			figures->dispatcher_calls[at] = pool->dispatchers[d].call_count;
		}
	}
	figures->run->pool_count = figures->rig->pool_count;
	figures->usage = wi_bench_process_usage();
	figures->used = machine_used();
	figures->used_ns = wi_stopwatch_now();
	return true;
}

static void
gather_producers(struct wi_bench_figures *figures)
{
	struct wi_bench_run *run = figures->run;
	uint64_t end_ns = 0;

	figures->begin_ns = UINT64_MAX;
	for (unsigned i = 0; i < figures->load->count; i++) {
		const struct wi_bench_sent *sent = &figures->load->producers[i].sent;
		struct wi_bench_run_thread *thread = &run->threads[run->thread_count++];

		*thread = (struct wi_bench_run_thread){.is_producer = true,
						       .event_count = sent->event_count,
						       .full_count = sent->full_count,
						       .full_ns = sent->full_ns,
						       .busy_ns = sent->busy_ns,
						       .usage = sent->usage};
		snprintf(thread->name, sizeof(thread->name), "producer %u", i + 1);
		run->event_count += sent->event_count;
		run->byte_count += sent->byte_count;
		run->meant_count += sent->meant_count;
		run->full_count += sent->full_count;
		run->full_ns += sent->full_ns;
		if (sent->late_max_ns > run->late_max_ns)
			run->late_max_ns = sent->late_max_ns;
		if (sent->begin_ns < figures->begin_ns)
			figures->begin_ns = sent->begin_ns;
		if (sent->end_ns > end_ns)
			end_ns = sent->end_ns;
	}
	if (figures->rig->options->rate > 0)
		figures->begin_ns = figures->load->start_ns;
	run->send_ns = end_ns - figures->begin_ns;
}

static void
gather_dispatcher(struct wi_bench_figures *figures, const struct wi_bench_pool *pool,
		  unsigned index, unsigned at)
{
	const struct wi_bench_dispatcher *dispatcher = &pool->dispatchers[index];
	struct wi_bench_run *run = figures->run;
	struct wi_bench_run_thread *thread = &run->threads[run->thread_count++];

	*thread = (struct wi_bench_run_thread){
		.event_count = dispatcher->call_count - figures->dispatcher_calls[at],
		.usage = wi_bench_usage_since(wi_bench_thread_usage(&dispatcher->thread),
					      figures->dispatcher_usage[at])};
	snprintf(thread->name, sizeof(thread->name), "%.48s %u", pool->spec->name, index);
	run->call_count += thread->event_count;
	run->backwards_count += dispatcher->backwards_count;
	if (run->wrong_count == 0)
		memcpy(run->wrong, dispatcher->wrong, sizeof(run->wrong));
	run->wrong_count += dispatcher->wrong_count;
	for (size_t i = 0; run->latency != NULL && i < figures->rig->options->on_count; i++) {
		histogram_merge(&run->latency[i].waiting, &dispatcher->latency[i].waiting);
		histogram_merge(&run->latency[i].handling, &dispatcher->latency[i].handling);
		histogram_merge(&run->latency[i].total, &dispatcher->latency[i].total);
	}
}

static void
gather_pool(struct wi_bench_figures *figures, size_t index)
{
	weir_pool_counts now = WEIR_POOL_COUNTS_INIT, *counts = &figures->run->pools[index].counts;

	weir_pool_get_counts(figures->rig->pools[index].pool, &now);
	now.seen -= counts->seen;
	now.routed -= counts->routed;
	now.unrouted -= counts->unrouted;
	now.skipped_behind -= counts->skipped_behind;
	now.batches -= counts->batches;
	now.parks -= counts->parks;
	now.wakes -= counts->wakes;
	now.late_wakes -= counts->late_wakes;
	now.steals -= counts->steals;
	now.stuck -= counts->stuck;
	*counts = now;
}

/* Told in hundredths of a second: less than a few of them is nothing that was seen. */
static void
gather_others(struct wi_bench_figures *figures)
{
	enum { LEAST_MS = 30 };
	struct machine_used now = machine_used();
	double seconds = (double)(wi_stopwatch_now() - figures->used_ns) / 1e9;
	double others = now.busy - figures->used.busy - (double)figures->run->usage.cpu_ns / 1e9;
	double stolen = now.stolen - figures->used.stolen;

	figures->run->others = others * 1000 > LEAST_MS ? others / seconds : 0;
	figures->run->stolen = stolen * 1000 > LEAST_MS ? stolen / seconds : 0;
}

/* Handlers count for themselves; what the bus says of them must be the same. */
static void
compare_books(struct wi_bench_figures *figures)
{
	weir_producer_counts producers = WEIR_PRODUCER_COUNTS_INIT;
	weir_subscription_counts subscriptions = WEIR_SUBSCRIPTION_COUNTS_INIT;
	weir_bus_counts bus = WEIR_BUS_COUNTS_INIT;
	struct wi_bench_run *run = figures->run;
	uint64_t sent = 0, called = 0;

	if (!run->drained || weir_bus_get_counts(figures->rig->bus, &bus, &producers, NULL,
						 &subscriptions) != WEIR_OK) {
		run->drained = false;
		return;
	}
	run->lost = bus.lost;
	for (unsigned i = 0; i < figures->load->count; i++)
		sent += figures->load->producers[i].loop.number;
	for (size_t p = 0; p < figures->rig->pool_count; p++)
		for (unsigned d = 0; d < figures->rig->pools[p].dispatcher_count; d++)
			called += figures->rig->pools[p].dispatchers[d].call_count;
	if (run->wrong_count == 0 && sent != producers.committed)
		snprintf(run->wrong, sizeof(run->wrong), "published %llu, counted %llu",
			 (unsigned long long)sent, (unsigned long long)producers.committed);
	else if (run->wrong_count == 0 && called != subscriptions.ok)
		snprintf(run->wrong, sizeof(run->wrong), "%llu handler calls, counted %llu",
			 (unsigned long long)called, (unsigned long long)subscriptions.ok);
	run->wrong_count += (sent != producers.committed) + (called != subscriptions.ok);
}

bool
wi_bench_figures_gather(struct wi_bench_figures *figures, uint64_t end_ns)
{
	const struct wi_bench_options *options = figures->rig->options;
	struct wi_bench_run *run = figures->run;
	unsigned at = 0;

	run->threads = calloc(figures->load->count + dispatcher_total(figures->rig),
			      sizeof(*run->threads));
	if (options->rate > 0)
		run->latency = calloc(options->on_count, sizeof(*run->latency));
	if (run->threads == NULL || (options->rate > 0 && run->latency == NULL))
		return false;
	run->usage = wi_bench_usage_since(wi_bench_process_usage(), figures->usage);
	gather_others(figures);
	gather_producers(figures);
	run->dispatch_ns = end_ns > figures->begin_ns ? end_ns - figures->begin_ns : 0;
	/* The last moment is before the end of the time that it is one of. */
	if (run->meant_count > 0 && run->event_count == run->meant_count &&
	    run->dispatch_ns < options->duration_ns)
		run->dispatch_ns = options->duration_ns;
	for (size_t p = 0; p < figures->rig->pool_count; p++) {
		for (unsigned d = 0; d < figures->rig->pools[p].dispatcher_count; d++, at++)
			gather_dispatcher(figures, &figures->rig->pools[p], d, at);
		gather_pool(figures, p);
	}
	compare_books(figures);
	return true;
}

void
wi_bench_figures_fini(struct wi_bench_figures *figures)
{
	free(figures->dispatcher_usage);
	free(figures->dispatcher_calls);
}
