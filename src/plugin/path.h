/* SPDX-License-Identifier: MIT */
/* path.h - a file that nobody but root and this user can have put there. */
#ifndef WI_PLUGIN_PATH_H
#define WI_PLUGIN_PATH_H

#include <limits.h>
#include <stddef.h>
#include <sys/stat.h>

#include "plugin/plugins.h"

/*
 * Opens `path` for reading, one component after the other, from the root on. Every directory and
 * the file must belong to root or to the effective user, and be writable by neither group nor
 * others; a directory of root with the sticky bit (/tmp) may be on the way, but not hold the file.
 * No component may be a symbolic link, "." or "..". What was checked is what is open: a path that
 * changes meanwhile leads to another file that passes, or to a refusal.
 * Returns: WEIR_OK, WEIR_ENOENT, WEIR_EINVAL (refused), WEIR_EIO.
 */
weir_status wi_path_open(const char *path, int *ret_fd, struct stat *ret_stat,
                         char problem[WI_PLUGIN_PROBLEM_SIZE]);

/*
 * `file`, or where it is in the directories if it is a bare name, [A-Za-z0-9_-] with or without
 * ".so": the first that is there, whatever it is.
 * Returns: WEIR_OK, WEIR_ENOENT, WEIR_EINVAL.
 */
weir_status wi_path_find(const char *file, const char *const *directories, size_t directory_count,
                         char ret_path[PATH_MAX], char problem[WI_PLUGIN_PROBLEM_SIZE]);

#endif
