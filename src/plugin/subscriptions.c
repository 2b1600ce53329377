/* SPDX-License-Identifier: MIT */
/* subscriptions.c - see subscriptions.h. */
#include "plugin/subscriptions.h"

#include <stdlib.h>

#include "plugin/deadline.h"

struct wi_plugin_subscription {
	/* Read in every call. */
	struct wi_plugin_subscriptions *all;
	weir_handler_fn handler;
	void *context;
	int (*batch_end)(const weir_delivery *delivery, void *context);
	_Atomic bool batch_ok;          /* with batch_end: a call since the last one did well */

	void (*released)(void *context);
	weir_subscription id;
	bool on_trial;
	struct wi_plugin_subscription *next;
};

void
wi_plugin_subscriptions_init(struct wi_plugin_subscriptions *all, weir_bus *bus, sem_t *work)
{
	*all = (struct wi_plugin_subscriptions){ .bus = bus, .streak.work = work };
	pthread_mutex_init(&all->lock, NULL);
}

void
wi_plugin_subscriptions_fini(struct wi_plugin_subscriptions *all)
{
	pthread_mutex_destroy(&all->lock);
}

void
wi_plugin_subscriptions_open(struct wi_plugin_subscriptions *all)
{
	wi_streak_begin(&all->streak);
	pthread_mutex_lock(&all->lock);
	all->open = true;
	all->awaited = false;
	pthread_mutex_unlock(&all->lock);
}

/* -- calls ------------------------------------------------------------------ */

/* What a call came to. One that ends its thread leaves the code as it was before. */
struct call {
	struct wi_plugin_subscription *subscription;
	int code;
};

/* With a batch_end, nothing has succeeded before that did. */
static void
end_call(struct call *call)
{
	struct wi_plugin_subscription *subscription = call->subscription;

	if (__builtin_expect(call->code != 0, 0))
		wi_streak_fail(&subscription->all->streak, call->code);
	else if (!subscription->batch_end)
		wi_streak_succeed(&subscription->all->streak);
	else if (!atomic_load_explicit(&subscription->batch_ok, memory_order_relaxed))
		atomic_store_explicit(&subscription->batch_ok, true, memory_order_relaxed);
}

static int
run(const weir_event *event, const weir_delivery *delivery, void *context)
{
	__attribute__((cleanup(end_call))) struct call call = { context, WEIR_CODE_UNWOUND };

	call.code = call.subscription->handler(event, delivery, call.subscription->context);
	return call.code;
}

static void
end_batch_call(struct call *call)
{
	struct wi_plugin_subscription *subscription = call->subscription;
	bool any = atomic_exchange(&subscription->batch_ok, false);

	if (call->code != 0)
		wi_streak_fail(&subscription->all->streak, call->code);
	else if (any)
		wi_streak_succeed(&subscription->all->streak);
}

static int
run_batch_end(const weir_delivery *delivery, void *context)
{
	__attribute__((cleanup(end_batch_call))) struct call call = { context, WEIR_CODE_UNWOUND };

	call.code = call.subscription->batch_end(delivery, call.subscription->context);
	return call.code;
}

/* Posts with the lock: whoever finds the list empty may free it. */
static void
forget(struct wi_plugin_subscription **at)
{
	struct wi_plugin_subscription *subscription = *at, **link;
	struct wi_plugin_subscriptions *all = subscription->all;
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;

	weir_subscription_get_counts(all->bus, subscription->id, &counts);
	pthread_mutex_lock(&all->lock);
	for (link = &all->first; *link != subscription; link = &(*link)->next)
		;
	*link = subscription->next;
	all->gone.due += counts.due;
	all->gone.ok += counts.ok;
	all->gone.failed += counts.failed;
	if (all->awaited && !all->first)
		sem_post(all->streak.work);
	pthread_mutex_unlock(&all->lock);
	free(subscription);
}

static void
release(void *context)
{
	__attribute__((cleanup(forget))) struct wi_plugin_subscription *subscription = context;

	if (subscription->released)
		subscription->released(subscription->context);
}

/* -- making ----------------------------------------------------------------- */

weir_status
wi_plugin_subscriptions_add(struct wi_plugin_subscriptions *all, const char *pattern,
                            weir_handler_fn handler, void *context,
                            const weir_subscription_options *options, bool on_trial,
                            weir_subscription *ret_subscription)
{
	struct wi_plugin_subscription *made = calloc(1, sizeof *made);
	weir_subscription_options own = *options;
	weir_status status = WEIR_EINVAL;

	if (!made)
		return WEIR_ENOMEM;
	made->all = all;
	made->handler = handler;
	made->context = context;
	made->batch_end = options->batch_end;
	made->released = options->released;
	made->on_trial = on_trial;
	own.batch_end = options->batch_end ? run_batch_end : NULL;
	own.released = release;
	/* With the lock until the id is noted: the handler may ask for its end at once. */
	pthread_mutex_lock(&all->lock);
	if (all->open)
		status = weir_subscribe(all->bus, pattern, run, made, &own, &made->id);
	if (status == WEIR_OK) {
		*ret_subscription = made->id;
		made->next = all->first;
		all->first = made;
	}
	pthread_mutex_unlock(&all->lock);
	if (status != WEIR_OK)
		free(made);
	return status;
}

/* -- ending ----------------------------------------------------------------- */

static bool
has(struct wi_plugin_subscriptions *all, weir_subscription id)
{
	struct wi_plugin_subscription *at;

	pthread_mutex_lock(&all->lock);
	for (at = all->first; at && at->id.id != id.id; at = at->next)
		;
	pthread_mutex_unlock(&all->lock);
	return at;
}

weir_status
wi_plugin_subscriptions_remove(struct wi_plugin_subscriptions *all, weir_subscription subscription)
{
	weir_status status;

	if (!has(all, subscription))
		return WEIR_ENOENT;
	status = weir_unsubscribe_wait(all->bus, subscription, WEIR_FOREVER);
	return status == WEIR_EDEADLK ? weir_unsubscribe(all->bus, subscription) : status;
}

/* Marks all of them first, so that each ends while another is waited for. */
static void
mark(struct wi_plugin_subscriptions *all, bool on_trial)
{
	pthread_mutex_lock(&all->lock);
	for (struct wi_plugin_subscription *at = all->first; at; at = at->next)
		if (at->on_trial || !on_trial)
			weir_unsubscribe(all->bus, at->id);
	pthread_mutex_unlock(&all->lock);
}

static bool
take_first(struct wi_plugin_subscriptions *all, bool on_trial, weir_subscription *ret_id)
{
	struct wi_plugin_subscription *at;

	pthread_mutex_lock(&all->lock);
	for (at = all->first; at && on_trial && !at->on_trial; at = at->next)
		;
	if (at)
		*ret_id = at->id;
	pthread_mutex_unlock(&all->lock);
	return at;
}

static weir_status
wait_for(struct wi_plugin_subscriptions *all, bool on_trial, uint64_t timeout_ns)
{
	uint64_t deadline = wi_deadline_after(timeout_ns);
	weir_subscription id;
	weir_status status;

	while (take_first(all, on_trial, &id)) {
		status = weir_unsubscribe_wait(all->bus, id, wi_deadline_left(deadline));
		if (status != WEIR_OK && status != WEIR_ENOENT)
			return status;
		/* Its pool was closed while the handler hung: `released` never comes. */
		if (has(all, id))
			return WEIR_ETIMEDOUT;
	}
	return WEIR_OK;
}

weir_status
wi_plugin_subscriptions_end(struct wi_plugin_subscriptions *all, uint64_t timeout_ns)
{
	weir_status status;

	pthread_mutex_lock(&all->lock);
	all->open = false;
	pthread_mutex_unlock(&all->lock);
	mark(all, false);
	status = wait_for(all, false, timeout_ns);
	pthread_mutex_lock(&all->lock);
	if (status == WEIR_ETIMEDOUT && !all->first)
		status = WEIR_OK;
	all->awaited = status != WEIR_OK;
	pthread_mutex_unlock(&all->lock);
	return status;
}

bool
wi_plugin_subscriptions_ended(struct wi_plugin_subscriptions *all)
{
	bool ended;

	pthread_mutex_lock(&all->lock);
	ended = all->awaited && !all->first;
	pthread_mutex_unlock(&all->lock);
	return ended;
}

void
wi_plugin_subscriptions_keep(struct wi_plugin_subscriptions *all)
{
	pthread_mutex_lock(&all->lock);
	for (struct wi_plugin_subscription *at = all->first; at; at = at->next)
		at->on_trial = false;
	pthread_mutex_unlock(&all->lock);
}

weir_status
wi_plugin_subscriptions_undo(struct wi_plugin_subscriptions *all, uint64_t timeout_ns)
{
	mark(all, true);
	return wait_for(all, true, timeout_ns);
}

struct wi_plugin_totals
wi_plugin_subscriptions_sum(struct wi_plugin_subscriptions *all)
{
	struct wi_plugin_totals totals;

	pthread_mutex_lock(&all->lock);
	totals = all->gone;
	for (struct wi_plugin_subscription *at = all->first; at; at = at->next) {
		weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;

		weir_subscription_get_counts(all->bus, at->id, &counts);
		totals.count++;
		totals.due += counts.due;
		totals.ok += counts.ok;
		totals.failed += counts.failed;
	}
	pthread_mutex_unlock(&all->lock);
	return totals;
}
