/* SPDX-License-Identifier: MIT */
/*
 * host_flood.c - garbage, floods and strangers on the control socket while events flow and
 * plugins are switched: nothing is lost, memory and threads stay bounded, and whoever asks
 * properly is answered.
 *
 * Runs for $WEIR_STRESS_SECONDS.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host_rig.h"
#include "module.h"

/* Threads that were joined leave /proc a moment later, and here many come and go. */
enum { THREADS_MORE = 9 + 3 * 16, SLACK_KB = 8192 };

static const char *const modules[] = { "good.so", NULL };

static struct control words[2];
static weir_host *host;
static uint64_t stop;

/* What each kind has done. */
static uint64_t published, asked, switched, garbage_lines, connections, deaf_requests, strangers;

static int
try_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, rig_path("c.sock"));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The answer is there, or the connection was given to somebody else. */
static bool
ask(const char *request, const char *wanted)
{
	char answer[8192];
	size_t length = 0;
	int fd = try_connect();
	bool whole = false;

	if (fd < 0)
		return false;
	send(fd, request, strlen(request), MSG_NOSIGNAL);
	while (!whole && length < sizeof answer - 1) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		ssize_t count;

		CHECK(poll(&ready, 1, 30000) == 1, "no answer to %s", request);
		count = recv(fd, answer + length, sizeof answer - 1 - length, 0);
		if (count <= 0)
			break;
		length += (size_t)count;
		whole = answer[length - 1] == '\n';
	}
	close(fd);
	answer[length] = '\0';
	CHECK(!whole || strstr(answer, wanted), "%s: %s", request, answer);
	return whole;
}

/* -- those who do as they should -------------------------------------------------- */

static void *
produce(void *context)
{
	weir_producer *producer;
	weir_topic topic;
	uint64_t number = 0;

	(void)context;
	CHECK_OK(weir_topic_open(weir_host_bus(host), "load.after.create", &topic));
	CHECK_OK(weir_producer_open(weir_host_bus(host), NULL, &producer));
	for (; !get(&stop); number++) {
		CHECK_OK(weir_publish_wait(producer, topic, NULL, &number, sizeof number, 20 * SECOND));
		if (number % 64 == 0)
			sleep_ns(MILLISECOND);
	}
	weir_producer_close(producer);
	add(&published, number);
	return NULL;
}

static void *
look(void *context)
{
	(void)context;
	while (!get(&stop)) {
		add(&asked, ask("{\"verb\":\"plugin.list\"}\n", "\"plugins\":"));
		sleep_ns(MILLISECOND);
	}
	return NULL;
}

static void *
switch_often(void *context)
{
	(void)context;
	while (!get(&stop)) {
		add(&switched, ask("{\"verb\":\"plugin.disable\",\"name\":\"b\"}\n", "\"ok\":"));
		add(&switched, ask("{\"verb\":\"reload\"}\n", "\"ok\":"));
	}
	return NULL;
}

/* -- those who do not --------------------------------------------------------------- */

static void *
send_garbage(void *context)
{
	struct chance chance = chance_begin((uintptr_t)context);
	char bytes[3000];

	while (!get(&stop)) {
		int fd = try_connect();

		for (uint32_t lines = chance_below(&chance, 20); fd >= 0 && lines > 0; lines--) {
			size_t size = 1 + chance_below(&chance, sizeof bytes - 2);

			for (size_t i = 0; i < size; i++)
				bytes[i] = chance_one_in(&chance, 2) ? "{}[]\":,verb\\\n"[chance_below(&chance, 13)]
				                                     : (char)chance_next(&chance);
			if (send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
				break;
			add(&garbage_lines, 1);
		}
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static void *
connect_often(void *context)
{
	int fds[64];

	(void)context;
	while (!get(&stop)) {
		for (size_t i = 0; i < 64; i++)
			add(&connections, (fds[i] = try_connect()) >= 0);
		for (size_t i = 0; i < 64; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	return NULL;
}

static void *
never_read(void *context)
{
	static const char request[] = "{\"verb\":\"plugin.list\"}\n";

	(void)context;
	while (!get(&stop)) {
		int fd = try_connect();

		while (fd >= 0 && !get(&stop) && send(fd, request, strlen(request), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
			add(&deaf_requests, 1);
		sleep_ns(10 * MILLISECOND);
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

/* Forked before there are threads. Writes how often it was sent away without a word. */
static pid_t
begin_stranger(int pipe_fds[2])
{
	uint64_t sent_away = 0;
	pid_t child;
	char byte;

	CHECK(pipe(pipe_fds) == 0, "pipe");
	child = fork();
	if (child != 0)
		return child;
	if (setgid(65534) != 0 || setuid(65534) != 0)
		_exit(9);
	prctl(PR_SET_PDEATHSIG, SIGKILL);       /* a change of user clears it */
	while (read(pipe_fds[0], &byte, 1) == 1 && byte == 'g') {
		int fd = try_connect();

		if (fd < 0)
			continue;
		send(fd, "{\"verb\":\"status\"}\n", 18, MSG_NOSIGNAL);
		if (recv(fd, &byte, 1, 0) == 1)
			_exit(1);
		sent_away++;
		close(fd);
	}
	_exit(sent_away > 0 ? 0 : 2);
}

static void *
feed_stranger(void *context)
{
	const int *fds = context;

	CHECK(chmod(rig_path("c.sock"), 0666) == 0, "chmod");
	while (!get(&stop)) {
		CHECK(write(fds[1], "g", 1) == 1, "pipe");
		add(&strangers, 1);
		sleep_ns(MILLISECOND);
	}
	CHECK(write(fds[1], "s", 1) == 1, "pipe");
	return NULL;
}

/* -- the test -------------------------------------------------------------------------- */

static void
open_host(void)
{
	words[0] = words[1] = (struct control){ .subscriptions = 1 };
	rig_write("host.ini", "[bus]\nstats_dir = none\n[control]\nsocket = %%D/c.sock\n[plugins]\npath = %%D\n"
	          "[pool.p]\n[plugin.a]\nfile = good\npool = p\ncontrol = %p\n"
	          "[plugin.b]\nfile = good\ncontrol = %p\n", (void *)&words[0], (void *)&words[1]);
	CHECK(rig_open(rig_path("host.ini"), NULL, &host) == WEIR_OK, "%s", rig_problem);
}

static void
watch(uint64_t end_ns, uint64_t kb, unsigned threads)
{
	while (now_ns() < end_ns) {
		CHECK(SANITIZED || resident_kb() < kb + SLACK_KB, "%llu KB more", (ull)(resident_kb() - kb));
		unsigned now = holdings_take().threads;

		CHECK(now <= threads + THREADS_MORE, "%u threads, %u before", now, threads);
		sleep_ns(20 * MILLISECOND);
	}
}

int
main(void)
{
	static void *(*const work[])(void *) = { produce, produce, look, switch_often, send_garbage, send_garbage,
		                                 connect_often, never_read, feed_stranger };
	const size_t count = sizeof work / sizeof work[0];
	pthread_t threads[sizeof work / sizeof work[0]];
	bool root = geteuid() == 0;
	int fds[2], status = 0;
	pid_t child = 0;

	support_begin("host_flood");
	rig_begin(modules);
	if (root) {
		CHECK(chmod(rig_directory, 0755) == 0, "chmod");
		child = begin_stranger(fds);
	}
	open_host();
	support_phase("the flood");
	unsigned before = holdings_take().threads;
	uint64_t kb = resident_kb();

	for (size_t i = 0; i < count - !root; i++)
		CHECK(pthread_create(&threads[i], NULL, work[i], i + 1 == count ? (void *)fds : (void *)(i + 1)) == 0,
		      "thread");
	watch(now_ns() + support_duration_ns(), kb, before);
	set(&stop, 1);
	for (size_t i = 0; i < count - !root; i++)
		pthread_join(threads[i], NULL);
	if (root)
		CHECK(waitpid(child, &status, 0) == child && status == 0, "a stranger: %x", status);
	support_phase("afterwards");
	CHECK(ask("{\"verb\":\"status\"}\n", "\"ok\":true"), "no answer");
	CHECK_OK(weir_host_drain(host, 20 * SECOND));
	books_check(weir_host_bus(host));
	CHECK(words[0].events == published, "%llu of %llu", (ull)words[0].events, (ull)published);
	rig_close(host);
	CHECK(words[0].late == 0 && words[1].late == 0, "late");
	CHECK(asked > 0 && switched > 0 && garbage_lines > 0 && connections > 0 && deaf_requests > 0, "nothing");
	printf("host_flood: %llu events, %llu answers, %llu switches, %llu pieces of garbage, %llu connections, "
	       "%llu requests unread, %llu strangers, lost 0\n", (ull)published, (ull)asked, (ull)switched,
	       (ull)garbage_lines, (ull)connections, (ull)deaf_requests, (ull)strangers);
	rig_end();
	return 0;
}
