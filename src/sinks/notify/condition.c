/* SPDX-License-Identifier: MIT */
/* condition.c - see condition.h. */
#include "condition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum operator { OVER, UNDER, AT_LEAST, AT_MOST, IS, IS_NOT, CONTAINS, EXISTS, MISSING };

struct wi_comparison {
	bool otherwise;                 /* `or` is in front: the ones before need not hold */
	enum operator operator;
	struct wi_word path, value;
	char *text;                     /* the value as bytes, which an `is` looks for */
	size_t text_size;
	bool number;                    /* the value is one, without quotes */
};

/* -- reading ---------------------------------------------------------------- */

static const struct { const char *first, *second; enum operator operator; } operators[] = {
	{ "over", NULL, OVER },
	{ "under", NULL, UNDER },
	{ "at", "least", AT_LEAST },
	{ "at", "most", AT_MOST },
	{ "is", "not", IS_NOT },        /* before "is" */
	{ "is", NULL, IS },
	{ "contains", NULL, CONTAINS },
	{ "exists", NULL, EXISTS },
	{ "missing", NULL, MISSING },
};

struct reader {
	const char **at;
	char *problem;
	size_t size;
};

#define WRONG(reader, ...) (snprintf((reader)->problem, (reader)->size, __VA_ARGS__), false)
#define SHOWN(word) (int)((word).size < 60 ? (word).size : 60), (word).at

static bool
next(struct reader *reader, struct wi_word *ret_word, const char *wanted)
{
	if (!wi_words_next(reader->at, ret_word))
		return WRONG(reader, "%.*s is no text in quotes, as JSON writes it", SHOWN(*ret_word));
	return ret_word->size || WRONG(reader, "%s is missing at the end", wanted);
}

static bool
read_operator(struct reader *reader, struct wi_comparison *comparison)
{
	struct wi_word word, second;

	if (!next(reader, &word, "a comparison"))
		return false;
	second = wi_words_peek(*reader->at);
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
		if (!wi_word_is(&word, operators[i].first) ||
		    (operators[i].second && !wi_word_is(&second, operators[i].second)))
			continue;
		comparison->operator = operators[i].operator;
		return !operators[i].second || next(reader, &second, "a comparison");
	}
	return WRONG(reader, "'%.*s' is no comparison (over, under, at least, at most, is, is not, "
	             "contains, exists, missing)", SHOWN(word));
}

/* What the value means as bytes: they are in memory of their own if they stood in quotes. */
static bool
read_text(struct reader *reader, struct wi_comparison *comparison)
{
	const char *at = comparison->value.at + comparison->value.quoted;
	size_t size = comparison->value.size;

	comparison->text = malloc(size + 4);
	if (!comparison->text)
		return WRONG(reader, "out of memory");
	if (!comparison->value.quoted) {
		memcpy(comparison->text, at, size);
		comparison->text_size = size;
		return true;
	}
	while ((size = wi_value_character(&at, comparison->text + comparison->text_size)))
		comparison->text_size += size;
	return true;
}

static bool
read_value(struct reader *reader, struct wi_comparison *comparison)
{
	struct wi_word *value = &comparison->value;

	if (comparison->operator >= EXISTS)
		return true;
	if (!next(reader, value, "a value"))
		return false;
	if (wi_word_is(value, ","))
		return WRONG(reader, "a value is missing before ','");
	comparison->number = !value->quoted && wi_number_valid(value->at, value->size);
	if (comparison->operator <= AT_MOST && !comparison->number)
		return WRONG(reader, "%.*s is no number", SHOWN(*value));
	return read_text(reader, comparison);
}

static bool
read_comparison(struct reader *reader, struct wi_comparison *comparison)
{
	if (!next(reader, &comparison->path, "a path"))
		return false;
	if (!wi_path_valid(comparison->path.at, comparison->path.size))
		return WRONG(reader, "'%.*s' is no path (words with dots between them)",
		             SHOWN(comparison->path));
	return read_operator(reader, comparison) && read_value(reader, comparison);
}

bool
wi_condition_parse(struct wi_condition *condition, const char **at, char *ret_problem, size_t size)
{
	struct reader reader = { at, ret_problem, size };
	bool otherwise = false;
	struct wi_word word;

	*condition = (struct wi_condition){ calloc(WI_CONDITION_COUNT_MAX, sizeof *condition->each), 0 };
	if (!condition->each)
		return WRONG(&reader, "out of memory");
	for (;;) {
		if (condition->count == WI_CONDITION_COUNT_MAX)
			return WRONG(&reader, "there are more than %d comparisons", WI_CONDITION_COUNT_MAX);
		condition->each[condition->count++].otherwise = otherwise;
		if (!read_comparison(&reader, &condition->each[condition->count - 1]))
			return false;
		word = wi_words_peek(*at);
		otherwise = wi_word_is(&word, "or");
		if (!otherwise && !wi_word_is(&word, "and"))
			return true;
		wi_words_next(at, &word);
	}
}

void
wi_condition_fini(struct wi_condition *condition)
{
	for (uint32_t i = 0; i < condition->count; i++)
		free(condition->each[i].text);
	free(condition->each);
}

/* -- looking ---------------------------------------------------------------- */

static bool
in_order(struct wi_json_text found, const struct wi_comparison *comparison)
{
	struct wi_json_text value = { comparison->value.at, comparison->value.size }, number;
	int order;

	if (!wi_value_number(found, &number))
		return false;
	order = wi_number_compare(number, value);
	switch (comparison->operator) {
	case OVER: return order > 0;
	case UNDER: return order < 0;
	case AT_LEAST: return order >= 0;
	default: return order <= 0;
	}
}

/* A value without quotes is also a number, true, false or null. */
static bool
is(struct wi_json_text found, const struct wi_comparison *comparison)
{
	struct wi_json_text value = { comparison->value.at, comparison->value.size };

	if (*found.at == '"')
		return wi_value_is(found, comparison->text, comparison->text_size);
	if (comparison->value.quoted || *found.at == '{' || *found.at == '[')
		return false;
	if (comparison->number && wi_number_valid(found.at, found.size))
		return wi_number_compare(found, value) == 0;
	return found.size == value.size && memcmp(found.at, value.at, value.size) == 0;
}

static bool
contains(struct wi_json_text found, const struct wi_comparison *comparison)
{
	const char *at;

	if (*found.at != '[')
		return wi_value_contains(found, comparison->text, comparison->text_size);
	for (at = wi_json_text_enter(found.at); *at != ']';)
		if (is(wi_json_text_element(&at), comparison))
			return true;
	return false;
}

static bool
holds(const struct wi_comparison *comparison, const struct wi_payload *payload)
{
	struct wi_json_text found = wi_payload_find(payload, comparison->path.at, comparison->path.size);

	if (comparison->operator >= EXISTS)
		return (found.at && *found.at != 'n') == (comparison->operator == EXISTS);
	if (!found.at)
		return false;
	switch (comparison->operator) {
	case IS: return is(found, comparison);
	case IS_NOT: return !is(found, comparison);
	case CONTAINS: return contains(found, comparison);
	default: return in_order(found, comparison);
	}
}

bool
wi_condition_holds(const struct wi_condition *condition, const struct wi_payload *payload)
{
	bool all = true;

	if (condition->count && payload->kind != WI_PAYLOAD_JSON)
		return false;
	for (uint32_t i = 0; i < condition->count; i++) {
		if (condition->each[i].otherwise) {
			if (all)
				return true;
			all = true;
		}
		all = all && holds(&condition->each[i], payload);
	}
	return all;
}
