/* SPDX-License-Identifier: MIT */
/* orders.c - one connection and a lock, since SQLite has one writer at a time. */
#include "orders.h"

#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "clock.h"

enum statement {
	BEGIN, COMMIT, ROLLBACK, FIND, OPEN_SUM, INSERT, UPDATE, PAY, DELETE, TOTALS, STATEMENTS
};

static const char schema[] =
	"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
	"CREATE TABLE orders(number INTEGER PRIMARY KEY, customer INTEGER NOT NULL,"
	" cents INTEGER NOT NULL, paid INTEGER NOT NULL DEFAULT 0) STRICT;"
	"CREATE INDEX open_orders ON orders(customer, cents) WHERE NOT paid";

static const char sums[] =
	"SELECT customer, count(*), coalesce(sum(cents) FILTER (WHERE NOT paid), 0),"
	" coalesce(sum(cents) FILTER (WHERE paid), 0) FROM orders GROUP BY customer";

static const char *const texts[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[FIND] = "SELECT customer, cents, paid FROM orders WHERE number = ?1",
	[OPEN_SUM] = "SELECT coalesce(sum(cents), 0) FROM orders WHERE customer = ?1 AND NOT paid",
	[INSERT] = "INSERT INTO orders(number, customer, cents) VALUES(?1, ?2, ?3)",
	[UPDATE] = "UPDATE orders SET cents = ?2 WHERE number = ?1",
	[PAY] = "UPDATE orders SET paid = 1 WHERE number = ?1",
	[DELETE] = "DELETE FROM orders WHERE number = ?1",
	[TOTALS] = sums,
};

struct orders {
	pthread_mutex_t lock;           /* of all but the number */
	sqlite3 *database;
	sqlite3_stmt *statements[STATEMENTS];
	_Atomic uint64_t number;
};

struct order {
	unsigned customer;
	int64_t cents;
	int paid;
};

/* -- the database ----------------------------------------------------------- */

struct orders *
orders_open(const char *path)
{
	struct orders *orders = calloc(1, sizeof(*orders));

	if (!orders || sqlite3_open(path, &orders->database) != SQLITE_OK ||
	    sqlite3_exec(orders->database, schema, NULL, NULL, NULL) != SQLITE_OK)
		fail("%s: %s", path, orders ? sqlite3_errmsg(orders->database) : "out of memory");
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v2(orders->database, texts[i], -1, &orders->statements[i],
				       NULL) != SQLITE_OK)
			fail("%s: %s", path, sqlite3_errmsg(orders->database));
	pthread_mutex_init(&orders->lock, NULL);
	return orders;
}

void
orders_close(struct orders *orders)
{
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(orders->statements[i]);
	sqlite3_close(orders->database);
	pthread_mutex_destroy(&orders->lock);
	free(orders);
}

static sqlite3_stmt *
bind(struct orders *orders, enum statement which, int64_t first, int64_t second, int64_t third)
{
	sqlite3_stmt *statement = orders->statements[which];
	int count = sqlite3_bind_parameter_count(statement);

	sqlite3_reset(statement);
	if (count > 0)
		sqlite3_bind_int64(statement, 1, first);
	if (count > 1)
		sqlite3_bind_int64(statement, 2, second);
	if (count > 2)
		sqlite3_bind_int64(statement, 3, third);
	return statement;
}

/* A statement without rows. 0, or ORDER_STORE. */
static int
run(struct orders *orders, enum statement which, int64_t first, int64_t second, int64_t third)
{
	sqlite3_stmt *statement = bind(orders, which, first, second, third);
	int code = sqlite3_step(statement);

	sqlite3_reset(statement);
	return code == SQLITE_DONE ? 0 : ORDER_STORE;
}

static int
find(struct orders *orders, uint64_t number, struct order *ret_order)
{
	sqlite3_stmt *statement = bind(orders, FIND, (int64_t)number, 0, 0);
	int code = sqlite3_step(statement);

	ret_order->customer = (unsigned)sqlite3_column_int(statement, 0);
	ret_order->cents = sqlite3_column_int64(statement, 1);
	ret_order->paid = sqlite3_column_int(statement, 2);
	sqlite3_reset(statement);
	if (code == SQLITE_ROW)
		return 0;
	return code == SQLITE_DONE ? ORDER_UNKNOWN : ORDER_STORE;
}

static int
check_limit(struct orders *orders, unsigned customer, int64_t more)
{
	sqlite3_stmt *statement = bind(orders, OPEN_SUM, customer, 0, 0);
	int code = sqlite3_step(statement);
	int64_t open_cents = sqlite3_column_int64(statement, 0);

	sqlite3_reset(statement);
	if (code != SQLITE_ROW)
		return ORDER_STORE;
	return open_cents + more > ORDERS_LIMIT_CENTS ? ORDER_OVER_LIMIT : 0;
}

/* -- the actions ------------------------------------------------------------ */

static int
create(struct orders *orders, const struct order_request *request, struct order_change *change)
{
	int code = check_limit(orders, request->customer, request->cents);

	if (code)
		return code;
	change->customer = request->customer;
	change->orders = 1;
	change->open_cents = request->cents;
	return run(orders, INSERT, (int64_t)request->number, request->customer, request->cents);
}

/* Those that need an order which is there and not paid. */
static int
alter(struct orders *orders, const struct order_request *request, struct order_change *change)
{
	int64_t number = (int64_t)request->number;
	struct order order;
	int code = find(orders, request->number, &order);

	if (code)
		return code;
	if (order.paid)
		return ORDER_PAID;
	change->customer = order.customer;
	switch (request->action) {
	case ORDER_UPDATE:
		change->open_cents = request->cents - order.cents;
		code = check_limit(orders, order.customer, change->open_cents);
		return code ? code : run(orders, UPDATE, number, request->cents, 0);
	case ORDER_PAY:
		change->open_cents = -order.cents;
		change->paid_cents = order.cents;
		return run(orders, PAY, number, 0, 0);
	default:
		change->orders = -1;
		change->open_cents = -order.cents;
		return run(orders, DELETE, number, 0, 0);
	}
}

static int
transact(struct orders *orders, const struct order_request *request, struct order_change *change)
{
	int code = run(orders, BEGIN, 0, 0, 0);

	if (code)
		return code;
	if (request->action == ORDER_CREATE)
		code = create(orders, request, change);
	else
		code = alter(orders, request, change);
	if (code == 0)
		code = run(orders, COMMIT, 0, 0, 0);
	if (code)
		run(orders, ROLLBACK, 0, 0, 0);
	return code;
}

static const char *
problem_of(int code)
{
	switch (code) {
	case 0:
		return "";
	case ORDER_OVER_LIMIT:
		return "the customer's limit is reached";
	case ORDER_UNKNOWN:
		return "there is no such order";
	case ORDER_PAID:
		return "the order is paid already";
	default:
		return "the database failed";
	}
}

int
orders_perform(struct orders *orders, const struct order_request *request,
               struct order_result *ret_result)
{
	uint64_t begin = clock_now();

	*ret_result = (struct order_result){0};
	pthread_mutex_lock(&orders->lock);
	ret_result->code = transact(orders, request, &ret_result->change);
	pthread_mutex_unlock(&orders->lock);
	ret_result->problem = problem_of(ret_result->code);
	ret_result->ns = clock_now() - begin;
	return ret_result->code;
}

uint64_t
orders_next_number(struct orders *orders)
{
	return atomic_fetch_add(&orders->number, 1) + 1;
}

void
orders_add_up(struct orders *orders, struct order_change totals[ORDERS_CUSTOMERS])
{
	sqlite3_stmt *statement = orders->statements[TOTALS];
	int code;

	pthread_mutex_lock(&orders->lock);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct order_change *total = &totals[sqlite3_column_int(statement, 0)];

		total->orders += sqlite3_column_int64(statement, 1);
		total->open_cents += sqlite3_column_int64(statement, 2);
		total->paid_cents += sqlite3_column_int64(statement, 3);
	}
	sqlite3_reset(statement);
	pthread_mutex_unlock(&orders->lock);
	if (code != SQLITE_DONE)
		fail("orders: %s", sqlite3_errmsg(orders->database));
}

/* -- as JSON ---------------------------------------------------------------- */

void
order_request_json(const struct order_request *request, char text[ORDERS_JSON_SIZE])
{
	int length = snprintf(text, ORDERS_JSON_SIZE, "{\"order\":%" PRIu64, request->number);

	if (request->action == ORDER_CREATE)
		length += snprintf(text + length, ORDERS_JSON_SIZE - (size_t)length,
				   ",\"customer\":%u", request->customer);
	if (request->action == ORDER_CREATE || request->action == ORDER_UPDATE)
		length += snprintf(text + length, ORDERS_JSON_SIZE - (size_t)length,
				   ",\"cents\":%u", request->cents);
	snprintf(text + length, ORDERS_JSON_SIZE - (size_t)length, "}");
}

void
order_change_json(const struct order_change *change, char text[ORDERS_JSON_SIZE])
{
	snprintf(text, ORDERS_JSON_SIZE,
		 "{\"customer\":%u,\"orders\":%" PRId64 ",\"open\":%" PRId64 ",\"paid\":%" PRId64
		 "}",
		 change->customer, change->orders, change->open_cents, change->paid_cents);
}
