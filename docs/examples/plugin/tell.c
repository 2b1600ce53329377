/* SPDX-License-Identifier: MIT */
/*
 * tell.c - a plugin that logs each event's topic: all that a plugin has to have.
 *
 *     cc -shared -fPIC -o tell.so tell.c $(pkg-config --cflags weir)
 */
#include <weir/plugin.h>

static int
on_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_plugin_host *host = context;

	host->log(host, 6, "%s", host->topic_name(delivery->bus, weir_event_topic(event)));
	return 0;
}

static int
enable(void *context, const weir_plugin_host *host)
{
	const char *pattern = host->setting(host, "pattern");
	weir_subscription unused;
	weir_status status;

	(void)context;
	status = host->subscribe(host, pattern ? pattern : ">", on_event, (void *)host, NULL, &unused);
	return status ? host->fail(host, "'%s': %s", pattern, host->status_text(status)) : 0;
}

const weir_plugin *
weir_plugin_get(void)
{
	static const weir_plugin plugin = {
		.size = sizeof plugin, .abi = WEIR_PLUGIN_ABI, .name = "tell", .version = "1",
		.license = "MIT", .summary = "logs the topic of each event", .enable = enable,
	};

	return &plugin;
}
