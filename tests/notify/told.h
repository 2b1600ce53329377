/* SPDX-License-Identifier: MIT */
/* told.h - rules on a bus: what is published, and the messages that become of it. */
#ifndef WI_TESTS_TOLD_H
#define WI_TESTS_TOLD_H

#include <stddef.h>
#include <stdint.h>

#include <weir/service.h>

#include "rules.h"

/* 2026-11-26T07:00:00.25Z */
#define TOLD_TIME UINT64_C(1795676400250000000)

enum { TOLD_MAX = 64 };

/* Channels: alerts (Slack), hook (webhook), cloud, bits (cloud events, structured and binary). */
extern const struct wi_channel told_channels[4];
/* Instance "shop1", source "/weir/shop", types "com.example.". */
extern const struct wi_rules_source told_source;

/* Pairs of key and value, then NULL. Fails the test if one is refused. */
struct wi_rules *told_rules(const char *const *settings);

/* What is wrong with the first that is refused, also at the end; "" if none is. */
const char *told_problem(const char *const *settings);

/* Copies of messages. */
struct told {
	struct wi_message each[TOLD_MAX];
	uint32_t count;
	uint32_t refuse_at;     /* `put` is not 0 for this one, from 1 */
	int result;             /* of the last wi_rules_apply() */
};

int told_put(void *told, const struct wi_message *message);
void told_clear(struct told *told);

/*
 * Publishes on a bus of its own, with TOLD_TIME unless attributes say otherwise, and applies each rule
 * whose pattern the topic matches. count: that of the ids.
 */
void told_publish(struct told *told, struct wi_rules *rules, const char *topic,
                  const weir_attributes *attributes, const void *data, uint32_t size, uint64_t count);
void told_json(struct told *told, struct wi_rules *rules, const char *topic, const char *json);

/* An envelope, whose id is 1 and whose phase is failed if code is not 0; its size. */
uint32_t told_envelope(unsigned char *bytes, weir_content data, weir_content result, int32_t code,
                       const char *error, const char *actor, const char *user_id);

#endif
