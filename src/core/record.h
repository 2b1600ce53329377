/* SPDX-License-Identifier: MIT */
/*
 * record.h - the bytes of one event in a ring.
 *
 *   offset 0    struct weir_event   16 bytes: size, topic_flags, time
 *          16   payload             `size` bytes
 *   rounded up to 8, only if topic_flags says so:
 *               key                 8 bytes   (WEIR_KEY_)
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
	WI_RECORD_EXTENSION_MAX = 7 + 8 + sizeof(weir_trace) + 15,
};

static_assert(sizeof(weir_event) == 16, "the header is part of the ABI");
static_assert(sizeof(weir_trace) == 25, "the trace is part of the ABI");

/* What a record takes of the ring. 64-bit: no size that fits uint32_t can overflow it. */
static inline uint64_t
wi_record_need(uint64_t size, uint32_t flags)
{
	uint64_t need = WI_RECORD_HEADER + size;

	if (WI_UNLIKELY(flags & (WEIR_KEY_ | WEIR_TRACE_))) {
		need = WI_ROUND_UP(need, 8ull);
		need += flags & WEIR_KEY_ ? 8 : 0;
		need += flags & WEIR_TRACE_ ? sizeof(weir_trace) : 0;
	}
	return WI_ROUND_UP(need, (uint64_t)WI_RECORD_ALIGN);
}

static inline uint64_t
wi_record_length(const weir_event *event)
{
	return wi_record_need(event->size, event->topic_flags);
}

#endif
