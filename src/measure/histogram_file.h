/* SPDX-License-Identifier: MIT */
/*
 * histogram_file.h - the two file formats of HdrHistogram's tools.
 *
 * What a stream failed with is seen by ferror().
 */
#ifndef MEASURE_HISTOGRAM_FILE_H
#define MEASURE_HISTOGRAM_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "histogram.h"

/* .hgrm: the percentiles as text, values in microseconds; what hdrhistogram.org's plotter takes. */
void histogram_write_hgrm(const struct histogram *histogram, FILE *stream);

/*
 * .hlog: the head of a log, format 1.3, and one interval with all counts (V2, compressed, base64),
 * in nanoseconds; the column of the maximum is in milliseconds. tag: NULL or a name without comma
 * and white space. Times in seconds, the first since 1970. False: out of memory.
 */
void histogram_write_hlog_head(double start_time, FILE *stream);
bool histogram_write_hlog(const struct histogram *histogram, const char *tag, double start_time,
                          double duration, FILE *stream);

#endif
