/* SPDX-License-Identifier: MIT */
/*
 * counter.c - a plugin that counts the events of a pattern, and logs how many when it is disabled.
 *
 *     cc -shared -fPIC -o counter.so counter.c $(pkg-config --cflags weir)
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/plugin.h>

static int
on_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	atomic_fetch_add_explicit((atomic_ullong *)context, 1, memory_order_relaxed);
	return 0;
}

static int
load(const weir_plugin_host *host, void **ret_context)
{
	*ret_context = calloc(1, sizeof(atomic_ullong));
	return *ret_context ? 0 : host->fail(host, "out of memory");
}

static int
enable(void *context, const weir_plugin_host *host)
{
	const char *key, *value, *pattern = host->setting(host, "pattern");
	weir_subscription subscription;
	weir_status status;

	for (uint32_t i = 0; host->each_setting(host, i, &key, &value); i++)
		if (strcmp(key, "pattern") != 0)
			return host->fail(host, "there is no setting '%s'", key);
	if (!pattern)
		return host->fail(host, "the setting 'pattern' is missing");
	status = host->subscribe(host, pattern, on_event, context, NULL, &subscription);
	return status ? host->fail(host, "'%s': %s", pattern, host->status_text(status)) : 0;
}

static void
disable(void *context, const weir_plugin_host *host)
{
	host->log(host, 6, "%llu events", atomic_load((atomic_ullong *)context));
}

static void
health(void *context, const weir_plugin_host *host, weir_plugin_health *ret_health)
{
	(void)host;
	snprintf(ret_health->text, sizeof ret_health->text, "%llu events",
	         atomic_load((atomic_ullong *)context));
}

static void
unload(void *context, const weir_plugin_host *host)
{
	(void)host;
	free(context);
}

const weir_plugin *
weir_plugin_get(void)
{
	static const weir_plugin plugin = {
		.size = sizeof plugin, .abi = WEIR_PLUGIN_ABI, .name = "counter", .version = "1.0",
		.license = "MIT", .summary = "counts events", .load = load, .enable = enable,
		.disable = disable, .health = health, .unload = unload,
	};

	return &plugin;
}
