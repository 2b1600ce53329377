/* SPDX-License-Identifier: MIT */
/* host_control.c - the control socket: its protocol, and those who mean harm or know no better. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "host.h"
#include "host_rig.h"
#include "module.h"

enum { IDLE_MS = 300, CROWD = 1000 };

static const char *const modules[] = { "good.so", NULL };

static struct control words;
static weir_host *host;

static const char list[] = "{\"verb\":\"plugin.list\"}\n";
static const char pools[] = "{\"verb\":\"pool.list\"}\n";

/* -- a client that knows nothing --------------------------------------------------- */

/* A line without its end, until the next call; NULL: the connection has ended. */
static const char *
hear(int fd)
{
	static _Thread_local char line[1 << 16];
	size_t length = 0;

	while (length < sizeof line - 1) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		CHECK(poll(&ready, 1, 20000) == 1, "no answer");
		if (recv(fd, line + length, 1, 0) != 1)
			return NULL;
		if (line[length] == '\n')
			break;
		length++;
	}
	line[length] = '\0';
	return line;
}

static void
expect(int fd, const char *text)
{
	const char *answer = hear(fd);

	CHECK(answer && strstr(answer, text), "%s; wanted %s", answer ? answer : "(end)", text);
}

static void
ask(int fd, const char *request, const char *text)
{
	CHECK(rig_say(fd, request, strlen(request)), "send");
	expect(fd, text);
}

/* The socket works, and the events of all plugins arrive. */
static void
check_well(void)
{
	uint64_t before = get(&words.events);
	int fd = rig_connect();

	ask(fd, list, "\"name\":\"a\",\"state\":\"enabled\"");
	ask(fd, pools, "\"name\":\"default\"");
	close(fd);
	rig_publish(host, 10);
	CHECK(get(&words.events) == before + 10, "events");
}

static void
begin(const char *phase)
{
	struct wi_control_options options = { .path = rig_path("c.sock"), .idle_ms = IDLE_MS };
	char problem[WI_PLUGIN_PROBLEM_SIZE] = "";

	support_phase(phase);
	words = (struct control){ .subscriptions = 1 };
	rig_forget();
	rig_write("host.ini", "[bus]\nstats_dir = none\n[control]\nsocket = none\n[plugins]\npath = %%D\n"
	          "[plugin.a]\nfile = good\ncontrol = %p\n", (void *)&words);
	CHECK(rig_open(rig_path("host.ini"), NULL, &host) == WEIR_OK, "%s", rig_problem);
	options.host = host;
	CHECK(wi_control_open(&options, &host->control, problem) == WEIR_OK, "%s", problem);
	check_well();
}

static void
end(void)
{
	check_well();
	rig_close(host);
	CHECK(access(rig_path("c.sock"), F_OK) != 0, "the socket is still there");
}

/* -- requests ------------------------------------------------------------------------ */

static void
test_requests(void)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{ "{\"verb\":\"status\"}\n", "{\"ok\":true,\"version\":" },
		{ "{\"verb\":\"status\"}\r\n", "\"committed\":" },
		{ " { \"verb\" : \"drain\" , \"timeout\" : \"5s\" } \n", "{\"ok\":true}" },
		{ "{\"verb\":\"reload\"}\n", "{\"ok\":true}" },
		{ "{\"verb\":\"plugin.disable\",\"name\":\"a\"}\n", "{\"ok\":true}" },
		{ "{\"verb\":\"plugin.enable\",\"name\":\"a\"}\n", "{\"ok\":true}" },
		{ "\n", "not JSON" },
		{ "{}\n", "\\\"verb\\\" must be a string" },
		{ "[]\n", "not a JSON object" },
		{ "\"status\"\n", "not JSON" },
		{ "{\"verb\":7}\n", "\\\"verb\\\" must be a string" },
		{ "{\"verb\":\"stop\"}\n", "there is no verb 'stop'" },
		{ "{\"verb\":\"status\",\"verb\":\"drain\"}\n", "not JSON" },
		{ "{\"verb\":\"status\",\"name\":\"a\"}\n", "status does not take \\\"name\\\"" },
		{ "{\"verb\":\"plugin.enable\"}\n", "plugin.enable needs \\\"name\\\"" },
		{ "{\"verb\":\"plugin.enable\",\"name\":7}\n", "\\\"name\\\" must be a string" },
		{ "{\"verb\":\"plugin.enable\",\"name\":\"a\",\"file\":\"/tmp/x.so\"}\n", "does not take \\\"file\\\"" },
		{ "{\"verb\":\"plugin.load\",\"name\":\"a\",\"file\":\"/tmp/x.so\"}\n", "no verb 'plugin.load'" },
		{ "{\"verb\":\"plugin.enable\",\"name\":\"/tmp/x.so\"}\n", "has no plugin '/tmp/x.so'" },
		{ "{\"verb\":\"plugin.enable\",\"name\":\"a\\u0000b\"}\n", "not JSON" },
		{ "{\"verb\":\"drain\",\"timeout\":\"soon\"}\n", "\\\"timeout\\\" must be" },
		{ "{\"verb\":\"drain\",\"timeout\":\"3601s\"}\n", "\\\"timeout\\\" must be" },
		{ "{\"verb\":\"drain\",\"timeout\":5}\n", "\\\"timeout\\\" must be" },
		{ "{\"verb\":\"status\"} x\n", "not JSON" },
		{ "{\"verb\":\"\xff\"}\n", "not JSON" },
		{ "{\"verb\":\"status\",\"a\":[[[[[[]]]]]]}\n", "nested deeper" },
	};
	int fd;

	begin("requests");
	fd = rig_connect();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		ask(fd, cases[i].request, cases[i].answer);
	/* Two at once are two answers. */
	CHECK(rig_say(fd, list, strlen(list)) && rig_say(fd, pools, strlen(pools)), "send");
	expect(fd, "\"plugins\":");
	expect(fd, "\"pools\":");
	close(fd);
	end();
}

/* -- who knows no better --------------------------------------------------------------- */

static void
test_garbage(void)
{
	struct chance chance = chance_begin(1);
	char bytes[512];
	int fd;

	begin("garbage");
	fd = rig_connect();
	for (int round = 0; round < 20; round++) {
		size_t size = 1 + chance_below(&chance, sizeof bytes - 1);

		for (size_t i = 0; i < size; i++) {
			char byte = (char)chance_next(&chance);

			bytes[i] = i + 1 == size ? '\n' : byte == '\n' ? ' ' : byte;
		}
		CHECK(rig_say(fd, bytes, size), "send");
		expect(fd, "{\"ok\":false,\"error\":");
	}
	ask(fd, list, "\"ok\":true");
	close(fd);
	end();
}

/* A request that ends at each of its bytes, and one that comes byte by byte. */
static void
test_pieces(void)
{
	static const char request[] = "{\"verb\":\"plugin.disable\",\"name\":\"a\"}\n";
	int fd;

	begin("pieces");
	for (size_t size = 0; size + 1 < sizeof request - 1; size++) {
		fd = rig_connect();
		CHECK(rig_say(fd, request, size), "send");
		if (size % 2)
			shutdown(fd, SHUT_WR);
		close(fd);
	}
	CHECK(words.disables == 0, "half a request was taken for a whole one");
	fd = rig_connect();
	for (size_t i = 0; list[i]; i++)
		CHECK(rig_say(fd, list + i, 1), "send");
	expect(fd, "\"plugins\":");
	/* A whole request whose sender does not wait for the answer is done all the same. */
	CHECK(rig_say(fd, request, sizeof request - 1), "send");
	close(fd);
	wait_for(&words.disables, 1, "a request without a reader");
	rig_check_answer(host, "{\"verb\":\"plugin.enable\",\"name\":\"a\"}", "{\"ok\":true}");
	end();
}

static void
test_long(void)
{
	char *text = malloc(1 << 20);
	struct linger at_once = { .l_onoff = 1 };
	int fd;

	CHECK(text, "malloc");
	begin("long lines");
	memset(text, 'x', 1 << 20);
	fd = rig_connect();
	rig_say(fd, text, 1 << 20);         /* may find the other side gone */
	close(fd);
	fd = rig_connect();
	CHECK(rig_say(fd, text, WI_CONTROL_LINE_MAX + 1), "send");
	expect(fd, "a line has at most 65536 bytes");
	CHECK(!hear(fd), "the connection goes on");
	close(fd);
	memset(text, '[', 60000);
	text[60000] = '\n';
	fd = rig_connect();
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	CHECK(rig_say(fd, text, 60001), "send");
	expect(fd, "nested deeper than a request is");
	for (int i = 0; i < 30000; i++)
		memcpy(text + 2 * i, "{\"", 2);
	CHECK(rig_say(fd, text, 60001), "send");
	expect(fd, "\"ok\":false");
	close(fd);
	end();
	free(text);
}

/* -- who means harm ---------------------------------------------------------------------- */

static void
test_crowd(void)
{
	static int fds[CROWD];
	struct rlimit limit;
	uint64_t kb;
	unsigned threads;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	begin("a crowd");
	threads = holdings_take().threads;
	kb = resident_kb();
	for (int i = 0; i < CROWD; i++) {
		fds[i] = rig_try_connect(rig_path("c.sock"));
		CHECK(fds[i] >= 0 || errno == EMFILE, "%d: %s", i, strerror(errno));
		if (i % 100 == 0)
			check_well();
	}
	CHECK(holdings_take().threads <= threads + WI_CONTROL_CONNECTION_MAX, "threads");
	CHECK(SANITIZED || resident_kb() < kb + 2048, "%llu KB more", (ull)(resident_kb() - kb));
	check_well();
	for (int i = 0; i < CROWD; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	end();
}

/* Asks and asks, and reads nothing; or begins a line and never ends it. */
static void
test_slow(void)
{
	int deaf, mute;
	uint64_t begun;

	begin("slow ones");
	deaf = rig_connect();
	mute = rig_connect();
	CHECK(rig_say(mute, "{", 1), "send");
	begun = now_ns();
	while (send(deaf, list, strlen(list), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		continue;
	check_well();
	/* Both are sent away after the idle time. */
	while (send(deaf, list, strlen(list), MSG_DONTWAIT | MSG_NOSIGNAL) > 0 || errno == EAGAIN) {
		CHECK(now_ns() - begun < 20 * SECOND, "one that reads nothing is still there");
		sleep_ns(10 * MILLISECOND);
	}
	CHECK(!hear(mute), "one that does not end its line is still there");
	CHECK(now_ns() - begun >= IDLE_MS * MILLISECOND, "too early");
	close(deaf);
	close(mute);
	end();
}

static void
stranger(bool opened)
{
	pid_t child = fork();
	int status, fd;

	if (child == 0) {
		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(9);
		fd = rig_try_connect(rig_path("c.sock"));
		if (fd < 0)
			_exit(opened ? 2 : errno == EACCES ? 0 : 3);
		rig_say(fd, list, strlen(list));
		_exit(hear(fd) ? 1 : 0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0, "%x", status);
}

/* The mode of file and directory keeps others out; if somebody has opened both, their
 * credentials do. */
static void
test_strangers(void)
{
	struct stat status;

	begin("strangers");
	CHECK(stat(rig_path("c.sock"), &status) == 0 && (status.st_mode & 07777) == 0600, "mode");
	if (geteuid() == 0) {
		stranger(false);
		CHECK(chmod(rig_directory, 0755) == 0, "chmod");
		stranger(false);
		CHECK(chmod(rig_path("c.sock"), 0666) == 0, "chmod");
		for (int i = 0; i < 20; i++)
			stranger(true);
		CHECK(rig_logged("sent away who is neither this user nor root (10 so far)"), "log");
		CHECK(!rig_logged("(2 so far)"), "the log is flooded");
		CHECK(chmod(rig_directory, 0700) == 0, "chmod");
	}
	end();
}

/* -- the file ------------------------------------------------------------------------------- */

static weir_status
listen_at(const char *path)
{
	struct wi_listener listener;
	weir_status status = wi_listener_open(&listener, path, rig_problem, sizeof rig_problem);

	if (status == WEIR_OK)
		wi_listener_close(&listener);
	return status;
}

static void
leave_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
	close(fd);
}

static void
test_file(void)
{
	char path[200];
	struct stat status;

	begin("the file");
	CHECK_STATUS(WEIR_EBUSY, listen_at(rig_path("c.sock")));
	rig_check_problem("c.sock: another process listens there");
	check_well();
	leave_socket(rig_path("dead.sock"));
	CHECK_OK(listen_at(rig_path("dead.sock")));
	CHECK(access(rig_path("dead.sock"), F_OK) != 0, "it is left");
	CHECK_STATUS(WEIR_EINVAL, listen_at(rig_write("file.sock", "x")));
	rig_check_problem("file.sock: is there, and is no socket");
	CHECK(access(rig_path("file.sock"), F_OK) == 0, "it was removed");
	CHECK(symlink(rig_path("elsewhere"), rig_path("link.sock")) == 0, "symlink");
	CHECK_STATUS(WEIR_EINVAL, listen_at(rig_path("link.sock")));
	CHECK(access(rig_path("elsewhere"), F_OK) != 0, "it was followed");
	CHECK_STATUS(WEIR_ENOENT, listen_at("/nowhere/at/all.sock"));
	CHECK_STATUS(WEIR_EINVAL, listen_at("here.sock"));
	CHECK_STATUS(WEIR_EINVAL, listen_at("/tmp/open.sock"));
	rig_check_problem("/tmp may be written by others");
	memset(path, 'x', sizeof path);
	memcpy(path, "/tmp/", 5);
	path[199] = '\0';
	CHECK_STATUS(WEIR_EINVAL, listen_at(path));
	rig_check_problem("a socket's path has at most 107 bytes");
	for (unsigned mask = 0; mask <= 0777; mask += 0111) {
		mode_t before = umask(mask);
		struct wi_listener listener;

		CHECK_OK(wi_listener_open(&listener, rig_path("mask.sock"), rig_problem, sizeof rig_problem));
		umask(before);
		CHECK(stat(rig_path("mask.sock"), &status) == 0 && (status.st_mode & 077) == 0, "umask %o", mask);
		wi_listener_close(&listener);
	}
	end();
}

/* Who replaces our socket keeps his. */
static void
test_replaced(void)
{
	struct wi_listener listener;

	support_phase("replaced");
	CHECK_OK(wi_listener_open(&listener, rig_path("r.sock"), rig_problem, sizeof rig_problem));
	CHECK(unlink(rig_path("r.sock")) == 0, "unlink");
	leave_socket(rig_path("r.sock"));
	wi_listener_close(&listener);
	CHECK(access(rig_path("r.sock"), F_OK) == 0, "another's socket was removed");
}

/* Of many that want one path at once, one gets it. */
static uint64_t winners, losers;

static void *
contend(void *context)
{
	struct wi_listener listener;
	char problem[300];
	weir_status status = wi_listener_open(&listener, rig_path("many.sock"), problem, sizeof problem);

	CHECK(status == WEIR_OK || status == WEIR_EBUSY, "%s", problem);
	add(status == WEIR_OK ? &winners : &losers, 1);
	add((uint64_t *)context, 1);
	wait_for(context, 8, "all to have tried");
	if (status == WEIR_OK)
		wi_listener_close(&listener);
	return NULL;
}

static void
test_contention(void)
{
	pthread_t threads[8];
	uint64_t tried;

	support_phase("contention");
	for (int round = 0; round < 20; round++) {
		tried = winners = losers = 0;
		leave_socket(rig_path("many.sock"));
		for (int i = 0; i < 8; i++)
			CHECK(pthread_create(&threads[i], NULL, contend, &tried) == 0, "thread");
		for (int i = 0; i < 8; i++)
			pthread_join(threads[i], NULL);
		CHECK(winners == 1 && losers == 7, "%llu have it", (ull)winners);
	}
}

/* -- a plugin that hangs --------------------------------------------------------------------- */

static uint64_t hang, hanging;

static void
wait_in_enable(void)
{
	add(&hanging, 1);
	while (get(&hang))
		sleep_ns(MILLISECOND);
}

static void
test_hanging(void)
{
	static const char enable[] = "{\"verb\":\"plugin.enable\",\"name\":\"a\"}\n";
	int fds[2 * WI_CONTROL_CONNECTION_MAX], stuck, fd;

	begin("a plugin hangs");
	rig_check_answer(host, "{\"verb\":\"plugin.disable\",\"name\":\"a\"}", "{\"ok\":true}");
	set(&hang, 1);
	words.in_enable = wait_in_enable;
	stuck = rig_connect();
	CHECK(rig_say(stuck, enable, strlen(enable)), "send");
	wait_for(&hanging, 1, "enable");
	fd = rig_connect();
	ask(fd, list, "\"plugins\":");
	ask(fd, pools, "\"pools\":");
	ask(fd, "{\"verb\":\"status\"}\n", "\"ok\":true");
	ask(fd, "{\"verb\":\"drain\"}\n", "\"ok\":true");
	ask(fd, "{\"verb\":\"reload\"}\n", "a plugin is being changed: try again");
	close(fd);
	/* It is not the one that makes room for others. */
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
		fds[i] = rig_connect();
		ask(fds[i], list, "\"plugins\":");
	}
	set(&hang, 0);
	expect(stuck, "{\"ok\":true}");
	close(stuck);
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		close(fds[i]);
	end();
}

/* Close waits for it, no longer than is said; then all that it may use stays. */
static void
test_leak(void)
{
	static const char enable[] = "{\"verb\":\"plugin.enable\",\"name\":\"a\"}\n";
	uint64_t begun;
	int stuck;

	begin("a plugin hangs, and the host closes");
	rig_check_answer(host, "{\"verb\":\"plugin.disable\",\"name\":\"a\"}", "{\"ok\":true}");
	set(&hang, 1);
	set(&hanging, 0);
	words.in_enable = wait_in_enable;
	stuck = rig_connect();
	CHECK(rig_say(stuck, enable, strlen(enable)), "send");
	wait_for(&hanging, 1, "enable");
	begun = now_ns();
	CHECK_STATUS(WEIR_ETIMEDOUT, weir_host_close(host, 100 * MILLISECOND, NULL));
	CHECK(now_ns() - begun < 10 * SECOND, "it waited for ever");
	CHECK(rig_logged("WEIR-LEAK"), "log");
	CHECK(access(rig_path("c.sock"), F_OK) != 0, "the socket is still there");
	set(&hang, 0);
	hear(stuck);
	close(stuck);
}

int
main(void)
{
	support_begin("host_control");
	rig_begin(modules);
	test_requests();
	test_garbage();
	test_pieces();
	test_long();
	test_crowd();
	test_slow();
	test_strangers();
	test_file();
	test_replaced();
	test_contention();
	test_hanging();
	/* What it leaves is meant to be left, and sanitizers do not know that. */
	if (!SANITIZED)
		test_leak();
	rig_end();
	return 0;
}
