/* SPDX-License-Identifier: MIT */
/* latency.c - see latency.h. */
#include "latency.h"

#include <math.h>
#include <stdlib.h>

#include "rig.h"
#include "stats.h"

enum { READINGS = 1001 };

struct latency {
	_Alignas(MACHINE_LINE) uint64_t answer;         /* the dispatcher's: last event handled */
	_Alignas(MACHINE_LINE) uint64_t sent;           /* the producer's, from here on */
	struct rig *rig;
	double ns_per_tick;
	double clock_ns;                                /* cost of a reading */
	double clock_step_ns;                           /* between two values that it can have */
	uint32_t seed;
};

static int
answer(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct latency *latency = context;
	const uint64_t *number = weir_event_data(event);

	(void)delivery;
	__atomic_store_n(&latency->answer, *number, __ATOMIC_RELEASE);
	return 0;
}

static void
calibrate(struct latency *latency)
{
	double readings[READINGS];

	latency->ns_per_tick = machine_ns_per_tick();
	latency->clock_step_ns = INFINITY;
	for (int i = 0; i < READINGS; i++) {
		uint64_t ticks = machine_ticks();

		readings[i] = (double)(machine_ticks() - ticks) * latency->ns_per_tick;
		if (readings[i] > 0)
			latency->clock_step_ns = fmin(latency->clock_step_ns, readings[i]);
	}
	latency->clock_ns = 0;
	stats_sort(readings, READINGS);
	/* The mean of the middle half: the median would be one of few values. */
	for (int i = READINGS / 4; i < READINGS - READINGS / 4; i++)
		latency->clock_ns += readings[i] / (READINGS - 2 * (READINGS / 4));
}

struct latency *
latency_open(void)
{
	struct rig_options options = { .handler = answer };
	struct latency *latency = aligned_alloc(MACHINE_LINE, sizeof *latency);

	if (!latency)
		return NULL;
	*latency = (struct latency){ .seed = 1 };
	options.context = latency;
	latency->rig = rig_open(&options);
	if (latency->rig) {
		calibrate(latency);
		return latency;
	}
	free(latency);
	return NULL;
}

static uint32_t
random_below(struct latency *latency, uint32_t limit)
{
	latency->seed = latency->seed * 1664525 + 1013904223;
	return (latency->seed >> 8) % limit;
}

/* There and back in ticks, or 0 after a message. */
static uint64_t
trip(struct latency *latency, weir_topic topic, uint64_t gap)
{
	uint64_t number = ++latency->sent, not_before = machine_ticks() + gap, begun;
	weir_producer *producer = latency->rig->producer;
	weir_status status;
	void *data;

	do
		begun = machine_ticks();
	while (begun < not_before);
	status = weir_reserve(producer, topic, NULL, 48, &data);
	if (!status) {
		for (int w = 0; w < 6; w++)
			((uint64_t *)data)[w] = number;
		status = weir_commit(producer);
	}
	if (rig_failed(status, "publishing"))
		return 0;
	while (__atomic_load_n(&latency->answer, __ATOMIC_ACQUIRE) != number)
		;
	return machine_ticks() - begun;
}

bool
latency_run(struct latency *latency, double line_ns, double *samples, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t gap_ns = 2000 + random_below(latency, 3000);
		uint64_t gap = (uint64_t)(gap_ns / latency->ns_per_tick);
		uint64_t ticks = trip(latency, latency->rig->topics[i % 64], gap);
		/* A clock that goes in steps would make medians that go in steps. */
		double part_of_step = random_below(latency, 1001) / 1000.0 - 0.5;

		if (!ticks)
			return false;
		samples[i] = (double)ticks * latency->ns_per_tick - latency->clock_ns - line_ns +
		             part_of_step * latency->clock_step_ns;
	}
	stats_sort(samples, n);
	return true;
}

bool
latency_close(struct latency *latency)
{
	bool ok = rig_close(latency->rig);

	free(latency);
	return ok;
}
