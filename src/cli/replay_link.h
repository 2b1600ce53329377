/* SPDX-License-Identifier: MIT */
/*
 * replay_link.h - the way of frames (replay_frame.h) to a host: one that runs, through its control
 * socket, or one in this process.
 */
#ifndef WI_CLI_REPLAY_LINK_H
#define WI_CLI_REPLAY_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/host.h>

#include "interrupt.h"
#include "progress.h"
#include "replay_options.h"

struct wi_replay;

struct wi_replay_link {
	const struct wi_replay_options *options;
	struct wi_interrupt *interrupt; /* a second signal ends the process */
	struct wi_progress *progress;
	int fd; /* -1: this process */
	weir_host *host;
	struct wi_replay *replay;
	int code; /* why it failed; a message was written */
};

/* journal: its id, in hexadecimal digits. False: ->code. */
bool wi_replay_link_open(struct wi_replay_link *link, const char *journal);

/* Whole frames, none of which is a flush. Waits as long as the host has no room. False: ->code. */
bool wi_replay_link_send(struct wi_replay_link *link, const void *bytes, size_t size);

/*
 * Until all that was sent, up to the event with this number, is through all pools. False: ->code.
 */
bool wi_replay_link_flush(struct wi_replay_link *link, uint64_t number);

/* *ret_lost: what a host in this process has lost, else 0. False: it did not close as it should. */
bool wi_replay_link_close(struct wi_replay_link *link, int64_t *ret_lost);

#endif
