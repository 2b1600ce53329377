/* SPDX-License-Identifier: MIT */
/*
 * channel.h - where messages go: an address, how requests to it are made, and how many.
 *
 * Made of the settings channel.NAME.*; secrets are read from files, with mode 0600 or 0400, of this
 * user or root, and are wiped when the channel goes. No function here, and no message of it, shows them.
 */
#ifndef WI_NOTIFY_CHANNEL_H
#define WI_NOTIFY_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "message.h"

enum wi_channel_kind {
	WI_CHANNEL_SLACK,               /* an incoming webhook of Slack's; its address is the secret */
	WI_CHANNEL_WEBHOOK,             /* JSON, signed as Standard Webhooks 1.0.0 say, if there is a key */
	WI_CHANNEL_CLOUDEVENTS          /* CloudEvents 1.0 over HTTP; signed likewise */
};

enum { WI_CHANNEL_KEY_MAX = 4, WI_CHANNEL_KEY_SIZE_MAX = 64 };

struct wi_channel_key {
	uint8_t bytes[WI_CHANNEL_KEY_SIZE_MAX];
	uint32_t size;
};

struct wi_channel {
	char name[WI_NOTIFY_NAME_MAX + 1];
	enum wi_channel_kind kind;
	bool binary;                    /* CloudEvents in binary mode */
	char *url;                      /* may be secret: never shown */
	char *shown;                    /* what may be: "https://hooks.slack.com/..." */
	struct wi_channel_key keys[WI_CHANNEL_KEY_MAX];         /* several while they are changed */
	uint32_t key_count;
	char *ca_file;                  /* NULL: the system's */
	char *url_file, *key_file;      /* where they are read from */
	bool allow_http;                /* not only https */
	bool allow_private;             /* also loopback, link-local, private and other special addresses */
	uint64_t connect_ns, total_ns;  /* deadlines of a request */
	uint64_t interval_ns;           /* one request in so long, when */
	uint32_t burst;                 /*   so many have gone out at once */
	uint64_t retry_first_ns, retry_most_ns;         /* back-off: from, doubled up to, with jitter */
	uint64_t expire_ns;             /* a message is given up after so long */
	uint64_t digest_ns;             /* repeats within so long become one message; 0: never */
	uint32_t given;                 /* settings that were taken: a bit for each */
};

/*
 * wi_channel_take - a setting, whose key is "channel.NAME." and one of: type (slack, webhook,
 *                   cloudevents), url, url_file, key_file, mode (structured, binary), ca_file,
 *                   allow (http, private), timeout, connect_timeout, rate (1/s), burst,
 *                   retry (5s..1h), expire, digest. In any order, each once.
 *
 * False: it is wrong, and one sentence names it. What may be a secret is not in it.
 */
bool wi_channel_take(struct wi_channel *channel, const char *key, const char *value,
                     char ret_problem[WI_NOTIFY_PROBLEM_SIZE]);

/* First wi_channel_init(); then wi_channel_take() for each setting; then wi_channel_end(). */
void wi_channel_init(struct wi_channel *channel, const char *name);

/* Reads the files and fills in the defaults of its kind. False: as above. wi_channel_fini() either way. */
bool wi_channel_end(struct wi_channel *channel, char ret_problem[WI_NOTIFY_PROBLEM_SIZE]);
void wi_channel_fini(struct wi_channel *channel);

#endif
