/* SPDX-License-Identifier: MIT */
/*
 * plugin.c - notifications as a shared object: see <weir/plugin.h>, and settings.c for what may be set.
 *
 * An event counts as handled when what rules made of it is in the spool, synchronized: its handler
 * gathers, its batch_end commits. Sending is the courier's.
 */
#include <weir/plugin.h>

#include "courier.h"
#include "common/now.h"
#include "gather.h"
#include "settings.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CODE_NO_ROOM = 12, CODE_SPOOL = 5 };     /* as ENOMEM and EIO */

struct plugin;

/* A rule's subscription. */
struct part {
	struct plugin *plugin;
	uint32_t rule;
};

struct plugin {
	const weir_plugin_host *host;
	/* While enabled: */
	struct wi_notify_settings settings;
	struct wi_spool *spool;
	struct wi_gather *gather;
	struct wi_courier *courier;
	struct part *parts;
	uint32_t part_count;
	_Atomic uint64_t refused;       /* messages that the spool did not take */
	char source[80];
};

static const char *
topic_name(void *context, weir_topic topic)
{
	const struct plugin *plugin = context;

	return plugin->host->topic_name(plugin->host->bus, topic);
}

static void
say(void *context, int level, const char *text)
{
	const struct plugin *plugin = context;

	plugin->host->log(plugin->host, level, "%s", text);
}

/* -- events ----------------------------------------------------------------- */

struct call {
	struct part *part;
	const void *batch;
	uint64_t now;
};

static const struct wi_channel *
find_channel(const struct plugin *plugin, const char *name)
{
	for (uint32_t i = 0; i < plugin->settings.channel_count; i++)
		if (strcmp(plugin->settings.channels[i].name, name) == 0)
			return &plugin->settings.channels[i];
	return NULL;
}

static int
put(void *context, const struct wi_message *message)
{
	const struct call *call = context;
	struct plugin *plugin = call->part->plugin;
	const struct wi_channel *channel = find_channel(plugin, message->channel);
	struct wi_message one = *message;

	if (!channel)
		return CODE_NO_ROOM;
	one.due = call->now;
	one.expires = call->now + channel->expire_ns;
	if (wi_gather_add(plugin->gather, call->batch, call->part, &one, channel->digest_ns))
		return 0;
	atomic_fetch_add(&plugin->refused, 1);
	return CODE_NO_ROOM;
}

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct part *part = context;
	struct plugin *plugin = part->plugin;
	struct call call = { part, delivery->producer, wi_now(CLOCK_REALTIME) };
	const char *topic = topic_name(plugin, weir_event_topic(event));

	return wi_rules_apply(plugin->settings.rules, part->rule, event, topic ? topic : "",
	                      wi_spool_count(plugin->spool), put, &call) < 0 ? CODE_NO_ROOM : 0;
}

static int
batch_end(const weir_delivery *delivery, void *context)
{
	struct part *part = context;
	struct plugin *plugin = part->plugin;
	size_t count;

	if (!wi_gather_end(plugin->gather, delivery->producer, part, plugin->spool, wi_now(CLOCK_REALTIME),
	                   &count)) {
		atomic_fetch_add(&plugin->refused, count);
		return CODE_SPOOL;
	}
	if (count)
		wi_courier_wake(plugin->courier);
	return 0;
}

/* -- life ------------------------------------------------------------------- */

static int
load(const weir_plugin_host *host, void **ret_context)
{
	struct plugin *plugin = calloc(1, sizeof *plugin);

	if (!plugin)
		return host->fail(host, "out of memory");
	plugin->host = host;
	*ret_context = plugin;
	return 0;
}

static void
close_all(struct plugin *plugin)
{
	if (plugin->courier)
		wi_courier_close(plugin->courier);
	if (plugin->gather)
		wi_gather_close(plugin->gather);
	if (plugin->spool)
		wi_spool_close(plugin->spool);
	wi_notify_settings_fini(&plugin->settings);
	free(plugin->parts);
	plugin->courier = NULL;
	plugin->gather = NULL;
	plugin->spool = NULL;
	plugin->parts = NULL;
	plugin->part_count = 0;
}

static bool
read_settings(struct plugin *plugin, char problem[WI_NOTIFY_PROBLEM_SIZE])
{
	const weir_plugin_host *host = plugin->host;
	const char *key, *value;

	for (uint32_t i = 0; host->each_setting(host, i, &key, &value); i++)
		if (!wi_notify_settings_take(&plugin->settings, key, value, problem))
			return false;
	return wi_notify_settings_end(&plugin->settings, problem);
}

static bool
bind_rules(struct plugin *plugin, char problem[WI_NOTIFY_PROBLEM_SIZE])
{
	struct wi_notify_settings *settings = &plugin->settings;
	struct wi_rules_source source = {
		.source = settings->source, .topic_name = topic_name, .topic_context = plugin,
	};

	if (!source.source) {
		snprintf(plugin->source, sizeof plugin->source, "/weir/%.60s", plugin->host->name);
		source.source = plugin->source;
	}
	source.type_prefix = settings->type_prefix ? settings->type_prefix : "";
	snprintf(source.instance, sizeof source.instance, "%s", wi_spool_instance(plugin->spool));
	if (!wi_rules_end(settings->rules, settings->channels, settings->channel_count, &source, problem))
		return false;
	while (wi_rules_pattern(settings->rules, plugin->part_count))
		plugin->part_count++;
	plugin->parts = calloc(plugin->part_count + 1, sizeof *plugin->parts);
	if (!plugin->parts)
		snprintf(problem, WI_NOTIFY_PROBLEM_SIZE, "out of memory");
	return plugin->parts != NULL;
}

static bool
open_all(struct plugin *plugin, char problem[WI_NOTIFY_PROBLEM_SIZE])
{
	struct wi_notify_settings *settings = &plugin->settings;
	struct wi_courier_options options = {
		.rules = settings->rules, .channels = settings->channels, .log = say, .context = plugin,
	};

	if (!read_settings(plugin, problem) ||
	    !wi_spool_open(&settings->spool, &plugin->spool, problem) || !bind_rules(plugin, problem))
		return false;
	plugin->gather = wi_gather_open(settings->spool.bytes_max);
	if (!plugin->gather) {
		snprintf(problem, WI_NOTIFY_PROBLEM_SIZE, "out of memory");
		return false;
	}
	options.spool = plugin->spool;
	options.channel_count = settings->channel_count;
	return wi_courier_open(&options, &plugin->courier, problem);
}

/* What was subscribed to is ended again if not all can be: then the spool can be closed. */
static int
subscribe(struct plugin *plugin)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	const weir_plugin_host *host = plugin->host;
	weir_subscription *subscriptions = calloc(plugin->part_count + 1, sizeof *subscriptions);
	weir_status status = subscriptions ? WEIR_OK : WEIR_ENOMEM;
	uint32_t count = 0;

	options.batch_end = batch_end;
	while (status == WEIR_OK && count < plugin->part_count) {
		plugin->parts[count] = (struct part){ plugin, count };
		status = host->subscribe(host, wi_rules_pattern(plugin->settings.rules, count), handle,
		                         &plugin->parts[count], &options, &subscriptions[count]);
		count += status == WEIR_OK;
	}
	if (status == WEIR_OK && !wi_courier_start(plugin->courier))
		status = WEIR_ENOMEM;
	if (status != WEIR_OK) {
		host->fail(host, "rules: '%s': %s", count < plugin->part_count ?
		           wi_rules_pattern(plugin->settings.rules, count) : "thread",
		           host->status_text(status));
		while (count)
			host->unsubscribe(host, subscriptions[--count]);
	}
	free(subscriptions);
	return status == WEIR_OK ? 0 : -1;
}

static int
enable(void *context, const weir_plugin_host *host)
{
	struct plugin *plugin = context;
	char problem[WI_NOTIFY_PROBLEM_SIZE] = "out of memory";

	if (!wi_notify_settings_init(&plugin->settings))
		return host->fail(host, "out of memory");
	atomic_store(&plugin->refused, 0);
	if (!open_all(plugin, problem))
		host->fail(host, "%s", problem);
	else if (subscribe(plugin) == 0)
		return 0;
	close_all(plugin);
	return -1;
}

static void
disable(void *context, const weir_plugin_host *host)
{
	struct plugin *plugin = context;
	struct wi_spool_counts counts;

	wi_spool_get_counts(plugin->spool, &counts);
	close_all(plugin);
	if (counts.waiting)
		host->log(host, 5, "%" PRIu64 " messages wait in the spool until it is enabled again",
		          counts.waiting);
}

static void
unload(void *context, const weir_plugin_host *host)
{
	(void)host;
	free(context);
}

/* -- how it is -------------------------------------------------------------- */

struct figure { char text[32]; };

/* 1,234,567 */
static struct figure
figure(uint64_t number)
{
	struct figure figure;
	char digits[24];
	int size = snprintf(digits, sizeof digits, "%" PRIu64, number), used = 0;

	for (int i = 0; i < size; i++) {
		if (i && (size - i) % 3 == 0)
			figure.text[used++] = ',';
		figure.text[used++] = digits[i];
	}
	figure.text[used] = '\0';
	return figure;
}

static void
health(void *context, const weir_plugin_host *host, weir_plugin_health *ret_health)
{
	struct plugin *plugin = context;
	char problem[WI_NOTIFY_PROBLEM_SIZE], channels[121], refused[48] = "";
	struct wi_spool_counts counts;

	(void)host;
	wi_spool_get_counts(plugin->spool, &counts);
	wi_spool_problem(plugin->spool, problem);
	ret_health->code = wi_courier_describe(plugin->courier, channels, sizeof channels);
	if (*problem)
		ret_health->code = 3;
	if (atomic_load(&plugin->refused))
		snprintf(refused, sizeof refused, ", %s refused", figure(atomic_load(&plugin->refused)).text);
	snprintf(ret_health->text, sizeof ret_health->text, "%s waiting, %s failed, %s sent%s%s%.100s",
	         figure(counts.waiting).text, figure(counts.failed).text, figure(counts.sent).text, refused,
	         *problem || *channels ? "; " : "", *problem ? problem : channels);
}

static const weir_plugin notify = {
	.size = sizeof notify,
	.abi = WEIR_PLUGIN_ABI,
	.name = "notify",
	.version = WI_VERSION,
	.license = "MIT",
	.summary = "sends notifications to webhooks and Slack, from a spool that survives the process",
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
	return &notify;
}
