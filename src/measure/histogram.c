/* SPDX-License-Identifier: MIT */
/* histogram.c - see histogram.h. */
#include "histogram.h"

#include <math.h>

static uint32_t
doublings_of(uint32_t bucket)
{
	return bucket < 2 * HISTOGRAM_HALF ? 0 : (bucket >> HISTOGRAM_SHIFT) - 1;
}

uint64_t
histogram_lowest(uint32_t bucket)
{
	uint32_t doublings = doublings_of(bucket);

	return (uint64_t)(bucket - (doublings << HISTOGRAM_SHIFT)) << doublings;
}

uint64_t
histogram_highest(uint32_t bucket)
{
	return histogram_lowest(bucket) + ((UINT64_C(1) << doublings_of(bucket)) - 1);
}

static double
middle(uint32_t bucket)
{
	return (double)(histogram_lowest(bucket) + (UINT64_C(1) << doublings_of(bucket)) / 2);
}

void
histogram_merge(struct histogram *to, const struct histogram *from)
{
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (from->counts[i])
			to->counts[i] += from->counts[i];
	to->total += from->total;
	to->beyond += from->beyond;
	to->max = to->max > from->max ? to->max : from->max;
}

uint64_t
histogram_percentile(const struct histogram *histogram, double percent)
{
	double exact = percent / 100 * (double)histogram->total;
	/* 99.9 % of 1000 is a little more than 999 in floating point, and not the 1000th. */
	double wanted = ceil(exact - exact * 0x1p-51);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		sum += histogram->counts[i];
		if (sum && (double)sum >= wanted)
			return histogram_highest(i) < histogram->max ? histogram_highest(i)
			                                             : histogram->max;
	}
	return 0;
}

double
histogram_mean(const struct histogram *histogram)
{
	double sum = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		sum += middle(i) * (double)histogram->counts[i];
	return histogram->total ? sum / (double)histogram->total : 0;
}

double
histogram_deviation(const struct histogram *histogram)
{
	double mean = histogram_mean(histogram), sum = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (histogram->counts[i])
			sum += (middle(i) - mean) * (middle(i) - mean) *
			       (double)histogram->counts[i];
	return histogram->total ? sqrt(sum / (double)histogram->total) : 0;
}
