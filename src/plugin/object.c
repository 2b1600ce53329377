/* SPDX-License-Identifier: MIT */
/* object.c - see object.h. */
#include "plugin/object.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/image.h"
#include "plugin/path.h"
#include "plugin/text.h"

/*
 * The loader is given the descriptor that was checked, by the name "/proc/self/fd/N". It knows
 * objects by name: were N closed and used again for another file, it would answer with the first
 * one's code. So N stays open as long as the process.
 */
struct object {
	dev_t device;
	ino_t inode;
	int fd;
	void *handle;
	struct object *next;
};

/* All that the loader has seen: it is one for the process, and so is this. */
static struct object *objects;
static pthread_mutex_t objects_lock = PTHREAD_MUTEX_INITIALIZER;

static struct object *
find(const struct stat *stat)
{
	struct object *object = objects;

	while (object && (object->device != stat->st_dev || object->inode != stat->st_ino))
		object = object->next;
	return object;
}

static weir_status
map(struct object *object, const char *path, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	const char *error;
	char name[40];

	snprintf(name, sizeof name, "/proc/self/fd/%d", object->fd);
	object->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (object->handle)
		return WEIR_OK;
	error = dlerror();
	wi_text_problem(problem, WEIR_EIO, "%s: %s", path, error ? error : "cannot be loaded");
	wi_text_replace(problem, WI_PLUGIN_PROBLEM_SIZE, name, "the file");
	return WEIR_EIO;
}

/* Takes the fd. */
static weir_status
add(int fd, const struct stat *stat, const char *path, struct object **ret_object,
    char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	const char *wrong = wi_image_problem(fd, (uint64_t)stat->st_size);
	struct object *object = malloc(sizeof *object);
	weir_status status = WEIR_OK;

	if (wrong)
		status = wi_text_problem(problem, WEIR_EINVAL, "%s: %s", path, wrong);
	else if (!object)
		status = wi_text_problem(problem, WEIR_ENOMEM, "%s: out of memory", path);
	if (status == WEIR_OK) {
		*object = (struct object){ stat->st_dev, stat->st_ino, fd, NULL, objects };
		status = map(object, path, problem);
	}
	if (status != WEIR_OK) {
		free(object);
		close(fd);
		return status;
	}
	*ret_object = objects = object;
	return WEIR_OK;
}

static weir_status
open_object(const char *path, struct object **ret_object, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	struct object *known;
	struct stat stat;
	weir_status status;
	int fd;

	status = wi_path_open(path, &fd, &stat, problem);
	if (status != WEIR_OK)
		return status;
	known = find(&stat);
	if (!known)
		return add(fd, &stat, path, ret_object, problem);
	close(fd);
	*ret_object = known;
	return WEIR_OK;
}

/* -- the descriptor --------------------------------------------------------- */

static weir_status
check(const weir_plugin *plugin, const char *path, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	if (!plugin)
		return wi_text_problem(problem, WEIR_EINVAL, "%s: weir_plugin_get() gives NULL",
				       path);
	/* First: what else there is depends on it. */
	if (plugin->abi != WEIR_PLUGIN_ABI)
		return wi_text_problem(
			problem, WEIR_EINVAL,
			"%s: made for plugin ABI %u, and this program has %u: compile it again",
			path, plugin->abi, WEIR_PLUGIN_ABI);
	if (plugin->size < sizeof *plugin)
		return wi_text_problem(problem, WEIR_EINVAL,
				       "%s: its descriptor has %u bytes, and %zu are the fewest",
				       path, plugin->size, sizeof *plugin);
	if (!plugin->name || !wi_text_is_name(plugin->name))
		return wi_text_problem(
			problem, WEIR_EINVAL,
			"%s: the name in its descriptor is not 1 to 64 of a-z 0-9 _ -", path);
	if (!plugin->enable)
		return wi_text_problem(problem, WEIR_EINVAL, "%s: its descriptor has no enable",
				       path);
	if (plugin->flags & ~(uint64_t)WEIR_PLUGIN_BLOCKS)
		return wi_text_problem(problem, WEIR_EINVAL, "%s: flags %#llx are unknown here",
				       path, (unsigned long long)plugin->flags);
	return WEIR_OK;
}

weir_status
wi_object_open(const char *path, const weir_plugin **ret_descriptor,
               char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	const weir_plugin *plugin;
	struct object *object;
	weir_plugin_get_fn get;
	weir_status status;
	void *symbol;

	pthread_mutex_lock(&objects_lock);
	status = open_object(path, &object, problem);
	pthread_mutex_unlock(&objects_lock);
	if (status != WEIR_OK)
		return status;
	symbol = dlsym(object->handle, "weir_plugin_get");
	if (!symbol)
		return wi_text_problem(problem, WEIR_EINVAL,
				       "%s: no plugin: it has no weir_plugin_get()", path);
	memcpy(&get, &symbol, sizeof get);
	plugin = get();
	status = check(plugin, path, problem);
	if (status == WEIR_OK)
		*ret_descriptor = plugin;
	return status;
}
