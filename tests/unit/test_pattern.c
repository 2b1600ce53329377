/* SPDX-License-Identifier: MIT */
/* test_pattern.c - names and patterns byte for byte, and matching against a naive matcher. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "core/pattern.h"

static bool
allowed_byte(int byte)
{
	return byte && byte < 128 &&
	       strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", byte);
}

static void
expect_name(const char *text, bool valid)
{
	if (wi_name_valid(text) != valid)
		fail_msg("as a name, \"%s\" is %svalid", text, valid ? "not " : "");
}

static void
expect_pattern(const char *text, bool valid)
{
	if (wi_pattern_valid(text) != valid)
		fail_msg("as a pattern, \"%s\" is %svalid", text, valid ? "not " : "");
}

/* -- what is valid ---------------------------------------------------------- */

/* Alone, in front, in the middle and behind, in each token of three. */
static void
test_every_byte(void **state)
{
	static const char *const tokens[] = {"?", "?a", "a?b", "a?"};
	static const char *const shapes[] = {"%s", "%s.b.c", "a.%s.c", "a.b.%s"};

	(void)state;
	for (int byte = 1; byte < 256; byte++)
		for (size_t t = 0; t < WI_COUNT(tokens); t++)
			for (size_t s = 0; s < WI_COUNT(shapes); s++) {
				char token[8], text[32];
				bool alone = tokens[t][1] == '\0', last = s == 0 || s == 3;
				/* A dot between letters only parts two tokens. */
				bool name = allowed_byte(byte) || (byte == '.' && t == 2);

				strcpy(token, tokens[t]);
				*strchr(token, '?') = (char)byte;
				snprintf(text, sizeof text, shapes[s], token);
				expect_name(text, name);
				expect_pattern(text, name || (byte == '*' && alone) ||
							     (byte == '>' && alone && last));
			}
}

static void
test_lengths(void **state)
{
	char text[300];

	(void)state;
	for (size_t size = 1; size < sizeof text; size++) {
		memset(text, 'a', size);
		text[size] = '\0';
		expect_name(text, size <= 255);
		expect_pattern(text, size <= 255);
		if (size < 3)
			continue;
		for (size_t i = 1; i < size - 1; i += 2)
			text[i] = '.';
		expect_name(text, size <= 255);
		expect_pattern(text, size <= 255);
		text[size - 1] = '>', text[size - 2] = '.';
		if (size % 2 == 1)
			expect_pattern(text, size <= 255);
	}
}

static void
test_empty_tokens(void **state)
{
	static const char *const bad[] = {"",     ".",    "..",   ".a",   "a.",
					  "a..b", "a.b.", ".a.b", "a...b"};

	(void)state;
	for (size_t i = 0; i < WI_COUNT(bad); i++) {
		expect_name(bad[i], false);
		expect_pattern(bad[i], false);
	}
}

static void
test_wildcard_places(void **state)
{
	static const char *const good[] = {"*",   ">",     "*.*",     "*.>",    "a.*",   "a.>",
					   "*.b", "a.*.c", "*.*.*.>", "weir.>", "weir.*"};
	static const char *const bad[] = {"**", "*a",  "a*",    "a.*b", "a.b*",  ">>",  ">a",
					  "a>", ">.a", "a.>.b", ">.",   "*.",    ".*",  ".>",
					  "*>", ">*",  "a.>>",  "a.**", "a.>.>", ">.>", "*..*"};

	(void)state;
	for (size_t i = 0; i < WI_COUNT(good); i++) {
		expect_pattern(good[i], true);
		expect_name(good[i], false);
		assert_false(wi_pattern_exact(good[i]));
	}
	for (size_t i = 0; i < WI_COUNT(bad); i++)
		expect_pattern(bad[i], false);
	assert_true(wi_pattern_exact("a.b"));
	assert_true(wi_pattern_exact("weir.gap"));
}

static void
test_own_names(void **state)
{
	(void)state;
	assert_true(wi_name_own("weir.gap"));
	assert_true(wi_name_own("weir."));
	assert_false(wi_name_own("weir"));
	assert_false(wi_name_own("weird.gap"));
	assert_false(wi_name_own("Weir.gap"));
	assert_false(wi_name_own("a.weir.gap"));
}

/* -- what matches ----------------------------------------------------------- */

static void
expect_match(const char *pattern, const char *name, bool matches)
{
	if (wi_pattern_matches(pattern, name) != matches)
		fail_msg("\"%s\" %s \"%s\"", pattern, matches ? "does not match" : "matches", name);
}

static void
test_matches(void **state)
{
	(void)state;
	expect_match("a", "a", true);
	expect_match("a", "b", false);
	expect_match("a", "aa", false);
	expect_match("aa", "a", false);
	expect_match("a", "a.a", false);
	expect_match("a.a", "a", false);
	expect_match("order.*.create", "order.after.create", true);
	expect_match("order.*.create", "order.after.creates", false);
	expect_match("order.*.create", "order.create", false);
	expect_match("order.*.create", "order.a.b.create", false);
	expect_match("*.failed.>", "order.failed.create", true);
	expect_match("*.failed.>", "order.failed.create.again", true);
	expect_match("*.failed.>", "order.failed", false);
	expect_match("*", "a", true);
	expect_match("*", "a.b", false);
	expect_match("*.*", "a", false);
	expect_match("*.*", "a.b", true);
	expect_match("*.*", "a.b.c", false);
	expect_match(">", "a", true);
	expect_match(">", "a.b.c.d", true);
	expect_match("a.>", "a", false);
	expect_match("a.>", "a.b", true);
	expect_match("a.>", "ab.c", false);
	expect_match("*.>", "a", false);
	expect_match("*.>", "a.b", true);
	expect_match("a.*", "a.-", true);
}

static void
test_matches_own(void **state)
{
	(void)state;
	expect_match(">", "weir.gap", false);
	expect_match("*.>", "weir.gap", false);
	expect_match("*.gap", "weir.gap", false);
	expect_match("*.failed.*", "weir.failed.deliver", false);
	expect_match("weir.>", "weir.gap", true);
	expect_match("weir.>", "weir.failed.deliver", true);
	expect_match("weir.*", "weir.gap", true);
	expect_match("weir.*", "weir.failed.deliver", false);
	expect_match("weir.gap", "weir.gap", true);
	expect_match("weir.*.deliver", "weir.failed.deliver", true);
	/* Not the bus's own. */
	expect_match(">", "weir", true);
	expect_match("*", "weir", true);
	expect_match(">", "weird.gap", true);
	expect_match("weir.>", "weird.gap", false);
}

/* The rules in the words of the contract, token by token. */
static bool
naive_tokens(const char *pattern, const char *name)
{
	size_t p = strcspn(pattern, "."), n = strcspn(name, ".");
	bool pattern_ends = pattern[p] == '\0', name_ends = name[n] == '\0';

	if (p == 1 && *pattern == '>')
		return true;
	if (!(p == 1 && *pattern == '*') && (p != n || memcmp(pattern, name, p) != 0))
		return false;
	if (pattern_ends || name_ends)
		return pattern_ends && name_ends;
	return naive_tokens(pattern + p + 1, name + n + 1);
}

static bool
naive_matches(const char *pattern, const char *name)
{
	if (strncmp(name, "weir.", 5) == 0 && strncmp(pattern, "weir.", 5) != 0)
		return false;
	return naive_tokens(pattern, name);
}

/* Few tokens that are alike, so that half of the pairs match in part. */
static void
generate(struct unit_random *random, bool pattern, char *text)
{
	static const char *const tokens[] = {"a", "b", "aa", "ab", "weir", "a-", "weird"};
	uint32_t count = 1 + unit_random_below(random, 5);

	*text = '\0';
	for (uint32_t i = 0; i < count; i++) {
		uint32_t choice = unit_random_below(random, 10);

		if (i)
			strcat(text, ".");
		if (pattern && choice < 3)
			strcat(text, "*");
		else if (pattern && choice == 3 && i == count - 1)
			strcat(text, ">");
		else
			strcat(text, tokens[unit_random_below(random, WI_COUNT(tokens))]);
	}
}

static void
test_against_naive(void **state)
{
	struct unit_random random = unit_random_init();
	unsigned matches = 0;

	(void)state;
	for (int i = 0; i < 1000000; i++) {
		char pattern[64], name[64];

		generate(&random, true, pattern);
		generate(&random, false, name);
		expect_match(pattern, name, naive_matches(pattern, name));
		matches += naive_matches(pattern, name);
	}
	assert_true(matches > 10000);
}

/* All of up to three tokens out of a small alphabet, against all names alike. */
static void
test_all_small(void **state)
{
	static const char *const tokens[] = {"a", "aa", "b", "weir", "*", ">"};
	enum { TOKENS = WI_COUNT(tokens), ALL = 6 + 36 + 216 };
	static char text[ALL][24];

	(void)state;
	for (int i = 0; i < ALL; i++) {
		int left = i, count = i < 6 ? 1 : i < 42 ? 2 : 3;

		left -= count == 1 ? 0 : count == 2 ? 6 : 42;
		for (int t = 0; t < count; t++, left /= TOKENS) {
			strcat(text[i], t ? "." : "");
			strcat(text[i], tokens[left % TOKENS]);
		}
	}
	for (int p = 0; p < ALL; p++)
		for (int n = 0; n < ALL; n++)
			if (wi_pattern_valid(text[p]) && wi_name_valid(text[n]))
				expect_match(text[p], text[n], naive_matches(text[p], text[n]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte),   cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_empty_tokens), cmocka_unit_test(test_wildcard_places),
		cmocka_unit_test(test_own_names),    cmocka_unit_test(test_matches),
		cmocka_unit_test(test_matches_own),  cmocka_unit_test(test_against_naive),
		cmocka_unit_test(test_all_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
