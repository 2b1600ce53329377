/* SPDX-License-Identifier: MIT */
/* words.c - see words.h. */
#include "words.h"

#include <string.h>

#include "service/json_out.h"

static const char space[] = " \t\r\n";

static bool
take_quoted(const char **at, struct wi_word *word)
{
	struct wi_json_out nowhere = { NULL, 0, 0 };
	const char *end = *at + 1;

	while (*end && *end != '"')
		end += *end == '\\' && end[1] ? 2 : 1;
	word->quoted = true;
	word->size = (size_t)(end - *at) + (*end == '"');
	*at += word->size;
	return *end == '"' && wi_json_out_value(&nowhere, word->at, word->size);
}

bool
wi_words_next(const char **at, struct wi_word *ret_word)
{
	*at += strspn(*at, space);
	*ret_word = (struct wi_word){ .at = *at };
	if (**at == '"')
		return take_quoted(at, ret_word);
	ret_word->size = **at == ',' ? 1 : strcspn(*at, " \t\r\n,\"");
	*at += ret_word->size;
	return true;
}

struct wi_word
wi_words_peek(const char *at)
{
	struct wi_word word;

	if (!wi_words_next(&at, &word))
		word.size = 0;
	return word;
}

bool
wi_word_is(const struct wi_word *word, const char *text)
{
	return !word->quoted && word->size == strlen(text) && memcmp(word->at, text, word->size) == 0;
}
