/* SPDX-License-Identifier: MIT */
/* test_lines.c - lines of every kind, cut at every place by short reads. */
#include "lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct expected {
	enum wi_lines_result result;
	const char *text;
	size_t size;
};

#define LINE(text)                                                                                 \
	{                                                                                          \
		WI_LINES_LINE, text, sizeof(text) - 1                                              \
	}
#define TOO_LONG                                                                                   \
	{                                                                                          \
		WI_LINES_TOO_LONG, NULL, 0                                                         \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
expect_from(int fd, size_t line_size_max, const struct expected *expected, size_t count)
{
	struct wi_lines lines;
	const char *line;
	size_t size;

	wi_lines_open(&lines, fd, line_size_max, -1);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(wi_lines_next(&lines, &line, &size), expected[i].result);
		assert_int_equal(lines.number, i + 1);
		if (expected[i].result != WI_LINES_LINE)
			continue;
		assert_int_equal(size, expected[i].size);
		assert_memory_equal(line, expected[i].text, size);
	}
	assert_int_equal(wi_lines_next(&lines, &line, &size), WI_LINES_END);
	assert_int_equal(wi_lines_next(&lines, &line, &size), WI_LINES_END);
	assert_int_equal(lines.number, count);
	wi_lines_close(&lines);
}

static void
expect(const char *text, size_t text_size, const struct expected *expected, size_t count)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, text_size, file), text_size);
	rewind(file);
	expect_from(fileno(file), 8, expected, count);
	fclose(file);
}

static void
test_ends(void **state)
{
	static const struct expected none[1], one[] = {LINE("a")}, empty[] = {LINE("")};
	static const struct expected two[] = {LINE("a"), LINE("b")};

	(void)state;
	expect("", 0, none, 0);
	expect("a", 1, one, 1);
	expect("a\n", 2, one, 1);
	expect("\n", 1, empty, 1);
	expect("a\nb", 3, two, 2);
	expect("a\r\nb\r\n", 6, two, 2);
}

static void
test_bytes(void **state)
{
	static const struct expected nul[] = {LINE("a\0b"), LINE("\xff\xfe")};
	static const struct expected mark[] = {LINE("x"), LINE("\xef\xbb\xbfx")};
	static const struct expected returns[] = {LINE("a\rb\r"), LINE("")};

	(void)state;
	expect("a\0b\n\xff\xfe\n", 7, nul, COUNT(nul));
	expect("\xef\xbb\xbfx\n\xef\xbb\xbfx\n", 10, mark, COUNT(mark));
	expect("a\rb\r\r\n\r\n", 8, returns, COUNT(returns));
}

static void
test_limit(void **state)
{
	static const struct expected lines[] = {LINE("12345678"), TOO_LONG, LINE("12345678"),
						TOO_LONG};

	(void)state;
	expect("12345678\n123456789\n12345678\r\n123456789", 38, lines, COUNT(lines));
}

/* Longer than what is read at once, so that it is thrown away in the middle. */
static void
test_far_beyond_the_limit(void **state)
{
	static const struct expected lines[] = {LINE("a"), TOO_LONG, LINE("b"), TOO_LONG};
	const size_t size = 3 << 20;
	char *text = malloc(2 * size + 5);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 2 * size + 5);
	memcpy(text, "a\n", 2);
	memcpy(text + 2 + size, "\nb\n", 3);
	expect(text, 2 * size + 5, lines, COUNT(lines));
	free(text);
}

/* One byte a read: every state is passed with nothing more in the buffer. */
static void
test_short_reads(void **state)
{
	static const char text[] = "\xef\xbb\xbf"
				   "ab\r\n\n123456789\nc\n12345678\r\nd";
	static const struct expected expected[] = {LINE("ab"), LINE(""),         TOO_LONG,
						   LINE("c"),  LINE("12345678"), LINE("d")};
	struct wi_lines lines;
	size_t written = 0, count = 0, size;
	const char *line;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	wi_lines_open(&lines, fds[0], 8, -1);
	while (count < COUNT(expected)) {
		/* A byte for each time that wi_lines_next() will read: until the line's end. */
		do
			if (written == sizeof(text) - 1)
				close(fds[1]);
			else
				assert_int_equal(write(fds[1], &text[written], 1), 1);
		while (written < sizeof(text) - 1 && text[written++] != '\n');
		assert_int_equal(wi_lines_next(&lines, &line, &size), expected[count].result);
		if (expected[count].result == WI_LINES_LINE) {
			assert_int_equal(size, expected[count].size);
			assert_memory_equal(line, expected[count].text, size);
		}
		count++;
	}
	assert_int_equal(lines.byte_count, sizeof(text) - 1);
	wi_lines_close(&lines);
	close(fds[0]);
}

/* A stop before anything is read; what a pipe holds by then is not left in it. */
static void
expect_stop(int fd, bool ends, const struct expected *expected, size_t count,
	    enum wi_lines_result last)
{
	struct wi_lines lines;
	const char *line;
	size_t size;
	int stop[2];

	assert_int_equal(pipe(stop), 0);
	assert_int_equal(write(stop[1], "", 1), 1);
	wi_lines_open(&lines, fd, 8, stop[0]);
	lines.ends_on_stop = ends;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(wi_lines_next(&lines, &line, &size), expected[i].result);
		assert_int_equal(size, expected[i].size);
		assert_memory_equal(line, expected[i].text, size);
	}
	assert_int_equal(wi_lines_next(&lines, &line, &size), last);
	wi_lines_close(&lines);
	close(stop[0]);
	close(stop[1]);
}

static void
test_stop(void **state)
{
	static const struct expected rest[] = {LINE("a"), LINE("bc"), LINE("d")};
	FILE *file = tmpfile();
	int fds[2];

	(void)state;
	assert_non_null(file);
	assert_int_equal(fputs("a\nb", file) >= 0, 1);
	rewind(file);
	expect_stop(fileno(file), false, rest, 0, WI_LINES_INTERRUPTED);
	expect_stop(fileno(file), true, rest, 0, WI_LINES_END);
	fclose(file);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "a\nbc\nd", 6), 6);
	expect_stop(fds[0], false, rest, 0, WI_LINES_INTERRUPTED);
	expect_stop(fds[0], true, rest, 3, WI_LINES_END);
	close(fds[0]);
	close(fds[1]);
}

static void
test_error(void **state)
{
	struct wi_lines lines;
	const char *line;
	size_t size;

	(void)state;
	wi_lines_open(&lines, -1, 8, -1);
	assert_int_equal(wi_lines_next(&lines, &line, &size), WI_LINES_FAILED);
	wi_lines_close(&lines);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),        cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_limit),       cmocka_unit_test(test_far_beyond_the_limit),
		cmocka_unit_test(test_short_reads), cmocka_unit_test(test_stop),
		cmocka_unit_test(test_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
