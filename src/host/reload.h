/* SPDX-License-Identifier: MIT */
/*
 * reload.h - from what runs to what a new configuration says, all of it or nothing.
 *
 * In this order: pools are opened, objects loaded, plugins given their new settings, plugins
 * enabled; and at last, since it is not undone, plugins are disabled. What fails undoes what was
 * before it.
 */
#ifndef WI_HOST_RELOAD_H
#define WI_HOST_RELOAD_H

#include "host.h"

/*
 * With wi_host_begin(all). Takes `config`, whatever comes of it. only: the one plugin that is
 * meant, which is given its settings even if they are the same; nothing else of the file may then
 * have changed. NULL: all.
 */
weir_status wi_reload(struct weir_host *host, struct wi_config *config, const char *only,
		      char problem[WI_SECTIONS_PROBLEM_SIZE]);

#endif
