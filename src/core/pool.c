/* SPDX-License-Identifier: MIT */
/* pool.c - see pool.h. */
#define _LGPL_SOURCE
#include "core/pool.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <urcu/urcu-mb.h>

#include "base/clock.h"
#include "base/cpus.h"
#include "base/memory.h"
#include "base/thread.h"
#include "core/context.h"
#include "core/dispatch.h"
#include "core/record.h"
#include "core/wait.h"

static __thread struct wi_dispatcher *this_dispatcher;

struct wi_dispatcher *
wi_dispatcher_of_thread(void)
{
	return this_dispatcher;
}

struct wi_dispatcher *
wi_dispatcher_enter(struct wi_dispatcher *dispatcher)
{
	struct wi_dispatcher *before = this_dispatcher;

	this_dispatcher = dispatcher;
	return before;
}

#define SAMPLE_MAX_NS (3600 * WI_SECOND)         /* or more: never */

/* -- a handler that forks --------------------------------------------------- */

/*
 * In the child, where the handler goes on. Behind it a dispatcher looks for open reservations
 * anyway, and finds the child there: nothing is asked for it after each call.
 */
static void
note_child(void)
{
	if (this_dispatcher)
		wi_store_relaxed(&this_dispatcher->producer->hot.tail->open.state, (uint64_t)WEIR_INSIDE_);
}

static void
hear_of_forks(void)
{
	pthread_atfork(NULL, NULL, note_child);
}

void
wi_dispatcher_leave_child(void)
{
	_exit(0);
}

/* -- the thread ------------------------------------------------------------- */

/* Its share of the pool's processors: the kernel may leave two threads that wake at once on one for long. */
static bool
pin(const struct wi_pool *pool, unsigned index)
{
	cpu_set_t share;

	wi_cpus_share(&pool->cpus, index, pool->dispatcher_count, &share);
	return wi_thread_pin(&share) || wi_thread_pin(&pool->cpus);
}

static void
begin_thread(struct wi_dispatcher *dispatcher)
{
	struct wi_pool *pool = dispatcher->pool;
	char name[96];

	urcu_mb_register_thread();
	this_dispatcher = dispatcher;
	wi_store_relaxed(&dispatcher->thread_id, (uint32_t)gettid());
	wi_context_enter();     /* for good: everything here is inside a handler for the user */
	snprintf(name, sizeof name, "weir:%s/%u", pool->name, dispatcher->index);
	wi_thread_name(name);
	if (pool->pinned && !pin(pool, dispatcher->index))
		pool->tell(pool->bus, 4, "WEIR-PIN-REFUSED",
		           "a dispatcher could not be pinned to the processors of its pool");
	wi_dispatch_clock(dispatcher);
	dispatcher->park_credited = dispatcher->now;
	if (dispatcher->hooks_unwound)
		return;
	dispatcher->hooks_unwound = true;
	if (pool->thread_begin)
		pool->thread_begin(pool->thread_context, dispatcher->index);
	dispatcher->hooks_unwound = false;
	dispatcher->begun = true;
}

static void
work(struct wi_dispatcher *dispatcher)
{
	struct wi_pool *pool = dispatcher->pool;

	wi_dispatch_resume(dispatcher);
	while (!wi_load_acquire(&pool->stop)) {
		uint64_t before = dispatcher->now;
		uint32_t events = wi_dispatch_pass(dispatcher);

		if (events) {
			wi_add_own(&dispatcher->busy_ns, dispatcher->now - before);
			wi_wait_busy(dispatcher, events, dispatcher->now - before);
		} else
			wi_wait_idle(dispatcher);
		/* By a call that tells nobody: _Fork(), clone(). */
		if (WI_UNLIKELY(wi_producer_in_child(dispatcher->producer)))
			wi_dispatcher_leave_child();
	}
	wi_dispatch_unpin(dispatcher);
}

static void *run(void *argument);

/* A thread that goes on where this one was, once this one has ended. */
static bool
replace(struct wi_dispatcher *dispatcher)
{
	dispatcher->predecessor = pthread_self();
	dispatcher->has_predecessor = true;
	dispatcher->replaced = wi_thread_start(&dispatcher->thread, run, dispatcher);
	return dispatcher->replaced;
}

/*
 * The thread's end: it has been told to stop, or something that it called has ended it
 * (pthread_exit(), cancellation). The stack is unwound up to run() then, and what was under way
 * stands in the dispatcher. Called again from the beginning if that happens here.
 */
static void
leave(void *argument)
{
	struct wi_dispatcher *dispatcher = argument;
	struct wi_pool *pool = dispatcher->pool;

	if (!dispatcher->replaced && (dispatcher->batch.lane || !wi_load_acquire(&pool->stop)) &&
	    !replace(dispatcher))
		work(dispatcher);       /* no thread is to be had: this one puts its end off */
	if (dispatcher->begun) {
		dispatcher->begun = false;
		if (pool->thread_end)
			pool->thread_end(pool->thread_context, dispatcher->index);
	}
	urcu_mb_unregister_thread();
	if (!dispatcher->replaced)
		wi_store_release(&dispatcher->finished, 1u);
}

static void *
run(void *argument)
{
	struct wi_dispatcher *dispatcher = argument;

	if (dispatcher->has_predecessor) {
		pthread_join(dispatcher->predecessor, NULL);
		dispatcher->has_predecessor = dispatcher->replaced = false;
	}
	/* In C this costs no unwinder: glibc jumps here, and loads libgcc_s only to unwind. */
	pthread_cleanup_push(leave, dispatcher);
	begin_thread(dispatcher);
	work(dispatcher);
	leave(dispatcher);
	pthread_cleanup_pop(0);
	return NULL;
}

/* -- making and ending ------------------------------------------------------ */

static void
take_options(struct wi_pool *pool, const weir_pool_options *options)
{
	pool->batch_count_max = options->batch_count_max ? options->batch_count_max : 1024;
	pool->batch_ns_max = options->batch_ns_max ? options->batch_ns_max : WI_MILLISECOND;
	pool->sample_ns = options->sample_ns ? WI_MIN(options->sample_ns, SAMPLE_MAX_NS) : 100 * WI_MICROSECOND;
	pool->sleep_ns = options->sleep_ns ? options->sleep_ns : 100 * WI_MICROSECOND;
	pool->spin_ns = options->spin_ns ? options->spin_ns : 20 * WI_MICROSECOND;
	pool->stuck_after_ns = options->stuck_after_ns ? options->stuck_after_ns : WI_SECOND;
	pool->manual = options->dispatcher_count == WEIR_MANUAL;
	pool->wait = pool->manual ? WEIR_WAIT_ADAPTIVE : options->wait;
	pool->order = options->order;
	pool->behind = options->behind;
	pool->thread_begin = options->thread_begin;
	pool->thread_end = options->thread_end;
	pool->thread_context = options->thread_context;
	pool->pinned = options->cpus && wi_cpus_parse(options->cpus, &pool->cpus);
	snprintf(pool->name, sizeof pool->name, "%s", options->name ? options->name : "default");
}

static bool
init_dispatcher(struct wi_pool *pool, uint32_t index)
{
	struct wi_dispatcher *dispatcher = &pool->dispatcher[index];
	size_t lanes = pool->lanes->user_count_max + (size_t)WI_PRODUCER_INTERNAL_MAX;
	weir_producer_options options = WEIR_PRODUCER_OPTIONS_INIT;
	char name[96];

	snprintf(name, sizeof name, "%s/%u", pool->name, index);
	options.name = name;
	dispatcher->pool = pool;
	dispatcher->index = index;
	dispatcher->check_count = 1;
	dispatcher->sample_at = pool->sample_ns == SAMPLE_MAX_NS ? UINT64_MAX : 0;
	dispatcher->batch_count_max = pool->batch_count_max;
	dispatcher->park_credit = 10;
	dispatcher->seen = wi_memory_take(lanes * sizeof *dispatcher->seen);
	dispatcher->waiting = wi_memory_take(lanes * sizeof *dispatcher->waiting);
	dispatcher->busy = wi_memory_take(lanes * sizeof *dispatcher->busy);
	dispatcher->quiet_count = wi_memory_take(lanes * sizeof *dispatcher->quiet_count);
	if (pool->behind == WEIR_BEHIND_SKIP &&
	    !(dispatcher->copy = wi_memory_map(WI_DISPATCH_COPY_SIZE, WI_MAP_LAZY)))
		return false;
	if (!dispatcher->seen || !dispatcher->waiting || !dispatcher->busy || !dispatcher->quiet_count ||
	    wi_producer_open(pool->lanes, &options, WI_PRODUCER_DISPATCHER, &dispatcher->producer) != WEIR_OK)
		return false;
	dispatcher->delivery.bus = pool->bus;
	dispatcher->delivery.producer = &dispatcher->producer->hot;
	dispatcher->producer_tail = dispatcher->producer->hot.tail;
	dispatcher->producer->hot.inherit = 1u << WEIR_HOPS_SHIFT_;
	dispatcher->tally_offset = offsetof(struct wi_subscription, tally) + index * sizeof(struct wi_tally);
	dispatcher->overhead = (uint32_t)wi_record_overhead(0);
	return true;
}

static bool
take_cursors(struct wi_pool *pool)
{
	bool each = pool->order == WEIR_ORDER_KEY;
	uint32_t left;

	if (!wi_lanes_open_cursors(pool->lanes, each ? pool->dispatcher_count : 1,
	                           pool->behind == WEIR_BEHIND_SKIP, &pool->cursors))
		return false;
	pool->has_cursors = true;
	for (left = pool->cursors; left; left &= left - 1)
		wi_store_release(&pool->lanes->pool[__builtin_ctz(left)], pool);
	left = pool->cursors;
	for (uint32_t i = 0; i < pool->dispatcher_count; i++) {
		pool->dispatcher[i].cursor = (uint32_t)__builtin_ctz(left);
		if (each)
			left &= left - 1;
	}
	return true;
}

static weir_status
start_dispatchers(struct wi_pool *pool)
{
	for (uint32_t i = 0; i < pool->dispatcher_count; i++)
		if (!init_dispatcher(pool, i))
			return WEIR_ENOMEM;
	if (!take_cursors(pool))
		return WEIR_ELIMIT;
	if (pool->manual)
		return WEIR_OK;
	pool->awake = pool->dispatcher_count;
	wi_add(&pool->wake->awake, pool->dispatcher_count);
	wi_add(pool->dispatcher_total, pool->dispatcher_count);
	pool->counted = true;
	for (uint32_t i = 0; i < pool->dispatcher_count; i++) {
		if (!wi_thread_start(&pool->dispatcher[i].thread, run, &pool->dispatcher[i]))
			return WEIR_ENOMEM;
		pool->dispatcher[i].started = true;
	}
	return WEIR_OK;
}

/* -- memory that stays what it is ------------------------------------------- */

static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;

static struct wi_pool *
take_memory(struct wi_lanes *lanes, uint32_t count)
{
	size_t size = sizeof(struct wi_pool) + count * sizeof(struct wi_dispatcher);
	struct wi_pool **at = &lanes->spare_pools, *pool;

	pthread_mutex_lock(&spare_lock);
	while (*at && (*at)->dispatcher_count != count)
		at = &(*at)->spare_next;
	pool = *at;
	if (pool)
		*at = pool->spare_next;
	pthread_mutex_unlock(&spare_lock);
	return pool ? memset(pool, 0, size) : wi_memory_lines(size);
}

static void
give_memory(struct wi_pool *pool)
{
	struct wi_lanes *lanes = pool->lanes;

	pthread_mutex_lock(&spare_lock);
	pool->spare_next = lanes->spare_pools;
	lanes->spare_pools = pool;
	pthread_mutex_unlock(&spare_lock);
}

weir_status
wi_pool_create(weir_bus *bus, const weir_pool_options *options, uint32_t after, struct wi_lanes *lanes,
               uint32_t *dispatcher_total, void (*tell)(weir_bus *, int, const char *, const char *),
               struct wi_pool **ret_pool)
{
	uint32_t count = options->dispatcher_count == WEIR_MANUAL || !options->dispatcher_count
	                 ? 1 : options->dispatcher_count;
	struct wi_pool *pool = take_memory(lanes, count);
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	weir_status status;

	if (!pool)
		return WEIR_ENOMEM;
	pthread_once(&once, hear_of_forks);
	take_options(pool, options);
	pool->bus = bus;
	pool->lanes = lanes;
	pool->wake = lanes->wake;
	pool->dispatcher_count = count;
	pool->dispatcher_total = dispatcher_total;
	pool->tell = tell;
	pool->hop_count_max = lanes->hop_count_max;
	pool->cpus_allowed = wi_cpus_allowed();
	pool->after = after;
	pool->serial = ++lanes->last_pool_serial;
	status = wi_routes_init(&pool->routes);
	if (status == WEIR_OK)
		status = start_dispatchers(pool);
	if (status != WEIR_OK) {
		wi_pool_stop(pool, UINT64_MAX);
		wi_pool_destroy(pool);
		return status;
	}
	if (pool->wait == WEIR_WAIT_SPIN && wi_load_relaxed(dispatcher_total) >= pool->cpus_allowed)
		tell(bus, 4, "WEIR-SPIN", "a pool that spins has as many dispatchers as there are processors");
	*ret_pool = pool;
	return WEIR_OK;
}

/* Takes a manual pool's lock for good. */
static bool
stop_manual(struct wi_pool *pool, struct wi_backoff *backoff)
{
	while (!wi_pool_take(pool))
		if (!wi_backoff_wait(backoff))
			return false;
	if (pool->has_cursors)
		wi_wake_forget(pool->wake, pool->dispatcher->cursor);
	return true;
}

bool
wi_pool_stop(struct wi_pool *pool, uint64_t deadline)
{
	struct wi_backoff backoff = wi_backoff_until(deadline);

	wi_store_release(&pool->stop, 1u);
	if (pool->manual)
		return stop_manual(pool, &backoff);
	wi_wait_rouse(pool);
	for (uint32_t i = 0; i < pool->dispatcher_count; i++)
		while (pool->dispatcher[i].started && !wi_load_acquire(&pool->dispatcher[i].finished)) {
			wi_wait_rouse(pool);
			if (!wi_backoff_wait(&backoff))
				return false;
		}
	for (uint32_t i = 0; i < pool->dispatcher_count; i++)
		if (pool->dispatcher[i].started)
			pthread_join(pool->dispatcher[i].thread, NULL);
	return true;
}

static void
free_parts(struct wi_part *part)
{
	struct wi_part *next;

	for (; part; part = next) {
		next = part->next;
		wi_memory_give(part);
	}
}

void
wi_pool_destroy(struct wi_pool *pool)
{
	if (pool->has_cursors && pool->lanes->lane)
		wi_lanes_close_cursors(pool->lanes, pool->cursors, true);
	for (uint32_t i = 0; i < pool->dispatcher_count; i++) {
		struct wi_dispatcher *dispatcher = &pool->dispatcher[i];

		if (dispatcher->producer)
			wi_producer_close(dispatcher->producer);
		wi_memory_unmap(dispatcher->copy, WI_DISPATCH_COPY_SIZE);
		wi_memory_give(dispatcher->seen);
		wi_memory_give(dispatcher->waiting);
		wi_memory_give(dispatcher->busy);
		wi_memory_give(dispatcher->quiet_count);
	}
	if (pool->counted) {
		wi_sub(&pool->wake->awake, pool->dispatcher_count);
		wi_sub(pool->dispatcher_total, pool->dispatcher_count);
	}
	wi_routes_fini(&pool->routes);
	free_parts(pool->retired);
	give_memory(pool);
}

void
wi_pool_free_spares(struct wi_lanes *lanes)
{
	struct wi_pool *pool, *next;

	for (pool = lanes->spare_pools; pool; pool = next) {
		next = pool->spare_next;
		wi_memory_give(pool);
	}
	lanes->spare_pools = NULL;
}

static bool
bury_cursor(struct wi_lane *lane, uint32_t cursor)
{
	struct wi_lease *lease = &lane->lease[cursor];

	if (wi_load_relaxed(&lease->holder) == UINT32_MAX)
		return true;
	if (!wi_lease_take(lease, UINT32_MAX))                                      /* E6 */
		return false;
	wi_store_release(&lane->ring->cursor[cursor].done, WI_CURSOR_UNUSED);
	wi_store_release(&lane->ring->cursor[cursor].position, WI_CURSOR_UNUSED);
	return true;
}

bool
wi_pool_bury(struct wi_pool *pool)
{
	uint32_t lane_count = wi_load_acquire(&pool->lanes->count);         /* E8 */
	bool all = true;

	for (uint32_t l = 0; l < lane_count; l++)
		for (uint32_t left = pool->cursors; left; left &= left - 1)
			all = bury_cursor(pool->lanes->lane[l], (uint32_t)__builtin_ctz(left)) && all;
	return all;
}

/* -- looking ---------------------------------------------------------------- */

/* Events of the lane that all cursors of the pool are past. */
static uint64_t
through_lane(const struct wi_pool *pool, const struct wi_lane *lane)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t left = pool->cursors; left; left &= left - 1)
		least = WI_MIN(least, wi_load_relaxed(&lane->lease[__builtin_ctz(left)].sequence));
	return least;
}

uint64_t
wi_pool_through(const struct wi_pool *pool)
{
	uint32_t lane_count = wi_load_acquire(&pool->lanes->count);         /* E8 */
	uint64_t through = 0;

	for (uint32_t l = 0; l < lane_count; l++)
		through += through_lane(pool, pool->lanes->lane[l]);
	return through;
}

static uint64_t
handled(const struct wi_pool *pool)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < pool->dispatcher_count; i++)
		sum += wi_load_relaxed(&pool->dispatcher[i].routed) +
		       wi_load_relaxed(&pool->dispatcher[i].unrouted);
	return sum;
}

/*
 * Since it opened. Dispatchers of a WEIR_ORDER_KEY pool that is closed while events flow stop at
 * different places: what lies between them was for those that came so far, and is no more than they
 * took of it.
 */
static uint64_t
seen(const struct wi_pool *pool)
{
	uint32_t lane_count = wi_load_acquire(&pool->lanes->count);         /* E8 */
	uint64_t before = 0, through = wi_pool_through(pool);
	uint32_t cursor = (uint32_t)__builtin_ctz(pool->cursors);       /* they began at one place */

	if (pool->order == WEIR_ORDER_KEY && wi_load_relaxed(&pool->unread))
		return handled(pool);
	for (uint32_t l = 0; l < lane_count; l++)
		before += wi_load_relaxed(&pool->lanes->lane[l]->lease[cursor].first);
	return through - before;
}

void
wi_pool_counts_add(weir_pool_counts *sum, const weir_pool_counts *more)
{
	sum->seen += more->seen;
	sum->routed += more->routed;
	sum->unrouted += more->unrouted;
	sum->skipped_behind += more->skipped_behind;
	sum->batches += more->batches;
	sum->parks += more->parks;
	sum->wakes += more->wakes;
	sum->late_wakes += more->late_wakes;
	sum->steals += more->steals;
	sum->stuck += more->stuck;
}

void
wi_pool_sum(const struct wi_pool *pool, weir_pool_counts *sum)
{
	for (uint32_t i = 0; i < pool->dispatcher_count; i++) {
		const struct wi_dispatcher *dispatcher = &pool->dispatcher[i];

		sum->routed += wi_load_relaxed(&dispatcher->routed);
		sum->unrouted += wi_load_relaxed(&dispatcher->unrouted);
		sum->skipped_behind += wi_load_relaxed(&dispatcher->skipped_behind);
		sum->batches += wi_load_relaxed(&dispatcher->batches);
		sum->parks += wi_load_relaxed(&dispatcher->parks);
		sum->wakes += wi_load_relaxed(&dispatcher->wakes);
		sum->late_wakes += wi_load_relaxed(&dispatcher->late_wakes);
		sum->steals += wi_load_relaxed(&dispatcher->steals);
		sum->stuck += wi_load_relaxed(&dispatcher->watch.stuck);
	}
	sum->seen += seen(pool);
}
