/* SPDX-License-Identifier: MIT */
/*
 * failure.h - what follows from a handler's failure: counts, quarantine, an event.
 *
 * Failures of one subscription are gathered until the dispatcher's batch ends, and then told by
 * one "weir.failed.deliver" event: where failures come one by one, each has its own; where they
 * come fast, one in a batch is all that a pool has to bear. The cursor stays where it is meanwhile,
 * so the payload of the last one still lies in the ring. If there is no room even in the part of
 * the dispatcher's ring that is kept for this, the attempt counts as refused and the number is
 * carried on to the subscription's next failure.
 *
 * Failures of the bus's own topics' handlers are only counted: else one could cause the next.
 */
#ifndef WI_CORE_FAILURE_H
#define WI_CORE_FAILURE_H

#include "core/pool.h"

/* The handler returned `code`, not 0, for the event. trial: it was in quarantine. */
void wi_failure_of_call(struct wi_dispatcher *dispatcher, struct wi_tally *tally,
                        const weir_event *event, int code, bool trial);

/*
 * Once more in this batch, with the first code that it was ever counted under, and no quarantine to
 * decide about: inline, so that a handler that always fails does not slow those beside it down.
 * False: not such a failure.
 */
static inline bool
wi_failure_again(const struct wi_dispatcher *dispatcher, struct wi_tally *tally, const weir_event *event,
                 int code)
{
	if (code != tally->again_code)
		return false;
	wi_count_own(&tally->failed);
	wi_count_own(&tally->failure_count[0]);
	tally->untold_event = event;
	tally->untold_sequence = dispatcher->delivery.sequence;
	return true;
}

/* Its batch_end did. */
WI_COLD void wi_failure_of_batch(struct wi_dispatcher *dispatcher, struct wi_tally *tally, int code,
                                 bool trial);

/* Tells what was gathered, before the cursor passes it. */
WI_COLD void wi_failure_tell(struct wi_dispatcher *dispatcher);

#endif
