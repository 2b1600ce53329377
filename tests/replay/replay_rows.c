/* SPDX-License-Identifier: MIT */
/*
 * replay_rows.c - a host's own journal is replayed into that host while it goes on being written: what
 * arrives is what was recorded, bit by bit; it is not recorded again, and who wants no replay sees none.
 *
 * usage: replay_rows WEIR JOURNAL_PLUGIN
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/host.h>

#include "host_rig.h"
#include "look.h"
#include "replay_run.h"

enum { FIRST = 5000, SIZE_MOST = 16384, ROWS_MAX = 1 << 20, TOPICS = 3 };

#define BASE (1600000000 * SECOND)

static const char *const modules[] = { NULL };
static const char *const names[TOPICS] = { "order.after.create", "order.after.update", "user.before.delete" };

static weir_host *host;
static weir_producer *producer;
static weir_topic topics[TOPICS], answer;
static uint64_t published;      /* by the test, with numbers from 1 */
static uint64_t live;           /* seen by who wants no replay */
static uint64_t replayed;
static uint8_t seen[ROWS_MAX];
static weir_origin first_origin;
static uint64_t published_then, last_row;       /* when the first one came; the highest that came */

/* -- what an event of a number is ------------------------------------------------------ */

static uint32_t
size_of(uint64_t number)
{
	return number % 1000 == 7 ? SIZE_MOST : (uint32_t)(number % 331);
}

static void
fill(uint64_t number, unsigned char *payload)
{
	for (uint32_t i = 0; i < size_of(number); i++)
		payload[i] = (unsigned char)(mix(number) >> i % 57);
}

static void
publish_next(void)
{
	static unsigned char payload[SIZE_MOST];
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	uint64_t number = published + 1;
	weir_trace trace;

	memset(&trace, (int)(number & 0xff) | 1, sizeof trace);
	fill(number, payload);
	attributes.flags = WEIR_ATTRIBUTE_TIME | (number % 2 ? WEIR_ATTRIBUTE_KEY : 0);
	attributes.time = BASE + number * 1001;
	attributes.key = ~mix(number);
	attributes.trace = number % 3 == 0 ? &trace : NULL;
	CHECK_OK(weir_publish_wait(producer, topics[number % TOPICS], &attributes, payload, size_of(number),
	                           20 * SECOND));
	set(&published, number);
}

/* The row after that of the journal's opening is the first event's. */
static void
check_event(const weir_event *event)
{
	static unsigned char payload[SIZE_MOST];
	const weir_origin *origin = weir_event_origin(event);
	const weir_trace *trace = weir_event_trace(event);
	uint64_t number = origin->number - 1, key = 0;
	bool has_key = weir_event_key(event, &key) != 0;
	weir_trace wanted;

	memset(&wanted, (int)(number & 0xff) | 1, sizeof wanted);
	fill(number, payload);
	CHECK(number >= 1 && number < ROWS_MAX, "row %llu", (ull)origin->number);
	CHECK(event->size == size_of(number) && memcmp(weir_event_data(event), payload, event->size) == 0,
	      "the bytes of event %llu", (ull)number);
	CHECK(weir_event_topic(event).id == topics[number % TOPICS].id, "the topic of event %llu", (ull)number);
	CHECK(event->time == BASE + number * 1001, "the time of event %llu: %llu", (ull)number, (ull)event->time);
	CHECK(has_key == (number % 2 == 1) && (!has_key || key == ~mix(number)), "the key of event %llu", (ull)number);
	CHECK((trace != NULL) == (number % 3 == 0) && (!trace || memcmp(trace, &wanted, sizeof wanted) == 0),
	      "the trace of event %llu", (ull)number);
	if (replayed == 0) {
		first_origin = *origin;
		published_then = get(&published);
	}
	last_row = origin->number;
	CHECK(memcmp(origin->id, first_origin.id, sizeof origin->id) == 0, "the journal of event %llu", (ull)number);
	CHECK(seen[number]++ == 0, "event %llu came twice", (ull)number);
}

/* -- handlers ------------------------------------------------------------------------------ */

static int
on_live(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)delivery, (void)context;
	CHECK(!weir_event_replayed(event) && !weir_event_origin(event), "a replayed event");
	CHECK(weir_event_topic(event).id != answer.id, "an answer to a replayed event is live");
	add(&live, 1);
	return 0;
}

/* What is published about a replayed event has happened before, too: it is neither recorded nor live. */
static int
on_any(const weir_event *event, const weir_delivery *delivery, void *context)
{
	int was_replayed = weir_event_replayed(event);

	(void)context;
	if (was_replayed) {
		check_event(event);
		add(&replayed, 1);
	}
	if (was_replayed && event->size % 100 == 1)
		CHECK_OK(weir_publish(delivery->producer, answer, "", 0));
	return 0;
}

static void
subscribe(void)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_bus *bus = weir_host_bus(host);
	weir_subscription subscription;

	for (int i = 0; i < TOPICS; i++)
		CHECK_OK(weir_topic_open(bus, names[i], &topics[i]));
	CHECK_OK(weir_topic_open(bus, "answer.to.replayed", &answer));
	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	CHECK_OK(weir_subscribe(bus, "order.>", on_live, NULL, NULL, &subscription));
	CHECK_OK(weir_subscribe(bus, "user.>", on_live, NULL, NULL, &subscription));
	CHECK_OK(weir_subscribe(bus, "answer.>", on_live, NULL, NULL, &subscription));
	options.flags = WEIR_SUBSCRIPTION_REPLAYED;
	CHECK_OK(weir_subscribe(bus, "order.>", on_any, NULL, &options, &subscription));
	CHECK_OK(weir_subscribe(bus, "user.>", on_any, NULL, &options, &subscription));
}

/* -- the test ------------------------------------------------------------------------------- */

static uint64_t
rows_of(const char *path)
{
	struct look look = look_at_journal(path, NULL, NULL);

	CHECK(look_is_good(&look), "the journal is damaged");
	return look.rows;
}

int
main(int argc, char **argv)
{
	char path[RIG_PATH_SIZE], socket_path[RIG_PATH_SIZE], out[RIG_PATH_SIZE];
	uint64_t before, during = 0;
	pid_t client;
	int status;

	support_begin("replay_rows");
	CHECK(argc == 3, "usage: replay_rows WEIR JOURNAL_PLUGIN");
	rig_begin(modules);
	snprintf(path, sizeof path, "%s", rig_path("audit.db"));
	snprintf(socket_path, sizeof socket_path, "%s", rig_path("c.sock"));
	snprintf(out, sizeof out, "%s", rig_path("out"));
	rig_write("host.ini", "[bus]\nstats_dir = none\n[control]\nsocket = %%D/c.sock\n[pool.journal]\n"
	          "[plugin.audit]\nfile = %s\npool = journal\npath = %s\ntopics = order.> user.> answer.>\n"
	          "rotate_size = 300k\n", argv[2], path);
	CHECK(rig_open(rig_path("host.ini"), NULL, &host) == WEIR_OK, "%s", rig_problem);
	subscribe();
	while (published < FIRST)
		publish_next();
	CHECK_OK(weir_host_drain(host, 20 * SECOND));
	before = rows_of(path);

	support_phase("the replay");
	client = begin_program(out, NULL, (const char *const[]){ argv[1], "replay", "--socket", socket_path, "--batch", "777",
	                                                  "--speed", "0.02", "--topic", "order.>", "--topic", "user.>", path, NULL });
	while (waitpid(client, &status, WNOHANG) == 0) {
		publish_next();
		during++;
		if (during % 16 == 0)
			sleep_ns(MILLISECOND);
	}
	CHECK(status == 0, "the client's status is %#x", (unsigned)status);
	CHECK_OK(weir_host_drain(host, 20 * SECOND));

	support_phase("afterwards");
	CHECK(live == FIRST + during, "%llu live events of %llu", (ull)live, (ull)(FIRST + during));
	CHECK(replayed >= FIRST && replayed <= FIRST + during, "%llu replayed", (ull)replayed);
	CHECK(last_row <= published_then + 1, "it goes on to row %llu; when it began, there were %llu", (ull)last_row,
	      (ull)published_then + 1);
	for (uint64_t number = 1; number <= FIRST; number++)
		CHECK(seen[number] == 1, "event %llu was not replayed", (ull)number);
	CHECK(rows_of(path) == before + during, "%llu rows, %llu before and %llu live events since",
	      (ull)rows_of(path), (ull)before, (ull)during);
	books_check(weir_host_bus(host));
	weir_producer_close(producer);
	printf("%llu events replayed, %llu live ones meanwhile, no row more than those\n", (ull)replayed, (ull)during);
	rig_close(host);
	rig_end();
	return 0;
}
