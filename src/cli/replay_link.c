/* SPDX-License-Identifier: MIT */
/* replay_link.c - see replay_link.h. */
#include "replay_link.h"

#include "command.h"
#include "replay.h"
#include "replay_frame.h"
#include "stopwatch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLUSH_NS    (30 * WI_STOPWATCH_S) /* without --timeout, as the host has it */
#define PATIENCE_NS (60 * WI_STOPWATCH_S) /* beside that */
#define CLOSE_NS    (10 * WI_STOPWATCH_S)

enum { SLICE_MS = 100 };

static bool
fail(struct wi_replay_link *link, int code, const char *text)
{
	link->code = code;
	wi_progress_message(link->progress, "%s", text);
	return false;
}

/* A second signal means it; otherwise what was sent is waited for. */
static bool
is_over(struct wi_interrupt *interrupt)
{
	wi_interrupt_wait(interrupt, -1, 0);
	return interrupt->count > 1;
}

/* -- a host that runs ----------------------------------------------------------- */

static bool
take_answer(struct wi_replay_link *link, uint64_t *ret_through)
{
	const char *problem = "it has closed the connection";
	json_t *answer = NULL;
	char *text;

	text = wi_control_client_receive(link->fd, wi_stopwatch_now() + WI_STOPWATCH_S, &problem);
	if (text == NULL) {
		link->code = WI_EXIT_UNAVAILABLE;
		wi_progress_message(link->progress, "the host: %s", problem);
		return false;
	}
	wi_progress_clear(link->progress);
	link->code = wi_control_client_take(&link->options->client, text, &answer);
	*ret_through = (uint64_t)json_integer_value(json_object_get(answer, "through"));
	json_decref(answer);
	free(text);
	return link->code == WI_EXIT_OK;
}

static bool
await_answer(struct wi_replay_link *link, uint64_t *ret_through)
{
	uint64_t timeout_ns = link->options->client.timeout_ns;
	uint64_t end_ns =
		wi_stopwatch_now() + (timeout_ns > 0 ? timeout_ns : FLUSH_NS) + PATIENCE_NS;

	while (!wi_interrupt_wait(link->interrupt, link->fd, SLICE_MS)) {
		if (link->interrupt->count > 1)
			return fail(link, WI_EXIT_SIGNAL + link->interrupt->signal,
				    "given up: what was sent last will be sent again");
		if (wi_stopwatch_now() >= end_ns)
			return fail(link, WI_EXIT_UNAVAILABLE, "the host: it does not answer");
	}
	return take_answer(link, ret_through);
}

/* Where the host says something before it was asked, it has refused. */
static bool
wait_for_room(struct wi_replay_link *link)
{
	struct pollfd fds[2] = {{.fd = link->interrupt->fd, .events = POLLIN},
				{.fd = link->fd, .events = POLLIN | POLLOUT}};
	uint64_t through;

	poll(fds, 2, -1);
	if (fds[0].revents != 0 && is_over(link->interrupt))
		return fail(link, WI_EXIT_SIGNAL + link->interrupt->signal,
			    "given up: what was sent last will be sent again");
	if ((fds[1].revents & (POLLIN | POLLHUP | POLLERR)) == 0)
		return true;
	if (take_answer(link, &through))
		fail(link, WI_EXIT_FAILED, "the host answers what was not asked");
	return false;
}

static bool
send_socket(struct wi_replay_link *link, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(link->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0) {
			bytes += sent;
			size -= (size_t)sent;
		} else if (!wait_for_room(link)) {
			/* What it said before it closed the connection comes first. */
			return false;
		}
	}
	return true;
}

static bool
open_socket(struct wi_replay_link *link, const char *journal)
{
	const char *timeout = link->options->client.timeout;
	char request[256];
	uint64_t through;
	int length;

	link->fd = wi_control_client_connect(&link->options->client);
	if (link->fd < 0) {
		link->code = WI_EXIT_UNAVAILABLE;
		return false;
	}
	length = snprintf(request, sizeof(request),
			  "{\"verb\":\"replay\",\"journal\":\"%s\"%s%s%s}\n", journal,
			  timeout != NULL ? ",\"timeout\":\"" : "", timeout != NULL ? timeout : "",
			  timeout != NULL ? "\"" : "");
	return send_socket(link, request, (size_t)length) && await_answer(link, &through);
}

/* -- a host in this process -------------------------------------------------------- */

static void
log_message(void *context, int level, const char *id, const char *text)
{
	enum { LEVEL_WARNING = 4 };

	if (level <= LEVEL_WARNING)
		wi_progress_message(context, "%s: %s", id, text);
}

/* A plugin may hang in its enable: on a thread of its own, so that signals are seen. */
struct opening {
	struct wi_replay_link *link;
	weir_status status;
	int done_fd;
	char problem[WEIR_HOST_PROBLEM_SIZE];
};

static void *
run_opening(void *context)
{
	weir_host_options options = WEIR_HOST_OPTIONS_INIT;
	struct opening *opening = context;
	struct wi_replay_link *link = opening->link;

	options.config = link->options->config;
	options.log = log_message;
	options.log_context = link->progress;
	opening->status =
		weir_host_open(&options, &link->host, opening->problem, sizeof(opening->problem));
	eventfd_write(opening->done_fd, 1);
	return NULL;
}

static bool
open_host(struct wi_replay_link *link)
{
	struct opening opening = {.link = link, .done_fd = eventfd(0, EFD_CLOEXEC)};
	pthread_t thread;

	if (opening.done_fd < 0 || pthread_create(&thread, NULL, run_opening, &opening) != 0)
		return fail(link, WI_EXIT_FAILED, "cannot start a thread");
	while (!wi_interrupt_wait(link->interrupt, opening.done_fd, -1))
		if (link->interrupt->signal != 0)
			_exit(WI_EXIT_SIGNAL + link->interrupt->signal); /* nothing was done yet */
	pthread_join(thread, NULL);
	close(opening.done_fd);
	if (opening.status == WEIR_OK)
		return true;
	return fail(link,
		    opening.status == WEIR_EINVAL || opening.status == WEIR_ENOENT ? WI_EXIT_USAGE
										   : WI_EXIT_FAILED,
		    opening.problem);
}

static bool
stop_host(void *context)
{
	return is_over(context);
}

static bool
open_here(struct wi_replay_link *link, const char *journal)
{
	char problem[WI_SECTIONS_PROBLEM_SIZE];

	if (!open_host(link))
		return false;
	if (!wi_replay_open(link->host, journal, link->options->client.timeout_ns, &link->replay,
			    problem))
		return fail(link, WI_EXIT_FAILED, problem);
	wi_replay_stop_by(link->replay, stop_host, link->interrupt);
	return true;
}

static bool
take_here(struct wi_replay_link *link, const void *bytes, size_t size, uint64_t *ret_through)
{
	char problem[WI_SECTIONS_PROBLEM_SIZE];
	size_t used;

	if (wi_replay_take(link->replay, bytes, size, &used, ret_through, problem) !=
	    WI_REPLAY_REFUSED)
		return true;
	return fail(link,
		    link->interrupt->count > 1 ? WI_EXIT_SIGNAL + link->interrupt->signal
					       : WI_EXIT_FAILED,
		    problem);
}

/* -- either ------------------------------------------------------------------------ */

bool
wi_replay_link_open(struct wi_replay_link *link, const char *journal)
{
	return link->options->config != NULL ? open_here(link, journal)
					     : open_socket(link, journal);
}

bool
wi_replay_link_send(struct wi_replay_link *link, const void *bytes, size_t size)
{
	uint64_t through;

	return link->replay != NULL ? take_here(link, bytes, size, &through)
				    : send_socket(link, bytes, size);
}

bool
wi_replay_link_flush(struct wi_replay_link *link, uint64_t number)
{
	const struct wi_replay_head head = {.kind = WI_REPLAY_FLUSH};
	uint64_t through = 0;
	char text[96];
	bool good;

	if (link->replay != NULL)
		good = take_here(link, &head, sizeof(head), &through);
	else
		good = send_socket(link, (const char *)&head, sizeof(head)) &&
		       await_answer(link, &through);
	if (!good || through == number)
		return good;
	snprintf(text, sizeof(text), "the host is through up to row %" PRIu64 ", not %" PRIu64,
		 through, number);
	return fail(link, WI_EXIT_FAILED, text);
}

bool
wi_replay_link_close(struct wi_replay_link *link, int64_t *ret_lost)
{
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;
	weir_status status = WEIR_OK;

	*ret_lost = 0;
	if (link->fd >= 0)
		close(link->fd);
	wi_replay_close(link->replay);
	if (link->host != NULL) {
		/* It means something at rest only. */
		if (weir_host_drain(link->host, CLOSE_NS) == WEIR_OK)
			weir_bus_get_counts(weir_host_bus(link->host), &counts, NULL, NULL, NULL);
		*ret_lost = counts.lost;
		status = weir_host_close(link->host, CLOSE_NS, NULL);
	}
	if (status != WEIR_OK)
		wi_progress_message(link->progress, "close: %s", weir_status_text(status));
	link->fd = -1;
	link->replay = NULL;
	link->host = NULL;
	return status == WEIR_OK;
}
