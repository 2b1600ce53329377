/* SPDX-License-Identifier: MIT */
/* futex.h - sleep while a word has a value; wake those who sleep on it. */
#ifndef WI_BASE_FUTEX_H
#define WI_BASE_FUTEX_H

#include <stdint.h>

#define WI_FUTEX_ALL UINT32_MAX

/*
 * Returns when woken by a wake whose bits meet `bits`, when *word is not `value`, after timeout_ns,
 * or for no reason; where the kernel refuses to wait, within a millisecond. 1: the timeout passed.
 */
int wi_futex_wait(uint32_t *word, uint32_t value, uint32_t bits, uint64_t timeout_ns);

void wi_futex_wake(uint32_t *word, int count, uint32_t bits);

#endif
