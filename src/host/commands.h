/* SPDX-License-Identifier: MIT */
/* commands.h - the verbs of the control protocol: a request's text to an answer's. */
#ifndef WI_HOST_COMMANDS_H
#define WI_HOST_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

struct weir_host;

/*
 * One request, any bytes. The answer is given to free(); NULL: no memory. *ret_good, if it is not
 * NULL: whether it was a request that is understood.
 */
char *wi_command_run(struct weir_host *host, const char *request, size_t size);

/* {"ok":false,"error":TEXT}, given to free(); NULL: no memory. */
char *wi_command_refusal(const char *text);

#endif
