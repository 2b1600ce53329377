/* SPDX-License-Identifier: MIT */
/* handlers.h - the handlers that the command line can name. */
#ifndef WI_CLI_HANDLERS_H
#define WI_CLI_HANDLERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

enum wi_handler_kind { WI_HANDLER_COUNT, WI_HANDLER_PRINT, WI_HANDLER_SLEEP, WI_HANDLER_FAIL };

struct wi_handler {
	char *pattern;
	char *action;     /* what follows the "=": "sleep:10us" */
	const char *pool; /* what follows the "@", or NULL: the default pool */
	enum wi_handler_kind kind;
	uint64_t argument;               /* nanoseconds, or each how many-th event fails */
	atomic_uint_fast64_t call_count; /* of fail only */
	bool replayed;                   /* wants replayed events, too */
	weir_subscription subscription;
};

/* "PATTERN=count|print|sleep:NS|fail:EVERY[@POOL]". NULL, or what is wrong. */
const char *wi_handler_parse(struct wi_handler *handler, const char *spec);
void wi_handler_fini(struct wi_handler *handler);

weir_status wi_handler_subscribe(struct wi_handler *handler, weir_bus *bus, weir_pool *pool);

/* What it answered, in words that follow the pattern. */
const char *wi_handler_problem(weir_status status);

#endif
