/* SPDX-License-Identifier: MIT */
/*
 * test_histogram_file.c - the files for HdrHistogram's tools. What is expected here was written by
 * npm's hdr-histogram-js 3.0.1, which tests/hdr compares with on more values.
 */
#include "histogram_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

static char *
written(const struct histogram *histogram, bool log)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	if (!log)
		histogram_write_hgrm(histogram, stream);
	else
		assert_true(histogram_write_hlog(histogram, NULL, 1, 2, stream));
	fclose(stream);
	return text;
}

static void
test_hgrm(void **state)
{
	static const char expected[] =
		"       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
		"       0.001 0.000000000000          1           1.00\n"
		"       0.001 0.100000000000          1           1.11\n"
		"       0.001 0.200000000000          1           1.25\n"
		"       0.001 0.300000000000          1           1.43\n"
		"       2.047 0.400000000000          2           1.67\n"
		"       2.047 0.500000000000          2           2.00\n"
		"       2.047 0.550000000000          2           2.22\n"
		"       2.047 0.600000000000          2           2.50\n"
		"       2.047 0.650000000000          2           2.86\n"
		"    1000.447 0.700000000000          3           3.33\n"
		"    1000.447 1.000000000000          3\n"
		"#[Mean    =      334.080, StdDeviation   =      471.013]\n"
		"#[Max     =     1000.000, Total count    =            3]\n"
		"#[Buckets =           32, SubBuckets     =         2048]\n";
	struct histogram *histogram = calloc(1, sizeof(*histogram));
	char *text;

	(void)state;
	assert_non_null(histogram);
	histogram_record(histogram, 1);
	histogram_record(histogram, 2047);
	histogram_record(histogram, 1000000);
	text = written(histogram, false);
	assert_string_equal(text, expected);
	free(text);
	free(histogram);
}

static void
test_empty(void **state)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));
	char *text;

	(void)state;
	assert_non_null(histogram);
	text = written(histogram, false);
	assert_non_null(strstr(
		text,
		"1/(1-Percentile)\n\n#[Mean    =        0.000, StdDeviation   =        0.000]\n"));
	free(text);
	free(histogram);
}

/* Up to 256 bytes; how many. */
static size_t
from_base64(const char *text, uint8_t *to)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0, count = 0;
	uint8_t *end = to;

	for (; *text && strchr(digits, *text); text++) {
		bits = bits << 6 | (uint32_t)(strchr(digits, *text) - digits);
		count += 6;
		if (count >= 8)
			*end++ = (uint8_t)(bits >> (count -= 8));
		assert_true(end - to < 256);
	}
	return (size_t)(end - to);
}

/* The offset and the ratio (1.0) are as HdrHistogram's Java version has them. */
static void
test_hlog(void **state)
{
	static const uint8_t expected[] = {
		0x1c, 0x84, 0x93, 0x13, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1,
		0, 0, 0x03, 0x46, 0x30, 0xb8, 0xa0, 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0,
		0, 0xd8, 0x04, 0, 2, 0xb9, 0xae, 0x01, 2};
	struct histogram *histogram = calloc(1, sizeof(*histogram));
	const char head[] = "1.000,2.000,1.000,";
	uint8_t packed[256], bytes[256];
	uLongf size = sizeof(bytes);
	size_t packed_size;
	char *text;

	(void)state;
	assert_non_null(histogram);
	for (int i = 0; i < 300; i++)
		histogram_record(histogram, 1);
	histogram_record(histogram, 3);
	histogram_record(histogram, 1000000);
	text = written(histogram, true);
	assert_memory_equal(text, head, strlen(head));
	assert_int_equal(text[strlen(text) - 1], '\n');
	packed_size = from_base64(text + strlen(head), packed);
	assert_memory_equal(packed, "\x1c\x84\x93\x14\0\0\0", 7);
	assert_int_equal(packed[7], packed_size - 8);
	assert_int_equal(uncompress(bytes, &size, packed + 8, packed_size - 8), Z_OK);
	assert_int_equal(size, sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
	free(text);
	free(histogram);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hgrm),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_hlog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
