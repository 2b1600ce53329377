/* SPDX-License-Identifier: MIT */
/* message_copy.h - a message with all of its texts in one block of memory. */
#ifndef WI_NOTIFY_MESSAGE_COPY_H
#define WI_NOTIFY_MESSAGE_COPY_H

#include "message.h"

/* NULL: no memory. */
struct wi_message *wi_message_copy(const struct wi_message *message);
void wi_message_free(struct wi_message *message);

/* Bytes of body and texts. */
size_t wi_message_size(const struct wi_message *message);

#endif
