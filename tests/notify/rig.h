/* SPDX-License-Identifier: MIT */
/* rig.h - a sender, channels of a few lines, and what became of the requests. */
#ifndef WI_TESTS_NOTIFY_RIG_H
#define WI_TESTS_NOTIFY_RIG_H

#include <sender.h>
#include <support.h>

#include "receiver.h"

/* The path of each address; in no text may it be, nor anything of a key or a signature. */
#define RIG_CANARY "CANARY-0000"

enum { RIG_DONE_MAX = 4096 };

struct rig_done {
	const struct wi_channel *channel;
	const struct wi_message *message;
	struct wi_result result;
	uint64_t time;          /* now_ns() */
};

struct rig {
	struct wi_sender *sender;
	struct rig_done done[RIG_DONE_MAX];
	uint32_t count;
};

/* {"test": 2432232314}, of the id that the known signature has. */
extern const struct wi_message rig_message;

void rig_open(struct rig *rig);
void rig_close(struct rig *rig);

/* settings: "type = webhook\nurl = ...\n". False: the problem. */
bool rig_channel_try(struct wi_channel *channel, const char *settings, char *ret_problem);
void rig_channel(struct wi_channel *channel, const char *settings);

/* A webhook of this receiver's, by plain HTTP, with these settings besides. */
void rig_webhook(struct wi_channel *channel, struct receiver *receiver, const char *settings);

void rig_start(struct rig *rig, const struct wi_channel *channel, const struct wi_message *message);
/* Until so many are done. */
void rig_run(struct rig *rig, uint32_t count);
/* Begins one and waits for it. */
struct wi_result rig_send(struct rig *rig, const struct wi_channel *channel,
                          const struct wi_message *message);

/* A file in the test's own directory, which is removed at the end; its path, valid until then. */
const char *rig_file(const char *name, const char *text, unsigned mode);

#endif
