/* SPDX-License-Identifier: MIT */
/* settings.c - see settings.h. */
#include "plugin/settings.h"

#include <stdlib.h>
#include <string.h>

bool
wi_settings_copy(struct wi_settings *settings, const struct wi_setting *from, size_t count)
{
	*settings = (struct wi_settings){ calloc(count + 1, sizeof *settings->each), 0 };
	if (!settings->each)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct wi_setting *to = &settings->each[settings->count++];

		to->key = strdup(from[i].key);
		to->value = strdup(from[i].value);
		if (!to->key || !to->value) {
			wi_settings_fini(settings);
			return false;
		}
	}
	return true;
}

void
wi_settings_fini(struct wi_settings *settings)
{
	for (size_t i = 0; i < settings->count; i++) {
		free((char *)settings->each[i].key);
		free((char *)settings->each[i].value);
	}
	free(settings->each);
	*settings = (struct wi_settings){ NULL, 0 };
}

const char *
wi_settings_get(const struct wi_settings *settings, const char *key)
{
	for (size_t i = settings->count; i-- > 0; )
		if (strcmp(settings->each[i].key, key) == 0)
			return settings->each[i].value;
	return NULL;
}
