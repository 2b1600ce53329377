/* SPDX-License-Identifier: MIT */
/* timestamp.c - all in integers: a double holds a present-day time only to some 200 ns. */
#include "timestamp.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

enum { EXPONENT_MAX = 1000 }; /* far beyond any time, small enough to loop over */

static long
parse_exponent(const char *text, size_t size)
{
	size_t i = 0;
	long value = 0;
	bool negative = false;

	if (i < size && (text[i] == '+' || text[i] == '-'))
		negative = text[i++] == '-';
	for (; i < size; i++)
		if (value < EXPONENT_MAX)
			value = value * 10 + (text[i] - '0');
	return negative ? -value : value;
}

bool
wi_timestamp_from_seconds(const char *text, size_t size, uint64_t *ret_ns)
{
	size_t mantissa_size = 0, at = 0;
	uint64_t ns = 0;

	if (size == 0 || text[0] == '-')
		return false;
	while (mantissa_size < size && text[mantissa_size] != 'e' && text[mantissa_size] != 'E')
		mantissa_size++;

	const char *point = memchr(text, '.', mantissa_size);
	long places = (long)(point != NULL ? (size_t)(point - text) : mantissa_size) + 9;

	if (mantissa_size < size)
		places += parse_exponent(text + mantissa_size + 1, size - mantissa_size - 1);
	for (; places > 0; places--) {
		unsigned digit = 0;

		if (at < mantissa_size && text[at] == '.')
			at++;
		if (at < mantissa_size)
			digit = (unsigned)(text[at++] - '0');
		if (__builtin_mul_overflow(ns, UINT64_C(10), &ns) ||
		    __builtin_add_overflow(ns, digit, &ns))
			return false;
	}
	*ret_ns = ns;
	return true;
}

/* A fixed number of digits, or -1. */
static int
take_digits(const char **at, const char *end, int count)
{
	int value = 0;

	if (end - *at < count)
		return -1;
	for (; count > 0; count--, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

static bool
take_byte(const char **at, const char *end, const char *one_of)
{
	if (*at == end || **at == '\0' || strchr(one_of, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

static bool
take_fraction(const char **at, const char *end, uint64_t *ret_ns)
{
	uint64_t unit = NS_PER_S / 10, ns = 0;

	if (*at == end || !isdigit((unsigned char)**at))
		return false;
	for (; *at < end && isdigit((unsigned char)**at); (*at)++, unit /= 10)
		ns += unit * (uint64_t)(**at - '0');
	*ret_ns = ns;
	return true;
}

static bool
take_offset(const char **at, const char *end, long *ret_seconds)
{
	bool west;
	int hours, minutes;

	*ret_seconds = 0;
	if (take_byte(at, end, "Zz"))
		return true;
	west = *at < end && **at == '-';
	if (!take_byte(at, end, "+-") || (hours = take_digits(at, end, 2)) < 0 || hours > 23 ||
	    !take_byte(at, end, ":") || (minutes = take_digits(at, end, 2)) < 0 || minutes > 59)
		return false;
	*ret_seconds = (hours * 60L + minutes) * (west ? -60 : 60);
	return true;
}

static int
month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool
take_date(const char **at, const char *end, struct tm *ret_tm)
{
	int year, month, day;

	if ((year = take_digits(at, end, 4)) < 0 || !take_byte(at, end, "-") ||
	    (month = take_digits(at, end, 2)) < 1 || month > 12 || !take_byte(at, end, "-") ||
	    (day = take_digits(at, end, 2)) < 1 || day > month_days(year, month))
		return false;
	ret_tm->tm_year = year - 1900;
	ret_tm->tm_mon = month - 1;
	ret_tm->tm_mday = day;
	return true;
}

static bool
take_time(const char **at, const char *end, struct tm *ret_tm)
{
	/* 60 is a leap second; like POSIX time, it becomes the first second of the next minute. */
	return (ret_tm->tm_hour = take_digits(at, end, 2)) >= 0 && ret_tm->tm_hour <= 23 &&
	       take_byte(at, end, ":") && (ret_tm->tm_min = take_digits(at, end, 2)) >= 0 &&
	       ret_tm->tm_min <= 59 && take_byte(at, end, ":") &&
	       (ret_tm->tm_sec = take_digits(at, end, 2)) >= 0 && ret_tm->tm_sec <= 60;
}

bool
wi_timestamp_from_rfc3339(const char *text, size_t size, uint64_t *ret_ns)
{
	const char *end = text + size;
	struct tm tm = {0};
	uint64_t ns, fraction = 0;
	long offset;
	int64_t seconds;

	if (!take_date(&text, end, &tm) || !take_byte(&text, end, "Tt ") ||
	    !take_time(&text, end, &tm) ||
	    (take_byte(&text, end, ".") && !take_fraction(&text, end, &fraction)) ||
	    !take_offset(&text, end, &offset) || text != end)
		return false;
	seconds = (int64_t)timegm(&tm) - offset;
	if (seconds < 0 || __builtin_mul_overflow((uint64_t)seconds, NS_PER_S, &ns) ||
	    __builtin_add_overflow(ns, fraction, &ns))
		return false;
	*ret_ns = ns;
	return true;
}

void
wi_timestamp_format(uint64_t ns, char buffer[WI_TIMESTAMP_SIZE])
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	struct tm tm;
	size_t used;

	gmtime_r(&seconds, &tm);
	used = strftime(buffer, WI_TIMESTAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	if (ns % NS_PER_S == 0)
		snprintf(buffer + used, WI_TIMESTAMP_SIZE - used, "Z");
	else
		snprintf(buffer + used, WI_TIMESTAMP_SIZE - used, ".%09uZ",
			 (unsigned)(ns % NS_PER_S));
}
