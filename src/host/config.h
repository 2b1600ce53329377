/* SPDX-License-Identifier: MIT */
/*
 * config.h - what a configuration file means: bus, control socket, pools, plugins; all
 *            of it checked.
 *
 * A checked file may still meet a system that has no memory, or a plugin that refuses its settings.
 */
#ifndef WI_HOST_CONFIG_H
#define WI_HOST_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/weir.h>

#include "plugin/plugins.h"
#include "pools.h"
#include "sections.h"

struct wi_config_pool {
	struct wi_pool_spec spec;
	const struct wi_section *section;
};

struct wi_config_plugin {
	const char *name, *file;
	const char *pool; /* "default" if it names none */
	bool enabled;
	uint64_t failures_max;
	struct wi_setting *settings; /* the plugin's own */
	size_t setting_count;
	const struct wi_section *section;
};

struct wi_config {
	atomic_uint references;
	struct wi_sections sections; /* owns all text */
	/* [bus]; 0 and NULL: the engine's default. */
	const char *name, *stats_dir;
	uint64_t ring_size, producer_count_max, topic_count_max, hop_count_max;
	weir_clock clock;
	weir_fence fence;
	const char *socket; /* [control]; NULL: where the host finds a place; "": none */
	char **directories; /* [plugins] path */
	size_t directory_count;
	struct wi_config_pool first;  /* [pool.default] */
	struct wi_config_pool *pools; /* each behind those that it is `after` */
	size_t pool_count;
	struct wi_config_plugin *plugins;
	size_t plugin_count;
};

/*
 * Reads and checks all of it. has_bus: the program has a bus of its own, so the file must not
 * describe one, and pools and plugins may name pools of that bus. NULL: `problem` says why, as
 * FILE:LINE.
 */
struct wi_config *wi_config_read(const char *file, weir_bus *has_bus,
				 char problem[WI_SECTIONS_PROBLEM_SIZE]);
/* Gives a reference back; the last one frees. May be NULL. */
void wi_config_free(struct wi_config *config);

const struct wi_config_plugin *wi_config_plugin(const struct wi_config *config, const char *name);
const struct wi_config_pool *wi_config_pool(const struct wi_config *config, const char *name);

#endif
