/* SPDX-License-Identifier: MIT */
/*
 * fault_notify_kill.c - a process that publishes is ended by SIGKILL at random, and goes on with the
 *                       same spool, again and again; its endpoint now and then fails, hangs, or closes.
 *
 * At the end the receiver has seen each message that was accepted, and nothing else; what it has seen
 * twice came with the same id, and each id with the same message.
 * $WEIR_NOTIFY_KILLS: how many (20).
 *
 * usage: fault_notify_kill
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notifier.h"

enum { NUMBERS = 1 << 20, ID_SIZE = 64, LIFE = 60, REST = 100 };

/* Between the processes. */
struct shared {
	uint64_t published;             /* the last number that may have been */
	uint8_t passed[NUMBERS];        /* it has gone by the notifier's pool: so it was accepted */
};

static struct shared *shared;

static void
map_shared(void)
{
	int fd = open(rig_path("shared"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && ftruncate(fd, sizeof *shared) == 0, "shared");
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(shared != MAP_FAILED, "mmap");
	close(fd);
}

/* -- the child -------------------------------------------------------------- */

static int
note_passed(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint64_t number;

	(void)delivery, (void)context;
	if (sscanf(weir_event_data(event), "{\"n\":%llu", (ull *)&number) == 1 && number < NUMBERS)
		__atomic_store_n(&shared->passed[number], 1, __ATOMIC_RELEASE);
	return 0;
}

/* Until nothing waits; 20 s without one that is sent are too long. */
static void
send_the_rest(void)
{
	uint64_t start = now_ns(), sent = 0;
	struct wi_spool_counts counts;

	while ((counts = notify_counts()).waiting) {
		if (counts.sent != sent)
			start = now_ns();
		sent = counts.sent;
		CHECK(now_ns() - start < 20 * SECOND, "%llu wait", (ull)counts.waiting);
		sleep_ns(10 * MILLISECOND);
	}
}

/* Publishes, and waits to be killed; or sends the rest, and ends. */
static int
run_child(bool rest)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct chance chance = chance_begin((uint64_t)getpid());
	weir_subscription subscription;
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;
	weir_producer *producer;
	weir_topic topic;
	weir_host *host;
	weir_bus *bus;
	char text[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CHECK(rig_open(rig_path("rig.ini"), NULL, &host) == WEIR_OK, "%s", rig_problem);
	bus = weir_host_bus(host);
	if (rest) {
		send_the_rest();
		rig_close(host);
		return 0;
	}
	options.pool = weir_host_pool(host, "behind");
	CHECK_OK(weir_topic_open(bus, "load.after.create", &topic));
	CHECK_OK(weir_subscribe(bus, "load.>", note_passed, NULL, &options, &subscription));
	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	for (int i = 0; i < LIFE; i++) {
		uint64_t number = ++shared->published;

		snprintf(text, sizeof text, "{\"n\":%llu,\"check\":%u}", (ull)number,
		         (unsigned)(mix(number) >> 40));
		CHECK_OK(weir_publish_wait(producer, topic, NULL, text, (uint32_t)strlen(text),
		                           WEIR_FOREVER));
		/* A failed batch passes as well: then this would prove nothing. */
		CHECK_OK(weir_bus_get_counts(bus, NULL, NULL, NULL, &counts));
		CHECK(counts.failed + counts.failed_batches == 0, "a batch failed");
		sleep_ns(chance_below(&chance, 10000) * MICROSECOND);
	}
	for (;;)
		pause();
}

static pid_t
begin_child(const char *program, const char *how)
{
	pid_t child = fork();

	CHECK(child >= 0, "fork");
	if (child == 0) {
		execl(program, program, how, rig_directory, (char *)NULL);
		_exit(127);
	}
	return child;
}

/* -- what the receiver has seen --------------------------------------------- */

struct seen {
	char id[ID_SIZE];
	uint64_t count;
};

static int
compare(const void *left, const void *right)
{
	return strcmp(((const struct seen *)left)->id, ((const struct seen *)right)->id);
}

static uint64_t
number_in(const char *body)
{
	const char *at = strstr(body, "\"n\":");
	unsigned check;
	uint64_t number;

	CHECK(at && sscanf(at, "\"n\":%llu,\"check\":%u", (ull *)&number, &check) == 2, "%s", body);
	CHECK(number >= 1 && number <= shared->published && check == (unsigned)(mix(number) >> 40),
	      "never published: %s", body);
	return number;
}

static void
check_ids(struct seen *seen, uint64_t different)
{
	struct seen *list = calloc(different + 1, sizeof *list);
	uint64_t count = 0;

	CHECK(list, "memory");
	for (uint64_t i = 1; i <= shared->published; i++)
		if (seen[i].count)
			list[count++] = seen[i];
	qsort(list, count, sizeof *list, compare);
	for (uint64_t i = 1; i < count; i++)
		CHECK(strcmp(list[i - 1].id, list[i].id) != 0, "id %s for two messages", list[i].id);
	free(list);
}

static void
check_receiver(struct receiver *receiver)
{
	struct seen *seen = calloc(shared->published + 1, sizeof *seen);
	uint64_t different = 0, twice = 0, passed = 0, number;
	const struct receiver_request *request;
	struct wi_spool_counts counts = notify_counts();
	char id[ID_SIZE];

	CHECK(seen, "memory");
	for (uint32_t i = 0; i < receiver_count(receiver); i++) {
		request = receiver_request(receiver, i);
		number = number_in(request->body);
		CHECK(receiver_header(request, "webhook-id", id, sizeof id), "no id");
		if (seen[number].count++ == 0)
			snprintf(seen[number].id, ID_SIZE, "%s", id);
		CHECK(strcmp(seen[number].id, id) == 0, "%llu came as %s and as %s", (ull)number,
		      seen[number].id, id);
		different += seen[number].count == 1;
		twice += seen[number].count == 2;
	}
	for (uint64_t i = 1; i <= shared->published; i++) {
		passed += shared->passed[i];
		CHECK(!shared->passed[i] || seen[i].count, "%llu was accepted, and never came", (ull)i);
	}
	check_ids(seen, different);
	CHECK(counts.accepted == different && counts.sent == different,
	      "accepted %llu, sent %llu, came %llu", (ull)counts.accepted, (ull)counts.sent,
	      (ull)different);
	printf("published %llu, gone by %llu, accepted %llu, all of them came; %llu more than once\n",
	       (ull)shared->published, (ull)passed, (ull)counts.accepted, (ull)twice);
	free(seen);
}

/* -- the parent ------------------------------------------------------------- */

static void
end_child(pid_t child, bool killed)
{
	int status;

	if (killed)
		kill(child, SIGKILL);
	CHECK(waitpid(child, &status, 0) == child, "waitpid");
	CHECK(killed ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL :
	               WIFEXITED(status) && WEXITSTATUS(status) == 0,
	      "the child's status is %#x", (unsigned)status);
}

static void
run_parent(const char *program, uint64_t times)
{
	static const struct receiver_step plan[] = {
		{ .status = 200 }, { .status = 503 }, { .status = 200 },
		{ .way = RECEIVER_CUT_REQUEST, .bytes = 60, .reset = true }, { .status = 200 },
		{ .way = RECEIVER_CUT_ANSWER, .bytes = 5 }, { .status = 429, .headers = "Retry-After: 0\r\n" },
		{ .way = RECEIVER_HANG }, { .status = 200 },
	};
	struct receiver *receiver = receiver_open(0, NULL);
	struct chance chance = chance_begin(3);

	notify_config(receiver, "behind=hold",
	              "spool_messages=1000000\nspool_bytes=1g\n"
	              "channel.hook.retry=5ms..50ms\nchannel.hook.timeout=200ms\n[pool.behind]\nafter=notify\n");
	for (uint64_t i = 0; i < times; i++) {
		uint64_t before = __atomic_load_n(&shared->published, __ATOMIC_ACQUIRE), start = now_ns();
		pid_t child = begin_child(program, "publish");

		if (i % 4 == 0)
			receiver_plan(receiver, plan, sizeof plan / sizeof *plan);
		while (__atomic_load_n(&shared->published, __ATOMIC_ACQUIRE) == before) {
			CHECK(now_ns() - start < 20 * SECOND && waitpid(child, NULL, WNOHANG) == 0,
			      "the child does not publish");
			sleep_ns(200 * MICROSECOND);
		}
		sleep_ns(chance_below(&chance, 60000) * MICROSECOND);
		/* Somebody looks, in the middle of it. */
		if (i % 5 == 2)
			notify_counts();
		end_child(child, true);
		if (i % REST == REST - 1 || i == times - 1)
			end_child(begin_child(program, "rest"), false);
	}
	check_receiver(receiver);
	receiver_close(receiver);
	printf("killed %llu times\n", (ull)times);
}

int
main(int argc, char **argv)
{
	static const char *const modules[] = { "weir-notify.so", NULL };
	const char *given = getenv("WEIR_NOTIFY_KILLS");
	uint64_t times = given ? strtoull(given, NULL, 10) : 20;

	support_begin("fault_notify_kill");
	alarm((unsigned)(80 + times * 2 / 5));
	if (argc == 3) {
		snprintf(rig_directory, sizeof rig_directory, "%s", argv[2]);
		map_shared();
		return run_child(strcmp(argv[1], "rest") == 0);
	}
	rig_begin(modules);
	map_shared();
	run_parent(argv[0], times);
	rig_end();
	return 0;
}
