/* SPDX-License-Identifier: MIT */
/* histogram_file.c - see histogram_file.h; the formats are those of HdrHistogram's Java version. */
#include "histogram_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <zlib.h>

#define US 1000.0

/* -- .hgrm ------------------------------------------------------------------ */

enum { TICKS = 5 };     /* lines for each halving of the distance to 100 % */

static double
next_level(double level)
{
	double halvings = floor(log2(100 / (100 - level))) + 1;

	return level + 100 / (TICKS * pow(2, halvings));
}

static void
write_line(uint32_t bucket, double level, uint64_t sum, FILE *stream)
{
	fprintf(stream, "%12.3f %2.12f %10" PRIu64, (double)histogram_highest(bucket) / US,
	        level / 100, sum);
	if (level < 100)
		fprintf(stream, " %14.2f", 1 / (1 - level / 100));
	fputc('\n', stream);
}

static void
write_lines(const struct histogram *histogram, FILE *stream)
{
	double level = 0;
	uint64_t sum = 0;

	for (uint32_t i = 0; sum < histogram->total; i++) {
		if (!histogram->counts[i])
			continue;
		sum += histogram->counts[i];
		while (100 * (double)sum / (double)histogram->total >= level) {
			write_line(i, level, sum, stream);
			level = next_level(level);
			if (sum == histogram->total) {
				write_line(i, 100, sum, stream);
				break;
			}
		}
	}
}

void
histogram_write_hgrm(const struct histogram *histogram, FILE *stream)
{
	fputs("       Value     Percentile TotalCount 1/(1-Percentile)\n\n", stream);
	write_lines(histogram, stream);
	fprintf(stream, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
	        histogram_mean(histogram) / US, histogram_deviation(histogram) / US);
	fprintf(stream, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n",
	        (double)histogram->max / US, histogram->total);
	fprintf(stream, "#[Buckets = %12d, SubBuckets     = %12d]\n", HISTOGRAM_DOUBLINGS,
	        2 * HISTOGRAM_HALF);
}

/* -- .hlog ------------------------------------------------------------------ */

enum { COOKIE = 0x1c849303 | 0x10, COOKIE_COMPRESSED = 0x1c849304 | 0x10, HEAD = 40, WORD = 9 };

static uint8_t *
put_32(uint8_t *to, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		*to++ = (uint8_t)(value >> shift);
	return to;
}

static uint8_t *
put_64(uint8_t *to, uint64_t value)
{
	return put_32(put_32(to, (uint32_t)(value >> 32)), (uint32_t)value);
}

/* Zigzag, then 7 bits a byte from the lowest on; a ninth byte has all 8. */
static uint8_t *
put_word(uint8_t *to, int64_t value)
{
	uint64_t bits = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);

	for (int i = 0; bits >= 0x80 && i < WORD - 1; i++, bits >>= 7)
		*to++ = (uint8_t)(bits | 0x80);
	*to++ = (uint8_t)bits;
	return to;
}

/* A count, or how many empty buckets there are, as a negative number. */
static uint8_t *
put_counts(uint8_t *to, const struct histogram *histogram)
{
	uint64_t left = histogram->total;
	int64_t empty = 0;

	for (uint32_t i = 0; left; i++) {
		if (!histogram->counts[i]) {
			empty++;
			continue;
		}
		if (empty)
			to = put_word(to, empty == 1 ? 0 : -empty);
		empty = 0;
		to = put_word(to, (int64_t)histogram->counts[i]);
		left -= histogram->counts[i];
	}
	return to;
}

/* malloc()ed; NULL: out of memory. */
static uint8_t *
encode(const struct histogram *histogram, size_t *ret_size)
{
	uint8_t *bytes = malloc(HEAD + (size_t)HISTOGRAM_BUCKETS * WORD), *end;

	if (!bytes)
		return NULL;
	end = put_counts(bytes + HEAD, histogram);
	*ret_size = (size_t)(end - bytes);
	put_32(bytes, COOKIE);
	put_32(bytes + 4, (uint32_t)(*ret_size - HEAD));
	put_32(bytes + 8, 0);                   /* offset of the counts */
	put_32(bytes + 12, 3);                  /* significant digits */
	put_64(bytes + 16, 1);                  /* lowest and highest value */
	put_64(bytes + 24, HISTOGRAM_MAX);
	put_64(bytes + 32, UINT64_C(0x3ff0000000000000));       /* 1.0: a value is itself */
	return bytes;
}

static uint8_t *
compress_it(const uint8_t *bytes, size_t size, size_t *ret_size)
{
	uLongf packed_size = compressBound(size);
	uint8_t *packed = malloc(8 + packed_size);

	if (packed && compress2(packed + 8, &packed_size, bytes, size, 9) != Z_OK) {
		free(packed);
		packed = NULL;
	}
	if (!packed)
		return NULL;
	put_32(packed, COOKIE_COMPRESSED);
	put_32(packed + 4, (uint32_t)packed_size);
	*ret_size = 8 + packed_size;
	return packed;
}

static void
write_base64(const uint8_t *bytes, size_t size, FILE *stream)
{
	static const char digits[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < size; i += 3) {
		uint32_t left = (uint32_t)(size - i), bits = (uint32_t)bytes[i] << 16;

		bits |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
		bits |= left > 2 ? bytes[i + 2] : 0;
		fputc(digits[bits >> 18], stream);
		fputc(digits[bits >> 12 & 63], stream);
		fputc(left > 1 ? digits[bits >> 6 & 63] : '=', stream);
		fputc(left > 2 ? digits[bits & 63] : '=', stream);
	}
}

void
histogram_write_hlog_head(double start_time, FILE *stream)
{
	fputs("#[Histogram log format version 1.3]\n", stream);
	fprintf(stream, "#[StartTime: %.3f (seconds since epoch)]\n", start_time);
	fputs("\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_"
	      "Histogram\"\n",
	      stream);
}

bool
histogram_write_hlog(const struct histogram *histogram, const char *tag, double start_time,
                     double duration, FILE *stream)
{
	size_t size, packed_size;
	uint8_t *bytes = encode(histogram, &size);
	uint8_t *packed = bytes ? compress_it(bytes, size, &packed_size) : NULL;

	free(bytes);
	if (!packed)
		return false;
	if (tag)
		fprintf(stream, "Tag=%s,", tag);
	fprintf(stream, "%.3f,%.3f,%.3f,", start_time, duration, (double)histogram->max / 1e6);
	write_base64(packed, packed_size, stream);
	fputc('\n', stream);
	free(packed);
	return true;
}
