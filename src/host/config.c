/* SPDX-License-Identifier: MIT */
/* config.c - see config.h. The names of settings stand in tables; what they may be, beside them. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quantity.h"

enum { NAME_MAX_LENGTH = 40, RING_PLACES = 16 };

struct check {
	struct wi_config *config;
	weir_bus *bus;
	char *problem;
};

/* "FILE:LINE: [SECTION] NAME: ..."; always false. */
static bool __attribute__((format(printf, 4, 5)))
fail(struct check *check, const struct wi_section *section,
     const struct wi_section_setting *setting, const char *format, ...)
{
	char text[WI_SECTIONS_PROBLEM_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return wi_sections_fail(check->problem, check->config->sections.file,
				setting != NULL ? setting->line : section->line, "[%s]%s%s: %s",
				section->name, setting != NULL ? " " : "",
				setting != NULL ? setting->name : "", text);
}

#define SMALL   "abcdefghijklmnopqrstuvwxyz0123456789_-"
#define LETTERS SMALL "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool
is_name(const char *text, const char *letters)
{
	size_t length = strspn(text, letters);

	return length > 0 && length <= NAME_MAX_LENGTH && text[length] == '\0';
}

static bool
parse_bool(const char *text, bool *ret_value)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], text) == 0) {
			*ret_value = i % 2;
			return true;
		}
	return false;
}

/* -- [bus], [control], [plugins] ------------------------------------------------ */

typedef bool (*parse_fn)(struct wi_config *config, char *value);

static bool
parse_name(struct wi_config *config, char *value)
{
	config->name = value;
	return is_name(value, LETTERS);
}

static bool
parse_ring_size(struct wi_config *config, char *value)
{
	return wi_quantity_bytes(value, UINT64_C(1) << 31, &config->ring_size) &&
	       config->ring_size >= 4096 && (config->ring_size & (config->ring_size - 1)) == 0;
}

static bool
parse_producers(struct wi_config *config, char *value)
{
	return wi_quantity_count(value, 1, 1 << 20, &config->producer_count_max);
}

static bool
parse_topics(struct wi_config *config, char *value)
{
	return wi_quantity_count(value, 1, (1 << 24) - 1, &config->topic_count_max);
}

static bool
parse_hops(struct wi_config *config, char *value)
{
	return wi_quantity_count(value, 1, 31, &config->hop_count_max);
}

static bool
parse_clock(struct wi_config *config, char *value)
{
	static const char *const words[] = {[WEIR_CLOCK_TICK] = "tick",
					    [WEIR_CLOCK_PRECISE] = "precise",
					    [WEIR_CLOCK_NONE] = "none"};

	for (int i = 0; i < 3; i++)
		if (strcmp(words[i], value) == 0) {
			config->clock = (weir_clock)i;
			return true;
		}
	return false;
}

static bool
parse_fence(struct wi_config *config, char *value)
{
	config->fence = strcmp(value, "publisher") == 0 ? WEIR_FENCE_PUBLISHER : WEIR_FENCE_AUTO;
	return config->fence == WEIR_FENCE_PUBLISHER || strcmp(value, "auto") == 0;
}

static bool
parse_stats_dir(struct wi_config *config, char *value)
{
	config->stats_dir = strcmp(value, "none") == 0 ? "" : value;
	return value[0] == '/' || config->stats_dir != value;
}

static bool
parse_socket(struct wi_config *config, char *value)
{
	config->socket = strcmp(value, "none") == 0 ? "" : value;
	return value[0] == '/' || config->socket != value;
}

static bool
parse_path(struct wi_config *config, char *value)
{
	char *rest = NULL;

	for (char *word = strtok_r(value, ":", &rest); word != NULL;
	     word = strtok_r(NULL, ":", &rest)) {
		size_t size = (config->directory_count + 1) * sizeof(char *);
		char **directories = *word == '/' ? realloc(config->directories, size) : NULL;

		if (directories == NULL)
			return false;
		config->directories = directories;
		directories[config->directory_count++] = word;
	}
	return config->directory_count > 0;
}

static const struct {
	const char *section, *name;
	parse_fn parse;
	const char *wanted;
} general[] = {
	{"bus", "name", parse_name, "1 to 40 of A-Z a-z 0-9 _ -"},
	{"bus", "ring_size", parse_ring_size, "a power of two from 4k to 2g"},
	{"bus", "producers", parse_producers, "a whole number from 1 to 1048576"},
	{"bus", "topics", parse_topics, "a whole number from 1 to 16777215"},
	{"bus", "hops", parse_hops, "a whole number from 1 to 31"},
	{"bus", "clock", parse_clock, "tick, precise or none"},
	{"bus", "fence", parse_fence, "auto or publisher"},
	{"bus", "stats_dir", parse_stats_dir, "a path that begins with /, or none"},
	{"control", "socket", parse_socket, "a path that begins with /, or none"},
	{"plugins", "path", parse_path, "directories that begin with /, joined by :"},
};

static bool
take_general_setting(struct check *check, const struct wi_section *section,
		     const struct wi_section_setting *setting)
{
	for (size_t i = 0; i < sizeof(general) / sizeof(general[0]); i++) {
		if (strcmp(general[i].section, section->name) != 0 ||
		    strcmp(general[i].name, setting->name) != 0)
			continue;
		return general[i].parse(check->config, setting->scratch) ||
		       fail(check, section, setting, "'%s' is not %s", setting->value,
			    general[i].wanted);
	}
	return fail(check, section, setting, "there is no such setting");
}

static bool
take_general(struct check *check, const struct wi_section *section)
{
	for (size_t i = 0; i < section->count; i++)
		if (!take_general_setting(check, section, &section->settings[i]))
			return false;
	return true;
}

/* -- [pool.NAME] ---------------------------------------------------------------- */

static bool
take_pool_setting(struct check *check, const struct wi_section *section,
		  const struct wi_section_setting *setting, struct wi_pool_spec *spec)
{
	size_t length = strlen(setting->name);
	const char *wanted = wi_pool_spec_set(spec, setting->name, setting->scratch);

	if (wanted == NULL)
		return true;
	if (strncmp(wanted, setting->name, length) != 0 || wanted[length] != ':')
		return fail(check, section, setting, "there is no such setting: %s", wanted);
	return fail(check, section, setting, "'%s' is not %s", setting->value, wanted + length + 2);
}

/* What the engine would refuse, said with a line. */
static bool
check_pool(struct check *check, const struct wi_config_pool *pool)
{
	const struct wi_pool_spec *spec = &pool->spec;

	if (spec->order == WEIR_ORDER_KEY && spec->behind == WEIR_BEHIND_SKIP)
		return fail(check, pool->section, wi_section_find(pool->section, "behind"),
			    "'skip' is only for order = producer");
	if (spec->order == WEIR_ORDER_KEY && spec->dispatcher_count > RING_PLACES)
		return fail(check, pool->section, wi_section_find(pool->section, "dispatchers"),
			    "with order = key at most 16");
	if (spec->spin_ns > 0 && spec->wait != WEIR_WAIT_ADAPTIVE)
		return fail(check, pool->section, wi_section_find(pool->section, "spin"),
			    "is only for wait = adaptive");
	if (spec->sleep_ns > 0 && spec->wait != WEIR_WAIT_POLL)
		return fail(check, pool->section, wi_section_find(pool->section, "sleep"),
			    "is only for wait = poll");
	return true;
}

static bool
take_pool(struct check *check, const struct wi_section *section)
{
	const char *name = section->name + strlen("pool.");
	struct wi_config *config = check->config;
	struct wi_config_pool *pool = &config->first;

	if (!is_name(name, LETTERS))
		return fail(check, section, NULL, "a pool's name is 1 to 40 of A-Z a-z 0-9 _ -");
	if (strcmp(name, "default") != 0)
		pool = &config->pools[config->pool_count++];
	else if (check->bus != NULL)
		return fail(check, section, NULL,
			    "the program has a bus of its own, and this is its pool");
	*pool = (struct wi_config_pool){.spec.name = name, .section = section};
	for (size_t i = 0; i < section->count; i++)
		if (!take_pool_setting(check, section, &section->settings[i], &pool->spec))
			return false;
	if (pool == &config->first && pool->spec.after_count > 0)
		return fail(check, section, wi_section_find(section, "after"),
			    "the default pool is the first");
	return check_pool(check, pool);
}

static bool
check_after(struct check *check, const struct wi_config_pool *pool, const char *name)
{
	const struct wi_section_setting *setting = wi_section_find(pool->section, "after");
	const struct wi_config_pool *other = wi_config_pool(check->config, name);

	if (other == NULL && (check->bus == NULL || wi_pools_find(check->bus, name) == NULL))
		return fail(check, pool->section, setting, "there is no pool '%s'", name);
	if (other == pool)
		return fail(check, pool->section, setting, "a pool cannot be after itself");
	if (other != NULL && other->spec.behind == WEIR_BEHIND_SKIP)
		return fail(check, pool->section, setting,
			    "'%s' has behind = skip, and no pool can be after such a one", name);
	return true;
}

/* Whether all that it is after stands before `end`, or is not of this file. */
static bool
is_ready(const struct wi_config *config, const struct wi_config_pool *pool, size_t end)
{
	for (uint32_t a = 0; a < pool->spec.after_count; a++) {
		const struct wi_config_pool *other = wi_config_pool(config, pool->spec.after[a]);

		if (other != NULL && other != &config->first && other >= config->pools + end)
			return false;
	}
	return true;
}

/* A pool can only be behind one that exists: those go first. */
static bool
order_pools(struct check *check)
{
	struct wi_config *config = check->config;

	for (size_t end = 0; end < config->pool_count; end++) {
		struct wi_config_pool next;
		size_t i = end;

		while (i < config->pool_count && !is_ready(config, &config->pools[i], end))
			i++;
		if (i == config->pool_count)
			return fail(check, config->pools[end].section,
				    wi_section_find(config->pools[end].section, "after"),
				    "the pools are after each other in a circle");
		next = config->pools[i];
		memmove(&config->pools[end + 1], &config->pools[end], (i - end) * sizeof(next));
		config->pools[end] = next;
	}
	return true;
}

static uint64_t
places(const struct wi_pool_spec *spec)
{
	return spec->order == WEIR_ORDER_KEY && spec->dispatcher_count > 0 ? spec->dispatcher_count
									   : 1;
}

static bool
check_pools(struct check *check)
{
	struct wi_config *config = check->config;
	uint64_t sum = places(&config->first.spec);

	for (size_t i = 0; i < config->pool_count; i++) {
		const struct wi_config_pool *pool = &config->pools[i];

		for (uint32_t a = 0; a < pool->spec.after_count; a++)
			if (!check_after(check, pool, pool->spec.after[a]))
				return false;
		sum += places(&pool->spec);
		if (sum > RING_PLACES)
			return fail(check, pool->section, NULL,
				    "a ring has 16 places: one for a pool, "
				    "with order = key one for a dispatcher");
	}
	return order_pools(check);
}

/* -- [plugin.NAME] -------------------------------------------------------------- */

static bool
take_plugin_setting(struct check *check, struct wi_config_plugin *plugin,
		    const struct wi_section_setting *setting)
{
	const char *wanted = NULL;

	if (strcmp(setting->name, "file") == 0) {
		plugin->file = setting->value;
		if (*setting->value == '\0' ||
		    (*setting->value != '/' && strchr(setting->value, '/') != NULL))
			wanted = "a path that begins with /, nor a name without /";
	} else if (strcmp(setting->name, "enabled") == 0) {
		if (!parse_bool(setting->value, &plugin->enabled))
			wanted = "yes or no";
	} else if (strcmp(setting->name, "pool") == 0) {
		plugin->pool = setting->value;
	} else if (strcmp(setting->name, "failures") == 0) {
		if (!wi_quantity_count(setting->value, 0, UINT32_MAX, &plugin->failures_max))
			wanted = "a whole number; 0: never disabled for failures";
	} else {
		plugin->settings[plugin->setting_count++] =
			(struct wi_setting){.key = setting->name, .value = setting->value};
	}
	return wanted == NULL ||
	       fail(check, plugin->section, setting, "'%s' is not %s", setting->value, wanted);
}

static bool
take_plugin(struct check *check, const struct wi_section *section)
{
	struct wi_config *config = check->config;
	struct wi_config_plugin *plugin = &config->plugins[config->plugin_count++];

	*plugin = (struct wi_config_plugin){.name = section->name + strlen("plugin."),
					    .pool = "default",
					    .enabled = true,
					    .section = section};
	if (!is_name(plugin->name, SMALL))
		return fail(check, section, NULL, "a plugin's name is 1 to 40 of a-z 0-9 _ -");
	plugin->settings = calloc(section->count + 1, sizeof(*plugin->settings));
	if (plugin->settings == NULL)
		return fail(check, section, NULL, "out of memory");
	for (size_t i = 0; i < section->count; i++)
		if (!take_plugin_setting(check, plugin, &section->settings[i]))
			return false;
	return plugin->file != NULL || fail(check, section, NULL, "there is no 'file'");
}

static bool
check_plugins(struct check *check)
{
	const struct wi_config *config = check->config;

	for (size_t i = 0; i < config->plugin_count; i++) {
		const struct wi_config_plugin *plugin = &config->plugins[i];

		if (strcmp(plugin->pool, "default") != 0 &&
		    wi_config_pool(config, plugin->pool) == NULL &&
		    (check->bus == NULL || wi_pools_find(check->bus, plugin->pool) == NULL))
			return fail(check, plugin->section,
				    wi_section_find(plugin->section, "pool"),
				    "there is no pool '%s'", plugin->pool);
	}
	return true;
}

/* -- all of it ------------------------------------------------------------------ */

static bool
take_section(struct check *check, const struct wi_section *section)
{
	if (strncmp(section->name, "pool.", 5) == 0)
		return take_pool(check, section);
	if (strncmp(section->name, "plugin.", 7) == 0)
		return take_plugin(check, section);
	if (strcmp(section->name, "bus") == 0 && check->bus != NULL)
		return fail(check, section, NULL, "the program has a bus of its own");
	if (strcmp(section->name, "bus") == 0 || strcmp(section->name, "control") == 0 ||
	    strcmp(section->name, "plugins") == 0)
		return take_general(check, section);
	return fail(check, section, NULL,
		    "the section is not one of [bus], [control], [plugins], "
		    "[pool.NAME], [plugin.NAME]");
}

struct wi_config *
wi_config_read(const char *file, weir_bus *has_bus, char problem[WI_SECTIONS_PROBLEM_SIZE])
{
	struct wi_config *config = calloc(1, sizeof(*config));
	struct check check = {.config = config, .bus = has_bus, .problem = problem};
	bool good;

	if (config == NULL) {
		wi_sections_fail(problem, file, 0, "out of memory");
		return NULL;
	}
	atomic_init(&config->references, 1);
	config->first.spec.name = "default";
	good = wi_sections_read(&config->sections, file, problem);
	if (good) {
		config->pools = calloc(config->sections.count + 1, sizeof(*config->pools));
		config->plugins = calloc(config->sections.count + 1, sizeof(*config->plugins));
		good = (config->pools != NULL && config->plugins != NULL) ||
		       wi_sections_fail(problem, file, 0, "out of memory");
	}
	for (size_t i = 0; good && i < config->sections.count; i++)
		good = take_section(&check, &config->sections.each[i]);
	if (good && check_pools(&check) && check_plugins(&check))
		return config;
	wi_config_free(config);
	return NULL;
}

void
wi_config_free(struct wi_config *config)
{
	if (config == NULL || atomic_fetch_sub(&config->references, 1) > 1)
		return;
	for (size_t i = 0; i < config->plugin_count; i++)
		free(config->plugins[i].settings);
	free(config->plugins);
	free(config->pools);
	free(config->directories);
	wi_sections_fini(&config->sections);
	free(config);
}

const struct wi_config_plugin *
wi_config_plugin(const struct wi_config *config, const char *name)
{
	for (size_t i = 0; config != NULL && i < config->plugin_count; i++)
		if (strcmp(config->plugins[i].name, name) == 0)
			return &config->plugins[i];
	return NULL;
}

const struct wi_config_pool *
wi_config_pool(const struct wi_config *config, const char *name)
{
	if (config != NULL && strcmp(name, "default") == 0)
		return &config->first;
	for (size_t i = 0; config != NULL && i < config->pool_count; i++)
		if (strcmp(config->pools[i].spec.name, name) == 0)
			return &config->pools[i];
	return NULL;
}
