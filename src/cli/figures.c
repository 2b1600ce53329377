/* SPDX-License-Identifier: MIT */
/* figures.c - independent of the locale, so that output can be compared. */
#include "figures.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

struct wi_figure
wi_figures_count(uint64_t count)
{
	struct wi_figure figure = {""};
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	char *out = figure.text;

	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
	return figure;
}

/* Three significant digits and the unit that makes them readable. */
static struct wi_figure
scale(double value, const char *const *units, size_t unit_count)
{
	struct wi_figure figure;
	size_t unit = 0;

	/* 999.5 would be printed as 1000. */
	while (value >= 999.5 && unit + 1 < unit_count) {
		value /= 1000;
		unit++;
	}
	snprintf(figure.text, sizeof(figure.text), "%.*f%s",
		 value >= 99.95 || value == 0 ? 0
		 : value >= 9.995             ? 1
					      : 2,
		 value, units[unit]);
	return figure;
}

struct wi_figure
wi_figures_bytes(double bytes)
{
	static const char *const units[] = {" B", " kB", " MB", " GB", " TB"};
	struct wi_figure figure;

	if (bytes >= 999.5)
		return scale(bytes, units, sizeof(units) / sizeof(units[0]));
	snprintf(figure.text, sizeof(figure.text), "%.0f B", bytes);
	return figure;
}

struct wi_figure
wi_figures_nanoseconds(double ns)
{
	static const char *const units[] = {" ns", " us", " ms", " s"};

	return scale(ns, units, sizeof(units) / sizeof(units[0]));
}

struct wi_figure
wi_figures_time(uint64_t ns)
{
	return wi_figures_nanoseconds((double)ns);
}

struct wi_figure
wi_figures_rate(uint64_t count, uint64_t ns)
{
	static const char *const units[] = {"", " k", " M", " G"};

	return scale(ns > 0 ? (double)count * 1e9 / (double)ns : 0, units,
		     sizeof(units) / sizeof(units[0]));
}
