/* SPDX-License-Identifier: MIT */
/* top_screen.h - `weir top` on a terminal. */
#ifndef WI_CLI_TOP_SCREEN_H
#define WI_CLI_TOP_SCREEN_H

#include "watch.h"

/* Until it is left; takes the snapshot over. An exit code, which was said. */
int wi_top_screen(const struct wi_watch *watch, struct wi_snapshot *snapshot, uint64_t interval_ns);

#endif
