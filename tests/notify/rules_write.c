/* SPDX-License-Identifier: MIT */
/*
 * rules_write.c - for check.js: cloud events as a receiver gets them. One JSON object a line:
 * {"headers": "Name: value\n...", "body": base64, "data": base64 of the payload}.
 */
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/json_out.h"

static const struct wi_channel channels[] = {
	{ .name = "cloud", .kind = WI_CHANNEL_CLOUDEVENTS },
	{ .name = "bits", .kind = WI_CHANNEL_CLOUDEVENTS, .binary = true },
};

static const struct wi_rules_source source = {
	.instance = "shop1", .source = "/weir/shop", .type_prefix = "com.example.",
};

static const struct { const char *bytes; size_t size; } payloads[] = {
	{ "{ \"total\": 19.90, \"who\": \"J\\u00f6rg\", \"lines\": [1, null] }", 57 },
	{ "\"text\"", 6 },
	{ "[42]", 4 },
	{ "caf\xc3\xa9 \"x\"", 9 },
	{ "\xff\x00\x01", 3 },
	{ "", 0 },
};

static const weir_event *published;

static void
put_member(const char *name, const void *bytes, size_t size)
{
	static char text[1 << 20];
	struct wi_json_out out = { text, sizeof text, 0 };

	wi_json_out_base64(&out, bytes, size);
	printf(",\"%s\":%.*s", name, (int)out.used, text);
}

static int
put(void *context, const struct wi_message *message)
{
	char text[16384];
	struct wi_json_out out = { text, sizeof text, 0 };

	(void)context;
	wi_json_out_string(&out, message->headers, strlen(message->headers));
	printf("{\"id\":\"%s\",\"topic\":\"%s\",\"headers\":%.*s", message->id, message->topic,
	       (int)out.used, text);
	put_member("body", message->body, message->body_size);
	put_member("payload", published + 1, published->size);
	printf("}\n");
	return 0;
}

int
main(void)
{
	struct { weir_event event; char bytes[100]; } __attribute__((aligned(16))) event;
	char problem[WI_NOTIFY_PROBLEM_SIZE];
	struct wi_rules *rules;

	published = &event.event;
	if (!wi_rules_create(&rules) || !wi_rules_take(rules, "rule.all", "> to cloud, bits", problem) ||
	    !wi_rules_end(rules, channels, 2, &source, problem))
		return 1;
	for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
		event.event = (weir_event){ .size = (uint32_t)payloads[i].size,
		                            .time = UINT64_C(1795676400250000000) };
		memcpy(event.bytes, payloads[i].bytes, payloads[i].size);
		if (wi_rules_apply(rules, 0, &event.event, "order.after.create", i + 1, put, NULL) != 2)
			return 1;
	}
	wi_rules_free(rules);
	return 0;
}
