/* SPDX-License-Identifier: MIT */
/* host_rig.c - see host_rig.h. */
#include "host_rig.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

char rig_directory[32];
char rig_problem[WEIR_HOST_PROBLEM_SIZE];

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[64 << 10];

static void __attribute__((format(printf, 1, 2)))
shell(const char *format, ...)
{
	char command[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	CHECK(system(command) == 0, "%s", command);
}

void
rig_begin(const char *const *modules)
{
	strcpy(rig_directory, "/tmp/weir-host-XXXXXX");
	CHECK(mkdtemp(rig_directory), "mkdtemp");
	for (; *modules; modules++)
		shell("cp '%s/%s' %s && chmod 755 %s/%s", getenv("WEIR_PLUGIN_MODULES"), *modules, rig_directory,
		      rig_directory, *modules);
}

void
rig_end(void)
{
	shell("rm -rf %s", rig_directory);
}

const char *
rig_path(const char *name)
{
	static _Thread_local char paths[4][RIG_PATH_SIZE];
	static _Thread_local unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, RIG_PATH_SIZE, "%s/%s", rig_directory, name);
	return path;
}

const char *
rig_write(const char *name, const char *format, ...)
{
	const char *path = rig_path(name);
	char text[8192];
	va_list arguments;
	FILE *file;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	file = fopen(path, "w");
	CHECK(file, "%s", path);
	for (const char *at = text; *at; at++) {
		bool directory = strncmp(at, "%D", 2) == 0;

		if (directory)
			fputs(rig_directory, file);
		else
			fputc(*at, file);
		at += directory;
	}
	CHECK(fclose(file) == 0, "%s", path);
	return path;
}

static void
note(void *context, int level, const char *id, const char *text)
{
	size_t used;

	(void)context;
	pthread_mutex_lock(&log_lock);
	used = strlen(log_text);
	snprintf(log_text + used, sizeof log_text - used, "%d %s %s\n", level, id, text);
	pthread_mutex_unlock(&log_lock);
}

int
rig_try_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && strlen(path) < sizeof address.sun_path, "socket: %d", errno);
	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

int
rig_connect(void)
{
	int fd = rig_try_connect(rig_path("c.sock"));

	CHECK(fd >= 0, "connect: %s", strerror(errno));
	return fd;
}

bool
rig_say(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		at += sent;
		size -= (size_t)sent;
	}
	return true;
}

bool
rig_logged(const char *text)
{
	bool found;

	pthread_mutex_lock(&log_lock);
	found = strstr(log_text, text) != NULL;
	pthread_mutex_unlock(&log_lock);
	return found;
}

void
rig_forget(void)
{
	pthread_mutex_lock(&log_lock);
	log_text[0] = '\0';
	pthread_mutex_unlock(&log_lock);
}

weir_status
rig_open(const char *config, weir_bus *bus, weir_host **ret_host)
{
	weir_host_options options = WEIR_HOST_OPTIONS_INIT;

	options.config = config;
	options.bus = bus;
	options.log = note;
	return weir_host_open(&options, ret_host, rig_problem, sizeof rig_problem);
}

void
rig_send(weir_host *host, uint64_t count)
{
	weir_bus *bus = weir_host_bus(host);
	weir_producer *producer;
	weir_topic topic;

	CHECK_OK(weir_topic_open(bus, "load.after.create", &topic));
	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	for (uint64_t i = 0; i < count; i++)
		CHECK_OK(weir_publish_wait(producer, topic, NULL, &i, sizeof i, 20 * SECOND));
	weir_producer_close(producer);
}

void
rig_publish(weir_host *host, uint64_t count)
{
	rig_send(host, count);
	CHECK_OK(weir_host_drain(host, 20 * SECOND));
	books_check(weir_host_bus(host));
}

void
rig_close(weir_host *host)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;

	CHECK_OK(weir_host_close(host, 20 * SECOND, &report));
	CHECK(report.undelivered == 0, "%llu", (ull)report.undelivered);
}

void
rig_check_problem(const char *text)
{
	CHECK(strstr(rig_problem, text), "problem: %s; wanted: %s", rig_problem, text);
}

const char *
rig_ask(weir_host *host, const char *request)
{
	static char answer[64 << 10];
	char *text = weir_host_control(host, request, strlen(request));

	CHECK(text, "%s", request);
	snprintf(answer, sizeof answer, "%s", text);
	free(text);
	return answer;
}

void
rig_check_answer(weir_host *host, const char *request, const char *text)
{
	const char *answer = rig_ask(host, request);

	CHECK(strstr(answer, text), "%s: %s; wanted: %s", request, answer, text);
}
