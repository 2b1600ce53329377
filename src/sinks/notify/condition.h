/* SPDX-License-Identifier: MIT */
/*
 * condition.h - what must be so in an event's payload for a rule: "total over 1000 and status is paid".
 *
 *   PATH over | under | at least | at most NUMBER
 *   PATH is | is not | contains VALUE
 *   PATH exists | missing
 *
 * joined by `and`, and `or`, which binds less. VALUE is a word, or text in quotes as JSON writes it.
 */
#ifndef WI_NOTIFY_CONDITION_H
#define WI_NOTIFY_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "payload.h"
#include "words.h"

enum { WI_CONDITION_COUNT_MAX = 32 };

struct wi_comparison;

/* One with no comparison always holds. */
struct wi_condition {
	struct wi_comparison *each;
	uint32_t count;
};

/*
 * Reads up to the first word that does not belong to it, which *at is left at. What is read must stay:
 * the condition points into it. False: ret_problem says what is wrong.
 */
bool wi_condition_parse(struct wi_condition *condition, const char **at, char *ret_problem, size_t size);
void wi_condition_fini(struct wi_condition *condition);

/* Of a payload that is neither JSON nor an envelope, none with a comparison does. */
bool wi_condition_holds(const struct wi_condition *condition, const struct wi_payload *payload);

#endif
