/* SPDX-License-Identifier: MIT */
/* host_table.c - see host_table.h. */
#include "plugin/host_table.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "plugin/text.h"

#define NAME_SIZE 384           /* a plugin's and a pattern */

static _Thread_local struct inside {
	bool any, may_ask;
	struct wi_plugin *plugin;
} inside;

void
wi_host_table_enter(struct wi_plugin *plugin, bool may_ask)
{
	inside = (struct inside){ true, may_ask, plugin };
}

void
wi_host_table_leave(void)
{
	inside = (struct inside){ .any = false };
}

bool
wi_host_table_inside(void)
{
	return inside.any;
}

static struct wi_plugin *
plugin_of(const weir_plugin_host *host)
{
	return (struct wi_plugin *)((char *)host - offsetof(struct wi_plugin, host));
}

static bool
may_ask(const struct wi_plugin *plugin)
{
	return inside.plugin == plugin && inside.may_ask;
}

static const char *
setting(const weir_plugin_host *host, const char *key)
{
	const struct wi_plugin *plugin = plugin_of(host);

	return may_ask(plugin) && key ? wi_settings_get(&plugin->settings, key) : NULL;
}

static int
each_setting(const weir_plugin_host *host, uint32_t i, const char **ret_key, const char **ret_value)
{
	const struct wi_plugin *plugin = plugin_of(host);

	if (!may_ask(plugin) || i >= plugin->settings.count)
		return 0;
	*ret_key = plugin->settings.each[i].key;
	*ret_value = plugin->settings.each[i].value;
	return 1;
}

static void
log_line(const weir_plugin_host *host, int level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	wi_notices_log_list(&plugin_of(host)->home->notices, level, host->name, format, arguments);
	va_end(arguments);
}

static int
fail(const weir_plugin_host *host, const char *format, ...)
{
	struct wi_plugin *plugin = plugin_of(host);
	va_list arguments;

	if (may_ask(plugin)) {
		va_start(arguments, format);
		wi_text_print(plugin->said, sizeof plugin->said, format, arguments);
		va_end(arguments);
	}
	return -1;
}

/* As the engine does it: what is not known here must be 0. */
static bool
take_options(weir_subscription_options *options, const weir_subscription_options *given)
{
	const unsigned char *bytes = (const unsigned char *)given;
	size_t size = sizeof *options;

	*options = (weir_subscription_options)WEIR_SUBSCRIPTION_OPTIONS_INIT;
	if (!given)
		return true;
	if (given->size < sizeof given->size)
		return false;
	for (size_t i = size; i < given->size; i++)
		if (bytes[i])
			return false;
	memcpy(options, given, given->size < size ? given->size : size);
	options->size = size;
	return true;
}

static weir_status
subscribe(const weir_plugin_host *host, const char *pattern, weir_handler_fn handler, void *context,
          const weir_subscription_options *given, weir_subscription *ret_subscription)
{
	struct wi_plugin *plugin = plugin_of(host);
	weir_subscription_options options;
	char name[NAME_SIZE];

	if (!pattern || !handler || !ret_subscription || !take_options(&options, given))
		return WEIR_EINVAL;
	if (!options.name) {
		snprintf(name, sizeof name, "%s: %s", host->name, pattern);
		options.name = name;
	}
	if (!options.pool)
		options.pool = plugin->pool;
	else if (plugin->descriptor->flags & WEIR_PLUGIN_BLOCKS &&
	         options.pool == weir_bus_default_pool(host->bus))
		return WEIR_EINVAL;
	return wi_plugin_subscriptions_add(&plugin->subscriptions, pattern, handler, context,
					   &options, may_ask(plugin) && plugin->reconfiguring,
					   ret_subscription);
}

static weir_status
unsubscribe(const weir_plugin_host *host, weir_subscription subscription)
{
	return wi_plugin_subscriptions_remove(&plugin_of(host)->subscriptions, subscription);
}

static weir_pool *
pool(const weir_plugin_host *host)
{
	return plugin_of(host)->pool;
}

static int
stopping(const weir_plugin_host *host)
{
	return wi_plugin_state(plugin_of(host)) == WI_PLUGIN_DRAINING;
}

void
wi_host_table_init(struct wi_plugin *plugin, const char *name)
{
	plugin->host = (weir_plugin_host){
		.size = sizeof plugin->host,
		.abi = WEIR_PLUGIN_ABI,
		.name = name,
		.bus = plugin->home->bus,
		.setting = setting,
		.each_setting = each_setting,
		.log = log_line,
		.fail = fail,
		.subscribe = subscribe,
		.unsubscribe = unsubscribe,
		.pool = pool,
		.topic_open = weir_topic_open,
		.topic_name = weir_topic_name,
		.thread_get_producer = weir_thread_get_producer,
		.publish = weir_publish,
		.publish_with = weir_publish_with,
		.status_text = weir_status_text,
		.stopping = stopping,
	};
}
