/* SPDX-License-Identifier: MIT */
/*
 * nng.c - nanomsg-next-generation's inproc transport (libnng-dev): two pair0 sockets for each queue;
 * three producers push into one pull0 socket.
 *
 * nng_send and nng_recv, which copy; with "+msg" nng_msg_alloc, filled in place, nng_sendmsg, and
 * nng_recvmsg, handled in place. Both sides block ("block"), or the consumer asks with
 * NNG_FLAG_NONBLOCK ("yield"). It has no calls for several events.
 *
 * To be fair: each end has a buffer of half of the 4096 (pull0 has none, so push0 has all). nng's own
 * threads, which carry the messages, may run on any processor.
 */
#include <stdio.h>

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>

#include "peer.h"

enum { COPY, MESSAGE, TRY = 2 };

#define QUEUE_VARIANTS(X) X(0) X(1) X(2) X(3)
#define QUEUE_MANY(load) 1
#define QUEUE_BATCHES 0

#include "queue_loops.h"

struct queue {
	nng_socket takes, puts[PEER_PRODUCERS];
	uint32_t producers;
};

static bool
open_sockets(struct queue *queue, const char *url)
{
	const bool many = queue->producers > 1;

	if (many ? nng_pull0_open(&queue->takes) : nng_pair0_open(&queue->takes))
		return false;
	nng_socket_set_int(queue->takes, NNG_OPT_RECVBUF, PEER_CAPACITY / 2);
	if (nng_listen(queue->takes, url, NULL, 0))
		return false;
	for (uint32_t i = 0; i < queue->producers; i++) {
		nng_socket *puts = &queue->puts[i];

		if (many ? nng_push0_open(puts) : nng_pair0_open(puts))
			return false;
		nng_socket_set_int(*puts, NNG_OPT_SENDBUF,
		                   many ? PEER_CAPACITY : PEER_CAPACITY / 2);
		if (nng_dial(*puts, url, NULL, 0))
			return false;
	}
	return true;
}

static struct queue *
queue_open(const struct peer_load *load)
{
	struct queue *queue = calloc(1, sizeof *queue);
	static int number;
	char url[32];

	if (!queue)
		return NULL;
	queue->producers = load->producer_count;
	snprintf(url, sizeof url, "inproc://events-%d", number++);
	return open_sockets(queue, url) ? queue : NULL;
}

static void
queue_close(struct queue *queue, const struct peer_load *load)
{
	(void)load;
	for (uint32_t i = 0; i < queue->producers; i++)
		nng_close(queue->puts[i]);
	nng_close(queue->takes);
	free(queue);
}

/* A refusal that is not "try again" would be tried for ever: the load's patience ends it. */
WORK_INLINE uint32_t
queue_put(struct queue_end *end, const uint32_t size, const int variant,
          const struct source *source, const uint32_t n)
{
	const nng_socket socket = end->queue->puts[end->lane];
	struct work_buffer buffer;
	const void *from;
	nng_msg *message;

	(void)n;
	if (variant % TRY == COPY) {
		from = source_read(source, size, &buffer, 1);
		return !nng_send(socket, (void *)(uintptr_t)from, work_bytes(size), 0);
	}
	if (nng_msg_alloc(&message, work_bytes(size)))
		return 0;
	source_write(source, size, nng_msg_body(message), 0);
	if (!nng_sendmsg(socket, message, 0))
		return 1;
	nng_msg_free(message);
	return 0;
}

WORK_INLINE uint32_t
queue_take(struct queue_end *end, const uint32_t size, const int variant, const int kind,
           struct stage *stage, const uint32_t n)
{
	const nng_socket socket = end->queue->takes;
	const int flags = variant >= TRY ? NNG_FLAG_NONBLOCK : 0;
	struct work_buffer copy;
	size_t room = sizeof copy;
	nng_msg *message;

	(void)n;
	if (variant % TRY == COPY) {
		if (nng_recv(socket, &copy, &room, flags))
			return 0;
		stage_take(stage, size, variant, kind, &copy.message.head, 1);
		return 1;
	}
	if (nng_recvmsg(socket, &message, flags))
		return 0;
	stage_take(stage, size, variant, kind, nng_msg_body(message), 1);
	nng_msg_free(message);
	return 1;
}

WORK_INLINE uint32_t
queue_drop(struct queue_end *end, const uint32_t size, const int variant, const uint32_t n)
{
	struct work_buffer copy;
	size_t room = sizeof copy;

	(void)size;
	(void)n;
	return !nng_recv(end->queue->takes, &copy, &room,
	                 variant >= TRY ? NNG_FLAG_NONBLOCK : 0);
}

const struct peer peer = {
	.name = "nng",
	.what = "nng inproc, pair0; push0 to pull0 for three producers: nng_send, or nng_msg (+msg)",
	.package = "libnng-dev",
	.version = PEER_VERSION,
	.kind = "waking",
	.scenarios = PEER_ALL_SCENARIOS,
	.waits = { { "block", 0, COPY }, { "block+msg", 0, MESSAGE },
	           { "yield", 0, COPY + TRY }, { "yield+msg", 0, MESSAGE + TRY } },
	.open = queue_run_open,
	.run = queue_run_run,
	.close = queue_run_close,
};
