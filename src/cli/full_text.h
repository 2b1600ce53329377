/* SPDX-License-Identifier: MIT */
/* full_text.h - in words, for how long a ring was full and which handler made it so. */
#ifndef WI_CLI_FULL_TEXT_H
#define WI_CLI_FULL_TEXT_H

#include "watch/snapshot.h"

/* In the interval; it was full for some of it. */
void wi_full_text_now(char *text, size_t size, const struct wi_snapshot *snapshot,
		      const struct wi_shown_ring *ring);

/* Since the bus was opened; it was full once at least (ring->why). */
void wi_full_text_ever(char *text, size_t size, const struct wi_shown_ring *ring);

/* What the dispatchers were in when it became full last. False: that is not known. */
bool wi_full_text_last(char *text, size_t size, const struct wi_shown_ring *ring);

#endif
