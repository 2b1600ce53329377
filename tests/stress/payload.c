/* SPDX-License-Identifier: MIT */
/* payload.c - what an event carries so that every fault in it shows. */
#include <string.h>

#include "stress.h"

/* Of the words behind `check`; the last one may be cut. */
static uint64_t
checksum(const struct payload *payload)
{
	const unsigned char *bytes = (const unsigned char *)&payload->number;
	size_t left = payload->size - sizeof payload->check;
	uint64_t sum = 0x2545f4914f6cdd1d, word;

	for (; left >= sizeof word; left -= sizeof word, bytes += sizeof word) {
		memcpy(&word, bytes, sizeof word);
		sum = (sum ^ word) * 0x9fb21c651e98df25;
		sum ^= sum >> 32;
	}
	word = 0;
	memcpy(&word, bytes, left);
	return mix(sum ^ word);
}

void
payload_fill(void *memory, const struct payload *head)
{
	struct payload *payload = memory;
	uint64_t word = mix(head->number ^ (uint64_t)head->id << 40);
	size_t left = head->size - sizeof *head;
	unsigned char *bytes = payload->filler;

	memcpy(payload, head, sizeof *head);
	for (; left >= sizeof word; left -= sizeof word, bytes += sizeof word) {
		memcpy(bytes, &word, sizeof word);
		word += 0x9e3779b97f4a7c15;
	}
	memcpy(bytes, &word, left);
	payload->check = checksum(payload);
}

static uint64_t
key_of(const struct payload *payload)
{
	return mix(payload->number * 3 + payload->id) % AUDIT_KEYS;
}

static weir_trace
trace_of(const struct payload *payload)
{
	uint64_t word[4];
	weir_trace trace;

	for (int i = 0; i < 4; i++)
		word[i] = mix(payload->trace_number * 7 + payload->trace_id + (uint64_t)i);
	memcpy(&trace, word, sizeof trace);
	return trace;
}

weir_attributes
payload_attributes(const struct payload *head, weir_trace *trace)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;

	attributes.flags = head->attributes & PAYLOAD_KEY ? WEIR_ATTRIBUTE_KEY : 0;
	attributes.flags |= head->attributes & PAYLOAD_TIME ? WEIR_ATTRIBUTE_TIME : 0;
	attributes.key = key_of(head);
	attributes.time = head->number;
	*trace = trace_of(head);
	attributes.trace = head->attributes & PAYLOAD_TRACE ? trace : NULL;
	return attributes;
}

static void
verify_attributes(const weir_event *event, const struct payload *payload)
{
	weir_trace trace = trace_of(payload);
	uint64_t key = 0;

	CHECK(weir_event_key(event, &key) == !!(payload->attributes & PAYLOAD_KEY),
	      "key there or not");
	CHECK(!(payload->attributes & PAYLOAD_KEY) || key == key_of(payload), "key");
	/* What a handler publishes inherits the trace of its event, if it has none of its own. */
	CHECK(!weir_event_trace(event) == !(payload->attributes & PAYLOAD_TRACE),
	      "trace there or not");
	CHECK(!(payload->attributes & PAYLOAD_TRACE) ||
	              memcmp(weir_event_trace(event), &trace, sizeof trace) == 0, "trace");
	CHECK(!(payload->attributes & PAYLOAD_TIME) || event->time == payload->number, "time");
	CHECK(!weir_event_replayed(event), "replayed");
}

const struct payload *
payload_verify(const weir_event *event)
{
	const struct payload *payload = weir_event_data(event);

	CHECK(((uintptr_t)payload & 15) == 0, "payload at %p", (const void *)payload);
	CHECK(event->size >= sizeof *payload && event->size == payload->size,
	      "size %u, payload's %u", event->size, payload->size);
	CHECK(payload->check == checksum(payload), "torn: id %u, number %llu, size %u", payload->id,
	      (ull)payload->number, payload->size);
	CHECK(weir_event_topic(event).id == payload->topic, "topic %u, payload's %u",
	      weir_event_topic(event).id, payload->topic);
	verify_attributes(event, payload);
	return payload;
}
