/* SPDX-License-Identifier: MIT */
/*
 * weir.h - create a bus, subscribe handlers, publish events, drain and look.
 *
 * A bus routes events from producers to handlers. Each producer writes into a
 * ring of its own and never waits for anybody; pools of dispatcher threads read
 * the rings, each pool at its own pace, and call the handlers that subscribed
 * to the event's topic.
 *
 *   producer --ring--+--> pool "default": dispatchers --> handlers
 *                    +--> pool "journal": dispatchers --> handlers
 *                                  +--> pool "slow" (after journal) --> handlers
 *
 * This file is the contract: names, promises, shape. What is private to the
 * implementation but must be seen by the compiler (inline bodies) is in
 * <weir/inline.h>. A promise changes only with a reason in docs/decisions.
 *
 * Conventions
 *   What can fail for more than one reason returns weir_status, 0 when done;
 *   outputs come last, are named ret_*, and stay untouched on failure.
 *   A NULL options pointer, and a zero field, mean the default.
 *   Every struct that may grow starts with its size, set by its *_INIT.
 *   Times are nanoseconds in uint64_t; a timeout of 0 does not wait, WEIR_FOREVER
 *   has no end. Ids of 0 are never valid. C11 and C++17; no public struct shows
 *   <stdatomic.h>; hot-path functions may be inline and also exist as symbols.
 *   "In a handler" means in anything that weir calls: handler, batch_end, released,
 *   thread hooks, log, visit. What waits for handlers answers WEIR_EDEADLK there.
 *   No function here is a cancellation point; asynchronous cancellation must be off in all of them.
 *   In a forked child everything that returns a status answers WEIR_EFORKED, the rest
 *   does nothing, and nothing is counted. A call that the fork interrupts (a signal handler forks)
 *   may still answer something else there. A child must not return from a handler: it ends then.
 */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_VERSION_MAJOR 0
#define WEIR_VERSION_MINOR 1
#define WEIR_VERSION_PATCH 0

/* Visible in the shared library; everything else is hidden. */
#define WEIR_API __attribute__((visibility("default")))

#define WEIR_FOREVER UINT64_MAX

typedef struct weir_bus weir_bus;
typedef struct weir_pool weir_pool;
typedef struct weir_producer weir_producer;

/* Small values, copied freely; a stale one is refused, never followed. */
typedef struct weir_topic { uint32_t id; } weir_topic;
typedef struct weir_subscription { uint64_t id; } weir_subscription;

typedef enum weir_status {
	WEIR_OK = 0,
	WEIR_EINVAL = -1,     /* an argument is not allowed */
	WEIR_ENOMEM = -2,     /* memory or a thread could not be had */
	WEIR_EFULL = -3,      /* no room in the producer's ring: try later */
	WEIR_ETOOBIG = -4,    /* the payload can never fit this ring */
	WEIR_EBUSY = -5,      /* this producer is in mid-publish (a signal handler, an open reservation) */
	WEIR_ELOOP = -6,      /* the event was caused by too many events in a row */
	WEIR_ECLOSED = -7,    /* the bus is closing or closed */
	WEIR_ETIMEDOUT = -8,  /* the deadline passed first */
	WEIR_EDEADLK = -9,    /* a handler asked to wait for handlers */
	WEIR_ENOENT = -10,    /* no such topic, subscription, pool or file */
	WEIR_ELIMIT = -11,    /* a maximum is reached */
	WEIR_EFORKED = -12,   /* this process is a fork of the bus's owner */
	WEIR_EIO = -13        /* a system, library or network call failed: see the log */
} weir_status;

WEIR_API const char *weir_status_text(weir_status status);
WEIR_API const char *weir_version(void);

/* -- events ----------------------------------------------------------------- */

/*
 * An event as it lies in the ring; handlers get a pointer to it, valid until
 * they return. The payload follows at once, 16-aligned; what else an event
 * carries (key, trace) follows the payload. `topic_flags` and the extensions
 * are read through the accessors, which are inline.
 */
typedef struct weir_event {
	uint32_t size;          /* of the payload, may be 0 */
	uint32_t topic_flags;
	uint64_t time;          /* CLOCK_REALTIME, 0 if the bus keeps none */
} weir_event;

typedef struct weir_trace {     /* W3C trace context */
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t flags;
} weir_trace;

/*
 * Where a replayed event was recorded. It is the same however often it is replayed, so a handler that
 * keeps it beside what it has done does nothing twice.
 */
typedef struct weir_origin {
	uint8_t id[16];         /* the journal's; zeros: unknown, as of what handlers of replayed events publish */
	uint64_t number;        /* the event's in it, from 1, rising */
} weir_origin;

WEIR_API const void *weir_event_data(const weir_event *event);
WEIR_API weir_topic weir_event_topic(const weir_event *event);
WEIR_API int weir_event_key(const weir_event *event, uint64_t *ret_key);  /* 0 if it has none */
WEIR_API const weir_trace *weir_event_trace(const weir_event *event);                   /* NULL if none */
WEIR_API int weir_event_replayed(const weir_event *event);
WEIR_API const weir_origin *weir_event_origin(const weir_event *event);         /* NULL: not replayed */
WEIR_API uint32_t weir_event_hops(const weir_event *event);   /* events that led to it, one by one */

/* What is known of this delivery and not of the event itself. */
typedef struct weir_delivery {
	weir_bus *bus;
	weir_producer *producer;        /* the dispatcher's own, to publish onward */
	weir_subscription subscription;
	uint64_t sequence;              /* 1, 2, 3, ... over what its producer committed */
	uint32_t source;                /* the event's producer, a number unique in the bus */
} weir_delivery;

/*
 * A handler. 0: handled; anything else is a failure, counted under that code.
 *
 * Runs on several threads at once when its pool has several dispatchers (see
 * weir_order). Must not throw or longjmp out (weir.hpp stops exceptions). May
 * subscribe, unsubscribe and publish; what waits (flush, close,
 * unsubscribe_wait) returns WEIR_EDEADLK here. Never loop on WEIR_EFULL here:
 * this thread is the one that makes the room. One that ends its thread (pthread_exit,
 * cancellation) has failed; another thread goes on where it was.
 */
typedef int (*weir_handler_fn)(const weir_event *event,
                               const weir_delivery *delivery, void *context);

/* Codes of failures that no handler returned; not to be returned by one. */
#define WEIR_CODE_UNWOUND   (-0x77000001)   /* its thread was ended in it, or in its batch_end */
#define WEIR_CODE_EXCEPTION (-0x77000002)   /* it threw, and weir.hpp caught it */

/* -- bus -------------------------------------------------------------------- */

typedef enum weir_clock {
	WEIR_CLOCK_TICK = 0,      /* default: the dispatchers' last reading, nearly free */
	WEIR_CLOCK_PRECISE,       /* a clock read for each event */
	WEIR_CLOCK_NONE
} weir_clock;

typedef enum weir_fence {
	WEIR_FENCE_AUTO = 0,      /* membarrier where it works: dispatchers pay, publishers do not */
	/* Every publish has a full fence: no interrupts on other cores. Ending a subscription then waits
	 * for the batches that are under way, also for one that another handler holds up. */
	WEIR_FENCE_PUBLISHER
} weir_fence;

typedef struct weir_bus_options {
	size_t size;
	const char *name;             /* shown by weir top; default: the program's name */
	uint32_t ring_size;           /* bytes for each producer, a power of two; default 256 KiB */
	uint32_t producer_count_max;  /* default 1024 */
	uint32_t topic_count_max;     /* default and most (1 << 24) - 1 */
	uint32_t hop_count_max;       /* most events that may cause each other in a row; default 16, most 31 */
	weir_clock clock;
	weir_fence fence;
	const char *stats_dir;        /* where weir top finds the counters; "" for nowhere */
	/*
	 * Any thread, never from a publish; level as in syslog. NULL: warnings and errors to
	 * stderr.
	 */
	void (*log)(void *context, int level, const char *id, const char *text);
	void *log_context;
} weir_bus_options;

typedef struct weir_pool_options weir_pool_options;

/*
 * weir_bus_open - a bus with one pool, "default", already running.
 *
 * Returns: WEIR_OK, WEIR_EINVAL, WEIR_ENOMEM, WEIR_EIO; on failure nothing is left behind.
 */
WEIR_API weir_status weir_bus_open(const weir_bus_options *options,
                          const weir_pool_options *default_pool, weir_bus **ret_bus);

typedef struct weir_close_report {
	size_t size;
	uint64_t delivered;     /* events finished (handled or skipped) since the call began, by every pool;
	                         * in whole batches where a handler did not return */
	uint64_t undelivered;   /* committed events not so finished; for a pool's close: by that pool */
} weir_close_report;

/*
 * weir_bus_close - refuse new events, deliver what was committed, stop, free.
 *
 * Every event committed before the call, and what handlers go on publishing
 * through delivery->producer because of it, is delivered, unless the deadline
 * passes first. After WEIR_OK and
 * WEIR_ETIMEDOUT the bus, its pools and subscriptions are gone; a handler that
 * never returned is reported and what it uses is leaked, never freed under it.
 * A producer that is still open stays a valid handle that answers WEIR_ECLOSED
 * until weir_producer_close(). Manual pools are pumped by the caller's thread.
 * Returns also: WEIR_EDEADLK, WEIR_EFORKED (nothing happened).
 */
WEIR_API weir_status weir_bus_close(weir_bus *bus, uint64_t timeout_ns, weir_close_report *ret_report);

/*
 * weir_bus_flush - wait until every event committed before the call, and every event that handlers
 *                  published because of those (through delivery->producer), is through all pools.
 *
 * Returns: WEIR_OK, WEIR_ETIMEDOUT, WEIR_EDEADLK, WEIR_EFORKED. Manual pools are pumped here;
 * one that another thread polls is waited for.
 */
WEIR_API weir_status weir_bus_flush(weir_bus *bus, uint64_t timeout_ns);

/* weir_bus_enable - while disabled, what would be accepted succeeds, is discarded and counted, from the
 *                   return on, also by a full ring (for tests). Arguments are checked as ever. */
WEIR_API void weir_bus_enable(weir_bus *bus, int enabled);

/* -- topics ----------------------------------------------------------------- */

/*
 * weir_topic_open - the number of a name, made on first use; it lasts as long as the bus.
 *
 * name: tokens of [A-Za-z0-9_-] joined by dots, by convention {entity}.{phase}.{operation}
 *       with phase before, after or failed: "order.after.create". At most 255 bytes.
 *       Names that begin with "weir." are the bus's own: opening one that it does not have, and
 *       publishing to one, is WEIR_EINVAL.
 * Returns: WEIR_OK, WEIR_EINVAL (wildcard, empty token, other byte, too long), WEIR_ELIMIT,
 *          WEIR_ENOMEM.
 */
WEIR_API weir_status weir_topic_open(weir_bus *bus, const char *name, weir_topic *ret_topic);
WEIR_API weir_status weir_topic_find(const weir_bus *bus, const char *name, weir_topic *ret_topic);
WEIR_API const char *weir_topic_name(const weir_bus *bus, weir_topic topic);   /* NULL if there is none */

/* -- pools ------------------------------------------------------------------ */

typedef enum weir_order {
	/* Each producer's events in order, one dispatcher at a time for each producer;
	 * dispatchers take whole rings, so several producers run in parallel. */
	WEIR_ORDER_PRODUCER = 0,
	/* Events of one key never run at once, and those of one producer in order;
	 * events without a key in parallel, in no order. Every dispatcher looks at every
	 * header; a stuck one holds every ring. Takes a cursor for each dispatcher, so at most 16. */
	WEIR_ORDER_KEY
} weir_order;

typedef enum weir_behind {
	/* A full ring refuses its producer until this pool has caught up. */
	WEIR_BEHIND_HOLD = 0,
	/* A producer that has room by every other pool but finds this one more than three quarters
	 * of a ring behind, or without the room that it wants, moves it to the end of what is
	 * committed. An event that a handler has begun is not skipped, nor are those that were
	 * copied with it, at most a 64th of the ring; the rest is counted and told as "weir.gap"
	 * before the next event of that producer (after a stuck handler has returned). Events are
	 * copied out before the call, so that even a stuck handler holds no room. The time between
	 * two moves is that of filling three quarters of a ring; who asks for room at the very
	 * moment in which the pool moves on by itself may have WEIR_EFULL for once. flush and close
	 * wait for a running handler, its batch_end and the gap as in any pool. Only with
	 * WEIR_ORDER_PRODUCER; no pool can be
	 * `after` it. For notifiers and other parts that may fall behind. */
	WEIR_BEHIND_SKIP
} weir_behind;

typedef enum weir_wait {
	WEIR_WAIT_ADAPTIVE = 0,   /* spins only while processors are free for it, then parks */
	WEIR_WAIT_SPIN,           /* also when that is unwise: the log then says so */
	WEIR_WAIT_YIELD,
	WEIR_WAIT_POLL,           /* timed sleeps: no wake-up is ever sent to this pool's threads */
	WEIR_WAIT_PARK
} weir_wait;

#define WEIR_MANUAL UINT32_MAX

struct weir_pool_options {
	size_t size;
	const char *name;            /* unique in the bus; default: "default" for the first, then "pool-N" */
	uint32_t dispatcher_count;   /* default 1, most 256; WEIR_MANUAL: no thread, see poll */
	weir_order order;
	weir_behind behind;
	weir_wait wait;
	uint64_t spin_ns;            /* ADAPTIVE: before it parks */
	uint64_t sleep_ns;           /* POLL: how long it sleeps */
	/* "2,4-7": where they run, each on its share if there are enough for all; best effort, a refusal
	 * is logged. */
	const char *cpus;
	weir_pool *const *after;     /* HOLD pools of this bus: events arrive here once these are done with */
	uint32_t after_count;        /*   them. Only pools that exist can be named, so there is no cycle. */
	uint32_t batch_count_max;    /* events before batch_end runs and the ring is let go; default 1024 */
	uint64_t batch_ns_max;       /* the same in time; default 1 ms */
	/* A call longer than this is told once in the log ("WEIR-STUCK") and counted, late by up
	 * to half of it, at most 0.2 s, at least 10 ms; one that ends before that may go unseen.
	 * Default 1 s. */
	uint64_t stuck_after_ns;
	void (*thread_begin)(void *context, uint32_t dispatcher);
	void (*thread_end)(void *context, uint32_t dispatcher);
	void *thread_context;
	/* The least time between two samples that a dispatcher takes of how long events wait and
	 * calls last (<weir/counters.h>); an hour or more, as WEIR_FOREVER: none. Default 100 us. */
	uint64_t sample_ns;
};

/*
 * weir_pool_open - one more group of dispatchers with a place of its own in every ring.
 *
 * It sees events committed after the return. At any time; in a handler WEIR_EDEADLK.
 * Returns: WEIR_OK, WEIR_EINVAL, WEIR_ENOMEM, WEIR_ELIMIT (16 cursors in a ring), WEIR_ECLOSED.
 */
WEIR_API weir_status weir_pool_open(weir_bus *bus, const weir_pool_options *options, weir_pool **ret_pool);

/*
 * weir_pool_close - deliver what was committed before the call, end its subscriptions, give up its
 * place.
 *
 * After WEIR_OK and WEIR_ETIMEDOUT the pool is gone (what a stuck handler uses is leaked).
 * Returns also: WEIR_EINVAL (the default pool, or a pool is `after` it), WEIR_EDEADLK,
 *               WEIR_EFORKED.
 */
WEIR_API weir_status weir_pool_close(weir_pool *pool, uint64_t timeout_ns, weir_close_report *ret_report);

/*
 * weir_pool_poll - handle up to count_max events, at most one batch, on this thread; how many.
 *                  batch_end has run on return. Manual pools; 0 in a handler or if another thread
 *                  is in it.
 *
 * Any thread, one at a time; what a poll did is seen by the next. A batch is of one ring: a poll
 * may handle fewer than count_max and leave others' events, but answers 0 only if there were none.
 * `released` of subscriptions that have ended is called first.
 * wait, spin_ns, sleep_ns and cpus of the pool's options mean nothing here, and its thread hooks
 * are not called. The bus's clock does not tick for it: while no dispatcher with a thread is
 * awake publishers read the clock. weir_publish_wait() outside a handler, on the thread that
 * polls, waits for that thread itself, until timeout_ns.
 */
WEIR_API uint32_t weir_pool_poll(weir_pool *pool, uint32_t count_max);

/*
 * weir_pool_get_fd - for epoll and the like: readable while events may wait, until a poll returned
 *                    fewer than count_max. Level-triggered; the pool owns it. Manual pools.
 *
 * Any thread. Made on first use, close-on-exec, closed with the pool; only to be waited for, not
 * to be read. It may be readable for nothing, and is also when `released` of a subscription waits
 * for a poll. A poll that makes it unreadable interrupts the processors that are busy (some 10 us,
 * on virtual machines more; not with WEIR_FENCE_PUBLISHER), so let a poll handle many.
 * Returns: WEIR_OK, WEIR_EINVAL (no manual pool), WEIR_EIO (the system has none), WEIR_EFORKED.
 */
WEIR_API weir_status weir_pool_get_fd(weir_pool *pool, int *ret_fd);

/* weir_pool_flush - weir_bus_flush() for one pool and those that it is `after`. */
WEIR_API weir_status weir_pool_flush(weir_pool *pool, uint64_t timeout_ns);

WEIR_API weir_pool *weir_bus_default_pool(weir_bus *bus);

/* -- subscriptions ---------------------------------------------------------- */

#define WEIR_SUBSCRIPTION_REPLAYED 1u     /* wants replayed events too; others are not due them */

typedef struct weir_subscription_options {
	size_t size;
	const char *name;            /* in counters and messages; default: the pattern */
	weir_pool *pool;             /* default: the bus's default pool */
	uint32_t flags;
	int32_t priority;            /* within its pool: higher first; equal: in order of subscribing */
	/* Failures since it last succeeded, on any thread; 0: never; the most that counts
	 * is (1 << 24) - 1. */
	uint32_t quarantine_failure_count;
	uint64_t quarantine_ns;      /* then one trial event, a batch of its own; default 1 s */
	/* After a batch that reached this handler and before the pool's cursor passes it: what is
	 * behind (`after`, flush, close) sees a batch only when this has returned. Not 0: a failed
	 * batch, one failure under that code; the cursor passes all the same. A handler with a
	 * batch_end has succeeded only when that returned 0. */
	int (*batch_end)(const weir_delivery *delivery, void *context);
	/* Once, when neither handler nor batch_end can ever run again; on the bus's own thread (for
	 * a manual pool inside poll, flush, unsubscribe_wait or close). Never, if the handler never
	 * returns. */
	void (*released)(void *context);
} weir_subscription_options;

/*
 * weir_subscribe - call `handler` for every event whose topic matches `pattern`.
 *
 * pattern: a topic name in which a token may be "*" (any one token) and the last
 *          may be ">" (one or more): "order.*.create", "*.failed.>", ">".
 *          "weir.*" topics are matched only by patterns that begin with "weir.".
 * Any thread, also a handler. Events committed after the return are seen.
 */
WEIR_API weir_status weir_subscribe(weir_bus *bus, const char *pattern, weir_handler_fn handler,
                           void *context, const weir_subscription_options *options,
                           weir_subscription *ret_subscription);

/*
 * weir_unsubscribe - no event committed after the return reaches the handler.
 *
 * Calls already decided on other threads may still begin; `released` follows
 * the last. Any thread, also the handler itself. Never blocks.
 */
WEIR_API weir_status weir_unsubscribe(weir_bus *bus, weir_subscription subscription);

/*
 * weir_unsubscribe_wait - the same, and wait until the handler is not running, never will be,
 *                         its batch_end is done and `released` has returned.
 *
 * A slow or stuck handler of another subscription does not delay it. May be called again
 * after WEIR_ETIMEDOUT or after weir_unsubscribe(); once it has ended, WEIR_ENOENT.
 */
WEIR_API weir_status weir_unsubscribe_wait(weir_bus *bus, weir_subscription subscription, uint64_t timeout_ns);

/* weir_subscription_pause - events are skipped and counted until it is resumed (paused = 0). */
WEIR_API weir_status weir_subscription_pause(weir_bus *bus, weir_subscription subscription, int paused);

/* -- publishing ------------------------------------------------------------- */

#define WEIR_ATTRIBUTE_KEY      1u
#define WEIR_ATTRIBUTE_TIME     2u
/* An event that happened before. What a handler publishes about one is replayed, too. */
#define WEIR_ATTRIBUTE_REPLAYED 4u

typedef struct weir_attributes {      /* what an event may carry beside its payload */
	size_t size;
	uint32_t flags;
	uint32_t hops;                /* for bridges: counts if more than by the event being handled */
	uint64_t key;                 /* with WEIR_ATTRIBUTE_KEY */
	uint64_t time;                /* with WEIR_ATTRIBUTE_TIME, instead of the bus's clock */
	const weir_trace *trace;      /* NULL: none, or that of the event being handled */
	const weir_origin *origin;    /* with WEIR_ATTRIBUTE_REPLAYED; NULL: unknown */
} weir_attributes;

typedef struct weir_producer_options {
	size_t size;
	const char *name;
	uint32_t ring_size;           /* default: the bus's */
} weir_producer_options;

/*
 * weir_producer_open - the right to publish, for one thread at a time, until weir_producer_close().
 */
WEIR_API weir_status weir_producer_open(weir_bus *bus, const weir_producer_options *options,
                               weir_producer **ret_producer);

/* weir_producer_close - what was committed is still delivered; then the ring is used again. */
WEIR_API void weir_producer_close(weir_producer *producer);

/* weir_thread_get_producer - this thread's own, opened on first use, closed when the thread ends;
 *                            in a handler: delivery->producer. Neither is closed by hand. */
WEIR_API weir_status weir_thread_get_producer(weir_bus *bus, weir_producer **ret_producer);

/* weir_producer_payload_size_max - a quarter of the ring; header, key and trace not counted. */
WEIR_API uint32_t weir_producer_payload_size_max(const weir_producer *producer);

/*
 * weir_publish - copy one event into the producer's ring.
 *
 * Caller:  the producer's thread. From a signal handler with a producer of its own; one that the
 *          signal interrupted in mid-publish answers WEIR_EBUSY.
 * Blocks:  never; wait-free; allocates nothing; at most one system call to wake a parked
 *          dispatcher, and one for each weir_pool_get_fd() that turns readable; none where all
 *          pools wait by SPIN.
 * Returns: WEIR_OK, WEIR_EINVAL, WEIR_EFULL, WEIR_ETOOBIG, WEIR_EBUSY, WEIR_ELOOP,
 *          WEIR_ECLOSED, WEIR_EFORKED.
 */
WEIR_API weir_status weir_publish(weir_producer *producer, weir_topic topic, const void *data, uint32_t size);
WEIR_API weir_status weir_publish_with(weir_producer *producer, weir_topic topic,
                              const weir_attributes *attributes, const void *data, uint32_t size);

/* One of several events; data stays the caller's. */
typedef struct weir_item {
	weir_topic topic;
	uint32_t size;
	const void *data;             /* may be NULL where size is 0 */
} weir_item;

/*
 * weir_publish_many - copy several events into the producer's ring and show them at once: all or none.
 *
 * As that many weir_publish(), but dispatchers see the first only with the last, and of what is
 * refused nothing is published and each is counted. One time for all. From 4 KiB on they are written
 * past the caches, which saves a third of the time or more where the dispatcher is on another processor.
 * Returns: as weir_publish(), for the first item that is refused; WEIR_ETOOBIG also if all together
 *          never fit into the ring. WEIR_OK with count 0.
 */
WEIR_API weir_status weir_publish_many(weir_producer *producer, const weir_item *items, uint32_t count);

/*
 * weir_reserve - room for one event's payload in the ring, to be filled in place.
 *
 * Any number of reserves, then one weir_commit() or weir_abort() for all of them; until then
 * weir_publish*() answers WEIR_EBUSY. An open reservation holds up neither flush nor close;
 * its memory stays valid until weir_producer_close(). A reserve that fails leaves those that
 * are open as they are. Open ones are aborted when the producer closes, its thread ends, or a
 * handler returns with them open on delivery->producer.
 * ret_data: 16-aligned. weir_trim(): the last one reserved becomes smaller.
 * Returns: as weir_publish(). WEIR_EFULL with reservations open: commit them first.
 */
WEIR_API weir_status weir_reserve(weir_producer *producer, weir_topic topic,
                         const weir_attributes *attributes, uint32_t size, void **ret_data);
WEIR_API void weir_trim(weir_producer *producer, uint32_t size);
/* WEIR_OK also with none open; WEIR_ECLOSED, WEIR_EFORKED: nothing was published, none is open. */
WEIR_API weir_status weir_commit(weir_producer *producer);
WEIR_API void weir_abort(weir_producer *producer);

/* weir_publish_wait - publish, waiting for room, WEIR_ETIMEDOUT after timeout_ns; in a handler WEIR_EFULL
 *                     at once. */
WEIR_API weir_status weir_publish_wait(weir_producer *producer, weir_topic topic, const weir_attributes *attributes,
                              const void *data, uint32_t size, uint64_t timeout_ns);

/* -- looking ---------------------------------------------------------------- */

/*
 * Every event is accounted for. Counters have one writer each and are summed here; while
 * the bus runs they only lag, and `lost` means something only at rest: after a flush returned
 * WEIR_OK, no publisher running, no reservation open. Each reserve counts once, when commit or
 * abort decides it; a refused one at once; publish_wait counts once. Then, exactly,
 *   producer      attempted = committed + refused_full + refused_size + refused_busy
 *                             + refused_hops + refused_closed + refused_invalid + discarded + aborted
 *   pool          seen      = routed + unrouted + skipped_behind   (seen: committed since it opened)
 *   subscription  due       = ok + failed + skipped_quarantine + skipped_paused
 *                             + skipped_unsubscribed + running
 *   bus           lost      = the signed sum of what is missing from these: 0, always.
 */
typedef struct weir_producer_counts {
	size_t size;
	uint64_t attempted, committed, bytes;
	uint64_t refused_full, refused_size, refused_busy, refused_hops, refused_closed, refused_invalid;
	uint64_t discarded, aborted;
} weir_producer_counts;

typedef struct weir_pool_counts {
	size_t size;
	uint64_t seen, routed, unrouted, skipped_behind;
	uint64_t batches, parks, wakes, late_wakes, steals, stuck;
} weir_pool_counts;

typedef enum weir_subscription_state {      /* the later one wins */
	WEIR_SUBSCRIPTION_ACTIVE = 0,
	WEIR_SUBSCRIPTION_QUARANTINED,
	WEIR_SUBSCRIPTION_PAUSED,
	WEIR_SUBSCRIPTION_ENDING
} weir_subscription_state;

typedef struct weir_subscription_counts {
	size_t size;
	uint64_t due, ok, failed, running;
	uint64_t skipped_quarantine, skipped_paused, skipped_unsubscribed;
	uint64_t failed_batches;
	uint64_t quarantines;           /* periods: one more for each trial that failed */
	weir_subscription_state state;
	int32_t  failure_code[8];       /* the first codes that it returned, and how often; */
	uint64_t failure_count[8];      /*   the last slot holds all others */
} weir_subscription_counts;

typedef struct weir_bus_counts {
	size_t size;
	uint64_t in_flight;             /* committed and not yet through all pools */
	int64_t lost;
} weir_bus_counts;

/* The sums go over all that ever were on this bus; each output may be NULL. */
WEIR_API weir_status weir_bus_get_counts(const weir_bus *bus, weir_bus_counts *ret_counts,
                                weir_producer_counts *ret_producers, weir_pool_counts *ret_pools,
                                weir_subscription_counts *ret_subscriptions);
WEIR_API weir_status weir_producer_get_counts(const weir_producer *producer, weir_producer_counts *ret_counts);
WEIR_API weir_status weir_pool_get_counts(const weir_pool *pool, weir_pool_counts *ret_counts);
WEIR_API weir_status weir_subscription_get_counts(const weir_bus *bus, weir_subscription subscription,
                                         weir_subscription_counts *ret_counts);

/* What there is: each calls `visit`, which may only read, until it returns non-zero. */
WEIR_API void weir_bus_each_topic(weir_bus *bus, int (*visit)(void *context, weir_topic topic), void *context);
WEIR_API void weir_bus_each_pool(weir_bus *bus, int (*visit)(void *context, weir_pool *pool, const char *name),
                        void *context);
WEIR_API void weir_bus_each_subscription(weir_bus *bus,
                                int (*visit)(void *context, weir_subscription subscription,
                                             const char *name, const char *pattern, weir_pool *pool),
                                void *context);

/*
 * A failure is itself an event, "weir.failed.deliver": this, then a copy of the failed event's
 * payload, possibly cut. Failures that come fast are gathered: `count` says how many this one
 * stands for. Published from a part of the dispatcher's ring that is kept for it, at the latest
 * when the batch ends (so flush covers it), whatever the hop limit, weir_bus_enable and close say.
 * Failures of its own handlers are counted and go no further.
 *
 * One event for each subscription that failed in a batch, about its last failure, with that event's
 * trace and one hop more. A failed batch alone has topic 0 and no payload. An eighth of
 * the ring is kept, at most a 64th of it copied. Should even that have no room, the event counts as
 * refused_full of the dispatcher's producer, and `count` goes on to the subscription's next.
 */
typedef struct weir_failure {
	uint32_t size;             /* of this struct: the payload's copy starts there */
	int32_t code;              /* what the handler returned, the latest */
	uint64_t subscription;
	uint64_t sequence;
	uint64_t count;
	uint32_t topic;
	uint32_t source;
	uint32_t payload_size;
	uint32_t payload_copied;
} weir_failure;

/* "weir.gap", to the pool that skipped, in place of what it skipped of one producer: delivery->source
 * and ->sequence are that producer and sequence_last. Not in the pool's seen and routed. */
typedef struct weir_gap {
	uint32_t size;
	uint32_t source;
	uint64_t sequence_first, sequence_last;
} weir_gap;

/* -- initial values --------------------------------------------------------- */

#ifdef __cplusplus
#define WEIR_INIT_(type) ([] { type options_ = {}; options_.size = sizeof(type); return options_; }())
#else
#define WEIR_INIT_(type) { .size = sizeof(type) }
#endif
#define WEIR_BUS_OPTIONS_INIT          WEIR_INIT_(weir_bus_options)
#define WEIR_POOL_OPTIONS_INIT         WEIR_INIT_(weir_pool_options)
#define WEIR_SUBSCRIPTION_OPTIONS_INIT WEIR_INIT_(weir_subscription_options)
#define WEIR_PRODUCER_OPTIONS_INIT     WEIR_INIT_(weir_producer_options)
#define WEIR_ATTRIBUTES_INIT           WEIR_INIT_(weir_attributes)
#define WEIR_CLOSE_REPORT_INIT         WEIR_INIT_(weir_close_report)
#define WEIR_BUS_COUNTS_INIT           WEIR_INIT_(weir_bus_counts)
#define WEIR_PRODUCER_COUNTS_INIT      WEIR_INIT_(weir_producer_counts)
#define WEIR_POOL_COUNTS_INIT          WEIR_INIT_(weir_pool_counts)
#define WEIR_SUBSCRIPTION_COUNTS_INIT  WEIR_INIT_(weir_subscription_counts)

#include <weir/inline.h>

#ifdef __cplusplus
}
#endif
#endif
