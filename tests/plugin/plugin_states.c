/* SPDX-License-Identifier: MIT */
/* plugin_states.c - load, enable, disable, reconfigure, fail, hang, close: what each promises. */
#include <stdio.h>
#include <string.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

static const char *const all_modules[] = {"good.so",   "other.so",   "plain.so",
				      "blocks.so", "counter.so", "tell.so", NULL};

static const char *const the_examples[] = {"counter.so", "tell.so", NULL};
static const char *const *modules = all_modules;

static struct rig rig;
static struct control control, second;

static void
begin(const char *phase)
{
	support_phase(phase);
	control = second = (struct control){ .subscriptions = 2 };
	rig_open(&rig, modules);
}

static void
check_problem(const char *text)
{
	CHECK(strstr(rig.problem, text), "problem: %s; wanted: %s", rig.problem, text);
}

static void
check_state(const char *name, enum wi_plugin_state state)
{
	CHECK(rig_info(&rig, name).state == state, "%s: %d", name, rig_info(&rig, name).state);
}

/* -- the way of a plugin that does well ------------------------------------- */

static void
check_counts(const char *name, uint64_t subscriptions, uint64_t due)
{
	struct wi_plugin_info info = rig_info(&rig, name);

	CHECK(info.subscriptions == subscriptions && info.due == due && info.ok == due &&
		      !info.failed,
	      "%s: %llu subscriptions, due %llu, ok %llu, failed %llu", name,
	      (ull)info.subscriptions, (ull)info.due, (ull)info.ok, (ull)info.failed);
}

static void
test_way(void)
{
	begin("a plugin goes its way");
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 0));
	check_state("audit", WI_PLUGIN_LOADED);
	CHECK(strcmp(rig_info(&rig, "audit").health.text, "disabled") == 0, "health");
	rig_publish(&rig, 10);
	rig_flush(&rig);
	CHECK(control.events == 0 && control.loads == 1, "before enable");

	CHECK_OK(rig_enable(&rig, "audit"));
	CHECK_OK(rig_enable(&rig, "audit"));
	check_state("audit", WI_PLUGIN_ENABLED);
	rig_check_subscriptions(&rig, 2);
	rig_publish(&rig, 1000);
	rig_flush(&rig);
	check_counts("audit", 2, 2000);
	CHECK(rig_info(&rig, "audit").health.code == 7 &&
	      strncmp(rig_info(&rig, "audit").health.text, "well????", 8) == 0, "health");

	CHECK_OK(rig_disable(&rig, "audit", 10 * SECOND));
	CHECK_OK(rig_disable(&rig, "audit", 10 * SECOND));
	rig_publish(&rig, 10);
	rig_flush(&rig);
	rig_check_subscriptions(&rig, 0);
	check_counts("audit", 0, 2000);
	CHECK(control.enables == 1 && control.disables == 1 && control.released == 2,
	      "one of each");
	rig_close(&rig);
	CHECK(control.unloads == 1 && control.disables == 1 && control.late == 0, "unloaded once");
	CHECK(rig_logged("<6> WEIR-PLUGIN plugin audit: enabled") &&
		      rig_logged("plugin audit: disabled"),
	      "log");
	CHECK(rig_told("plugin.after.enable {\"plugin\":\"audit\"}") &&
	      rig_told("plugin.after.disable {\"plugin\":\"audit\"}"), "events");
}


/* -- loading ---------------------------------------------------------------- */

static void
refused(weir_status expected, const char *name, const char *file, const char *text)
{
	CHECK_STATUS(expected, rig_load(&rig, name, file, &control, 0));
	check_problem(text);
}

static void
test_names(void)
{
	static const char long_name[] =
		"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg";

	begin("names are refused");
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 0));
	refused(WEIR_EINVAL, "audit", "good", "plugin audit: there is one of this name already");
	refused(WEIR_EINVAL, "", "good", "its name is not");
	refused(WEIR_EINVAL, "Audit", "good", "plugin Audit: its name is not");
	refused(WEIR_EINVAL, "a.b", "good", "its name is not");
	refused(WEIR_EINVAL, long_name, "good", "its name is not");
	refused(WEIR_EINVAL, "other", NULL, "plugin other: no file is named");
	refused(WEIR_ENOENT, "other", "nothing", "nothing: not in the plugin directories");
	CHECK_STATUS(WEIR_ENOENT, rig_enable(&rig, "other"));
	check_problem("plugin other: there is none of this name");
	rig_close(&rig);
}

static void
test_load_fails(void)
{
	begin("a load fails");
	control.load_code = 5;
	refused(WEIR_EIO, "audit", "good", "plugin audit: load failed: code 5");
	control.say = "no\nroom";
	refused(WEIR_EIO, "audit", "good", "plugin audit: load failed: no?room");
	CHECK_STATUS(WEIR_ENOENT, rig_enable(&rig, "audit"));
	control.load_code = 0;
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 0));
	rig_close(&rig);
	CHECK(control.loads == 3 && control.unloads == 1, "what failed to load is not unloaded");
}

/*
 * One object has a context for each name; another has its own code, though loaded in the same way.
 */
static void
test_two(void)
{
	struct holdings before;
	struct control third = { .subscriptions = 1 };
	uint64_t clock = 0;

	begin("two plugins each have their own code");
	control.clock = third.clock = &clock;
	before = holdings_take();
	CHECK_OK(rig_load(&rig, "first", "good", &control, 0));
	CHECK_OK(rig_load(&rig, "second", "other.so", &second, 0));
	CHECK_OK(rig_load(&rig, "third", rig_path(&rig, "good.so"), &third, 0));
	CHECK(control.number == 1 && second.number == 2 && third.number == 1, "%llu %llu %llu",
	      (ull)control.number, (ull)second.number, (ull)third.number);
	CHECK(holdings_take().files == before.files + 2, "a file for each object");
	CHECK_OK(rig_enable(&rig, "third"));
	CHECK_OK(rig_enable(&rig, "first"));
	rig_publish(&rig, 5);
	rig_flush(&rig);
	CHECK(control.events == 10 && third.events == 5 && second.events == 0,
	      "each its own events");
	rig_close(&rig);
	CHECK(third.unloads == 1 && control.unloads == 1 && second.unloads == 1,
	      "each unloaded once");
	CHECK(control.disabled_at == 1 && third.disabled_at == 2, "last enabled first");
}

static void
test_blocks(void)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	struct wi_plugin_config config = { .name = "disk", .file = "blocks" };
	struct wi_setting setting = { "control", NULL };
	char text[32];
	weir_pool *pool;

	begin("one that blocks is kept out of the default pool");
	refused(WEIR_EINVAL, "disk", "blocks", "plugin disk: its handlers wait");
	CHECK(control.loads == 0, "refused before its load");
	CHECK_OK(weir_pool_open(rig.bus, &options, &pool));
	snprintf(text, sizeof text, "%p", (void *)&control);
	setting.value = text;
	config.settings = &setting;
	config.setting_count = 1;
	config.pool = pool;
	CHECK_OK(wi_plugins_load(rig.plugins, &config, rig.problem));
	CHECK_STATUS(WEIR_EINVAL, rig_reconfigure(&rig, "disk", "blocks", &control, NULL, NULL, 0));
	check_problem("plugin disk: its handlers wait");
	CHECK_OK(rig_enable(&rig, "disk"));
	CHECK(rig_info(&rig, "disk").pool == pool, "its pool");
	CHECK_OK(rig_disable(&rig, "disk", 10 * SECOND));
	control.pool = weir_bus_default_pool(rig.bus);
	CHECK_STATUS(WEIR_EIO, rig_enable(&rig, "disk"));
	check_problem("subscription 0: ");
	rig_close(&rig);
}

/* -- enabling half-way ------------------------------------------------------ */

static void
test_half_way(void)
{
	begin("an enable fails half-way");
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 0));
	control.enable_code = 5;
	for (uint64_t i = 0; i <= 3; i++) {
		control.subscriptions = i;
		CHECK_STATUS(WEIR_EIO, rig_enable(&rig, "audit"));
		check_problem("plugin audit: enable failed: code 5");
		check_state("audit", WI_PLUGIN_FAILED);
		rig_check_subscriptions(&rig, 0);
	}
	CHECK(control.disables == 0 && control.released == 6, "ended, and not disabled");
	CHECK(strcmp(rig_info(&rig, "audit").problem, rig.problem) == 0 &&
	      strcmp(rig_info(&rig, "audit").health.text, rig.problem) == 0, "the problem is kept");
	control.say = "\"no\" room\\";
	CHECK_STATUS(WEIR_EIO, rig_enable(&rig, "audit"));
	control.enable_code = 0;
	CHECK_OK(rig_enable(&rig, "audit"));
	CHECK(strcmp(rig_info(&rig, "audit").problem, "") == 0, "the problem is gone");
	rig_publish(&rig, 10);
	rig_flush(&rig);
	rig_close(&rig);
	CHECK(control.events == 30 && control.disables == 1, "it works");
	CHECK(rig_logged("<3> WEIR-PLUGIN plugin audit: enable failed: code 5"), "log");
	CHECK(rig_told("plugin.failed.enable {\"plugin\":\"audit\",\"reason\":\"\\\"no\\\" "
		       "room\\\\\"}"),
	      "event");
}

/* A pattern that is refused, in the middle of the subscriptions. */
static void
test_bad_pattern(void)
{
	begin("a subscription is refused");
	control.pattern = "load..x";
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 0));
	CHECK_STATUS(WEIR_EIO, rig_enable(&rig, "audit"));
	check_problem("plugin audit: enable failed: subscription 0: ");
	rig_close(&rig);
}

/* -- failures in a row ------------------------------------------------------ */

static void
fail_for(uint64_t count, int code)
{
	set(&control.code, code);
	for (uint64_t i = 0; i < count; i++) {
		rig_publish(&rig, 1);
		rig_flush(&rig);
	}
}

static void
test_limit(void)
{
	begin("failures in a row disable a plugin");
	control.subscriptions = 1;
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 100));
	CHECK_OK(rig_enable(&rig, "audit"));
	fail_for(99, 5);
	fail_for(1, 0);
	fail_for(99, 5);
	check_state("audit", WI_PLUGIN_ENABLED);
	fail_for(1, 6);
	rig_await_state(&rig, "audit", WI_PLUGIN_FAILED);
	rig_check_subscriptions(&rig, 0);
	rig_flush(&rig);
	CHECK(control.events == 200 && control.disables == 1, "%llu events", (ull)control.events);
	CHECK(rig_info(&rig, "audit").failed == 199 && rig_info(&rig, "audit").ok == 1, "counts");
	CHECK(rig_logged("<3> WEIR-PLUGIN plugin audit: disabled after 100 failures in a row, the "
			 "last with "
			 "code 6"),
	      "log");
	CHECK(rig_told("plugin.failed.run {\"plugin\":\"audit\",\"reason\":\"disabled after 100 "
		       "failures") &&
		      rig_told("plugin.after.disable {\"plugin\":\"audit\"}"),
	      "events");

	CHECK_OK(rig_disable(&rig, "audit", 10 * SECOND));
	check_state("audit", WI_PLUGIN_FAILED);
	CHECK_OK(rig_enable(&rig, "audit"));
	fail_for(99, 5);
	check_state("audit", WI_PLUGIN_ENABLED);
	CHECK_OK(rig_reconfigure(&rig, "audit", "good", &control, NULL, NULL, 0));
	fail_for(200, 5);
	check_state("audit", WI_PLUGIN_ENABLED);
	rig_close(&rig);
}

/* Both subscriptions of a plugin fail: 50 events are 100 failures. */
static void
test_limit_of_all(void)
{
	begin("failures of all subscriptions count");
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 100));
	CHECK_OK(rig_enable(&rig, "audit"));
	fail_for(49, 5);
	check_state("audit", WI_PLUGIN_ENABLED);
	fail_for(1, 5);
	rig_await_state(&rig, "audit", WI_PLUGIN_FAILED);
	rig_close(&rig);
}

static void
test_limit_of_batches(void)
{
	begin("failures of batch_end count, and without it nothing succeeds");
	control.subscriptions = control.with_batch = 1;
	control.batch_code = 3;
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 10));
	CHECK_OK(rig_enable(&rig, "audit"));
	fail_for(9, 0);
	check_state("audit", WI_PLUGIN_ENABLED);
	set(&control.batch_code, 0);
	fail_for(1, 0);
	set(&control.batch_code, 3);
	fail_for(9, 0);
	check_state("audit", WI_PLUGIN_ENABLED);
	fail_for(1, 0);
	rig_await_state(&rig, "audit", WI_PLUGIN_FAILED);
	CHECK(rig_logged("disabled after 10 failures in a row, the last with code 3"), "log");

	/* A batch_end that does well, after events that did not, is no success. */
	set(&control.batch_code, 0);
	CHECK_OK(rig_enable(&rig, "audit"));
	fail_for(10, 5);
	rig_await_state(&rig, "audit", WI_PLUGIN_FAILED);
	rig_close(&rig);
}

static void
test_limit_of_ends(void)
{
	begin("handlers that end their thread count");
	control.subscriptions = 1;
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 3));
	CHECK_OK(rig_enable(&rig, "audit"));
	set(&control.unwind, 1);
	fail_for(3, 0);
	rig_await_state(&rig, "audit", WI_PLUGIN_FAILED);
	CHECK(rig_logged("disabled after 3 failures in a row, the last with code -1996488705"),
	      "log");
	rig_close(&rig);
}

static void
fail_meanwhile(void)
{
	control.in_health = NULL;
	fail_for(3, 5);
	/* The set's thread finds it locked; were it later than this, the test would show less. */
	sleep_ns(20 * MILLISECOND);
}

static void
test_limit_while_busy(void)
{
	begin("the limit is reached while another call is under way");
	control.subscriptions = 1;
	control.in_health = fail_meanwhile;
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 3));
	CHECK_OK(rig_enable(&rig, "audit"));
	rig_info(&rig, "audit");
	while (!rig_logged("plugin audit: disabled after 3 failures"))
		sleep_ns(MILLISECOND);  /* without a look at it, which would take the lock again */
	rig_await_state(&rig, "audit", WI_PLUGIN_FAILED);
	rig_close(&rig);
}

/* -- draining --------------------------------------------------------------- */

static void
hang(void)
{
	set(&control.hanging, 0);
	set(&control.hang, 1);
	rig_publish(&rig, 1);
	wait_for(&control.hanging, 1, "a handler that hangs");
}

static void *
end_hang(void *context)
{
	sleep_ns(20 * MILLISECOND);
	set(&control.hang, 0);
	return context;
}

static void
test_draining(void)
{
	pthread_t thread;

	begin("a handler hangs while its plugin is disabled");
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 0));
	CHECK_OK(rig_enable(&rig, "audit"));
	hang();
	CHECK(rig_info(&rig, "audit").health.code == 7, "health while a handler hangs");
	CHECK_STATUS(WEIR_ETIMEDOUT, rig_disable(&rig, "audit", 20 * MILLISECOND));
	check_problem("plugin audit: a handler has not returned");
	check_state("audit", WI_PLUGIN_DRAINING);
	CHECK_STATUS(WEIR_ETIMEDOUT, rig_disable(&rig, "audit", 0));
	CHECK_STATUS(WEIR_EBUSY, rig_enable(&rig, "audit"));
	CHECK_STATUS(WEIR_EBUSY, rig_reconfigure(&rig, "audit", "good", &control, NULL, NULL, 0));
	CHECK(control.disables == 0, "disable waits");
	set(&control.hang, 0);
	rig_await_state(&rig, "audit", WI_PLUGIN_LOADED);
	CHECK(control.disables == 1 && control.late == 0, "disabled by itself");

	CHECK_OK(rig_enable(&rig, "audit"));
	hang();
	CHECK_STATUS(WEIR_ETIMEDOUT, rig_disable(&rig, "audit", 20 * MILLISECOND));
	CHECK(pthread_create(&thread, NULL, end_hang, NULL) == 0, "thread");
	CHECK_OK(rig_disable(&rig, "audit", 10 * SECOND));
	pthread_join(thread, NULL);
	check_state("audit", WI_PLUGIN_LOADED);
	CHECK(control.disables == 2 && control.released == 4 && control.late == 0,
	      "and by a later disable");
	rig_close(&rig);
}

/* Closing does not wait longer than it may; what the handler uses stays. */
static void
test_leak(void)
{
	static struct wi_plugins *leaked;       /* for those who look for leaks */

	begin("a handler hangs while the set is closed");
	control.talk = 1;
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 0));
	CHECK_OK(rig_load(&rig, "other", "other", &second, 0));
	CHECK_OK(rig_enable(&rig, "audit"));
	CHECK_OK(rig_enable(&rig, "other"));
	hang();
	leaked = rig.plugins;
	CHECK_STATUS(WEIR_ETIMEDOUT, wi_plugins_close(rig.plugins, 20 * MILLISECOND));
	rig.plugins = NULL;
	CHECK(leaked && second.unloads == 1 && control.unloads == 0 && control.disables == 0,
	      "the other one is gone");
	CHECK(rig_logged("<3> WEIR-PLUGIN plugin audit: a handler has not returned; what it may "
			 "use is leaked"),
	      "log");
	set(&control.hang, 0);
	rig_flush(&rig);
	CHECK(!rig_logged("it goes on"), "nothing is logged after the close");
	rig_close(&rig);
}

/* -- new settings ----------------------------------------------------------- */

static void
check_seen(const char *text)
{
	CHECK(strcmp(control.seen, text) == 0, "'%s', not '%s'", control.seen, text);
}

static weir_status
reconfigure(const char *file, const char *seen)
{
	return rig_reconfigure(&rig, "audit", file, &control, seen, NULL, 0);
}

static void
test_reconfigure(void)
{
	begin("new settings, while it runs");
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 0));
	CHECK_OK(reconfigure("good", "one"));
	CHECK(control.reconfigures == 0, "not enabled: not asked");
	CHECK_OK(rig_enable(&rig, "audit"));
	check_seen("one");
	control.more = 1;
	CHECK_OK(reconfigure("good", "two"));
	check_seen("two");
	rig_check_subscriptions(&rig, 3);
	CHECK(control.enables == 1 && control.reconfigures == 1, "without a break");

	control.more = 2;
	control.refuse = "three";
	CHECK_STATUS(WEIR_EIO, reconfigure("good", "three"));
	check_problem("plugin audit: it refuses the new settings: 'three' is not?for me");
	check_state("audit", WI_PLUGIN_ENABLED);
	rig_check_subscriptions(&rig, 3);
	CHECK_OK(rig_disable(&rig, "audit", 10 * SECOND));
	CHECK_OK(rig_enable(&rig, "audit"));
	check_seen("two");
	CHECK_STATUS(WEIR_EINVAL, reconfigure("other", "four"));
	check_problem("plugin audit: the file cannot change, from good to other");
	rig_close(&rig);
}

/* Off and on again; the settings of before, when those are refused. */
static void
test_reconfigure_plain(void)
{
	begin("new settings for one that is to be switched off and on");
	CHECK_OK(rig_load(&rig, "audit", "plain", &control, 0));
	CHECK_OK(rig_enable(&rig, "audit"));
	CHECK_OK(reconfigure("plain", "one"));
	check_seen("one");
	CHECK(control.enables == 2 && control.disables == 1, "off and on");
	control.refuse = "two";
	CHECK_STATUS(WEIR_EIO, reconfigure("plain", "two"));
	check_problem("plugin audit: enable failed: 'two' is not?for me");
	check_state("audit", WI_PLUGIN_ENABLED);
	check_seen("one");
	rig_publish(&rig, 10);
	rig_flush(&rig);
	CHECK(control.events == 20, "it runs with the settings of before");

	control.refuse = "one";
	CHECK_STATUS(WEIR_EIO, rig_reconfigure(&rig, "audit", "plain", &control, "one", NULL, 0));
	check_state("audit", WI_PLUGIN_FAILED);
	rig_check_subscriptions(&rig, 0);
	rig_close(&rig);
}

static void
test_move(void)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_pool *pool;

	begin("another pool");
	CHECK_OK(weir_pool_open(rig.bus, &options, &pool));
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 0));
	CHECK_OK(rig_enable(&rig, "audit"));
	CHECK_OK(rig_reconfigure(&rig, "audit", "good", &control, NULL, pool, 0));
	CHECK(control.enables == 2 && control.reconfigures == 0, "off and on");
	CHECK(rig_info(&rig, "audit").pool == pool, "moved");
	rig_publish(&rig, 10);
	CHECK_OK(weir_pool_close(pool, 10 * SECOND, NULL));
	CHECK(control.events == 20 && control.released == 4, "the pool ends its subscriptions");
	CHECK_OK(rig_disable(&rig, "audit", 10 * SECOND));
	rig_close(&rig);
}

/* -- where one may not call from -------------------------------------------- */

static void
call_own(void)
{
	CHECK_STATUS(WEIR_EDEADLK, wi_plugins_enable(rig.plugins, "audit", rig.problem));
	check_problem("plugin audit: not from a handler");
	CHECK_STATUS(WEIR_EDEADLK, wi_plugins_disable(rig.plugins, "audit", 0, rig.problem));
	CHECK_STATUS(WEIR_EDEADLK, rig_load(&rig, "other", "other", &second, 0));
	CHECK_STATUS(WEIR_EDEADLK, rig_reconfigure(&rig, "audit", "good", &control, NULL, NULL, 0));
	CHECK_STATUS(WEIR_EDEADLK, wi_plugins_close(rig.plugins, 0));
	add(&second.events, 1);
}

static void
test_inside(void)
{
	begin("a plugin calls its host");
	control.in_load = control.in_enable = control.in_event = call_own;
	control.subscriptions = 1;
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 0));
	CHECK_OK(rig_enable(&rig, "audit"));
	rig_publish(&rig, 1);
	rig_flush(&rig);
	CHECK(second.events == 3, "%llu of 3", (ull)second.events);
	rig_close(&rig);
}

/* -- what the host gives ---------------------------------------------------- */

static uint64_t calls;

static int
count_call(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_plugin_host *host = context;

	(void)event;
	add(&calls, 1);
	CHECK(!host->setting(host, "control") && host->fail(host, "too late") == -1,
	      "in a handler");
	CHECK_OK(host->unsubscribe(host, delivery->subscription));
	return 0;
}

static weir_status
subscribe(const char *pattern, weir_subscription *ret_subscription)
{
	return control.host->subscribe(control.host, pattern, count_call, (void *)control.host,
				       NULL, ret_subscription);
}

static int
find_name(void *context, weir_subscription subscription, const char *name, const char *pattern,
          weir_pool *pool)
{
	(void)subscription, (void)pattern, (void)pool;
	*(bool *)context |= strcmp(name, "audit: load.*.create") == 0;
	return 0;
}

static void
check_table(void)
{
	const weir_plugin_host *host = control.host;
	const char *key, *value;

	CHECK(host->size == sizeof *host && host->abi == WEIR_PLUGIN_ABI && host->bus == rig.bus &&
		      strcmp(host->name, "audit") == 0 &&
		      host->pool(host) == weir_bus_default_pool(rig.bus),
	      "table");
	CHECK(!host->setting(host, "control") && !host->each_setting(host, 0, &key, &value),
	      "not inside");
}

/* From a thread of the plugin's own, as this one is to it. */
static void
test_host(void)
{
	weir_subscription subscription, foreign = { 0 };
	bool named = false;

	begin("a plugin's own thread subscribes");
	control.subscriptions = 0;
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 0));
	check_table();
	CHECK_STATUS(WEIR_EINVAL, subscribe(">", &subscription));
	CHECK_OK(rig_enable(&rig, "audit"));
	CHECK_OK(subscribe("load.*.create", &subscription));
	weir_bus_each_subscription(rig.bus, find_name, &named);
	CHECK(named, "named after plugin and pattern");
	rig_publish(&rig, 3);
	rig_flush(&rig);
	CHECK(get(&calls) == 1, "it ended itself: %llu", (ull)calls);
	CHECK_OK(subscribe("load.>", &subscription));
	CHECK_OK(control.host->unsubscribe(control.host, subscription));
	CHECK_STATUS(WEIR_ENOENT, control.host->unsubscribe(control.host, subscription));
	CHECK_OK(weir_subscribe(rig.bus, "load.>", count_call, NULL, NULL, &foreign));
	CHECK_STATUS(WEIR_ENOENT, control.host->unsubscribe(control.host, foreign));
	CHECK_OK(weir_unsubscribe_wait(rig.bus, foreign, 10 * SECOND));
	CHECK_OK(subscribe("load.>", &subscription));
	CHECK_OK(rig_disable(&rig, "audit", 10 * SECOND));
	CHECK_STATUS(WEIR_EINVAL, subscribe("load.>", &subscription));
	rig_close(&rig);
}

/* -- a forked child --------------------------------------------------------- */

static int
refuse_visit(void *context, const struct wi_plugin_info *info)
{
	(void)context;
	CHECK(!info, "%s is shown", info->name);
	return 1;
}

static void
test_child(void)
{
	int status;
	pid_t child;

	begin("a child looks at its parent's plugins");
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 0));
	CHECK_OK(rig_enable(&rig, "audit"));
	child = fork();
	CHECK(child >= 0, "fork");
	if (child == 0) {
		alarm(20);
		CHECK_STATUS(WEIR_EFORKED, rig_load(&rig, "other", "other", &second, 0));
		CHECK_STATUS(WEIR_EFORKED, rig_disable(&rig, "audit", WEIR_FOREVER));
		wi_plugins_each(rig.plugins, refuse_visit, NULL);
		CHECK_STATUS(WEIR_EFORKED, wi_plugins_close(rig.plugins, WEIR_FOREVER));
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0, "the child: %d", status);
	CHECK(control.disables == 0, "nothing has happened");
	rig_close(&rig);
}

/* -- the example ------------------------------------------------------------ */

static weir_status
load_counter(const char *key, const char *value)
{
	struct wi_setting setting = { key, value };
	struct wi_plugin_config config = {
		.name = "counter", .file = "counter", .settings = &setting, .setting_count = 1};

	return wi_plugins_reconfigure(rig.plugins, &config, rig.problem);
}

static void
test_example(void)
{
	struct wi_plugin_config config = { .name = "counter", .file = "counter" };

	begin("the example counts");
	CHECK_OK(wi_plugins_load(rig.plugins, &config, rig.problem));
	CHECK_STATUS(WEIR_EIO, rig_enable(&rig, "counter"));
	check_problem("plugin counter: enable failed: the setting 'pattern' is missing");
	CHECK_OK(load_counter("patern", "load.>"));
	CHECK_STATUS(WEIR_EIO, rig_enable(&rig, "counter"));
	check_problem("plugin counter: enable failed: there is no setting 'patern'");
	CHECK_OK(load_counter("pattern", "load..x"));
	CHECK_STATUS(WEIR_EIO, rig_enable(&rig, "counter"));
	check_problem("plugin counter: enable failed: 'load..x': ");
	CHECK_OK(load_counter("pattern", "load.*.create"));
	CHECK_OK(rig_enable(&rig, "counter"));
	rig_publish(&rig, 1000);
	rig_flush(&rig);
	CHECK(strcmp(rig_info(&rig, "counter").health.text, "1000 events") == 0, "health");
	CHECK_OK(rig_disable(&rig, "counter", 10 * SECOND));
	CHECK(rig_logged("<6> WEIR-PLUGIN plugin counter: 1000 events"), "log");
	rig_close(&rig);
}

/* Without load, disable and the rest. */
static void
test_least(void)
{
	struct wi_plugin_config config = { .name = "tell", .file = "tell" };

	begin("the least that a plugin can be");
	CHECK_OK(wi_plugins_load(rig.plugins, &config, rig.problem));
	CHECK_OK(rig_enable(&rig, "tell"));
	rig_publish(&rig, 1);
	rig_flush(&rig);
	CHECK(rig_logged("<6> WEIR-PLUGIN plugin tell: load.after.create"), "log");
	CHECK_OK(rig_disable(&rig, "tell", 10 * SECOND));
	rig_publish(&rig, 1);
	rig_flush(&rig);
	rig_close(&rig);
}

/* "example": only the examples, as somebody else has compiled them. */
int
main(int argc, char **argv)
{
	support_begin("plugin_states");
	if (argc > 1) {
		modules = the_examples;
		CHECK(strcmp(argv[1], "example") == 0, "%s", argv[1]);
		test_example();
		test_least();
		return 0;
	}
	test_way();
	test_names();
	test_load_fails();
	test_two();
	test_blocks();
	test_half_way();
	test_bad_pattern();
	test_limit();
	test_limit_of_all();
	test_limit_of_batches();
	test_limit_of_ends();
	test_limit_while_busy();
	test_draining();
	test_leak();
	test_reconfigure();
	test_reconfigure_plain();
	test_move();
	test_inside();
	test_host();
	test_child();
	test_example();
	test_least();
	return 0;
}
