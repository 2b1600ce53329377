/* SPDX-License-Identifier: MIT */
/* request.h - one HTTP request as libcurl is to make it, and what its answer was. */
#ifndef WI_NOTIFY_REQUEST_H
#define WI_NOTIFY_REQUEST_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "sender.h"

struct wi_request {
	struct wi_request *next;
	const struct wi_channel *channel;
	const struct wi_message *message;
	CURL *easy;
	struct curl_slist *headers;
	bool unset;                     /* an option could not be set */
	const char *unfit;              /* the message cannot be sent: why; NULL: it can */
	const char *guarded;            /* an address that was refused: what it is */

	/* The answer, as far as it came. */
	bool whole;                     /* its headers are: it holds, whatever becomes of the body */
	int32_t status;
	uint32_t header_size, body_size;
	char after[40];                 /* Retry-After */
	char word[41];                  /* the body, if it is Slack's name of an error */
	char error[CURL_ERROR_SIZE];
};

/* NULL: no memory. The channel and the message stay as long as it does. */
struct wi_request *wi_request_make(const struct wi_channel *channel, const struct wi_message *message,
                                   uint64_t now);
void wi_request_free(struct wi_request *request);

/* now: CLOCK_REALTIME ns, for dates in Retry-After. */
void wi_request_result(const struct wi_request *request, CURLcode code, uint64_t now,
                       struct wi_result *ret_result);

#endif
