/* SPDX-License-Identifier: MIT */
/*
 * shop.h - the order service: it does what is asked for, and says so on the bus.
 *
 *   order.before.create        what is wanted
 *   order.after.create         and what it has changed
 *   order.failed.create        or why not
 *
 * and the same for update, pay and delete. It knows nobody who listens.
 */
#ifndef ORDERS_SHOP_H
#define ORDERS_SHOP_H

#include <weir/service.h>

#include "orders.h"

struct shop {
	struct orders *orders;
	weir_service *service;
	weir_operation operations[ORDER_DELETE + 1];
};

void shop_open(struct shop *shop, weir_bus *bus, struct orders *orders);
void shop_close(struct shop *shop);

/* The code of the result. Any thread. */
int shop_serve(struct shop *shop, const struct order_request *request,
	       struct order_result *ret_result);

#endif
