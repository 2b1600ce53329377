/* SPDX-License-Identifier: MIT */
/* report.c - gather the figures of a run from the bus, the publishers and their tapes. */
#include "report.h"

#include "publishers.h"
#include "run_options.h"
#include "topics.h"

#include <stdlib.h>
#include <string.h>

static int
compare_topics(const void *left, const void *right)
{
	const struct wi_report_topic *a = left, *b = right;

	if (a->event_count != b->event_count)
		return a->event_count < b->event_count ? 1 : -1;
	return strcmp(a->name, b->name);
}

/*
 * Counting by topic while publishing would cost time that is being measured; a producer publishes
 * its tape in order, so how often each event went out follows from how far it came.
 */
static void
count_tape(struct wi_report *report, const struct wi_publisher *publisher)
{
	struct wi_tape_cursor cursor = wi_tape_begin(&publisher->tape);
	struct wi_tape_event event;

	for (uint64_t i = 0; wi_tape_next(&cursor, &event); i++) {
		uint64_t times = publisher->pass_count + (i < publisher->rest_count);

		report->topics[event.topic_index].event_count += times;
		report->event_count += times;
		report->payload_size += times * event.size;
	}
	report->wait_count += publisher->wait_count;
	report->wait_ns += publisher->wait_ns;
}

static bool
collect_topics(struct wi_report *report, const struct wi_topics *topics,
	       const struct wi_publishers *publishers)
{
	report->topics = calloc((size_t)topics->count + 1, sizeof(*report->topics));
	if (report->topics == NULL)
		return false;
	for (uint32_t i = 0; i < topics->count; i++)
		report->topics[i].name = topics->entries[i].name;
	for (unsigned i = 0; i < publishers->count; i++)
		count_tape(report, &publishers->list[i]);
	qsort(report->topics, topics->count, sizeof(*report->topics), compare_topics);
	while (report->topic_count < topics->count &&
	       report->topics[report->topic_count].event_count > 0)
		report->topic_count++;
	return true;
}

static weir_status
collect_subscriptions(struct wi_report *report, weir_bus *bus)
{
	const struct wi_run_options *options = report->options;

	report->subscriptions = calloc(options->handler_count, sizeof(*report->subscriptions));
	if (report->subscriptions == NULL)
		return WEIR_ENOMEM;
	for (size_t i = 0; i < options->handler_count; i++) {
		weir_status status;

		report->subscriptions[i].size = sizeof(report->subscriptions[i]);
		status = weir_subscription_get_counts(bus, options->handlers[i].subscription,
						      &report->subscriptions[i]);
		if (status != WEIR_OK)
			return status;
	}
	return WEIR_OK;
}

static weir_status
collect_pools(struct wi_report *report, weir_bus *bus)
{
	const struct wi_pool_specs *specs = &report->options->pools;

	report->pools = calloc(specs->count + 1, sizeof(*report->pools));
	if (report->pools == NULL)
		return WEIR_ENOMEM;
	for (report->pool_count = 0; report->pool_count <= specs->count; report->pool_count++) {
		size_t i = report->pool_count;
		struct wi_report_pool *pool = &report->pools[i];
		weir_status status;

		pool->name = i == 0 ? "default" : specs->each[i - 1].name;
		pool->counts.size = sizeof(pool->counts);
		status = weir_pool_get_counts(i == 0 ? weir_bus_default_pool(bus)
						     : specs->each[i - 1].pool,
					      &pool->counts);
		if (status != WEIR_OK)
			return status;
	}
	return WEIR_OK;
}

weir_status
wi_report_collect(struct wi_report *report, weir_bus *bus, const struct wi_topics *topics,
		  const struct wi_publishers *publishers)
{
	weir_status status;

	if (!collect_topics(report, topics, publishers))
		return WEIR_ENOMEM;
	status = collect_subscriptions(report, bus);
	if (status == WEIR_OK)
		status = collect_pools(report, bus);
	if (status != WEIR_OK)
		return status;
	report->bus.size = sizeof(report->bus);
	report->pool.size = sizeof(report->pool);
	return weir_bus_get_counts(bus, &report->bus, NULL, &report->pool, NULL);
}

void
wi_report_fini(struct wi_report *report)
{
	free(report->topics);
	free(report->subscriptions);
	free(report->pools);
	report->topics = NULL;
	report->subscriptions = NULL;
	report->pools = NULL;
}
