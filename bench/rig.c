/* SPDX-License-Identifier: MIT */
/* rig.c - see rig.h. */
#include "rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"

enum { SETTLE_S = 20 };

bool
rig_failed(weir_status status, const char *what)
{
	if (status != WEIR_OK)
		fprintf(stderr, "%s: %s\n", what, weir_status_text(status));
	return status != WEIR_OK;
}

/* Warnings (SPIN is unwise with so few processors) would stand in the middle of the tables. */
static void
log_errors(void *context, int level, const char *id, const char *text)
{
	(void)context;
	if (level <= 3)
		fprintf(stderr, "weir: %s: %s\n", id, text);
}

int
rig_sum(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint64_t *sum = context;
	const uint64_t *word = weir_event_data(event);

	(void)delivery;
	__atomic_store_n(sum, __atomic_load_n(sum, __ATOMIC_RELAXED) + *word, __ATOMIC_RELAXED);
	return 0;
}

static bool
open_bus(struct rig *rig, const struct rig_options *options)
{
	weir_bus_options bus = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	char cpu[16];

	snprintf(cpu, sizeof cpu, "%d", machine_dispatcher_cpu());
	bus.log = log_errors;
	pool.wait = options->wait ? options->wait : WEIR_WAIT_SPIN;
	pool.dispatcher_count = options->dispatcher_count;
	pool.order = options->order;
	pool.cpus = options->unpinned ? NULL : cpu;
	pool.thread_begin = options->thread_begin;
	pool.thread_context = options->context;
	/* The bus fits itself to the processors of the thread that opens it, and its helper
	 * threads inherit them. */
	checked_unpin();
	return !rig_failed(weir_bus_open(&bus, &pool, &rig->bus), "weir_bus_open");
}

static bool
open_topics(struct rig *rig)
{
	char name[64];

	rig->topics = calloc(rig->topic_count, sizeof *rig->topics);
	if (!rig->topics)
		return false;
	for (uint32_t i = 0; i < rig->topic_count; i++) {
		snprintf(name, sizeof name, "bench.t%02" PRIu32 ".update", i);
		if (rig_failed(weir_topic_open(rig->bus, name, &rig->topics[i]), "weir_topic_open"))
			return false;
	}
	return true;
}

static bool
subscribe(struct rig *rig, const struct rig_options *options)
{
	const char *pattern = options->pattern ? options->pattern : "bench.*.update";
	uint32_t count = options->subscription_count ? options->subscription_count : 1;
	weir_subscription subscription;

	rig->sums = *pattern && !options->handler;
	rig->per_event = count;
	for (uint32_t i = 0; *pattern && i < count; i++)
		if (rig_failed(weir_subscribe(rig->bus, pattern,
		                              options->handler ? options->handler : rig_sum,
		                              options->handler ? options->context : &rig->sum,
		                              NULL, &subscription),
		               "weir_subscribe"))
			return false;
	return true;
}

static void
discard(struct rig *rig)
{
	if (rig->producer)
		weir_producer_close(rig->producer);
	if (rig->bus)
		weir_bus_close(rig->bus, 0, NULL);
	free(rig->topics);
	free(rig);
}

struct rig *
rig_open(const struct rig_options *options)
{
	static const struct rig_options defaults;
	weir_producer_options producer = WEIR_PRODUCER_OPTIONS_INIT;
	struct rig *rig = aligned_alloc(MACHINE_LINE, sizeof *rig);

	if (!rig)
		return NULL;
	memset(rig, 0, sizeof *rig);
	if (!options)
		options = &defaults;
	rig->topic_count = options->topic_count ? options->topic_count : 64;
	producer.ring_size = options->ring_size;
	if (!open_bus(rig, options) || !open_topics(rig) || !subscribe(rig, options) ||
	    rig_failed(weir_producer_open(rig->bus, &producer, &rig->producer),
	               "weir_producer_open")) {
		discard(rig);
		return NULL;
	}
	checked_pin(machine_producer_cpu());
	return rig;
}

bool
rig_add_pool(struct rig *rig, const weir_pool_options *options, const char *pattern,
             weir_handler_fn handler, void *context, weir_pool **ret_pool)
{
	weir_subscription_options subscription = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription id;
	weir_status status;

	checked_unpin();
	status = weir_pool_open(rig->bus, options, ret_pool);
	checked_pin(machine_producer_cpu());
	if (rig_failed(status, "weir_pool_open"))
		return false;
	subscription.pool = *ret_pool;
	return !rig_failed(weir_subscribe(rig->bus, pattern, handler, context, &subscription, &id),
	                   "weir_subscribe");
}

void
rig_expect(struct rig *rig, uint64_t n)
{
	if (rig->sums)
		rig->expected += rig->per_event * (n * (n - 1) / 2);
}

bool
rig_settle(struct rig *rig)
{
	uint64_t end = 0;
	unsigned polls = 0;

	while (__atomic_load_n(&rig->sum, __ATOMIC_RELAXED) != rig->expected) {
		machine_pause(8);
		if (polls++ % 1024)
			continue;
		if (!end)
			end = machine_ns() + SETTLE_S * 1000000000ull;
		if (machine_ns() < end)
			continue;
		fprintf(stderr, "events were lost: sum %" PRIu64 ", expected %" PRIu64 "\n",
		        rig->sum, rig->expected);
		return false;
	}
	return true;
}

static bool
balanced(struct rig *rig)
{
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;

	if (rig_failed(weir_bus_flush(rig->bus, SETTLE_S * 1000000000ull), "weir_bus_flush") ||
	    rig_failed(weir_bus_get_counts(rig->bus, &counts, NULL, NULL, NULL), "the counts"))
		return false;
	if (counts.lost)
		fprintf(stderr, "lost %" PRId64 "\n", counts.lost);
	if (rig->sum != rig->expected)
		fprintf(stderr, "wrong sum: %" PRIu64 ", expected %" PRIu64 "\n", rig->sum,
		        rig->expected);
	return !counts.lost && rig->sum == rig->expected;
}

bool
rig_close(struct rig *rig)
{
	bool ok = balanced(rig);

	weir_producer_close(rig->producer);
	if (rig_failed(weir_bus_close(rig->bus, SETTLE_S * 1000000000ull, NULL), "weir_bus_close"))
		ok = false;
	free(rig->topics);
	free(rig);
	return ok;
}
