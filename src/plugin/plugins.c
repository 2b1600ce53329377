/* SPDX-License-Identifier: MIT */
/* plugins.c - see plugins.h. */
#include "plugin/plugins.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/deadline.h"
#include "plugin/host_table.h"
#include "plugin/object.h"
#include "plugin/path.h"
#include "plugin/plugin.h"
#include "plugin/text.h"

struct wi_plugins {
	struct wi_plugin_home home;
	char **directories;
	size_t directory_count;
	pthread_mutex_t loading;        /* one load at a time; never held with `list` */
	pthread_mutex_t list;           /* for `first`, and for nothing that waits */
	struct wi_plugin *first;        /* in order of loading; none leaves before close */
	_Atomic uint64_t order;         /* of enables */
	pthread_t thread;
	_Atomic bool stop;
};

/* The one after it; NULL: the first. */
static struct wi_plugin *
next_of(struct wi_plugins *plugins, const struct wi_plugin *plugin)
{
	struct wi_plugin *next;

	pthread_mutex_lock(&plugins->list);
	next = plugin ? plugin->next : plugins->first;
	pthread_mutex_unlock(&plugins->list);
	return next;
}

static struct wi_plugin *
find(struct wi_plugins *plugins, const char *name)
{
	struct wi_plugin *plugin = NULL;

	while ((plugin = next_of(plugins, plugin)) && strcmp(plugin->host.name, name) != 0)
		;
	return plugin;
}

/*
 * Whoever waits for himself would wait for ever. Asking for the end of no subscription tells where
 * we are.
 */
static weir_status
refuse(const struct wi_plugins *plugins, const char *name, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	weir_status status = weir_unsubscribe_wait(plugins->home.bus, (weir_subscription){ 0 }, 0);

	if (wi_host_table_inside())
		status = WEIR_EDEADLK;
	if (status == WEIR_EDEADLK)
		return wi_text_problem(problem, status,
				       "plugin %s: not from a handler or a plugin's own function",
				       name);
	if (status == WEIR_EFORKED)
		return wi_text_problem(problem, status, "plugin %s: %s", name,
				       weir_status_text(status));
	return WEIR_OK;
}

/* Locked. */
static weir_status
take(struct wi_plugins *plugins, const char *name, struct wi_plugin **ret_plugin,
     char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	weir_status status = refuse(plugins, name, problem);

	if (status != WEIR_OK)
		return status;
	*ret_plugin = find(plugins, name);
	if (!*ret_plugin)
		return wi_text_problem(problem, WEIR_ENOENT,
				       "plugin %s: there is none of this name", name);
	wi_plugin_lock(*ret_plugin);
	return WEIR_OK;
}

/* -- the set's own thread --------------------------------------------------- */

/* One that is locked posts again when it is unlocked. */
static void *
work(void *context)
{
	struct wi_plugins *plugins = context;
	struct wi_plugin *plugin;

	while (!atomic_load(&plugins->stop)) {
		while (sem_wait(&plugins->home.work) != 0)
			;
		for (plugin = NULL; (plugin = next_of(plugins, plugin)); ) {
			if (!wi_plugin_needs_attention(plugin) || !wi_plugin_trylock(plugin))
				continue;
			wi_plugin_attend(plugin);
			wi_plugin_unlock(plugin);
		}
	}
	return NULL;
}

static weir_status
start(struct wi_plugins *plugins)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&plugins->thread, NULL, work, plugins);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		return WEIR_ENOMEM;
	pthread_setname_np(plugins->thread, "weir:plugins");
	return WEIR_OK;
}

/* -- open, close ------------------------------------------------------------ */

static void
give_back(struct wi_plugins *plugins)
{
	for (size_t i = 0; i < plugins->directory_count; i++)
		free(plugins->directories[i]);
	free(plugins->directories);
	pthread_mutex_destroy(&plugins->loading);
	pthread_mutex_destroy(&plugins->list);
	sem_destroy(&plugins->home.work);
	free(plugins);
}

static bool
copy_directories(struct wi_plugins *plugins, const struct wi_plugins_options *options)
{
	plugins->directories = calloc(options->directory_count + 1, sizeof *plugins->directories);
	if (!plugins->directories)
		return false;
	for (size_t i = 0; i < options->directory_count; i++) {
		plugins->directories[i] = strdup(options->directories[i]);
		if (!plugins->directories[i])
			return false;
		plugins->directory_count++;
	}
	return true;
}

weir_status
wi_plugins_open(const struct wi_plugins_options *options, struct wi_plugins **ret_plugins)
{
	struct wi_plugins *plugins = calloc(1, sizeof *plugins);
	weir_status status;

	if (!plugins)
		return WEIR_ENOMEM;
	plugins->home.bus = options->bus;
	pthread_mutex_init(&plugins->loading, NULL);
	pthread_mutex_init(&plugins->list, NULL);
	sem_init(&plugins->home.work, 0, 0);
	status = copy_directories(plugins, options)
			 ? wi_notices_init(&plugins->home.notices, options)
			 : WEIR_ENOMEM;
	if (status == WEIR_OK) {
		status = start(plugins);
		if (status == WEIR_OK) {
			*ret_plugins = plugins;
			return WEIR_OK;
		}
		wi_notices_close(&plugins->home.notices);
		wi_notices_fini(&plugins->home.notices);
	}
	give_back(plugins);
	return status;
}

static struct wi_plugin *
last_enabled(const struct wi_plugins *plugins, uint64_t before)
{
	struct wi_plugin *last = NULL;

	for (struct wi_plugin *plugin = plugins->first; plugin; plugin = plugin->next)
		if (plugin->order && plugin->order < before &&
		    (!last || plugin->order > last->order))
			last = plugin;
	return last;
}

/* Last enabled first. */
static void
disable_all(struct wi_plugins *plugins, uint64_t timeout_ns)
{
	uint64_t deadline = wi_deadline_after(timeout_ns), before = UINT64_MAX;
	char problem[WI_PLUGIN_PROBLEM_SIZE];
	struct wi_plugin *plugin;

	while ((plugin = last_enabled(plugins, before))) {
		before = plugin->order;
		wi_plugin_lock(plugin);
		wi_plugin_disable(plugin, wi_deadline_left(deadline), problem);
		wi_plugin_unlock(plugin);
	}
}

/* Those that are left could not be. */
static void
unload_all(struct wi_plugins *plugins)
{
	struct wi_plugin **at = &plugins->first;

	while (*at) {
		struct wi_plugin *next = (*at)->next;

		if (wi_plugin_destroy(*at)) {
			*at = next;
			continue;
		}
		wi_notices_log(&plugins->home.notices, 3, (*at)->host.name,
		               "a handler has not returned; what it may use is leaked");
		at = &(*at)->next;
	}
}

weir_status
wi_plugins_close(struct wi_plugins *plugins, uint64_t timeout_ns)
{
	char unused[WI_PLUGIN_PROBLEM_SIZE];
	weir_status status = refuse(plugins, "", unused);

	if (status != WEIR_OK)
		return status;
	atomic_store(&plugins->stop, true);
	sem_post(&plugins->home.work);
	pthread_join(plugins->thread, NULL);
	disable_all(plugins, timeout_ns);
	unload_all(plugins);
	wi_notices_close(&plugins->home.notices);
	if (plugins->first)
		return WEIR_ETIMEDOUT;
	wi_notices_fini(&plugins->home.notices);
	give_back(plugins);
	return WEIR_OK;
}

/* -- one plugin ------------------------------------------------------------- */

static weir_status
check_config(struct wi_plugins *plugins, const struct wi_plugin_config *config,
             char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	if (!config->name || !wi_text_is_name(config->name))
		return wi_text_problem(problem, WEIR_EINVAL,
				       "plugin %s: its name is not 1 to 64 of a-z 0-9 _ -",
				       config->name ? config->name : "");
	if (!config->file)
		return wi_text_problem(problem, WEIR_EINVAL, "plugin %s: no file is named",
				       config->name);
	if (find(plugins, config->name))
		return wi_text_problem(problem, WEIR_EINVAL,
				       "plugin %s: there is one of this name already",
				       config->name);
	return WEIR_OK;
}

static void
append(struct wi_plugins *plugins, struct wi_plugin *plugin)
{
	struct wi_plugin **at = &plugins->first;

	pthread_mutex_lock(&plugins->list);
	while (*at)
		at = &(*at)->next;
	*at = plugin;
	pthread_mutex_unlock(&plugins->list);
}

/* With `loading`, so that the name stays free until the plugin is listed. */
static weir_status
load(struct wi_plugins *plugins, const struct wi_plugin_config *config,
     char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	const weir_plugin *descriptor;
	struct wi_plugin *plugin;
	char path[PATH_MAX];
	weir_status status = check_config(plugins, config, problem);

	if (status == WEIR_OK)
		status = wi_path_find(config->file, (const char *const *)plugins->directories,
		                      plugins->directory_count, path, problem);
	if (status != WEIR_OK)
		return status;
	wi_host_table_enter(NULL, false);
	status = wi_object_open(path, &descriptor, problem);
	wi_host_table_leave();
	if (status == WEIR_OK)
		status = wi_plugin_create(&plugins->home, config, path, descriptor, &plugin,
					  problem);
	if (status != WEIR_OK)
		return status;
	append(plugins, plugin);
	return WEIR_OK;
}

weir_status
wi_plugins_load(struct wi_plugins *plugins, const struct wi_plugin_config *config,
                char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	weir_status status = refuse(plugins, config->name ? config->name : "", problem);

	if (status != WEIR_OK)
		return status;
	pthread_mutex_lock(&plugins->loading);
	status = load(plugins, config, problem);
	pthread_mutex_unlock(&plugins->loading);
	return status;
}

weir_status
wi_plugins_enable(struct wi_plugins *plugins, const char *name,
		  char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	struct wi_plugin *plugin;
	weir_status status = take(plugins, name, &plugin, problem);

	if (status != WEIR_OK)
		return status;
	status = wi_plugin_enable(plugin, atomic_fetch_add(&plugins->order, 1) + 1, problem);
	wi_plugin_unlock(plugin);
	return status;
}

weir_status
wi_plugins_disable(struct wi_plugins *plugins, const char *name, uint64_t timeout_ns,
                   char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	struct wi_plugin *plugin;
	weir_status status = take(plugins, name, &plugin, problem);

	if (status != WEIR_OK)
		return status;
	status = wi_plugin_disable(plugin, timeout_ns, problem);
	wi_plugin_unlock(plugin);
	return status;
}

weir_status
wi_plugins_reconfigure(struct wi_plugins *plugins, const struct wi_plugin_config *config,
                       char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	struct wi_plugin *plugin;
	weir_status status = take(plugins, config->name, &plugin, problem);

	if (status != WEIR_OK)
		return status;
	status = wi_plugin_reconfigure(plugin, config, problem);
	wi_plugin_unlock(plugin);
	return status;
}

void
wi_plugins_each(struct wi_plugins *plugins,
                int (*visit)(void *context, const struct wi_plugin_info *info), void *context)
{
	char problem[WI_PLUGIN_PROBLEM_SIZE];
	struct wi_plugin_info info;

	if (refuse(plugins, "", problem) != WEIR_OK)
		return;
	for (struct wi_plugin *plugin = NULL; (plugin = next_of(plugins, plugin)); ) {
		wi_plugin_describe(plugin, &info, problem);
		if (visit(context, &info) != 0)
			return;
	}
}
