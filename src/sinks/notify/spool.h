/* SPDX-License-Identifier: MIT */
/*
 * spool.h - messages that wait to be sent, in an SQLite file of bounded size, which survives the process.
 *
 * What wi_spool_commit() has accepted is sent, listed as failed, or still there, whatever happens to
 * the process. One process owns it; `weir notify` looks at it beside, and marks failed ones to be tried
 * again. With a rollback journal, not a write-ahead log: two processes write it.
 */
#ifndef WI_NOTIFY_SPOOL_H
#define WI_NOTIFY_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "message.h"

struct wi_spool;

struct wi_spool_options {
	const char *path;
	uint64_t messages_max;          /* waiting; beyond it the oldest go, and are counted */
	uint64_t bytes_max;             /* of their bodies */
	uint64_t failed_max;            /* kept in the list of failed ones; beyond it the oldest go */
	bool shared;                    /* `weir notify`: beside the owner, and the file must be there */
};

struct wi_spool_counts {
	uint64_t waiting, failed;       /* there now */
	uint64_t accepted, sent, given_up, suppressed, digested;        /* since the file was made */
};

bool wi_spool_open(const struct wi_spool_options *options, struct wi_spool **ret_spool,
                   char ret_problem[WI_NOTIFY_PROBLEM_SIZE]);
void wi_spool_close(struct wi_spool *spool);

/* New with each spool file: for ids. Valid as long as the spool. */
const char *wi_spool_instance(const struct wi_spool *spool);
/* A number that was never given before, also not before a crash: for ids. */
uint64_t wi_spool_count(struct wi_spool *spool);

/* Put into the open transaction, which the first one begins. */
bool wi_spool_add(struct wi_spool *spool, const struct wi_message *message);
bool wi_spool_commit(struct wi_spool *spool);
void wi_spool_roll_back(struct wi_spool *spool);

/* The first that is due to the channel; its texts are valid until the next call for this channel. */
bool wi_spool_next(struct wi_spool *spool, const char *channel, uint64_t now,
                   struct wi_message *ret_message, uint64_t *ret_due);

bool wi_spool_sent(struct wi_spool *spool, uint64_t number);
bool wi_spool_again(struct wi_spool *spool, uint64_t number, uint64_t due, int32_t status, const char *text);
bool wi_spool_give_up(struct wi_spool *spool, uint64_t number, int32_t status, const char *text);

#endif
