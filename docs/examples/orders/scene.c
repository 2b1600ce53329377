/* SPDX-License-Identifier: MIT */
/* scene.c - to embed weir takes open_host() and open_handlers(); the rest is there to prove it. */
#include "scene.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "check.h"
#include "clock.h"
#include "tool.h"

static volatile sig_atomic_t interrupted;

void
scene_interrupt(void)
{
	interrupted = 1;
}

/* -- the beginning ---------------------------------------------------------- */

static void
open_host(struct scene *scene)
{
	weir_host_options options = WEIR_HOST_OPTIONS_INIT;
	char problem[WEIR_HOST_PROBLEM_SIZE];
	char *file;

	place_add_plugin(&scene->place, ORDERS_JOURNAL, "weir-journal");
	place_add_plugin(&scene->place, ORDERS_COUNTER, "counter");
	file = place_configure(&scene->place, ORDERS_INI);
	options.config = file;
	if (weir_host_open(&options, &scene->host, problem, sizeof(problem)))
		fail("%s", problem);
	scene->bus = weir_host_bus(scene->host);
	free(file);
}

static weir_subscription
subscribe(struct scene *scene, const char *pool, const char *pattern, weir_handler_fn handler,
	  void *context, uint32_t failures)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;

	options.pool = weir_host_pool(scene->host, pool);
	options.quarantine_failure_count = failures;
	options.quarantine_ns = 200 * CLOCK_MS;
	check(weir_subscribe(scene->bus, pattern, handler, context, &options, &subscription),
	      pattern);
	return subscription;
}

static void
open_handlers(struct scene *scene)
{
	subscribe(scene, "work", "order.after.>", projection_on_event, &scene->projection, 0);
	scene->warehouse_id = subscribe(scene, "work", "order.after.>", warehouse_on_event,
	                                &scene->warehouse, 20);
	subscribe(scene, "mail", "order.after.>", mail_on_event, &scene->mail, 0);
	subscribe(scene, "mail", "weir.gap", mail_on_gap, &scene->mail, 0);
	subscribe(scene, "default", "weir.failed.deliver", failures_on_event, &scene->failures, 0);
}

static int
serve_weir(void *context, const struct order_request *request, struct order_result *ret_result)
{
	return shop_serve(context, request, ret_result);
}

static int
serve_direct(void *context, const struct order_request *request, struct order_result *ret_result)
{
	return direct_serve(context, request, ret_result);
}

static int
serve_queue(void *context, const struct order_request *request, struct order_result *ret_result)
{
	return queue_serve(context, request, ret_result);
}

/* What is compared has a database and a journal of its own. */
static void
open_ways(struct scene *scene)
{
	static const char *const files[] = {"orders.db", "direct-orders.db", "queue-orders.db"};
	char *direct = place_path(scene->place.data, "direct-audit.db");
	char *queue = place_path(scene->place.data, "queue-audit.db");

	for (int i = 0; i < REQUESTS_WAYS; i++) {
		char *path = place_path(scene->place.data, files[i]);

		scene->orders[i] = orders_open(path);
		free(path);
	}
	shop_open(&scene->shop, scene->bus, scene->orders[SCENE_WEIR]);
	direct_open(&scene->direct, scene->orders[SCENE_DIRECT], direct);
	queue_open(&scene->queue, scene->orders[SCENE_QUEUE], queue);
	scene->ways[SCENE_WEIR] =
		(struct way){"weir", scene->orders[SCENE_WEIR], serve_weir, &scene->shop};
	scene->ways[SCENE_DIRECT] = (struct way){"direct calls", scene->orders[SCENE_DIRECT],
						 serve_direct, &scene->direct};
	scene->ways[SCENE_QUEUE] = (struct way){"a mutex queue", scene->orders[SCENE_QUEUE],
						serve_queue, &scene->queue};
	free(direct);
	free(queue);
}

void
scene_open(struct scene *scene, const char *keep)
{
	*scene = (struct scene){0};
	place_open(&scene->place, keep);
	open_host(scene);
	open_handlers(scene);
	open_ways(scene);
	requests_open(&scene->requests, scene->ways);
}

/* -- the plugin ------------------------------------------------------------- */

/* Through the control socket, with the command that a person would type. */
static void
switch_plugin(struct scene *scene, const char *action)
{
	const char *const arguments[] = {"plugin", action, "counter", "--json", "--socket",
	                                 weir_host_socket(scene->host), NULL};
	json_t *answer;

	if (tool_run(arguments, &answer) != 0)
		fail("weir plugin %s counter did not work", action);
	json_decref(answer);
}

/* How often its handler has run: what `weir plugin list` shows as ok. */
static uint64_t
plugin_count(struct scene *scene)
{
	static const char request[] = "{\"verb\":\"plugin.list\"}";
	char *text = weir_host_control(scene->host, request, strlen(request));
	json_t *answer = json_loads(text ? text : "", 0, NULL), *plugin;
	uint64_t count = 0;
	size_t i;

	json_array_foreach(json_object_get(answer, "plugins"), i, plugin)
		if (strcmp(json_string_value(json_object_get(plugin, "name")), "counter") == 0)
			count = (uint64_t)json_integer_value(json_object_get(plugin, "ok"));
	json_decref(answer);
	free(text);
	return count;
}

static uint64_t
published(const struct scene *scene)
{
	weir_service_counts counts = WEIR_SERVICE_COUNTS_INIT;

	check(weir_service_get_counts(scene->shop.service, &counts), "counts");
	return counts.before + counts.after + counts.failed;
}

/* In the midst of all: its handler ends, and what comes then goes past it. */
static void
switch_off(struct scene *scene)
{
	switch_plugin(scene, "disable");
	scene->counted_off = plugin_count(scene);
	scene->published_off = published(scene);
}

/* When no request is under way: so each event from here on is counted. */
static void
switch_on(struct scene *scene)
{
	scene->counted_on = plugin_count(scene);
	scene->published_on = published(scene);
	switch_plugin(scene, "enable");
}

/* -- the play --------------------------------------------------------------- */

/* The next way is to begin in peace. */
static void
rest(struct scene *scene, enum scene_way way)
{
	requests_end(&scene->requests);
	if (way == SCENE_QUEUE)
		queue_drain(&scene->queue);
	if (way != SCENE_WEIR)
		return;
	check(weir_pool_flush(weir_host_pool(scene->host, "default"), 30 * CLOCK_S), "flush");
	check(weir_pool_flush(weir_host_pool(scene->host, "work"), 30 * CLOCK_S), "flush");
}

static void
play_way(struct scene *scene, enum scene_way way, double seconds)
{
	requests_begin(&scene->requests, way);
	clock_sleep((uint64_t)(seconds * 1e9));
	rest(scene, way);
}

static void
play_weir(struct scene *scene, double seconds, bool off)
{
	if (!off) {
		play_way(scene, SCENE_WEIR, seconds);
		return;
	}
	requests_begin(&scene->requests, SCENE_WEIR);
	clock_sleep((uint64_t)(seconds / 2 * 1e9));
	switch_off(scene);
	clock_sleep((uint64_t)(seconds / 2 * 1e9));
	rest(scene, SCENE_WEIR);
}

bool
scene_play(struct scene *scene, double seconds, void (*say)(double second, const char *what))
{
	const unsigned rounds = seconds > 5 ? (unsigned)seconds : 5;
	const unsigned off = rounds / 2, on = off + 1, reachable = rounds * 6 / 10;
	const double round = seconds / rounds;
	const uint64_t begin = clock_now();

	for (unsigned i = 0; i < rounds && !interrupted; i++) {
		double second = (double)(clock_now() - begin) / 1e9;

		if (i == on)
			switch_on(scene);
		atomic_store(&scene->warehouse.reachable, i >= reachable);
		say(second, i < off ? "orders come in; the warehouse does not answer" :
		            i == off ? "the plugin is switched off and on" :
		                       "orders come in; the warehouse is back");
		play_weir(scene, round * 0.6, i == off);
		say(second + round * 0.6, "the same requests, with direct calls of the handlers");
		play_way(scene, SCENE_DIRECT, round * 0.2);
		say(second + round * 0.8, "the same requests, with a mutex queue");
		play_way(scene, SCENE_QUEUE, round * 0.2);
	}
	requests_close(&scene->requests);
	return !interrupted;
}

/* -- the end ---------------------------------------------------------------- */

/* Each of the three: tried = before, done = after, refused = failed. */
static void
look_at_service(struct scene *scene, struct verdict *verdict)
{
	const struct requests_figures *seen = &verdict->figures[SCENE_WEIR];
	weir_service_counts counts = WEIR_SERVICE_COUNTS_INIT;
	const char *text = "requests tried = before = after + failed";
	uint64_t before, after, failed;

	/* What a full ring has refused will be missing in the journal, but not here. */
	check(weir_service_get_counts(scene->shop.service, &counts), "counts");
	before = counts.before + counts.before_refused;
	after = counts.after + counts.after_refused;
	failed = counts.failed + counts.failed_refused;
	if (seen->done != after)
		verdict_some(verdict, "operations", seen->done, after, "requests done = after");
	else if (seen->refused != failed)
		verdict_some(verdict, "operations", seen->refused, failed,
		             "requests refused = failed");
	else if (before != seen->tried)
		verdict_some(verdict, "operations", seen->tried, before, "requests tried = before");
	else
		verdict_some(verdict, "operations", seen->tried, after + failed, "%s", text);
}

static void
look_at_handlers(struct scene *scene, struct verdict *verdict)
{
	weir_subscription_counts all = WEIR_SUBSCRIPTION_COUNTS_INIT, warehouse = all;
	weir_pool_counts mail = WEIR_POOL_COUNTS_INIT;

	check(weir_bus_get_counts(scene->bus, NULL, NULL, NULL, &all), "counts");
	check(weir_subscription_get_counts(scene->bus, scene->warehouse_id, &warehouse), "counts");
	check(weir_pool_get_counts(weir_host_pool(scene->host, "mail"), &mail), "counts");
	verdict_some(verdict, "failures", all.failed, atomic_load(&scene->failures),
	             "handlers' failures = told in weir.failed.deliver");
	verdict_some(verdict, "quarantine", warehouse.skipped_quarantine ? warehouse.due : 0,
		     atomic_load(&scene->warehouse.told) + atomic_load(&scene->warehouse.failed) +
			     warehouse.skipped_quarantine,
		     "warehouse: due = done + failed + in quarantine");
	verdict_some(verdict, "skipped", mail.skipped_behind, atomic_load(&scene->mail.missed),
	             "mail, too slow: skipped = told in weir.gap");
}

static void
look_at_plugin(struct scene *scene, struct verdict *verdict)
{
	uint64_t missed = scene->published_on - scene->published_off;
	char number[32];

	verdict_some(verdict, "plugin-off", scene->counted_off, missed ? scene->counted_on : 0,
		     "plugin, off: its count then = %s events later",
		     verdict_number(missed, number));
	verdict_some(verdict, "plugin-on", published(scene) - scene->published_on,
		     plugin_count(scene) - scene->counted_on,
		     "plugin, on again: events since = its count");
}

static void
look_at_journal(struct scene *scene, struct verdict *verdict, uint64_t events)
{
	char *path = place_path(scene->place.data, "audit.db");
	struct audit audit;

	audit_look(path, &audit);
	verdict_some(verdict, "audit", events, audit.events[0] + audit.events[1] + audit.events[2],
	             "events of order.> = their rows in the journal");
	verdict_some(verdict, "verify", audit.rows, audit.whole ? audit.verified : 0,
	             "rows of the journal = proven by weir journal verify");
	free(path);
}

/* Those without weir, too: or they were compared for nothing. */
static void
look_at_projections(struct scene *scene, struct verdict *verdict)
{
	const struct projection *projections[] = {&scene->projection,
						  &scene->direct.listeners.projection,
						  &scene->queue.listeners.projection};
	unsigned same = 0;

	for (int i = 0; i < REQUESTS_WAYS; i++)
		same += projection_compare(projections[i], scene->orders[i]);
	verdict_some(verdict, "projection", REQUESTS_WAYS * ORDERS_CUSTOMERS, same,
	             "customers = projections equal to the database");
}

/* What handlers have done is looked at when they are done, the journal when it is closed. */
static void
close_host(struct scene *scene, struct verdict *verdict, weir_bus_counts *ret_counts,
           weir_close_report *ret_report)
{
	uint64_t events;

	atomic_store(&scene->mail.hurry, true);
	check(weir_host_drain(scene->host, 60 * CLOCK_S), "drain");
	check(weir_bus_get_counts(scene->bus, ret_counts, NULL, NULL, NULL), "counts");
	events = published(scene);
	look_at_service(scene, verdict);
	look_at_handlers(scene, verdict);
	look_at_plugin(scene, verdict);
	shop_close(&scene->shop);
	check(weir_host_close(scene->host, 60 * CLOCK_S, ret_report), "close");
	look_at_journal(scene, verdict, events);
}

void
scene_close(struct scene *scene, struct verdict *verdict)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;

	for (int i = 0; i < REQUESTS_WAYS; i++) {
		verdict->ways[i] = scene->ways[i].name;
		requests_get_figures(&scene->requests, i, &verdict->figures[i]);
	}
	close_host(scene, verdict, &counts, &report);
	queue_drain(&scene->queue);
	look_at_projections(scene, verdict);
	verdict_none(verdict, "lost", (uint64_t)counts.lost, report.undelivered,
	             "lost, and not delivered at the end");
	direct_close(&scene->direct);
	queue_close(&scene->queue);
	for (int i = 0; i < REQUESTS_WAYS; i++)
		orders_close(scene->orders[i]);
}
