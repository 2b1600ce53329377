/* SPDX-License-Identifier: MIT */
/* wake.c - see wake.h. */
#include "core/wake.h"

#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fence.h"
#include "base/futex.h"

const uint64_t wi_wake_no_clock = 0;
const uint64_t wi_wake_precise_clock = WEIR_CLOCK_READ_;

void
wi_wake_init(struct wi_wake *wake, weir_fence fence)
{
	wake->tick = WEIR_CLOCK_READ_;
	for (int i = 0; i < WI_CURSOR_COUNT_MAX; i++)
		wake->descriptor[i] = -1;
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

/* -- descriptors ------------------------------------------------------------ */

/* By syscall(): write() is a place where a thread may be cancelled, and a publish is not. */
static void
make_readable(int descriptor)
{
	const uint64_t one = 1;
	int saved = errno;      /* may run in a signal handler */

	syscall(SYS_write, descriptor, &one, sizeof one);
	errno = saved;
}

/* E12: who takes a bit writes. `writers` is raised first, for who waits to close a descriptor. */
static void
write_to(struct wi_wake *wake, uint32_t cursors)
{
	uint32_t taken;

	if (!(wi_load_acquire(&wake->armed) & cursors))
		return;
	wi_add(&wake->writers, 1u);
	for (taken = wi_and(&wake->armed, ~cursors) & cursors; taken; taken &= taken - 1)
		make_readable(wi_load_relaxed(&wake->descriptor[__builtin_ctz(taken)]));
	wi_sub(&wake->writers, 1u);
}

void
wi_wake_arm(struct wi_wake *wake, uint32_t cursor)
{
	wi_or(&wake->armed, 1u << cursor);      /* E12: before the word */
	wi_wake_announce(wake);
}

bool
wi_wake_is_armed(const struct wi_wake *wake, uint32_t cursor)
{
	return wi_load_acquire(&wake->armed) & 1u << cursor;
}

void
wi_wake_descriptor(struct wi_wake *wake, uint32_t cursor)
{
	wi_fence_full();        /* E12: between what the caller stored for the poller and the bit */
	write_to(wake, 1u << cursor);
}

void
wi_wake_forget(struct wi_wake *wake, uint32_t cursor)
{
	struct wi_backoff backoff = wi_backoff_until(UINT64_MAX);
	int descriptor;

	wi_and(&wake->armed, ~(1u << cursor));
	while (wi_load_acquire(&wake->writers))
		wi_backoff_wait(&backoff);
	descriptor = wi_exchange(&wake->descriptor[cursor], -1);
	if (descriptor >= 0)
		close(descriptor);
}

/* -- waking ----------------------------------------------------------------- */

/* True: this caller moved the word on, so it has a sleeper to wake; armed pools it has told. */
static bool
claim_wake(struct wi_wake *wake)
{
	uint32_t parked = wi_load_relaxed(&wake->parked);

	/*
	 * No loop: when the swap fails, another waker moved the word after our event was
	 * committed. Whom it wakes announces itself and fences again before it can sleep,
	 * and so sees our event.
	 */
	if (!(parked & 1) || !wi_cas(&wake->parked, &parked, parked + 1))
		return false;
	wi_store_release(&wake->pass_on, 1u);
	write_to(wake, UINT32_MAX);     /* E12 */
	return true;
}

void
wi_wake_one(struct wi_wake *wake)
{
	if (claim_wake(wake))
		wi_futex_wake(&wake->parked, 1, WI_FUTEX_ALL);
}

void
wi_wake_others(struct wi_wake *wake)
{
	if (!wi_load_relaxed(&wake->pass_on) || !wi_exchange(&wake->pass_on, 0u))
		return;
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
