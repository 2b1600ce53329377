/* SPDX-License-Identifier: MIT */
/* plugin.c - see plugin.h. */
#include "plugin/plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/host_table.h"
#include "plugin/text.h"

/* How long an enable that failed and a reconfigure wait for handlers. */
#define SWITCH_NS 5000000000u

#define LEVEL_ERROR 3
#define LEVEL_WARNING 4
#define LEVEL_INFO 6

/* -- facts ------------------------------------------------------------------ */

enum wi_plugin_state
wi_plugin_state(struct wi_plugin *plugin)
{
	enum wi_plugin_state state;

	pthread_mutex_lock(&plugin->facts);
	state = plugin->state;
	pthread_mutex_unlock(&plugin->facts);
	return state;
}

/* `problem`: NULL leaves it, "" clears it. */
static void
set_state(struct wi_plugin *plugin, enum wi_plugin_state state, bool failed, const char *problem)
{
	pthread_mutex_lock(&plugin->facts);
	plugin->state = state;
	plugin->failed = failed;
	if (problem)
		snprintf(plugin->problem, sizeof plugin->problem, "%s", problem);
	pthread_mutex_unlock(&plugin->facts);
}

static bool
has_failed(struct wi_plugin *plugin)
{
	bool failed;

	pthread_mutex_lock(&plugin->facts);
	failed = plugin->failed;
	pthread_mutex_unlock(&plugin->facts);
	return failed;
}

static bool
check_pool(const struct wi_plugin_home *home, const struct wi_plugin_config *config,
           const weir_plugin *descriptor, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	if (!(descriptor->flags & WEIR_PLUGIN_BLOCKS) ||
	    (config->pool && config->pool != weir_bus_default_pool(home->bus)))
		return true;
	wi_text_problem(
		problem, WEIR_EINVAL,
		"plugin %s: its handlers wait (for disks, networks, locks): it needs a pool of its "
		"own, not the default one",
		config->name);
	return false;
}

static weir_pool *
pool_of(const struct wi_plugin_home *home, const struct wi_plugin_config *config)
{
	return config->pool ? config->pool : weir_bus_default_pool(home->bus);
}

/* -- load ------------------------------------------------------------------- */

static void
give_back(struct wi_plugin *plugin)
{
	wi_plugin_subscriptions_fini(&plugin->subscriptions);
	pthread_mutex_destroy(&plugin->facts);
	pthread_mutex_destroy(&plugin->calls);
	wi_settings_fini(&plugin->settings);
	free((char *)plugin->host.name);
	free(plugin->file);
	free(plugin->path);
	free(plugin);
}

static struct wi_plugin *
make(struct wi_plugin_home *home, const struct wi_plugin_config *config, const char *path,
     const weir_plugin *descriptor)
{
	struct wi_plugin *plugin = calloc(1, sizeof *plugin);

	if (!plugin)
		return NULL;
	plugin->home = home;
	plugin->descriptor = descriptor;
	plugin->file = strdup(config->file);
	plugin->path = strdup(path);
	plugin->pool = pool_of(home, config);
	pthread_mutex_init(&plugin->calls, NULL);
	pthread_mutex_init(&plugin->facts, NULL);
	wi_plugin_subscriptions_init(&plugin->subscriptions, home->bus, &home->work);
	atomic_store(&plugin->subscriptions.streak.max, config->failures_max);
	wi_host_table_init(plugin, strdup(config->name));
	if (plugin->file && plugin->path && plugin->host.name &&
	    wi_settings_copy(&plugin->settings, config->settings, config->setting_count))
		return plugin;
	give_back(plugin);
	return NULL;
}

/* What the plugin said of its failure; if that is nothing, its code. */
static const char *
reason(struct wi_plugin *plugin, int result)
{
	if (!plugin->said[0])
		snprintf(plugin->said, sizeof plugin->said, "code %d", result);
	return plugin->said;
}

static int
call(struct wi_plugin *plugin, int (*function)(void *context, const weir_plugin_host *host))
{
	int result;

	plugin->said[0] = '\0';
	wi_host_table_enter(plugin, true);
	result = function(plugin->context, &plugin->host);
	wi_host_table_leave();
	return result;
}

static void
call_void(struct wi_plugin *plugin, void (*function)(void *context, const weir_plugin_host *host))
{
	if (!function)
		return;
	wi_host_table_enter(plugin, false);
	function(plugin->context, &plugin->host);
	wi_host_table_leave();
}

weir_status
wi_plugin_create(struct wi_plugin_home *home, const struct wi_plugin_config *config,
		 const char *path, const weir_plugin *descriptor, struct wi_plugin **ret_plugin,
		 char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	struct wi_plugin *plugin;
	int result = 0;

	if (!check_pool(home, config, descriptor, problem))
		return WEIR_EINVAL;
	plugin = make(home, config, path, descriptor);
	if (!plugin)
		return wi_text_problem(problem, WEIR_ENOMEM, "plugin %s: out of memory",
				       config->name);
	wi_host_table_enter(plugin, true);
	if (descriptor->load)
		result = descriptor->load(&plugin->host, &plugin->context);
	wi_host_table_leave();
	if (result != 0) {
		wi_text_problem(problem, WEIR_EIO, "plugin %s: load failed: %s", config->name,
		                reason(plugin, result));
		give_back(plugin);
		return WEIR_EIO;
	}
	*ret_plugin = plugin;
	return WEIR_OK;
}

bool
wi_plugin_destroy(struct wi_plugin *plugin)
{
	enum wi_plugin_state state = wi_plugin_state(plugin);

	if (state == WI_PLUGIN_ENABLED || state == WI_PLUGIN_DRAINING)
		return false;
	call_void(plugin, plugin->descriptor->unload);
	give_back(plugin);
	return true;
}

/* -- one call at a time ----------------------------------------------------- */

void
wi_plugin_lock(struct wi_plugin *plugin)
{
	pthread_mutex_lock(&plugin->calls);
}

bool
wi_plugin_trylock(struct wi_plugin *plugin)
{
	return pthread_mutex_trylock(&plugin->calls) == 0;
}

void
wi_plugin_unlock(struct wi_plugin *plugin)
{
	pthread_mutex_unlock(&plugin->calls);
	if (wi_plugin_needs_attention(plugin))
		sem_post(&plugin->home->work);
}

/* -- disable ---------------------------------------------------------------- */

/* Nothing of it runs. */
static void
finish(struct wi_plugin *plugin)
{
	bool was_enabled = plugin->enabled;

	if (was_enabled)
		call_void(plugin, plugin->descriptor->disable);
	plugin->enabled = false;
	set_state(plugin, has_failed(plugin) ? WI_PLUGIN_FAILED : WI_PLUGIN_LOADED, false, NULL);
	if (!was_enabled)
		return;
	wi_notices_log(&plugin->home->notices, LEVEL_INFO, plugin->host.name, "disabled");
	wi_notices_tell(&plugin->home->notices, WI_NOTICE_DISABLED, plugin->host.name, NULL);
}

static weir_status
drain(struct wi_plugin *plugin, uint64_t timeout_ns, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	weir_status status;

	set_state(plugin, WI_PLUGIN_DRAINING, has_failed(plugin), NULL);
	status = wi_plugin_subscriptions_end(&plugin->subscriptions, timeout_ns);
	if (status == WEIR_OK)
		finish(plugin);
	else if (status == WEIR_ETIMEDOUT)
		wi_text_problem(
			problem, status,
			"plugin %s: a handler has not returned; it is disabled when it does",
			plugin->host.name);
	else
		wi_text_problem(problem, status, "plugin %s: %s", plugin->host.name,
		                weir_status_text(status));
	return status;
}

weir_status
wi_plugin_disable(struct wi_plugin *plugin, uint64_t timeout_ns,
		  char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	enum wi_plugin_state state = wi_plugin_state(plugin);

	if (state == WI_PLUGIN_LOADED || state == WI_PLUGIN_FAILED)
		return WEIR_OK;
	return drain(plugin, timeout_ns, problem);
}

/* -- enable ----------------------------------------------------------------- */

static weir_status
refuse_draining(const struct wi_plugin *plugin, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	return wi_text_problem(problem, WEIR_EBUSY,
	                       "plugin %s: it is being disabled, and a handler has not returned",
	                       plugin->host.name);
}

static weir_status
enable_failed(struct wi_plugin *plugin, int result, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	const char *name = plugin->host.name, *why = reason(plugin, result);
	char unused[WI_PLUGIN_PROBLEM_SIZE];

	wi_text_problem(problem, WEIR_EIO, "plugin %s: enable failed: %s", name, why);
	set_state(plugin, WI_PLUGIN_DRAINING, true, problem);
	drain(plugin, SWITCH_NS, unused);
	wi_notices_log(&plugin->home->notices, LEVEL_ERROR, name, "enable failed: %s", why);
	wi_notices_tell(&plugin->home->notices, WI_NOTICE_ENABLE_FAILED, name, why);
	return WEIR_EIO;
}

weir_status
wi_plugin_enable(struct wi_plugin *plugin, uint64_t order, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	int result;

	switch (wi_plugin_state(plugin)) {
	case WI_PLUGIN_ENABLED:
		return WEIR_OK;
	case WI_PLUGIN_DRAINING:
		return refuse_draining(plugin, problem);
	default:
		break;
	}
	wi_plugin_subscriptions_open(&plugin->subscriptions);
	result = call(plugin, plugin->descriptor->enable);
	if (result != 0)
		return enable_failed(plugin, result, problem);
	plugin->enabled = true;
	plugin->order = order;
	set_state(plugin, WI_PLUGIN_ENABLED, false, "");
	wi_notices_log(&plugin->home->notices, LEVEL_INFO, plugin->host.name, "enabled");
	wi_notices_tell(&plugin->home->notices, WI_NOTICE_ENABLED, plugin->host.name, NULL);
	return WEIR_OK;
}

/* -- reconfigure ------------------------------------------------------------ */

/* What a configuration says, beside its name and file. */
struct terms {
	struct wi_settings settings;
	weir_pool *pool;
	uint32_t failures_max;
};

static void
swap(struct wi_plugin *plugin, struct terms *terms)
{
	struct terms before = { plugin->settings, plugin->pool,
	                        atomic_load(&plugin->subscriptions.streak.max) };

	plugin->settings = terms->settings;
	plugin->pool = terms->pool;
	atomic_store(&plugin->subscriptions.streak.max, terms->failures_max);
	*terms = before;
}

static weir_status
switch_running(struct wi_plugin *plugin, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	weir_status status = WEIR_OK;
	int result;

	plugin->reconfiguring = true;
	result = call(plugin, plugin->descriptor->reconfigure);
	plugin->reconfiguring = false;
	if (result == 0) {
		wi_plugin_subscriptions_keep(&plugin->subscriptions);
		return WEIR_OK;
	}
	status = wi_text_problem(problem, WEIR_EIO, "plugin %s: it refuses the new settings: %s",
	                         plugin->host.name, reason(plugin, result));
	wi_plugin_subscriptions_undo(&plugin->subscriptions, SWITCH_NS);
	return status;
}

/* Off and on. Should it fail, the settings of before are tried again. */
static weir_status
switch_over(struct wi_plugin *plugin, struct terms *terms, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	char unused[WI_PLUGIN_PROBLEM_SIZE];
	uint64_t order = plugin->order;
	weir_status status;

	status = drain(plugin, SWITCH_NS, problem);
	if (status == WEIR_OK)
		status = wi_plugin_enable(plugin, order, problem);
	if (status != WEIR_EIO)
		return status;
	swap(plugin, terms);
	wi_plugin_enable(plugin, order, unused);
	swap(plugin, terms);
	return status;
}

static weir_status
apply(struct wi_plugin *plugin, struct terms *terms, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	bool moves = terms->pool != plugin->pool;
	weir_status status;

	if (wi_plugin_state(plugin) == WI_PLUGIN_DRAINING)
		return refuse_draining(plugin, problem);
	swap(plugin, terms);
	if (wi_plugin_state(plugin) != WI_PLUGIN_ENABLED)
		status = WEIR_OK;
	else if (moves || !plugin->descriptor->reconfigure)
		status = switch_over(plugin, terms, problem);
	else
		status = switch_running(plugin, problem);
	if (status != WEIR_OK)
		swap(plugin, terms);
	return status;
}

weir_status
wi_plugin_reconfigure(struct wi_plugin *plugin, const struct wi_plugin_config *config,
                      char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	struct terms terms = { .pool = pool_of(plugin->home, config),
	                       .failures_max = config->failures_max };
	weir_status status;

	if (strcmp(config->file, plugin->file) != 0)
		return wi_text_problem(problem, WEIR_EINVAL,
				       "plugin %s: the file cannot change, from %s to %s: "
				       "load it under another name",
				       plugin->host.name, plugin->file, config->file);
	if (!check_pool(plugin->home, config, plugin->descriptor, problem))
		return WEIR_EINVAL;
	if (!wi_settings_copy(&terms.settings, config->settings, config->setting_count))
		return wi_text_problem(problem, WEIR_ENOMEM, "plugin %s: out of memory",
				       plugin->host.name);
	status = apply(plugin, &terms, problem);
	wi_settings_fini(&terms.settings);      /* of before, or those refused */
	return status;
}

/* -- what happens by itself ------------------------------------------------- */

bool
wi_plugin_needs_attention(struct wi_plugin *plugin)
{
	return wi_plugin_subscriptions_ended(&plugin->subscriptions) ||
	       (atomic_load(&plugin->subscriptions.streak.reached) &&
	        wi_plugin_state(plugin) == WI_PLUGIN_ENABLED);
}

static void
stop_failing(struct wi_plugin *plugin)
{
	struct wi_streak *streak = &plugin->subscriptions.streak;
	char text[WI_PLUGIN_PROBLEM_SIZE], unused[WI_PLUGIN_PROBLEM_SIZE];

	wi_text_problem(text, WEIR_EIO,
			"disabled after %u failures in a row, the last with code %d",
			atomic_load(&streak->max), atomic_load(&streak->code));
	set_state(plugin, WI_PLUGIN_DRAINING, true, text);
	wi_notices_log(&plugin->home->notices, LEVEL_ERROR, plugin->host.name, "%s", text);
	wi_notices_tell(&plugin->home->notices, WI_NOTICE_RUN_FAILED, plugin->host.name, text);
	drain(plugin, 0, unused);
}

void
wi_plugin_attend(struct wi_plugin *plugin)
{
	char unused[WI_PLUGIN_PROBLEM_SIZE];

	if (wi_plugin_subscriptions_ended(&plugin->subscriptions))
		drain(plugin, 0, unused);
	else if (wi_plugin_needs_attention(plugin))
		stop_failing(plugin);
}

/* -- looking ---------------------------------------------------------------- */

static void
set_health(weir_plugin_health *health, int32_t code, const char *text)
{
	health->code = code;
	snprintf(health->text, sizeof health->text, "%s", text);
}

static void
ask_health(struct wi_plugin *plugin, weir_plugin_health *health)
{
	wi_host_table_enter(plugin, false);
	plugin->descriptor->health(plugin->context, &plugin->host, health);
	wi_host_table_leave();
	health->size = sizeof *health;
	health->text[sizeof health->text - 1] = '\0';
	wi_text_clean(health->text);
}

/* Not asked while another call of it is under way. */
static void
take_health(struct wi_plugin *plugin, const struct wi_plugin_info *info, weir_plugin_health *health)
{
	if (info->state == WI_PLUGIN_LOADED) {
		set_health(health, 0, "disabled");
	} else if (info->state != WI_PLUGIN_ENABLED) {
		set_health(health, -1,
			   info->state == WI_PLUGIN_DRAINING ? "a handler has not returned"
							     : info->problem);
	} else if (!wi_plugin_trylock(plugin)) {
		set_health(health, 0, "busy");
	} else {
		set_health(health, 0, "enabled");
		if (plugin->enabled && plugin->descriptor->health)
			ask_health(plugin, health);
		wi_plugin_unlock(plugin);
	}
}

static const char *
text_of(const char *text)
{
	return text ? text : "";
}

void
wi_plugin_describe(struct wi_plugin *plugin, struct wi_plugin_info *info,
                   char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	struct wi_plugin_totals totals = wi_plugin_subscriptions_sum(&plugin->subscriptions);
	const weir_plugin *descriptor = plugin->descriptor;

	*info = (struct wi_plugin_info){
		.name = plugin->host.name,
		.file = plugin->path,
		.version = text_of(descriptor->version),
		.license = text_of(descriptor->license),
		.summary = text_of(descriptor->summary),
		.pool = plugin->pool,
		.subscriptions = totals.count,
		.due = totals.due,
		.ok = totals.ok,
		.failed = totals.failed,
		.problem = problem,
		.health.size = sizeof info->health,
	};
	pthread_mutex_lock(&plugin->facts);
	info->state = plugin->state;
	memcpy(problem, plugin->problem, sizeof plugin->problem);
	pthread_mutex_unlock(&plugin->facts);
	take_health(plugin, info, &info->health);
}
