/* SPDX-License-Identifier: MIT */
/* render.c - see render.h. Everything is written into the room; what does not fit is left out. */
#include "render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text/traceparent.h"

enum {
	SLACK_TEXT_MAX = 4000,          /* characters that Slack asks for */
	SLACK_PART_MAX = 3000,          /* in a block */
	BRIEF_MAX = 200,
	FIELD_MAX = 80, FIELDS_MAX = 8,
	SLACK_BRIEFS = 5, DIGEST_BRIEFS = 20
};

#define NS_PER_S UINT64_C(1000000000)

static void
put(struct wi_json_out *out, const char *text)
{
	wi_json_out_raw(out, text, strlen(text));
}

static void
put_count(struct wi_json_out *out, uint64_t count)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRIu64, count);
	put(out, text);
}

/* -- attributes: what a message says of its event --------------------------- */

enum { ATTRIBUTES_MAX = 12 };

struct attributes {
	struct { const char *name, *value; } each[ATTRIBUTES_MAX];
	uint32_t count;
};

static void
add(struct attributes *attributes, const char *name, const char *value)
{
	if (value && *value)
		attributes->each[attributes->count].name = name,
		attributes->each[attributes->count++].value = value;
}

/* `"a":"b","c":"d"` */
static void
put_members(struct wi_json_out *out, const struct attributes *attributes)
{
	for (uint32_t i = 0; i < attributes->count; i++) {
		put(out, i ? ",\"" : "\"");
		put(out, attributes->each[i].name);
		put(out, "\":");
		wi_json_out_string(out, attributes->each[i].value, strlen(attributes->each[i].value));
	}
}

/*
 * A header. Values as CloudEvents' HTTP binding has them: what is no visible ASCII, and space, " and %
 * as %XX, so that no value ends its line.
 */
static void
put_header(struct wi_json_out *out, const char *prefix, const char *name, const char *value)
{
	char code[4];

	put(out, prefix);
	put(out, name);
	put(out, ": ");
	for (; *value; value++) {
		snprintf(code, sizeof code, "%%%02X", (unsigned)(unsigned char)*value);
		if (*value <= ' ' || *value > '~' || *value == '"' || *value == '%')
			put(out, code);
		else
			wi_json_out_raw(out, value, 1);
	}
	put(out, "\n");
}

/* -- for people ------------------------------------------------------------- */

static bool
is_scalar(struct wi_json_text value)
{
	return *value.at != '{' && *value.at != '[';
}

static struct wi_json_text
find_scalar(const struct wi_payload *payload, const char *path)
{
	struct wi_json_text found = wi_payload_find(payload, path, strlen(path));

	return found.at && is_scalar(found) ? found : (struct wi_json_text){ NULL, 0 };
}

/* "card declined (code 51)". False: the event has neither. */
static bool
put_error(struct wi_text_out *text, const struct wi_payload *payload, const char *between)
{
	struct wi_json_text error = find_scalar(payload, "error"), code = find_scalar(payload, "code");

	if (error.at || code.at)
		wi_text_put(text, between);
	if (error.at)
		wi_text_put_value(text, error, 500);
	if (!code.at)
		return error.at;
	wi_text_put(text, error.at ? " (code " : "code ");
	wi_text_put_value(text, code, FIELD_MAX);
	if (error.at)
		wi_text_put(text, ")");
	return true;
}

static bool
told_already(const struct wi_payload *payload, struct wi_json_text name)
{
	return !payload->envelope && (wi_value_is(name, "error", 5) || wi_value_is(name, "code", 4));
}

/* "total: 1200, currency: EUR": of an object its first members that hold no others. */
static bool
put_fields(struct wi_text_out *text, const struct wi_payload *payload, const char *between)
{
	struct wi_json_text data = wi_payload_own(payload, "data", 4), name, value;
	const char *at;
	unsigned count = 0;

	if (!data.at || !payload->data_shown)
		return false;
	if (*data.at != '{') {
		wi_text_put(text, between);
		wi_text_put_value(text, data, 300);
		return true;
	}
	for (at = wi_json_text_enter(data.at); *at != '}' && count < FIELDS_MAX;) {
		name = (struct wi_json_text){ at, 0 };
		value = wi_json_text_member(&at);
		if (!is_scalar(value) || told_already(payload, name))
			continue;
		name.size = (size_t)(value.at - 1 - name.at);
		wi_text_put(text, count++ ? ", " : between);
		wi_text_put_value(text, name, FIELD_MAX);
		wi_text_put(text, ": ");
		wi_text_put_value(text, value, FIELD_MAX);
	}
	return count > 0;
}

static void
put_who(struct wi_text_out *text, const struct wi_payload *payload)
{
	static const char *const names[][2] = { { "actor", "by " }, { "user_id", "for " } };
	const char *between = "\n";

	for (int i = 0; i < 2; i++) {
		struct wi_json_text value = wi_payload_own(payload, names[i][0], strlen(names[i][0]));

		if (!value.at)
			continue;
		wi_text_put(text, between);
		wi_text_put(text, names[i][1]);
		wi_text_put_value(text, value, FIELD_MAX);
		between = ", ";
	}
}

static void
put_slack(struct wi_json_out *out, const struct wi_payload *payload, const char *topic)
{
	struct wi_text_out text;
	char size[40];

	put(out, "{\"text\":");
	wi_text_begin(&text, out, WI_TEXT_JSON | WI_TEXT_SLACK | WI_TEXT_LINE, SLACK_TEXT_MAX);
	wi_text_put(&text, "*");
	wi_text_put(&text, topic);
	wi_text_put(&text, "*");
	put_error(&text, payload, ": ");
	if (payload->kind != WI_PAYLOAD_NONE && !payload->data_shown) {
		snprintf(size, sizeof size, "\n(%" PRIu32 " bytes)", payload->size);
		wi_text_put(&text, size);
	}
	put_fields(&text, payload, "\n");
	put_who(&text, payload);
	if (*payload->time) {
		wi_text_put(&text, "\n");
		wi_text_put_value(&text, wi_payload_own(payload, "time", 4), FIELD_MAX);
	}
	wi_text_end(&text);
	put(out, "}");
}

static const char *
make_brief(const struct wi_payload *payload, struct wi_render_room *room)
{
	struct wi_json_out out = { room->brief, sizeof room->brief - 1, 0 };
	struct wi_text_out text;
	bool any;

	wi_text_begin(&text, &out, WI_TEXT_LINE, BRIEF_MAX);
	if (*payload->time) {
		wi_text_put_value(&text, wi_payload_own(payload, "time", 4), FIELD_MAX);
		wi_text_put(&text, " ");
	}
	any = put_error(&text, payload, "");
	put_fields(&text, payload, any ? "; " : "");
	wi_text_end(&text);
	room->brief[out.used] = '\0';
	return room->brief;
}

/* -- one event -------------------------------------------------------------- */

/* What a body is made of, and how much of the values may be in it. */
struct body {
	const struct wi_render *render;
	const struct wi_payload *payload;
	struct wi_render_room *room;
	const struct wi_message *message;
	char time[WI_TIMESTAMP_SIZE], traceparent[WI_TRACEPARENT_SIZE], key[24];
	size_t limit;           /* bytes of a value in a template */
	bool whole;             /* without a template: the payload is in it */
};

static void
put_template(struct wi_json_out *out, const struct body *body, bool slack)
{
	wi_template_render(body->render->template, body->payload, slack ? WI_TEXT_SLACK : 0, slack,
	                   slack ? SLACK_PART_MAX : SIZE_MAX / 2, body->limit, out);
}

/* `,"data":...` */
static void
put_data(struct wi_json_out *out, const struct body *body)
{
	const struct wi_payload *payload = body->payload;

	if (body->render->template) {
		put(out, ",\"data\":");
		put_template(out, body, false);
	} else if (payload->kind != WI_PAYLOAD_NONE && body->whole) {
		put(out, payload->kind == WI_PAYLOAD_BYTES ? ",\"data_base64\":" : ",\"data\":");
		wi_json_out_raw(out, payload->text, payload->text_size);
	}
}

static bool
is_cut(const struct body *body)
{
	return !body->render->template && !body->whole && body->payload->kind != WI_PAYLOAD_NONE;
}

static void
put_webhook(struct wi_json_out *out, const struct body *body)
{
	struct attributes attributes = { .count = 0 };

	if (body->render->template) {
		put_template(out, body, false);
		return;
	}
	add(&attributes, "id", body->message->id);
	add(&attributes, "type", body->message->topic);
	add(&attributes, "timestamp", body->time);
	add(&attributes, "source", body->render->source->source);
	add(&attributes, "traceparent", body->traceparent);
	put(out, "{");
	put_members(out, &attributes);
	if (is_cut(body))
		put(out, ",\"truncated\":true");
	put_data(out, body);
	put(out, "}");
}

static void
cloud_attributes(struct attributes *attributes, const struct wi_rules_source *source, const char *id,
                 const char *topic, const char *time, char *type, size_t type_size)
{
	snprintf(type, type_size, "%s%s", source->type_prefix, topic);
	attributes->count = 0;
	add(attributes, "specversion", "1.0");
	add(attributes, "id", id);
	add(attributes, "source", source->source);
	add(attributes, "type", type);
	add(attributes, "time", time);
}

static void
event_attributes(struct attributes *attributes, const struct body *body)
{
	cloud_attributes(attributes, body->render->source, body->message->id, body->message->topic,
	                 body->time, body->room->type, sizeof body->room->type);
	add(attributes, "partitionkey", body->key);
	add(attributes, "traceparent", body->traceparent);
}

/* NULL: there are no data. */
static const char *
content_type(const struct body *body)
{
	static const char *const types[] = {
		NULL, "application/json", "text/plain; charset=utf-8", "application/octet-stream",
	};

	if (body->render->template)
		return "application/json";
	return body->whole ? types[body->payload->kind] : NULL;
}

static void
put_structured(struct wi_json_out *out, const struct body *body)
{
	struct attributes attributes;

	event_attributes(&attributes, body);
	add(&attributes, "datacontenttype", content_type(body));
	put(out, "{");
	put_members(out, &attributes);
	if (is_cut(body))
		put(out, ",\"weirtruncated\":true");
	put_data(out, body);
	put(out, "}");
}

static void
put_binary(struct wi_json_out *out, const struct body *body)
{
	const struct wi_payload *payload = body->payload;

	if (body->render->template)
		put_template(out, body, false);
	else if (!body->whole)
		return;
	else if (payload->kind == WI_PAYLOAD_JSON)
		wi_json_out_raw(out, payload->text, payload->text_size);
	else
		wi_json_out_raw(out, payload->bytes, payload->size);
}

static void
put_binary_headers(struct wi_json_out *out, const struct body *body)
{
	struct attributes attributes;
	const char *type = content_type(body);

	event_attributes(&attributes, body);
	if (type) {
		put(out, "Content-Type: ");
		put(out, type);
		put(out, "\n");
	}
	for (uint32_t i = 0; i < attributes.count; i++)
		put_header(out, "ce-", attributes.each[i].name, attributes.each[i].value);
	if (is_cut(body))
		put_header(out, "ce-", "weirtruncated", "true");
	if (*body->traceparent)
		put_header(out, "", "traceparent", body->traceparent);
}

static bool
is_binary(const struct wi_channel *channel)
{
	return channel->kind == WI_CHANNEL_CLOUDEVENTS && channel->binary;
}

static const char *
body_type(const struct wi_channel *channel)
{
	/* Without a charset: some receivers compare all of it, and JSON is UTF-8 anyhow. */
	return channel->kind == WI_CHANNEL_CLOUDEVENTS ? "Content-Type: application/cloudevents+json\n" :
	                                                 "Content-Type: application/json\n";
}

static void
put_body(struct wi_json_out *out, const struct body *body)
{
	const struct wi_channel *channel = body->render->channel;

	if (channel->kind == WI_CHANNEL_SLACK && body->render->template)
		put_template(out, body, true);
	else if (channel->kind == WI_CHANNEL_SLACK)
		put_slack(out, body->payload, body->message->topic);
	else if (channel->kind == WI_CHANNEL_WEBHOOK)
		put_webhook(out, body);
	else if (channel->binary)
		put_binary(out, body);
	else
		put_structured(out, body);
}

/* Shorter and shorter until it fits; at last it always does. */
static size_t
make_body(struct body *body)
{
	static const size_t limits[] = { WI_NOTIFY_BODY_MAX, 4096, 512, 64, 0 };
	struct wi_json_out out = { body->room->body, WI_NOTIFY_BODY_MAX, 0 };

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		out.used = 0;
		body->limit = limits[i];
		body->whole = i == 0;
		put_body(&out, body);
		if (out.used <= WI_NOTIFY_BODY_MAX)
			break;
	}
	body->room->body[out.used] = '\0';
	return out.used;
}

/* value: without a byte that JSON escapes. */
static void
add_name(struct wi_payload *payload, struct wi_render_room *room, uint32_t i, const char *name,
         const char *value)
{
	char *text = room->names[i];

	if (!*value)
		return;
	snprintf(text, sizeof room->names[i], "\"%s\"", value);
	wi_payload_add(payload, name, (struct wi_json_text){ text, strlen(text) });
}

static void
add_names(const struct body *body, struct wi_payload *payload)
{
	struct wi_render_room *room = body->room;

	add_name(payload, room, 0, "id", body->message->id);
	add_name(payload, room, 1, "channel", body->render->channel->name);
	add_name(payload, room, 2, "rule", body->render->rule);
	add_name(payload, room, 3, "instance", body->render->source->instance);
	add_name(payload, room, 4, "source", body->render->source->source);
	add_name(payload, room, 5, "traceparent", body->traceparent);
	add_name(payload, room, 6, "key", body->key);
}

static void
read_event(struct body *body, const weir_event *event)
{
	const weir_trace *trace = weir_event_trace(event);
	uint64_t key;

	if (event->time)
		wi_timestamp_format(event->time, body->time);
	if (trace)
		wi_traceparent_format(trace, body->traceparent);
	if (weir_event_key(event, &key))
		snprintf(body->key, sizeof body->key, "%" PRIu64, key);
}

void
wi_render_event(const struct wi_render *render, struct wi_payload *payload,
                struct wi_message *message, struct wi_render_room *room)
{
	struct body body = { .render = render, .payload = payload, .room = room, .message = message };
	struct wi_json_out headers = { room->headers, sizeof room->headers - 1, 0 };
	uint32_t names = payload->name_count;

	read_event(&body, render->event);
	/* The brief is of the event alone. */
	message->brief = make_brief(payload, room);
	add_names(&body, payload);
	message->time = render->event->time;
	message->group = render->channel->digest_ns ? message->topic : "";
	message->body = room->body;
	message->body_size = make_body(&body);
	if (is_binary(render->channel))
		put_binary_headers(&headers, &body);
	else
		put(&headers, body_type(render->channel));
	room->headers[headers.used] = '\0';
	message->headers = room->headers;
	payload->name_count = names;
}

/* -- digests ---------------------------------------------------------------- */

struct digest {
	const struct wi_message *const *messages;
	uint32_t count;
	uint64_t total;
	uint64_t first, last;           /* times; 0: unknown */
	uint64_t seconds;
	const char *topic;
};

static struct digest
look(const struct wi_message *const *messages, uint32_t count, uint64_t more)
{
	struct digest digest = { messages, count, count + more, 0, 0, 0, messages[0]->topic };

	for (uint32_t i = 0; i < count; i++) {
		uint64_t time = messages[i]->time;

		if (time && (!digest.first || time < digest.first))
			digest.first = time;
		if (time > digest.last)
			digest.last = time;
	}
	if (digest.last)
		digest.seconds = (digest.last - digest.first) / NS_PER_S + 1;
	return digest;
}

static void
put_slack_digest(struct wi_json_out *out, const struct digest *digest)
{
	uint32_t shown = digest->count < SLACK_BRIEFS ? digest->count : SLACK_BRIEFS;
	struct wi_text_out text;
	char words[80];

	put(out, "{\"text\":");
	wi_text_begin(&text, out, WI_TEXT_JSON | WI_TEXT_SLACK, SLACK_TEXT_MAX);
	wi_text_put(&text, "*");
	wi_text_put(&text, digest->topic);
	snprintf(words, sizeof words, "*: %" PRIu64 " times", digest->total);
	wi_text_put(&text, words);
	snprintf(words, sizeof words, " in %" PRIu64 " s", digest->seconds);
	if (digest->seconds)
		wi_text_put(&text, words);
	for (uint32_t i = 0; i < shown; i++) {
		wi_text_put(&text, "\n- ");
		wi_text_put_plain(&text, digest->messages[i]->brief);
	}
	snprintf(words, sizeof words, "\n... and %" PRIu64 " more", digest->total - shown);
	if (digest->total > shown)
		wi_text_put(&text, words);
	wi_text_end(&text);
	put(out, "}");
}

static void
put_digest_data(struct wi_json_out *out, const struct digest *digest)
{
	char time[WI_TIMESTAMP_SIZE];

	put(out, "{\"topic\":");
	wi_json_out_string(out, digest->topic, strlen(digest->topic));
	put(out, ",\"count\":");
	put_count(out, digest->total);
	if (digest->last) {
		put(out, ",\"seconds\":");
		put_count(out, digest->seconds);
		wi_timestamp_format(digest->first, time);
		put(out, ",\"first\":\"");
		put(out, time);
		wi_timestamp_format(digest->last, time);
		put(out, "\",\"last\":\"");
		put(out, time);
		put(out, "\"");
	}
	put(out, ",\"messages\":[");
	for (uint32_t i = 0; i < digest->count && i < DIGEST_BRIEFS; i++) {
		put(out, i ? "," : "");
		wi_json_out_string(out, digest->messages[i]->brief, strlen(digest->messages[i]->brief));
	}
	put(out, "]}");
}

/* An event of its own, about others: its type is not theirs. */
static void
digest_attributes(struct attributes *attributes, const struct wi_rules_source *source, bool cloud,
                  const struct digest *digest, const char *id, struct wi_render_room *room, char *time)
{
	*time = '\0';
	if (digest->last)
		wi_timestamp_format(digest->last, time);
	if (cloud) {
		cloud_attributes(attributes, source, id, "weir.digest", time, room->type, sizeof room->type);
		add(attributes, "subject", digest->topic);
		return;
	}
	attributes->count = 0;
	add(attributes, "id", id);
	add(attributes, "type", "weir.digest");
	add(attributes, "timestamp", time);
	add(attributes, "source", source->source);
}

void
wi_render_digest(const struct wi_rules_source *source, const struct wi_channel *channel,
                 const struct wi_message *const *messages, uint32_t count, uint64_t more,
                 struct wi_message *message, struct wi_render_room *room)
{
	struct wi_json_out body = { room->body, WI_NOTIFY_BODY_MAX, 0 };
	struct wi_json_out headers = { room->headers, sizeof room->headers - 1, 0 };
	struct digest digest = look(messages, count, more);
	bool cloud = channel->kind == WI_CHANNEL_CLOUDEVENTS;
	struct attributes attributes;
	char time[WI_TIMESTAMP_SIZE];

	digest_attributes(&attributes, source, cloud, &digest, message->id, room, time);
	put(&headers, is_binary(channel) ? "Content-Type: application/json\n" : body_type(channel));
	if (channel->kind == WI_CHANNEL_SLACK) {
		put_slack_digest(&body, &digest);
	} else if (is_binary(channel)) {
		put_digest_data(&body, &digest);
		for (uint32_t i = 0; i < attributes.count; i++)
			put_header(&headers, "ce-", attributes.each[i].name, attributes.each[i].value);
	} else {
		if (cloud)
			add(&attributes, "datacontenttype", "application/json");
		put(&body, "{");
		put_members(&body, &attributes);
		put(&body, ",\"data\":");
		put_digest_data(&body, &digest);
		put(&body, "}");
	}
	room->headers[headers.used] = '\0';
	snprintf(room->brief, sizeof room->brief, "%" PRIu64 " times", digest.total);
	message->time = digest.last;
	message->group = "";
	message->brief = room->brief;
	message->headers = room->headers;
	message->body = room->body;
	message->body_size = body.used;
}
