/* SPDX-License-Identifier: MIT */
/* bench_run.c - see bench_run.h. */
#include "bench_run.h"

#include "bench_figures.h"
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
	struct wi_bench_figures figures;
};

/* -- the machine ------------------------------------------------------------ */

/* when: 0 before, 1 after. What cannot be measured is left out from there on, and said. */
static void
measure_machine(struct state *state, int when)
{
	const struct wi_bench_options *options = state->runner->options;
	struct wi_bench_run *run = state->run;
	double *line = &run->line_ns[when], *yardstick = &run->yardstick_ns[when];
	int error = 0;

	*line = *yardstick = -1;
	if (!state->runner->has_processors)
		return;
	*line = yardstick_line_ns();
	if (*line < 0)
		error = errno;
	else if (wi_bench_plan_has_yardstick(state->runner->plan, options) &&
		 (*yardstick = yardstick_event_ns(wi_bench_sizes_constant(&options->sizes),
						  (uint32_t)options->commit_count,
						  yardstick_events(*line))) < 0)
		error = errno;
	if (!machine_unpin())
		error = errno;
	if (error == 0)
		return;
	wi_progress_message(state->runner->progress, "no yardstick: %s",
			    error == EILSEQ ? "events of the bare ring came wrong"
					    : strerror(error));
	state->runner->has_processors = false;
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

	if (state->runner->quiet || !wi_progress_due(state->runner->progress) ||
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
				      : weir_bus_flush(state->rig.bus, FLUSH_SLICE_NS)) ==
	       WEIR_ETIMEDOUT) {
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
	if (!wi_bench_figures_begin(&state->figures, &state->rig, &state->load, state->run))
		return failed(state, "cannot measure", WEIR_ENOMEM);
	status = publish(state, options->duration_ns, "publishing");
	state->run->drained = drain(state, &end_ns);
	if (!wi_bench_figures_gather(&state->figures, end_ns))
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
	if (!wi_bench_rig_close(&state.rig,
				ret_run->drained || code != 0 ? CLOSE_NS : CLOSE_STUCK_NS))
		runner->leaked = true;
	ret_run->cut = interrupted(&state);
	if (code == 0 && !ret_run->cut)
		measure_machine(&state, 1);
	else
		ret_run->line_ns[1] = ret_run->yardstick_ns[1] = -1;
	if (!runner->quiet)
		wi_progress_clear(runner->progress);
	wi_bench_figures_fini(&state.figures);
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
