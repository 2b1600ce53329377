/* SPDX-License-Identifier: MIT */
/*
 * spool.h - messages that wait to be sent, in an SQLite file of bounded size, which survives the process.
 *
 * What wi_spool_put() has accepted is sent, listed as failed, or still there, whatever happens to the
 * process or the machine. One process owns the file, by a lock on PATH.lock; `weir notify` looks at it
 * beside, and marks failed ones to be tried again. With a rollback journal, not a write-ahead log: two
 * processes write it, and SQLite before 3.51.3 may lose rows when two checkpoint at the same moment.
 *
 * Any thread; calls wait for each other, and for the disk, never for a network. What cannot be written
 * is said by wi_spool_problem(); the next call opens the file anew.
 */
#ifndef WI_NOTIFY_SPOOL_H
#define WI_NOTIFY_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message.h"

struct wi_spool;

struct wi_spool_options {
	const char *path;
	uint64_t messages_max;          /* waiting; beyond it the oldest go, and are counted */
	uint64_t bytes_max;             /* of their bodies and texts */
	uint64_t failed_max;            /* kept in the list of failed ones; beyond it the oldest go */
	bool shared;                    /* `weir notify`: beside the owner, and the file must be there */
};

/* accepted = sent + given_up + waiting + suppressed + digested, always. */
struct wi_spool_counts {
	uint64_t waiting, failed;       /* there now; failed: at most given_up */
	uint64_t bytes;                 /* of those that wait */
	uint64_t accepted, sent;        /* since the file was made, like those below */
	uint64_t given_up;              /* and not tried again since */
	uint64_t suppressed;            /* made room for others */
	uint64_t digested;              /* gone into one that stands for them */
};

enum { WI_SPOOL_TEXT_SIZE = 160 };

/* What is known of a channel over restarts. */
struct wi_spool_channel {
	char name[WI_NOTIFY_NAME_MAX + 1];
	bool off;                       /* until `weir notify retry` */
	uint32_t streak;                /* of tries that failed */
	uint64_t until;                 /* CLOCK_REALTIME ns: no try before; 0: none is put off */
	int32_t status;                 /* of the last answer that was no success, and what it said */
	char text[WI_SPOOL_TEXT_SIZE];
	uint64_t waiting, failed;       /* only of wi_spool_each_channel() */
};

bool wi_spool_open(const struct wi_spool_options *options, struct wi_spool **ret_spool,
                   char ret_problem[WI_NOTIFY_PROBLEM_SIZE]);
void wi_spool_close(struct wi_spool *spool);

/* Never waits: as of the last call that changed something; a problem is "" once a write succeeded. */
void wi_spool_get_counts(struct wi_spool *spool, struct wi_spool_counts *ret_counts);
void wi_spool_problem(struct wi_spool *spool, char ret_problem[WI_NOTIFY_PROBLEM_SIZE]);

/* New with each spool file: for ids. Valid as long as the spool. */
const char *wi_spool_instance(const struct wi_spool *spool);
/* A number that no message in the file, nor one that ever was, has got: for ids. Waits for nothing. */
uint64_t wi_spool_count(struct wi_spool *spool);

/*
 * All of them are accepted, or none; `due` and `expires` are set by the caller. digest_ns, where not 0:
 * the first of a group is due at once, those that follow within that time at its end.
 */
struct wi_spool_item {
	const struct wi_message *message;
	uint64_t digest_ns;
};
bool wi_spool_put(struct wi_spool *spool, const struct wi_spool_item *items, size_t count, uint64_t now);

/*
 * The first that is due to the channel, to be given back by wi_message_free(). NULL: none is; then
 * *ret_due is when one will be, UINT64_MAX for never. False: it cannot be read.
 */
bool wi_spool_next(struct wi_spool *spool, const char *channel, uint64_t now,
                   struct wi_message **ret_message, uint64_t *ret_due);

/* The first `limit` that wait in a group, each to be given back; and how many there are. */
bool wi_spool_group(struct wi_spool *spool, const char *channel, const char *group, uint32_t limit,
                    struct wi_message **ret_messages, uint32_t *ret_count, uint64_t *ret_total);
/* One message in place of all that wait in its group; those that follow before `until` wait for it. */
bool wi_spool_digest(struct wi_spool *spool, const char *group, const struct wi_message *message,
                     uint64_t until);

/*
 * What became of a try. A number that has made room for others meanwhile stays counted as suppressed.
 * channel, with `again`: kept with it, its name, waiting and failed aside.
 */
bool wi_spool_sent(struct wi_spool *spool, uint64_t number);
bool wi_spool_again(struct wi_spool *spool, const struct wi_message *message, uint64_t due,
                    int32_t status, const char *text, const struct wi_spool_channel *channel);
bool wi_spool_give_up(struct wi_spool *spool, uint64_t number, uint64_t now, int32_t status,
                      const char *text);
/* Those whose time is over are given up, also those of channels that are off. */
bool wi_spool_expire(struct wi_spool *spool, uint64_t now);

/* True: another process has written to the file since this was last asked. */
bool wi_spool_changed(struct wi_spool *spool);
/* One that nothing is known of is on. */
bool wi_spool_get_channel(struct wi_spool *spool, const char *name, struct wi_spool_channel *ret_channel);

/* -- for `weir notify` ------------------------------------------------------ */

struct wi_spool_failed {
	const struct wi_message *message;       /* `due`: when it was given up */
	int32_t status;
	const char *text;
};

/* Whether some process owns it, asked without waiting. */
bool wi_spool_owned(const struct wi_spool *spool);
/* Counts as they are now. */
bool wi_spool_look(struct wi_spool *spool, struct wi_spool_counts *ret_counts);
bool wi_spool_each_failed(struct wi_spool *spool, void (*visit)(void *context, const struct wi_spool_failed *failed),
                          void *context);
bool wi_spool_each_channel(struct wi_spool *spool, void (*visit)(void *context, const struct wi_spool_channel *channel),
                           void *context);

/*
 * Failed ones wait again, with all of their time, and their channels are on: one by its id, those of a
 * channel, or, both NULL, all; also channels without failed ones. How many messages and channels that
 * were off there were; an id that is not there: 0.
 */
bool wi_spool_retry(struct wi_spool *spool, const char *id, const char *channel, uint64_t now,
                    uint64_t *ret_messages, uint64_t *ret_channels);

#endif
