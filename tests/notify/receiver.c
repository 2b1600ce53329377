/* SPDX-License-Identifier: MIT */
/* receiver.c - a thread that accepts, and one for each connection. See receiver.h. */
#include "receiver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_MAX = 1 << 20, PATIENCE_S = 20 };

struct receiver {
	int listener, stop;             /* stop: an eventfd, readable when all is to end */
	uint16_t port;
	const struct receiver_wire *wire;
	pthread_t acceptor;

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct receiver_step *steps;
	uint32_t step_count, next_step;
	uint32_t connections, torn, open_now;
	struct receiver_request **requests;
	uint32_t count;
};

struct connection {
	struct receiver *receiver;
	struct receiver_step step;
	uint32_t step_number;
	int fd;
	void *wire;
	char *bytes;                    /* of the request */
	size_t size;
};

static void
must(bool so, const char *what)
{
	if (so)
		return;
	perror(what);
	abort();
}

static uint64_t
monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* -- bytes ------------------------------------------------------------------ */

/* Until the socket is ready for `events`, or ns are over (0: never). False: all is to end. */
static bool
wait_ready(struct connection *connection, short events, uint64_t ns)
{
	struct pollfd polls[] = { { connection->receiver->stop, POLLIN, 0 },
	                          { events ? connection->fd : -1, events, 0 } };
	struct timespec limit = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	while (ppoll(polls, 2, ns ? &limit : NULL, NULL) < 0)
		must(errno == EINTR, "ppoll");
	return !polls[0].revents;
}

static long
read_some(struct connection *connection, void *bytes, size_t size)
{
	const struct receiver_wire *wire = connection->receiver->wire;

	if (wire)
		return wire->read(connection->wire, bytes, size);
	return wait_ready(connection, POLLIN, 0) ? recv(connection->fd, bytes, size, 0) : -1;
}

static bool
write_all(struct connection *connection, const char *bytes, size_t size)
{
	const struct receiver_wire *wire = connection->receiver->wire;
	long done;

	while (size) {
		if (!wait_ready(connection, POLLOUT, 0))
			return false;
		done = wire ? wire->write(connection->wire, bytes, size) :
		              send(connection->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done < 0 && !wire && errno == EAGAIN)
			continue;
		if (done <= 0)
			return false;
		bytes += done;
		size -= (size_t)done;
	}
	return true;
}

/* -- requests --------------------------------------------------------------- */

static bool
find_header(const char *head, const char *name, char *ret_value, size_t size)
{
	size_t length = strlen(name);
	const char *found = NULL, *end;

	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, length) != 0 || line[length] != ':')
			continue;
		if (found)
			return false;
		found = line + length + 1;
	}
	if (!found)
		return false;
	found += strspn(found, " \t");
	end = strstr(found, "\r\n");
	snprintf(ret_value, size, "%.*s", (int)(end ? end - found : (long)strlen(found)), found);
	return true;
}

/* How long the request is to be; 0: its headers are not whole. */
static size_t
whole_size(struct connection *connection, size_t *ret_head)
{
	char *end, *head, value[32];
	size_t body = 0;

	end = memmem(connection->bytes, connection->size, "\r\n\r\n", 4);
	if (!end)
		return 0;
	*ret_head = (size_t)(end - connection->bytes);
	head = strndup(connection->bytes, *ret_head);
	must(head, "strndup");
	if (find_header(head, "Content-Length", value, sizeof value))
		body = strtoul(value, NULL, 10);
	free(head);
	return *ret_head + 4 + body;
}

static void
remember(struct connection *connection, size_t head)
{
	struct receiver *receiver = connection->receiver;
	struct receiver_request *request = calloc(1, sizeof *request);

	must(request, "calloc");
	request->head = strndup(connection->bytes, head);
	request->body_size = connection->size - head - 4;
	request->body = calloc(1, request->body_size + 1);
	must(request->head && request->body, "calloc");
	memcpy(request->body, connection->bytes + head + 4, request->body_size);
	request->time = monotonic_ns();
	request->step = connection->step_number;

	pthread_mutex_lock(&receiver->mutex);
	receiver->requests = realloc(receiver->requests,
	                             (receiver->count + 1) * sizeof *receiver->requests);
	must(receiver->requests, "realloc");
	receiver->requests[receiver->count++] = request;
	pthread_cond_broadcast(&receiver->changed);
	pthread_mutex_unlock(&receiver->mutex);
}

/* False: it did not come whole. */
static bool
read_request(struct connection *connection)
{
	size_t limit = connection->step.way == RECEIVER_CUT_REQUEST ? connection->step.bytes : REQUEST_MAX;
	size_t head = 0, whole;
	long got;

	connection->bytes = malloc(REQUEST_MAX);
	must(connection->bytes, "malloc");
	while (connection->size < limit) {
		got = read_some(connection, connection->bytes + connection->size, limit - connection->size);
		if (got <= 0)
			return false;
		connection->size += (size_t)got;
		whole = whole_size(connection, &head);
		if (whole && connection->size >= whole) {
			remember(connection, head);
			return true;
		}
	}
	return false;
}

/* -- answers ---------------------------------------------------------------- */

static char *
make_answer(const struct receiver_step *step, size_t *ret_size)
{
	const char *headers = step->headers ? step->headers : "", *body = step->body ? step->body : "";
	char *answer;
	int size;

	if (step->raw) {
		*ret_size = step->raw_size ? step->raw_size : strlen(step->raw);
		answer = malloc(*ret_size + 1);
		must(answer, "malloc");
		return memcpy(answer, step->raw, *ret_size);
	}
	size = asprintf(&answer, "HTTP/1.1 %d Answer\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
	                step->status ? step->status : 200, headers, strlen(body), body);
	must(size > 0, "asprintf");
	*ret_size = (size_t)size;
	return answer;
}

static void
write_answer(struct connection *connection)
{
	const struct receiver_step *step = &connection->step;
	size_t size, limit;
	char *answer = make_answer(step, &size);

	limit = step->way == RECEIVER_CUT_ANSWER && step->bytes < size ? step->bytes : size;
	if (step->way != RECEIVER_DRIP)
		write_all(connection, answer, limit);
	else
		for (size_t i = 0; i < size; i++)
			if (!write_all(connection, answer + i, 1) ||
			    !wait_ready(connection, 0, step->gap_ns))
				break;
	free(answer);
}

static void
write_without_end(struct connection *connection)
{
	static const char start[] = "HTTP/1.1 %d Answer\r\n%s", line[] = "X-Line: another one\r\n";
	static const char chunk[] = "10\r\n0123456789abcdef\r\n";
	enum receiver_way way = connection->step.way;
	const char *more = way == RECEIVER_ENDLESS_BODY ? chunk :
	                   way == RECEIVER_ENDLESS_HEADERS ? line : "and more ";
	char text[100];

	snprintf(text, sizeof text, start, connection->step.status ? connection->step.status : 200,
	         way == RECEIVER_ENDLESS_BODY ? "Transfer-Encoding: chunked\r\n\r\n" : "X-Line: ");
	if (way == RECEIVER_ENDLESS_HEADERS)
		strcat(text, "the first\r\n");
	if (!write_all(connection, text, strlen(text)))
		return;
	while (write_all(connection, more, strlen(more)))
		;
}

/* -- connections ------------------------------------------------------------ */

/* Until the other end goes, or all is to end. */
static void
wait_for_end(struct connection *connection)
{
	char bytes[256];

	while (read_some(connection, bytes, sizeof bytes) > 0)
		;
}

static bool
serve(struct connection *connection)
{
	if (connection->step.way == RECEIVER_DEAF) {
		wait_ready(connection, POLLRDHUP, 0);
		return false;
	}
	if (!read_request(connection))
		return false;
	switch (connection->step.way) {
	case RECEIVER_KEEP:
		write_answer(connection);
		wait_for_end(connection);
		break;
	case RECEIVER_HANG:
		wait_for_end(connection);
		break;
	case RECEIVER_ENDLESS_BODY:
	case RECEIVER_ENDLESS_HEADERS:
	case RECEIVER_ENDLESS_LINE:
		write_without_end(connection);
		break;
	default:
		write_answer(connection);
	}
	return true;
}

static void *
connection_main(void *argument)
{
	struct connection *connection = argument;
	struct receiver *receiver = connection->receiver;
	const struct receiver_wire *wire = receiver->wire;
	bool whole = false;

	connection->wire = wire ? wire->open(wire->context, connection->fd) : NULL;
	if (!wire || connection->wire)
		whole = serve(connection);
	if (connection->step.reset)
		setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
		           sizeof(struct linger));
	else
		shutdown(connection->fd, SHUT_WR);
	if (connection->wire)
		wire->close(connection->wire);
	close(connection->fd);

	pthread_mutex_lock(&receiver->mutex);
	receiver->torn += !whole;
	receiver->open_now--;
	pthread_cond_broadcast(&receiver->changed);
	pthread_mutex_unlock(&receiver->mutex);
	free(connection->bytes);
	free(connection);
	return NULL;
}

static void
take_connection(struct receiver *receiver, int fd)
{
	struct connection *connection = calloc(1, sizeof *connection);
	pthread_attr_t attributes;
	pthread_t thread;

	must(connection, "calloc");
	connection->receiver = receiver;
	connection->fd = fd;
	pthread_mutex_lock(&receiver->mutex);
	if (receiver->step_count) {
		connection->step_number = receiver->next_step;
		connection->step = receiver->steps[receiver->next_step];
		if (receiver->next_step + 1 < receiver->step_count)
			receiver->next_step++;
	}
	receiver->connections++;
	receiver->open_now++;
	pthread_cond_broadcast(&receiver->changed);
	pthread_mutex_unlock(&receiver->mutex);

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	must(pthread_create(&thread, &attributes, connection_main, connection) == 0, "pthread_create");
	pthread_attr_destroy(&attributes);
}

static void *
acceptor_main(void *argument)
{
	struct receiver *receiver = argument;
	struct pollfd polls[] = { { receiver->stop, POLLIN, 0 }, { receiver->listener, POLLIN, 0 } };
	int fd;

	for (;;) {
		while (poll(polls, 2, -1) < 0)
			must(errno == EINTR, "poll");
		if (polls[0].revents)
			return NULL;
		fd = accept4(receiver->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			take_connection(receiver, fd);
	}
}

/* -- life ------------------------------------------------------------------- */

static void
listen_on(struct receiver *receiver, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
	                               .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof address;

	receiver->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	must(receiver->listener >= 0, "socket");
	setsockopt(receiver->listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	must(bind(receiver->listener, (struct sockaddr *)&address, size) == 0, "bind");
	must(listen(receiver->listener, 1024) == 0, "listen");
	must(getsockname(receiver->listener, (struct sockaddr *)&address, &size) == 0, "getsockname");
	receiver->port = ntohs(address.sin_port);
}

struct receiver *
receiver_open(uint16_t port, const struct receiver_wire *wire)
{
	struct receiver *receiver = calloc(1, sizeof *receiver);
	pthread_condattr_t attributes;

	must(receiver, "calloc");
	receiver->wire = wire;
	receiver->stop = eventfd(0, EFD_CLOEXEC);
	must(receiver->stop >= 0, "eventfd");
	listen_on(receiver, port);
	pthread_mutex_init(&receiver->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&receiver->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	must(pthread_create(&receiver->acceptor, NULL, acceptor_main, receiver) == 0, "pthread_create");
	return receiver;
}

void
receiver_close(struct receiver *receiver)
{
	must(eventfd_write(receiver->stop, 1) == 0, "eventfd");
	pthread_join(receiver->acceptor, NULL);
	pthread_mutex_lock(&receiver->mutex);
	while (receiver->open_now)
		pthread_cond_wait(&receiver->changed, &receiver->mutex);
	pthread_mutex_unlock(&receiver->mutex);
	close(receiver->listener);
	close(receiver->stop);
	for (uint32_t i = 0; i < receiver->count; i++) {
		free(receiver->requests[i]->head);
		free(receiver->requests[i]->body);
		free(receiver->requests[i]);
	}
	free(receiver->requests);
	free(receiver->steps);
	pthread_cond_destroy(&receiver->changed);
	pthread_mutex_destroy(&receiver->mutex);
	free(receiver);
}

uint16_t
receiver_port(const struct receiver *receiver)
{
	return receiver->port;
}

void
receiver_plan(struct receiver *receiver, const struct receiver_step *steps, uint32_t count)
{
	struct receiver_step *copy = calloc(count + 1, sizeof *copy);

	must(copy, "calloc");
	memcpy(copy, steps, count * sizeof *copy);
	pthread_mutex_lock(&receiver->mutex);
	free(receiver->steps);
	receiver->steps = copy;
	receiver->step_count = count;
	receiver->next_step = 0;
	pthread_mutex_unlock(&receiver->mutex);
}

/* -- what became of it ------------------------------------------------------ */

static uint32_t
look(struct receiver *receiver, const uint32_t *word)
{
	uint32_t value;

	pthread_mutex_lock(&receiver->mutex);
	value = *word;
	pthread_mutex_unlock(&receiver->mutex);
	return value;
}

uint32_t
receiver_connections(struct receiver *receiver)
{
	return look(receiver, &receiver->connections);
}

uint32_t
receiver_torn(struct receiver *receiver)
{
	return look(receiver, &receiver->torn);
}

uint32_t
receiver_count(struct receiver *receiver)
{
	return look(receiver, &receiver->count);
}

uint32_t
receiver_open_now(struct receiver *receiver)
{
	return look(receiver, &receiver->open_now);
}

static bool
wait_until(struct receiver *receiver, const uint32_t *word, uint32_t least, uint32_t most)
{
	struct timespec limit;
	bool there;

	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&receiver->mutex);
	while (*word < least || *word > most)
		if (pthread_cond_timedwait(&receiver->changed, &receiver->mutex, &limit) == ETIMEDOUT)
			break;
	there = *word >= least && *word <= most;
	pthread_mutex_unlock(&receiver->mutex);
	return there;
}

bool
receiver_wait(struct receiver *receiver, uint32_t count)
{
	return wait_until(receiver, &receiver->count, count, UINT32_MAX);
}

bool
receiver_wait_open(struct receiver *receiver, uint32_t count)
{
	return wait_until(receiver, &receiver->open_now, count, count);
}

const struct receiver_request *
receiver_request(struct receiver *receiver, uint32_t i)
{
	const struct receiver_request *request;

	pthread_mutex_lock(&receiver->mutex);
	must(i < receiver->count, "receiver_request");
	request = receiver->requests[i];
	pthread_mutex_unlock(&receiver->mutex);
	return request;
}

bool
receiver_header(const struct receiver_request *request, const char *name, char *ret_value, size_t size)
{
	return find_header(request->head, name, ret_value, size);
}
