/* SPDX-License-Identifier: MIT */
/* look.c - each claim of the verdict: two numbers, from two places. */
#include "scene.h"

#include <jansson.h>
#include <stdlib.h>

#include "audit.h"
#include "check.h"
#include "clock.h"
#include "tool.h"

/* -- while the host is open, and all is through its pools ------------------- */

/* Each of the three: tried = before, done = after, refused = failed. */
static void
look_at_service(const struct scene *scene, struct verdict *verdict)
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
look_at_handlers(const struct scene *scene, struct verdict *verdict)
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
look_at_plugin(const struct scene *scene, struct verdict *verdict)
{
	uint64_t missed = scene->published_on - scene->published_off;
	char number[32];

	verdict_some(verdict, "plugin-off", scene->counted_off, missed ? scene->counted_on : 0,
		     "plugin, off: its count then = %s events later",
		     verdict_number(missed, number));
	verdict_some(verdict, "plugin-on", scene_published(scene) - scene->published_on,
		     scene_plugin_count(scene) - scene->counted_on,
		     "plugin, on again: events since = its count");
}

/* What `weir notify status` says of the spool, beside the plugin that uses it. */
static json_t *
spool_status(const struct scene *scene)
{
	char *path = place_path(scene->place.data, "notify.db");
	const char *const arguments[] = {"notify", "--json", "status", path, NULL};
	json_t *answer;

	if (tool_run(arguments, &answer) != 0)
		fail("weir notify status did not work");
	free(path);
	return answer;
}

static uint64_t
number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* The receiver takes nothing more; what it has just taken is noted as sent within a moment. */
static void
look_at_notifier(struct scene *scene, struct verdict *verdict)
{
	atomic_ullong *answers = scene->receiver.answers;
	uint64_t deadline = clock_now() + 20 * CLOCK_S, taken, sent;
	json_t *spool = NULL;

	do {
		json_decref(spool);
		spool = spool_status(scene);
		taken = atomic_load(&answers[RECEIVER_TAKEN]);
		sent = number(spool, "sent");
	} while (taken != sent && clock_now() < deadline);
	verdict_some(verdict, "accepted", atomic_load(&scene->worth_telling),
	             number(spool, "accepted"), "events to be told = accepted by the notifier");
	verdict_some(verdict, "spool", number(spool, "accepted"),
	             sent + number(spool, "waiting") + number(spool, "digested") +
	                     number(spool, "given_up") + number(spool, "suppressed"),
	             "accepted = sent + waiting + in digests + given up");
	verdict_some(verdict, "receiver", taken, sent,
	             "taken, with %llu x 429, %llu x 500, %llu silent = sent",
	             atomic_load(&answers[RECEIVER_BUSY]), atomic_load(&answers[RECEIVER_BROKEN]),
	             atomic_load(&answers[RECEIVER_SILENT]));
	json_decref(spool);
}

void
scene_look_open(struct scene *scene, struct verdict *verdict)
{
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;

	check(weir_bus_get_counts(scene->bus, &counts, NULL, NULL, NULL), "counts");
	scene->lost = counts.lost;
	scene->events = scene_published(scene);
	look_at_service(scene, verdict);
	look_at_handlers(scene, verdict);
	look_at_plugin(scene, verdict);
	look_at_notifier(scene, verdict);
}

/* -- when it is closed ------------------------------------------------------ */

static void
look_at_journal(const struct scene *scene, struct verdict *verdict)
{
	char *path = place_path(scene->place.data, "audit.db");
	struct audit audit;

	audit_look(path, &audit);
	verdict_some(verdict, "audit", scene->events,
	             audit.events[0] + audit.events[1] + audit.events[2],
	             "events of order.> = their rows in the journal");
	verdict_some(verdict, "verify", audit.rows, audit.whole ? audit.verified : 0,
	             "rows of the journal = proven by weir journal verify");
	free(path);
}

/* Those without weir, too: or they were compared for nothing. */
static void
look_at_projections(const struct scene *scene, struct verdict *verdict)
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

/* The journal alone, published again: the same sums, and nobody heard of it who did not ask. */
static void
look_at_again(const struct scene *scene, struct verdict *verdict)
{
	verdict_some(verdict, "replay", scene->events,
	             scene->again.live ? 0 : scene->again.replayed,
	             "events = published again by weir replay");
	verdict_some(verdict, "rebuilt", ORDERS_CUSTOMERS,
	             again_compare(&scene->again, &scene->projection),
	             "customers = projections rebuilt from the journal");
}

void
scene_look_closed(struct scene *scene, const weir_close_report *report, struct verdict *verdict)
{
	look_at_journal(scene, verdict);
	look_at_projections(scene, verdict);
	look_at_again(scene, verdict);
	verdict_none(verdict, "lost", (uint64_t)scene->lost, report->undelivered,
	             "lost, and not delivered at the end");
}
