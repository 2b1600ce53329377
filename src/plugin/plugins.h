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
	const char *file;               /* absolute, or a bare name for the directories */
	weir_pool *pool;                /* NULL: the default pool */
	uint32_t failures_max;          /* in a row, over its subscriptions, disable it; 0: never */
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

/* Returns: WEIR_OK, WEIR_ENOMEM, or what a topic or producer could not be had for. */
weir_status wi_plugins_open(const struct wi_plugins_options *options,
			    struct wi_plugins **ret_plugins);

/*
 * Disables all, last enabled first, and unloads them. WEIR_ETIMEDOUT: handlers have not returned;
 * what they may use is leaked and said, the rest is gone. To be called while the bus is open, and
 * when no other call is under way.
 */
weir_status wi_plugins_close(struct wi_plugins *plugins, uint64_t timeout_ns);

/*
 * The four below return also WEIR_ENOENT (no such plugin), WEIR_ENOMEM, WEIR_EFORKED, and
 * WEIR_EDEADLK in a handler or in a function of a plugin. What succeeds may leave `problem` as it
 * is.
 */

/*
 * Checks the file, maps it, calls load. On failure nothing has changed, but that the object may
 * stay mapped.
 * Returns: WEIR_OK, WEIR_ENOENT (no such file), WEIR_EINVAL (refused), WEIR_EIO (the loader, or the
 * plugin's load).
 */
weir_status wi_plugins_load(struct wi_plugins *plugins, const struct wi_plugin_config *config,
                            char problem[WI_PLUGIN_PROBLEM_SIZE]);

/*
 * Returns: WEIR_OK (also if it is enabled), WEIR_EIO (its enable failed: it is FAILED), WEIR_EBUSY
 * (it is DRAINING).
 */
weir_status wi_plugins_enable(struct wi_plugins *plugins, const char *name,
                              char problem[WI_PLUGIN_PROBLEM_SIZE]);

/*
 * WEIR_OK (also if it is not enabled): nothing of it runs or will. WEIR_ETIMEDOUT: a handler has
 * not returned; it is DRAINING, ends by itself when the handler returns, and this may be called
 * again to wait. So it is nearly always with a timeout of 0.
 */
weir_status wi_plugins_disable(struct wi_plugins *plugins, const char *name, uint64_t timeout_ns,
                               char problem[WI_PLUGIN_PROBLEM_SIZE]);

/*
 * New settings, pool and limit; the file must be the same. Another pool, or a plugin without
 * reconfigure: disabled and enabled again. Not enabled: taken without asking it.
 * Returns: WEIR_OK, WEIR_EINVAL, WEIR_EBUSY (it is DRAINING); WEIR_EIO (refused: what was before
 * holds, or it is FAILED), WEIR_ETIMEDOUT (to be enabled again, but a handler has not returned in 5
 * s: it is DRAINING).
 */
weir_status wi_plugins_reconfigure(struct wi_plugins *plugins,
				   const struct wi_plugin_config *config,
				   char problem[WI_PLUGIN_PROBLEM_SIZE]);

/*
 * In order of loading. `visit` must not call functions of this header; until it returns non-zero.
 */
void wi_plugins_each(struct wi_plugins *plugins,
                     int (*visit)(void *context, const struct wi_plugin_info *info), void *context);

#endif
