/* SPDX-License-Identifier: MIT */
/*
 * rules.h - which events become messages to which channel, and how they read.
 *
 *   rule.NAME = payment.failed.* to #alerts
 *   rule.NAME = order.after.create with total over 1000 to billing, #sales
 *   template.NAME = /etc/shop/alert.json            ; of the rule, or of the channel, of that name
 *
 * A channel's name may have a # in front. Conditions look into the payload, if that is JSON or an
 * envelope of a service (condition.h, payload.h). Pure: no thread, no file but the templates, which are
 * read once.
 */
#ifndef WI_NOTIFY_RULES_H
#define WI_NOTIFY_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/weir.h>

#include "channel.h"
#include "message.h"

struct wi_rules;

/* What every message says of the program that it comes from. */
struct wi_rules_source {
	char instance[WI_NOTIFY_ID_SIZE];       /* new with each spool: ids are INSTANCE-COUNT */
	const char *source;                     /* CloudEvents' source: "/weir/shop" */
	const char *type_prefix;                /* CloudEvents' type: "com.example." in front of the topic; "" */
	/* The names of topics that failures are about; NULL: messages do not say. */
	const char *(*topic_name)(void *context, weir_topic topic);
	void *topic_context;
};

bool wi_rules_create(struct wi_rules **ret_rules);
void wi_rules_free(struct wi_rules *rules);

/*
 * A setting whose key begins with "rule." or "template."; a template is read now. False: wrong, and one
 * sentence names it.
 */
bool wi_rules_take(struct wi_rules *rules, const char *key, const char *value,
                   char ret_problem[WI_NOTIFY_PROBLEM_SIZE]);

/*
 * All is there: each rule's channels must be among these, which stay as long as the rules. source is
 * copied; of an instance at most 32 bytes are taken.
 */
bool wi_rules_end(struct wi_rules *rules, const struct wi_channel *channels, uint32_t count,
                  const struct wi_rules_source *source, char ret_problem[WI_NOTIFY_PROBLEM_SIZE]);

/* The i-th rule's pattern, NULL when there are no more. */
const char *wi_rules_pattern(const struct wi_rules *rules, uint32_t i);

/*
 * wi_rules_apply - the messages that rule i makes of an event, through `put`, one for each channel.
 *
 * count: goes into the ids, unique for each call. Messages are valid in `put` alone. Any thread, also
 * several. Returns how many were put, 0 if a condition does not hold or the event is replayed; -1: no
 * memory, or a `put` was not 0, and was the last.
 */
int wi_rules_apply(struct wi_rules *rules, uint32_t i, const weir_event *event, const char *topic,
                   uint64_t count, int (*put)(void *context, const struct wi_message *message),
                   void *context);

/*
 * wi_rules_digest - one message that stands for several of a group: "payment.failed.charge: 42 times in
 *                   60 s", and the first briefs.
 *
 * count: at least 1; more: how many there are beside these. Its id is that of the first, and "-d"; it
 * has no group. Returns 1, or -1 as above.
 */
int wi_rules_digest(struct wi_rules *rules, const struct wi_channel *channel,
                    const struct wi_message *const *messages, uint32_t count, uint64_t more,
                    int (*put)(void *context, const struct wi_message *message), void *context);

#endif
