/* SPDX-License-Identifier: MIT */
/* bench_run.c - see bench_run.h. */
#include "bench_run.h"

#include "bench_load.h"
#include "bench_rig.h"
#include "command.h"
#include "figures.h"
#include "stopwatch.h"
#include "yardstick.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH_SLICE_NS (50 * WI_STOPWATCH_MS) /* how late a drain may notice a signal */
#define DRAIN_NS       (5 * WI_STOPWATCH_S)   /* after a signal */
#define CLOSE_NS       (10 * WI_STOPWATCH_S)
#define CLOSE_STUCK_NS (100 * WI_STOPWATCH_MS)
#define GRACE_NS       (2 * WI_STOPWATCH_MS) /* for who is only just behind its schedule */

struct state {
	struct wi_bench_runner *runner;
	struct wi_bench_run *run;
	struct wi_bench_rig rig;
	struct wi_bench_load load;
	/* As they were when the load began. */
	struct wi_bench_usage usage;
	struct machine_used used;
	uint64_t used_ns;
	struct wi_bench_usage *dispatcher_usage;
	uint64_t *dispatcher_calls;
	uint64_t begin_ns;
};

static unsigned
dispatcher_total(const struct wi_bench_rig *rig)
{
	unsigned count = 0;

	for (size_t p = 0; p < rig->pool_count; p++)
		count += rig->pools[p].dispatcher_count;
	return count;
}

/* -- the machine ------------------------------------------------------------ */

/* when: 0 before, 1 after. What cannot be measured is left out, and said once. */
static void
measure_machine(struct state *state, int when)
{
	const struct wi_bench_options *options = state->runner->options;
	struct wi_bench_run *run = state->run;

	run->line_ns[when] = run->yardstick_ns[when] = -1;
	if (!state->runner->has_processors)
		return;
	run->line_ns[when] = yardstick_line_ns();
	if (run->line_ns[when] >= 0 && wi_bench_plan_has_yardstick(state->runner->plan, options))
		run->yardstick_ns[when] = yardstick_event_ns(
			wi_bench_sizes_constant(&options->sizes), (uint32_t)options->commit_count,
			yardstick_events(run->line_ns[when]));
	if (!machine_unpin() || run->line_ns[when] < 0) {
		wi_progress_message(state->runner->progress, "no yardstick: %s", strerror(errno));
		state->runner->has_processors = false;
	}
}

/* -- the load --------------------------------------------------------------- */

static bool
interrupted(struct state *state)
{
	wi_interrupt_wait(state->runner->interrupt, -1, 0);
	return state->runner->interrupt->signal != 0;
}

static void
draw(struct state *state, const char *what, uint64_t begin_ns, uint64_t duration_ns)
{
	const struct wi_bench_options *options = state->runner->options;
	weir_producer_counts producers = WEIR_PRODUCER_COUNTS_INIT;
	uint64_t passed_ns = wi_stopwatch_now() - begin_ns;

	if (!wi_progress_due(state->runner->progress) ||
	    weir_bus_get_counts(state->rig.bus, NULL, &producers, NULL, NULL) != WEIR_OK)
		return;
	wi_progress_draw(state->runner->progress, "run %u of %u, %s: %s of %s  %s events published",
			 state->runner->index + 1, (unsigned)options->repeat, what,
			 wi_figures_time(passed_ns).text, wi_figures_time(duration_ns).text,
			 wi_figures_count(producers.committed).text);
}

/* Until all moments are through, or in a closed loop for so long. */
static weir_status
publish(struct state *state, uint64_t duration_ns, const char *what)
{
	struct wi_bench_load *load = &state->load;
	uint64_t begin_ns = wi_stopwatch_now(), end_ns;
	weir_status status = wi_bench_load_start(load, duration_ns);

	end_ns = begin_ns + duration_ns;
	if (state->runner->options->rate > 0)
		end_ns = load->start_ns + duration_ns + GRACE_NS;
	while (!wi_bench_load_done(load)) {
		uint64_t now_ns = wi_stopwatch_now();
		uint64_t left_ms = now_ns < end_ns ? (end_ns - now_ns) / WI_STOPWATCH_MS + 1 : 1;

		if (state->runner->progress->on && left_ms > WI_PROGRESS_PERIOD_MS)
			left_ms = WI_PROGRESS_PERIOD_MS;
		wi_interrupt_wait(state->runner->interrupt, load->done_fd, (int)left_ms);
		if (state->runner->interrupt->signal != 0 || wi_stopwatch_now() >= end_ns)
			wi_bench_load_stop(load);
		draw(state, what, begin_ns, duration_ns);
	}
	if (status == WEIR_OK)
		return wi_bench_load_join(load);
	wi_bench_load_join(load);
	return status;
}

/* pool: NULL for all. After a signal for DRAIN_NS, or until the next. */
static bool
flush(struct state *state, weir_pool *pool)
{
	uint64_t begin_ns = wi_stopwatch_now(), deadline_ns = UINT64_MAX;
	weir_status status;

	while ((status = pool != NULL ? weir_pool_flush(pool, FLUSH_SLICE_NS)
				      : weir_bus_flush(state->rig.bus, FLUSH_SLICE_NS)) == WEIR_ETIMEDOUT) {
		if (interrupted(state) && deadline_ns == UINT64_MAX) {
			atomic_store(&state->rig.over, true);
			deadline_ns = wi_stopwatch_now() + DRAIN_NS;
		}
		if (state->runner->interrupt->count > 1 || wi_stopwatch_now() >= deadline_ns)
			return false;
		draw(state, "waiting for handlers", begin_ns, wi_stopwatch_now() - begin_ns);
	}
	return status == WEIR_OK;
}

/* Pools that hold are part of what is measured; one that skips is only let come to its end. */
static bool
drain(struct state *state, uint64_t *ret_end_ns)
{
	bool drained = true;

	for (size_t p = 0; p < state->rig.pool_count && drained; p++)
		if (state->rig.pools[p].spec->behind == WEIR_BEHIND_HOLD)
			drained = flush(state, state->rig.pools[p].pool);
	*ret_end_ns = wi_stopwatch_now();
	atomic_store(&state->rig.over, true);
	drained = drained && flush(state, NULL);
	atomic_store(&state->rig.over, false);
	return drained;
}

/* -- figures ---------------------------------------------------------------- */

static bool
begin_figures(struct state *state)
{
	unsigned at = 0, count = dispatcher_total(&state->rig);

	state->dispatcher_usage = calloc(count, sizeof(*state->dispatcher_usage));
	state->dispatcher_calls = calloc(count, sizeof(*state->dispatcher_calls));
	state->run->pools = calloc(state->rig.pool_count, sizeof(*state->run->pools));
	if (state->dispatcher_usage == NULL || state->dispatcher_calls == NULL || state->run->pools == NULL)
		return false;
	wi_bench_rig_reset_latency(&state->rig);
	for (size_t p = 0; p < state->rig.pool_count; p++) {
		struct wi_bench_pool *pool = &state->rig.pools[p];

		state->run->pools[p] = (struct wi_bench_run_pool){
			.name = pool->spec->name, .counts = WEIR_POOL_COUNTS_INIT};
		weir_pool_get_counts(pool->pool, &state->run->pools[p].counts);
		for (unsigned d = 0; d < pool->dispatcher_count; d++, at++) {
			state->dispatcher_usage[at] = wi_bench_thread_usage(pool->dispatchers[d].thread);
			state->dispatcher_calls[at] = pool->dispatchers[d].call_count;
		}
	}
	state->run->pool_count = state->rig.pool_count;
	state->usage = wi_bench_process_usage();
	state->used = machine_used();
	state->used_ns = wi_stopwatch_now();
	return true;
}

static void
gather_producers(struct state *state)
{
	struct wi_bench_run *run = state->run;
	uint64_t end_ns = 0;

	state->begin_ns = UINT64_MAX;
	for (unsigned i = 0; i < state->load.count; i++) {
		const struct wi_bench_sent *sent = &state->load.producers[i].sent;
		struct wi_bench_run_thread *thread = &run->threads[run->thread_count++];

		*thread = (struct wi_bench_run_thread){.is_producer = true, .event_count = sent->event_count,
						       .full_count = sent->full_count, .full_ns = sent->full_ns,
						       .usage = sent->usage};
		snprintf(thread->name, sizeof(thread->name), "producer %u", i + 1);
		run->event_count += sent->event_count;
		run->byte_count += sent->byte_count;
		run->meant_count += sent->meant_count;
		run->full_count += sent->full_count;
		run->full_ns += sent->full_ns;
		if (sent->late_max_ns > run->late_max_ns)
			run->late_max_ns = sent->late_max_ns;
		if (sent->begin_ns < state->begin_ns)
			state->begin_ns = sent->begin_ns;
		if (sent->end_ns > end_ns)
			end_ns = sent->end_ns;
	}
	if (state->runner->options->rate > 0)
		state->begin_ns = state->load.start_ns;
	run->send_ns = end_ns - state->begin_ns;
}

static void
gather_dispatcher(struct state *state, const struct wi_bench_pool *pool, unsigned index, unsigned at)
{
	const struct wi_bench_dispatcher *dispatcher = &pool->dispatchers[index];
	struct wi_bench_run *run = state->run;
	struct wi_bench_run_thread *thread = &run->threads[run->thread_count++];

	*thread = (struct wi_bench_run_thread){
		.event_count = dispatcher->call_count - state->dispatcher_calls[at],
		.usage = wi_bench_usage_since(wi_bench_thread_usage(dispatcher->thread),
					      state->dispatcher_usage[at])};
	snprintf(thread->name, sizeof(thread->name), "%.48s %u", pool->spec->name, index);
	run->call_count += thread->event_count;
	run->backwards_count += dispatcher->backwards_count;
	if (run->wrong_count == 0)
		memcpy(run->wrong, dispatcher->wrong, sizeof(run->wrong));
	run->wrong_count += dispatcher->wrong_count;
	for (size_t i = 0; run->latency != NULL && i < state->rig.options->on_count; i++) {
		histogram_merge(&run->latency[i].waiting, &dispatcher->latency[i].waiting);
		histogram_merge(&run->latency[i].handling, &dispatcher->latency[i].handling);
		histogram_merge(&run->latency[i].total, &dispatcher->latency[i].total);
	}
}

static void
gather_pool(struct state *state, size_t index)
{
	weir_pool_counts now = WEIR_POOL_COUNTS_INIT, *counts = &state->run->pools[index].counts;

	weir_pool_get_counts(state->rig.pools[index].pool, &now);
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
gather_others(struct state *state)
{
	enum { LEAST_MS = 30 };
	struct machine_used now = machine_used();
	double seconds = (double)(wi_stopwatch_now() - state->used_ns) / 1e9;
	double others = now.busy - state->used.busy - (double)state->run->usage.cpu_ns / 1e9;
	double stolen = now.stolen - state->used.stolen;

	state->run->others = others * 1000 > LEAST_MS ? others / seconds : 0;
	state->run->stolen = stolen * 1000 > LEAST_MS ? stolen / seconds : 0;
}

/* Handlers count for themselves; what the bus says of them must be the same. */
static void
compare_books(struct state *state)
{
	weir_producer_counts producers = WEIR_PRODUCER_COUNTS_INIT;
	weir_subscription_counts subscriptions = WEIR_SUBSCRIPTION_COUNTS_INIT;
	weir_bus_counts bus = WEIR_BUS_COUNTS_INIT;
	struct wi_bench_run *run = state->run;
	uint64_t sent = 0, called = 0;

	if (!run->drained ||
	    weir_bus_get_counts(state->rig.bus, &bus, &producers, NULL, &subscriptions) != WEIR_OK) {
		run->drained = false;
		return;
	}
	run->lost = bus.lost;
	for (unsigned i = 0; i < state->load.count; i++)
		sent += state->load.producers[i].loop.number;
	for (size_t p = 0; p < state->rig.pool_count; p++)
		for (unsigned d = 0; d < state->rig.pools[p].dispatcher_count; d++)
			called += state->rig.pools[p].dispatchers[d].call_count;
	if (run->wrong_count == 0 && sent != producers.committed)
		snprintf(run->wrong, sizeof(run->wrong), "published %llu, counted %llu",
			 (unsigned long long)sent, (unsigned long long)producers.committed);
	else if (run->wrong_count == 0 && called != subscriptions.ok)
		snprintf(run->wrong, sizeof(run->wrong), "%llu handler calls, counted %llu",
			 (unsigned long long)called, (unsigned long long)subscriptions.ok);
	run->wrong_count += (sent != producers.committed) + (called != subscriptions.ok);
}

static bool
gather(struct state *state, uint64_t end_ns)
{
	const struct wi_bench_options *options = state->runner->options;
	struct wi_bench_run *run = state->run;
	unsigned at = 0;

	run->threads = calloc(state->load.count + dispatcher_total(&state->rig), sizeof(*run->threads));
	if (options->rate > 0)
		run->latency = calloc(options->on_count, sizeof(*run->latency));
	if (run->threads == NULL || (options->rate > 0 && run->latency == NULL))
		return false;
	run->usage = wi_bench_usage_since(wi_bench_process_usage(), state->usage);
	gather_others(state);
	gather_producers(state);
	run->dispatch_ns = end_ns > state->begin_ns ? end_ns - state->begin_ns : 0;
	/* The last moment is before the end of the time that it is one of. */
	if (run->meant_count > 0 && run->event_count == run->meant_count &&
	    run->dispatch_ns < options->duration_ns)
		run->dispatch_ns = options->duration_ns;
	for (size_t p = 0; p < state->rig.pool_count; p++) {
		for (unsigned d = 0; d < state->rig.pools[p].dispatcher_count; d++, at++)
			gather_dispatcher(state, &state->rig.pools[p], d, at);
		gather_pool(state, p);
	}
	compare_books(state);
	return true;
}

/* -- one run ---------------------------------------------------------------- */

static int
failed(struct state *state, const char *what, weir_status status)
{
	wi_progress_message(state->runner->progress, "%s: %s", what, weir_status_text(status));
	return WI_EXIT_FAILED;
}

static int
work(struct state *state)
{
	const struct wi_bench_options *options = state->runner->options;
	weir_status status;
	uint64_t end_ns;

	status = wi_bench_load_open(&state->load, &state->rig);
	if (status != WEIR_OK)
		return failed(state, "cannot open the producers", status);
	if (options->warmup_ns > 0) {
		status = publish(state, options->warmup_ns, "warm-up");
		if (status != WEIR_OK)
			return failed(state, "a producer stopped", status);
		state->run->drained = drain(state, &end_ns);
		if (!state->run->drained || interrupted(state))
			return 0;
	}
	if (!begin_figures(state))
		return failed(state, "cannot measure", WEIR_ENOMEM);
	status = publish(state, options->duration_ns, "publishing");
	state->run->drained = drain(state, &end_ns);
	if (!gather(state, end_ns))
		return failed(state, "cannot gather the figures", WEIR_ENOMEM);
	return status == WEIR_OK ? 0 : failed(state, "a producer stopped", status);
}

int
wi_bench_run(struct wi_bench_runner *runner, struct wi_bench_run *ret_run)
{
	struct state state = {.runner = runner, .run = ret_run, .load.done_fd = -1};
	int code;

	*ret_run = (struct wi_bench_run){.drained = false};
	measure_machine(&state, 0);
	code = wi_bench_rig_open(&state.rig, runner->options, runner->plan, runner->progress);
	if (code == 0)
		code = work(&state);
	if (state.load.rig != NULL)
		wi_bench_load_close(&state.load);
	/* One that never was under load has nothing to wait for. */
	if (!wi_bench_rig_close(&state.rig, ret_run->drained || code != 0 ? CLOSE_NS : CLOSE_STUCK_NS))
		runner->leaked = true;
	ret_run->cut = interrupted(&state);
	if (code == 0 && !ret_run->cut)
		measure_machine(&state, 1);
	else
		ret_run->line_ns[1] = ret_run->yardstick_ns[1] = -1;
	wi_progress_clear(runner->progress);
	free(state.dispatcher_usage);
	free(state.dispatcher_calls);
	return code;
}

void
wi_bench_run_fini(struct wi_bench_run *run)
{
	free(run->threads);
	free(run->pools);
	free(run->latency);
	run->threads = NULL;
	run->pools = NULL;
	run->latency = NULL;
}
