/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - times from 1 ns to 1 h, each within a thousandth, in fixed memory.
 *
 * The layout is that of HdrHistogram (Gil Tene, public domain, https://hdrhistogram.org) with three
 * significant digits: 2048 buckets of 1 ns, then for each power of two 1024 more, twice as wide. So
 * its tools read what histogram_file.h writes. One thread writes a histogram; who reads or merges
 * it comes after that thread.
 */
#ifndef MEASURE_HISTOGRAM_H
#define MEASURE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_MAX UINT64_C(3600000000000)

enum {
	HISTOGRAM_SHIFT = 10,                   /* 1024 buckets for each power of two */
	HISTOGRAM_HALF = 1 << HISTOGRAM_SHIFT,
	HISTOGRAM_DOUBLINGS = 32,               /* 2048 << 31 is beyond HISTOGRAM_MAX */
	HISTOGRAM_BUCKETS = (HISTOGRAM_DOUBLINGS + 1) * HISTOGRAM_HALF,
};

/* 264 KiB, all zero at first (calloc); only what is used is ever touched. */
struct histogram {
	uint64_t total;
	uint64_t max;           /* exact, also of those beyond HISTOGRAM_MAX, */
	uint64_t beyond;        /*   which are counted in the last bucket */
	uint64_t counts[HISTOGRAM_BUCKETS];
};

static inline uint32_t
histogram_bucket(uint64_t value)
{
	uint32_t doublings =
	        63 - (uint32_t)__builtin_clzll(value | (2 * HISTOGRAM_HALF - 1)) - HISTOGRAM_SHIFT;

	return (doublings << HISTOGRAM_SHIFT) + (uint32_t)(value >> doublings);
}

static inline void
histogram_record(struct histogram *histogram, uint64_t value)
{
	uint64_t kept = value < HISTOGRAM_MAX ? value : HISTOGRAM_MAX;

	histogram->counts[histogram_bucket(kept)]++;
	histogram->total++;
	histogram->beyond += kept != value;
	histogram->max = histogram->max > value ? histogram->max : value;
}

/* The least and the greatest value that the bucket stands for. */
uint64_t histogram_lowest(uint32_t bucket);
uint64_t histogram_highest(uint32_t bucket);

void histogram_merge(struct histogram *to, const struct histogram *from);

/*
 * The value that `percent` percent of all are at most, up to the width of a bucket: the greatest of
 * its bucket, but never more than max. 0 of an empty one.
 */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

/* Of the buckets' middles, as HdrHistogram has them; 0 of an empty one. */
double histogram_mean(const struct histogram *histogram);
double histogram_deviation(const struct histogram *histogram);

#endif
