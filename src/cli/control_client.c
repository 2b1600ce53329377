/* SPDX-License-Identifier: MIT */
/* control_client.c - see control_client.h. */
#include "control_client.h"

#include "command.h"
#include "quantity.h"
#include "stopwatch.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "listener.h"

enum {
	ANSWER_MAX = 16 << 20,
	READ_SIZE = 64 << 10,
	CONNECT_S = 5,
	OPTION_SOCKET = 300,
	OPTION_JSON
};

#define PATIENCE_NS (60 * WI_STOPWATCH_S) /* beside --timeout */

/* -- the command line -------------------------------------------------------- */

static const struct argp_option where_help[] = {
	{"socket", OPTION_SOCKET, "PATH", 0, "The host's control socket", 0},
	{"pid", 'p', "PID", 0, "The host with this process id (the only one there is)", 0},
	{0}};
static const struct argp_option answer_help[] = {
	{"json", OPTION_JSON, NULL, 0, "Write the host's answer as it is, one JSON object", 0},
	{0}};
static const struct argp_option timeout_help[] = {
	{"timeout", 't', "TIME", 0, "How long the host waits, as 500ms or 5s", 0}, {0}};

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct wi_control_client *client = state->input;

	switch (key) {
	case OPTION_SOCKET:
		client->socket = argument;
		return 0;
	case 'p':
		if (!wi_quantity_count(argument, 1, INT32_MAX, &client->pid))
			argp_error(state, "--pid: '%s' is not a process id", argument);
		return 0;
	case 't':
		client->timeout = argument;
		if (!wi_quantity_duration(argument, 3600 * WI_STOPWATCH_S, &client->timeout_ns) ||
		    client->timeout_ns == 0)
			argp_error(state, "--timeout: '%s' is not a time up to 3600s", argument);
		return 0;
	case OPTION_JSON:
		client->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t
parse_whole(int key, char *argument, struct argp_state *state)
{
	if (key != ARGP_KEY_INIT)
		return parse_option(key, argument, state);
	state->child_inputs[0] = state->input;
	return 0;
}

const struct argp wi_control_client_where_argp = {.options = where_help, .parser = parse_option};
static const struct argp_child where_child[] = {{&wi_control_client_where_argp, 0, NULL, 0}, {0}};
const struct argp wi_control_client_argp = {
	.options = answer_help, .parser = parse_whole, .children = where_child};
const struct argp wi_control_client_timeout_argp = {.options = timeout_help,
						    .parser = parse_option};

static void __attribute__((format(printf, 2, 3)))
complain(const struct wi_control_client *client, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (char *at = text; *at != '\0'; at++)
		if ((unsigned char)*at < ' ' || *at == 127)
			*at = '?';
	fprintf(stderr, "%s: %s\n", client->program, text);
}

/* -- which host -------------------------------------------------------------- */

/* -1: errno. */
static int
connect_to(const char *path)
{
	const struct timeval patience = {.tv_sec = CONNECT_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int
connect_given(const struct wi_control_client *client, const char *directory)
{
	char path[WI_LISTENER_PATH_SIZE];
	int fd;

	if (client->socket != NULL)
		snprintf(path, sizeof(path), "%s", client->socket);
	else
		snprintf(path, sizeof(path), "%s/%llu.sock", directory,
			 (unsigned long long)client->pid);
	fd = connect_to(client->socket != NULL ? client->socket : path);
	if (fd < 0)
		complain(client, "no host answers at %s: %s",
			 client->socket != NULL ? client->socket : path, strerror(errno));
	return fd;
}

/* The only host in the directory: sockets on which nobody listens are of the dead. */
static int
connect_only(const struct wi_control_client *client, const char *directory)
{
	DIR *stream = opendir(directory);
	char names[256] = "", path[WI_LISTENER_PATH_SIZE];
	int fd = -1, count = 0, next;
	struct dirent *entry;

	while (stream != NULL && (entry = readdir(stream)) != NULL) {
		size_t digits = strspn(entry->d_name, "0123456789"), used = strlen(names);

		if (digits == 0 || strcmp(entry->d_name + digits, ".sock") != 0 ||
		    snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name) >=
			    (int)sizeof(path) ||
		    (next = connect_to(path)) < 0)
			continue;
		if (fd >= 0)
			close(fd);
		fd = next;
		snprintf(names + used, sizeof(names) - used, "%s%.*s", count++ > 0 ? ", " : "",
			 (int)digits, entry->d_name);
	}
	if (stream != NULL)
		closedir(stream);
	if (count == 1)
		return fd;
	if (fd >= 0)
		close(fd);
	if (count == 0)
		complain(client, "no host of this user listens in %s; --socket names another place",
			 directory);
	else
		complain(client, "there are several hosts, %s: choose one with --pid", names);
	return -1;
}

/* Text from another user's process is not for this terminal. */
static bool
is_trusted(const struct wi_control_client *client, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (geteuid() == 0 || (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
			       (peer.uid == geteuid() || peer.uid == 0)))
		return true;
	complain(client, "the host belongs to another user");
	return false;
}

int
wi_control_client_connect(const struct wi_control_client *client)
{
	char directory[WI_LISTENER_PATH_SIZE] = "";
	int fd;

	if (client->socket == NULL && !wi_listener_usual_directory(directory, sizeof(directory))) {
		complain(client, "there is no directory of hosts: --socket names one's socket");
		return -1;
	}
	fd = client->socket != NULL || client->pid > 0 ? connect_given(client, directory)
						       : connect_only(client, directory);
	if (fd >= 0 && !is_trusted(client, fd)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* -- one request ------------------------------------------------------------- */

static bool
send_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return false;
		text += sent > 0 ? sent : 0;
		size -= sent > 0 ? (size_t)sent : 0;
	}
	return true;
}

/* A line, given to free(). NULL: *ret_problem. */
char *
wi_control_client_receive(int fd, uint64_t end_ns, const char **ret_problem)
{
	char *text = NULL, *larger;
	size_t length = 0;

	for (;;) {
		uint64_t now_ns = wi_stopwatch_now();
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		ssize_t count = 0;

		*ret_problem = "it does not answer";
		if (now_ns >= end_ns ||
		    poll(&poll_fd, 1, (int)((end_ns - now_ns) / WI_STOPWATCH_MS) + 1) < 0)
			break;
		larger = realloc(text, length + READ_SIZE + 1);
		*ret_problem = larger == NULL ? "out of memory" : "its answer is too long";
		if (larger == NULL || length > ANSWER_MAX)
			break;
		text = larger;
		if (poll_fd.revents != 0)
			count = recv(fd, text + length, READ_SIZE, MSG_DONTWAIT);
		*ret_problem = "it has closed the connection";
		if (poll_fd.revents != 0 &&
		    (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)))
			break;
		length += count > 0 ? (size_t)count : 0;
		text[length] = '\0';
		if (length > 0 && text[length - 1] == '\n')
			return text;
	}
	free(text);
	return NULL;
}

static char *
make_request(const struct wi_control_client *client, const char *verb, const char *name)
{
	json_t *request = json_pack("{s:s}", "verb", verb);
	char *text;

	if (name != NULL)
		json_object_set_new(request, "name", json_string(name));
	if (client->timeout != NULL)
		json_object_set_new(request, "timeout", json_string(client->timeout));
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	return text;
}

int
wi_control_client_take(const struct wi_control_client *client, const char *text,
		       json_t **ret_answer)
{
	json_error_t error;
	json_t *answer = json_loads(text, 0, &error);
	const char *refusal = json_string_value(json_object_get(answer, "error"));
	bool good = json_is_true(json_object_get(answer, "ok"));

	if (!good)
		complain(client, "%s",
			 refusal != NULL ? refusal : "the host's answer makes no sense");
	if (client->json)
		fputs(text, stdout);
	if (good && ret_answer != NULL)
		*ret_answer = answer;
	else
		json_decref(answer);
	return good ? WI_EXIT_OK : WI_EXIT_FAILED;
}

int
wi_control_client_ask(const struct wi_control_client *client, const char *verb, const char *name,
		      json_t **ret_answer)
{
	char *request = make_request(client, verb, name), *text = NULL;
	const char *problem = "it has closed the connection";
	int fd = request != NULL ? wi_control_client_connect(client) : -1;
	int code = WI_EXIT_UNAVAILABLE;

	if (fd >= 0) {
		if (send_all(fd, request, strlen(request)) && send_all(fd, "\n", 1))
			text = wi_control_client_receive(
				fd, wi_stopwatch_now() + client->timeout_ns + PATIENCE_NS,
				&problem);
		if (text == NULL)
			complain(client, "the host: %s", problem);
		else
			code = wi_control_client_take(client, text, ret_answer);
		close(fd);
	}
	free(request);
	free(text);
	return code;
}
