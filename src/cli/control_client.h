/* SPDX-License-Identifier: MIT */
/* control_client.h - ask a host something: which host, one request, its answer. */
#ifndef WI_CLI_CONTROL_CLIENT_H
#define WI_CLI_CONTROL_CLIENT_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

struct json_t;

/* The command line that `weir plugin`, `pool`, `drain` and `replay` share. */
struct wi_control_client {
	const char *program; /* the name that messages begin with */
	const char *socket;  /* --socket */
	uint64_t pid;        /* --pid, or 0 */
	uint64_t timeout_ns; /* --timeout, or 0 */
	const char *timeout; /* as it was written */
	bool json;           /* --json */
};

/* Its options but --timeout, those of them that choose the host, and that one: children of the
 * command's argp, whose input is the client. */
extern const struct argp wi_control_client_argp, wi_control_client_where_argp;
extern const struct argp wi_control_client_timeout_argp;

/*
 * Sends the request, which is taken, to the host that was chosen, or to the only one there is,
 * and writes the answer with --json. name, may be NULL, and --timeout become its members.
 * Otherwise *ret_answer is the answer, which the caller gives back. The exit status; a message
 * was written if it is not 0.
 */
int wi_control_client_ask(const struct wi_control_client *client, const char *verb,
			  const char *name, struct json_t **ret_answer);

/* The parts of it. The host that was chosen; -1: a message was written. */
int wi_control_client_connect(const struct wi_control_client *client);

/* The host's next line, given to free(); NULL: *ret_problem. */
char *wi_control_client_receive(int fd, uint64_t end_ns, const char **ret_problem);

/* Says what the host has refused, or *ret_answer, if that is not NULL. The exit status. */
int wi_control_client_take(const struct wi_control_client *client, const char *text,
			   struct json_t **ret_answer);

#endif
