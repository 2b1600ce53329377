/* SPDX-License-Identifier: MIT */
/*
 * fuzz_rules.c - libFuzzer's way into the rules of notifications: whatever a condition, a template and a
 * payload are, they are refused with a sentence, or messages become of them that are what they say.
 *
 * The input: a condition, a template and a payload, each but the last with a 0 behind.
 */
#include "rules.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wi_channel channels[] = {
	{ .name = "alerts", .kind = WI_CHANNEL_SLACK, .digest_ns = 1 },
	{ .name = "hook", .kind = WI_CHANNEL_WEBHOOK },
	{ .name = "cloud", .kind = WI_CHANNEL_CLOUDEVENTS },
	{ .name = "bits", .kind = WI_CHANNEL_CLOUDEVENTS, .binary = true },
};

static const struct wi_rules_source source = { .instance = "i", .source = "/" };

static void
expect(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_rules: %s\n", what);
	abort();
}

static int
put(void *context, const struct wi_message *message)
{
	json_error_t error;
	json_t *value;

	expect(message->body_size <= WI_NOTIFY_BODY_MAX, "a body that is too long");
	expect(!strchr(message->brief, '\n') && strlen(message->brief) < 1024, "a brief of two lines");
	expect(message->headers[strlen(message->headers) - 1] == '\n', "a header without an end");
	for (const char *at = message->headers; *at; at++)
		expect(*at == '\n' || (*at >= ' ' && *at <= '~'), "a control in a header");
	if (strstr(message->headers, "json")) {
		/* What jansson cannot hold is JSON all the same. */
		value = json_loadb(message->body, message->body_size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
		expect(value || json_error_code(&error) == json_error_numeric_overflow ||
		       json_error_code(&error) == json_error_null_byte_in_key, "a body that is no JSON");
		json_decref(value);
	}
	++*(int *)context;
	return 0;
}

/* A template's file. */
static const char *
file_of(const char *text)
{
	static char path[40];
	static int fd = -1;
	ssize_t size = (ssize_t)strlen(text);

	if (fd < 0) {
		fd = memfd_create("fuzzed", MFD_CLOEXEC);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	expect(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)size, 0) == size, "no file");
	return path;
}

static void
apply(struct wi_rules *rules, const void *payload, size_t size)
{
	static const char *const topics[] = { "order.failed.create", "weir.failed.deliver", "weir.gap" };
	weir_event *event = aligned_alloc(16, sizeof *event + (size + 15) / 16 * 16);
	int count = 0;

	expect(event, "no memory");
	*event = (weir_event){ .size = (uint32_t)size, .time = 1 };
	if (size)
		memcpy(event + 1, payload, size);
	for (int i = 0; i < 3; i++) {
		int done = wi_rules_apply(rules, 0, event, topics[i], 1, put, &count);

		expect(done == 0 || done == 4, "neither all messages nor none");
	}
	expect(count % 4 == 0, "a message too many");
	free(event);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char problem[WI_NOTIFY_PROBLEM_SIZE] = "", *copy = malloc(size + 2), *template, *payload, *rule;
	struct wi_rules *rules = NULL;

	expect(copy && wi_rules_create(&rules), "no memory");
	memcpy(copy, data, size);
	copy[size] = copy[size + 1] = '\0';
	template = copy + strlen(copy) + 1;
	payload = template <= copy + size ? template + strlen(template) + 1 : copy + size;
	rule = malloc(strlen(copy) + 50);
	expect(rule, "no memory");
	sprintf(rule, "> %s%s to alerts, hook, cloud, bits", *copy ? "with " : "", copy);
	/* A template that is refused leaves the rule without one. */
	if (template <= copy + size && *template)
		expect(wi_rules_take(rules, "template.a", file_of(template), problem) || *problem,
		       "refused without a word");
	*problem = '\0';
	if (wi_rules_take(rules, "rule.a", rule, problem) &&
	    wi_rules_end(rules, channels, 4, &source, problem))
		apply(rules, payload < copy + size ? payload : "", payload < copy + size ? (size_t)(copy + size - payload) : 0);
	else
		expect(*problem, "refused without a word");
	wi_rules_free(rules);
	free(rule);
	free(copy);
	return 0;
}
