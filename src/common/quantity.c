/* SPDX-License-Identifier: MIT */
/* quantity.c - strtoul takes signs, spaces and overflow in its stride; options should not. */
#include "quantity.h"

#include <ctype.h>
#include <stddef.h>
#include <strings.h>

struct suffix {
	const char *text;
	uint64_t factor;
};

/* The suffix list ends with the empty suffix. */
static bool
parse(const char *text, const struct suffix *suffix, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!isdigit((unsigned char)*text))
		return false;
	for (; isdigit((unsigned char)*text); text++)
		if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return false;
	while (strcasecmp(text, suffix->text) != 0)
		if (*(suffix++)->text == '\0')
			return false;
	return !__builtin_mul_overflow(value, suffix->factor, ret_value);
}

bool
wi_quantity_count(const char *text, uint64_t min, uint64_t max, uint64_t *ret_count)
{
	static const struct suffix suffixes[] = {{"", 1}};
	uint64_t value;

	if (!parse(text, suffixes, &value) || value < min || value > max)
		return false;
	*ret_count = value;
	return true;
}

bool
wi_quantity_bytes(const char *text, uint64_t max, uint64_t *ret_bytes)
{
	static const struct suffix suffixes[] = {
		{"k", 1 << 10},
		{"m", 1 << 20},
		{"g", 1 << 30},
		{"", 1},
	};
	uint64_t value;

	if (!parse(text, suffixes, &value) || value > max)
		return false;
	*ret_bytes = value;
	return true;
}

bool
wi_quantity_duration(const char *text, uint64_t max, uint64_t *ret_ns)
{
	static const struct suffix suffixes[] = {
		{"ns", 1},
		{"us", 1000},
		{"ms", 1000000},
		{"s", 1000000000},
		{"min", UINT64_C(60) * 1000000000},
		{"h", UINT64_C(3600) * 1000000000},
		{"d", UINT64_C(86400) * 1000000000},
		{"", 1},
	};
	uint64_t value;

	if (!parse(text, suffixes, &value) || value > max)
		return false;
	*ret_ns = value;
	return true;
}

bool
wi_quantity_rate(const char *text, uint64_t max, uint64_t *ret_rate)
{
	static const struct suffix suffixes[] = {{"k", 1000}, {"m", 1000000}, {"", 1}};
	uint64_t value;

	if (!parse(text, suffixes, &value) || value > max)
		return false;
	*ret_rate = value;
	return true;
}
