/* SPDX-License-Identifier: MIT */
/* commands.h - the verbs of the control protocol: a request's text to an answer's. */
#ifndef WI_HOST_COMMANDS_H
#define WI_HOST_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

struct weir_host;

struct wi_replay;

/*
 * One request, any bytes. The answer is given to free(); NULL: no memory. *ret_replay: what takes
 * the frames that follow, to be closed; NULL as long as it was not the verb for that. Where
 * ret_replay is NULL that verb is refused.
 */
char *wi_command_run(struct weir_host *host, const char *request, size_t size,
		     struct wi_replay **ret_replay);

/* {"ok":false,"error":TEXT}, given to free(); NULL: no memory. */
char *wi_command_refusal(const char *text);

#endif
