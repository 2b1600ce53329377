/* SPDX-License-Identifier: MIT */
/* reload.c - see reload.h. First a plan, which only looks; then its steps, each with its way
 * back. */
#include "reload.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum action { OPEN_POOL, LOAD, RECONFIGURE, ENABLE, DISABLE };

struct step {
	enum action action;
	const char *name;
	const struct wi_config_pool *pool;
	const struct wi_config_plugin *now, *before;
};

struct plan {
	struct weir_host *host;
	const struct wi_config *now, *before; /* before: NULL the first time */
	const char *only;
	struct step *steps;
	size_t count;
	char *problem;
};

#define NO_LINE UINT_MAX /* the section is gone */

/* line 0: the section's. */
static weir_status __attribute__((format(printf, 5, 6)))
fail(struct plan *plan, weir_status status, const struct wi_section *section, unsigned line,
     const char *format, ...)
{
	char text[WI_SECTIONS_PROBLEM_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (line == 0)
		line = section->line;
	wi_sections_fail(plan->problem, plan->now->sections.file, line == NO_LINE ? 0 : line,
			 "[%s]%s", section->name, text);
	return status;
}

/* -- looking -------------------------------------------------------------------- */

struct state {
	const char *name;
	enum wi_plugin_state state;
};

static int
look(void *context, const struct wi_plugin_info *info)
{
	struct state *state = context;

	if (strcmp(info->name, state->name) != 0)
		return 0;
	state->state = info->state;
	return 1;
}

static enum wi_plugin_state
state_of(const struct plan *plan, const char *name)
{
	struct state state = {.name = name, .state = WI_PLUGIN_LOADED};

	wi_plugins_each(plan->host->plugins, look, &state);
	return state.state;
}

static const struct wi_host_plugin *
find_loaded(const struct weir_host *host, const char *name)
{
	for (size_t i = 0; i < host->loaded_count; i++)
		if (strcmp(host->loaded[i].name, name) == 0)
			return &host->loaded[i];
	return NULL;
}

static bool
is_plugin(const char *section)
{
	return strncmp(section, "plugin.", 7) == 0;
}

/* [bus], [control], [plugins] and the pools that there are stay as they are. */
static weir_status
refuse_change(struct plan *plan, const struct wi_section *before, const struct wi_section *now)
{
	const struct wi_section *any = now != NULL ? now : before;
	unsigned line = 0;
	const char *name = wi_section_difference(before, now, NULL, &line);

	if (name != NULL)
		return fail(plan, WEIR_EINVAL, any, line > 0 ? line : NO_LINE,
			    " %s: cannot change while the host runs: it needs a restart", name);
	return WEIR_OK;
}

static weir_status
check_sections(struct plan *plan)
{
	const struct wi_sections *now = &plan->now->sections, *before = &plan->before->sections;
	weir_status status = WEIR_OK;

	for (size_t i = 0; i < now->count && status == WEIR_OK; i++) {
		const struct wi_section *old = wi_sections_find(before, now->each[i].name);

		if (!is_plugin(now->each[i].name) &&
		    (old != NULL || strncmp(now->each[i].name, "pool.", 5) != 0 ||
		     strcmp(now->each[i].name, "pool.default") == 0))
			status = refuse_change(plan, old, &now->each[i]);
	}
	for (size_t i = 0; i < before->count && status == WEIR_OK; i++) {
		const struct wi_section *old = &before->each[i];

		if (is_plugin(old->name) || wi_sections_find(now, old->name) != NULL)
			continue;
		if (strncmp(old->name, "pool.", 5) == 0 && strcmp(old->name, "pool.default") != 0)
			status = fail(plan, WEIR_EINVAL, old, NO_LINE,
				      " is gone: a pool ends only with the host");
		else
			status = refuse_change(plan, old, NULL);
	}
	return status;
}

/* -- the plan ------------------------------------------------------------------- */

static void
add(struct plan *plan, struct step step)
{
	plan->steps[plan->count++] = step;
}

static void
plan_pools(struct plan *plan)
{
	for (size_t i = 0; i < plan->now->pool_count; i++) {
		const struct wi_config_pool *pool = &plan->now->pools[i];

		if (wi_config_pool(plan->before, pool->spec.name) == NULL)
			add(plan, (struct step){.action = OPEN_POOL,
						.name = pool->spec.name,
						.pool = pool});
	}
}

static weir_status
plan_plugin(struct plan *plan, const struct wi_config_plugin *now)
{
	const struct wi_host_plugin *loaded = find_loaded(plan->host, now->name);
	const struct wi_config_plugin *before = wi_config_plugin(plan->before, now->name);
	struct step step = {.action = LOAD, .name = now->name, .now = now, .before = before};
	unsigned line = 0;

	if (loaded == NULL) {
		add(plan, step);
		return WEIR_OK;
	}
	if (strcmp(loaded->file, now->file) != 0)
		return fail(
			plan, WEIR_EINVAL, now->section,
			wi_section_find(now->section, "file")->line,
			" file: was %s, and an object stays: it needs a restart, or another name",
			loaded->file);
	step.action = RECONFIGURE;
	if (before == NULL || plan->only != NULL ||
	    wi_section_difference(before->section, now->section, "enabled", &line) != NULL)
		add(plan, step);
	return WEIR_OK;
}

static weir_status
plan_enable(struct plan *plan, const struct wi_config_plugin *now)
{
	enum wi_plugin_state state = state_of(plan, now->name);

	if (!now->enabled || state == WI_PLUGIN_ENABLED)
		return WEIR_OK;
	if (state == WI_PLUGIN_DRAINING)
		return fail(plan, WEIR_EINVAL, now->section, 0,
			    ": a handler of it has not returned since it was disabled");
	add(plan, (struct step){.action = ENABLE, .name = now->name, .now = now});
	return WEIR_OK;
}

static void
plan_disable(struct plan *plan, const struct wi_host_plugin *loaded)
{
	const struct wi_config_plugin *now = wi_config_plugin(plan->now, loaded->name);

	if ((now == NULL || !now->enabled) && state_of(plan, loaded->name) == WI_PLUGIN_ENABLED)
		add(plan, (struct step){.action = DISABLE, .name = loaded->name});
}

static bool
is_meant(const struct plan *plan, const char *name)
{
	return plan->only == NULL || strcmp(plan->only, name) == 0;
}

/* Of what is not meant nothing may have changed: it would be taken for known. */
static weir_status
check_others(struct plan *plan)
{
	for (size_t i = 0; i < plan->now->sections.count + plan->before->sections.count; i++) {
		const struct wi_sections *from = i < plan->now->sections.count
							 ? &plan->now->sections
							 : &plan->before->sections;
		const struct wi_section *section =
			&from->each[from == &plan->now->sections ? i
								 : i - plan->now->sections.count];
		const struct wi_section *now =
			wi_sections_find(&plan->now->sections, section->name);
		const struct wi_section *before =
			wi_sections_find(&plan->before->sections, section->name);
		unsigned line = 0;

		if (is_plugin(section->name) && is_meant(plan, section->name + 7))
			continue;
		if (now == NULL || before == NULL ||
		    wi_section_difference(before, now, NULL, &line) != NULL)
			return fail(plan, WEIR_EINVAL, section, now == NULL ? NO_LINE : line,
				    " has changed, too: reload the whole file");
	}
	return WEIR_OK;
}

static weir_status
make_plan(struct plan *plan)
{
	const struct wi_config *now = plan->now;
	weir_status status = plan->before != NULL ? check_sections(plan) : WEIR_OK;

	plan->steps = calloc(now->pool_count + 2 * now->plugin_count + plan->host->loaded_count + 1,
			     sizeof(*plan->steps));
	if (plan->steps == NULL) {
		wi_sections_fail(plan->problem, now->sections.file, 0, "out of memory");
		return WEIR_ENOMEM;
	}
	if (status == WEIR_OK && plan->only != NULL)
		status = check_others(plan);
	plan_pools(plan);
	for (size_t i = 0; i < now->plugin_count && status == WEIR_OK; i++)
		if (is_meant(plan, now->plugins[i].name))
			status = plan_plugin(plan, &now->plugins[i]);
	for (size_t i = 0; i < now->plugin_count && status == WEIR_OK; i++)
		if (is_meant(plan, now->plugins[i].name))
			status = plan_enable(plan, &now->plugins[i]);
	for (size_t i = 0; i < plan->host->loaded_count; i++)
		if (is_meant(plan, plan->host->loaded[i].name))
			plan_disable(plan, &plan->host->loaded[i]);
	return status;
}

/* -- the steps ------------------------------------------------------------------ */

static weir_status
open_pool(struct plan *plan, const struct step *step)
{
	struct weir_host *host = plan->host;
	const struct wi_pool_spec *spec = &step->pool->spec;
	weir_pool_options options = wi_pool_options(spec);
	weir_pool **pools = realloc(host->pools, (host->pool_count + 1) * sizeof(weir_pool *));
	weir_pool *after[WI_POOL_AFTER_MAX];
	weir_status status = pools != NULL ? WEIR_OK : WEIR_ENOMEM;

	if (pools != NULL)
		host->pools = pools;
	for (uint32_t a = 0; a < spec->after_count && status == WEIR_OK; a++)
		if ((after[a] = wi_pools_find(host->bus, spec->after[a])) == NULL)
			status = WEIR_ENOENT;
	options.after = after;
	options.after_count = spec->after_count;
	if (status == WEIR_OK)
		status = weir_pool_open(host->bus, &options, &host->pools[host->pool_count]);
	if (status != WEIR_OK)
		return fail(plan, status, step->pool->section, 0, ": %s", wi_pools_problem(status));
	host->pool_count++;
	return WEIR_OK;
}

static bool
note_loaded(struct weir_host *host, const struct wi_config_plugin *plugin)
{
	struct wi_host_plugin *loaded =
		realloc(host->loaded, (host->loaded_count + 1) * sizeof(*loaded));
	struct wi_host_plugin note = {.name = strdup(plugin->name), .file = strdup(plugin->file)};

	if (loaded != NULL)
		host->loaded = loaded;
	if (loaded == NULL || note.name == NULL || note.file == NULL) {
		free(note.name);
		free(note.file);
		return false;
	}
	loaded[host->loaded_count++] = note;
	return true;
}

static struct wi_plugin_config
plugin_config(const struct plan *plan, const struct wi_config_plugin *plugin)
{
	return (struct wi_plugin_config){
		.name = plugin->name,
		.file = plugin->file,
		.pool = wi_pools_find(plan->host->bus, plugin->pool),
		.failures_max = (uint32_t)plugin->failures_max,
		.settings = plugin->settings,
		.setting_count = plugin->setting_count,
	};
}

/* What is loaded cannot be unloaded, so it is noted before. */
static weir_status
load(struct plan *plan, const struct step *step, char *text)
{
	struct weir_host *host = plan->host;
	struct wi_plugin_config config = plugin_config(plan, step->now);
	weir_status status;

	if (!note_loaded(host, step->now))
		return WEIR_ENOMEM;
	status = wi_plugins_load(host->plugins, &config, text);
	if (status != WEIR_OK) {
		host->loaded_count--;
		free(host->loaded[host->loaded_count].name);
		free(host->loaded[host->loaded_count].file);
	}
	return status;
}

static weir_status
reconfigure(struct plan *plan, const struct wi_config_plugin *plugin, char *text)
{
	struct wi_plugin_config config = plugin_config(plan, plugin);

	return wi_plugins_reconfigure(plan->host->plugins, &config, text);
}

/* The section says already which plugin it is. */
static const char *
without_name(const char *text, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(text, "plugin ", 7) == 0 && strncmp(text + 7, name, length) == 0 &&
	    strncmp(text + 7 + length, ": ", 2) == 0)
		return text + 7 + length + 2;
	return text;
}

static weir_status
run(struct plan *plan, const struct step *step)
{
	struct weir_host *host = plan->host;
	char text[WI_PLUGIN_PROBLEM_SIZE] = "";
	weir_status status = WEIR_OK;

	switch (step->action) {
	case OPEN_POOL:
		return open_pool(plan, step);
	case LOAD:
		status = load(plan, step, text);
		break;
	case RECONFIGURE:
		status = reconfigure(plan, step->now, text);
		break;
	case ENABLE:
		status = wi_plugins_enable(host->plugins, step->name, text);
		break;
	case DISABLE:
		if (wi_host_disable(host, step->name, WI_HOST_DISABLE_NS, text) != WEIR_OK)
			wi_host_log(host, 4, "WEIR-RELOAD", "%s", text);
		return WEIR_OK;
	}
	if (status == WEIR_OK)
		return WEIR_OK;
	return fail(plan, status, step->now->section, 0, ": %s",
		    text[0] != '\0' ? without_name(text, step->name) : weir_status_text(status));
}

/* An object that was loaded stays so, unseen until the file names it again. */
static void
undo(struct plan *plan, const struct step *step)
{
	struct weir_host *host = plan->host;
	char text[WI_PLUGIN_PROBLEM_SIZE] = "";
	weir_status status = WEIR_OK;

	switch (step->action) {
	case OPEN_POOL:
		status = weir_pool_close(host->pools[--host->pool_count], WI_HOST_DISABLE_NS, NULL);
		break;
	case RECONFIGURE:
		if (step->before != NULL)
			status = reconfigure(plan, step->before, text);
		break;
	case ENABLE:
		status = wi_host_disable(host, step->name, WI_HOST_DISABLE_NS, text);
		break;
	case LOAD:
	case DISABLE:
		break;
	}
	if (status != WEIR_OK)
		wi_host_log(host, 3, "WEIR-RELOAD", "%s: cannot be as it was before: %s",
			    step->name, text[0] != '\0' ? text : weir_status_text(status));
}

weir_status
wi_reload(struct weir_host *host, struct wi_config *config, const char *only,
	  char problem[WI_SECTIONS_PROBLEM_SIZE])
{
	struct plan plan = {.host = host,
			    .now = config,
			    .before = host->config,
			    .only = only,
			    .problem = problem};
	weir_status status = make_plan(&plan);
	size_t done = 0;

	while (status == WEIR_OK && done < plan.count)
		if ((status = run(&plan, &plan.steps[done])) == WEIR_OK)
			done++;
	while (status != WEIR_OK && done > 0)
		undo(&plan, &plan.steps[--done]);
	free(plan.steps);
	if (status != WEIR_OK) {
		wi_config_free(config);
		return status;
	}
	pthread_mutex_lock(&host->lock);
	host->config = config;
	pthread_mutex_unlock(&host->lock);
	wi_config_free((struct wi_config *)plan.before);
	return WEIR_OK;
}
