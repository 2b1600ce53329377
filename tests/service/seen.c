/* SPDX-License-Identifier: MIT */
/* seen.c - see seen.h. */
#include "seen.h"

#include <string.h>

weir_clock seen_clock;

static int
see(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct seen_bus *bus = context;
	struct seen *it = &bus->seen[bus->count];

	if (bus->count == SEEN_MAX || event->size > SEEN_BYTES_MAX)
		return 1;
	memset(it, 0, sizeof *it);
	it->envelope = (weir_envelope)WEIR_ENVELOPE_INIT;
	strcpy(it->topic, weir_topic_name(delivery->bus, weir_event_topic(event)));
	memcpy(it->bytes, weir_event_data(event), event->size);
	it->has_key = weir_event_key(event, &it->key);
	it->has_trace = weir_event_trace(event) != NULL;
	if (it->has_trace)
		it->trace = *weir_event_trace(event);
	it->hops = weir_event_hops(event);
	it->source = delivery->source;
	it->time = event->time;
	bus->count++;
	return weir_envelope_open(it->bytes, event->size, &it->envelope) != WEIR_OK;
}

void
seen_open(struct seen_bus *bus)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;

	memset(bus, 0, sizeof *bus);
	options.ring_size = 4096;
	options.clock = seen_clock;
	pool.dispatcher_count = WEIR_MANUAL;
	bus->bus = unit_open(&options, &pool);
	bus->pool = weir_bus_default_pool(bus->bus);
	assert_ok(weir_service_open(bus->bus, "order", NULL, &bus->service));
	unit_subscribe(bus->bus, ">", see, bus);
}

uint32_t
seen_poll(struct seen_bus *bus)
{
	bus->count = 0;
	while (weir_pool_poll(bus->pool, UINT32_MAX))
		;
	assert_int_equal(unit_all_subscription_counts(bus->bus).failed, 0);
	return bus->count;
}

void
seen_expect(struct seen_bus *bus, uint32_t expected)
{
	assert_int_equal(seen_poll(bus), expected);
}

weir_service_counts
seen_counts(const weir_service *service)
{
	weir_service_counts counts = WEIR_SERVICE_COUNTS_INIT;

	assert_ok(weir_service_get_counts(service, &counts));
	assert_int_equal(counts.before_refused + counts.after_refused + counts.failed_refused,
			 counts.refused_full + counts.refused_size + counts.refused_busy +
				 counts.refused_hops + counts.refused_closed +
				 counts.refused_invalid + counts.refused_other);
	return counts;
}

void
seen_close(struct seen_bus *bus)
{
	weir_service_counts counts = seen_counts(bus->service);

	assert_int_equal(counts.before + counts.before_refused,
			 counts.after + counts.after_refused + counts.failed + counts.failed_refused);
	weir_service_close(bus->service);
	unit_close(bus->bus);
}

weir_call_options
seen_options(weir_operation operation)
{
	weir_call_options options = WEIR_CALL_OPTIONS_INIT;

	options.operation = operation;
	return options;
}
