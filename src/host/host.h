/* SPDX-License-Identifier: MIT */
/* host.h - what a host consists of; who may change what. */
#ifndef WI_HOST_HOST_H
#define WI_HOST_HOST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <weir/host.h>

#include "config.h"
#include "plugin/plugins.h"

#define WI_HOST_S          UINT64_C(1000000000)
#define WI_HOST_SLICE_NS   (WI_HOST_S / 10) /* how late what waits may notice that the host closes */
#define WI_HOST_DISABLE_NS (5 * WI_HOST_S)

/* A plugin that is loaded, for ever: also when the file does not name it any more. */
struct wi_host_plugin {
	char *name, *file;
};

struct weir_host {
	pid_t owner;
	char *file;
	void (*log)(void *context, int level, const char *id, const char *text);
	void *log_context;
	weir_bus *bus;
	bool owns_bus;
	struct wi_plugins *plugins;
	uint64_t opened_ns;
	struct wi_control *control;
	char *socket;
	/* Set once, when close begins. */
	atomic_bool closing;

	/* Set once, when close begins or its program wants no more: replays are refused. */
	atomic_bool ending;

	pthread_mutex_t lock; /* for what follows; held shortly */
	unsigned replays;     /* that publish at this moment */
	pthread_cond_t replay_ended;
	unsigned operations;      /* single plugins are being changed */
	bool reloading;           /* config, loaded and pools belong to that thread */
	struct wi_config *config; /* what the file said when it was last taken */
	struct wi_host_plugin *loaded;
	size_t loaded_count;
	weir_pool **pools; /* opened from the file, in this order */
	size_t pool_count;
};

/* Ids: WEIR-HOST, WEIR-RELOAD, WEIR-CONTROL. Any thread. */
void wi_host_log(const struct weir_host *host, int level, const char *id, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Leave to change one plugin, or all: others that are under way refuse it. False: `problem` says
 * which. A plugin's operation keeps the config from being replaced.
 */
bool wi_host_begin(struct weir_host *host, bool all, char problem[WI_PLUGIN_PROBLEM_SIZE]);
void wi_host_end(struct weir_host *host, bool all);

/* Leave to publish for a replay, for a moment. False: the host ends. */
bool wi_host_begin_replay(struct weir_host *host);
void wi_host_end_replay(struct weir_host *host);

/* From the return on no replay publishes any more; after timeout_ns one may, which is held up. */
void wi_host_end_replays(struct weir_host *host, uint64_t timeout_ns);

/* What the file said when it was last taken, to be given back by wi_config_free(). */
struct wi_config *wi_host_config(struct weir_host *host);

/* What is waited for in slices, so that a close need not wait for it. stopped: asked between them; may be NULL. */
weir_status wi_host_flush(struct weir_host *host, uint64_t timeout_ns,
			  bool (*stopped)(const void *context), const void *context);
weir_status wi_host_disable(struct weir_host *host, const char *name, uint64_t timeout_ns,
			    char problem[WI_PLUGIN_PROBLEM_SIZE]);

/* weir_host_reload(), of one plugin if `only` is not NULL. */
weir_status wi_host_reload(struct weir_host *host, const char *only,
			   char problem[WI_SECTIONS_PROBLEM_SIZE]);

uint64_t wi_host_now(void);

#endif
