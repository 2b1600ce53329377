/* SPDX-License-Identifier: MIT */
/* answer.h - what a status means, and when to come again. Nothing an endpoint wrote is in the texts. */
#ifndef WI_NOTIFY_ANSWER_H
#define WI_NOTIFY_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "sender.h"

enum wi_outcome wi_answer_outcome(enum wi_channel_kind kind, int32_t status);

/* "Too Many Requests"; "" if it is not one of RFC 9110's. */
const char *wi_answer_reason(int32_t status);

/*
 * Retry-After's value: seconds, or a date, of which now (CLOCK_REALTIME ns) is taken. At most a day; 0
 * if it is neither, or over.
 */
uint64_t wi_answer_after(const char *value, uint64_t now);

#endif
