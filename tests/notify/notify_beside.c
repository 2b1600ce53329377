/* SPDX-License-Identifier: MIT */
/*
 * notify_beside.c - what another pool notices of the notifier: its events a second at full load, and how
 *                   late an event is at 100,000 a second, while an endpoint answers, is down, or drips.
 *
 * A hundred events a second are for the notifier. Beside it the least that could do its work: a bare
 * loop in a thread that is as nice, a hundred times a second a write, synchronized, a request, and
 * another write, synchronized. The endpoint is a process that is nicer still, as it stands for another
 * machine. As a test it only looks whether all books balance.
 *
 * usage: notify_beside [SECONDS [ROUNDS]]      of each measurement (0.5); medians of so many (5), in turns
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notifier.h"

enum { SAMPLES_MAX = 2000000, PACE_NS = 10000 };

enum { ALERT_NS = 10000000, NICE = 10, WRITTEN = 6 * 4096 };

static weir_host *host;
static weir_producer *producer;
static weir_topic other, alert;
static uint64_t handled, sample_count, seconds_ns;
static uint32_t *samples;

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const uint64_t *sent = weir_event_data(event);

	(void)delivery, (void)context;
	add(&handled, 1);
	if (sample_count < SAMPLES_MAX)
		samples[sample_count++] = (uint32_t)(now_ns() - *sent);
	return 0;
}

/* At full load no clock is read for each event. */
static int
count(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	add(&handled, 1);
	return 0;
}

static void
send_alert(uint64_t now, uint64_t *next)
{
	if (now < *next)
		return;
	*next = now + ALERT_NS;
	CHECK_OK(weir_publish_wait(producer, alert, NULL, "{\"n\":1}", 7, SECOND));
}

/* Events that the other pool handled in a second. */
static double
load(void)
{
	uint64_t start = now_ns(), now = start, next = start, before;
	weir_subscription subscription;

	CHECK_OK(weir_subscribe(weir_host_bus(host), "load.after.other", count, NULL, NULL, &subscription));
	before = get(&handled);
	while (now - start < seconds_ns) {
		for (int i = 0; i < 256; i++)
			CHECK_OK(weir_publish_wait(producer, other, NULL, &now, sizeof now, SECOND));
		now = now_ns();
		send_alert(now, &next);
	}
	CHECK_OK(weir_pool_flush(weir_bus_default_pool(weir_host_bus(host)), 20 * SECOND));
	now = now_ns();
	CHECK_OK(weir_unsubscribe_wait(weir_host_bus(host), subscription, SECOND));
	return (double)(get(&handled) - before) / ((double)(now - start) / (double)SECOND);
}

static int
compare(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return a < b ? -1 : a > b;
}

static void
pace(uint32_t *ret_half, uint32_t *ret_p99)
{
	uint64_t start = now_ns(), now = start, next = start, next_event = start;
	weir_subscription subscription;

	sample_count = 0;
	CHECK_OK(weir_subscribe(weir_host_bus(host), "load.after.other", handle, NULL, NULL, &subscription));
	while (now - start < seconds_ns) {
		now = now_ns();
		if (now < next_event)
			continue;
		next_event += PACE_NS;
		CHECK_OK(weir_publish_wait(producer, other, NULL, &now, sizeof now, SECOND));
		send_alert(now, &next);
	}
	CHECK_OK(weir_unsubscribe_wait(weir_host_bus(host), subscription, 20 * SECOND));
	qsort(samples, sample_count, sizeof *samples, compare);
	CHECK(sample_count > 0, "no samples");
	*ret_half = samples[sample_count / 2];
	*ret_p99 = samples[sample_count * 99 / 100];
}

/* -- the endpoint ----------------------------------------------------------- */

static struct endpoint {
	pid_t pid;
	int alive;                      /* it ends when this is closed */
	uint16_t answers, drips;
} endpoint;

static void
be_nice(int by)
{
	int now = nice(by);

	(void)now;
}

static void __attribute__((noreturn))
run_endpoint(int ports, int alive)
{
	static const struct receiver_step answer = { .status = 200 };
	static const struct receiver_step drip = { .way = RECEIVER_DRIP, .gap_ns = 100000000 };
	struct receiver *answers, *drips;
	uint16_t both[2];
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	be_nice(19);
	answers = receiver_open(0, NULL);
	drips = receiver_open(0, NULL);
	receiver_plan(answers, &answer, 1);
	receiver_plan(drips, &drip, 1);
	both[0] = receiver_port(answers);
	both[1] = receiver_port(drips);
	CHECK(write(ports, both, sizeof both) == sizeof both, "pipe");
	CHECK(read(alive, &byte, 1) == 0, "pipe");
	_exit(0);
}

static void
begin_endpoint(void)
{
	int ports[2], alive[2];
	uint16_t both[2];

	CHECK(pipe2(ports, O_CLOEXEC) == 0 && pipe2(alive, O_CLOEXEC) == 0, "pipe");
	endpoint.pid = fork();
	CHECK(endpoint.pid >= 0, "fork");
	if (endpoint.pid == 0) {
		close(alive[1]);
		run_endpoint(ports[1], alive[0]);
	}
	close(ports[1]);
	close(alive[0]);
	CHECK(read(ports[0], both, sizeof both) == sizeof both, "the endpoint has not begun");
	close(ports[0]);
	endpoint.alive = alive[1];
	endpoint.answers = both[0];
	endpoint.drips = both[1];
}

static void
end_endpoint(void)
{
	int status;

	close(endpoint.alive);
	CHECK(waitpid(endpoint.pid, &status, 0) == endpoint.pid && status == 0, "the endpoint");
}

/* -- the bare loop ---------------------------------------------------------- */

static struct {
	pthread_t thread;
	uint64_t stop, rounds;
} bare;

static void
ask(void)
{
	static const char request[] = "POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\n{\"n\":1}";
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(endpoint.answers),
	                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[512];

	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
	CHECK(send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1, "send");
	while (recv(fd, answer, sizeof answer, 0) > 0)
		;
	close(fd);
}

static void *
run_bare(void *context)
{
	static const char bytes[WRITTEN];
	int fd = open(rig_path("bare"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	uint64_t next = now_ns();

	be_nice(NICE);
	CHECK(fd >= 0, "open");
	while (!get(&bare.stop)) {
		CHECK(pwrite(fd, bytes, sizeof bytes, 0) == sizeof bytes && fdatasync(fd) == 0, "write");
		ask();
		CHECK(pwrite(fd, bytes, sizeof bytes, 0) == sizeof bytes && fdatasync(fd) == 0, "write");
		add(&bare.rounds, 1);
		next += ALERT_NS;
		if (next > now_ns())
			sleep_ns(next - now_ns());
	}
	close(fd);
	return context;
}

/* -- in turns --------------------------------------------------------------- */

enum { CASES = 5, ROUNDS_MAX = 15 };
enum way { ABSENT, BARE, ANSWERS, DRIPS, DOWN };

static const char *const names[CASES] = {
	"not there, its pool is", "a bare loop in its place", "its endpoint answers", "its endpoint drips",
	"its endpoint is down",
};

static struct { double rate[ROUNDS_MAX], half[ROUNDS_MAX], p99[ROUNDS_MAX]; uint64_t accepted, sent; } seen[CASES];

static void
open_case(enum way way)
{
	uint16_t ports[CASES] = { [ANSWERS] = endpoint.answers, [DRIPS] = endpoint.drips, [DOWN] = 1 };
	const char *config;

	unlink(rig_path("spool.db"));
	unlink(rig_path("spool.db-wal"));
	unlink(rig_path("spool.db-shm"));
	if (way == ABSENT || way == BARE)
		config = rig_write("rig.ini", "[bus]\nstats_dir=none\n[control]\nsocket=none\n"
		                              "[pool.notify]\nbehind=skip\nnice=10\n");
	else
		config = notify_config_port(ports[way], "behind=skip\nnice=10",
		                            "channel.hook.retry=10ms..100ms\n");
	CHECK(rig_open(config, NULL, &host) == WEIR_OK, "%s", rig_problem);
	CHECK_OK(weir_topic_open(weir_host_bus(host), "load.after.other", &other));
	CHECK_OK(weir_topic_open(weir_host_bus(host), "load.after.create", &alert));
	CHECK_OK(weir_producer_open(weir_host_bus(host), NULL, &producer));
	if (way != BARE)
		return;
	bare.stop = 0;
	CHECK(pthread_create(&bare.thread, NULL, run_bare, NULL) == 0, "thread");
}

static void
close_case(enum way way, uint32_t i)
{
	struct wi_spool_counts counts;

	if (way == BARE) {
		add(&bare.stop, 1);
		CHECK(pthread_join(bare.thread, NULL) == 0, "thread");
		seen[i].accepted = seen[i].sent = bare.rounds;
	}
	CHECK_OK(weir_host_drain(host, 20 * SECOND));
	books_check(weir_host_bus(host));
	weir_producer_close(producer);
	rig_close(host);
	if (way == ABSENT || way == BARE)
		return;
	counts = notify_counts();
	CHECK(counts.accepted > 0, "nothing was accepted");
	seen[i].accepted += counts.accepted;
	seen[i].sent += counts.sent;
}

static void
measure(uint32_t i, uint32_t round)
{
	uint32_t half, p99;

	support_phase(names[i]);
	open_case((enum way)i);
	seen[i].rate[round] = load();
	pace(&half, &p99);
	seen[i].half[round] = half;
	seen[i].p99[round] = p99;
	close_case((enum way)i, i);
}

static int
compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static double
median(double *list, uint32_t count)
{
	qsort(list, count, sizeof *list, compare_doubles);
	return list[count / 2];
}

int
main(int argc, char **argv)
{
	static const char *const modules[] = { "weir-notify.so", NULL };
	uint32_t rounds = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 5;

	support_begin("notify_beside");
	alarm(120);
	seconds_ns = (uint64_t)((argc > 1 ? strtod(argv[1], NULL) : 0.5) * 1e9);
	CHECK(rounds >= 1 && rounds <= ROUNDS_MAX, "1 to 15 rounds");
	samples = malloc(SAMPLES_MAX * sizeof *samples);
	CHECK(samples, "memory");
	begin_endpoint();
	rig_begin(modules);
	for (uint32_t round = 0; round < rounds; round++)
		for (uint32_t i = 0; i < CASES; i++)
			measure(i, round);
	end_endpoint();
	printf("%-24s %14s %11s %11s\n", "the notifier", "other pool", "half", "99%");
	for (uint32_t i = 0; i < CASES; i++)
		printf("%-24s %10.2f M/s %8.1f us %8.1f us %9llu accepted %7llu sent\n", names[i],
		       median(seen[i].rate, rounds) / 1e6, median(seen[i].half, rounds) / 1e3,
		       median(seen[i].p99, rounds) / 1e3, (ull)seen[i].accepted, (ull)seen[i].sent);
	free(samples);
	rig_end();
	return 0;
}
