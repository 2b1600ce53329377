/* SPDX-License-Identifier: MIT */
/*
 * plugin.h - one plugin: its states, and the calls of its descriptor.
 *
 *   LOADED --enable--> ENABLED --disable--> (DRAINING, while a handler hangs) --> LOADED
 *     ^                   |  \--failures--> (DRAINING) --> FAILED --enable--> ENABLED
 *     \---- its enable fails: FAILED
 *
 * `calls` is held from the beginning to the end of each of these, so that the plugin's functions
 * come one at a time. Handlers, the host table and the log take only `facts` and the locks of
 * subscriptions and notices, which nobody holds while he waits.
 */
#ifndef WI_PLUGIN_PLUGIN_H
#define WI_PLUGIN_PLUGIN_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "plugin/notices.h"
#include "plugin/plugins.h"
#include "plugin/settings.h"
#include "plugin/subscriptions.h"

/* What the plugins of a set share. */
struct wi_plugin_home {
	weir_bus *bus;
	struct wi_notices notices;
	sem_t work;                     /* there is something for the set's own thread */
};

struct wi_plugin {
	weir_plugin_host host;          /* what it knows of us */
	struct wi_plugin_home *home;
	struct wi_plugin *next;
	char *file, *path;              /* as configured; where that is */
	const weir_plugin *descriptor;
	pthread_mutex_t calls;

	/* With `calls`. */
	void *context;
	struct wi_settings settings;
	char said[WI_PLUGIN_PROBLEM_SIZE];      /* by host->fail() in the call that is under way */
	bool reconfiguring;
	bool enabled;                   /* its enable succeeded, and disable has not been called */
	uint64_t order;                 /* of the last enable */

	/* With `facts`. */
	pthread_mutex_t facts;
	enum wi_plugin_state state;
	bool failed;                    /* after DRAINING it is FAILED */
	char problem[WI_PLUGIN_PROBLEM_SIZE];

	weir_pool *_Atomic pool;
	struct wi_plugin_subscriptions subscriptions;
};

/* Calls load. */
weir_status wi_plugin_create(struct wi_plugin_home *home, const struct wi_plugin_config *config,
                             const char *path, const weir_plugin *descriptor,
                             struct wi_plugin **ret_plugin, char problem[WI_PLUGIN_PROBLEM_SIZE]);

/* Calls unload. False: it is enabled or draining; nothing was done. */
bool wi_plugin_destroy(struct wi_plugin *plugin);

/*
 * For the calls below. Unlock posts `work` when the plugin needs the set's thread, which may have
 * found it locked.
 */
void wi_plugin_lock(struct wi_plugin *plugin);
bool wi_plugin_trylock(struct wi_plugin *plugin);
void wi_plugin_unlock(struct wi_plugin *plugin);

/* `order` counts enables. */
weir_status wi_plugin_enable(struct wi_plugin *plugin, uint64_t order,
                             char problem[WI_PLUGIN_PROBLEM_SIZE]);
weir_status wi_plugin_disable(struct wi_plugin *plugin, uint64_t timeout_ns,
                              char problem[WI_PLUGIN_PROBLEM_SIZE]);
weir_status wi_plugin_reconfigure(struct wi_plugin *plugin, const struct wi_plugin_config *config,
                                  char problem[WI_PLUGIN_PROBLEM_SIZE]);

/*
 * Its failures reached the limit, or it has drained: wi_plugin_attend() does what follows, with the
 * lock.
 */
bool wi_plugin_needs_attention(struct wi_plugin *plugin);
void wi_plugin_attend(struct wi_plugin *plugin);

enum wi_plugin_state wi_plugin_state(struct wi_plugin *plugin);

/* Without the lock. The strings are the plugin's, but for the problem. */
void wi_plugin_describe(struct wi_plugin *plugin, struct wi_plugin_info *info,
                        char problem[WI_PLUGIN_PROBLEM_SIZE]);

#endif
