/* SPDX-License-Identifier: MIT */
/* notifier.h - a host with the plugin, one receiver, and what both say. Beside host_rig.h. */
#ifndef WI_TESTS_NOTIFY_NOTIFIER_H
#define WI_TESTS_NOTIFY_NOTIFIER_H

#include "host_rig.h"
#include "receiver.h"
#include "spool.h"

/*
 * rig.ini with the plugin in a pool of its own, its spool at spool.db, one channel "hook" of the type
 * webhook to the receiver, quick, without digests unless `more` has them, and the rule load.after.create to it; and what is added.
 */
const char *notify_config(const struct receiver *receiver, const char *pool, const char *more);
const char *notify_config_port(uint16_t port, const char *pool, const char *more);

/* Of the spool beside whoever uses it; accepted is the sum of the others. */
struct wi_spool_counts notify_counts(void);
/* Until this is so; fails after 20 s. */
void notify_await(bool (*done)(const struct wi_spool_counts *counts), const char *what);
bool notify_nothing_waits(const struct wi_spool_counts *counts);

#endif
