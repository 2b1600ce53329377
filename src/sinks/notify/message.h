/* SPDX-License-Identifier: MIT */
/*
 * message.h - one thing that is to be sent to one channel, as rules make it, the spool keeps it and
 *             the sender sends it.
 *
 * Nothing in it is secret: addresses, keys and signatures come from the channel when it is sent.
 */
#ifndef WI_NOTIFY_MESSAGE_H
#define WI_NOTIFY_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

enum {
	WI_NOTIFY_NAME_MAX = 40,                /* of a channel or a rule: [a-z0-9_-] */
	WI_NOTIFY_ID_SIZE = 64,                 /* of an id, with its 0 */
	WI_NOTIFY_BODY_MAX = 64 << 10,
	WI_NOTIFY_PROBLEM_SIZE = 512
};

struct wi_message {
	uint64_t number;        /* the spool's: 1, 2, 3, ...; 0: not in it yet */
	char id[WI_NOTIFY_ID_SIZE];     /* unique, the same over retries and restarts; [A-Za-z0-9_-] */
	const char *channel;
	const char *topic;
	uint64_t time;          /* of the event, CLOCK_REALTIME ns */
	/*
	 * Messages to one channel with the same one that wait together may become one digest; "": never.
	 * Where a digest is made of them, `brief` is the line that stands for this one.
	 */
	const char *group;
	const char *brief;
	/* "Name: value\n" each; the content type, and what else says something of the event (ce-id...). */
	const char *headers;
	const void *body;
	size_t body_size;

	/* The spool's. */
	uint32_t tries;         /* that have failed */
	uint64_t due;           /* CLOCK_REALTIME ns: not before */
	uint64_t expires;       /* given up then */
};

#endif
