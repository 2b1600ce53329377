/* SPDX-License-Identifier: MIT */
/* compare_figure.c - see compare_figure.h. */
#include "compare_figure.h"

#include <math.h>
#include <stdio.h>

enum { BUFFERS = 16, BUFFER_SIZE = 96 };

static char *
next_buffer(void)
{
	static char buffers[BUFFERS][BUFFER_SIZE];
	static unsigned turn;

	return buffers[turn++ % BUFFERS];
}

enum { NUMBER_SIZE = 24 };

static const char *
put(char text[NUMBER_SIZE], double value)
{
	double size = fabs(value);

	snprintf(text, NUMBER_SIZE, "%.*f", size < 9.995 ? 2 : size < 99.95 ? 1 : 0, value);
	return text;
}

const char *
figure(double value)
{
	return put(next_buffer(), value);
}

const char *
figure_spread(const struct spread *spread)
{
	char *buffer = next_buffer(), numbers[3][NUMBER_SIZE];

	if (!spread->count)
		return "-";
	snprintf(buffer, BUFFER_SIZE, "%s [%s, %s]", put(numbers[0], spread->median),
	         put(numbers[1], spread->quartiles[0]), put(numbers[2], spread->quartiles[1]));
	return buffer;
}

const char *
figure_range(double low, double high)
{
	char *buffer = next_buffer();

	if (!(high > 0))
		return "-";
	snprintf(buffer, BUFFER_SIZE, "%.0f to %.0f", low, high);
	return buffer;
}

const char *
figure_ns_more(const struct spread *spread)
{
	char *buffer = next_buffer();

	snprintf(buffer, BUFFER_SIZE, ", %+.1f ns", spread->median);
	return buffer;
}

const char *
figure_choice(const struct choice *choice)
{
	char *buffer = next_buffer();

	if (!choice->wait)
		return "-";
	snprintf(buffer, BUFFER_SIZE, "%s %s", choice->wait, choice->place);
	return buffer;
}
