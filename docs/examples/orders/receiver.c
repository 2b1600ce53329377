/* SPDX-License-Identifier: MIT */
/* receiver.c - see receiver.h; over libmicrohttpd, in a thread of its own. */
#include "receiver.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>

#include "check.h"

static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned status, const char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	if (status == MHD_HTTP_TOO_MANY_REQUESTS)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* Called with the head, for each piece of the body, at its end, and when a silent one is let go. */
static enum MHD_Result
serve(void *context, struct MHD_Connection *connection, const char *url, const char *method,
      const char *version, const char *body, size_t *body_size, void **ret_request)
{
	static const enum receiver_answer turns[] = {RECEIVER_TAKEN, RECEIVER_BUSY,
						     RECEIVER_TAKEN, RECEIVER_BROKEN,
						     RECEIVER_TAKEN, RECEIVER_SILENT};
	struct receiver *receiver = context;
	enum receiver_answer turn;

	(void)url, (void)method, (void)version, (void)body;
	if (!*ret_request) {
		*ret_request = receiver;
		return MHD_YES;
	}
	if (*ret_request == receiver->silent)
		return MHD_NO;
	if (*body_size) {
		*body_size = 0;
		return MHD_YES;
	}
	turn = turns[atomic_fetch_add(&receiver->requests, 1) % (sizeof(turns) / sizeof(turns[0]))];
	if (atomic_load(&receiver->full))
		turn = RECEIVER_BUSY;
	if (turn == RECEIVER_SILENT && atomic_load(&receiver->silent_count) == RECEIVER_SILENT_MAX)
		turn = RECEIVER_BROKEN;
	atomic_fetch_add(&receiver->answers[turn], 1);
	switch (turn) {
	case RECEIVER_TAKEN:
		return answer(connection, MHD_HTTP_OK, "ok");
	case RECEIVER_BUSY:
		return answer(connection, MHD_HTTP_TOO_MANY_REQUESTS, "slow down");
	case RECEIVER_BROKEN:
		return answer(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of order");
	default:
		*ret_request = receiver->silent;
		receiver->silent[atomic_load(&receiver->silent_count)] = connection;
		atomic_fetch_add(&receiver->silent_count, 1);
		MHD_suspend_connection(connection);
		return MHD_YES;
	}
}

void
receiver_open(struct receiver *receiver)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	const union MHD_DaemonInfo *info;

	*receiver = (struct receiver){0};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	receiver->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, serve,
		receiver, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
	info = receiver->daemon
		       ? MHD_get_daemon_info(receiver->daemon, MHD_DAEMON_INFO_BIND_PORT)
		       : NULL;
	if (!info)
		fail("no HTTP server on 127.0.0.1");
	receiver->port = info->port;
}

void
receiver_close(struct receiver *receiver)
{
	for (unsigned i = 0; i < atomic_load(&receiver->silent_count); i++)
		MHD_resume_connection(receiver->silent[i]);
	MHD_stop_daemon(receiver->daemon);
}
