/* SPDX-License-Identifier: MIT */
/* object.h - a shared object in memory, and the descriptor that it gives. */
#ifndef WI_PLUGIN_OBJECT_H
#define WI_PLUGIN_OBJECT_H

#include "plugin/plugins.h"

/*
 * Checks the file (path.h, image.h), maps it, asks for the descriptor and checks that. Objects are
 * the process's: the same file a second time is the same object, and none is ever unmapped; an
 * object whose descriptor is refused stays mapped, too. Constructors of the object run here, and
 * weir_plugin_get(). Any thread; one at a time.
 * Returns: WEIR_OK, WEIR_ENOENT (no such file), WEIR_EINVAL (refused), WEIR_ENOMEM, WEIR_EIO (the
 * loader fails).
 */
weir_status wi_object_open(const char *path, const weir_plugin **ret_descriptor,
                           char problem[WI_PLUGIN_PROBLEM_SIZE]);

#endif
