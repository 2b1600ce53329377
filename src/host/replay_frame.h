/* SPDX-License-Identifier: MIT */
/*
 * replay_frame.h - what a client sends after the verb "replay": frames, a head and its body each.
 *
 * Numbers are as this machine has them: both ends are on it. An answer is a line of JSON, as to any
 * request, and comes after a flush and before a refusal ends the connection.
 */
#ifndef WI_HOST_REPLAY_FRAME_H
#define WI_HOST_REPLAY_FRAME_H

#include <stdint.h>

enum wi_replay_kind {
	WI_REPLAY_TOPIC = 1, /* its name; they are numbered 0, 1, 2, ... as they come */
	WI_REPLAY_EVENT,     /* wi_replay_event, then the payload */
	WI_REPLAY_FLUSH,     /* no body: answered once what came before is through all pools */
};

struct wi_replay_head {
	uint32_t size; /* of the body */
	uint32_t kind;
};

enum { WI_REPLAY_HAS_KEY = 1, WI_REPLAY_HAS_TRACE = 2 };

struct wi_replay_event {
	uint64_t number; /* of the row; rises from event to event */
	uint64_t time, key;
	uint32_t topic;
	uint8_t flags;
	uint8_t trace[25]; /* id, span, flags */
	uint8_t zero[2];
};

_Static_assert(sizeof(struct wi_replay_head) == 8 && sizeof(struct wi_replay_event) == 56,
	       "no bytes between the members");

enum {
	WI_REPLAY_TOPIC_MAX = 65536,    /* of one connection */
	WI_REPLAY_FRAME_MAX = 64 << 20, /* whatever the ring would take */
};

#endif
