/* SPDX-License-Identifier: MIT */
/* failure.c - see failure.h. */
#include "core/failure.h"

#include "base/probe.h"
#include "core/publish.h"

static_assert(sizeof(weir_failure) == 48, "the failure is part of the ABI");

enum { COPY_FRACTION = 64 };    /* of the ring: the most that is copied of a payload */

/* Counts what wi_failure_again() left to be counted. */
static inline __attribute__((always_inline)) void
end_again(struct wi_tally *tally)
{
	if (!tally->again_code)
		return;
	tally->untold += tally->failure_count[0] - tally->untold_before;
	WI_PROBE_FAILURE_AGAIN(tally->subscription->id, tally->subscription->name, tally->again_code,
	                       tally->failure_count[0] - tally->untold_before);
	tally->again_code = 0;
}

static void
gather(struct wi_dispatcher *dispatcher, struct wi_tally *tally, int code)
{
	if (tally->subscription->own)
		return;
	tally->untold++;
	tally->untold_code = code;
	tally->untold_sequence = dispatcher->delivery.sequence;
	if (tally->gathered)
		return;
	tally->gathered = true;
	tally->gathered_next = dispatcher->gathered;
	dispatcher->gathered = tally;
}

/* Other dispatchers read the line at each failure: written only when there is something new. */
static void
note_code(struct wi_subscription *subscription, int code)
{
	if (wi_load_relaxed(&subscription->last_code) != code)
		wi_store_relaxed(&subscription->last_code, code);
}

static void
count_quarantine(struct wi_tally *tally, bool trial)
{
	if (!wi_subscription_failed(tally->subscription, trial))
		return;
	wi_add_own(&tally->quarantines, 1);
	WI_PROBE_QUARANTINE_BEGIN(tally->subscription->id, tally->subscription->name);
}

/* event: NULL: of a batch_end. */
static WI_COLD void
show_failure(const struct wi_dispatcher *dispatcher, const struct wi_tally *tally, const weir_event *event,
             int code)
{
	uint32_t topic = event ? event->topic_flags & WEIR_TOPIC_MASK_ : 0;
	const char *topic_name = topic ? wi_topics_name(dispatcher->pool->lanes->topics, topic) : "";

	WI_PROBE_FAILURE(tally->subscription->id, tally->subscription->name, code, topic, topic_name,
	                 dispatcher->delivery.source, dispatcher->delivery.sequence);
}

void
wi_failure_of_call(struct wi_dispatcher *dispatcher, struct wi_tally *tally,
                   const weir_event *event, int code, bool trial)
{
	end_again(tally);
	wi_tally_failed(tally, code);
	note_code(tally->subscription, code);
	if (WI_PROBE_ON(failure))
		show_failure(dispatcher, tally, event, code);
	count_quarantine(tally, trial);
	tally->untold_event = event;
	gather(dispatcher, tally, code);
	if (!tally->gathered || tally->subscription->quarantine_failure_count ||
	    tally->failure_code[0] != code)
		return;
	tally->again_code = code;               /* which untold_code is, too */
	tally->untold_before = tally->failure_count[0];
}

void
wi_failure_of_batch(struct wi_dispatcher *dispatcher, struct wi_tally *tally, int code, bool trial)
{
	end_again(tally);
	wi_tally_failed_batch(tally, code);
	note_code(tally->subscription, code);
	if (WI_PROBE_ON(failure))
		show_failure(dispatcher, tally, NULL, code);
	count_quarantine(tally, trial);
	gather(dispatcher, tally, code);
}

/* A failed batch has no event of its own: topic 0, no payload, the number of its last event. */
static weir_status
tell_one(struct wi_dispatcher *dispatcher, const struct wi_tally *tally)
{
	struct wi_producer *producer = dispatcher->producer;
	const weir_event *event = tally->untold_event;
	uint32_t copy_max = (uint32_t)((producer->hot.mask + 1) / COPY_FRACTION);
	weir_failure failure = {
		.size = sizeof failure,
		.code = tally->untold_code,
		.subscription = tally->subscription->id,
		.sequence = tally->untold_sequence,
		.count = tally->untold,
		.source = dispatcher->delivery.source,
	};

	if (!event)
		return wi_publish_failure(producer, 1, NULL, &failure, NULL);
	failure.topic = event->topic_flags & WEIR_TOPIC_MASK_;
	failure.payload_size = event->size;
	failure.payload_copied = WI_MIN(event->size, copy_max);
	return wi_publish_failure(producer, weir_event_hops(event) + 1, weir_event_trace(event),
	                          &failure, event + 1);
}

void
wi_failure_tell(struct wi_dispatcher *dispatcher)
{
	while (dispatcher->gathered) {
		struct wi_tally *tally = dispatcher->gathered;

		dispatcher->gathered = tally->gathered_next;
		end_again(tally);
		if (tell_one(dispatcher, tally) == WEIR_OK)
			tally->untold = 0;
		tally->untold_event = NULL;
		tally->gathered = false;
	}
}
