/* SPDX-License-Identifier: MIT */
/* notify_options.h - the command line of `weir notify`. */
#ifndef WI_CLI_NOTIFY_OPTIONS_H
#define WI_CLI_NOTIFY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum wi_notify_action { WI_NOTIFY_NONE, WI_NOTIFY_STATUS, WI_NOTIFY_FAILED, WI_NOTIFY_RETRY };

struct wi_notify_options {
	enum wi_notify_action action;
	const char *spool;
	char **ids;                     /* of messages; in argv */
	size_t id_count;
	const char *channel;
	bool all, json;
};

/* Ends the program on wrong usage. */
void wi_notify_options_parse(struct wi_notify_options *options, int argc, char **argv);
void wi_notify_options_fini(struct wi_notify_options *options);

#endif
