/* SPDX-License-Identifier: MIT */
/*
 * projection.c - events of one request thread come in their order, those of two threads in any: an
 * order may be paid by one before it is seen to be created by the other. Sums do not mind.
 */
#include "projection.h"

#include <errno.h>
#include <jansson.h>

static int
read_change(weir_content content, struct order_change *ret_change)
{
	json_t *object = json_loadb(content.bytes, content.size, 0, NULL);
	json_int_t customer = 0, orders = 0, open_cents = 0, paid_cents = 0;
	int bad = json_unpack(object, "{s:I, s:I, s:I, s:I}", "customer", &customer, "orders",
			      &orders, "open", &open_cents, "paid", &paid_cents);

	json_decref(object);
	*ret_change = (struct order_change){(unsigned)customer, orders, open_cents, paid_cents};
	return bad || customer < 0 || customer >= ORDERS_CUSTOMERS;
}

int
projection_take(struct projection *projection, const weir_envelope *envelope)
{
	struct order_change change, *total;

	if (read_change(envelope->result, &change))
		return EBADMSG;
	total = &projection->totals[change.customer];
	total->orders += change.orders;
	total->open_cents += change.open_cents;
	total->paid_cents += change.paid_cents;
	return 0;
}

int
projection_on_event(const weir_event *event, const weir_delivery *delivery, void *projection)
{
	weir_envelope envelope = WEIR_ENVELOPE_INIT;

	(void)delivery;
	if (weir_envelope_open(weir_event_data(event), event->size, &envelope))
		return EBADMSG;
	return projection_take(projection, &envelope);
}

unsigned
projection_compare(const struct projection *projection, struct orders *orders)
{
	struct order_change stored[ORDERS_CUSTOMERS] = {0};
	unsigned same = 0;

	orders_add_up(orders, stored);
	for (unsigned i = 0; i < ORDERS_CUSTOMERS; i++) {
		const struct order_change *total = &projection->totals[i];

		same += total->orders == stored[i].orders &&
			total->open_cents == stored[i].open_cents &&
			total->paid_cents == stored[i].paid_cents;
	}
	return same;
}
