/* SPDX-License-Identifier: MIT */
/*
 * plugin.h - a part of a program that comes as a shared object and is switched on and off while the
 *            program runs.
 *
 * The object exports one function, weir_plugin_get(), which gives a descriptor. The host calls what
 * the descriptor names, and hands over a table of its own functions: so a plugin links nothing of
 * weir, and runs in a program that has weir linked statically, too.
 *
 *   load -> enable -> (handlers run) -> disable -> enable ... -> unload, when the program ends
 *
 * Sizes and numbers at the beginning of both tables say what the other side knows: each may grow at
 * its end, and nobody touches what lies beyond the size of the other. An object is never unmapped.
 * A plugin is code of the process: nothing here shields the program from one that is hostile.
 *
 * Calls of the descriptor's functions for one plugin come one at a time, from the host's own thread
 * or from that which opens and closes the host; never from a handler. The same object may stand
 * under several names in the configuration: each name has a context of its own, so an object keeps
 * no state in variables of its own.
 */
#ifndef WEIR_PLUGIN_H
#define WEIR_PLUGIN_H

#include <weir/weir.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of what stands here, and of what <weir/weir.h> compiles into a plugin. */
#define WEIR_PLUGIN_ABI 2u

/* Its handlers wait for disks, networks, locks: the host refuses to put it into the default pool. */
#define WEIR_PLUGIN_BLOCKS 1u

typedef struct weir_plugin_host weir_plugin_host;

/*
 * What a plugin may ask of its host; the same table from load to unload, one for each name. Each
 * function takes the table itself first. Unless it says otherwise it may be called at any time in
 * between, by any thread, also in a handler.
 */
struct weir_plugin_host {
	uint32_t size;          /* of this table */
	uint32_t abi;           /* WEIR_PLUGIN_ABI of the host */
	const char *name;       /* this plugin's: "audit" for [plugin.audit] */
	weir_bus *bus;

	/*
	 * A setting's text, NULL if there is none: the keys of its section that are not the host's own
	 * (file, enabled, pool, failures). Valid until the called function returns. Only in load, enable
	 * and reconfigure.
	 */
	const char *(*setting)(const weir_plugin_host *host, const char *key);

	/* The i-th setting, 0 when there are no more: to refuse keys that the plugin does not know. */
	int (*each_setting)(const weir_plugin_host *host, uint32_t i, const char **ret_key,
	                    const char **ret_value);

	/* One line to the log; level as in syslog, 3 an error. */
	void (*log)(const weir_plugin_host *host, int level, const char *format, ...)
		__attribute__((format(printf, 3, 4)));

	/*
	 * What went wrong, for whoever asked; always gives -1, so that load, enable and reconfigure can
	 * say `return host->fail(host, "...")`. Only there.
	 */
	int (*fail)(const weir_plugin_host *host, const char *format, ...)
		__attribute__((format(printf, 2, 3)));

	/*
	 * weir_subscribe(). Without options->pool: in the plugin's own pool, as configured. Its failures
	 * count as the plugin's. Ended by the host before it calls disable, and when enable fails.
	 * WEIR_EINVAL while the plugin is neither being enabled, nor reconfigured, nor enabled.
	 */
	weir_status (*subscribe)(const weir_plugin_host *host, const char *pattern,
	                         weir_handler_fn handler, void *context,
	                         const weir_subscription_options *options,
	                         weir_subscription *ret_subscription);
	/* weir_unsubscribe_wait(); in a handler weir_unsubscribe(). Only of the plugin's own. */
	weir_status (*unsubscribe)(const weir_plugin_host *host, weir_subscription subscription);

	/* The pool in which the plugin's handlers run. */
	weir_pool *(*pool)(const weir_plugin_host *host);

	/* The engine's functions of the same names. */
	weir_status (*topic_open)(weir_bus *bus, const char *name, weir_topic *ret_topic);
	const char *(*topic_name)(const weir_bus *bus, weir_topic topic);
	weir_status (*thread_get_producer)(weir_bus *bus, weir_producer **ret_producer);
	weir_status (*publish)(weir_producer *producer, weir_topic topic, const void *data,
	                       uint32_t size);
	weir_status (*publish_with)(weir_producer *producer, weir_topic topic,
	                            const weir_attributes *attributes, const void *data, uint32_t size);
	const char *(*status_text)(weir_status status);

	/*
	 * Not 0 once the host has begun to disable the plugin, or to end: a handler or batch_end that
	 * waits for a disk or a network is to give up and return, since disable is called only when
	 * none of them runs.
	 */
	int (*stopping)(const weir_plugin_host *host);
};

/* How a plugin is, in its own words. */
typedef struct weir_plugin_health {
	uint32_t size;
	int32_t code;           /* 0: well */
	char text[240];         /* "12,345 rows, 3.1 ms a commit", ended by 0 */
} weir_plugin_health;

typedef struct weir_plugin {
	uint32_t size;          /* of this struct as the plugin knows it */
	uint32_t abi;           /* WEIR_PLUGIN_ABI as the plugin was compiled with */
	const char *name;       /* [a-z0-9_-], of the object; not necessarily that in the configuration */
	const char *version;
	const char *license;
	const char *summary;    /* one line */
	uint64_t flags;         /* WEIR_PLUGIN_BLOCKS */

	/*
	 * Once for each name. *ret_context is the plugin's own, given to all that follows. Not 0: failed;
	 * whatever it took is given back, nothing else is called. May be NULL: the context is then NULL.
	 */
	int (*load)(const weir_plugin_host *host, void **ret_context);
	/* Subscribes. Not 0: failed; the host ends what it has subscribed to, disable is not called. */
	int (*enable)(void *context, const weir_plugin_host *host);
	/*
	 * New settings, while its handlers run. Not 0: refused; what was set before must still hold.
	 * NULL: the host disables it and enables it again.
	 */
	int (*reconfigure)(void *context, const weir_plugin_host *host);
	/* No handler of it runs, nor will: gives back what enable took. May be NULL. */
	void (*disable)(void *context, const weir_plugin_host *host);
	/* While enabled, also when its handlers hang: must not wait for them. May be NULL. */
	void (*health)(void *context, const weir_plugin_host *host, weir_plugin_health *ret_health);
	/* Once, after the last disable: gives back what load took. May be NULL. */
	void (*unload)(void *context, const weir_plugin_host *host);
} weir_plugin;

typedef const weir_plugin *(*weir_plugin_get_fn)(void);

#ifdef __cplusplus
#define WEIR_PLUGIN_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define WEIR_PLUGIN_EXPORT __attribute__((visibility("default")))
#endif

/* What the object exports, and its author writes: valid as long as the process. */
WEIR_PLUGIN_EXPORT const weir_plugin *weir_plugin_get(void);

#ifdef __cplusplus
}
#endif
#endif
