/* SPDX-License-Identifier: MIT */
/*
 * export_http.c - see export_http.h.
 *
 * A connection is for one request and lasts ten seconds at most, whatever its client does: one that
 * drips bytes is never idle, so no limit on idling would end it. There are CONNECTIONS_MAX at most; when
 * there are so many those older than a second go, and whoever came meanwhile waits in the backlog.
 */
#include "export_http.h"

#include "command.h"
#include "interrupt.h"
#include "quantity.h"
#include "stopwatch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, BACKLOG = 512, HEADERS_MAX = 16 << 10 };

#define LIFE_NS       (10 * WI_STOPWATCH_S)
#define CROWD_LIFE_NS (1 * WI_STOPWATCH_S)
#define FRESH_NS      (100 * WI_STOPWATCH_MS) /* a bus writes no more often */

struct connection {
	int fd;
	uint64_t began_ns;
	struct connection *next, **link;        /* oldest first */
};

struct server {
	const struct wi_export_source *source;
	struct MHD_Daemon *daemon;
	struct MHD_Response *metrics;   /* NULL: none yet */
	uint64_t made_ns;
	struct connection *oldest, **end;
	int count;
};

/* -- addresses --------------------------------------------------------------- */

bool
wi_export_address_parse(const char *text, union wi_export_address *ret_address)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	size_t size = colon != NULL ? (size_t)(colon - text) : 0;
	uint64_t port;

	if (size == 0 || size >= sizeof(host) || !wi_quantity_count(colon + 1, 0, UINT16_MAX, &port))
		return false;
	memcpy(host, text, size);
	host[size] = '\0';
	memset(ret_address, 0, sizeof(*ret_address));
	if (host[0] == '[' && host[size - 1] == ']') {
		host[size - 1] = '\0';
		ret_address->v6.sin6_family = AF_INET6;
		ret_address->v6.sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, host + 1, &ret_address->v6.sin6_addr) == 1;
	}
	ret_address->v4.sin_family = AF_INET;
	ret_address->v4.sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
			 &ret_address->v4.sin_addr) == 1;
}

bool
wi_export_address_is_loopback(const union wi_export_address *address)
{
	if (address->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
	return ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static socklen_t
size_of(const union wi_export_address *address)
{
	return address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
}

static int
open_socket(union wi_export_address *address)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof(*address);
	const int on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &address->any, size_of(address)) == 0 && listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, &address->any, &size) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
print_place(const union wi_export_address *address)
{
	char text[INET6_ADDRSTRLEN];

	if (address->any.sa_family == AF_INET6)
		printf("http://[%s]:%d/metrics\n",
		       inet_ntop(AF_INET6, &address->v6.sin6_addr, text, sizeof(text)),
		       ntohs(address->v6.sin6_port));
	else
		printf("http://%s:%d/metrics\n",
		       inet_ntop(AF_INET, &address->v4.sin_addr, text, sizeof(text)),
		       ntohs(address->v4.sin_port));
}

/* -- answers ----------------------------------------------------------------- */

static struct MHD_Response *
make_response(void *text, size_t size, enum MHD_ResponseMemoryMode mode, const char *type)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(size, text, mode);

	if (response == NULL)
		return NULL;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	return response;
}

static enum MHD_Result
refuse(struct MHD_Connection *connection, unsigned status, const char *text)
{
	struct MHD_Response *response = make_response((void *)text, strlen(text),
						      MHD_RESPMEM_PERSISTENT, "text/plain");
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static bool
renew(struct server *server)
{
	const uint64_t now_ns = wi_stopwatch_now();
	size_t size;
	char *text;
	int code;

	if (server->metrics != NULL && now_ns - server->made_ns < FRESH_NS)
		return true;
	if (server->metrics != NULL)
		MHD_destroy_response(server->metrics);
	server->metrics = NULL;
	text = wi_export_buses_text(server->source, &size, &code);
	if (text == NULL)
		return false;
	server->metrics = make_response(text, size, MHD_RESPMEM_MUST_FREE, WI_EXPORT_TYPE);
	if (server->metrics == NULL)
		free(text);
	server->made_ns = now_ns;
	return server->metrics != NULL;
}

/* Answered at once, before a body is read: then there is none. */
static enum MHD_Result
answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
       const char *version, const char *body, size_t *body_size, void **state)
{
	struct server *server = context;

	(void)version, (void)body, (void)body_size, (void)state;
	if (strcmp(url, "/metrics") != 0)
		return refuse(connection, MHD_HTTP_NOT_FOUND, "There is /metrics alone.\n");
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET alone.\n");
	if (!renew(server))
		return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "Out of memory.\n");
	return MHD_queue_response(connection, MHD_HTTP_OK, server->metrics);
}

/* -- connections ------------------------------------------------------------- */

static void
on_connection(void *context, struct MHD_Connection *connection, void **state,
	      enum MHD_ConnectionNotificationCode code)
{
	struct server *server = context;
	struct connection *one = *state;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		one = *state = calloc(1, sizeof(*one));
		if (one == NULL)
			return;
		one->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		one->began_ns = wi_stopwatch_now();
		one->link = server->end;
		*server->end = one;
		server->end = &one->next;
		server->count++;
	} else if (one != NULL) {
		*one->link = one->next;
		if (one->next != NULL)
			one->next->link = one->link;
		else
			server->end = one->link;
		server->count--;
		free(one);
		*state = NULL;
	}
}

/* Ends those whose time is over, and returns for how long none is, in ms; -1: there are none. */
static int
end_old(const struct server *server)
{
	const uint64_t life_ns = server->count >= CONNECTIONS_MAX ? CROWD_LIFE_NS : LIFE_NS;
	const uint64_t now_ns = wi_stopwatch_now();

	for (const struct connection *one = server->oldest; one != NULL; one = one->next) {
		if (now_ns - one->began_ns < life_ns)
			return (int)((one->began_ns + life_ns - now_ns) / WI_STOPWATCH_MS) + 1;
		/* The library sees its end and closes it; the descriptor is its own until then. */
		shutdown(one->fd, SHUT_RDWR);
	}
	return server->oldest != NULL ? 100 : -1;
}

static void
run(struct server *server, struct wi_interrupt *interrupt)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	while (interrupt->signal == 0) {
		MHD_UNSIGNED_LONG_LONG library_ms;
		int timeout_ms = end_old(server), count;

		if (MHD_get_timeout(server->daemon, &library_ms) == MHD_YES &&
		    (timeout_ms < 0 || library_ms < (MHD_UNSIGNED_LONG_LONG)timeout_ms))
			timeout_ms = (int)library_ms;
		wi_interrupt_wait(interrupt, info->epoll_fd, timeout_ms);
		count = server->count;
		MHD_run(server->daemon);
		/* Where there is room again, it is only at the next run that it accepts. */
		if (server->count < count)
			MHD_run(server->daemon);
	}
}

static int
serve(const struct wi_export_source *source, struct wi_interrupt *interrupt, int fd)
{
	struct server server = {.source = source};

	server.end = &server.oldest;
	server.daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, answer, &server, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, &server, MHD_OPTION_END);
	if (server.daemon == NULL) {
		fprintf(stderr, "%s: the HTTP server does not start\n", source->program);
		close(fd);
		return WI_EXIT_FAILED;
	}
	run(&server, interrupt);
	MHD_stop_daemon(server.daemon);
	if (server.metrics != NULL)
		MHD_destroy_response(server.metrics);
	return WI_EXIT_OK;
}

int
wi_export_serve(const struct wi_export_source *source, const union wi_export_address *address)
{
	union wi_export_address bound = *address;
	struct wi_interrupt interrupt;
	int fd, code;

	if (!wi_interrupt_open(&interrupt)) {
		fprintf(stderr, "%s: no signalfd: %s\n", source->program, strerror(errno));
		return WI_EXIT_FAILED;
	}
	signal(SIGPIPE, SIG_IGN);
	fd = open_socket(&bound);
	if (fd < 0) {
		fprintf(stderr, "%s: --listen: %s\n", source->program, strerror(errno));
		wi_interrupt_close(&interrupt);
		return WI_EXIT_UNAVAILABLE;
	}
	print_place(&bound);
	fflush(stdout);
	code = serve(source, &interrupt, fd);
	wi_interrupt_close(&interrupt);
	return code;
}
