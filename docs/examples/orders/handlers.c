/* SPDX-License-Identifier: MIT */
/* handlers.c - each is called by one thread at a time; others only look at the counts. */
#include "handlers.h"

#include <errno.h>
#include <jansson.h>
#include <weir/service.h>

#include "clock.h"
#include "orders.h"

static void
add(atomic_ullong *count, unsigned long long more)
{
	atomic_fetch_add_explicit(count, more, memory_order_relaxed);
}

int
mail_on_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct mail *mail = context;

	(void)event, (void)delivery;
	if (!atomic_load_explicit(&mail->hurry, memory_order_relaxed))
		clock_sleep(10 * CLOCK_MS);
	add(&mail->sent, 1);
	return 0;
}

int
mail_on_gap(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_gap *gap = weir_event_data(event);
	struct mail *mail = context;

	(void)delivery;
	add(&mail->missed, gap->sequence_last - gap->sequence_first + 1);
	return 0;
}

/* Not 0 is a failure. After twenty in a row it is left alone, and tried again from time to time. */
int
warehouse_on_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct warehouse *warehouse = context;

	(void)event, (void)delivery;
	if (!atomic_load_explicit(&warehouse->reachable, memory_order_relaxed)) {
		add(&warehouse->failed, 1);
		return EHOSTUNREACH;
	}
	add(&warehouse->told, 1);
	return 0;
}

int
worth_telling_on_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	weir_envelope envelope = WEIR_ENVELOPE_INIT;
	json_t *result;
	json_int_t paid = 0;

	(void)delivery;
	if (weir_envelope_open(weir_event_data(event), event->size, &envelope))
		return EBADMSG;
	result = json_loadb(envelope.result.bytes, envelope.result.size, 0, NULL);
	paid = json_integer_value(json_object_get(result, "paid"));
	json_decref(result);
	if (envelope.code == ORDER_OVER_LIMIT || paid > 19900)
		add(context, 1);
	return 0;
}

int
failures_on_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_failure *failure = weir_event_data(event);

	(void)delivery;
	add(context, failure->count);
	return 0;
}
