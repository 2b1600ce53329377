/* SPDX-License-Identifier: MIT */
/* futex.c - see futex.h. */
#include "base/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"

int
wi_futex_wait(uint32_t *word, uint32_t value, uint32_t bits, uint64_t timeout_ns)
{
	uint64_t deadline = wi_clock_deadline(timeout_ns);      /* WAIT_BITSET takes it absolute */
	struct timespec time = { (time_t)(deadline / WI_SECOND), (long)(deadline % WI_SECOND) };
	int saved = errno, error = 0;

	if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value,
	            deadline == UINT64_MAX ? NULL : &time, NULL, bits) != 0)
		error = errno;
	errno = saved;
	/* A sandbox refuses it: sleep by time, and look again. */
	if (error == EPERM || error == ENOSYS || error == EACCES)
		wi_clock_sleep(WI_MIN(timeout_ns, WI_MILLISECOND));
	return error == ETIMEDOUT;
}

void
wi_futex_wake(uint32_t *word, int count, uint32_t bits)
{
	int saved = errno;      /* may run in a signal handler, inside a publish */

	syscall(SYS_futex, word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, count, NULL, NULL, bits);
	errno = saved;
}
