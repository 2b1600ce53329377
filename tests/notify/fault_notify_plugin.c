/* SPDX-License-Identifier: MIT */
/*
 * fault_notify_plugin.c - the plugin in a host, and an endpoint that fails in all ways: what was accepted
 *                         is sent, given up, waiting, suppressed or digested, exactly; and it can be
 *                         switched off whatever the endpoint does.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "notifier.h"

static const char quick[] = "channel.hook.retry=5ms..40ms\nchannel.hook.timeout=200ms\n";

static weir_host *host;
static struct receiver *receiver;
static const struct wi_spool_counts *awaited;

#define HEALTH "{\"verb\":\"plugin.list\"}"

static void
open_host(const char *more)
{
	unlink(rig_path("spool.db"));
	unlink(rig_path("spool.db-wal"));
	unlink(rig_path("spool.db-shm"));
	receiver = receiver_open(0, NULL);
	rig_forget();
	CHECK(rig_open(notify_config(receiver, "behind=skip", more), NULL, &host) == WEIR_OK, "%s",
	      rig_problem);
	for (int i = 0; thread_nice("weir:courier") != thread_nice("weir:default/0") + 10; i++) {
		/* It is nice a moment after it has its name. */
		CHECK(i < 2000, "the courier's nice is %d", thread_nice("weir:courier"));
		sleep_ns(MILLISECOND);
	}
}

/* Every identity holds, of the bus and of the spool. */
static void
close_host(void)
{
	CHECK_OK(weir_host_drain(host, 20 * SECOND));
	books_check(weir_host_bus(host));
	rig_close(host);
	notify_counts();
	receiver_close(receiver);
}

static void
plan(const struct receiver_step *steps, uint32_t count)
{
	receiver_plan(receiver, steps, count);
}

static void
answer(int status)
{
	static struct receiver_step steps[8];
	static uint32_t next;
	struct receiver_step *step = &steps[next++ % 8];

	/* The receiver looks at it as long as it is open. */
	*step = (struct receiver_step){ .status = status };
	plan(step, 1);
}

static bool
as_awaited(const struct wi_spool_counts *counts)
{
	return counts->accepted == awaited->accepted && counts->sent == awaited->sent &&
	       counts->given_up == awaited->given_up && counts->waiting == awaited->waiting &&
	       counts->suppressed == awaited->suppressed && counts->digested == awaited->digested;
}

static void
await(struct wi_spool_counts counts, const char *what)
{
	counts.accepted = counts.sent + counts.given_up + counts.waiting + counts.suppressed +
	                  counts.digested;
	awaited = &counts;
	notify_await(as_awaited, what);
}

#define AWAIT(what, ...) await((struct wi_spool_counts){ __VA_ARGS__ }, what)

/* The health says it within 20 s. */
static void
await_health(const char *text)
{
	uint64_t start = now_ns();

	while (!strstr(rig_ask(host, HEALTH), text)) {
		CHECK(now_ns() - start < 20 * SECOND, "%s; wanted: %s", rig_ask(host, HEALTH), text);
		sleep_ns(5 * MILLISECOND);
	}
}

static void
retry(const char *channel, uint64_t messages, uint64_t channels)
{
	struct wi_spool_options options = { .path = rig_path("spool.db"), .shared = true };
	char problem[WI_NOTIFY_PROBLEM_SIZE];
	uint64_t some, on, now = (uint64_t)time(NULL) * SECOND;
	struct wi_spool *spool;

	CHECK(wi_spool_open(&options, &spool, problem), "%s", problem);
	CHECK(wi_spool_retry(spool, NULL, channel, now, &some, &on), "retry");
	CHECK(some == messages && on == channels, "%llu messages, %llu channels", (ull)some, (ull)on);
	wi_spool_close(spool);
}

/* -- cases ------------------------------------------------------------------ */

static void
run_settings(void)
{
	static const char *const wrong[][2] = {
		{ "colour=red", "'colour' is no setting" },
		{ "spool_messages=0", "spool_messages" },
		{ "spool_bytes=1k", "spool_bytes" },
		{ "spool_failed=x", "spool_failed" },
		{ "channel.hook.rate=often", "channel.hook.rate" },
		{ "channel.x=y", "channel.NAME.SETTING" },
		{ "channel.Hook.type=webhook", "channel.NAME.SETTING" },
		{ "rule.other=a.b to nobody", "nobody" },
		{ "rule.other=a..b to hook", "rule.other" },
		{ "source=", "source" },
	};
	const char *config;

	support_phase("settings");
	receiver = receiver_open(0, NULL);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		config = notify_config(receiver, "behind=skip", wrong[i][0]);
		CHECK(rig_open(config, NULL, &host) != WEIR_OK, "%s was taken", wrong[i][0]);
		CHECK(strstr(rig_problem, wrong[i][1]), "%s", rig_problem);
	}
	receiver_close(receiver);
}

static void
run_all_kinds_of_failures(void)
{
	static const struct receiver_step steps[] = {
		{ .status = 429, .headers = "Retry-After: 0\r\n" }, { .status = 500 }, { .status = 200 },
		{ .way = RECEIVER_HANG }, { .way = RECEIVER_CUT_REQUEST, .bytes = 10, .reset = true },
		{ .status = 503 }, { .way = RECEIVER_CUT_ANSWER, .bytes = 3 }, { .status = 200 },
		{ .way = RECEIVER_DRIP, .gap_ns = 50000000 }, { .status = 400 }, { .status = 301 },
		{ .raw = "rubbish\r\n\r\n" }, { .status = 200 },
	};

	support_phase("all kinds of failures");
	open_host(quick);
	plan(steps, sizeof steps / sizeof *steps);
	rig_publish(host, 60);
	AWAIT("sent or given up", .sent = 58, .given_up = 2);
	await_health("0 waiting, 2 failed, 58 sent");
	answer(200);
	retry(NULL, 2, 0);
	AWAIT("sent after retry", .sent = 60);
	rig_publish(host, 40);
	AWAIT("all sent", .sent = 100);
	await_health("0 waiting, 0 failed, 100 sent\"");
	close_host();
}

static void
run_off(void)
{
	support_phase("a channel that is off");
	open_host(quick);
	answer(410);
	rig_publish(host, 10);
	await_health("channel hook off: 410");
	AWAIT("waiting", .waiting = 10);
	CHECK(rig_logged("channel hook is off"), "not logged");
	answer(200);
	/* Switching it off and on does not help, and loses nothing. */
	rig_check_answer(host, "{\"verb\":\"plugin.disable\",\"name\":\"notify\"}", "\"ok\":true");
	rig_check_answer(host, "{\"verb\":\"plugin.enable\",\"name\":\"notify\"}", "\"ok\":true");
	await_health("channel hook off: 410");
	retry("hook", 0, 1);
	AWAIT("sent", .sent = 10);
	await_health("0 waiting, 0 failed, 10 sent\"");
	close_host();
}

static void
run_disabled_while_it_hangs(void)
{
	static const struct receiver_step hang = { .way = RECEIVER_DEAF };
	enum { TIMES_OFF = 5 };
	uint64_t start, took = 0;

	support_phase("disabling while the endpoint hangs");
	open_host("channel.hook.timeout=60s\n");
	plan(&hang, 1);
	rig_publish(host, 5);
	/* A courier that were not woken would look again within a second, most of it later. */
	for (uint32_t i = 0; i < TIMES_OFF; i++) {
		if (i)
			rig_check_answer(host, "{\"verb\":\"plugin.enable\",\"name\":\"notify\"}", "\"ok\":true");
		CHECK(receiver_wait_open(receiver, 1), "no connection");
		start = now_ns();
		rig_check_answer(host, "{\"verb\":\"plugin.disable\",\"name\":\"notify\"}", "\"ok\":true");
		took += now_ns() - start;
		CHECK(receiver_wait_open(receiver, 0), "the connection stays");
	}
	CHECK(took < TIMES_OFF * 400 * MILLISECOND, "took %llu ms", (ull)(took / MILLISECOND));
	AWAIT("waiting", .waiting = 5);
	rig_publish(host, 5);
	AWAIT("nothing is accepted", .waiting = 5);
	answer(200);
	rig_check_answer(host, "{\"verb\":\"plugin.enable\",\"name\":\"notify\"}", "\"ok\":true");
	AWAIT("sent", .sent = 5);
	close_host();
}

static void
run_digest(void)
{
	support_phase("digests");
	open_host("channel.hook.digest=1s\n");
	rig_publish(host, 1);
	AWAIT("the first at once", .sent = 1);
	rig_publish(host, 42);
	AWAIT("the others as one", .sent = 2, .digested = 41);
	CHECK(receiver_count(receiver) == 2, "%u requests", receiver_count(receiver));
	CHECK(strstr(receiver_request(receiver, 1)->body, "\"count\":42"), "%s",
	      receiver_request(receiver, 1)->body);
	close_host();
}

static void
run_bounded(void)
{
	support_phase("bounds");
	open_host("spool_messages=5\nchannel.hook.retry=20s..20s\n");
	answer(500);
	rig_publish(host, 1);
	await_health("1 failed tries");
	rig_publish(host, 19);
	AWAIT("the oldest make room", .waiting = 5, .suppressed = 15);
	close_host();
}

/* The spool cannot be written: the batch fails, is counted, and nothing of it is there. */
static void
run_failed_commit(void)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;
	sqlite3 *other;

	support_phase("a commit that fails");
	open_host(quick);
	rig_publish(host, 3);
	AWAIT("sent", .sent = 3);
	CHECK(sqlite3_open(rig_path("spool.db"), &other) == SQLITE_OK &&
	      sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK, "sqlite3");
	rig_publish(host, 4);
	await_health("database is locked");
	CHECK(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK, "sqlite3");
	sqlite3_close(other);
	CHECK_OK(weir_bus_get_counts(weir_host_bus(host), NULL, NULL, NULL, &counts));
	CHECK(counts.failed_batches >= 1, "no batch failed");
	await_health("0 waiting, 0 failed, 3 sent, 4 refused");
	AWAIT("nothing half there", .sent = 3);
	rig_publish(host, 2);
	AWAIT("it goes on", .sent = 5);
	await_health("0 waiting, 0 failed, 5 sent, 4 refused\"");
	close_host();
}

int
main(void)
{
	static const char *const modules[] = { "weir-notify.so", NULL };

	support_begin("fault_notify_plugin");
	rig_begin(modules);
	run_settings();
	run_all_kinds_of_failures();
	run_off();
	run_disabled_while_it_hangs();
	run_digest();
	run_bounded();
	run_failed_commit();
	rig_end();
	return 0;
}
