/* SPDX-License-Identifier: MIT */
/* rules.c - see rules.h. */
#include "rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "condition.h"
#include "core/pattern.h"
#include "payload.h"
#include "render.h"
#include "template.h"
#include "words.h"

enum { CHANNELS_MAX = 16, INSTANCE_MAX = 32 };

struct target {
	char name[WI_NOTIFY_NAME_MAX + 1];
	const struct wi_channel *channel;
	const struct wi_template *template;
};

struct rule {
	char name[WI_NOTIFY_NAME_MAX + 1];
	char *text;                     /* as it was set; the condition points into it */
	char pattern[WI_NAME_SIZE_MAX + 1];
	struct wi_condition condition;
	struct target targets[CHANNELS_MAX];
	uint32_t target_count;
};

struct named_template {
	char name[WI_NOTIFY_NAME_MAX + 1];
	struct wi_template template;
};

struct wi_rules {
	struct rule **rules;
	struct named_template **templates;
	uint32_t rule_count, template_count;
	struct wi_rules_source source;
	char source_text[WI_RENDER_SOURCE_MAX + 1], prefix[WI_RENDER_PREFIX_MAX + 1];
};

bool
wi_rules_create(struct wi_rules **ret_rules)
{
	struct wi_rules *rules = calloc(1, sizeof *rules);

	if (rules)
		*ret_rules = rules;
	return rules;
}

static void
free_rule(struct rule *rule)
{
	wi_condition_fini(&rule->condition);
	free(rule->text);
	free(rule);
}

void
wi_rules_free(struct wi_rules *rules)
{
	if (!rules)
		return;
	for (uint32_t i = 0; i < rules->rule_count; i++)
		free_rule(rules->rules[i]);
	for (uint32_t i = 0; i < rules->template_count; i++) {
		wi_template_fini(&rules->templates[i]->template);
		free(rules->templates[i]);
	}
	free(rules->rules);
	free(rules->templates);
	free(rules);
}

/* -- settings --------------------------------------------------------------- */

#define WRONG(problem, ...) (snprintf(problem, WI_NOTIFY_PROBLEM_SIZE, __VA_ARGS__), false)

static bool
take_name(const char *text, size_t size, char ret_name[WI_NOTIFY_NAME_MAX + 1])
{
	if (size == 0 || size > WI_NOTIFY_NAME_MAX)
		return false;
	for (size_t i = 0; i < size; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", text[i]))
			return false;
	memcpy(ret_name, text, size);
	ret_name[size] = '\0';
	return true;
}

/* One more place at the end of an array of pointers. */
static bool
grow(void *array, uint32_t count)
{
	void *old, *grown;

	memcpy(&old, array, sizeof old);
	grown = realloc(old, (count + 1) * sizeof old);
	if (grown)
		memcpy(array, &grown, sizeof grown);
	return grown;
}

static bool
parse_channel(struct rule *rule, const struct wi_word *word, char *reason, size_t size)
{
	bool hash = *word->at == '#';
	struct target *target = &rule->targets[rule->target_count];
	const char *name = word->at + hash;

	if (word->quoted || !take_name(name, word->size - hash, target->name)) {
		snprintf(reason, size, "'%.*s' is no name of a channel (a-z, 0-9, _ and -, at most %d)",
		         (int)(word->size < 60 ? word->size : 60), word->at, WI_NOTIFY_NAME_MAX);
		return false;
	}
	for (uint32_t i = 0; i < rule->target_count; i++)
		if (strcmp(rule->targets[i].name, target->name) == 0) {
			snprintf(reason, size, "channel '%s' is named twice", target->name);
			return false;
		}
	rule->target_count++;
	return true;
}

/* Behind "to". */
static bool
parse_channels(struct rule *rule, const char **at, char *reason, size_t size)
{
	struct wi_word word;

	do {
		if (rule->target_count == CHANNELS_MAX) {
			snprintf(reason, size, "there are more than %d channels", CHANNELS_MAX);
			return false;
		}
		if (!wi_words_next(at, &word) || word.size == 0) {
			snprintf(reason, size, "a channel is missing at the end");
			return false;
		}
		if (!parse_channel(rule, &word, reason, size))
			return false;
	} while (wi_words_next(at, &word) && wi_word_is(&word, ","));
	if (word.size)
		snprintf(reason, size, "'%.*s' stands where a comma or the end should",
		         (int)(word.size < 60 ? word.size : 60), word.at);
	return word.size == 0;
}

static bool
parse_pattern(struct rule *rule, const char **at, char *reason, size_t size)
{
	struct wi_word word;

	if (wi_words_next(at, &word) && !word.quoted && word.size && word.size < sizeof rule->pattern) {
		memcpy(rule->pattern, word.at, word.size);
		if (wi_pattern_valid(rule->pattern))
			return true;
	}
	snprintf(reason, size, "'%.*s' is no pattern of topics",
	         (int)(word.size < 60 ? word.size : 60), word.at);
	return false;
}

static bool
parse_rule(struct rule *rule, char *reason, size_t size)
{
	const char *at = rule->text;
	struct wi_word word;

	if (!parse_pattern(rule, &at, reason, size))
		return false;
	if (wi_words_next(&at, &word) && wi_word_is(&word, "with")) {
		if (!wi_condition_parse(&rule->condition, &at, reason, size))
			return false;
		if (!wi_words_next(&at, &word))
			word.quoted = true;
	}
	if (wi_word_is(&word, "to"))
		return parse_channels(rule, &at, reason, size);
	if (word.size)
		snprintf(reason, size, "'%.*s' stands where '%s' should",
		         (int)(word.size < 60 ? word.size : 60), word.at,
		         rule->condition.count ? "and', 'or' or 'to" : "with' or 'to");
	else
		snprintf(reason, size, "'to' and a channel are missing at the end");
	return false;
}

static bool
take_rule(struct wi_rules *rules, const char *name, const char *value, char *ret_problem)
{
	struct rule *rule = calloc(1, sizeof *rule);
	char reason[WI_NOTIFY_PROBLEM_SIZE / 2];

	if (!rule || !(rule->text = strdup(value)) || !grow(&rules->rules, rules->rule_count)) {
		if (rule)
			free_rule(rule);
		return WRONG(ret_problem, "rule.%s: out of memory", name);
	}
	snprintf(rule->name, sizeof rule->name, "%s", name);
	if (parse_rule(rule, reason, sizeof reason)) {
		rules->rules[rules->rule_count++] = rule;
		return true;
	}
	free_rule(rule);
	return WRONG(ret_problem, "rule.%s: '%.150s': %s", name, value, reason);
}

static bool
take_template(struct wi_rules *rules, const char *name, const char *value, char *ret_problem)
{
	struct named_template *template = calloc(1, sizeof *template);
	char reason[WI_NOTIFY_PROBLEM_SIZE - 64] = "out of memory";

	if (!template || !grow(&rules->templates, rules->template_count) ||
	    !wi_template_read(&template->template, value, reason, sizeof reason)) {
		free(template);
		return WRONG(ret_problem, "template.%s: %s", name, reason);
	}
	snprintf(template->name, sizeof template->name, "%s", name);
	rules->templates[rules->template_count++] = template;
	return true;
}

static struct rule *
find_rule(const struct wi_rules *rules, const char *name)
{
	for (uint32_t i = 0; i < rules->rule_count; i++)
		if (strcmp(rules->rules[i]->name, name) == 0)
			return rules->rules[i];
	return NULL;
}

static const struct wi_template *
find_template(const struct wi_rules *rules, const char *name)
{
	for (uint32_t i = 0; i < rules->template_count; i++)
		if (strcmp(rules->templates[i]->name, name) == 0)
			return &rules->templates[i]->template;
	return NULL;
}

bool
wi_rules_take(struct wi_rules *rules, const char *key, const char *value,
              char ret_problem[WI_NOTIFY_PROBLEM_SIZE])
{
	bool rule = strncmp(key, "rule.", 5) == 0;
	const char *dot = strchr(key, '.');
	char name[WI_NOTIFY_NAME_MAX + 1];

	if (!dot || (!rule && strncmp(key, "template.", 9) != 0))
		return WRONG(ret_problem, "'%.100s' is neither rule.NAME nor template.NAME", key);
	if (!take_name(dot + 1, strlen(dot + 1), name))
		return WRONG(ret_problem, "%.100s: a name has a-z, 0-9, _ and -, at most %d", key,
		             WI_NOTIFY_NAME_MAX);
	if (rule ? find_rule(rules, name) != NULL : find_template(rules, name) != NULL)
		return WRONG(ret_problem, "%.100s is there twice", key);
	return rule ? take_rule(rules, name, value, ret_problem) :
	              take_template(rules, name, value, ret_problem);
}

/* -- the end of settings ---------------------------------------------------- */

static const struct wi_channel *
find_channel(const struct wi_channel *channels, uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(channels[i].name, name) == 0)
			return &channels[i];
	return NULL;
}

static bool
bind(const struct wi_rules *rules, struct rule *rule, const struct wi_channel *channels,
     uint32_t count, char *ret_problem)
{
	for (uint32_t i = 0; i < rule->target_count; i++) {
		struct target *target = &rule->targets[i];

		target->channel = find_channel(channels, count, target->name);
		if (!target->channel)
			return WRONG(ret_problem, "rule.%s: '%.150s': there is no channel.%s", rule->name,
			             rule->text, target->name);
		target->template = find_template(rules, rule->name);
		if (!target->template)
			target->template = find_template(rules, target->name);
	}
	return true;
}

/* What may stand in a URI, and needs no escape in JSON. */
static bool
printable(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || strchr("\"<>\\^`{|}", *text))
			return false;
	return true;
}

static bool
take_source(struct wi_rules *rules, const struct wi_rules_source *source, char *ret_problem)
{
	const char *prefix = source->type_prefix ? source->type_prefix : "";
	size_t size = strnlen(source->instance, sizeof source->instance);

	if (size == 0 || size > INSTANCE_MAX || strspn(source->instance,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != size)
		return WRONG(ret_problem, "instance: '%.63s': 1 to %d of A-Z, a-z, 0-9, _ and -",
		             source->instance, INSTANCE_MAX);
	if (!source->source || !*source->source || !printable(source->source) ||
	    strlen(source->source) > WI_RENDER_SOURCE_MAX)
		return WRONG(ret_problem, "source: '%.100s' is no URI reference of at most %d bytes",
		             source->source ? source->source : "", WI_RENDER_SOURCE_MAX);
	if (!printable(prefix) || strlen(prefix) > WI_RENDER_PREFIX_MAX)
		return WRONG(ret_problem, "type_prefix: '%.100s' is to be at most %d visible characters",
		             prefix, WI_RENDER_PREFIX_MAX);
	rules->source = *source;
	rules->source.source = strcpy(rules->source_text, source->source);
	rules->source.type_prefix = strcpy(rules->prefix, prefix);
	return true;
}

bool
wi_rules_end(struct wi_rules *rules, const struct wi_channel *channels, uint32_t count,
             const struct wi_rules_source *source, char ret_problem[WI_NOTIFY_PROBLEM_SIZE])
{
	for (uint32_t i = 0; i < rules->rule_count; i++)
		if (!bind(rules, rules->rules[i], channels, count, ret_problem))
			return false;
	for (uint32_t i = 0; i < rules->template_count; i++) {
		const char *name = rules->templates[i]->name;

		if (!find_rule(rules, name) && !find_channel(channels, count, name))
			return WRONG(ret_problem, "template.%s: there is neither a rule.%s nor a channel.%s",
			             name, name, name);
	}
	return take_source(rules, source, ret_problem);
}

const char *
wi_rules_pattern(const struct wi_rules *rules, uint32_t i)
{
	return i < rules->rule_count ? rules->rules[i]->pattern : NULL;
}

/* -- messages --------------------------------------------------------------- */

static int
put_event(const struct wi_rules *rules, const struct rule *rule, const weir_event *event,
          const char *topic, uint64_t count, struct wi_payload *payload, struct wi_render_room *room,
          int (*put)(void *context, const struct wi_message *message), void *context)
{
	for (uint32_t i = 0; i < rule->target_count; i++) {
		const struct target *target = &rule->targets[i];
		struct wi_message message = { .channel = target->channel->name, .topic = topic };

		if (i)
			snprintf(message.id, sizeof message.id, "%.32s-%" PRIu64 "-%" PRIu32,
			         rules->source.instance, count, i);
		else
			snprintf(message.id, sizeof message.id, "%.32s-%" PRIu64, rules->source.instance,
			         count);
		wi_render_event(&(struct wi_render){ &rules->source, target->channel, target->template,
		                                     rule->name, event }, payload, &message, room);
		if (put(context, &message) != 0)
			return -1;
	}
	return (int)rule->target_count;
}

int
wi_rules_apply(struct wi_rules *rules, uint32_t i, const weir_event *event, const char *topic,
               uint64_t count, int (*put)(void *context, const struct wi_message *message),
               void *context)
{
	const struct wi_payload_topics topics = { rules->source.topic_name, rules->source.topic_context };
	const struct rule *rule = rules->rules[i];
	struct wi_render_room *room;
	struct wi_payload payload;
	int done = 0;

	/* It has been told of when it was new. */
	if (weir_event_replayed(event))
		return 0;
	if (!wi_payload_open(&payload, event, topic, &topics))
		return -1;
	if (wi_condition_holds(&rule->condition, &payload)) {
		room = malloc(sizeof *room);
		done = room ? put_event(rules, rule, event, topic, count, &payload, room, put, context) : -1;
		free(room);
	}
	wi_payload_close(&payload);
	return done;
}

int
wi_rules_digest(struct wi_rules *rules, const struct wi_channel *channel,
                const struct wi_message *const *messages, uint32_t count, uint64_t more,
                int (*put)(void *context, const struct wi_message *message), void *context)
{
	struct wi_message message = { .channel = channel->name, .topic = messages[0]->topic };
	struct wi_render_room *room = malloc(sizeof *room);
	int done;

	if (!room)
		return -1;
	snprintf(message.id, sizeof message.id, "%.60s-d", messages[0]->id);
	wi_render_digest(&rules->source, channel, messages, count, more, &message, room);
	done = put(context, &message) == 0 ? 1 : -1;
	free(room);
	return done;
}
