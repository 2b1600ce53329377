/* SPDX-License-Identifier: MIT */
/* value.c - see value.h. */
#include "value.h"

#include <stdint.h>
#include <string.h>

#include "service/json_out.h"

static const struct wi_json_text absent;

/* -- strings ---------------------------------------------------------------- */

static uint32_t
take_unit(const char **at)
{
	uint32_t unit = 0;

	for (int i = 0; i < 4; i++) {
		unsigned char digit = (unsigned char)*(*at)++;

		unit = unit << 4 | (digit <= '9' ? digit - '0' + 0u : (digit | 0x20) - 'a' + 10u);
	}
	return unit;
}

static size_t
encode(uint32_t character, char ret[4])
{
	static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t size = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

	for (size_t i = size - 1; i; i--, character >>= 6)
		ret[i] = (char)(0x80 | (character & 0x3f));
	ret[0] = (char)(first[size] | character);
	return size;
}

/* *at: behind the backslash. */
static size_t
take_escape(const char **at, char ret[4])
{
	static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
	char letter = *(*at)++;
	const char *found;
	uint32_t unit;

	if (letter != 'u') {
		found = strchr(letters, letter);
		ret[0] = found ? meant[found - letters] : letter;
		return 1;
	}
	unit = take_unit(at);
	if (unit >= 0xd800 && unit < 0xdc00) {
		*at += 2;
		unit = 0x10000 + ((unit - 0xd800) << 10) + (take_unit(at) - 0xdc00);
	}
	return encode(unit, ret);
}

size_t
wi_value_character(const char **at, char ret_character[4])
{
	size_t size = 0;

	if (**at == '"')
		return 0;
	if (**at == '\\') {
		++*at;
		return take_escape(at, ret_character);
	}
	do
		ret_character[size++] = *(*at)++;
	while (((unsigned char)**at & 0xc0) == 0x80);
	return size;
}

/* Where the string goes on behind these bytes, if it has them here; else NULL. */
static const char *
match(const char *at, const char *bytes, size_t size)
{
	char character[4];

	while (size) {
		size_t length = wi_value_character(&at, character);

		if (length == 0 || length > size || memcmp(character, bytes, length) != 0)
			return NULL;
		bytes += length;
		size -= length;
	}
	return at;
}

static bool
is_string(struct wi_json_text value)
{
	return value.at && *value.at == '"';
}

bool
wi_value_is(struct wi_json_text string, const char *bytes, size_t size)
{
	const char *end = is_string(string) ? match(string.at + 1, bytes, size) : NULL;

	return end && *end == '"';
}

bool
wi_value_contains(struct wi_json_text string, const char *bytes, size_t size)
{
	const char *at = string.at;
	char character[4];

	if (!is_string(string))
		return false;
	at++;
	do
		if (match(at, bytes, size))
			return true;
	while (wi_value_character(&at, character));
	return false;
}

/* -- members ---------------------------------------------------------------- */

static struct wi_json_text
find_member(struct wi_json_text object, const char *name, size_t size)
{
	const char *at = wi_json_text_enter(object.at);
	struct wi_json_text found = absent;

	while (*at != '}') {
		struct wi_json_text key = { at, 0 }, value = wi_json_text_member(&at);

		if (wi_value_is(key, name, size))
			found = value;
	}
	return found;
}

static struct wi_json_text
find_element(struct wi_json_text array, const char *digits, size_t size)
{
	const char *at = wi_json_text_enter(array.at);
	size_t index = 0;

	if (size == 0 || size > 9)
		return absent;
	for (size_t i = 0; i < size; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return absent;
		index = index * 10 + (size_t)(digits[i] - '0');
	}
	while (*at != ']') {
		struct wi_json_text value = wi_json_text_element(&at);

		if (index-- == 0)
			return value;
	}
	return absent;
}

struct wi_json_text
wi_value_step(struct wi_json_text value, const char *name, size_t size)
{
	if (!value.at)
		return absent;
	return *value.at == '{' ? find_member(value, name, size) :
	       *value.at == '[' ? find_element(value, name, size) : absent;
}

struct wi_json_text
wi_value_walk(struct wi_json_text value, const char *path, size_t size)
{
	while (size && value.at) {
		const char *dot = memchr(path, '.', size);
		size_t step = dot ? (size_t)(dot - path) : size;

		value = wi_value_step(value, path, step);
		step += dot != NULL;
		path += step;
		size -= step;
	}
	return value;
}

/* -- numbers ---------------------------------------------------------------- */

bool
wi_number_valid(const char *text, size_t size)
{
	struct wi_json_out nowhere = { NULL, 0, 0 };

	return size && (*text == '-' || (*text >= '0' && *text <= '9')) &&
	       text[size - 1] >= '0' && text[size - 1] <= '9' &&
	       wi_json_out_value(&nowhere, text, size);
}

bool
wi_value_number(struct wi_json_text value, struct wi_json_text *ret_number)
{
	if (!value.at)
		return false;
	if (is_string(value)) {
		value.at++;
		value.size -= 2;
	}
	*ret_number = value;
	return wi_number_valid(value.at, value.size);
}

/* A number is 0.DIGITS times ten to the `exponent`; the first digit is not 0. */
struct decimal {
	int sign;               /* 0: it is zero */
	const char *at, *end;   /* the digits, perhaps with a point in them */
	int64_t exponent;
};

static int64_t
read_exponent(const char *at, const char *end)
{
	bool negative = *at == '-';
	int64_t exponent = 0;

	for (at += *at == '-' || *at == '+'; at < end; at++)
		if (exponent < INT64_C(1000000000000000))
			exponent = exponent * 10 + (*at - '0');
	return negative ? -exponent : exponent;
}

static struct decimal
read_number(struct wi_json_text text)
{
	const char *at = text.at, *end = text.at + text.size, *mark = at;
	struct decimal decimal = { .sign = *at == '-' ? -1 : 1 };

	while (mark < end && *mark != 'e' && *mark != 'E')
		mark++;
	at += *at == '-';
	for (; at < mark && *at >= '0' && *at <= '9'; at++) {
		if (!decimal.at && *at != '0')
			decimal.at = at;
		decimal.exponent += decimal.at != NULL;
	}
	for (; at < mark; at++)
		if (!decimal.at && *at >= '1' && *at <= '9')
			decimal.at = at;
		else if (!decimal.at && *at == '0')
			decimal.exponent--;
	if (!decimal.at)
		return (struct decimal){ .sign = 0 };
	decimal.end = mark;
	if (mark < end)
		decimal.exponent += read_exponent(mark + 1, end);
	return decimal;
}

/* '0' for ever at the end. */
static char
next_digit(struct decimal *decimal)
{
	if (decimal->at < decimal->end && *decimal->at == '.')
		decimal->at++;
	return decimal->at < decimal->end ? *decimal->at++ : '0';
}

static int
compare_sizes(struct decimal *a, struct decimal *b)
{
	if (a->exponent != b->exponent)
		return a->exponent < b->exponent ? -1 : 1;
	while (a->at < a->end || b->at < b->end) {
		char one = next_digit(a), other = next_digit(b);

		if (one != other)
			return one < other ? -1 : 1;
	}
	return 0;
}

int
wi_number_compare(struct wi_json_text a, struct wi_json_text b)
{
	struct decimal one = read_number(a), other = read_number(b);

	if (one.sign != other.sign)
		return one.sign < other.sign ? -1 : 1;
	return one.sign ? one.sign * compare_sizes(&one, &other) : 0;
}
