/* SPDX-License-Identifier: MIT */
/* settings.h - the texts of a [plugin.NAME] section as the options of a journal. */
#ifndef WI_JOURNAL_SETTINGS_H
#define WI_JOURNAL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include <weir/journal.h>

enum { WI_SETTINGS_TOPICS_MAX = 64 };

struct wi_settings {
	weir_journal_options options;   /* whose texts are here: */
	char *path, *topics;
	const char *topic[WI_SETTINGS_TOPICS_MAX];
};

void wi_settings_init(struct wi_settings *settings);
/* False: ret_problem says what is wrong with the key or the value. */
bool wi_settings_take(struct wi_settings *settings, const char *key, const char *value,
                      char *ret_problem, size_t size);
/* After the last one: is what must be there? */
bool wi_settings_end(const struct wi_settings *settings, char *ret_problem, size_t size);
void wi_settings_fini(struct wi_settings *settings);

#endif
