/* SPDX-License-Identifier: MIT */
/* settings.h - the texts of a [plugin.NAME] section as spool, channels and rules. */
#ifndef WI_NOTIFY_SETTINGS_H
#define WI_NOTIFY_SETTINGS_H

#include <stdbool.h>

#include "channel.h"
#include "rules.h"
#include "spool.h"

enum { WI_NOTIFY_CHANNELS_MAX = 64 };

struct wi_notify_settings {
	struct wi_spool_options spool;          /* whose path is here: */
	char *path, *source, *type_prefix;      /* source and type_prefix: NULL if not given */
	struct wi_channel channels[WI_NOTIFY_CHANNELS_MAX];
	uint32_t channel_count;
	struct wi_rules *rules;
};

/* False: no memory. */
bool wi_notify_settings_init(struct wi_notify_settings *settings);
/* False: ret_problem says what is wrong with the key or the value. */
bool wi_notify_settings_take(struct wi_notify_settings *settings, const char *key,
                             const char *value, char ret_problem[WI_NOTIFY_PROBLEM_SIZE]);
/* After the last one: is all there that must be? The files that channels name are read. */
bool wi_notify_settings_end(struct wi_notify_settings *settings,
                            char ret_problem[WI_NOTIFY_PROBLEM_SIZE]);
void wi_notify_settings_fini(struct wi_notify_settings *settings);

#endif
