/* SPDX-License-Identifier: MIT */
/*
 * fault_journal_plugin.c - the journal as a plugin: settings, one writer, and that it can be disabled
 *                          while it holds because the disk is full; what that cost is told by a row
 *                          when it is enabled again.
 *
 * usage: fault_journal_plugin weir-journal.so
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "look.h"
#include "plugin/plugins.h"
#include "script.h"
#include "shim.h"
#include "support.h"

static const char *module;
static struct script place;
static weir_bus *bus;
static weir_pool *pool, *behind;
static weir_producer *producer;
static weir_topic topic;
static struct wi_plugins *plugins;
static char problem[WI_PLUGIN_PROBLEM_SIZE], health[240], rows_text[400];
static int32_t health_code;
static uint64_t handled;
static char audit[] = "audit";

static int
count(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	add(&handled, 1);
	return 0;
}

static void
open_all(void)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT;
	weir_subscription_options behind_options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct wi_plugins_options plugins_options = { 0 };
	weir_subscription subscription;

	script_begin(&place, WI_DURABILITY_BATCHED);
	CHECK_OK(weir_bus_open(&options, NULL, &bus));
	pool_options.stuck_after_ns = 60 * SECOND;
	CHECK_OK(weir_pool_open(bus, &pool_options, &pool));
	pool_options.after = &pool;
	pool_options.after_count = 1;
	CHECK_OK(weir_pool_open(bus, &pool_options, &behind));
	behind_options.pool = behind;
	CHECK_OK(weir_subscribe(bus, "a.>", count, NULL, &behind_options, &subscription));
	CHECK_OK(weir_topic_open(bus, "a.b", &topic));
	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	plugins_options.bus = bus;
	CHECK_OK(wi_plugins_open(&plugins_options, &plugins));
}

static void
load(const char *name, const char *key, const char *value)
{
	struct wi_setting settings[] = {
		{ "path", place.path }, { "topics", "a.>" }, { key, value },
	};
	struct wi_plugin_config config = {
		.name = name, .file = module, .pool = pool, .settings = settings,
		.setting_count = key ? 3 : 2,
	};

	CHECK(wi_plugins_load(plugins, &config, problem) == WEIR_OK, "%s", problem);
}

static void
publish(uint32_t events)
{
	for (uint32_t i = 0; i < events; i++)
		CHECK_OK(weir_publish_wait(producer, topic, NULL, &i, sizeof i, 10 * SECOND));
}

static int
note_health(void *context, const struct wi_plugin_info *info)
{
	if (strcmp(info->name, context) != 0)
		return 0;
	snprintf(health, sizeof health, "%s", info->health.text);
	health_code = info->health.code;
	return 1;
}

static void
look_at_health(char *name)
{
	wi_plugins_each(plugins, note_health, name);
}

static void
note_gap(void *context, const struct wi_row *row)
{
	(void)context;
	if (row->kind == WI_ROW_GAP)
		snprintf(rows_text, sizeof rows_text, "%.*s", (int)row->size,
		         (const char *)row->payload);
}

/* -- cases ------------------------------------------------------------------ */

static void
run_settings(void)
{
	static const char *const wrong[][2] = {
		{ "colour", "red" }, { "durability", "always" }, { "on_error", "retry" },
		{ "rotate_size", "1x" }, { "rotate_time", "soon" }, { "checkpoint_pages", "0" },
		{ "topics", "a..b" }, { "topics", "" }, { "path", "" }, { "path", "/nonexistent/x.db" },
	};
	char name[32];

	support_phase("settings");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(name, sizeof name, "wrong-%zu", i);
		load(name, wrong[i][0], wrong[i][1]);
		CHECK(wi_plugins_enable(plugins, name, problem) != WEIR_OK, "%s = %s was taken",
		      wrong[i][0], wrong[i][1]);
		CHECK(strstr(problem, wrong[i][0]) || strstr(problem, wrong[i][1]) , "%s", problem);
	}
}

static void
run_one_writer(void)
{
	support_phase("one writer");
	load("second", NULL, NULL);
	CHECK(wi_plugins_enable(plugins, "second", problem) != WEIR_OK, "two write it");
	CHECK(strstr(problem, "writes this journal"), "%s", problem);
}

static void
run_disabled_while_it_holds(void)
{
	uint64_t start;
	struct look look;

	support_phase("disabling while it holds");
	CHECK(wi_plugins_enable(plugins, "audit", problem) == WEIR_OK, "%s", problem);
	run_one_writer();
	publish(100);
	CHECK_OK(weir_bus_flush(bus, 10 * SECOND));
	look_at_health(audit);
	CHECK(health_code == 0 && strncmp(health, "100 events", 10) == 0, "%s", health);
	set(&shim->full, 1);
	publish(50);
	start = now_ns();
	do {
		sleep_ns(MILLISECOND);
		look_at_health(audit);
		CHECK(now_ns() - start < 10 * SECOND, "does not hold: %s", health);
	} while (health_code == 0);
	CHECK(strstr(health, "holding since 20") && strstr(health, "full"), "%s", health);
	CHECK(get(&handled) == 100, "%llu handled behind", (ull)get(&handled));
	CHECK(wi_plugins_disable(plugins, "audit", 5 * SECOND, problem) == WEIR_OK, "%s", problem);
	CHECK(now_ns() - start < 5 * SECOND, "took long");
	CHECK_OK(weir_bus_flush(bus, 10 * SECOND));
	CHECK(get(&handled) == 150, "%llu handled behind", (ull)get(&handled));
	set(&shim->full, 0);
	CHECK(wi_plugins_enable(plugins, "audit", problem) == WEIR_OK, "%s", problem);
	publish(10);
	CHECK(wi_plugins_disable(plugins, "audit", 5 * SECOND, problem) == WEIR_OK, "%s", problem);
	look = look_at_journal(place.path, note_gap, NULL);
	CHECK(look_is_good(&look) && look.gaps == 1 && look.opened == 2, "gaps %llu, opened %llu",
	      (ull)look.gaps, (ull)look.opened);
	/* Those that were in the ring and not given to it when it was disabled are not its own to tell. */
	CHECK(look.events >= 100 && strstr(rows_text, "\"first\":101,") && strstr(rows_text, "full"),
	      "%s", rows_text);
	printf("%s\n", rows_text);
}

int
main(int argc, char **argv)
{
	CHECK(argc == 2, "usage: fault_journal_plugin weir-journal.so");
	module = argv[1];
	support_begin("fault_journal_plugin");
	shim_begin();
	open_all();
	run_settings();
	load("audit", NULL, NULL);
	run_disabled_while_it_holds();
	CHECK_OK(wi_plugins_close(plugins, 10 * SECOND));
	CHECK_OK(weir_bus_flush(bus, 10 * SECOND));
	books_check(bus);
	weir_producer_close(producer);
	CHECK_OK(weir_bus_close(bus, 10 * SECOND, NULL));
	script_end(&place);
	return 0;
}
