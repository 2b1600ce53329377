/* SPDX-License-Identifier: MIT */
/* gaps.h - which events were not recorded, until a row can say so. */
#ifndef WI_JOURNAL_GAPS_H
#define WI_JOURNAL_GAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WI_GAPS_MAX = 64, WI_GAP_REASON_SIZE = 160, WI_GAP_TEXT_SIZE = 384 };

/* Of the source's events from first to last, `count` were due here and were not recorded. */
struct wi_gap {
	uint32_t source;
	bool skipped;           /* by the pool, which was too far behind: weir.gap */
	uint64_t first, last, count;
};

struct wi_gaps {
	struct wi_gap list[WI_GAPS_MAX];
	uint32_t count;
	uint64_t others;                        /* events of sources for which there was no more place */
	char reason[WI_GAP_REASON_SIZE];        /* of the latest that was not skipped */
};

void wi_gaps_add(struct wi_gaps *gaps, const struct wi_gap *gap);
bool wi_gaps_any(const struct wi_gaps *gaps);
void wi_gaps_clear(struct wi_gaps *gaps);
/* The i-th as JSON, its size; 0 if there are no more. *ret_gap: NULL for the others. */
size_t wi_gaps_format(const struct wi_gaps *gaps, uint32_t i, char text[WI_GAP_TEXT_SIZE],
                      const struct wi_gap **ret_gap);

/* Text for JSON: what would have to be escaped becomes '?'. */
void wi_gaps_plain(char *ret_text, size_t size, const char *text);

#endif
