/* SPDX-License-Identifier: MIT */
/* play.c - what happens, and when. */
#include "scene.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "clock.h"
#include "tool.h"

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

uint64_t
scene_plugin_count(const struct scene *scene)
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

uint64_t
scene_published(const struct scene *scene)
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
	scene->counted_off = scene_plugin_count(scene);
	scene->published_off = scene_published(scene);
}

/* When no request is under way: so each event from here on is counted. */
static void
switch_on(struct scene *scene)
{
	scene->counted_on = scene_plugin_count(scene);
	scene->published_on = scene_published(scene);
	switch_plugin(scene, "enable");
}

/* -- the play --------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

void
scene_interrupt(void)
{
	interrupted = 1;
}

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
