/* SPDX-License-Identifier: MIT */
/* host_reload.c - open, reload, close: what runs is what the file says, or nothing has changed. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host_rig.h"
#include "module.h"

static const char *const modules[] = { "good.so", "other.so", "plain.so", "blocks.so", NULL };

static struct control first, second;
static weir_host *host;

#define HEAD "[bus]\nname = t\nstats_dir = none\n[control]\nsocket = none\n[plugins]\npath = %%D\n"
#define A "[plugin.a]\nfile = good\ncontrol = %p\n"
#define B "[plugin.b]\nfile = other\ncontrol = %p\n"

/* Writes the file that the host was opened with. */
static void __attribute__((format(printf, 1, 2)))
file(const char *format, ...)
{
	char text[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	rig_write("host.ini", HEAD "%s", text);
}

static void
begin(const char *phase)
{
	support_phase(phase);
	first = second = (struct control){ .subscriptions = 1 };
	rig_forget();
}

static void
open_host(void)
{
	weir_status status = rig_open(rig_path("host.ini"), NULL, &host);

	CHECK(status == WEIR_OK, "%s", rig_problem);
}

static void
reload(void)
{
	weir_status status = weir_host_reload(host, rig_problem, sizeof rig_problem);

	CHECK(status == WEIR_OK, "%s", rig_problem);
}

static void
refuse(const char *problem)
{
	rig_forget();
	CHECK(weir_host_reload(host, rig_problem, sizeof rig_problem) != WEIR_OK, "taken; wanted %s", problem);
	rig_check_problem(problem);
	CHECK(rig_logged("nothing changed"), "%s is not logged", problem);
}

static void
check_plugin(const char *name, const char *state)
{
	char text[200];

	snprintf(text, sizeof text, "{\"name\":\"%s\",\"state\":\"%s\"", name, state);
	rig_check_answer(host, "{\"verb\":\"plugin.list\"}", text);
}

static void
check_absent(const char *name)
{
	char text[200];

	snprintf(text, sizeof text, "\"name\":\"%s\"", name);
	CHECK(!strstr(rig_ask(host, "{\"verb\":\"plugin.list\"}"), text), "%s is listed", name);
}

/* -- what changes ---------------------------------------------------------------- */

static void
take_time(void)
{
	sleep_ns(MILLISECOND);
}

static void
test_way(void)
{
	begin("plugins come, change and go");
	file(A, (void *)&first);
	open_host();
	check_plugin("a", "enabled");
	rig_check_answer(host, "{\"verb\":\"plugin.list\"}", "\"health\":{\"code\":7,\"text\":\"well");
	rig_publish(host, 10);
	CHECK(first.events == 10, "%llu", (ull)first.events);

	reload();
	CHECK(first.enables == 1 && first.reconfigures == 0, "nothing has changed, and it was touched");

	file(A "seen = new\n" B, (void *)&first, (void *)&second);
	reload();
	CHECK(first.reconfigures == 1 && strcmp(first.seen, "new") == 0, "its settings");
	check_plugin("b", "enabled");
	rig_publish(host, 10);
	CHECK(first.events == 20 && second.events == 10, "events");

	file(A "enabled = no\n" B, (void *)&first, (void *)&second);
	reload();
	check_plugin("a", "disabled");
	rig_publish(host, 10);
	CHECK(first.events == 20 && second.events == 20, "events");

	file("%s", "");
	reload();
	check_absent("a");
	check_absent("b");
	CHECK(second.disables == 1, "b is gone");

	file(A "seen = back\n", (void *)&first);
	reload();
	check_plugin("a", "enabled");
	CHECK(strcmp(first.seen, "back") == 0 && first.loads == 1, "it comes back");
	rig_publish(host, 1);
	CHECK(first.events == 21, "events");
	/* What is on its way when the host closes reaches the plugin. */
	first.in_event = take_time;
	rig_send(host, 200);
	rig_close(host);
	CHECK(first.events == 221, "%llu", (ull)first.events);
	CHECK(first.late == 0 && second.late == 0 && first.unloads == 1 && second.unloads == 1, "unload");
}

static void
test_pools(void)
{
	begin("pools come");
	file("[pool.late]\nafter = early\n[pool.early]\nnice = 7\n" A "pool = late\n", (void *)&first);
	open_host();
	rig_publish(host, 10);
	CHECK(first.events == 10, "events");
	CHECK(thread_nice("weir:early/0") == thread_nice("weir:default/0") + 7, "nice %d, default %d",
	      thread_nice("weir:early/0"), thread_nice("weir:default/0"));
	CHECK(thread_nice("weir:late/0") == thread_nice("weir:default/0"), "nice %d", thread_nice("weir:late/0"));
	rig_check_answer(host, "{\"verb\":\"pool.list\"}", "{\"name\":\"late\",\"after\":[\"early\"]");
	file("[pool.late]\nafter = early\n[pool.early]\nnice = 7\n[pool.last]\nafter = late\n" A "pool = last\n", (void *)&first);
	reload();
	rig_publish(host, 10);
	CHECK(first.events == 20, "events");
	rig_check_answer(host, "{\"verb\":\"plugin.list\"}", "\"pool\":\"last\"");
	CHECK(weir_host_pool(host, "last") && !weir_host_pool(host, "other"), "by name");
	rig_close(host);
}

/* -- what does not ---------------------------------------------------------------- */

/* Each leaves everything as it was. */
static void
test_refused(void)
{
	static const struct {
		const char *text, *problem;
	} changes[] = {
		{ "[buss]\n", "[buss]: the section is not one of" },
		{ "[pool.p]\ndispatchers = 2\n", "[pool.p] dispatchers: cannot change while the host runs" },
		{ "[pool.default]\nbatch = 5\n[pool.p]\n", "[pool.default] batch: cannot change" },
		{ "", "[pool.p] is gone: a pool ends only with the host" },
		{ "[pool.p]\n[plugin.c]\nfile = none\n", "[plugin.c]: " },
		{ "[pool.p]\n[plugin.c]\nfile = good\n", "[plugin.c]: load failed: no control" },
		{ "[pool.p]\n[plugin.c]\nfile = blocks\n", "[plugin.c]: its handlers wait" },
		{ "[pool.p]\n[plugin.c]\nfile = good\npool = q\n", "[plugin.c] pool: there is no pool 'q'" },
		{ "[pool.p]\n[pool.n]\n[plugin.c]\nfile = good\n", "[plugin.c]: load failed" },
	};

	begin("refused");
	file("[pool.p]\n" A, (void *)&first);
	open_host();
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		file(A "seen = changed\n%s", (void *)&first, changes[i].text);
		refuse(changes[i].problem);
		check_plugin("a", "enabled");
		check_absent("c");
		CHECK(!weir_host_pool(host, "n"), "the new pool is still there");
		CHECK(first.seen[0] == '\0' && first.enables == 1 && first.disables == 0, "%s", changes[i].problem);
		rig_publish(host, 1);
		CHECK(first.events == i + 1, "%s: %llu", changes[i].problem, (ull)first.events);
	}
	file("[pool.p]\n[plugin.a]\nfile = other\ncontrol = %p\n", (void *)&first);
	refuse("file: was good, and an object stays");
	rig_write("host.ini", "%s", "[bus]\nname = other\n[control]\nsocket = none\n[plugins]\npath = %D\n[pool.p]\n");
	refuse("[bus] name: cannot change");
	CHECK(unlink(rig_path("host.ini")) == 0, "unlink");
	refuse("host.ini: No such file or directory");
	rig_publish(host, 1);
	CHECK(first.events == sizeof changes / sizeof changes[0] + 1, "events");
	rig_close(host);
}

/* The plugin itself refuses, after others have been changed. */
static void
test_undone(void)
{
	begin("undone");
	file(A B, (void *)&first, (void *)&second);
	open_host();
	second.reconfigure_code = 1;
	second.say = "not so";
	file(A "seen = x\n" B "seen = y\n[pool.n]\n", (void *)&first, (void *)&second);
	refuse("[plugin.b]: it refuses the new settings: not so");
	CHECK(first.reconfigures == 2 && first.seen[0] == '\0', "a has its old settings again");
	CHECK(!weir_host_pool(host, "n"), "the new pool is still there");

	second.reconfigure_code = 0;
	file(A "enabled = no\n" B "enabled = no\n", (void *)&first, (void *)&second);
	reload();
	second.enable_code = 1;
	file(A B, (void *)&first, (void *)&second);
	refuse("[plugin.b]: enable failed: not so");
	check_plugin("a", "disabled");
	check_plugin("b", "failed");
	second.enable_code = 0;
	reload();
	check_plugin("b", "enabled");
	rig_publish(host, 5);
	CHECK(first.events == 5 && second.events == 5, "events");
	rig_close(host);
	CHECK(first.late == 0 && second.late == 0, "late");
}

/* The file is what runs after a reload, whatever was switched by hand. */
static void
test_by_hand(void)
{
	begin("by hand");
	file(A B, (void *)&first, (void *)&second);
	open_host();
	rig_check_answer(host, "{\"verb\":\"plugin.disable\",\"name\":\"a\"}", "{\"ok\":true}");
	check_plugin("a", "disabled");
	rig_check_answer(host, "{\"verb\":\"plugin.disable\",\"name\":\"c\"}", "no plugin 'c'");
	reload();
	check_plugin("a", "enabled");

	file(A "seen = x\n" B "seen = y\n", (void *)&first, (void *)&second);
	rig_check_answer(host, "{\"verb\":\"plugin.reload\",\"name\":\"a\"}", "[plugin.b] has changed, too");
	CHECK(first.seen[0] == '\0', "it was taken");
	file(A "seen = x\n" B, (void *)&first, (void *)&second);
	rig_check_answer(host, "{\"verb\":\"plugin.reload\",\"name\":\"a\"}", "{\"ok\":true}");
	CHECK(strcmp(first.seen, "x") == 0 && second.reconfigures == 0, "its settings");
	rig_check_answer(host, "{\"verb\":\"plugin.reload\",\"name\":\"a\"}", "{\"ok\":true}");
	CHECK(first.reconfigures == 2, "also when they are the same");
	rig_close(host);
}

/* -- opening ----------------------------------------------------------------------- */

static void
test_open(void)
{
	struct holdings before;
	weir_host_options options = WEIR_HOST_OPTIONS_INIT;

	begin("an open that fails leaves nothing");
	CHECK_STATUS(WEIR_EINVAL, weir_host_open(NULL, &host, rig_problem, sizeof rig_problem));
	CHECK_STATUS(WEIR_EINVAL, weir_host_open(&options, &host, NULL, 0));
	file("%s", "");
	open_host();
	rig_close(host);
	before = holdings_take();
	for (int i = 0; i < 20; i++) {
		CHECK_STATUS(WEIR_ENOENT, rig_open(rig_path("none.ini"), NULL, &host));
		file("[pool.x]\n" A "[plugin.b]\nfile = none\n", (void *)&first);
		CHECK(rig_open(rig_path("host.ini"), NULL, &host) != WEIR_OK, "opened");
		rig_check_problem("[plugin.b]: ");
		second.enable_code = 5;
		file("[pool.x]\n" A "pool = x\n" B, (void *)&first, (void *)&second);
		CHECK(rig_open(rig_path("host.ini"), NULL, &host) != WEIR_OK, "opened");
		rig_check_problem("[plugin.b]: enable failed: code 5");
	}
	CHECK(first.enables == first.disables && first.loads == first.unloads, "a is not as it was");
	holdings_check(before, 300);
}

static void
test_own_bus(void)
{
	weir_bus_options options = quiet_options();
	weir_pool_options mine = WEIR_POOL_OPTIONS_INIT;
	weir_pool *pool;
	weir_bus *bus;

	begin("a bus of the program's own");
	CHECK_OK(weir_bus_open(&options, NULL, &bus));
	mine.name = "mine";
	CHECK_OK(weir_pool_open(bus, &mine, &pool));
	file("%s", "");
	CHECK_STATUS(WEIR_EINVAL, rig_open(rig_path("host.ini"), bus, &host));
	rig_check_problem("host.ini:1: [bus]: the program has a bus of its own");
	rig_write("own.ini", "[control]\nsocket = none\n[plugins]\npath = %%D\n[pool.mine]\n");
	CHECK_STATUS(WEIR_EINVAL, rig_open(rig_path("own.ini"), bus, &host));
	rig_check_problem("own.ini:5: [pool.mine]: an option is not allowed, or the name is taken");
	rig_write("own.ini", "[control]\nsocket = none\n[plugins]\npath = %%D\n[pool.late]\nafter = mine\n"
	          A "pool = late\n" "[plugin.b]\nfile = good\ncontrol = %p\npool = mine\n", (void *)&first,
	          (void *)&second);
	CHECK(rig_open(rig_path("own.ini"), bus, &host) == WEIR_OK, "%s", rig_problem);
	CHECK(weir_host_bus(host) == bus && !weir_host_socket(host), "bus");
	rig_publish(host, 10);
	CHECK(first.events == 10 && second.events == 10, "events");
	rig_close(host);
	CHECK(first.unloads == 1, "unload");
	CHECK_OK(weir_bus_flush(bus, 20 * SECOND));     /* the plugins have told of their end */
	books_check(bus);
	CHECK_OK(weir_pool_close(pool, SECOND, NULL));
	CHECK_OK(weir_bus_close(bus, SECOND, NULL));
}

/* -- a handler that does not return -------------------------------------------------- */

static void
test_hanging(void)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_producer *producer;
	weir_topic topic;

	begin("a handler hangs");
	file("[pool.p]\n" A "pool = p\n" B, (void *)&first, (void *)&second);
	open_host();
	set(&first.hang, 1);
	CHECK_OK(weir_topic_open(weir_host_bus(host), "load.after.create", &topic));
	CHECK_OK(weir_producer_open(weir_host_bus(host), NULL, &producer));
	CHECK_OK(weir_publish(producer, topic, "x", 1));
	wait_for(&first.hanging, 1, "the handler");
	rig_check_answer(host, "{\"verb\":\"plugin.disable\",\"name\":\"a\",\"timeout\":\"20ms\"}",
	                 "a handler has not returned");
	check_plugin("a", "draining");
	rig_check_answer(host, "{\"verb\":\"drain\",\"timeout\":\"20ms\"}", "not yet through all pools: ");
	refuse("[plugin.a]: a handler of it has not returned");
	file("[pool.p]\n" A "pool = p\nenabled = no\n" B, (void *)&first, (void *)&second);
	reload();
	check_plugin("b", "enabled");
	set(&first.hang, 0);
	wait_for(&first.disables, 1, "the end of the plugin");
	weir_producer_close(producer);
	file("[pool.p]\n" A "pool = p\n" B, (void *)&first, (void *)&second);
	while (weir_host_reload(host, rig_problem, sizeof rig_problem) != WEIR_OK)
		sleep_ns(MILLISECOND);
	rig_publish(host, 3);
	CHECK(first.events == 4 && second.events == 4, "events");
	CHECK_OK(weir_host_close(host, 20 * SECOND, &report));
	CHECK(first.late == 0, "late");
}

/* -- a pool that is always behind ------------------------------------------------------ */

enum { BEHIND = 300 };

static uint64_t behind_handled, behind_sent, behind_end;

static int
be_slow(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	sleep_ns(MILLISECOND);
	add(&behind_handled, 1);
	return 0;
}

static void *
keep_behind(void *producer)
{
	weir_topic topic;

	CHECK_OK(weir_topic_open(weir_host_bus(host), "slow.after.create", &topic));
	while (!get(&behind_end)) {
		if (behind_sent >= get(&behind_handled) + BEHIND) {
			sleep_ns(MILLISECOND);
			continue;
		}
		CHECK_OK(weir_publish_wait(producer, topic, NULL, "x", 1, SECOND));
		add(&behind_sent, 1);
	}
	return NULL;
}

/* By more than what a flush waits for at a time: it ends all the same. */
static void
test_behind(void)
{
	weir_subscription subscription;
	weir_producer *producer;
	pthread_t thread;

	begin("a pool that is always behind");
	file("%s", "");
	open_host();
	CHECK_OK(weir_subscribe(weir_host_bus(host), "slow.>", be_slow, NULL, NULL, &subscription));
	CHECK_OK(weir_producer_open(weir_host_bus(host), NULL, &producer));
	CHECK(pthread_create(&thread, NULL, keep_behind, producer) == 0, "thread");
	wait_for(&behind_sent, BEHIND, "what is behind");
	rig_check_answer(host, "{\"verb\":\"drain\",\"timeout\":\"10s\"}", "\"ok\":true");
	add(&behind_end, 1);
	CHECK(pthread_join(thread, NULL) == 0, "thread");
	weir_producer_close(producer);
	rig_close(host);
}

/* -- in the wrong place ---------------------------------------------------------------- */

static void
ask_once(const char *request)
{
	free(weir_host_control(host, request, strlen(request)));
}

static void *
reload_often(void *context)
{
	uint64_t *done = context;

	for (int i = 0; i < 200; i++) {
		weir_status status = weir_host_reload(host, NULL, 0);

		CHECK(status == WEIR_OK || status == WEIR_EBUSY, "%s", weir_status_text(status));
		add(done, status == WEIR_OK);
		ask_once("{\"verb\":\"plugin.disable\",\"name\":\"a\"}");
		ask_once("{\"verb\":\"plugin.list\"}");
		ask_once("{\"verb\":\"plugin.enable\",\"name\":\"a\"}");
	}
	return NULL;
}

/* While events flow; whoever comes second is refused. */
static void
test_at_once(void)
{
	pthread_t threads[3];
	uint64_t done = 0;

	begin("several at once");
	file(A B "pool = p\n[pool.p]\n", (void *)&first, (void *)&second);
	open_host();
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, reload_often, &done) == 0, "thread");
	for (int i = 0; i < 20; i++)
		rig_send(host, 500);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	CHECK(get(&done) > 0, "all reloads were refused");
	rig_publish(host, 1);
	CHECK(second.events == 10001, "%llu", (ull)second.events);
	rig_close(host);
	CHECK(first.late == 0 && second.late == 0, "late");
}

static void
test_fork(void)
{
	int status;
	pid_t child;

	begin("a fork");
	file(A, (void *)&first);
	open_host();
	child = fork();
	if (child == 0)
		_exit(weir_host_reload(host, NULL, 0) == WEIR_EFORKED &&
		      weir_host_drain(host, 0) == WEIR_EFORKED && !weir_host_control(host, "{}", 2) &&
		      weir_host_close(host, 0, NULL) == WEIR_EFORKED ? 0 : 1);
	CHECK(waitpid(child, &status, 0) == child && status == 0, "%d", status);
	rig_publish(host, 3);
	rig_close(host);
}

int
main(void)
{
	support_begin("host_reload");
	rig_begin(modules);
	test_way();
	test_pools();
	test_refused();
	test_undone();
	test_by_hand();
	test_open();
	test_own_bus();
	test_hanging();
	test_behind();
	test_at_once();
	test_fork();
	rig_end();
	return 0;
}
