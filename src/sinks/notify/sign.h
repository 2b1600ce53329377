/* SPDX-License-Identifier: MIT */
/* sign.h - signatures as Standard Webhooks 1.0.0 have them: "v1," and HMAC-SHA256 in base64. */
#ifndef WI_NOTIFY_SIGN_H
#define WI_NOTIFY_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"

enum { WI_SIGN_SIZE = 3 + 44 + 1 };

/* "whsec_" and 24 to 64 bytes in base64, nothing else in `text` of this size. */
bool wi_sign_key(const char *text, size_t size, struct wi_channel_key *ret_key);

/* Of "ID.SECONDS.BODY". */
void wi_sign(const struct wi_channel_key *key, const char *id, uint64_t seconds, const void *body,
             size_t body_size, char ret_signature[WI_SIGN_SIZE]);

#endif
