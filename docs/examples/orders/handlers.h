/* SPDX-License-Identifier: MIT */
/* handlers.h - others who listen: one is too slow, one fails, and one is told of all that fails. */
#ifndef ORDERS_HANDLERS_H
#define ORDERS_HANDLERS_H

#include <stdatomic.h>
#include <stdbool.h>

#include <weir/weir.h>

/* A message to the customer takes 10 ms: far more come than it can send. */
struct mail {
	atomic_ullong sent, missed;
	atomic_bool hurry; /* sending takes no time any more: it is to come to an end */
};

int mail_on_event(const weir_event *event, const weir_delivery *delivery, void *mail);
int mail_on_gap(const weir_event *event, const weir_delivery *delivery, void *mail);

/* The warehouse does not answer, for a while. */
struct warehouse {
	atomic_ullong failed, told;
	atomic_bool reachable;
};

int warehouse_on_event(const weir_event *event, const weir_delivery *delivery, void *warehouse);

/* Counts what the rules of the notifier, in weir.ini, are about. In its pool, so it misses what that misses. */
int worth_telling_on_event(const weir_event *event, const weir_delivery *delivery, void *sum);

/* Adds up weir.failed.deliver. */
int failures_on_event(const weir_event *event, const weir_delivery *delivery, void *sum);

#endif
