/* SPDX-License-Identifier: MIT */
/* watch_text.c - see watch_text.h. */
#include "watch_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

struct wi_figure
wi_watch_text_rate(double rate)
{
	struct wi_figure figure = {"-"};

	if (isnan(rate))
		return figure;
	if (rate > 0 && rate < 1) {
		snprintf(figure.text, sizeof(figure.text), "%.2f", rate);
		return figure;
	}
	/* In thousandths, so that nothing is cut off. */
	return wi_figures_rate(rate < 1e15 ? (uint64_t)(rate * 1000) : UINT64_MAX, UINT64_C(1000000000000));
}

struct wi_figure
wi_watch_text_share(double share)
{
	struct wi_figure figure = {"-"};

	if (isnan(share))
		return figure;
	/* Neither is what is not quite so. */
	if (share > 0 && share < 0.01)
		snprintf(figure.text, sizeof(figure.text), "<1 %%");
	else
		snprintf(figure.text, sizeof(figure.text), "%d %%", share < 1 ? (int)(share * 100) : 100);
	return figure;
}

struct wi_figure
wi_watch_text_number(uint64_t number)
{
	return number < 1000 ? wi_figures_count(number)
			     : wi_figures_rate(number, UINT64_C(1000000000));
}

struct wi_figure
wi_watch_text_time(const struct wi_times_summary *times, uint64_t ns)
{
	uint64_t min = ns / UINT64_C(60000000000), h = min / 60;
	struct wi_figure figure = {"-"};

	if (!times->known)
		return figure;
	if (ns < UINT64_C(999500000000))
		return wi_figures_time(ns);
	/* An event's time is its publisher's, and may lie years back. */
	if (min < 600)
		snprintf(figure.text, sizeof(figure.text), "%" PRIu64 " min", min);
	else if (h < 240)
		snprintf(figure.text, sizeof(figure.text), "%" PRIu64 " h", h);
	else
		snprintf(figure.text, sizeof(figure.text), "%" PRIu64 " d", h / 24);
	return figure;
}

void
wi_watch_text_after(char *text, size_t size, const struct wi_snapshot *snapshot,
		    const struct wi_shown_pool *pool)
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < 32 && i < snapshot->pool_count && used < size; i++)
		if (pool->now.after & 1u << i)
			used += (size_t)snprintf(text + used, size - used, "%s%s",
						 used > 0 ? ", " : "", snapshot->pools[i].name);
}

struct wi_figure
wi_watch_text_age(uint64_t ns)
{
	struct wi_figure figure;
	uint64_t s = ns / UINT64_C(1000000000), min = s / 60, h = min / 60;

	if (min == 0)
		snprintf(figure.text, sizeof(figure.text), "%.1f s", (double)(ns / 100000000) / 10);
	else if (h == 0)
		snprintf(figure.text, sizeof(figure.text), "%" PRIu64 " min %" PRIu64 " s", min, s % 60);
	else if (h < 48)
		snprintf(figure.text, sizeof(figure.text), "%" PRIu64 " h %" PRIu64 " min", h, min % 60);
	else
		snprintf(figure.text, sizeof(figure.text), "%" PRIu64 " d %" PRIu64 " h", h / 24, h % 24);
	return figure;
}
