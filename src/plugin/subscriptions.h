/* SPDX-License-Identifier: MIT */
/* subscriptions.h - those of one plugin: made, counted, ended together. */
#ifndef WI_PLUGIN_SUBSCRIPTIONS_H
#define WI_PLUGIN_SUBSCRIPTIONS_H

#include <pthread.h>

#include "plugin/plugins.h"
#include "plugin/streak.h"

struct wi_plugin_subscription;

struct wi_plugin_totals {
	uint64_t count;                 /* that there are now */
	uint64_t due, ok, failed;       /* also of those that have ended */
};

struct wi_plugin_subscriptions {
	pthread_mutex_t lock;           /* held while the engine makes one, not while one waits */
	weir_bus *bus;
	bool open;                      /* more may be made */
	bool awaited;                   /* posts `work` when the last one has gone */
	struct wi_plugin_subscription *first;
	struct wi_plugin_totals gone;
	struct wi_streak streak;
};

void wi_plugin_subscriptions_init(struct wi_plugin_subscriptions *all, weir_bus *bus, sem_t *work);
void wi_plugin_subscriptions_fini(struct wi_plugin_subscriptions *all);

/* More may be made from now on; a new streak begins. */
void wi_plugin_subscriptions_open(struct wi_plugin_subscriptions *all);

/*
 * weir_subscribe(); options->pool is set. `on_trial`: until wi_plugin_subscriptions_keep().
 * Returns also: WEIR_EINVAL when no more may be made.
 */
weir_status wi_plugin_subscriptions_add(struct wi_plugin_subscriptions *all, const char *pattern,
                                        weir_handler_fn handler, void *context,
                                        const weir_subscription_options *options, bool on_trial,
                                        weir_subscription *ret_subscription);

/* One, if it is among these: weir_unsubscribe_wait(); in a handler weir_unsubscribe(). */
weir_status wi_plugin_subscriptions_remove(struct wi_plugin_subscriptions *all,
                                           weir_subscription subscription);

/*
 * No more are made, and all end: WEIR_OK when none of their handlers runs or will, and each
 * `released` has returned. WEIR_ETIMEDOUT: not yet; `work` is posted when it is so, see
 * wi_plugin_subscriptions_ended(). May be called again.
 */
weir_status wi_plugin_subscriptions_end(struct wi_plugin_subscriptions *all, uint64_t timeout_ns);

/* An end that timed out is through. */
bool wi_plugin_subscriptions_ended(struct wi_plugin_subscriptions *all);

/* Those on trial stay, or end: as above, but more may be made all the time. */
void wi_plugin_subscriptions_keep(struct wi_plugin_subscriptions *all);
weir_status wi_plugin_subscriptions_undo(struct wi_plugin_subscriptions *all, uint64_t timeout_ns);

struct wi_plugin_totals wi_plugin_subscriptions_sum(struct wi_plugin_subscriptions *all);

#endif
