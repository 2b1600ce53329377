/* SPDX-License-Identifier: MIT */
/* json_line.c - see json_line.h. */
#include "json_line.h"

bool
wi_json_line(json_t *object, FILE *stream)
{
	/* Nine digits: more than is measured, and no 0.30000000000000004. */
	bool written = object != NULL &&
		       json_dumpf(object, stream, JSON_COMPACT | JSON_REAL_PRECISION(9)) == 0 &&
		       fputc('\n', stream) != EOF;

	json_decref(object);
	return written;
}
