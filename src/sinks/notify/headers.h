/* SPDX-License-Identifier: MIT */
/* headers.h - of a request: the message's own, what webhooks add, and signatures. */
#ifndef WI_NOTIFY_HEADERS_H
#define WI_NOTIFY_HEADERS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel.h"
#include "message.h"

/*
 * NULL: done; otherwise why this message can never be sent, a constant text. *ret_memory: false if there
 * was not enough. *ret_headers is the caller's to free either way. now: CLOCK_REALTIME ns.
 */
const char *wi_headers_make(const struct wi_channel *channel, const struct wi_message *message,
                            uint64_t now, struct curl_slist **ret_headers, bool *ret_memory);

#endif
