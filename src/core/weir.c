/* SPDX-License-Identifier: MIT */
/*
 * weir.c - the public functions: check arguments and where they are called from, call the engine.
 *
 * Publishing is in publish.c and <weir/inline.h>.
 */
#include <weir/weir.h>

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpus.h"
#include "base/thread.h"
#include "core/bus.h"
#include "core/context.h"
#include "core/drain.h"
#include "core/keeper.h"
#include "core/manual.h"
#include "core/options.h"
#include "core/pattern.h"
#include "core/publish.h"

/* -- texts ------------------------------------------------------------------ */

const char *
weir_status_text(weir_status status)
{
	static const char *const text[] = {
		"done",
		"an argument is not allowed",
		"memory or a thread could not be had",
		"no room in the producer's ring",
		"the payload can never fit this ring",
		"the producer is in mid-publish",
		"the event was caused by too many events in a row",
		"the bus is closing or closed",
		"the deadline passed first",
		"a handler asked to wait for handlers",
		"no such topic, subscription, pool or file",
		"a maximum is reached",
		"this process is a fork of the bus's owner",
		"a system, library or network call failed",
	};
	unsigned index = 0u - (unsigned)status;

	return index < WI_COUNT(text) ? text[index] : "unknown status";
}

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const char *
weir_version(void)
{
	return TEXT(WEIR_VERSION_MAJOR) "." TEXT(WEIR_VERSION_MINOR) "." TEXT(WEIR_VERSION_PATCH);
}

/* -- bus -------------------------------------------------------------------- */

static bool
is_power_of_two(uint32_t value)
{
	return value && !(value & (value - 1));
}

static bool
ring_size_allowed(uint32_t size)
{
	return size == 0 || (is_power_of_two(size) && size >= WI_RING_SIZE_MIN && size <= WI_RING_SIZE_MAX);
}

static bool
bus_options_allowed(const weir_bus_options *options)
{
	return ring_size_allowed(options->ring_size) && options->topic_count_max <= WI_TOPIC_ID_MAX &&
	       options->producer_count_max <= 1u << 20 &&
	       options->hop_count_max <= WEIR_HOPS_MASK_ >> WEIR_HOPS_SHIFT_ &&
	       (unsigned)options->clock <= WEIR_CLOCK_NONE && (unsigned)options->fence <= WEIR_FENCE_PUBLISHER;
}

static bool
pool_options_allowed(const weir_pool_options *options)
{
	cpu_set_t set;

	return (options->dispatcher_count <= WI_DISPATCHER_COUNT_MAX ||
	        options->dispatcher_count == WEIR_MANUAL) &&
	       (unsigned)options->order <= WEIR_ORDER_KEY && (unsigned)options->behind <= WEIR_BEHIND_SKIP &&
	       (options->order == WEIR_ORDER_PRODUCER || options->behind == WEIR_BEHIND_HOLD) &&
	       (unsigned)options->wait <= WEIR_WAIT_PARK &&
	       (options->after || !options->after_count) &&
	       (!options->cpus || wi_cpus_parse(options->cpus, &set));
}

weir_status
weir_bus_open_(uint32_t abi, const weir_bus_options *given, const weir_pool_options *given_pool,
               weir_bus **ret_bus)
{
	weir_bus_options options;
	weir_pool_options pool;
	weir_status status;
	int shield;

	if (wi_bus_parent_had_one())
		return WEIR_EFORKED;
	if (abi != WEIR_ABI_ || !ret_bus || !wi_options_take(&options, sizeof options, given) ||
	    !wi_options_take(&pool, sizeof pool, given_pool) || !bus_options_allowed(&options) ||
	    !pool_options_allowed(&pool) || pool.after_count ||
	    (pool.order == WEIR_ORDER_KEY && pool.dispatcher_count != WEIR_MANUAL &&
	     pool.dispatcher_count > WI_CURSOR_COUNT_MAX))
		return WEIR_EINVAL;
	shield = wi_thread_shield();
	status = wi_bus_open(&options, &pool, ret_bus);
	wi_thread_unshield(shield);
	return status;
}

weir_status
weir_bus_close(weir_bus *bus, uint64_t timeout_ns, weir_close_report *ret_report)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_status status;
	int shield;

	if (!bus || (ret_report && ret_report->size < sizeof ret_report->size))
		return WEIR_EINVAL;
	if (wi_bus_in_child(bus))
		return WEIR_EFORKED;
	if (wi_context_inside())
		return WEIR_EDEADLK;
	shield = wi_thread_shield();
	status = wi_bus_close(bus, wi_clock_deadline(timeout_ns), &report);
	wi_thread_unshield(shield);
	if (ret_report)
		wi_options_give(ret_report, &report, sizeof report);
	return status;
}

weir_status
weir_bus_flush(weir_bus *bus, uint64_t timeout_ns)
{
	if (!bus)
		return WEIR_EINVAL;
	if (wi_bus_in_child(bus))
		return WEIR_EFORKED;
	if (wi_context_inside())
		return WEIR_EDEADLK;
	return wi_bus_flush(bus, NULL, wi_clock_deadline(timeout_ns));
}

void
weir_bus_enable(weir_bus *bus, int enabled)
{
	if (!bus || wi_bus_in_child(bus))
		return;
	if (enabled)
		wi_lanes_unshut(&bus->lanes, WI_GATE_DISABLED);
	else
		wi_lanes_shut(&bus->lanes, WI_GATE_DISABLED, true, UINT64_MAX);
}

weir_pool *
weir_bus_default_pool(weir_bus *bus)
{
	return bus && !wi_bus_in_child(bus) ? (weir_pool *)bus->pool : NULL;
}

weir_status
weir_pool_open(weir_bus *bus, const weir_pool_options *given, weir_pool **ret_pool)
{
	weir_pool_options options;
	struct wi_pool *pool;
	weir_status status;
	int shield;

	if (!bus || !ret_pool || !wi_options_take(&options, sizeof options, given) ||
	    !pool_options_allowed(&options))
		return WEIR_EINVAL;
	if (wi_bus_in_child(bus))
		return WEIR_EFORKED;
	if (wi_context_inside())
		return WEIR_EDEADLK;
	shield = wi_thread_shield();
	status = wi_bus_pool_open(bus, &options, &pool);
	wi_thread_unshield(shield);
	if (status == WEIR_OK)
		*ret_pool = (weir_pool *)pool;
	return status;
}

weir_status
weir_pool_close(weir_pool *handle, uint64_t timeout_ns, weir_close_report *ret_report)
{
	struct wi_pool *pool = (struct wi_pool *)handle;
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_status status;
	int shield;

	if (!pool || (ret_report && ret_report->size < sizeof ret_report->size))
		return WEIR_EINVAL;
	if (wi_bus_in_child(pool->bus))
		return WEIR_EFORKED;
	if (wi_context_inside())
		return WEIR_EDEADLK;
	shield = wi_thread_shield();
	status = wi_bus_pool_close(pool->bus, pool, wi_clock_deadline(timeout_ns), &report);
	wi_thread_unshield(shield);
	if (ret_report && status != WEIR_EINVAL)
		wi_options_give(ret_report, &report, sizeof report);
	return status;
}

weir_status
weir_pool_flush(weir_pool *handle, uint64_t timeout_ns)
{
	struct wi_pool *pool = (struct wi_pool *)handle;

	if (!pool)
		return WEIR_EINVAL;
	if (wi_bus_in_child(pool->bus))
		return WEIR_EFORKED;
	if (wi_context_inside())
		return WEIR_EDEADLK;
	return wi_bus_flush(pool->bus, pool, wi_clock_deadline(timeout_ns));
}

uint32_t
weir_pool_poll(weir_pool *handle, uint32_t count_max)
{
	struct wi_pool *pool = (struct wi_pool *)handle;

	if (!pool || wi_bus_in_child(pool->bus) || !pool->manual)
		return 0;
	return wi_manual_poll(pool, count_max);
}

weir_status
weir_pool_get_fd(weir_pool *handle, int *ret_fd)
{
	struct wi_pool *pool = (struct wi_pool *)handle;

	if (!pool || !ret_fd)
		return WEIR_EINVAL;
	if (wi_bus_in_child(pool->bus))
		return WEIR_EFORKED;
	return pool->manual ? wi_manual_get_fd(pool, ret_fd) : WEIR_EINVAL;
}

/* -- topics ----------------------------------------------------------------- */

/* With the control lock. */
static weir_status
make_topic(weir_bus *bus, const char *name, uint32_t *ret_id)
{
	weir_status status = wi_topics_add(&bus->topics, name, ret_id);

	if (status != WEIR_OK)
		return status;
	for (uint32_t i = 0; i < bus->pool_count && status == WEIR_OK; i++)
		status = wi_routes_topic_added(&bus->pools[i]->routes, *ret_id, name,
		                               bus->pools[i]->subscriptions);
	if (status != WEIR_OK) {
		for (uint32_t i = 0; i < bus->pool_count; i++)
			wi_routes_topic_dropped(&bus->pools[i]->routes, *ret_id);
		wi_topics_drop(&bus->topics, *ret_id);
		return status;
	}
	wi_topics_show(&bus->topics, *ret_id);
	return WEIR_OK;
}

static weir_status
find_or_make_topic(weir_bus *bus, const char *name, uint32_t *ret_id)
{
	uint32_t id = wi_topics_find(&bus->topics, name);

	if (id) {
		*ret_id = id;
		return WEIR_OK;
	}
	return wi_name_own(name) ? WEIR_EINVAL : make_topic(bus, name, ret_id);
}

weir_status
weir_topic_open(weir_bus *bus, const char *name, weir_topic *ret_topic)
{
	weir_status status;
	uint32_t id;

	if (!bus || !name || !ret_topic)
		return WEIR_EINVAL;
	if (wi_bus_in_child(bus))
		return WEIR_EFORKED;
	if (!wi_name_valid(name))
		return WEIR_EINVAL;
	pthread_mutex_lock(&bus->control);
	status = find_or_make_topic(bus, name, &id);
	pthread_mutex_unlock(&bus->control);
	if (status == WEIR_OK)
		ret_topic->id = id;
	return status;
}

weir_status
weir_topic_find(const weir_bus *bus, const char *name, weir_topic *ret_topic)
{
	weir_bus *own = (weir_bus *)bus;        /* for its lock */
	uint32_t id;

	if (!bus || !name || !ret_topic)
		return WEIR_EINVAL;
	if (wi_bus_in_child(bus))
		return WEIR_EFORKED;
	if (!wi_name_valid(name))
		return WEIR_EINVAL;
	pthread_mutex_lock(&own->control);
	id = wi_topics_find(&own->topics, name);
	pthread_mutex_unlock(&own->control);
	if (!id)
		return WEIR_ENOENT;
	ret_topic->id = id;
	return WEIR_OK;
}

const char *
weir_topic_name(const weir_bus *bus, weir_topic topic)
{
	return bus && !wi_bus_in_child(bus) ? wi_topics_name(&bus->topics, topic.id) : NULL;
}

/* -- subscriptions ---------------------------------------------------------- */

/* One of a closed pool that has a tally for each dispatcher of this one. With the control lock. */
static struct wi_subscription *
take_spare(weir_bus *bus, struct wi_pool *pool)
{
	struct wi_subscription **at = &bus->spare, *found;

	while (*at && (*at)->tally_count < pool->dispatcher_count)
		at = &(*at)->next;
	found = *at;
	if (found) {
		*at = found->next;
		found->pool = pool;
		found->next = NULL;
	}
	return found;
}

/* A free one of the pool, or a new one. With the control lock. */
static weir_status
get_subscription(weir_bus *bus, struct wi_pool *pool, struct wi_subscription **ret)
{
	struct wi_subscription *subscription = pool->free;
	weir_status status;
	uint32_t index;

	if (!subscription && (subscription = take_spare(bus, pool)))
		pool->free = subscription;
	if (!subscription) {
		status = wi_registry_room(&bus->registry, &index);
		if (status != WEIR_OK)
			return status;
		subscription = wi_subscription_create(pool, index, pool->dispatcher_count);
		if (!subscription)
			return WEIR_ENOMEM;
		wi_registry_add(&bus->registry, subscription);
		pool->free = subscription;
	}
	*ret = subscription;
	return WEIR_OK;
}

static weir_status
insert_subscription(weir_bus *bus, struct wi_subscription *subscription, uint32_t flags)
{
	struct wi_pool *pool = subscription->pool;
	weir_status status = WEIR_OK;

	/* An exact pattern is a topic; one of the bus's own that does not exist will never be. */
	if (wi_pattern_exact(subscription->pattern)) {
		status = find_or_make_topic(bus, subscription->pattern, &subscription->topic);
		if (status == WEIR_EINVAL)
			status = WEIR_OK;
	}
	if (status != WEIR_OK)
		return status;
	/* Live before it is in a table: its handler may be called, and end it, before we return. */
	wi_subscription_start(subscription, flags);
	pool->free = subscription->next;
	subscription->next = pool->subscriptions;
	pool->subscriptions = subscription;
	subscription->stage = WI_STAGE_LIVE;
	status = wi_routes_insert(&pool->routes, subscription, &bus->topics);
	if (status != WEIR_OK) {
		wi_subscription_retire(subscription);
		pool->subscriptions = subscription->next;
		subscription->next = pool->free;
		pool->free = subscription;
		subscription->stage = WI_STAGE_FREE;
	}
	return status;
}

static weir_status
subscribe(weir_bus *bus, const char *pattern, weir_handler_fn handler, void *context,
          const weir_subscription_options *options, weir_subscription *ret_subscription)
{
	struct wi_pool *pool = options->pool ? (struct wi_pool *)options->pool : bus->pool;
	struct wi_subscription *subscription, *next;
	weir_status status;

	if (wi_load_relaxed(&bus->closing))
		return WEIR_ECLOSED;
	if (!wi_bus_pool_is_open(bus, pool))
		return WEIR_EINVAL;
	status = get_subscription(bus, pool, &subscription);
	if (status != WEIR_OK)
		return status;
	next = subscription->next;
	if (!wi_subscription_init(subscription, pattern, handler, context, options,
	                          ++bus->subscription_serial))
		return WEIR_ENOMEM;
	subscription->next = next;
	status = insert_subscription(bus, subscription, options->flags);
	if (status == WEIR_OK)
		ret_subscription->id = subscription->id;
	return status;
}

weir_status
weir_subscribe(weir_bus *bus, const char *pattern, weir_handler_fn handler, void *context,
               const weir_subscription_options *given, weir_subscription *ret_subscription)
{
	weir_subscription_options options;
	weir_status status;

	if (!bus || !pattern || !handler || !ret_subscription ||
	    !wi_options_take(&options, sizeof options, given))
		return WEIR_EINVAL;
	if (wi_bus_in_child(bus))
		return WEIR_EFORKED;
	if (!wi_pattern_valid(pattern) || options.flags & ~WEIR_SUBSCRIPTION_REPLAYED)
		return WEIR_EINVAL;
	pthread_mutex_lock(&bus->control);
	status = subscribe(bus, pattern, handler, context, &options, ret_subscription);
	pthread_mutex_unlock(&bus->control);
	return status;
}

weir_status
weir_unsubscribe(weir_bus *bus, weir_subscription subscription)
{
	weir_status status;

	if (!bus)
		return WEIR_EINVAL;
	if (wi_bus_in_child(bus))
		return WEIR_EFORKED;
	status = wi_reclaimer_mark(&bus->reclaimer, &bus->registry, subscription.id);
	if (status == WEIR_OK)
		wi_keeper_call(bus);
	return status;
}

static bool
has_ended(const weir_bus *bus, weir_subscription subscription)
{
	struct wi_subscription *found = wi_registry_get(&bus->registry, (uint32_t)subscription.id);

	return wi_load_acquire(&found->word) >> 32 != subscription.id >> 32;
}

weir_status
weir_unsubscribe_wait(weir_bus *bus, weir_subscription subscription, uint64_t timeout_ns)
{
	struct wi_backoff backoff = wi_backoff_until(wi_clock_deadline(timeout_ns));
	weir_status status;

	if (bus && !wi_bus_in_child(bus) && wi_context_inside())
		return WEIR_EDEADLK;
	status = weir_unsubscribe(bus, subscription);
	if (status != WEIR_OK)
		return status;
	while (!has_ended(bus, subscription))
		if (!wi_reclaimer_release_one(&bus->reclaimer, &bus->registry, subscription.id) &&
		    !wi_backoff_wait(&backoff))
			return WEIR_ETIMEDOUT;
	return WEIR_OK;
}

weir_status
weir_subscription_pause(weir_bus *bus, weir_subscription subscription, int paused)
{
	struct wi_subscription *found;
	uint32_t before;

	if (!bus)
		return WEIR_EINVAL;
	if (wi_bus_in_child(bus))
		return WEIR_EFORKED;
	found = wi_registry_get(&bus->registry, (uint32_t)subscription.id);
	if (!found || subscription.id >> 32 == 0 ||
	    !wi_subscription_mark(found, subscription.id, paused ? WI_SUBSCRIPTION_PAUSED : 0,
	                          paused ? 0 : WI_SUBSCRIPTION_PAUSED, &before))
		return WEIR_ENOENT;
	return WEIR_OK;
}

/* -- producers -------------------------------------------------------------- */

weir_status
weir_producer_open(weir_bus *bus, const weir_producer_options *given, weir_producer **ret_producer)
{
	struct wi_producer *producer;
	weir_producer_options options;
	weir_status status;

	if (!bus || !ret_producer || !wi_options_take(&options, sizeof options, given) ||
	    !ring_size_allowed(options.ring_size))
		return WEIR_EINVAL;
	if (wi_bus_in_child(bus))
		return WEIR_EFORKED;
	status = wi_producer_open(&bus->lanes, &options, WI_PRODUCER_USER, &producer);
	if (status == WEIR_OK)
		*ret_producer = &producer->hot;
	return status;
}

void
weir_producer_close(weir_producer *handle)
{
	struct wi_producer *producer = (struct wi_producer *)handle;

	if (producer && !wi_producer_in_child(producer) && producer->kind == WI_PRODUCER_USER)
		wi_producer_close(producer);
}

weir_status
weir_thread_get_producer(weir_bus *bus, weir_producer **ret_producer)
{
	struct wi_dispatcher *dispatcher = wi_dispatcher_of_thread();
	struct wi_producer *producer;
	weir_status status = WEIR_OK;

	if (!bus || !ret_producer)
		return WEIR_EINVAL;
	if (wi_bus_in_child(bus))
		return WEIR_EFORKED;
	if (dispatcher && dispatcher->pool->bus == bus)
		producer = dispatcher->producer;
	else
		producer = wi_producer_of_thread(&bus->lanes);
	if (!producer)
		status = wi_producer_open_for_thread(&bus->lanes, &producer);
	if (status == WEIR_OK)
		*ret_producer = &producer->hot;
	return status;
}

uint32_t
weir_producer_payload_size_max(const weir_producer *producer)
{
	return producer && !wi_producer_in_child((const struct wi_producer *)producer) ? producer->size_max : 0;
}

weir_status
weir_publish_wait(weir_producer *handle, weir_topic topic, const weir_attributes *attributes,
                  const void *data, uint32_t size, uint64_t timeout_ns)
{
	struct wi_producer *producer = (struct wi_producer *)handle;
	struct wi_backoff backoff;
	weir_status status;

	if (!producer)
		return WEIR_EINVAL;
	status = wi_publish_try(producer, topic, attributes, data, size);
	if (status != WEIR_EFULL)
		return status;
	if (wi_context_inside()) {
		wi_publish_count_full(producer, topic, size);
		return WEIR_EFULL;
	}
	backoff = wi_backoff_until(wi_clock_deadline(timeout_ns));
	while (wi_backoff_wait(&backoff)) {
		status = wi_publish_try(producer, topic, attributes, data, size);
		if (status != WEIR_EFULL)
			return status;
	}
	wi_publish_count_full(producer, topic, size);
	return WEIR_ETIMEDOUT;
}

/* -- looking ---------------------------------------------------------------- */

#define GIVE(ret, value) ((ret) ? wi_options_give(ret, &(value), sizeof(value)) : true)

static bool
sized(const void *ret)
{
	size_t size;

	return !ret || (memcpy(&size, ret, sizeof size), size >= sizeof size);
}

weir_status
weir_bus_get_counts(const weir_bus *bus, weir_bus_counts *ret_counts, weir_producer_counts *ret_producers,
                    weir_pool_counts *ret_pools, weir_subscription_counts *ret_subscriptions)
{
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;
	weir_producer_counts producers;
	weir_pool_counts pools;
	weir_subscription_counts subscriptions;

	if (!bus || !sized(ret_counts) || !sized(ret_producers) || !sized(ret_pools) ||
	    !sized(ret_subscriptions))
		return WEIR_EINVAL;
	if (wi_bus_in_child(bus))
		return WEIR_EFORKED;
	wi_bus_sum((weir_bus *)bus, &counts, &producers, &pools, &subscriptions);
	GIVE(ret_counts, counts);
	GIVE(ret_producers, producers);
	GIVE(ret_pools, pools);
	GIVE(ret_subscriptions, subscriptions);
	return WEIR_OK;
}

weir_status
weir_producer_get_counts(const weir_producer *handle, weir_producer_counts *ret_counts)
{
	const struct wi_producer *producer = (const struct wi_producer *)handle;
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;

	if (!producer || !ret_counts || !sized(ret_counts))
		return WEIR_EINVAL;
	if (wi_producer_in_child(producer))
		return WEIR_EFORKED;
	wi_producer_sum(producer, &counts);
	GIVE(ret_counts, counts);
	return WEIR_OK;
}

weir_status
weir_pool_get_counts(const weir_pool *handle, weir_pool_counts *ret_counts)
{
	const struct wi_pool *pool = (const struct wi_pool *)handle;
	weir_pool_counts counts = WEIR_POOL_COUNTS_INIT;

	if (!pool || !ret_counts || !sized(ret_counts))
		return WEIR_EINVAL;
	if (wi_bus_in_child(pool->bus))
		return WEIR_EFORKED;
	wi_pool_sum(pool, &counts);
	GIVE(ret_counts, counts);
	return WEIR_OK;
}

weir_status
weir_subscription_get_counts(const weir_bus *bus, weir_subscription subscription,
                             weir_subscription_counts *ret_counts)
{
	weir_bus *own = (weir_bus *)bus;        /* for its lock */
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;
	struct wi_subscription *found;

	if (!bus || !ret_counts || !sized(ret_counts))
		return WEIR_EINVAL;
	if (wi_bus_in_child(bus))
		return WEIR_EFORKED;
	pthread_mutex_lock(&own->control);
	found = wi_registry_get(&bus->registry, (uint32_t)subscription.id);
	if (!found || subscription.id >> 32 == 0 || has_ended(bus, subscription)) {
		pthread_mutex_unlock(&own->control);
		return WEIR_ENOENT;
	}
	wi_subscription_sum(found, &counts);
	pthread_mutex_unlock(&own->control);
	counts.running = counts.due - counts.ok - counts.failed - counts.skipped_quarantine -
	                 counts.skipped_paused - counts.skipped_unsubscribed;
	GIVE(ret_counts, counts);
	return WEIR_OK;
}

void
weir_bus_each_topic(weir_bus *bus, int (*visit)(void *context, weir_topic topic), void *context)
{
	uint32_t count;

	if (!bus || !visit || wi_bus_in_child(bus))
		return;
	count = wi_load_acquire(&bus->topics.count);    /* E8 */
	wi_context_enter();
	for (uint32_t id = 1; id <= count; id++)
		if (visit(context, (weir_topic){ id }))
			break;
	wi_context_leave();
}

void
weir_bus_each_pool(weir_bus *bus, int (*visit)(void *context, weir_pool *pool, const char *name),
                   void *context)
{
	if (!bus || !visit || wi_bus_in_child(bus))
		return;
	wi_context_enter();
	pthread_mutex_lock(&bus->control);
	for (uint32_t i = 0; i < bus->pool_count; i++)
		if (!bus->pools[i]->closing && visit(context, (weir_pool *)bus->pools[i], bus->pools[i]->name))
			break;
	pthread_mutex_unlock(&bus->control);
	wi_context_leave();
}

static bool
visit_pool(const struct wi_pool *pool,
           int (*visit)(void *context, weir_subscription subscription, const char *name,
                        const char *pattern, weir_pool *pool),
           void *context)
{
	for (const struct wi_subscription *each = pool->subscriptions; each; each = each->next)
		if (visit(context, (weir_subscription){ each->id }, each->name, each->pattern,
		          (weir_pool *)each->pool))
			return true;
	return false;
}

void
weir_bus_each_subscription(weir_bus *bus,
                           int (*visit)(void *context, weir_subscription subscription, const char *name,
                                        const char *pattern, weir_pool *pool),
                           void *context)
{
	if (!bus || !visit || wi_bus_in_child(bus))
		return;
	wi_context_enter();
	pthread_mutex_lock(&bus->control);
	for (uint32_t i = 0; i < bus->pool_count; i++)
		if (visit_pool(bus->pools[i], visit, context))
			break;
	pthread_mutex_unlock(&bus->control);
	wi_context_leave();
}
