/* SPDX-License-Identifier: MIT */
/* host_table.h - the functions that a plugin is given, and who is inside a plugin's own. */
#ifndef WI_PLUGIN_HOST_TABLE_H
#define WI_PLUGIN_HOST_TABLE_H

#include "plugin/plugin.h"

void wi_host_table_init(struct wi_plugin *plugin, const char *name);

/*
 * Around each call of a function of the plugin's descriptor. `may_ask`: for settings, and say why
 * it fails. NULL: of an object that is no plugin yet.
 */
void wi_host_table_enter(struct wi_plugin *plugin, bool may_ask);
void wi_host_table_leave(void);

/* This thread is between the two. */
bool wi_host_table_inside(void);

#endif
