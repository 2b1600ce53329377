/* SPDX-License-Identifier: MIT */
/*
 * histogram_write.c - the numbers on standard input as a .hgrm file, or with an argument as a .hlog
 * under that tag.
 */
#include "histogram_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));
	uint64_t value;

	if (histogram == NULL)
		return 1;
	while (scanf("%" SCNu64, &value) == 1)
		histogram_record(histogram, value);
	if (argc < 2)
		histogram_write_hgrm(histogram, stdout);
	else {
		histogram_write_hlog_head(1700000000, stdout);
		if (!histogram_write_hlog(histogram, argv[1], 1700000000, 1.5, stdout))
			return 1;
	}
	free(histogram);
	return ferror(stdout) != 0;
}
