/* SPDX-License-Identifier: MIT */
/* clock.h - nanoseconds since boot and since 1970, and deadlines. */
#ifndef WI_BASE_CLOCK_H
#define WI_BASE_CLOCK_H

#include <stdint.h>

#define WI_MICROSECOND 1000ull
#define WI_MILLISECOND 1000000ull
#define WI_SECOND 1000000000ull

uint64_t wi_clock_monotonic(void);
uint64_t wi_clock_realtime(void);

/* When `timeout_ns` from now is over; UINT64_MAX stays without end. */
uint64_t wi_clock_deadline(uint64_t timeout_ns);

void wi_clock_sleep(uint64_t ns);

/*
 * Waiting of the control plane (flush, close, unsubscribe_wait, publish_wait):
 * a few pauses, then sleeps that double up to 1 ms. These waits are rare, and
 * what they wait for must not pay for telling them.
 */
struct wi_backoff { uint64_t deadline, sleep_ns; unsigned spins; };

struct wi_backoff wi_backoff_until(uint64_t deadline);
/* 0 when the deadline has passed. */
int wi_backoff_wait(struct wi_backoff *backoff);

#endif
