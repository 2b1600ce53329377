/* SPDX-License-Identifier: MIT */
/* rig.h - a bus, a set of plugins, and what was logged and published of them. */
#ifndef WI_TESTS_PLUGIN_RIG_H
#define WI_TESTS_PLUGIN_RIG_H

#include "module.h"
#include "plugin/plugins.h"
#include "support.h"

#define RIG_CONTROLS 4

struct rig {
	weir_bus *bus;
	weir_producer *producer;
	weir_topic topic;               /* "load.after.create" */
	struct wi_plugins *plugins;
	char directory[64];             /* only this user may write to it */
	char problem[WI_PLUGIN_PROBLEM_SIZE];
};

/*
 * A bus and an empty directory with the modules of the build that are named ("good.so", ..., NULL).
 */
void rig_open(struct rig *rig, const char *const *modules);
/* Closes; the books balance; the directory is removed. */
void rig_close(struct rig *rig);

/* Text that is valid until the fourth call after this. */
const char *rig_path(const struct rig *rig, const char *file);
void rig_copy(const struct rig *rig, const char *from, const char *to);
void rig_remove(const char *directory);

weir_status rig_load(struct rig *rig, const char *name, const char *file, struct control *control,
                     uint32_t failures_max);
/* `seen`: the setting of that name; NULL: none. */
weir_status rig_reconfigure(struct rig *rig, const char *name, const char *file,
			    struct control *control, const char *seen, weir_pool *pool,
			    uint32_t failures_max);
weir_status rig_enable(struct rig *rig, const char *name);
weir_status rig_disable(struct rig *rig, const char *name, uint64_t timeout_ns);
struct wi_plugin_info rig_info(struct rig *rig, const char *name);
/* Waits for it. */
void rig_await_state(struct rig *rig, const char *name, enum wi_plugin_state state);

void rig_publish(struct rig *rig, uint64_t count);
void rig_flush(struct rig *rig);

/* The bus has so many subscriptions, beside the rig's own. */
void rig_check_subscriptions(struct rig *rig, uint64_t count);

/* The log and the events since the last clear hold this text. */
bool rig_logged(const char *text);
bool rig_told(const char *text);
void rig_forget(void);

#endif
