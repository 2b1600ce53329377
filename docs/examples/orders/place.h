/* SPDX-License-Identifier: MIT */
/*
 * place.h - the directories of a run: that of the socket, the plugins and the configuration, which
 *           is made now and removed when the program exits, and that of the databases, which may be
 *           kept.
 */
#ifndef ORDERS_PLACE_H
#define ORDERS_PLACE_H

#include <limits.h>
#include <stdbool.h>

struct place {
	char run[PATH_MAX], data[PATH_MAX];
};

/* keep: where the databases stay, made if it is not there, otherwise empty; NULL: nowhere. */
void place_open(struct place *place, const char *keep);

/* A copy of the file, with the names of the directories, in place->run; to be given to free(). */
char *place_configure(const struct place *place, const char *file);

/* A plugin's object as place->run/plugins/NAME.so: a host loads none that others may write. */
void place_add_plugin(const struct place *place, const char *file, const char *name);

/* A file in place->run that nobody else may read; its path, to be given to free(). */
char *place_keep_secret(const struct place *place, const char *name, const char *text);

/* DIRECTORY/NAME, to be given to free(). */
char *place_path(const char *directory, const char *name);

#endif
