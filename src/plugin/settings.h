/* SPDX-License-Identifier: MIT */
/* settings.h - a copy of what one [plugin.NAME] says to the plugin. */
#ifndef WI_PLUGIN_SETTINGS_H
#define WI_PLUGIN_SETTINGS_H

#include <stdbool.h>

#include "plugin/plugins.h"

struct wi_settings {
	struct wi_setting *each;
	size_t count;
};

bool wi_settings_copy(struct wi_settings *settings, const struct wi_setting *from, size_t count);
void wi_settings_fini(struct wi_settings *settings);

/* NULL: there is none. Of several, the last. */
const char *wi_settings_get(const struct wi_settings *settings, const char *key);

#endif
