/* SPDX-License-Identifier: MIT */
/* control.c - see control.h. */
#include "control.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "replay.h"

enum {
	IDLE_MS = 10000,
	BAD_PAUSE_MS = 50,
	ACCEPT_PAUSE_MS = 100,
	READ_SIZE = 4096,
	FRAMES_SIZE = 128 << 10
};

struct connection {
	struct wi_control *control;
	pthread_t thread;
	bool used;
	bool ended; /* used, and its thread only has to be joined */
	int fd;
	bool busy;         /* a request is under way: not to be sent away */
	bool leaving;      /* was sent away */
	uint64_t since_ns; /* of the last request, or when it came */
	/* Its thread's. */
	char *line;
	size_t length, capacity;
};

struct wi_control {
	struct weir_host *host;
	struct wi_listener listener;
	uint32_t idle_ms;
	int stop_fd; /* readable for ever, once close begins */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a place has become free */
	struct connection places[WI_CONTROL_CONNECTION_MAX];
	uint64_t stranger_count;
};

static int
remaining_ms(uint64_t end_ns)
{
	uint64_t now = wi_host_now(), ms = now < end_ns ? (end_ns - now) / 1000000 + 1 : 0;

	return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* Until fd is ready for `events`; false: it is too late, or the control closes. */
static bool
wait_ready(const struct wi_control *control, int fd, short events, uint64_t end_ns)
{
	struct pollfd fds[2] = {{.fd = control->stop_fd, .events = POLLIN},
				{.fd = fd, .events = events}};
	int result;

	do
		result = poll(fds, 2, remaining_ms(end_ns));
	while (result < 0 && errno == EINTR);
	return result > 0 && fds[0].revents == 0;
}

/* -- a connection ---------------------------------------------------------------- */

static bool
send_text(const struct connection *connection, const char *text, size_t size)
{
	uint64_t end_ns = wi_host_now() + connection->control->idle_ms * UINT64_C(1000000);

	while (size > 0) {
		ssize_t sent = send(connection->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0) {
			text += sent;
			size -= (size_t)sent;
		} else if (errno == EAGAIN || errno == EINTR) {
			if (!wait_ready(connection->control, connection->fd, POLLOUT, end_ns))
				return false;
		} else {
			return false;
		}
	}
	return true;
}

/* Takes the answer; false: it could not be sent, or there was no memory for it. */
static bool
answer(const struct connection *connection, char *text)
{
	size_t length = text != NULL ? strlen(text) : 0;
	bool good = false;

	if (text != NULL) {
		text[length] = '\n'; /* in place of the end */
		good = send_text(connection, text, length + 1);
	}
	free(text);
	return good;
}

static bool
make_room(struct connection *connection, size_t size)
{
	size_t capacity = connection->capacity + size;
	char *line;

	if (connection->capacity - connection->length >= size)
		return true;
	capacity = connection->capacity * 2 > capacity ? connection->capacity * 2 : capacity;
	line = realloc(connection->line, capacity);
	if (line == NULL)
		return false;
	connection->line = line;
	connection->capacity = capacity;
	return true;
}

/* A whole line is at the beginning of the buffer; its length with the LF, 0: there will be none. */
static size_t
read_line(struct connection *connection)
{
	uint64_t end_ns = wi_host_now() + connection->control->idle_ms * UINT64_C(1000000);
	size_t seen = 0;

	for (;;) {
		char *end = seen < connection->length ? memchr(connection->line + seen, '\n',
							       connection->length - seen)
						      : NULL;
		ssize_t count;

		if (end != NULL)
			return (size_t)(end - connection->line) + 1;
		seen = connection->length;
		if (seen > WI_CONTROL_LINE_MAX) {
			answer(connection, wi_command_refusal("a line has at most 65536 bytes"));
			return 0;
		}
		if (!make_room(connection, READ_SIZE) ||
		    !wait_ready(connection->control, connection->fd, POLLIN, end_ns))
			return 0;
		count = recv(connection->fd, connection->line + connection->length, READ_SIZE,
			     MSG_DONTWAIT);
		if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
			return 0;
		connection->length += count > 0 ? (size_t)count : 0;
	}
}

/* Where close begins or somebody else was given the place, the request is not begun. */
static bool
begin_request(struct connection *connection)
{
	struct wi_control *control = connection->control;
	bool good;

	pthread_mutex_lock(&control->lock);
	good = !connection->leaving && !atomic_load(&control->host->closing);
	connection->busy = good;
	pthread_mutex_unlock(&control->lock);
	return good;
}

static void
end_request(struct connection *connection)
{
	struct wi_control *control = connection->control;

	pthread_mutex_lock(&control->lock);
	connection->busy = false;
	connection->since_ns = wi_host_now();
	pthread_mutex_unlock(&control->lock);
}

static bool
is_refusal(const char *text)
{
	return text == NULL || strncmp(text, "{\"ok\":false", 11) == 0;
}

static void
take_away(struct connection *connection, size_t length)
{
	connection->length -= length;
	memmove(connection->line, connection->line + length, connection->length);
}

/* -- frames ------------------------------------------------------------------------ */

/* Who has gone wants nothing more to be published, even if it is here. */
static bool
is_gone(void *context)
{
	const struct connection *connection = context;
	struct pollfd fd = {.fd = connection->fd};

	return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLHUP | POLLERR)) != 0;
}

/* More bytes, to be there until end_ns. False: the connection ends. */
static bool
read_more(struct connection *connection, uint64_t end_ns)
{
	ssize_t count = -1;

	if (!make_room(connection, FRAMES_SIZE))
		return false;
	do {
		if (!wait_ready(connection->control, connection->fd, POLLIN, end_ns))
			return false;
		count = recv(connection->fd, connection->line + connection->length,
			     connection->capacity - connection->length, MSG_DONTWAIT);
	} while (count < 0 && (errno == EAGAIN || errno == EINTR));
	connection->length += count > 0 ? (size_t)count : 0;
	return count > 0;
}

static bool
answer_flush(const struct connection *connection, uint64_t through)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "{\"ok\":true,\"through\":%llu}\n",
			      (unsigned long long)through);

	return send_text(connection, text, (size_t)length);
}

/* What has come. False: the connection ends. */
static bool
take_frames(struct connection *connection, struct wi_replay *replay)
{
	char problem[WI_SECTIONS_PROBLEM_SIZE];
	enum wi_replay_result result;
	uint64_t through;
	size_t used;

	do {
		result = wi_replay_take(replay, connection->line, connection->length, &used,
					&through, problem);
		take_away(connection, used);
		if (result == WI_REPLAY_THROUGH && !answer_flush(connection, through))
			return false;
	} while (result == WI_REPLAY_THROUGH);
	if (result == WI_REPLAY_REFUSED)
		answer(connection, wi_command_refusal(problem));
	return result == WI_REPLAY_MORE;
}

/*
 * Until the client goes, or is refused. The next frame may take its time, and the connection is
 * quiet meanwhile; one that has begun may not.
 */
static void
serve_frames(struct connection *connection, struct wi_replay *replay)
{
	uint64_t idle_ns = connection->control->idle_ms * UINT64_C(1000000), end_ns = 0;
	bool good = true;

	wi_replay_stop_by(replay, is_gone, connection);
	while (good && begin_request(connection)) {
		size_t before = connection->length;

		good = take_frames(connection, replay);
		end_request(connection);
		/* Where nothing was taken, it is the frame that had begun already. */
		if (connection->length == 0)
			end_ns = UINT64_MAX;
		else if (connection->length < before || end_ns == UINT64_MAX || end_ns == 0)
			end_ns = wi_host_now() + idle_ns;
		good = good && read_more(connection, end_ns);
	}
	wi_replay_close(replay);
}

/* -- lines ------------------------------------------------------------------------- */

static bool
serve(struct connection *connection)
{
	size_t length = read_line(connection);
	struct wi_replay *replay = NULL;
	bool refused, good;
	char *text;

	if (length == 0 || !begin_request(connection))
		return false;
	text = wi_command_run(connection->control->host, connection->line, length - 1, &replay);
	end_request(connection);
	refused = is_refusal(text);
	good = answer(connection, text);
	/* Who sends garbage is answered, but not faster than a person would be. */
	if (refused && good)
		wait_ready(connection->control, -1, 0,
			   wi_host_now() + BAD_PAUSE_MS * UINT64_C(1000000));
	take_away(connection, length);
	if (replay != NULL && good)
		serve_frames(connection, replay);
	else
		wi_replay_close(replay);
	return good && replay == NULL;
}

static void *
run_connection(void *context)
{
	struct connection *connection = context;
	struct wi_control *control = connection->control;

	while (serve(connection))
		continue;
	free(connection->line);
	pthread_mutex_lock(&control->lock);
	connection->ended = true;
	close(connection->fd);
	pthread_cond_broadcast(&control->changed);
	pthread_mutex_unlock(&control->lock);
	return NULL;
}

/* -- who comes ------------------------------------------------------------------- */

static struct timespec
in_ms(unsigned ms)
{
	struct timespec when;

	clock_gettime(CLOCK_MONOTONIC, &when);
	when.tv_nsec += (long)(ms % 1000) * 1000000;
	when.tv_sec += ms / 1000 + when.tv_nsec / 1000000000;
	when.tv_nsec %= 1000000000;
	return when;
}

/* With the lock, as what follows: a thread that has ended needs it no more. */
static void
join_ended(struct wi_control *control)
{
	for (size_t i = 0; i < WI_CONTROL_CONNECTION_MAX; i++) {
		struct connection *connection = &control->places[i];

		if (connection->used && connection->ended) {
			pthread_join(connection->thread, NULL);
			connection->used = false;
		}
	}
}

static struct connection *
find_place(struct wi_control *control)
{
	join_ended(control);
	for (size_t i = 0; i < WI_CONTROL_CONNECTION_MAX; i++)
		if (!control->places[i].used)
			return &control->places[i];
	return NULL;
}

/* The one that has been quiet for longest ends, unless a request of it is under way. */
static bool
send_one_away(struct wi_control *control)
{
	struct connection *oldest = NULL;

	for (size_t i = 0; i < WI_CONTROL_CONNECTION_MAX; i++) {
		struct connection *connection = &control->places[i];

		if (!connection->ended && !connection->busy && !connection->leaving &&
		    (oldest == NULL || connection->since_ns < oldest->since_ns))
			oldest = connection;
	}
	if (oldest == NULL)
		return false;
	oldest->leaving = true;
	shutdown(oldest->fd, SHUT_RDWR);
	return true;
}

static struct connection *
make_place(struct wi_control *control)
{
	struct timespec end = in_ms(1000);
	struct connection *place = find_place(control);

	if (place == NULL && !send_one_away(control))
		return NULL;
	while (place == NULL &&
	       pthread_cond_timedwait(&control->changed, &control->lock, &end) == 0)
		place = find_place(control);
	return place;
}

/* Signals are for the program's own threads. */
static bool
start_thread(void *(*function)(void *), void *context, pthread_t *ret_thread)
{
	sigset_t all, old;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	result = pthread_create(ret_thread, NULL, function, context);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return result == 0;
}

static void
take_connection(struct wi_control *control, int fd)
{
	struct connection refused = {.control = control, .fd = fd};
	struct connection *place;

	pthread_mutex_lock(&control->lock);
	place = make_place(control);
	if (place != NULL) {
		*place = (struct connection){
			.control = control, .fd = fd, .since_ns = wi_host_now()};
		place->used = start_thread(run_connection, place, &place->thread);
		place = place->used ? place : NULL;
	}
	pthread_mutex_unlock(&control->lock);
	if (place != NULL)
		return;
	answer(&refused, wi_command_refusal("all connections have requests that are under way"));
	close(fd);
}

/* Told the first time, and then at each power of ten. */
static void
tell_stranger(struct wi_control *control)
{
	uint64_t count = ++control->stranger_count, power = 1;

	while (power < count)
		power *= 10;
	if (power == count)
		wi_host_log(control->host, 4, "WEIR-CONTROL",
			    "%s: sent away who is neither this user nor root (%llu so far)",
			    control->listener.path, (unsigned long long)count);
}

static void *
run_control(void *context)
{
	struct wi_control *control = context;

	while (wait_ready(control, control->listener.fd, POLLIN,
			  wi_host_now() + 3600 * WI_HOST_S) ||
	       !atomic_load(&control->host->closing)) {
		int fd = wi_listener_accept(&control->listener);

		if (fd >= 0)
			take_connection(control, fd);
		else if (errno == EPERM)
			tell_stranger(control);
		else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			wait_ready(control, -1, 0,
				   wi_host_now() + ACCEPT_PAUSE_MS * UINT64_C(1000000));
	}
	return NULL;
}

/* -- open and close ---------------------------------------------------------------- */

static void
free_control(struct wi_control *control)
{
	wi_listener_close(&control->listener);
	if (control->stop_fd >= 0)
		close(control->stop_fd);
	pthread_cond_destroy(&control->changed);
	pthread_mutex_destroy(&control->lock);
	free(control);
}

weir_status
wi_control_open(const struct wi_control_options *options, struct wi_control **ret_control,
		char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	struct wi_control *control = calloc(1, sizeof(*control));
	pthread_condattr_t attributes;
	weir_status status;

	if (control == NULL)
		return WEIR_ENOMEM;
	control->host = options->host;
	control->idle_ms = options->idle_ms > 0 ? options->idle_ms : IDLE_MS;
	control->listener.fd = -1;
	pthread_mutex_init(&control->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&control->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	control->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	status = control->stop_fd >= 0 ? WEIR_OK : WEIR_EIO;
	if (status == WEIR_OK)
		status = wi_listener_open(&control->listener, options->path, problem,
					  WI_PLUGIN_PROBLEM_SIZE);
	if (status == WEIR_OK && !start_thread(run_control, control, &control->thread))
		status = WEIR_ENOMEM;
	if (status == WEIR_OK)
		*ret_control = control;
	else
		free_control(control);
	return status;
}

/* With the lock. */
static bool
has_connection(struct wi_control *control)
{
	join_ended(control);
	for (size_t i = 0; i < WI_CONTROL_CONNECTION_MAX; i++)
		if (control->places[i].used)
			return true;
	return false;
}

weir_status
wi_control_close(struct wi_control *control, uint64_t timeout_ns)
{
	unsigned ms = timeout_ns / 1000000 < UINT32_MAX / 2 ? (unsigned)(timeout_ns / 1000000)
							    : UINT32_MAX / 2;
	struct timespec end = in_ms(ms);
	bool some;

	/* Before anybody is waited for: who looks for us finds nobody any more. */
	eventfd_write(control->stop_fd, 1);
	pthread_join(control->thread, NULL);
	wi_listener_close(&control->listener);
	pthread_mutex_lock(&control->lock);
	while ((some = has_connection(control)) &&
	       pthread_cond_timedwait(&control->changed, &control->lock, &end) == 0)
		continue;
	pthread_mutex_unlock(&control->lock);
	if (some)
		return WEIR_ETIMEDOUT;
	free_control(control);
	return WEIR_OK;
}
