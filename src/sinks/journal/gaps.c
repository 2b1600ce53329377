/* SPDX-License-Identifier: MIT */
/* gaps.c - see gaps.h. */
#include "gaps.h"

#include <inttypes.h>
#include <stdio.h>

void
wi_gaps_add(struct wi_gaps *gaps, const struct wi_gap *more)
{
	struct wi_gap *gap = gaps->list, *end = gaps->list + gaps->count;

	while (gap < end && (gap->source != more->source || gap->skipped != more->skipped))
		gap++;
	if (gap == gaps->list + WI_GAPS_MAX) {
		gaps->others += more->count;
		return;
	}
	if (gap == end) {
		*gap = *more;
		gaps->count++;
		return;
	}
	gap->first = more->first < gap->first ? more->first : gap->first;
	gap->last = more->last > gap->last ? more->last : gap->last;
	gap->count += more->count;
}

bool
wi_gaps_any(const struct wi_gaps *gaps)
{
	return gaps->count || gaps->others;
}

void
wi_gaps_clear(struct wi_gaps *gaps)
{
	gaps->count = 0;
	gaps->others = 0;
	*gaps->reason = '\0';
}

void
wi_gaps_plain(char *ret_text, size_t size, const char *text)
{
	size_t used = 0;

	for (; text[used] && used < size - 1; used++) {
		char byte = text[used];

		ret_text[used] = byte < ' ' || byte > '~' || byte == '"' || byte == '\\' ? '?' : byte;
	}
	ret_text[used] = '\0';
}

size_t
wi_gaps_format(const struct wi_gaps *gaps, uint32_t i, char text[WI_GAP_TEXT_SIZE],
               const struct wi_gap **ret_gap)
{
	const struct wi_gap *gap = i < gaps->count ? &gaps->list[i] : NULL;
	char reason[WI_GAP_REASON_SIZE];

	*ret_gap = gap;
	if (!gap && (i > gaps->count || !gaps->others))
		return 0;
	wi_gaps_plain(reason, sizeof reason, gap && gap->skipped ? "the pool was too far behind" : gaps->reason);
	if (!gap)
		return (size_t)snprintf(text, WI_GAP_TEXT_SIZE,
		                        "{\"count\":%" PRIu64 ",\"reason\":\"%s\"}", gaps->others,
		                        reason);
	return (size_t)snprintf(text, WI_GAP_TEXT_SIZE,
	                        "{\"source\":%" PRIu32 ",\"first\":%" PRIu64 ",\"last\":%" PRIu64
	                        ",\"count\":%" PRIu64 ",\"reason\":\"%s\"}",
	                        gap->source, gap->first, gap->last, gap->count, reason);
}
