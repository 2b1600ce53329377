/* SPDX-License-Identifier: MIT */
/* host_tables.c - see host_tables.h. */
#include "host_tables.h"

#include "table.h"

#include <jansson.h>
#include <string.h>

enum { PLUGIN_COLUMNS = 6, POOL_COLUMNS = 7 };

/* One that has failed says why; one that works, how it is. */
static void
add_note(json_t *plugin)
{
	const char *state = json_string_value(json_object_get(plugin, "state"));
	const char *problem = json_string_value(json_object_get(plugin, "problem"));
	json_t *note = json_object_get(json_object_get(plugin, "health"), "text");

	if (state != NULL && strcmp(state, "failed") == 0 && problem != NULL && *problem != '\0')
		note = json_object_get(plugin, "problem");
	json_object_set(plugin, "note", note);
}

void
wi_host_tables_plugins(FILE *stream, const json_t *plugins)
{
	static const struct wi_table_column columns[PLUGIN_COLUMNS] = {
		{"plugin", "name"}, {"state", "state"},   {"pool", "pool"},
		{"ok", "ok"},       {"failed", "failed"}, {"health", "note"}};

	for (size_t i = 0; i < json_array_size(plugins); i++)
		add_note(json_array_get(plugins, i));
	wi_table_write(stream, plugins, columns, PLUGIN_COLUMNS);
}

void
wi_host_tables_pools(FILE *stream, const json_t *pools)
{
	static const struct wi_table_column columns[POOL_COLUMNS] = {{"pool", "name"},
								     {"seen", "seen"},
								     {"waiting", "waiting"},
								     {"routed", "routed"},
								     {"skipped", "skipped_behind"},
								     {"stuck", "stuck"},
								     {"after", "after"}};

	wi_table_write(stream, pools, columns, POOL_COLUMNS);
}
