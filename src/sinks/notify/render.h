/* SPDX-License-Identifier: MIT */
/* render.h - how an event, or many, read in each kind of channel. */
#ifndef WI_NOTIFY_RENDER_H
#define WI_NOTIFY_RENDER_H

#include "channel.h"
#include "message.h"
#include "payload.h"
#include "rules.h"
#include "template.h"

enum { WI_RENDER_SOURCE_MAX = 512, WI_RENDER_PREFIX_MAX = 128 };

/* Where one message is made; it points into this. */
struct wi_render_room {
	/* The names that a payload gets, as JSON. */
	char names[7][WI_RENDER_SOURCE_MAX + 3];
	char type[WI_RENDER_PREFIX_MAX + 256];  /* of a cloud event */
	char brief[1024];
	char headers[8 << 10];
	char body[WI_NOTIFY_BODY_MAX + 1];
};

struct wi_render {
	const struct wi_rules_source *source;
	const struct wi_channel *channel;
	const struct wi_template *template;     /* NULL: as its kind reads without */
	const char *rule;
	const weir_event *event;
};

/*
 * message->id, topic and channel are there; the rest is made. The payload gets names, and loses them
 * again: id, channel, rule, instance, source, traceparent, key.
 */
void wi_render_event(const struct wi_render *render, struct wi_payload *payload,
                     struct wi_message *message, struct wi_render_room *room);

/* The same of several that wait; `more` are not among them. */
void wi_render_digest(const struct wi_rules_source *source, const struct wi_channel *channel,
                      const struct wi_message *const *messages, uint32_t count, uint64_t more,
                      struct wi_message *message, struct wi_render_room *room);

#endif
