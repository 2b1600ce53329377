/* SPDX-License-Identifier: MIT */
/*
 * plugins.h - the plugins of a host: load, enable, disable, reconfigure, look. See <weir/plugin.h>.
 *
 * Any thread, but none that runs a handler; calls for one plugin wait for each other.
 * What fails writes one sentence, which names the plugin or file, into `problem`.
 */
#ifndef WI_PLUGIN_PLUGINS_H
#define WI_PLUGIN_PLUGINS_H

#include <stdbool.h>
#include <stddef.h>

#include <weir/plugin.h>

#define WI_PLUGIN_PROBLEM_SIZE 512

struct wi_plugins;

struct wi_setting {
	const char *key, *value;
};

/* As one [plugin.NAME] says it; copied by whoever takes it. */
struct wi_plugin_config {
	const char *name;
	const char *file;               /* absolute, or a bare name that is looked for in the directories */
	weir_pool *pool;                /* NULL: the default pool */
	uint32_t failures_max;          /* failures in a row, over its subscriptions, that disable it; 0: never */
	const struct wi_setting *settings;
	size_t setting_count;
};

enum wi_plugin_state {
	WI_PLUGIN_LOADED,       /* or disabled again */
	WI_PLUGIN_ENABLED,
	WI_PLUGIN_DRAINING,     /* being disabled: a handler has not returned */
	WI_PLUGIN_FAILED        /* the last enable failed, or its failures disabled it */
};

struct wi_plugin_info {
	const char *name, *file, *version, *license, *summary;
	enum wi_plugin_state state;
	weir_pool *pool;
	uint64_t subscriptions, due, ok, failed;
	const char *problem;            /* the last one, "" if none */
	weir_plugin_health health;      /* enabled: what it says of itself */
};

struct wi_plugins_options {
	weir_bus *bus;
	const char *const *directories; /* where bare names are looked for, in this order */
	size_t directory_count;
	void (*log)(void *context, int level, const char *id, const char *text);
	void *log_context;
};

weir_status wi_plugins_open(const struct wi_plugins_options *options, struct wi_plugins **ret_plugins);

/* Disables all, last enabled first, unloads them. After timeout_ns what still runs is leaked and said. */
weir_status wi_plugins_close(struct wi_plugins *plugins, uint64_t timeout_ns);

/* Checks the file, maps it, calls load. */
weir_status wi_plugins_load(struct wi_plugins *plugins, const struct wi_plugin_config *config,
                            char problem[WI_PLUGIN_PROBLEM_SIZE]);
weir_status wi_plugins_enable(struct wi_plugins *plugins, const char *name,
                              char problem[WI_PLUGIN_PROBLEM_SIZE]);
/* WEIR_ETIMEDOUT: a handler has not returned; it is DRAINING, and this may be called again. */
weir_status wi_plugins_disable(struct wi_plugins *plugins, const char *name, uint64_t timeout_ns,
                               char problem[WI_PLUGIN_PROBLEM_SIZE]);
/* New settings, pool and limit; the file must be the same. */
weir_status wi_plugins_reconfigure(struct wi_plugins *plugins, const struct wi_plugin_config *config,
                                   char problem[WI_PLUGIN_PROBLEM_SIZE]);

/* `visit` must not call functions of this header; until it returns non-zero. */
void wi_plugins_each(struct wi_plugins *plugins, int (*visit)(void *context, const struct wi_plugin_info *info),
                     void *context);

#endif
