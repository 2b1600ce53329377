/* SPDX-License-Identifier: MIT */
/* stat_line.h - a snapshot as one line. */
#ifndef WI_CLI_STAT_LINE_H
#define WI_CLI_STAT_LINE_H

#include "watch/snapshot.h"

#include <stdio.h>

enum { WI_STAT_LINE_WIDE = 97 };        /* columns of a wide line; the others have 80 */

/* With the title above it, or without. */
void wi_stat_line_text(const struct wi_snapshot *snapshot, bool titled, bool wide, FILE *stream);

/* As `weir top --json`. */
void wi_stat_line_json(const struct wi_snapshot *snapshot, FILE *stream);

#endif
