/* SPDX-License-Identifier: MIT */
/*
 * zeromq.c - ZeroMQ's inproc transport (libzmq3-dev): a pair of PAIR sockets for each queue; three
 * producers push into one PULL socket.
 *
 * zmq_send and zmq_recv, which copy; with "+msg" zmq_msg_init_size, filled in place, zmq_msg_send, and
 * zmq_msg_recv, handled in place. Both sides block ("block"), or the consumer asks with ZMQ_DONTWAIT
 * (all other waits). Batched: one message of many parts, which goes on when its last part is there.
 *
 * To be fair: the high-water marks of both ends of an inproc pipe add up, so each has half of the
 * 4096; no I/O threads are started, inproc needs none. Three consumers are three pairs and not PUB
 * and SUB, which would have to look at a subscription for each event.
 */
#include <stdio.h>

#include <zmq.h>

#include "peer.h"

enum { COPY, MESSAGE, TRY = 2 };

#define QUEUE_VARIANTS(X) X(0) X(1) X(2) X(3)
#define QUEUE_MANY(load) 1
#define QUEUE_BATCHES 1

#include "queue_loops.h"

struct queue {
	void *context;
	void *takes, *puts[PEER_PRODUCERS];
	uint32_t producers;
};

static void *
socket_of(struct queue *queue, int type, int mark)
{
	void *socket = zmq_socket(queue->context, type);
	const int linger = 0;

	if (!socket)
		return NULL;
	zmq_setsockopt(socket, ZMQ_SNDHWM, &mark, sizeof mark);
	zmq_setsockopt(socket, ZMQ_RCVHWM, &mark, sizeof mark);
	zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
	return socket;
}

static struct queue *
queue_open(const struct peer_load *load)
{
	const bool many = load->producer_count > 1;
	const int mark = PEER_CAPACITY / 2 / (int)load->batch;
	struct queue *queue = calloc(1, sizeof *queue);

	if (!queue)
		return NULL;
	queue->producers = load->producer_count;
	queue->context = zmq_ctx_new();
	zmq_ctx_set(queue->context, ZMQ_IO_THREADS, 0);
	queue->takes = socket_of(queue, many ? ZMQ_PULL : ZMQ_PAIR, mark);
	if (!queue->takes || zmq_bind(queue->takes, "inproc://events"))
		return NULL;
	for (uint32_t i = 0; i < queue->producers; i++) {
		queue->puts[i] = socket_of(queue, many ? ZMQ_PUSH : ZMQ_PAIR, mark);
		if (!queue->puts[i] || zmq_connect(queue->puts[i], "inproc://events"))
			return NULL;
	}
	return queue;
}

static void
queue_close(struct queue *queue, const struct peer_load *load)
{
	(void)load;
	for (uint32_t i = 0; i < queue->producers; i++)
		zmq_close(queue->puts[i]);
	zmq_close(queue->takes);
	zmq_ctx_term(queue->context);
	free(queue);
}

/* A refusal that is not "try again" would be tried for ever: the load's patience ends it. */
WORK_INLINE uint32_t
queue_put(struct queue_end *end, const uint32_t size, const int variant,
          const struct source *source, const uint32_t n)
{
	void *socket = end->queue->puts[end->lane];
	struct work_buffer buffer;

	for (uint32_t k = 0; k < n; k++) {
		const int flags = k + 1 < n ? ZMQ_SNDMORE : 0;
		struct source one = *source;
		zmq_msg_t message;

		one.number += k;
		if (one.passed)
			one.passed = work_at(one.passed, size, k);
		if (variant % TRY == COPY) {
			if (zmq_send(socket, source_read(&one, size, &buffer, 1),
			             work_bytes(size), flags) < 0)
				return k;
			continue;
		}
		zmq_msg_init_size(&message, work_bytes(size));
		source_write(&one, size, zmq_msg_data(&message), 0);
		if (zmq_msg_send(&message, socket, flags) < 0) {
			zmq_msg_close(&message);
			return k;
		}
	}
	return n;
}

/* All parts of one message, into `copies`: no more than PEER_BATCH_MAX, as sent. */
WORK_INLINE uint32_t
take_parts(struct queue_end *end, const uint32_t size, const int variant, void *copies)
{
	uint32_t count = 0;
	int more = 1;

	while (more) {
		const int flags = count || variant >= TRY ? ZMQ_DONTWAIT : 0;
		size_t room = sizeof more;

		if (zmq_recv(end->queue->takes, work_at(copies, size, count), work_bytes(size), flags) < 0)
			return count;
		count++;
		zmq_getsockopt(end->queue->takes, ZMQ_RCVMORE, &more, &room);
	}
	return count;
}

WORK_INLINE uint32_t
queue_take(struct queue_end *end, const uint32_t size, const int variant, const int kind,
           struct stage *stage, const uint32_t n)
{
	const int flags = variant >= TRY ? ZMQ_DONTWAIT : 0;
	struct work_buffer copies[PEER_BATCH_MAX];
	zmq_msg_t message;

	if (!(__builtin_constant_p(n) && n == 1))
		return stage_take_copies(stage, size, variant, kind, copies,
		                         take_parts(end, size, variant, copies), n);
	if (variant % TRY == COPY) {
		if (zmq_recv(end->queue->takes, copies, work_bytes(size), flags) < 0)
			return 0;
		stage_take(stage, size, variant, kind, &copies[0].message.head, 1);
		return 1;
	}
	zmq_msg_init(&message);
	if (zmq_msg_recv(&message, end->queue->takes, flags) < 0)
		return 0;
	stage_take(stage, size, variant, kind, zmq_msg_data(&message), 1);
	zmq_msg_close(&message);
	return 1;
}

/* What comes as one message was sent as one, and is asked for as one. */
WORK_INLINE uint32_t
queue_drop(struct queue_end *end, const uint32_t size, const int variant, const uint32_t n)
{
	struct work_buffer copies[PEER_BATCH_MAX];

	(void)n;
	return take_parts(end, size, variant, copies);
}

const struct peer peer = {
	.name = "zeromq",
	.what = "ZeroMQ inproc, PAIR; PUSH to PULL for three producers: zmq_send, or zmq_msg (+msg)",
	.package = "libzmq3-dev",
	.version = PEER_VERSION,
	.kind = "waking",
	.scenarios = PEER_ALL_SCENARIOS,
	.batches = true,
	.waits = { { "block", 0, COPY }, { "block+msg", 0, MESSAGE },
	           PEER_BARE_WAITS("", COPY + TRY), PEER_BARE_WAITS("+msg", MESSAGE + TRY) },
	.open = queue_run_open,
	.run = queue_run_run,
	.close = queue_run_close,
};
