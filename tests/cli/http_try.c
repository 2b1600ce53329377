/* SPDX-License-Identifier: MIT */
/*
 * http_try.c - a client of a server on this machine, good and bad, for tests in sh.
 *
 *   http_try PORT send TEXT          what it answers to TEXT (\r and \n as such), on standard output
 *   http_try PORT good MS            GET /metrics is answered with 200, whole, within MS
 *   http_try PORT crowd COUNT MS     the same, while COUNT others are connected and send half a request
 *   http_try PORT drip MS            a byte each 50 ms: the server ends it within MS
 *   http_try PORT mute MS            a request whose answer is never read, and nothing else
 *   http_try PORT big                a header of 1 MB: refused, or cut off
 *   http_try PORT early COUNT        connections that end with a reset once the request is sent
 *
 * Exit status: 0 as said, 1 otherwise.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
static uint16_t port;

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
enter(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		perror("http_try: connect");
		exit(1);
	}
	return fd;
}

/* To the end of what the server says, or the time. -1: the time was over. */
static ssize_t
take(int fd, char *text, size_t room, int64_t end_ms)
{
	struct pollfd one = {fd, POLLIN, 0};
	size_t size = 0;
	ssize_t got = 1;

	while (size < room - 1 && got > 0) {
		int64_t left = end_ms - now_ms();

		if (left <= 0 || poll(&one, 1, (int)left) <= 0)
			return -1;
		got = recv(fd, text + size, room - 1 - size, 0);
		size += got > 0 ? (size_t)got : 0;
	}
	text[size] = '\0';
	return (ssize_t)size;
}

static char answer[4 << 20];

static int
good(int64_t ms)
{
	int64_t end = now_ms() + ms;
	int fd = enter();
	const char *length, *body;
	ssize_t size;

	send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
	size = take(fd, answer, sizeof(answer), end);
	close(fd);
	length = strstr(answer, "Content-Length: ");
	body = strstr(answer, "\r\n\r\n");
	if (size > 0 && strncmp(answer, "HTTP/1.1 200 ", 13) == 0 && length != NULL && body != NULL &&
	    strtoll(length + 16, NULL, 10) == answer + size - (body + 4))
		return 0;
	fprintf(stderr, "http_try: no good answer (%zd): %.60s\n", size, answer);
	return 1;
}

static int
crowd(int count, int64_t ms)
{
	for (int i = 0; i < count; i++)
		send(enter(), request, 20, MSG_NOSIGNAL);
	return good(ms);
}

static int
drip(int64_t ms)
{
	int64_t end = now_ms() + ms;
	int fd = enter();

	send(fd, "GET /metrics HTTP/1.1\r\nX: ", 26, MSG_NOSIGNAL);
	while (now_ms() < end) {
		struct pollfd one = {fd, POLLIN, 0};
		char byte;

		if (poll(&one, 1, 50) > 0 && recv(fd, &byte, 1, 0) <= 0)
			return 0;
		if (send(fd, "x", 1, MSG_NOSIGNAL) < 0)
			return 0;
	}
	return 1;
}

static int
big(void)
{
	static char header[1 << 20];
	int fd = enter();
	ssize_t size;

	memset(header, 'x', sizeof(header));
	send(fd, "GET /metrics HTTP/1.1\r\nX: ", 26, MSG_NOSIGNAL);
	for (int i = 0; i < 4; i++)
		if (send(fd, header, sizeof(header) / 4, MSG_NOSIGNAL) < 0)
			break;
	size = take(fd, answer, sizeof(answer), now_ms() + 5000);
	return size < 0 || (size > 0 && strncmp(answer, "HTTP/1.1 4", 10) != 0);
}

static int
early(int count)
{
	const struct linger reset = {1, 0};

	for (int i = 0; i < count; i++) {
		int fd = enter();

		send(fd, request, sizeof(request) - 1 - (size_t)(i % 3), MSG_NOSIGNAL);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
	}
	return 0;
}

static int
send_text(const char *text)
{
	char bytes[4096];
	size_t size = 0;
	int fd = enter();

	for (; *text != '\0' && size < sizeof(bytes); text++) {
		if (text[0] == '\\' && (text[1] == 'r' || text[1] == 'n'))
			bytes[size++] = *++text == 'r' ? '\r' : '\n';
		else
			bytes[size++] = *text;
	}
	send(fd, bytes, size, MSG_NOSIGNAL);
	if (take(fd, answer, sizeof(answer), now_ms() + 5000) < 0)
		return 1;
	fputs(answer, stdout);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "";
	int first = argc > 3 ? atoi(argv[3]) : 0;

	port = argc > 1 ? (uint16_t)atoi(argv[1]) : 0;
	if (strcmp(mode, "send") == 0 && argc == 4)
		return send_text(argv[3]);
	if (strcmp(mode, "good") == 0)
		return good(first);
	if (strcmp(mode, "crowd") == 0 && argc == 5)
		return crowd(first, atoi(argv[4]));
	if (strcmp(mode, "drip") == 0)
		return drip(first);
	if (strcmp(mode, "mute") == 0) {
		send(enter(), request, sizeof(request) - 1, MSG_NOSIGNAL);
		poll(NULL, 0, first);
		return 0;
	}
	if (strcmp(mode, "big") == 0)
		return big();
	return strcmp(mode, "early") == 0 ? early(first) : 1;
}
