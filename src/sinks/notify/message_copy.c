/* SPDX-License-Identifier: MIT */
/* message_copy.c - see message_copy.h. */
#include "message_copy.h"

#include <stdlib.h>
#include <string.h>

size_t
wi_message_size(const struct wi_message *message)
{
	return strlen(message->channel) + strlen(message->topic) + strlen(message->group) +
	       strlen(message->brief) + strlen(message->headers) + message->body_size;
}

static const char *
put(char **at, const char *text)
{
	const char *copy = *at;

	*at = stpcpy(*at, text) + 1;
	return copy;
}

struct wi_message *
wi_message_copy(const struct wi_message *message)
{
	struct wi_message *copy = malloc(sizeof *copy + wi_message_size(message) + 5);
	char *at = (char *)(copy + 1);

	if (!copy)
		return NULL;
	*copy = *message;
	copy->channel = put(&at, message->channel);
	copy->topic = put(&at, message->topic);
	copy->group = put(&at, message->group);
	copy->brief = put(&at, message->brief);
	copy->headers = put(&at, message->headers);
	if (message->body_size)
		memcpy(at, message->body, message->body_size);
	copy->body = at;
	return copy;
}

void
wi_message_free(struct wi_message *message)
{
	free(message);
}
