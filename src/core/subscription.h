/* SPDX-License-Identifier: MIT */
/*
 * subscription.h - one handler, its pattern, its state, and what each dispatcher counts of it.
 *
 * A subscription's memory is never returned while the bus lives, only used again
 * (a generation tells old ids from new), so that weir_unsubscribe() can look one up
 * and mark it from any thread, also a handler, without a lock.
 *
 * Lines: the first is read for every call and written when the state changes;
 * each dispatcher's tally is written by that dispatcher alone.
 *
 * Quarantine: the failures since the last success are counted in the state word itself, so a
 * handler that does well has state 0 and pays nothing, and one compare-and-swap counts and decides:
 *
 *   active --failures--> QUARANTINED|TRIAL --until is stored--> QUARANTINED   (skipped)
 *                              ^                                   | until has passed
 *                              +------ the trial failed ------ QUARANTINED|TRIAL ---ok---> active
 *
 * Who set TRIAL is the only one who stores `quarantine_until` or leaves the quarantine. A success
 * ends a streak when its call began after the last failure.
 */
#ifndef WI_CORE_SUBSCRIPTION_H
#define WI_CORE_SUBSCRIPTION_H

#include <stdbool.h>
#include <weir/weir.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/times.h"

/*
 * Low half of wi_subscription.word; 0 is the fast case: active, nothing to look at. The bits from
 * WI_SUBSCRIPTION_FAILURE up are a number: failures since it last succeeded.
 */
enum {
	WI_SUBSCRIPTION_BATCHED = 1,       /* it has a batch_end */
	WI_SUBSCRIPTION_REPLAYED = 2,      /* it wants replayed events */
	WI_SUBSCRIPTION_PAUSED = 4,
	WI_SUBSCRIPTION_ENDING = 8,
	WI_SUBSCRIPTION_QUARANTINED = 16,
	WI_SUBSCRIPTION_TRIAL = 32,        /* of a quarantined one: a dispatcher has it in hand */
	WI_SUBSCRIPTION_FAILURE = 1 << 8,
};
#define WI_SUBSCRIPTION_STREAK 0xffffff00u
#define WI_SUBSCRIPTION_STREAK_MAX (WI_SUBSCRIPTION_STREAK / WI_SUBSCRIPTION_FAILURE)

enum { WI_FAILURE_CODE_COUNT = 8 };

struct wi_subscription;

struct wi_tally {
	WI_ALIGNED uint64_t begun;         /* calls: due, and not skipped */
	uint64_t ok, failed, skipped_quarantine, skipped_paused, skipped_unsubscribed;
	uint64_t failed_batches, quarantines;
	struct wi_subscription *subscription;
	struct wi_tally *owed_next;
	uint64_t boundary;                 /* where the dispatcher was when the handler began to leave */
	uint32_t owed;                     /* a batch_end is owed: it may still run (E7) */
	bool trial;                        /* what is being called is a trial, that has not failed yet */
	bool ending;                       /* batch_end is being called */
	uint64_t ok_before;                /* this batch: did the handler succeed in it? */
	WI_ALIGNED uint64_t failure_count[WI_FAILURE_CODE_COUNT];
	int32_t failure_code[WI_FAILURE_CODE_COUNT];
	/* Failures that no event has told of yet: see failure.h. */
	uint64_t untold, untold_before;    /* without those counted inline, and failure_count[0] then */
	const weir_event *untold_event;    /* the last one's, in the ring; NULL: of a batch_end */
	uint64_t untold_sequence;
	int32_t untold_code;
	int32_t again_code;                /* one more under it need only be counted; 0: none */
	bool gathered;                     /* it is in the dispatcher's list */
	struct wi_tally *gathered_next;
	struct wi_times times;             /* of its calls */
};

struct wi_pool;

/* The way out; control lock. */
enum wi_subscription_stage {
	WI_STAGE_FREE,          /* among the pool's free ones */
	WI_STAGE_LIVE,
	WI_STAGE_MARKED,        /* no event committed from now on reaches it */
	WI_STAGE_REMOVED,       /* in no new table; may still be running */
	WI_STAGE_QUIET,         /* of a manual pool: never runs again; `released` left to a poll */
	WI_STAGE_RELEASED,      /* never runs again; old tables may still name it */
};

struct wi_subscription {
	WI_ALIGNED uint64_t word;          /* generation << 32 | state */
	weir_handler_fn handler;
	void *context;
	uint64_t id;                       /* generation << 32 | index */
	uint64_t quarantine_until;         /* monotonic */

	/* Below: not read for a call. */
	WI_ALIGNED int (*batch_end)(const weir_delivery *delivery, void *context);
	void (*released)(void *context);
	struct wi_pool *pool;
	uint64_t quarantine_ns;
	uint32_t quarantine_failure_count;      /* 0: never */
	bool own;                          /* of "weir." topics: its failures make no event */
	char *pattern, *name;              /* one allocation, at `pattern` */
	uint64_t serial;                   /* order of subscribing */
	uint64_t birth, death;             /* table versions that may name it; see route.h */
	uint32_t topic;                    /* of an exact pattern; 0: a wildcard */
	uint32_t tally_count;
	int32_t priority;
	int32_t last_code;                 /* of its last failure */
	uint32_t index;
	uint32_t generation;
	enum wi_subscription_stage stage;  /* the reclaimer's */
	bool boundaries_noted;             /* the reclaimer's */
	struct wi_subscription *next;      /* in the pool's list, or among the ending or free ones */
	struct wi_subscription *ending_next;
	struct wi_tally tally[];           /* one for each dispatcher of the pool */
};

static inline uint32_t
wi_subscription_state(const struct wi_subscription *subscription)
{
	return (uint32_t)wi_load_relaxed(&subscription->word);
}

struct wi_subscription *wi_subscription_create(struct wi_pool *pool, uint32_t index, uint32_t tally_count);
void wi_subscription_destroy(struct wi_subscription *subscription);

/*
 * Makes a free one ready: copies pattern, name and options, zeroes the tallies, and gives it a new
 * generation. False: no memory, still free. It becomes active by wi_subscription_start().
 */
bool wi_subscription_init(struct wi_subscription *subscription, const char *pattern,
                          weir_handler_fn handler, void *context,
                          const weir_subscription_options *options, uint64_t serial);
void wi_subscription_start(struct wi_subscription *subscription, uint32_t flags);

/*
 * Sets or clears state bits of the subscription that `id` names. False: it is not that one any
 * more.
 */
bool wi_subscription_mark(struct wi_subscription *subscription, uint64_t id, uint32_t set,
                          uint32_t clear, uint32_t *ret_before);

/* A call failed or succeeded. True: a period of quarantine begins; never of one that has none. */
bool wi_subscription_failed(struct wi_subscription *subscription, bool trial);
void wi_subscription_succeeded(struct wi_subscription *subscription, bool trial);

/* Takes the trial of a quarantined one, if its time has come and nobody else has it. */
bool wi_subscription_try(struct wi_subscription *subscription, uint64_t now);

/* No id names it from now on. */
void wi_subscription_retire(struct wi_subscription *subscription);

/* a before b within a pool. */
bool wi_subscription_before(const struct wi_subscription *a, const struct wi_subscription *b);

void wi_tally_failed(struct wi_tally *tally, int code);
void wi_tally_failed_batch(struct wi_tally *tally, int code);

/* Adds what all dispatchers counted; codes that do not fit go to the last slot. */
void wi_subscription_sum(const struct wi_subscription *subscription, weir_subscription_counts *sum);
void wi_subscription_counts_add(weir_subscription_counts *sum, const weir_subscription_counts *more);

#endif
