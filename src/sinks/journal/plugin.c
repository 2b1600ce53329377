/* SPDX-License-Identifier: MIT */
/* plugin.c - the journal as a shared object: see <weir/plugin.h>, and settings.c for what may be set. */
#include <weir/plugin.h>

#include "recorder.h"
#include "settings.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct plugin {
	const weir_plugin_host *host;
	struct wi_recorder *recorder;   /* while enabled */
	struct wi_gaps untold;          /* from one time to the next */
};

/* -- the recorder's host ---------------------------------------------------- */

static const char *
topic_name(void *context, weir_topic topic)
{
	const struct plugin *plugin = context;

	return plugin->host->topic_name(plugin->host->bus, topic);
}

static bool
stopping(void *context)
{
	const struct plugin *plugin = context;

	return plugin->host->stopping(plugin->host);
}

static void
say(void *context, int level, const char *id, const char *text)
{
	const struct plugin *plugin = context;

	plugin->host->log(plugin->host, level, "%s: %s", id, text);
}

/* -- life ------------------------------------------------------------------- */

static int
load(const weir_plugin_host *host, void **ret_context)
{
	struct plugin *plugin;

	if (host->size < offsetof(weir_plugin_host, stopping) + sizeof host->stopping || !host->stopping)
		return host->fail(host, "this program's weir is too old: it cannot say when to stop");
	plugin = calloc(1, sizeof *plugin);
	if (!plugin)
		return host->fail(host, "out of memory");
	plugin->host = host;
	*ret_context = plugin;
	return 0;
}

static bool
read_settings(const weir_plugin_host *host, struct wi_settings *settings, char *ret_problem,
              size_t size)
{
	const char *key, *value;

	for (uint32_t i = 0; host->each_setting(host, i, &key, &value); i++)
		if (!wi_settings_take(settings, key, value, ret_problem, size))
			return false;
	return wi_settings_end(settings, ret_problem, size);
}

/* What was subscribed to is ended again if not all can be: then the recorder can be closed. */
static int
subscribe(struct plugin *plugin)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscriptions[WI_SETTINGS_TOPICS_MAX + 2];
	const weir_plugin_host *host = plugin->host;
	weir_status status = WEIR_OK;
	const char *pattern;
	uint32_t count = 0;
	void *part;

	options.batch_end = wi_recorder_batch_end;
	while ((pattern = wi_recorder_part(plugin->recorder, count, &part))) {
		status = host->subscribe(host, pattern, wi_recorder_handle, part, &options,
		                         &subscriptions[count]);
		if (status != WEIR_OK)
			break;
		count++;
	}
	if (status == WEIR_OK)
		return 0;
	host->fail(host, "topics: '%s': %s", pattern, host->status_text(status));
	while (count)
		host->unsubscribe(host, subscriptions[--count]);
	wi_recorder_close(plugin->recorder, &plugin->untold);
	plugin->recorder = NULL;
	return -1;
}

static void
disable(void *context, const weir_plugin_host *host)
{
	struct plugin *plugin = context;
	weir_journal_counts counts;

	wi_recorder_look(plugin->recorder, &counts, NULL);
	wi_recorder_close(plugin->recorder, &plugin->untold);
	plugin->recorder = NULL;
	if (counts.dropped)
		host->log(host, 4, "%" PRIu64 " events were not recorded%s", counts.dropped,
		          wi_gaps_any(&plugin->untold) ? "; rows will say so when it is enabled again" :
		                                         ", as rows say");
}

static int
enable(void *context, const weir_plugin_host *host)
{
	struct plugin *plugin = context;
	char problem[WI_STORE_PROBLEM_SIZE];
	struct wi_settings settings;
	bool opened;

	wi_settings_init(&settings);
	opened = read_settings(host, &settings, problem, sizeof problem) &&
	         wi_recorder_open(&settings.options,
	                          &(struct wi_recorder_host){ plugin, topic_name, stopping, say },
	                          &plugin->untold, &plugin->recorder, problem) == WEIR_OK;
	wi_settings_fini(&settings);
	if (!opened)
		return host->fail(host, "%s", problem);
	wi_gaps_clear(&plugin->untold);
	return subscribe(plugin);
}

static void
unload(void *context, const weir_plugin_host *host)
{
	struct plugin *plugin = context;

	(void)host;
	free(plugin);
}

/* -- how it is -------------------------------------------------------------- */

static void
describe(const weir_journal_counts *counts, char *text, size_t size)
{
	uint64_t mean = counts->commits ? counts->commit_ns / counts->commits : 0;

	snprintf(text, size,
	         "%" PRIu64 " events in %" PRIu64 " commits of %" PRIu64 ".%03" PRIu64
	         " ms, the longest %" PRIu64 " ms; %" PRIu64 " dropped",
	         counts->events, counts->commits, mean / 1000000, mean / 1000 % 1000,
	         counts->commit_ns_max / 1000000, counts->dropped);
}

static void
health(void *context, const weir_plugin_host *host, weir_plugin_health *ret_health)
{
	const struct plugin *plugin = context;
	char problem[WI_STORE_PROBLEM_SIZE], since[32];
	weir_journal_counts counts;
	time_t seconds;
	struct tm tm;

	(void)host;
	wi_recorder_look(plugin->recorder, &counts, problem);
	ret_health->code = counts.code;
	if (!counts.code) {
		describe(&counts, ret_health->text, sizeof ret_health->text);
		return;
	}
	seconds = (time_t)(counts.holding_since / 1000000000);
	strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
	if (counts.holding_since)
		snprintf(ret_health->text, sizeof ret_health->text, "holding since %s: %.190s", since,
		         problem);
	else
		snprintf(ret_health->text, sizeof ret_health->text, "%" PRIu64 " dropped: %.190s",
		         counts.dropped, problem);
}

static const weir_plugin journal = {
	.size = sizeof journal,
	.abi = WEIR_PLUGIN_ABI,
	.name = "journal",
	.version = WI_VERSION,
	.license = "MIT",
	.summary = "records events in SQLite files, each row tied to the one before by a hash",
	.flags = WEIR_PLUGIN_BLOCKS,
	.load = load,
	.enable = enable,
	.disable = disable,
	.health = health,
	.unload = unload,
};

/* What the host looks up by this name. */
WEIR_PLUGIN_EXPORT const weir_plugin *weir_plugin_get(void);

const weir_plugin *
weir_plugin_get(void)
{
	return &journal;
}
