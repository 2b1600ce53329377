/* SPDX-License-Identifier: MIT */
/*
 * headers.c - a message's headers are checked once more: what stands in a spool's file is not ours to
 * trust, and a line more, or another Host, would make another request of it.
 */
#include "headers.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sign.h"

enum { HEADER_MAX = 8 << 10 };

static bool
append(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer)
		*list = longer;
	return longer;
}

/* Those that belong to the request itself. */
static bool
is_ours(const char *line, size_t name_size)
{
	static const char *const ours[] = {
		"host", "content-length", "transfer-encoding", "connection", "expect", "te", "trailer",
		"upgrade", "authorization", "proxy-authorization", "cookie", "accept-encoding",
		"user-agent", "webhook-id", "webhook-timestamp", "webhook-signature",
	};

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strlen(ours[i]) == name_size && strncasecmp(line, ours[i], name_size) == 0)
			return true;
	return false;
}

/* "Name: value", of printable ASCII, the value not empty. */
static bool
is_header(const char *line, size_t size)
{
	static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                            "0123456789-_.";
	size_t name_size = strspn(line, token);

	if (!name_size || name_size + 2 >= size || line[name_size] != ':' ||
	    line[name_size + 1] != ' ' || size >= HEADER_MAX || is_ours(line, name_size))
		return false;
	for (size_t i = 0; i < size; i++)
		if (line[i] < ' ' || line[i] > '~')
			return false;
	return line[size - 1] != ' ';
}

static const char *
add_given(const char *headers, struct curl_slist **list, bool *ret_memory)
{
	char line[HEADER_MAX];
	bool typed = false;
	size_t size;

	for (; headers && *headers; headers += size + (headers[size] == '\n')) {
		size = strcspn(headers, "\n");
		if (!is_header(headers, size))
			return "one of its headers cannot be sent";
		memcpy(line, headers, size);
		line[size] = '\0';
		typed |= strncasecmp(line, "content-type:", 13) == 0;
		*ret_memory &= append(list, line);
	}
	*ret_memory &= typed || append(list, "Content-Type: application/json");
	return NULL;
}

/* webhook-signature: one for each key, so that a receiver can change keys when it likes. */
static void
add_signatures(const struct wi_channel *channel, const struct wi_message *message, uint64_t seconds,
               struct curl_slist **list, bool *ret_memory)
{
	static const char name[] = "webhook-signature:";
	char line[sizeof name + (size_t)WI_CHANNEL_KEY_MAX * (WI_SIGN_SIZE + 1)];
	char *end = line + sprintf(line, "%s", name);

	for (uint32_t i = 0; i < channel->key_count; i++) {
		*end++ = ' ';
		wi_sign(&channel->keys[i], message->id, seconds, message->body, message->body_size, end);
		end += WI_SIGN_SIZE - 1;
	}
	*ret_memory &= append(list, line);
}

/* The time is that of this attempt: a receiver refuses what is old. */
static const char *
add_webhook(const struct wi_channel *channel, const struct wi_message *message, uint64_t now,
            struct curl_slist **list, bool *ret_memory)
{
	static const char in_ids[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                             "0123456789_-";
	uint64_t seconds = now / 1000000000;
	char line[32 + WI_NOTIFY_ID_SIZE];

	if (!*message->id || message->id[strspn(message->id, in_ids)])
		return "its id has characters that an id has not";
	snprintf(line, sizeof line, "webhook-id: %s", message->id);
	*ret_memory &= append(list, line);
	snprintf(line, sizeof line, "webhook-timestamp: %" PRIu64, seconds);
	*ret_memory &= append(list, line);
	if (channel->key_count)
		add_signatures(channel, message, seconds, list, ret_memory);
	return NULL;
}

const char *
wi_headers_make(const struct wi_channel *channel, const struct wi_message *message, uint64_t now,
                struct curl_slist **ret_headers, bool *ret_memory)
{
	const char *unfit;

	*ret_headers = NULL;
	*ret_memory = true;
	unfit = add_given(message->headers, ret_headers, ret_memory);
	if (!unfit && channel->kind != WI_CHANNEL_SLACK)
		unfit = add_webhook(channel, message, now, ret_headers, ret_memory);
	return unfit;
}
