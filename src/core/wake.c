/* SPDX-License-Identifier: MIT */
/* wake.c - see wake.h. */
#include "core/wake.h"

#include <limits.h>

#include "base/fence.h"
#include "base/futex.h"

const uint64_t wi_wake_no_clock = 0;
const uint64_t wi_wake_precise_clock = WEIR_CLOCK_READ_;

void
wi_wake_init(struct wi_wake *wake, weir_fence fence)
{
	wake->tick = WEIR_CLOCK_READ_;
	wake->publisher_fences = fence == WEIR_FENCE_PUBLISHER || !wi_fence_heavy_available();
}

bool
wi_wake_fence(struct wi_wake *wake)
{
	if (wake->publisher_fences) {
		wi_fence_full();
		return true;
	}
	if (wi_load_relaxed(&wake->heavy_fence_failed))
		return false;
	if (wi_fence_heavy())
		return true;
	wi_store_relaxed(&wake->heavy_fence_failed, true);
	return false;
}

uint32_t
wi_wake_announce(struct wi_wake *wake)
{
	return wi_or(&wake->parked, 1u) | 1u;
}

bool
wi_wake_sleep(struct wi_wake *wake, uint32_t announced, uint32_t cursor, uint64_t timeout_ns)
{
	bool timed_out;

	wi_add(&wake->sleepers[cursor], 1u);
	timed_out = wi_futex_wait(&wake->parked, announced, 1u << cursor, timeout_ns);
	wi_sub(&wake->sleepers[cursor], 1u);
	return timed_out;
}

/* True: this caller moved the word on, so the wake-up is its own to send. */
static bool
claim_wake(struct wi_wake *wake)
{
	uint32_t parked = wi_load_relaxed(&wake->parked);

	/*
	 * No loop: when the swap fails, another waker moved the word after our event was
	 * committed. Whom it wakes announces itself and fences again before it can sleep,
	 * and so sees our event.
	 */
	return (parked & 1) && wi_cas(&wake->parked, &parked, parked + 1);
}

void
wi_wake_one(struct wi_wake *wake)
{
	if (claim_wake(wake))
		wi_futex_wake(&wake->parked, 1, WI_FUTEX_ALL);
}

void
wi_wake_each_cursor(struct wi_wake *wake)
{
	for (uint32_t i = 0; i < WI_CURSOR_COUNT_MAX; i++)
		if (wi_load_relaxed(&wake->sleepers[i]))
			wi_futex_wake(&wake->parked, 1, 1u << i);
}

void
wi_wake_all(struct wi_wake *wake)
{
	wi_fence_full();
	claim_wake(wake);
	wi_futex_wake(&wake->parked, INT_MAX, WI_FUTEX_ALL);
}
