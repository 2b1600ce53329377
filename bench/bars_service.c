/* SPDX-License-Identifier: MIT */
/*
 * bars_service.c - rows about what the two events of an operation cost its caller, compared with two
 * bare publishes of the same bytes.
 *
 * Bursts that fit into the ring are timed, without the wait for the dispatcher that follows each: in a
 * full ring both would cost what dispatching costs.
 */
#include <string.h>

#include <weir/service.h>

#include "bars.h"
#include "checked.h"
#include "load.h"

enum { BURST = 128, BYTES_MAX = 512 };

static const struct order {
	uint64_t number[6];
} order = { { 1, 2, 3, 4, 5, 6 } };

static const weir_trace thread_trace = { { 1, 2, 3, 4 }, { 5, 6, 7, 8 }, 1 };

/* What an operation publishes: before, after. */
static struct {
	unsigned char bytes[2][BYTES_MAX];
	uint32_t size[2];
	weir_topic topic[2];
	uint64_t words;         /* the sum of both first ones, which is what the handler adds */
} payload;

static bool with_trace;

static inline __attribute__((always_inline)) weir_status
operate(weir_service *service, uint64_t number)
{
	weir_call_options options = WEIR_CALL_OPTIONS_INIT;
	weir_status before, after;
	weir_call call;

	options.operation = WEIR_UPDATE;
	options.data = weir_bytes(&order, sizeof order);
	options.actor = "api";
	options.user_id = "4711";
	options.key = with_trace ? number + 1 : 0;
	before = weir_call_begin(&call, service, &options);
	after = weir_call_succeed(&call, weir_bytes(&number, sizeof number));
	return before ? before : after;
}

static __attribute__((noinline)) weir_status
service_burst(struct rig *rig, weir_service *service)
{
	weir_status status = WEIR_OK;

	(void)rig;
	for (uint64_t i = 0; i < BURST && !status; i++)
		status = operate(service, i);
	return status;
}

static __attribute__((noinline)) weir_status
bare_burst(struct rig *rig, weir_service *service)
{
	weir_status status = WEIR_OK;

	(void)service;
	for (uint64_t i = 0; i < BURST && !status; i++) {
		status = weir_publish(rig->producer, payload.topic[0], payload.bytes[0], payload.size[0]);
		if (!status)
			status = weir_publish(rig->producer, payload.topic[1], payload.bytes[1],
			                      payload.size[1]);
	}
	return status;
}

static int
keep(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint32_t i = (uint32_t)delivery->sequence - 1;
	uint64_t word;

	(void)context;
	if (i > 1 || event->size > BYTES_MAX)
		return 1;
	memcpy(payload.bytes[i], weir_event_data(event), event->size);
	memcpy(&word, weir_event_data(event), sizeof word);
	payload.size[i] = event->size;
	payload.topic[i] = weir_event_topic(event);
	payload.words += word;
	return 0;
}

/* The bytes of both events, and their topics, which have the same numbers in each rig. */
static bool
learn(void)
{
	struct rig_options options = { .pattern = "bench.*.update", .handler = keep };
	struct rig *rig = rig_open(&options);
	weir_service *service;
	bool ok;

	memset(&payload, 0, sizeof payload);
	if (!rig)
		return false;
	ok = !rig_failed(weir_service_open(rig->bus, "bench", NULL, &service), "weir_service_open") &&
	     !rig_failed(operate(service, 1), "operating") &&
	     !rig_failed(weir_bus_flush(rig->bus, WEIR_FOREVER), "weir_bus_flush");
	ok = rig_close(rig) && ok;
	return ok && payload.size[0] && payload.size[1];
}

/* The time for two events in bursts of them, through a bus of its own. */
static double
pair_ns(weir_status (*burst)(struct rig *rig, weir_service *service), uint64_t events)
{
	struct rig *rig = rig_open(NULL);
	uint64_t spent = 0, bursts = events / (2 * BURST) + 1;
	weir_service *service;
	bool ok = rig && !rig_failed(weir_service_open(rig->bus, "bench", NULL, &service),
	                             "weir_service_open");

	/* The first tenth is to warm up. */
	for (uint64_t i = 0; ok && i < bursts + bursts / 10; i++) {
		uint64_t begin = machine_ns();

		ok = !rig_failed(burst(rig, service), "publishing");
		if (i >= bursts / 10)
			spent += machine_ns() - begin;
		rig->expected += BURST * payload.words;
		ok = ok && rig_settle(rig);
	}
	ok = rig && rig_close(rig) && ok;
	return ok ? (double)spent / (double)(bursts * BURST) : -1;
}

static double
bare(uint64_t events)
{
	return pair_ns(bare_burst, events);
}

static double
operations(uint64_t events)
{
	return pair_ns(service_burst, events);
}

static bool
service(struct bar_run *run, const struct bar *bar)
{
	with_trace = bar->parameter;
	weir_trace_set(with_trace ? &thread_trace : NULL);
	if (!learn())
		return false;
	bar_note(run, "%u and %u bytes", payload.size[0], payload.size[1]);
	return bar_between(run, bare, operations);
}

#define AGAINST { "two_publishes_ns_before", "operation_ns", "two_publishes_ns_after", NULL }

const struct bar bars_service[] = {
	{ .name = "service", .what = "both events of an operation", .unit = "x two bare publishes",
	  .limit = 2.5, .run = service, .raw = AGAINST },
	{ .name = "service-trace", .what = "the same with a trace and a key", .unit = "x two bare publishes",
	  .limit = 2.5, .run = service, .parameter = 1, .raw = AGAINST },
	{ 0 },
};
