/* SPDX-License-Identifier: MIT */
/*
 * orders.h - orders in an SQLite database, and what may be done with them.
 *
 * Nothing here knows of events: see shop.h. Any thread.
 */
#ifndef ORDERS_ORDERS_H
#define ORDERS_ORDERS_H

#include <stdint.h>

enum { ORDERS_CUSTOMERS = 100, ORDERS_LIMIT_CENTS = 50000, ORDERS_JSON_SIZE = 128 };

enum order_action { ORDER_CREATE, ORDER_UPDATE, ORDER_PAY, ORDER_DELETE };

struct order_request {
	enum order_action action;
	uint64_t number;                /* of the order */
	unsigned customer, cents;       /* create; cents also of update */
};

/* Why a request was refused. */
enum {
	ORDER_OVER_LIMIT = 402,
	ORDER_UNKNOWN = 404,
	ORDER_PAID = 409,
	ORDER_STORE = 500               /* SQLite failed */
};

/*
 * What a request has changed for a customer, as differences: they can be added up in any order. So
 * a handler needs to know neither what was before nor which of two threads came first.
 */
struct order_change {
	unsigned customer;
	int64_t orders, open_cents, paid_cents;
};

struct order_result {
	struct order_change change;
	int code;                       /* 0: done */
	const char *problem;
	uint64_t ns;                    /* how long the database took */
};

struct orders;

struct orders *orders_open(const char *path);
void orders_close(struct orders *orders);

/* A number that no order has yet. */
uint64_t orders_next_number(struct orders *orders);

/* The code of the result. */
int orders_perform(struct orders *orders, const struct order_request *request,
                   struct order_result *ret_result);

/* What the database holds for each customer, all of it added to totals[customer]. */
void orders_add_up(struct orders *orders, struct order_change totals[ORDERS_CUSTOMERS]);

/* As JSON, for those who want to know of it. */
void order_request_json(const struct order_request *request, char text[ORDERS_JSON_SIZE]);
void order_change_json(const struct order_change *change, char text[ORDERS_JSON_SIZE]);

#endif
