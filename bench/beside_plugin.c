/* SPDX-License-Identifier: MIT */
/*
 * beside_plugin.c - a plugin that subscribes a handler of the program's, so that what is called
 * through the host and what is called by the engine is the same. Settings: the addresses "handler"
 * and "context", "pattern", and "count", how many subscriptions.
 */
#include <stdio.h>
#include <stdlib.h>

#include <weir/plugin.h>

static void *
address(const weir_plugin_host *host, const char *key)
{
	const char *text = host->setting(host, key);
	void *value = NULL;

	return text && sscanf(text, "%p", &value) == 1 ? value : NULL;
}

static int
enable(void *context, const weir_plugin_host *host)
{
	weir_handler_fn handler = (weir_handler_fn)address(host, "handler");
	const char *pattern = host->setting(host, "pattern"), *count = host->setting(host, "count");
	weir_subscription subscription;
	weir_status status = WEIR_OK;

	(void)context;
	if (!handler || !pattern || !count)
		return host->fail(host, "a setting is missing");
	for (int i = atoi(count); i > 0 && !status; i--)
		status = host->subscribe(host, pattern, handler, address(host, "context"), NULL,
		                         &subscription);
	return status ? host->fail(host, "%s", host->status_text(status)) : 0;
}

WEIR_PLUGIN_EXPORT const weir_plugin *
weir_plugin_get(void)
{
	static const weir_plugin plugin = {
		.size = sizeof plugin, .abi = WEIR_PLUGIN_ABI, .name = "beside", .version = "1",
		.license = "MIT", .summary = "calls back", .enable = enable,
	};

	return &plugin;
}
