/* SPDX-License-Identifier: MIT */
/* settings.c - a table: each key with what reads its value; channels and rules read their own. */
#include "settings.h"

#include "quantity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a value must be, when it is not. */
typedef const char *(*take_fn)(struct wi_notify_settings *settings, const char *value);

static const char *
take_text(char **text, const char *value, const char *problem)
{
	if (!*value)
		return problem;
	free(*text);
	*text = strdup(value);
	return *text ? NULL : "does not fit into memory";
}

static const char *
take_spool(struct wi_notify_settings *settings, const char *value)
{
	return take_text(&settings->path, value, "is to be a file's name");
}

static const char *
take_messages(struct wi_notify_settings *settings, const char *value)
{
	return wi_quantity_count(value, 1, 10000000, &settings->spool.messages_max) ?
	               NULL :
	               "is to be a number from 1 to 10000000";
}

/* The least holds the largest message. */
static const char *
take_bytes(struct wi_notify_settings *settings, const char *value)
{
	return wi_quantity_bytes(value, UINT64_C(1) << 40, &settings->spool.bytes_max) &&
	                       settings->spool.bytes_max >= UINT64_C(1) << 20 ?
	               NULL :
	               "is to be bytes, from 1m to 1024g";
}

static const char *
take_failed(struct wi_notify_settings *settings, const char *value)
{
	return wi_quantity_count(value, 0, 1000000, &settings->spool.failed_max) ?
	               NULL :
	               "is to be a number from 0 to 1000000";
}

static const char *
take_source(struct wi_notify_settings *settings, const char *value)
{
	return take_text(&settings->source, value, "is to be a URI, as /weir/shop");
}

static const char *
take_type_prefix(struct wi_notify_settings *settings, const char *value)
{
	return take_text(&settings->type_prefix, value, "is to be what stands before topics, as com.example.");
}

static const struct { const char *key; take_fn take; } keys[] = {
	{ "spool", take_spool },
	{ "spool_messages", take_messages },
	{ "spool_bytes", take_bytes },
	{ "spool_failed", take_failed },
	{ "source", take_source },
	{ "type_prefix", take_type_prefix },
};

bool
wi_notify_settings_init(struct wi_notify_settings *settings)
{
	memset(settings, 0, sizeof *settings);
	settings->spool.messages_max = 10000;
	settings->spool.bytes_max = UINT64_C(64) << 20;
	settings->spool.failed_max = 1000;
	return wi_rules_create(&settings->rules);
}

/* "channel.NAME.rest": begun on first use. */
static struct wi_channel *
find_channel(struct wi_notify_settings *settings, const char *key, char *ret_problem)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	const char *from = key + strlen("channel.");
	size_t size = strspn(from, allowed);
	char name[WI_NOTIFY_NAME_MAX + 1];

	if (size == 0 || size > WI_NOTIFY_NAME_MAX || from[size] != '.') {
		snprintf(ret_problem, WI_NOTIFY_PROBLEM_SIZE, "'%.100s': a channel's setting is "
		         "channel.NAME.SETTING, with 1 to %d of a-z 0-9 _ - as NAME", key,
		         (int)WI_NOTIFY_NAME_MAX);
		return NULL;
	}
	memcpy(name, from, size);
	name[size] = '\0';
	for (uint32_t i = 0; i < settings->channel_count; i++)
		if (strcmp(settings->channels[i].name, name) == 0)
			return &settings->channels[i];
	if (settings->channel_count == WI_NOTIFY_CHANNELS_MAX) {
		snprintf(ret_problem, WI_NOTIFY_PROBLEM_SIZE, "there are more than %d channels",
		         (int)WI_NOTIFY_CHANNELS_MAX);
		return NULL;
	}
	wi_channel_init(&settings->channels[settings->channel_count], name);
	return &settings->channels[settings->channel_count++];
}

static bool
begins(const char *key, const char *with)
{
	return strncmp(key, with, strlen(with)) == 0;
}

bool
wi_notify_settings_take(struct wi_notify_settings *settings, const char *key, const char *value,
                        char ret_problem[WI_NOTIFY_PROBLEM_SIZE])
{
	struct wi_channel *channel;
	const char *problem;

	if (begins(key, "channel.")) {
		channel = find_channel(settings, key, ret_problem);
		return channel && wi_channel_take(channel, key, value, ret_problem);
	}
	if (begins(key, "rule.") || begins(key, "template."))
		return wi_rules_take(settings->rules, key, value, ret_problem);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (strcmp(key, keys[i].key) != 0)
			continue;
		problem = keys[i].take(settings, value);
		if (problem)
			snprintf(ret_problem, WI_NOTIFY_PROBLEM_SIZE, "%s: '%.100s' %s", key, value, problem);
		return !problem;
	}
	snprintf(ret_problem, WI_NOTIFY_PROBLEM_SIZE, "'%.100s' is no setting of notifications; those "
	         "are: spool, spool_messages, spool_bytes, spool_failed, source, type_prefix, channel.*, "
	         "rule.*, template.*", key);
	return false;
}

bool
wi_notify_settings_end(struct wi_notify_settings *settings, char ret_problem[WI_NOTIFY_PROBLEM_SIZE])
{
	if (!settings->path) {
		snprintf(ret_problem, WI_NOTIFY_PROBLEM_SIZE, "spool is missing: where messages wait");
		return false;
	}
	settings->spool.path = settings->path;
	for (uint32_t i = 0; i < settings->channel_count; i++)
		if (!wi_channel_end(&settings->channels[i], ret_problem))
			return false;
	return true;
}

void
wi_notify_settings_fini(struct wi_notify_settings *settings)
{
	wi_rules_free(settings->rules);
	for (uint32_t i = 0; i < settings->channel_count; i++)
		wi_channel_fini(&settings->channels[i]);
	free(settings->path);
	free(settings->source);
	free(settings->type_prefix);
}
