/* SPDX-License-Identifier: MIT */
/* words.h - the words of a rule: between white space; "..." as JSON writes it; each comma is one. */
#ifndef WI_NOTIFY_WORDS_H
#define WI_NOTIFY_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct wi_word {
	const char *at;         /* quoted: with its quotes */
	size_t size;            /* 0: there are no more */
	bool quoted;
};

/* False: a quote that does not end, or what no JSON string may hold; *ret_word is what begins so. */
bool wi_words_next(const char **at, struct wi_word *ret_word);

/* The next word, which stays the next one. As no word where wi_words_next() would fail. */
struct wi_word wi_words_peek(const char *at);

bool wi_word_is(const struct wi_word *word, const char *text);

#endif
