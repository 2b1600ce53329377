/* SPDX-License-Identifier: MIT */
/* publish.h - everything about publishing that the inline fast path leaves to the library. */
#ifndef WI_CORE_PUBLISH_H
#define WI_CORE_PUBLISH_H

#include "core/producer.h"

/*
 * weir_publish_with(), but a refusal for want of room is not counted: publish_wait tries
 * again and counts once.
 */
weir_status wi_publish_try(struct wi_producer *producer, weir_topic topic,
                           const weir_attributes *attributes, const void *data, uint32_t size);

/* The refusal of a publish_wait that has given up. */
void wi_publish_count_full(struct wi_producer *producer, weir_topic topic, uint32_t size);

/* What an event of this moment has as its time. */
uint64_t wi_publish_time(const struct wi_producer *producer);

/*
 * What a dispatcher's producer passes on: events are caused by one with one hop less, and
 * carry its trace (NULL: none), which must stay until the next call. About one that is replayed,
 * they are replayed, too: what an event has led to, has happened before.
 */
void wi_publish_inherit(struct wi_producer *producer, uint32_t hops, const weir_trace *trace,
                        bool replayed);

/*
 * A "weir.failed.deliver" event: `failure`, then as much of `data` as it says, whatever gates
 * and hops say, also in the part of the ring that is kept. WEIR_EFULL: not even there, counted.
 */
weir_status wi_publish_failure(struct wi_producer *producer, uint32_t hops, const weir_trace *trace,
                               const weir_failure *failure, const void *data);

#endif
