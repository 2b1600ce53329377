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
	struct wi_figure figure;

	/* Neither is what is not quite so. */
	if (share > 0 && share < 0.01)
		snprintf(figure.text, sizeof(figure.text), "<1 %%");
	else
		snprintf(figure.text, sizeof(figure.text), "%d %%", share < 1 ? (int)(share * 100) : 100);
	return figure;
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
