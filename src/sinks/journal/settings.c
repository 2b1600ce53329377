/* SPDX-License-Identifier: MIT */
/* settings.c - a table: each key with what reads its value. */
#include "settings.h"

#include "quantity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_NS (24 * 3600 * UINT64_C(1000000000))

static const char separators[] = ", \t\r\n";

/* What a value must be, when it is not. */
typedef const char *(*take_fn)(struct wi_settings *settings, const char *value);

static const char *
take_path(struct wi_settings *settings, const char *value)
{
	if (!*value)
		return "is to be a file's name";
	free(settings->path);
	settings->path = strdup(value);
	settings->options.path = settings->path;
	return settings->path ? NULL : "does not fit into memory";
}

static const char *
take_durability(struct wi_settings *settings, const char *value)
{
	static const struct { const char *name; weir_journal_durability durability; } names[] = {
		{ "none", WEIR_JOURNAL_NONE },
		{ "batched", WEIR_JOURNAL_BATCHED },
		{ "commit", WEIR_JOURNAL_COMMIT },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(value, names[i].name) == 0) {
			settings->options.durability = names[i].durability;
			return NULL;
		}
	return "is none of none, batched, commit";
}

static const char *
take_on_error(struct wi_settings *settings, const char *value)
{
	if (strcmp(value, "hold") != 0 && strcmp(value, "drop") != 0)
		return "is neither hold nor drop";
	settings->options.on_error = *value == 'h' ? WEIR_JOURNAL_HOLD : WEIR_JOURNAL_DROP;
	return NULL;
}

static const char *
take_topics(struct wi_settings *settings, const char *value)
{
	char *rest, *word;

	free(settings->topics);
	settings->options.topic_count = 0;
	settings->topics = strdup(value);
	if (!settings->topics)
		return "does not fit into memory";
	for (word = strtok_r(settings->topics, separators, &rest); word;
	     word = strtok_r(NULL, separators, &rest)) {
		if (settings->options.topic_count == WI_SETTINGS_TOPICS_MAX)
			return "has more than 64 patterns";
		settings->topic[settings->options.topic_count++] = word;
	}
	return settings->options.topic_count ? NULL : "is to be patterns of topics";
}

static const char *
take_rotate_size(struct wi_settings *settings, const char *value)
{
	return wi_quantity_bytes(value, UINT64_C(1) << 46, &settings->options.rotate_size) ?
	               NULL :
	               "is to be bytes, as 1g, at most 64 TiB; 0: never";
}

static const char *
take_rotate_time(struct wi_settings *settings, const char *value)
{
	return wi_quantity_duration(value, 36500 * DAY_NS, &settings->options.rotate_ns) ?
	               NULL :
	               "is to be a time, as 24h or 7d; 0: never";
}

static const char *
take_checkpoint_pages(struct wi_settings *settings, const char *value)
{
	uint64_t pages;

	if (!wi_quantity_count(value, 1, 1 << 24, &pages))
		return "is to be a number from 1 to 16777216";
	settings->options.checkpoint_pages = (uint32_t)pages;
	return NULL;
}

static const struct { const char *key; take_fn take; } keys[] = {
	{ "path", take_path },
	{ "durability", take_durability },
	{ "on_error", take_on_error },
	{ "topics", take_topics },
	{ "rotate_size", take_rotate_size },
	{ "rotate_time", take_rotate_time },
	{ "checkpoint_pages", take_checkpoint_pages },
};

void
wi_settings_init(struct wi_settings *settings)
{
	*settings = (struct wi_settings){ .options = WEIR_JOURNAL_OPTIONS_INIT };
	settings->options.topics = settings->topic;
}

bool
wi_settings_take(struct wi_settings *settings, const char *key, const char *value,
                 char *ret_problem, size_t size)
{
	const char *problem;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (strcmp(key, keys[i].key) != 0)
			continue;
		problem = keys[i].take(settings, value);
		if (problem)
			snprintf(ret_problem, size, "%s: '%.100s' %s", key, value, problem);
		return !problem;
	}
	snprintf(ret_problem, size, "'%.100s' is no setting of a journal; those are: path, durability, "
	         "on_error, topics, rotate_size, rotate_time, checkpoint_pages", key);
	return false;
}

bool
wi_settings_end(const struct wi_settings *settings, char *ret_problem, size_t size)
{
	if (!settings->path)
		snprintf(ret_problem, size, "path is missing: where the journal is to be");
	return settings->path != NULL;
}

void
wi_settings_fini(struct wi_settings *settings)
{
	free(settings->path);
	free(settings->topics);
}
