/* SPDX-License-Identifier: MIT */
/*
 * sender.h - HTTP requests, several at a time, by one thread that never waits for one of them.
 *
 * Over libcurl's multi interface. No redirect is followed; https alone, and no private address, unless
 * the channel allows it, whatever a name resolves to at the moment of the connection. Of an answer at
 * most 64 KiB are read. One request at a time to a channel.
 */
#ifndef WI_NOTIFY_SENDER_H
#define WI_NOTIFY_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "channel.h"
#include "message.h"

enum wi_outcome {
	WI_OUTCOME_SENT,                /* 2xx; Slack: 200 */
	WI_OUTCOME_AGAIN,               /* not reached, deadline, 408, 425, 429, 5xx: later */
	WI_OUTCOME_REFUSED,             /* this message will never be taken: another 4xx, a redirect */
	WI_OUTCOME_CHANNEL_OFF          /* the endpoint says it wants no more: 410; Slack: 403, 404 too */
};

struct wi_result {
	enum wi_outcome outcome;
	int32_t status;                 /* of HTTP; 0: there was none */
	uint64_t after_ns;              /* Retry-After, at most a day; 0: none was given */
	/* One printable line without secrets: "429 Too Many Requests", "connection refused". */
	char text[160];
};

struct wi_sender;

/* done: called in wi_sender_run(), by its thread; the message is that of wi_sender_start(). */
struct wi_sender_options {
	void (*done)(void *context, const struct wi_channel *channel, const struct wi_message *message,
	             const struct wi_result *result);
	void *context;
};

/* False: why not, in one sentence. */
bool wi_sender_open(const struct wi_sender_options *options, struct wi_sender **ret_sender,
                    char ret_problem[WI_NOTIFY_PROBLEM_SIZE]);

/* Requests that are under way are given up, without a word. Waits for nothing, for no resolver either. */
void wi_sender_close(struct wi_sender *sender);

/*
 * Begins a request. channel and message stay until `done`. now: CLOCK_REALTIME ns, for the signature.
 * False: there is one to this channel already, or no memory.
 */
bool wi_sender_start(struct wi_sender *sender, const struct wi_channel *channel,
                     const struct wi_message *message, uint64_t now);

/*
 * Goes on with what is under way, for at most so long; returns early when something is done, or awoken.
 * `done` may begin requests. Signals are blocked while libcurl works, and its threads block all.
 */
void wi_sender_run(struct wi_sender *sender, uint64_t wait_ns);

/* Any thread: the run that is under way, or the next one, returns. */
void wi_sender_wake(struct wi_sender *sender);

#endif
