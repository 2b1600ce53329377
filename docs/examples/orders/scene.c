/* SPDX-License-Identifier: MIT */
/* scene.c - to embed weir takes open_host() and open_handlers(), and the end of scene_close(). */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "clock.h"

/* -- the beginning ---------------------------------------------------------- */

/* Where the notifier sends to, and what it signs with. */
static void
open_receiver(struct scene *scene)
{
	static const char key[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";      /* an example, and no secret */
	char url[64];

	receiver_open(&scene->receiver);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/services/T0/B0/hidden",
		 scene->receiver.port);
	free(place_keep_secret(&scene->place, "alerts.url", url));
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/billing", scene->receiver.port);
	free(place_keep_secret(&scene->place, "billing.url", url));
	free(place_keep_secret(&scene->place, "billing.key", key));
}

/* DATA/weir.log: what a server would have in its journal. */
static void
write_log(void *context, int level, const char *id, const char *text)
{
	fprintf(context, "<%d>%s [%s]\n", level, text, id);
}

static void
open_log(struct scene *scene)
{
	char *path = place_path(scene->place.data, "weir.log");

	scene->log = fopen(path, "we");
	if (!scene->log)
		fail("%s: cannot be written", path);
	setlinebuf(scene->log);
	free(path);
}

static void
open_host(struct scene *scene)
{
	weir_host_options options = WEIR_HOST_OPTIONS_INIT;
	char problem[WEIR_HOST_PROBLEM_SIZE];
	char *file;

	place_add_plugin(&scene->place, ORDERS_JOURNAL, "weir-journal");
	place_add_plugin(&scene->place, ORDERS_NOTIFY, "weir-notify");
	place_add_plugin(&scene->place, ORDERS_COUNTER, "counter");
	file = place_configure(&scene->place, ORDERS_INI);
	options.config = file;
	options.log = write_log;
	options.log_context = scene->log;
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
	subscribe(scene, "notify", "order.failed.*", worth_telling_on_event, &scene->worth_telling, 0);
	subscribe(scene, "notify", "order.after.pay", worth_telling_on_event, &scene->worth_telling, 0);
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
	open_log(scene);
	open_receiver(scene);
	open_host(scene);
	open_handlers(scene);
	open_ways(scene);
	requests_open(&scene->requests, scene->ways);
}

/* -- the end ---------------------------------------------------------------- */

void
scene_close(struct scene *scene, struct verdict *verdict)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	char *journal;

	for (int i = 0; i < REQUESTS_WAYS; i++) {
		verdict->ways[i] = scene->ways[i].name;
		requests_get_figures(&scene->requests, i, &verdict->figures[i]);
	}
	atomic_store(&scene->mail.hurry, true);
	check(weir_host_drain(scene->host, 60 * CLOCK_S), "drain");
	atomic_store(&scene->receiver.full, true);
	scene_look_open(scene, verdict);
	shop_close(&scene->shop);
	check(weir_host_close(scene->host, 60 * CLOCK_S, &report), "close");
	receiver_close(&scene->receiver);
	direct_close(&scene->direct);
	queue_close(&scene->queue);
	journal = place_path(scene->place.data, "audit.db");
	again_replay(&scene->again, &scene->place, journal);
	free(journal);
	scene_look_closed(scene, &report, verdict);
	for (int i = 0; i < REQUESTS_WAYS; i++)
		orders_close(scene->orders[i]);
	fclose(scene->log);
}
