/* SPDX-License-Identifier: MIT */
/* told.c - see told.h. */
#include "told.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pattern.h"
#include "service/envelope.h"

const struct wi_channel told_channels[4] = {
	{ .name = "alerts", .kind = WI_CHANNEL_SLACK, .digest_ns = UNIT_SECOND },
	{ .name = "hook", .kind = WI_CHANNEL_WEBHOOK },
	{ .name = "cloud", .kind = WI_CHANNEL_CLOUDEVENTS },
	{ .name = "bits", .kind = WI_CHANNEL_CLOUDEVENTS, .binary = true },
};

const struct wi_rules_source told_source = {
	.instance = "shop1",
	.source = "/weir/shop",
	.type_prefix = "com.example.",
};

/* -- rules ------------------------------------------------------------------ */

static bool
take(struct wi_rules *rules, const char *const *settings, char *problem)
{
	for (; *settings; settings += 2)
		if (!wi_rules_take(rules, settings[0], settings[1], problem))
			return false;
	return wi_rules_end(rules, told_channels, 4, &told_source, problem);
}

struct wi_rules *
told_rules(const char *const *settings)
{
	char problem[WI_NOTIFY_PROBLEM_SIZE] = "";
	struct wi_rules *rules;

	assert_true(wi_rules_create(&rules));
	if (!take(rules, settings, problem))
		fail_msg("%s", problem);
	return rules;
}

const char *
told_problem(const char *const *settings)
{
	static char problem[WI_NOTIFY_PROBLEM_SIZE];
	struct wi_rules *rules;

	*problem = '\0';
	assert_true(wi_rules_create(&rules));
	take(rules, settings, problem);
	wi_rules_free(rules);
	return problem;
}

/* -- messages --------------------------------------------------------------- */

static char *
copy_of(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	return copy;
}

int
told_put(void *context, const struct wi_message *message)
{
	struct told *told = context;
	struct wi_message *copy = &told->each[told->count];
	char *body = malloc(message->body_size + 1);

	assert_true(told->count < TOLD_MAX);
	assert_non_null(body);
	memcpy(body, message->body, message->body_size);
	body[message->body_size] = '\0';
	*copy = *message;
	copy->topic = copy_of(message->topic);
	copy->group = copy_of(message->group);
	copy->brief = copy_of(message->brief);
	copy->headers = copy_of(message->headers);
	copy->body = body;
	return ++told->count == told->refuse_at;
}

void
told_clear(struct told *told)
{
	for (uint32_t i = 0; i < told->count; i++) {
		free((char *)(uintptr_t)told->each[i].topic);
		free((char *)(uintptr_t)told->each[i].group);
		free((char *)(uintptr_t)told->each[i].brief);
		free((char *)(uintptr_t)told->each[i].headers);
		free((char *)(uintptr_t)told->each[i].body);
	}
	told->count = 0;
}

/* -- events ----------------------------------------------------------------- */

struct applied {
	struct told *told;
	struct wi_rules *rules;
	uint64_t count;
};

static int
apply(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct applied *applied = context;
	const char *topic = weir_topic_name(delivery->bus, weir_event_topic(event)), *pattern;

	for (uint32_t i = 0; (pattern = wi_rules_pattern(applied->rules, i)); i++)
		if (wi_pattern_matches(pattern, topic))
			applied->told->result = wi_rules_apply(applied->rules, i, event, topic,
			                                       applied->count, told_put, applied->told);
	return 0;
}

void
told_publish(struct told *told, struct wi_rules *rules, const char *topic,
             const weir_attributes *attributes, const void *data, uint32_t size, uint64_t count)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_attributes known = WEIR_ATTRIBUTES_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	struct applied applied = { told, rules, count };
	weir_subscription subscription;
	weir_bus_options bus_options = WEIR_BUS_OPTIONS_INIT;
	weir_producer *producer;
	weir_bus *bus;

	bus_options.ring_size = 4 << 20;
	pool.dispatcher_count = WEIR_MANUAL;
	bus = unit_open(&bus_options, &pool);
	options.flags = WEIR_SUBSCRIPTION_REPLAYED;
	assert_ok(weir_subscribe(bus, ">", apply, &applied, &options, &subscription));
	if (attributes)
		known = *attributes;
	if (!(known.flags & WEIR_ATTRIBUTE_TIME))
		known.time = TOLD_TIME;
	known.flags |= WEIR_ATTRIBUTE_TIME;
	producer = unit_producer(bus);
	told->result = -2;
	assert_ok(weir_publish_with(producer, unit_topic(bus, topic), &known, data, size));
	unit_close(bus);
	weir_producer_close(producer);
}

void
told_json(struct told *told, struct wi_rules *rules, const char *topic, const char *json)
{
	told_publish(told, rules, topic, NULL, json, (uint32_t)strlen(json), 7);
}

static void
put_text(unsigned char **at, const char *text, uint32_t *ret_size)
{
	*ret_size = (uint32_t)strlen(text);
	memcpy(*at, text, *ret_size);
	*at += wi_envelope_text_room(*ret_size);
}

uint32_t
told_envelope(unsigned char *bytes, weir_content data, weir_content result, int32_t code,
              const char *error, const char *actor, const char *user_id)
{
	struct wi_envelope_header header = {
		.magic = htole32(WI_ENVELOPE_MAGIC), .version = 1,
		.phase = code ? WEIR_PHASE_FAILED : WEIR_PHASE_AFTER,
		.header_size = htole16(sizeof header), .id = 1, .time = TOLD_TIME,
		.data_type = (uint8_t)data.type, .result_type = (uint8_t)result.type,
		.code = (uint32_t)code, .data_size = data.size, .result_size = result.size,
	};
	unsigned char *at = bytes + sizeof header;
	uint64_t rooms = wi_envelope_round(data.size) + wi_envelope_round(result.size);

	memset(bytes, 0, sizeof header + rooms + strlen(error) + strlen(actor) + strlen(user_id) + 48);
	memcpy(at, data.bytes, data.size);
	at += wi_envelope_round(data.size);
	if (result.size)
		memcpy(at, result.bytes, result.size);
	at += wi_envelope_round(result.size);
	put_text(&at, error, &header.error_size);
	put_text(&at, actor, &header.actor_size);
	put_text(&at, user_id, &header.user_id_size);
	memcpy(bytes, &header, sizeof header);
	return (uint32_t)(at - bytes);
}
