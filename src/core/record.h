/* SPDX-License-Identifier: MIT */
/*
 * record.h - the bytes of one event in a ring.
 *
 *   offset 0    struct weir_event   16 bytes: size, topic_flags, time
 *          16   payload             `size` bytes
 *   rounded up to 8, only if topic_flags says so:
 *               key                 8 bytes   (WEIR_KEY_)
 *               origin              24 bytes  (WEIR_REPLAYED_)
 *               trace               25 bytes  (WEIR_TRACE_)
 *   rounded up to 16: the next record
 *
 * A record is contiguous and 16-aligned; there is no padding record.
 */
#ifndef WI_CORE_RECORD_H
#define WI_CORE_RECORD_H

#include <stdbool.h>

#include <weir/weir.h>

#include "base/compiler.h"

enum {
	WI_RECORD_HEADER = sizeof(weir_event),
	WI_RECORD_ALIGN = 16,
};

/* All that makes a record longer. */
#define WI_RECORD_LONGEST (WEIR_KEY_ | WEIR_REPLAYED_ | WEIR_TRACE_)

static_assert(sizeof(weir_event) == 16, "the header is part of the ABI");
static_assert(sizeof(weir_origin) == 24, "the origin is part of the ABI");
static_assert(sizeof(weir_trace) == 25, "the trace is part of the ABI");

/*
 * What is added to a payload's size before it is cut down to a multiple of 16. 7 modulo 8, which
 * rounds the payload up to 8 as well: one addition and one mask, since a dispatcher waits for them
 * before it knows where the next event begins.
 */
static inline uint64_t
wi_record_overhead(uint32_t flags)
{
	uint64_t beside = WI_RECORD_HEADER + (flags & WEIR_KEY_ ? sizeof(uint64_t) : 0) +
	                  (flags & WEIR_REPLAYED_ ? sizeof(weir_origin) : 0) +
	                  (flags & WEIR_TRACE_ ? sizeof(weir_trace) : 0);

	return ((beside + WI_RECORD_ALIGN - 1) & ~7ull) + 7;
}

static inline uint64_t
wi_record_round(uint64_t size, uint64_t overhead)
{
	return (size + overhead) & ~(uint64_t)(WI_RECORD_ALIGN - 1);
}

/* What a record takes of the ring. 64-bit: no size that fits uint32_t can overflow it. */
static inline uint64_t
wi_record_need(uint64_t size, uint32_t flags)
{
	return wi_record_round(size, wi_record_overhead(flags));
}

static inline uint64_t
wi_record_length(const weir_event *event)
{
	return wi_record_need(event->size, event->topic_flags);
}

#endif
