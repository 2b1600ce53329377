/* SPDX-License-Identifier: MIT */
/*
 * projection.h - what each customer has ordered, open and paid, made of the events alone.
 *
 * At the end it must be what the database says.
 */
#ifndef ORDERS_PROJECTION_H
#define ORDERS_PROJECTION_H

#include <weir/service.h>

#include "orders.h"

/* Of one thread at a time: that of a pool with one dispatcher. */
struct projection {
	struct order_change totals[ORDERS_CUSTOMERS];
};

/* A handler of order.after.>. */
int projection_on_event(const weir_event *event, const weir_delivery *delivery, void *projection);

/* What it does. 0: handled. */
int projection_take(struct projection *projection, const weir_envelope *envelope);

/* How many customers have the same sums in both. Nobody is writing. */
unsigned projection_compare(const struct projection *projection, struct orders *orders);

#endif
