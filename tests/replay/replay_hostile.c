/* SPDX-License-Identifier: MIT */
/*
 * replay_hostile.c - frames on the control socket that nobody should send: what is wrong is refused with
 * one sentence, and changes nothing; who asks properly is answered meanwhile, and nothing is lost.
 *
 * The flood runs for $WEIR_STRESS_SECONDS.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "host.h"
#include "host_rig.h"
#include "replay_frame.h"

#define ID "00112233445566778899aabbccddeeff"
#define REQUEST "{\"verb\":\"replay\",\"journal\":\"" ID "\",\"timeout\":\"2s\"}\n"

enum { RING = 65536, SLACK_KB = 16384, IDLE_MS = 400 };

static const char *const modules[] = { NULL };
static const uint8_t id[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
	                        0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };

static weir_host *host;
static uint64_t replayed, live, wrong;          /* events, as handlers see them */
static uint64_t slow_ns;                        /* what a handler takes */
static uint64_t stop;

/* -- a client ------------------------------------------------------------------------ */

struct frames {
	unsigned char bytes[RING];
	size_t size;
};

/* The next line, without its end; "": the connection has ended. */
static const char *
hear(int fd)
{
	static _Thread_local char line[2048];
	size_t length = 0;
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	while (length < sizeof line - 1) {
		CHECK(poll(&ready, 1, 20000) == 1, "no answer");
		if (recv(fd, line + length, 1, 0) != 1 || line[length] == '\n')
			break;
		length++;
	}
	line[length] = '\0';
	return line;
}

static int
begin(void)
{
	int fd = rig_connect();

	CHECK(rig_say(fd, REQUEST, strlen(REQUEST)), "request");
	CHECK(strcmp(hear(fd), "{\"ok\":true}") == 0, "not begun");
	return fd;
}

static void
put(struct frames *frames, const void *bytes, size_t size)
{
	CHECK(size <= sizeof frames->bytes - frames->size, "too long for this test");
	if (size > 0)
		memcpy(frames->bytes + frames->size, bytes, size);
	frames->size += size;
}

static void
put_frame(struct frames *frames, uint32_t kind, uint32_t said_size, const void *body, size_t size)
{
	struct wi_replay_head head = { .size = said_size, .kind = kind };

	put(frames, &head, sizeof head);
	put(frames, body, size);
}

static void
put_topic(struct frames *frames, const char *name)
{
	put_frame(frames, WI_REPLAY_TOPIC, (uint32_t)strlen(name), name, strlen(name));
}

static void
put_event(struct frames *frames, const struct wi_replay_event *event, size_t payload_size)
{
	static const unsigned char payload[RING];
	struct wi_replay_head head = { .size = (uint32_t)(sizeof *event + payload_size), .kind = WI_REPLAY_EVENT };

	put(frames, &head, sizeof head);
	put(frames, event, sizeof *event);
	put(frames, payload, payload_size);
}

static void
put_number(struct frames *frames, uint64_t number)
{
	const struct wi_replay_event event = { .number = number };

	put_event(frames, &event, 16);
}

static void
put_flush(struct frames *frames)
{
	put_frame(frames, WI_REPLAY_FLUSH, 0, NULL, 0);
}

static uint64_t
committed(void)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;

	CHECK_OK(weir_bus_get_counts(weir_host_bus(host), NULL, &counts, NULL, NULL));
	return counts.committed;
}

/* -- one thing wrong ------------------------------------------------------------------- */

/* Refused, with these words; nothing was published but `good` events before it. */
static void
refused(const char *what, const struct frames *frames, uint64_t good, const char *words)
{
	uint64_t before = committed();
	int fd = begin();
	const char *answer;

	rig_say(fd, frames->bytes, frames->size);
	answer = hear(fd);
	CHECK(strncmp(answer, "{\"ok\":false", 11) == 0 && strstr(answer, words), "%s: %s; wanted: %s", what, answer,
	      words);
	CHECK(strcmp(hear(fd), "") == 0, "%s: it goes on", what);
	CHECK(committed() == before + good, "%s: %llu were published", what, (ull)(committed() - before));
	close(fd);
}

static void
check_lengths(void)
{
	static const uint32_t sizes[] = { RING / 4 + sizeof(struct wi_replay_event) + 1, RING, 1u << 30, UINT32_MAX };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (uint32_t kind = WI_REPLAY_TOPIC; kind <= WI_REPLAY_FLUSH; kind++) {
			struct frames frames = { .size = 0 };

			put_topic(&frames, "a.b");
			put_number(&frames, 1);
			put_frame(&frames, kind, sizes[i], "x", 1);
			refused("a length", &frames, 1, "this host takes at most 16440");
		}
	for (uint32_t size = 0; size < sizeof(struct wi_replay_event); size++) {
		struct frames frames = { .size = 0 };
		char zeros[sizeof(struct wi_replay_event)] = { 0 };

		put_topic(&frames, "a.b");
		put_frame(&frames, WI_REPLAY_EVENT, size, zeros, size);
		refused("a short event", &frames, 0, "at least 56 bytes");
	}
}

static void
check_topics(void)
{
	static const char *const names[] = { "a..b", "*", ">", "weir.no.such", "a b", "\xff\x01" };
	char longest[300];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct frames frames = { .size = 0 };

		put_topic(&frames, names[i]);
		refused(names[i], &frames, 0, "topic ");
	}
	for (size_t size = 0; size < 3; size++) {
		struct frames frames = { .size = 0 };

		memset(longest, 'a', sizeof longest);
		longest[0] = size == 2 ? '\0' : 'a';
		put_frame(&frames, WI_REPLAY_TOPIC, (uint32_t)(size == 0 ? 0 : size == 1 ? 256 : 3), longest,
		          size == 0 ? 0 : size == 1 ? 256 : 3);
		refused("a name", &frames, 0, "1 to 255 bytes");
	}
	struct frames own = { .size = 0 };

	put_topic(&own, "weir.gap");
	put_number(&own, 1);
	refused("the bus's own", &own, 0, "row 1: an argument");
}

static void
check_events(void)
{
	const struct wi_replay_event wrong_ones[] = {
		{ .number = 1, .topic = 1 }, { .number = 1, .topic = UINT32_MAX }, { .number = 0 },
		{ .number = 1, .flags = 4 }, { .number = 1, .flags = 0xff }, { .number = 1, .zero = { 0, 1 } },
	};
	static const char *const words[] = { "no topic 1", "no topic 4294967295", "row 0 comes after row 0",
		                             "does not know", "does not know", "does not know" };
	struct frames frames;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		frames.size = 0;
		put_topic(&frames, "a.b");
		put_event(&frames, &wrong_ones[i], 8);
		refused("an event", &frames, 0, words[i]);
	}
	frames.size = 0;
	put_number(&frames, 1);
	refused("no topic at all", &frames, 0, "no topic 0");
	frames.size = 0;
	put_topic(&frames, "a.b");
	put_number(&frames, 7);
	put_number(&frames, 7);
	refused("the same again", &frames, 1, "row 7 comes after row 7");
	frames.size = 0;
	put_frame(&frames, 0, 0, NULL, 0);
	refused("a kind", &frames, 0, "no kind of frame 0");
	frames.size = 0;
	put_frame(&frames, 77, 4, "abcd", 4);
	refused("a kind", &frames, 0, "no kind of frame 77");
	frames.size = 0;
	put_frame(&frames, WI_REPLAY_FLUSH, 1, "x", 1);
	refused("a flush", &frames, 0, "no body");
}

static void
check_requests(void)
{
	static const char *const requests[] = {
		"{\"verb\":\"replay\"}\n", "{\"verb\":\"replay\",\"journal\":7}\n", "{\"verb\":\"replay\",\"journal\":\"\"}\n",
		"{\"verb\":\"replay\",\"journal\":\"" ID "0\"}\n", "{\"verb\":\"replay\",\"journal\":\"../../etc/x\"}\n",
		"{\"verb\":\"replay\",\"journal\":\"0011223344556677889 aabbccddeeff\"}\n",
		"{\"verb\":\"replay\",\"journal\":\"" ID "\",\"file\":\"/etc/passwd\"}\n",
		"{\"verb\":\"replay\",\"journal\":\"" ID "\",\"name\":\"x\"}\n",
		"{\"verb\":\"status\",\"journal\":\"" ID "\"}\n",
	};

	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		int fd = rig_connect();

		rig_say(fd, requests[i], strlen(requests[i]));
		CHECK(strncmp(hear(fd), "{\"ok\":false", 11) == 0, "%s", requests[i]);
		/* Still one of lines. */
		rig_say(fd, "{\"verb\":\"status\"}\n", 18);
		CHECK(strncmp(hear(fd), "{\"ok\":true", 10) == 0, "%s", requests[i]);
		close(fd);
	}
	rig_check_answer(host, REQUEST, "needs a connection");
}

/* -- what is right ------------------------------------------------------------------- */

/* In the same piece as the request, or byte by byte. */
static void
check_good(bool bytewise)
{
	struct frames frames = { .size = 0 };
	uint64_t before = get(&replayed);
	int fd = rig_connect();

	put(&frames, REQUEST, strlen(REQUEST));
	put_topic(&frames, "a.b");
	put_topic(&frames, "c.d");
	put_number(&frames, 3);
	put_number(&frames, 5);
	put_flush(&frames);
	put_flush(&frames);
	put_event(&frames, &(struct wi_replay_event){ .number = 6, .topic = 1, .flags = 3 }, RING / 4);
	put_flush(&frames);
	if (bytewise)
		for (size_t i = 0; i < frames.size; i++)
			CHECK(rig_say(fd, frames.bytes + i, 1), "byte %zu", i);
	else
		CHECK(rig_say(fd, frames.bytes, frames.size), "frames");
	CHECK(strcmp(hear(fd), "{\"ok\":true}") == 0, "begun");
	for (int i = 0; i < 2; i++)
		CHECK(strcmp(hear(fd), "{\"ok\":true,\"through\":5}") == 0, "a flush");
	CHECK(strcmp(hear(fd), "{\"ok\":true,\"through\":6}") == 0, "a flush");
	CHECK(get(&replayed) == before + 3, "%llu", (ull)(get(&replayed) - before));
	close(fd);
}

/* Gone after each number of bytes: whole events are published, no part of one. */
static void
check_cuts(void)
{
	struct frames frames = { .size = 0 };
	size_t first;

	put(&frames, REQUEST, strlen(REQUEST));
	put_topic(&frames, "a.b");
	put_number(&frames, 1);
	first = frames.size;
	put_number(&frames, 2);
	for (size_t cut = 0; cut <= frames.size; cut++) {
		uint64_t before = committed(), most = cut < first ? 0 : cut < frames.size ? 1 : 2;
		int fd = rig_connect();

		rig_say(fd, frames.bytes, cut);
		shutdown(fd, SHUT_WR);
		while (*hear(fd))
			continue;
		CHECK(committed() == before + most, "cut at %zu: %llu", cut, (ull)(committed() - before));
		close(fd);
	}
}

/* A disabled bus would take events and drop them. */
static void
check_disabled(void)
{
	struct frames frames = { .size = 0 };

	put_topic(&frames, "a.b");
	put_number(&frames, 1);
	put_flush(&frames);
	weir_bus_enable(weir_host_bus(host), 0);
	refused("a disabled bus", &frames, 0, "the bus is disabled");
	weir_bus_enable(weir_host_bus(host), 1);
}

/* What is slow is waited for, but not for longer than was said; then the position stays where it is. */
static void
check_timeout(void)
{
	struct frames frames = { .size = 0 };
	int fd = begin();

	set(&slow_ns, 3 * SECOND);
	put_topic(&frames, "a.b");
	put_number(&frames, 1);
	put_flush(&frames);
	rig_say(fd, frames.bytes, frames.size);
	CHECK(strstr(hear(fd), "events not yet through all pools: 1"), "no time limit");
	set(&slow_ns, 0);
	close(fd);
	CHECK_OK(weir_host_drain(host, 20 * SECOND));
}

/* Who goes while the ring is full is not waited for until it is not. */
static void
check_gone(void)
{
	unsigned threads = holdings_take().threads;
	struct frames frames = { .size = 0 };
	int fd = begin();

	set(&slow_ns, 10 * SECOND);
	put_topic(&frames, "a.b");
	/* More than the ring takes. */
	for (uint64_t number = 1; number <= 1500; number++) {
		put_number(&frames, number);
		if (number % 500 == 0) {
			rig_say(fd, frames.bytes, frames.size);
			frames.size = 0;
		}
	}
	sleep_ns(50 * MILLISECOND);
	CHECK(holdings_take().threads == threads + 1, "no thread serves it");
	close(fd);
	for (uint64_t end = now_ns() + 3 * SECOND; holdings_take().threads > threads; sleep_ns(MILLISECOND))
		CHECK(now_ns() < end, "it is still served");
	set(&slow_ns, 0);
	CHECK_OK(weir_host_drain(host, 20 * SECOND));
}

/* A frame that has begun has its time; the next one has all. */
static void
check_patience(void)
{
	struct frames frames = { .size = 0 };
	int fd = begin();
	uint64_t begun;

	put_topic(&frames, "a.b");
	put_number(&frames, 1);
	put_flush(&frames);
	CHECK(rig_say(fd, frames.bytes, frames.size), "frames");
	CHECK(strstr(hear(fd), "\"through\":1"), "a flush");
	sleep_ns(2 * IDLE_MS * MILLISECOND);
	frames.size = 0;
	put_number(&frames, 2);
	CHECK(rig_say(fd, frames.bytes, 5), "it has gone while it was between two frames");
	begun = now_ns();
	for (size_t i = 5; i < 40 && rig_say(fd, frames.bytes + i, 1); i++)
		sleep_ns(IDLE_MS / 10 * MILLISECOND);
	CHECK(*hear(fd) == '\0' && now_ns() - begun < 3 * IDLE_MS * MILLISECOND, "it waits for a slow frame");
	close(fd);
}

/* -- the flood ---------------------------------------------------------------------------- */

static void *
produce(void *context)
{
	uint64_t number = 0;
	weir_producer *producer;
	weir_topic topic;

	(void)context;
	CHECK_OK(weir_topic_open(weir_host_bus(host), "live.event", &topic));
	CHECK_OK(weir_producer_open(weir_host_bus(host), NULL, &producer));
	for (; !get(&stop); number++) {
		CHECK_OK(weir_publish_wait(producer, topic, NULL, &number, sizeof number, 20 * SECOND));
		if (number % 64 == 0)
			sleep_ns(MILLISECOND);
	}
	weir_producer_close(producer);
	return (void *)number;
}

/* Good frames, in which bytes are wrong here and there. */
static void *
send_garbage(void *context)
{
	struct chance chance = chance_begin((uintptr_t)context);
	uint64_t pieces = 0;

	while (!get(&stop)) {
		struct frames frames = { .size = 0 };
		int fd = rig_connect();

		put(&frames, REQUEST, strlen(REQUEST));
		put_topic(&frames, "a.b");
		for (uint64_t number = 1; number < 40; number++) {
			put_event(&frames, &(struct wi_replay_event){ .number = number },
			          chance_below(&chance, 500));
			if (chance_one_in(&chance, 8))
				put_flush(&frames);
		}
		for (uint32_t changes = chance_below(&chance, 4); changes > 0; changes--)
			frames.bytes[strlen(REQUEST) + chance_below(&chance, (uint32_t)(frames.size - strlen(REQUEST)))] =
				(unsigned char)chance_next(&chance);
		rig_say(fd, frames.bytes, chance_one_in(&chance, 3) ? chance_below(&chance, (uint32_t)frames.size)
		                                                 : frames.size);
		if (chance_one_in(&chance, 2)) {
			shutdown(fd, SHUT_WR);
			while (*hear(fd))
				continue;
		}
		close(fd);
		pieces++;
	}
	return (void *)pieces;
}

static void
flood(void)
{
	pthread_t threads[5];
	uint64_t kb, end, pieces = 0;
	void *result;

	kb = resident_kb();
	CHECK(pthread_create(&threads[0], NULL, produce, NULL) == 0, "thread");
	for (uintptr_t i = 1; i < 5; i++)
		CHECK(pthread_create(&threads[i], NULL, send_garbage, (void *)i) == 0, "thread");
	for (end = now_ns() + support_duration_ns(); now_ns() < end;) {
		int fd = rig_connect();

		rig_say(fd, "{\"verb\":\"status\"}\n", 18);
		CHECK(strncmp(hear(fd), "{\"ok\":true", 10) == 0, "who asks properly is not answered");
		close(fd);
		CHECK(SANITIZED || resident_kb() < kb + SLACK_KB, "%llu KB more", (ull)(resident_kb() - kb));
		sleep_ns(5 * MILLISECOND);
	}
	set(&stop, 1);
	for (size_t i = 0; i < 5; i++) {
		pthread_join(threads[i], &result);
		if (i == 0)
			set(&stop, (uintptr_t)result + 1);
		else
			pieces += (uintptr_t)result;
	}
	CHECK_OK(weir_host_drain(host, 20 * SECOND));
	CHECK(get(&live) == get(&stop) - 1, "live events: %llu of %llu", (ull)get(&live), (ull)get(&stop) - 1);
	CHECK(pieces > 0 && get(&replayed) > 0, "nothing");
	printf("%llu streams, some broken, %llu replayed events, %llu live ones\n", (ull)pieces, (ull)get(&replayed),
	       (ull)get(&live));
}

/* -- the end of a host --------------------------------------------------------------------- */

/* It goes on sending for ever; what the host says at last, and that it ends. */
static void *
send_for_ever(void *context)
{
	struct frames frames = { .size = 0 };
	int fd = begin();

	(void)context;
	put_topic(&frames, "a.b");
	for (uint64_t number = 1; rig_say(fd, frames.bytes, frames.size); number++) {
		frames.size = 0;
		put_number(&frames, number);
	}
	CHECK(strstr(hear(fd), "the host ends"), "it does not say why it ends");
	close(fd);
	return NULL;
}

static void
close_under_load(void)
{
	uint64_t before = get(&replayed), then;
	pthread_t thread;

	set(&slow_ns, MILLISECOND);
	CHECK(pthread_create(&thread, NULL, send_for_ever, NULL) == 0, "thread");
	wait_for(&replayed, before + 100, "replayed events");
	wi_host_end_replays(host, 5 * SECOND);
	then = committed();
	CHECK_OK(weir_host_drain(host, 20 * SECOND));
	CHECK(committed() == then, "a replay goes on");
	books_check(weir_host_bus(host));
	rig_close(host);
	pthread_join(thread, NULL);
}

/* -- all of it ----------------------------------------------------------------------------- */

static int
on_live(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)delivery, (void)context;
	add(weir_event_replayed(event) ? &wrong : &live, 1);
	return 0;
}

static int
on_any(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_origin *origin = weir_event_origin(event);

	(void)delivery, (void)context;
	if (!weir_event_replayed(event))
		return 0;
	if (!origin || memcmp(origin->id, id, sizeof id) != 0 || origin->number == 0)
		add(&wrong, 1);
	add(&replayed, 1);
	for (uint64_t end = now_ns() + get(&slow_ns); now_ns() < end && get(&slow_ns) > 0;)
		sleep_ns(MILLISECOND);
	return 0;
}

int
main(void)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;
	struct wi_control_options control = { .idle_ms = IDLE_MS };
	char problem[WI_PLUGIN_PROBLEM_SIZE] = "";
	struct holdings before;

	support_begin("replay_hostile");
	rig_begin(modules);
	rig_write("host.ini", "[bus]\nstats_dir = none\nring_size = 64k\n[control]\nsocket = none\n");
	before = holdings_take();
	CHECK(rig_open(rig_path("host.ini"), NULL, &host) == WEIR_OK, "%s", rig_problem);
	control.host = host;
	control.path = rig_path("c.sock");
	CHECK(wi_control_open(&control, &host->control, problem) == WEIR_OK, "%s", problem);
	CHECK_OK(weir_subscribe(weir_host_bus(host), ">", on_live, NULL, NULL, &subscription));
	options.flags = WEIR_SUBSCRIPTION_REPLAYED;
	CHECK_OK(weir_subscribe(weir_host_bus(host), ">", on_any, NULL, &options, &subscription));
	support_phase("one thing wrong");
	check_requests();
	check_lengths();
	check_topics();
	check_events();
	support_phase("what is right");
	check_good(false);
	check_good(true);
	check_cuts();
	check_disabled();
	check_timeout();
	check_gone();
	check_patience();
	CHECK_OK(weir_host_drain(host, 20 * SECOND));
	books_check(weir_host_bus(host));
	support_phase("the flood");
	flood();
	books_check(weir_host_bus(host));
	support_phase("the end of a host");
	close_under_load();
	CHECK(get(&wrong) == 0, "%llu events went wrong", (ull)wrong);
	holdings_check(before, 64);
	rig_end();
	return 0;
}
