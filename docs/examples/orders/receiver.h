/* SPDX-License-Identifier: MIT */
/*
 * receiver.h - who the notifier tells: an HTTP server on this machine, which is not well. In turn it
 *              takes a message, is asked for too much (429), fails (500), and does not answer.
 */
#ifndef ORDERS_RECEIVER_H
#define ORDERS_RECEIVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum receiver_answer { RECEIVER_TAKEN, RECEIVER_BUSY, RECEIVER_BROKEN, RECEIVER_SILENT };

enum { RECEIVER_ANSWERS = RECEIVER_SILENT + 1, RECEIVER_SILENT_MAX = 4096 };

struct receiver {
	struct MHD_Daemon *daemon;
	uint16_t port;                  /* on 127.0.0.1 */
	atomic_bool full;               /* it takes nothing more */
	atomic_ullong requests, answers[RECEIVER_ANSWERS];
	/* Of the server's thread; of who closes, once nobody asks any more. */
	struct MHD_Connection *silent[RECEIVER_SILENT_MAX];
	atomic_uint silent_count;
};

/* It stays where it is until the close, and who asks it ends before. */
void receiver_open(struct receiver *receiver);
void receiver_close(struct receiver *receiver);

#endif
